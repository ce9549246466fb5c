/*
 * The medium behind a block device: a raw image file or a block device.
 *
 * Opened and measured as root before rights are dropped; afterwards only its
 * descriptors are used.
 */
#ifndef PAVANE_BACKENDS_BLK_DISK_H
#define PAVANE_BACKENDS_BLK_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct disk {
	int fd;			      /* through the page cache */
	int direct_fd;		      /* around it, or -1 */
	uint64_t sectors;	      /* of 512 bytes */
	uint32_t logical, physical;   /* bytes; I/O must be aligned to logical */
	uint32_t discard_granularity; /* bytes; 0: no discard */
	int discard_mode;	      /* of fallocate() */
	bool readonly;
	bool in_memory; /* on a memory file system: no point in asynchronous I/O */
};

/*
 * Open `path` and lock it: alone for writing, shared for reading.  0, or -1 with
 * a sentence in *err.
 */
int disk_open(struct disk *d, const char *path, bool readonly, char **err);

#endif
