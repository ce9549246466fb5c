/* The backend state machine: stories first, then every state with every event. */
#include <criterion/criterion.h>

#include "backends/common/bus.h"

#define FRONT_STATES 9 /* Unknown .. Reconfigured */

/* What the driver would have: are the rings mapped? */
struct world {
	struct bus bus;
	bool attached, over, in_flight;
	int published;
};

static void play(struct world *w, enum bus_event event, enum xenbus_state front)
{
	unsigned int todo = bus_step(&w->bus, event, front);

	cr_assert(!w->over || !todo, "nothing happens after exit");
	if (todo & BUS_DO_DETACH) {
		cr_assert(w->attached, "detach of what is not attached");
		cr_assert(!w->in_flight, "detach with I/O in flight");
		w->attached = false;
	}
	if (todo & BUS_DO_PUBLISH) {
		cr_assert(!w->bus.vanished, "a vanished directory is not written");
		w->published = (int)bus_published(&w->bus);
	}
	if (todo & BUS_DO_CONNECT) {
		cr_assert(!w->attached, "connected twice");
		cr_assert(w->bus.front == XenbusStateInitialised ||
			  w->bus.front == XenbusStateConnected);
		cr_assert(w->bus.online);
		w->attached = true;
		play(w, BUS_CONNECTED, front);
	}
	if (todo & BUS_DO_DRAIN && !w->in_flight) {
		play(w, BUS_DRAINED, front);
	}
	if (todo & BUS_DO_EXIT) {
		cr_assert(!w->attached, "exit with rings mapped");
		w->over = true;
	}
}

static struct world born(enum xenbus_state front)
{
	struct world w = { .bus = bus_init(front, true), .published = -1 };

	play(&w, BUS_START, front);
	return w;
}

static struct world up(void)
{
	struct world w = born(XenbusStateInitialising);

	play(&w, BUS_FRONT, XenbusStateInitialised);
	play(&w, BUS_FRONT, XenbusStateConnected);
	return w;
}

Test(bus, stock_frontend_connects)
{
	struct world w = born(XenbusStateInitialising);

	cr_assert_eq(w.published, XenbusStateInitWait);
	cr_assert(!w.attached);
	play(&w, BUS_FRONT, XenbusStateInitialised);
	cr_assert_eq(w.published, XenbusStateConnected);
	cr_assert(w.attached);
	play(&w, BUS_FRONT, XenbusStateConnected);
	cr_assert(w.attached);
}

Test(bus, waits_for_a_frontend_that_does_not_exist_yet)
{
	struct world w = born(XenbusStateUnknown);

	cr_assert_eq(w.published, XenbusStateInitWait);
	play(&w, BUS_FRONT, XenbusStateInitialising);
	play(&w, BUS_FRONT, XenbusStateConnected);
	cr_assert(w.attached);
}

Test(bus, process_started_after_a_kill_attaches_without_a_word)
{
	struct world w = born(XenbusStateConnected);

	cr_assert(w.attached);
	cr_assert_eq(w.published, XenbusStateConnected);
}

Test(bus, frontend_closes_and_comes_back)
{
	struct world w = up();

	play(&w, BUS_FRONT, XenbusStateClosing);
	cr_assert(!w.attached);
	cr_assert_eq(w.published, XenbusStateClosing);
	play(&w, BUS_FRONT, XenbusStateClosed);
	cr_assert_eq(w.published, XenbusStateClosed);
	cr_assert(!w.over, "online: stay");
	play(&w, BUS_FRONT, XenbusStateInitialising);
	cr_assert_eq(w.published, XenbusStateInitWait);
	play(&w, BUS_FRONT, XenbusStateInitialised);
	cr_assert(w.attached);
}

Test(bus, frontend_that_restarts_without_closing_is_served_again)
{
	struct world w = up();

	play(&w, BUS_FRONT, XenbusStateInitialising);
	cr_assert(!w.attached);
	cr_assert_eq(w.published, XenbusStateInitWait);
	play(&w, BUS_FRONT, XenbusStateInitialised);
	cr_assert(w.attached);
}

Test(bus, detach_closes_and_exits_once_the_frontend_has_closed)
{
	struct world w = up();

	play(&w, BUS_OFFLINE, w.bus.front);
	cr_assert(!w.attached);
	cr_assert_eq(w.published, XenbusStateClosing);
	cr_assert(!w.over);
	play(&w, BUS_FRONT, XenbusStateClosing);
	cr_assert(!w.over);
	play(&w, BUS_FRONT, XenbusStateClosed);
	cr_assert(w.over);
	cr_assert_eq(w.published, XenbusStateClosed);
}

Test(bus, rings_stay_mapped_while_requests_are_in_flight)
{
	struct world w = up();

	w.in_flight = true;
	play(&w, BUS_FRONT, XenbusStateClosing);
	cr_assert(w.attached);
	play(&w, BUS_VANISHED, XenbusStateClosing);
	cr_assert(w.attached && !w.over);
	w.in_flight = false;
	play(&w, BUS_DRAINED, XenbusStateClosing);
	cr_assert(!w.attached && w.over);
}

Test(bus, broken_ring_closes_and_waits_for_the_frontend_to_start_over)
{
	struct world w = up();

	play(&w, BUS_BROKE, w.bus.front);
	cr_assert(!w.attached);
	cr_assert_eq(w.published, XenbusStateClosing);
	play(&w, BUS_FRONT, XenbusStateInitialised);
	cr_assert(!w.attached, "no second chance before it has closed");
	play(&w, BUS_FRONT, XenbusStateClosed);
	play(&w, BUS_FRONT, XenbusStateInitialising);
	play(&w, BUS_FRONT, XenbusStateInitialised);
	cr_assert(w.attached);
}

Test(bus, refused_connection_closes)
{
	struct bus b = bus_init(XenbusStateInitialised, true);

	cr_assert(bus_step(&b, BUS_START, XenbusStateInitialised) & BUS_DO_CONNECT);
	cr_assert(bus_step(&b, BUS_REFUSED, XenbusStateInitialised) & BUS_DO_PUBLISH);
	cr_assert_eq(bus_published(&b), XenbusStateClosing);
	cr_assert_eq(b.phase, BUS_CLOSING);
}

Test(bus, vanished_directory_ends_it_from_anywhere)
{
	for (int front = 0; front < FRONT_STATES; front++) {
		struct world w = born((enum xenbus_state)front);

		play(&w, BUS_VANISHED, (enum xenbus_state)front);
		cr_assert(w.over, "frontend %d", front);
	}
}

static void check_pair(enum bus_phase phase, int front, bool online, int event, int next)
{
	struct world w = {
		.bus = { .phase = phase, .front = (enum xenbus_state)front, .online = online },
		.attached = phase == BUS_UP || phase == BUS_DRAIN,
		.in_flight = phase == BUS_DRAIN,
		.over = phase == BUS_OVER
	};

	if (event == BUS_CONNECTED || event == BUS_REFUSED ||
	    (event == BUS_START && phase != BUS_BORN)) {
		return; /* only ever an answer to an action, which play() gives */
	}
	if (event == BUS_DRAINED) {
		w.in_flight = false;
	}
	play(&w, (enum bus_event)event, (enum xenbus_state)next);
	cr_assert_eq(w.attached, w.bus.phase == BUS_UP || w.bus.phase == BUS_DRAIN,
		     "phase %d front %d event %d next %d", (int)phase, front, event, next);
	cr_assert_eq(w.over, w.bus.phase == BUS_OVER);
}

/* The assertions of play() hold for every phase, event and frontend state. */
Test(bus, every_state_with_every_event)
{
	for (int phase = BUS_BORN; phase <= BUS_OVER; phase++) {
		for (int front = 0; front < FRONT_STATES; front++) {
			for (int event = 0; event < BUS_EVENT_COUNT; event++) {
				for (int next = 0; next < FRONT_STATES; next++) {
					check_pair((enum bus_phase)phase, front, true, event, next);
					check_pair((enum bus_phase)phase, front, false, event,
						   next);
				}
			}
		}
	}
}

/* Whatever came before: once offline, a frontend that closes lets the process end. */
Test(bus, random_histories_end)
{
	unsigned int seed = 7;

	for (int run = 0; run < 20000; run++) {
		struct world w = born((enum xenbus_state)(rand_r(&seed) % FRONT_STATES));

		for (int step = 0; step < 12 && !w.over; step++) {
			static const enum bus_event events[] = { BUS_FRONT, BUS_FRONT, BUS_FRONT,
								 BUS_BROKE, BUS_DRAINED };
			enum bus_event e = events[rand_r(&seed) % 5];

			if (e == BUS_DRAINED) {
				w.in_flight = !w.in_flight;
				if (w.in_flight || w.bus.phase != BUS_DRAIN) {
					continue;
				}
			}
			play(&w, e, (enum xenbus_state)(rand_r(&seed) % FRONT_STATES));
		}
		w.in_flight = false;
		if (w.bus.phase == BUS_DRAIN) {
			play(&w, BUS_DRAINED, w.bus.front);
		}
		play(&w, BUS_OFFLINE, w.bus.front);
		play(&w, BUS_FRONT, XenbusStateClosing);
		play(&w, BUS_FRONT, XenbusStateClosed);
		cr_assert(w.over, "run %d: phase %d", run, (int)w.bus.phase);
	}
}
