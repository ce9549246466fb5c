/*
 * A backend device in the store: paths, features, states, watches.
 *
 * The half of the split-driver handshake that block and network share.  It owns
 * the state machine (bus.h), tells it what the store says, and calls the driver
 * to carry out what concerns rings.
 */
#ifndef PAVANE_BACKENDS_DEVICE_H
#define PAVANE_BACKENDS_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/common/bus.h"
#include "xenstore-like/client/client.h"

struct device_ops {
	/*
	 * Read the frontend's nodes, map its rings, bind its event channel, begin.
	 * `resumed`: our state node said Connected before we were born, so a process
	 * before us may have served this very connection.  0 or -errno, with the
	 * reason logged and nothing left mapped.
	 */
	int (*connect)(void *driver, bool resumed);
	/* Take no more requests.  True if nothing is in flight; else call device_drained() later. */
	bool (*drain)(void *driver);
	/* Unmap and unbind everything. */
	void (*detach)(void *driver);
};

struct device {
	struct store *store;
	char front[64], back[64]; /* directories, no final slash */
	struct bus bus;
	bool over; /* the process may end */
	bool lost; /* the store went away: end, and be started again */
	bool resumed;
	const struct device_ops *ops;
	void *driver;
};

/* Open the store and set the paths of device `id` of class "vbd" or "vif".  0 or -errno. */
int device_open(struct device *d, const char *class, unsigned int domid, const char *id,
		const struct device_ops *ops, void *driver);

/* Publish one node of ours.  Errors are noted as `lost`; call between open and start. */
void device_feature(struct device *d, const char *name, uint64_t value);

/*
 * Set the watches (this starts the store library's reader thread), and give up all rights in the
 * store but what serving takes: reading both directories and changing values in ours.  0 or -errno.
 */
int device_watch(struct device *d);

/* Take the first step. */
void device_start(struct device *d);

/* Readable when device_on_store() has something to do. */
int device_fd(const struct device *d);
void device_on_store(struct device *d);

/* The driver finds the ring unusable; say why once before. */
void device_broken(struct device *d);
void device_drained(struct device *d);

/* The toolstack's SIGTERM: close as if `online` had become 0. */
void device_stop(struct device *d);

/* A number among the frontend's nodes; 0, or -ENOENT, -EINVAL (not a number), -ERANGE (above max). */
int device_front_number(const struct device *d, const char *name, uint64_t max, uint64_t *value);

#endif
