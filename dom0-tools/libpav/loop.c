/* The poll loop.  Watches that are removed while events are handed out are freed after the round. */
#include "dom0-tools/libpav/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dom0-tools/libpav/die.h"

struct loop_watch {
	int fd;
	short events;
	bool dead;
	loop_fn *fn;
	void *arg;
	struct loop_watch *next;
};

struct loop_timer {
	int64_t due; /* ms, monotonic */
	loop_timer_fn *fn;
	void *arg;
	struct loop_timer *next;
};

static struct loop_watch *watches;
static struct loop_timer *timers; /* by due time */
static bool stopping;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct loop_watch *loop_add(int fd, short events, loop_fn *fn, void *arg)
{
	struct loop_watch *w = xcalloc(1, sizeof(*w));

	*w = (struct loop_watch){
		.fd = fd, .events = events, .fn = fn, .arg = arg, .next = watches
	};
	watches = w;
	return w;
}

void loop_set_events(struct loop_watch *w, short events)
{
	w->events = events;
}

void loop_remove(struct loop_watch *w)
{
	if (w) {
		w->dead = true;
	}
}

struct loop_timer *loop_after(unsigned int ms, loop_timer_fn *fn, void *arg)
{
	struct loop_timer *t = xcalloc(1, sizeof(*t)), **at = &timers;

	*t = (struct loop_timer){ .due = now_ms() + ms, .fn = fn, .arg = arg };
	while (*at && (*at)->due <= t->due) {
		at = &(*at)->next;
	}
	t->next = *at;
	*at = t;
	return t;
}

void loop_cancel(struct loop_timer *t)
{
	struct loop_timer **at = &timers;

	while (t && *at && *at != t) {
		at = &(*at)->next;
	}
	if (t && *at) {
		*at = t->next;
		free(t);
	}
}

static void run_timers(void)
{
	while (timers && timers->due <= now_ms()) {
		struct loop_timer *t = timers;

		timers = t->next;
		t->fn(t->arg);
		free(t);
	}
}

static void sweep(void)
{
	struct loop_watch **at = &watches;

	while (*at) {
		struct loop_watch *w = *at;

		if (w->dead) {
			*at = w->next;
			free(w);
		} else {
			at = &w->next;
		}
	}
}

static int next_timeout(void)
{
	int64_t ms;

	if (!timers) {
		return -1;
	}
	ms = timers->due - now_ms();
	return ms < 0 ? 0 : ms > 3600000 ? 3600000 : (int)ms;
}

/* One round: wait, then hand each event to its watch. */
static void run_once(void)
{
	struct loop_watch *w;
	struct pollfd *fds;
	size_t n = 0, i = 0;

	sweep();
	for (w = watches; w; w = w->next) {
		n++;
	}
	fds = xcalloc(n, sizeof(*fds));
	for (w = watches; w; w = w->next) {
		fds[i++] = (struct pollfd){ .fd = w->fd, .events = w->events };
	}
	if (poll(fds, n, next_timeout()) < 0 && errno != EINTR) {
		die("poll: %s", strerror(errno));
	}
	/* New watches go to the front of the list, before `w`, and none is freed before the next sweep. */
	for (w = watches, i = 0; w && i < n; w = w->next, i++) {
		if (fds[i].revents && !w->dead) {
			w->fn(w->arg, fds[i].revents);
		}
	}
	free(fds);
}

void loop_run(void)
{
	stopping = false;
	while (!stopping) {
		run_once();
		run_timers();
	}
	sweep();
}

void loop_stop(void)
{
	stopping = true;
}
