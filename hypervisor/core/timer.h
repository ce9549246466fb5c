/*
 * Timers: one heap per CPU; the handler runs on that CPU, from SOFTIRQ_TIMER, never early.
 *
 * A timer is embedded in what it belongs to and holds the heap's links itself, so arming one never
 * allocates and cannot fail.  Everything may be called from any CPU, with any lock held that stands
 * above LOCK_TIMER; handlers are called with no lock held.
 */
#ifndef PAVANE_CORE_TIMER_H
#define PAVANE_CORE_TIMER_H

#include "lib/types.h"

struct timer {
	void (*handler)(void *arg);
	void *arg;
	/* under the lock of the heap of 'cpu': */
	ns_t expires;
	unsigned int cpu;
	uint32_t changes; /* counts arming and stopping, for timer_migrate() */
	bool armed;
	bool killed;
	uint8_t rank; /* leftist heap: distance to the nearest missing child */
	struct timer *left, *right, *parent;
};

void timer_init(struct timer *t, void (*handler)(void *), void *arg, unsigned int cpu);
void timer_set(struct timer *t, ns_t expires); /* arms, or moves, to an absolute system time */
void timer_stop(struct timer *t);	       /* its handler may still be running elsewhere */
void timer_migrate(struct timer *t, unsigned int cpu);
void timer_kill(
	struct timer
		*t); /* stopped for good, and its handler is not running (but may be the caller) */
void timers_init(void); /* all CPUs' heaps, softirq handler */

#endif
