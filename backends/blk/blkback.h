/*
 * The block backend proper: one ring, its requests in flight, one disk.
 *
 * A single thread around one io_uring: the submission that starts disk I/O is
 * also the wait for the next event or completion.  One ring is served per
 * device; with one thread, more rings would only move the same work about, so
 * multi-queue is not offered.
 */
#ifndef PAVANE_BACKENDS_BLK_BLKBACK_H
#define PAVANE_BACKENDS_BLK_BLKBACK_H

#include <stdint.h>

#include "backends/blk/disk.h"

struct blkback;

struct blkback_config {
	unsigned int domid;
	const char *id; /* name of the device's directories in the store */
	struct disk disk;
	int journal_fd; /* -1: none */
	uint32_t uid;
};

/*
 * Open what is needed, give up rights, serve until the device is over.
 * Returns the exit status; setup failures end the program with a message.
 */
int blkback_run(const struct blkback_config *config);

#endif
