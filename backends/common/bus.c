/*
 * Transitions of a backend device; bus.h draws the phases.
 *
 * The rule behind all of them: rings stay mapped from CONNECT until nothing is
 * in flight, and once they are gone the next phase follows from what the
 * frontend and the toolstack want by then, whatever happened on the way
 * (settle()).  A guest that crashes and starts a new kernel therefore needs no
 * path of its own.
 */
#include "backends/common/bus.h"

static bool front_is_ready(const struct bus *b)
{
	return b->front == XenbusStateInitialised || b->front == XenbusStateConnected;
}

static bool front_is_starting(const struct bus *b)
{
	return b->front == XenbusStateInitialising || b->front == XenbusStateInitWait;
}

static bool front_is_closed(const struct bus *b)
{
	return b->front == XenbusStateClosed || b->front == XenbusStateUnknown;
}

struct bus bus_init(enum xenbus_state front, bool online)
{
	return (struct bus){ .phase = BUS_BORN, .front = front, .online = online };
}

enum xenbus_state bus_published(const struct bus *b)
{
	static const enum xenbus_state shown[] = {
		[BUS_BORN] = XenbusStateInitialising, [BUS_WAIT] = XenbusStateInitWait,
		[BUS_UP] = XenbusStateConnected,      [BUS_DRAIN] = XenbusStateClosing,
		[BUS_CLOSING] = XenbusStateClosing,   [BUS_CLOSED] = XenbusStateClosed,
		[BUS_OVER] = XenbusStateClosed,
	};

	return shown[b->phase];
}

static unsigned int enter(struct bus *b, enum bus_phase phase)
{
	b->phase = phase;
	return BUS_DO_PUBLISH;
}

static unsigned int leave(struct bus *b)
{
	b->phase = BUS_OVER;
	/* With the directory gone, writing our state would bring it back. */
	return BUS_DO_EXIT | (b->vanished ? 0 : BUS_DO_PUBLISH);
}

/* No rings are mapped: go where frontend and toolstack point. */
static unsigned int settle(struct bus *b)
{
	if (b->vanished) {
		return leave(b);
	}
	if (front_is_closed(b) || front_is_starting(b)) {
		b->broken = false;
	}
	if (!b->online) {
		/* A frontend that has not set up anything need not be waited for. */
		return front_is_closed(b) || front_is_starting(b) ? leave(b)
								  : enter(b, BUS_CLOSING);
	}
	if (front_is_starting(b)) {
		return enter(b, BUS_WAIT);
	}
	if (front_is_closed(b)) {
		return enter(b, BUS_CLOSED);
	}
	if (front_is_ready(b) && !b->broken) {
		return BUS_DO_CONNECT;
	}
	return enter(b, BUS_CLOSING);
}

static unsigned int drain(struct bus *b)
{
	return enter(b, BUS_DRAIN) | BUS_DO_DRAIN;
}

static unsigned int step_born(struct bus *b)
{
	/*
	 * A closed or missing frontend may not have been created yet; being ready
	 * for it costs nothing.  One that is ready already is either early or was
	 * served by a process before us: connect, it need not notice.
	 */
	if (b->online && !b->vanished && front_is_closed(b)) {
		return enter(b, BUS_WAIT);
	}
	return settle(b);
}

static unsigned int step_detached(struct bus *b, enum bus_event event)
{
	switch (event) {
	case BUS_CONNECTED:
		return enter(b, BUS_UP);
	case BUS_REFUSED:
		b->broken = true;
		return settle(b);
	case BUS_FRONT:
		/* Waiting for a frontend that is not there yet, we go on waiting. */
		if (b->phase == BUS_WAIT && b->front == XenbusStateUnknown && b->online) {
			return 0;
		}
		return settle(b);
	case BUS_OFFLINE:
	case BUS_VANISHED:
		return settle(b);
	default:
		return 0;
	}
}

static unsigned int step_up(struct bus *b, enum bus_event event)
{
	switch (event) {
	case BUS_FRONT:
		return front_is_ready(b) ? 0 : drain(b);
	case BUS_BROKE:
	case BUS_OFFLINE:
		b->broken = true;
		return drain(b);
	case BUS_VANISHED:
		b->phase = BUS_DRAIN;
		return BUS_DO_DRAIN;
	default:
		return 0;
	}
}

unsigned int bus_step(struct bus *b, enum bus_event event, enum xenbus_state front)
{
	enum xenbus_state old_front = b->front;

	if (event == BUS_FRONT) {
		b->front = front;
		if (front == old_front) {
			return 0;
		}
	} else if (event == BUS_OFFLINE) {
		b->online = false;
	} else if (event == BUS_VANISHED) {
		b->vanished = true;
	}

	switch (b->phase) {
	case BUS_BORN:
		return event == BUS_START ? step_born(b) : step_detached(b, event);
	case BUS_UP:
		return step_up(b, event);
	case BUS_DRAIN:
		if (event != BUS_DRAINED) {
			return 0;
		}
		b->phase = BUS_CLOSING; /* the rings are gone, even if new ones follow at once */
		return BUS_DO_DETACH | settle(b);
	case BUS_OVER:
		return 0;
	default:
		return step_detached(b, event);
	}
}
