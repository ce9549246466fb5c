/*
 * A frontend device in the store: finding it and its backend, and the states of <xen/io/xenbus.h>
 * that the two show one another.  Block and network have this part in common.
 *
 * Life of a device: bus_open(); the driver grants its rings and publishes them with
 * bus_write() and bus_connect(); I/O; bus_close(), after which nothing of ours is in use over there.
 */
#ifndef PAVANE_DRV_BUS_H
#define PAVANE_DRV_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/io/xenbus.h>

#include "frontends/drv/store.h"

struct bus_device {
	char front[64], back[STORE_PATH_MAX - 64]; /* directories, no final slash */
	domid_t backend;
	evtchn_port_t port;
};

/* The index-th device, as the store lists them, of class "vbd" or "vif", its backend ready to be connected to: 0 or -XEN_Exxx. */
int bus_open(struct bus_device *d, const char *class, unsigned int index);

/* A number among the backend's nodes; `otherwise` if it is missing, no number, or above max. */
uint64_t bus_backend_number(const struct bus_device *d, const char *name, uint64_t max,
			    uint64_t otherwise);

/* A number among our own nodes, as store_read_number(). */
int bus_front_number(const struct bus_device *d, const char *name, uint64_t max, uint64_t *value);

/* Sets one node of ours. */
int bus_write(const struct bus_device *d, const char *name, uint64_t value);

/* An event channel to the backend; its handler does nothing but wake. */
int bus_bind(struct bus_device *d);
void bus_notify(const struct bus_device *d);

/* We are Initialised; waits for the backend to be Connected and says that we are. */
int bus_connect(struct bus_device *d);

/* Closing, Closed, when the backend is.  False if it would not: what we lent it must stay lent. */
bool bus_close(struct bus_device *d);

#endif
