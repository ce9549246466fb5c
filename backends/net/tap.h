/*
 * The control domain's end of a guest's interface: a TAP device on a bridge.
 *
 * Made as root; afterwards only the descriptor is used, and the interface
 * vanishes with it.
 */
#ifndef PAVANE_BACKENDS_NET_TAP_H
#define PAVANE_BACKENDS_NET_TAP_H

#include <stdbool.h>

/*
 * Make interface `name`, put it on `bridge`, bring it up without carrier.  A
 * nonblocking descriptor that carries packets behind a struct virtio_net_hdr of
 * ten bytes, or -1 with a sentence in *err.
 */
int tap_open(const char *name, const char *bridge, char **err);

/* Which offloads the guest can take. */
void tap_set_offloads(int fd, bool csum, bool tso4, bool tso6);

/* Cable in or out. */
void tap_set_carrier(int fd, bool on);

#endif
