/*
 * A poll loop: descriptors with callbacks, and one-shot timers.  One loop per
 * process.  Any callback may add or remove any watch, its own too.
 */
#ifndef PAVANE_LIBPAV_LOOP_H
#define PAVANE_LIBPAV_LOOP_H

#include <stdbool.h>

struct loop_watch;
struct loop_timer;

/* revents as poll(2) reports them. */
typedef void loop_fn(void *arg, short revents);
typedef void loop_timer_fn(void *arg);

/* Calls fn(arg, revents) whenever poll reports one of events (or an error) for fd. */
struct loop_watch *loop_add(int fd, short events, loop_fn *fn, void *arg);
void loop_set_events(struct loop_watch *w, short events);
/* NULL is fine.  The descriptor stays open. */
void loop_remove(struct loop_watch *w);

/* Calls fn(arg) once, ms milliseconds from now; the timer is gone when fn is called. */
struct loop_timer *loop_after(unsigned int ms, loop_timer_fn *fn, void *arg);
/* NULL is fine. */
void loop_cancel(struct loop_timer *t);

/* Runs until loop_stop(). */
void loop_run(void);
void loop_stop(void);

#endif
