/*
 * The network backend proper: one transmit and one receive ring, one TAP.
 *
 * A single thread.  Packets are gathered in an arena, copied between it and the
 * guest's pages with one grant copy for many, and cross the TAP with their
 * checksums and segmentation left to whoever comes last.
 */
#ifndef PAVANE_BACKENDS_NET_NETBACK_H
#define PAVANE_BACKENDS_NET_NETBACK_H

#include <stdint.h>

struct netback_config {
	unsigned int domid;
	const char *id; /* name of the device's directories in the store */
	int tap_fd;
	int journal_fd; /* -1: none */
	uint32_t uid;
};

/*
 * Open what is needed, give up rights, serve until the device is over.
 * Returns the exit status; setup failures end the program with a message.
 */
int netback_run(const struct netback_config *config);

#endif
