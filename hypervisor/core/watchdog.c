/*
 * See watchdog.h.  One without a time bites at once.  A domain that is paused can't poke: it has all of its time again from when it was found so.
 */
#include "core/watchdog.h"

#include <xen/errno.h>
#include <xen/sched.h>

#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/domain.h"
#include "core/vcpu.h"

#define SECOND ((ns_t)1000000000)

/* Under the domain's lock. */
static void begin(struct watchdog *w)
{
	w->due = cpu_time_now() + w->time;
	timer_migrate(&w->timer, cpu_id());
	timer_set(&w->timer, w->due);
}

static void bite(void *arg)
{
	struct watchdog *w = arg;
	struct domain *d = w->domain;
	bool over;

	spin_lock(&d->lock);
	over = w->set && cpu_time_now() >= w->due;
	if (over && d->pause_count + d->stop_count) {
		begin(w);
		over = false;
	}
	spin_unlock(&d->lock);
	if (over) {
		domain_shutdown(d, SHUTDOWN_watchdog);
	}
}

void watchdogs_init(struct domain *d)
{
	for (unsigned int i = 0; i < WATCHDOGS; i++) {
		d->watchdog[i].domain = d;
		timer_init(&d->watchdog[i].timer, bite, &d->watchdog[i], cpu_id());
	}
}

void watchdogs_kill(struct domain *d)
{
	for (unsigned int i = 0; i < WATCHDOGS; i++) {
		timer_kill(&d->watchdog[i].timer);
	}
}

static long set_up(struct domain *d, uint32_t seconds)
{
	for (unsigned int i = 0; i < WATCHDOGS; i++) {
		struct watchdog *w = &d->watchdog[i];

		if (!w->set) {
			w->set = true;
			w->time = seconds * SECOND;
			begin(w);
			return i + 1;
		}
	}
	return refuse_at(-XEN_ENOSPC, REASON_NO_WATCHDOG, WATCHDOGS);
}

static long poke(struct watchdog *w, uint32_t seconds)
{
	w->set = seconds != 0;
	w->time = seconds * SECOND;
	if (w->set) {
		begin(w);
	} else {
		timer_stop(&w->timer);
	}
	return 0;
}

long watchdog_op(uint32_t id, uint32_t seconds)
{
	struct domain *d = cpu_current()->domain;
	long rc;

	spin_lock(&d->lock);
	rc = !id ? set_up(d, seconds)
	     : id <= WATCHDOGS && d->watchdog[id - 1].set
		     ? poke(&d->watchdog[id - 1], seconds)
		     : refuse_at(-XEN_EINVAL, REASON_NO_WATCHDOG, id);
	spin_unlock(&d->lock);
	return rc;
}
