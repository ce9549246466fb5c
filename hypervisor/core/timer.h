/* Timers: one heap per CPU; the handler runs on that CPU, from SOFTIRQ_TIMER, never early. */
#ifndef PAVANE_CORE_TIMER_H
#define PAVANE_CORE_TIMER_H

#include "lib/types.h"

struct timer {
	void (*handler)(void *arg);
	void *arg;
	ns_t expires;
	unsigned int cpu;
	unsigned int heap_index;	/* 0: not in a heap */
	bool killed;
};

void timer_init(struct timer *t, void (*handler)(void *), void *arg, unsigned int cpu);
void timer_set(struct timer *t, ns_t expires);
void timer_stop(struct timer *t);
void timer_migrate(struct timer *t, unsigned int cpu);
void timer_kill(struct timer *t);	/* stopped for good, and its handler is not running */
void timers_init(void);			/* all CPUs' heaps, softirq handler */

#endif
