/*
 * The device state machine of a backend, as a pure function.
 *
 * Two nodes in the store, one per side, hold the states of <xen/io/xenbus.h>;
 * each side writes its own and watches the other's.  What we do about a change
 * depends only on where we are and what happened, so it is a function from
 * (state, event) to (state, actions) that opens nothing; device.c feeds it and
 * carries the actions out.
 *
 *   WAIT     features are published, the frontend has not set its rings up
 *   UP       rings mapped, I/O flows
 *   DRAIN    rings mapped, no request is taken, those in flight finish
 *   CLOSING  rings gone, the frontend has not said Closed
 *   CLOSED   both sides closed; a frontend that starts again is welcome while online
 *   OVER     the process may end
 */
#ifndef PAVANE_BACKENDS_BUS_H
#define PAVANE_BACKENDS_BUS_H

#include <stdbool.h>

#include <xen/io/xenbus.h>

enum bus_phase { BUS_BORN, BUS_WAIT, BUS_UP, BUS_DRAIN, BUS_CLOSING, BUS_CLOSED, BUS_OVER };

struct bus {
	enum bus_phase phase;
	enum xenbus_state front; /* last seen; Unknown when its node is missing */
	bool online;		 /* the toolstack wants the device to stay */
	bool vanished;		 /* our directory is gone from the store */
	bool broken;		 /* the frontend misbehaved; it must close before we talk again */
};

enum bus_event {
	BUS_START,     /* the process begins; front and online as given to bus_init() */
	BUS_FRONT,     /* the frontend's state is now `front` */
	BUS_CONNECTED, /* the CONNECT action succeeded */
	BUS_REFUSED,   /* the CONNECT action failed */
	BUS_BROKE,     /* the ring holds nonsense */
	BUS_DRAINED,   /* nothing is in flight any more */
	BUS_OFFLINE,   /* `online` became 0, or somebody else wrote Closing into our state */
	BUS_VANISHED,  /* our directory is gone */
	BUS_EVENT_COUNT
};

/* What the caller must do, in this order. */
enum {
	BUS_DO_DETACH = 1,  /* unmap the rings, unbind the event channel */
	BUS_DO_PUBLISH = 2, /* write bus_published() into our state node */
	BUS_DO_CONNECT =
		4, /* read the frontend's nodes, map, bind; then BUS_CONNECTED or BUS_REFUSED */
	BUS_DO_DRAIN = 8, /* take no more requests; BUS_DRAINED when none is in flight */
	BUS_DO_EXIT = 16,
};

/* A machine before BUS_START. */
struct bus bus_init(enum xenbus_state front, bool online);

/* One step: *b moves on, the actions come back.  `front` counts for BUS_FRONT only. */
unsigned int bus_step(struct bus *b, enum bus_event event, enum xenbus_state front);

/* The state our node shows in this phase. */
enum xenbus_state bus_published(const struct bus *b);

#endif
