/* A domain's watchdogs: timers of its own that shut it down unless it pokes them in time (SCHEDOP_watchdog). */
#ifndef PAVANE_CORE_WATCHDOG_H
#define PAVANE_CORE_WATCHDOG_H

#include <stdint.h>

#include "core/timer.h"

#define WATCHDOGS 2u

struct domain;

struct watchdog {
	struct domain *domain;
	struct timer timer;
	/* under the domain's lock: */
	bool set;
	ns_t time, due;
};

void watchdogs_init(struct domain *d);
/* They never bite again.  No lock may be held. */
void watchdogs_kill(struct domain *d);
/*
 * For the current domain, as the ABI's struct sched_watchdog has it: id 0 sets one up, and its number is returned; with
 * another id that one is poked or, with no seconds, taken down: 0.  -EINVAL: no such one; -ENOSPC: no more.
 */
long watchdog_op(uint32_t id, uint32_t seconds);

#endif
