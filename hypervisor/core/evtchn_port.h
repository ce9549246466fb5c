/*
 * Event channels inside: the ports of a table, how two of them are locked, claimed, shown and closed.  For evtchn*.c
 * and whoever prints or audits them; everybody else includes evtchn.h.
 *
 * Locking: a table's lock guards its ports.  Joining or parting two ports takes both tables' locks,
 * by ascending domid, so either lock alone keeps an interdomain pair as it is: that is why a sender
 * takes only its own.  References to domains are dropped after the locks, because the last one frees.
 */
#ifndef PAVANE_CORE_EVTCHN_PORT_H
#define PAVANE_CORE_EVTCHN_PORT_H

#include "core/domain.h"
#include "core/evtchn.h"
#include "core/evtchn_2level.h"
#include "core/evtchn_fifo.h"
#include "core/vcpu.h"

/* The channels of a bucket, NULL if the table has not grown to it. */
static inline struct evtchn *evtchn_bucket(const struct evtchn_table *t, unsigned int bucket)
{
	struct evtchn_group *g = __atomic_load_n(&t->group[bucket / EVTCHN_GROUP],
						 __ATOMIC_ACQUIRE);

	return g ? __atomic_load_n(&g->bucket[bucket % EVTCHN_GROUP], __ATOMIC_ACQUIRE) : NULL;
}

/* The channel of a port, NULL if the port lies outside what the table has grown to. */
static inline struct evtchn *evtchn_channel(const struct evtchn_table *t, evtchn_port_t port)
{
	struct evtchn *b = port <= t->max_port ? evtchn_bucket(t, port / EVTCHN_BUCKET) : NULL;

	return b ? &b[port % EVTCHN_BUCKET] : NULL;
}

static inline struct vcpu *evtchn_vcpu(const struct domain *d, uint32_t id)
{
	return id < d->max_vcpus && id < MAX_VCPUS ? d->vcpu[id] : NULL;
}

static inline bool evtchn_virq_is_global(unsigned int virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF &&
	       virq != VIRQ_XENPMU;
}

void evtchn_lock_pair(struct evtchn_table *a, struct evtchn_table *b);
void evtchn_unlock_pair(struct evtchn_table *a, struct evtchn_table *b);

/* Under the lock: 0, or why there are no new ports now: -EINVAL for a dying domain, -EBUSY during a reset. */
int evtchn_may_open(const struct evtchn_table *t);
/*
 * Under the lock: claims the lowest closed port that is in no queue, never port 0; the caller sets state and the rest
 * before it unlocks.  Returns the port, -ENOSPC, -ENOMEM, or what evtchn_may_open() says.
 */
int evtchn_claim(struct evtchn_table *t, struct evtchn **out);
/* Under the lock: back to closed.  What the port was bound to is the caller's business. */
void evtchn_free_channel(struct evtchn_table *t, struct evtchn *c);
/* Closes one port of whatever kind; takes the locks.  -EINVAL if it was not open. */
int evtchn_close(struct evtchn_table *t, evtchn_port_t port);

void evtchn_wake_pollers(struct domain *d, evtchn_port_t port);
/* The guest went over to the FIFO ABI while we raised the port the other way. */
void evtchn_raise_again(struct domain *d, struct evtchn *c);

/* Makes a port pending.  Some lock that keeps the port bound is held. */
static inline void evtchn_deliver(struct domain *d, struct evtchn *c)
{
	struct evtchn_fifo *f = __atomic_load_n(&d->evtchn.fifo, __ATOMIC_ACQUIRE);
	bool fresh;

	if (f) {
		fresh = evtchn_fifo_raise(d, f, c);
	} else {
		fresh = evtchn_2level_raise(d, c->port,
					    __atomic_load_n(&c->vcpu, __ATOMIC_RELAXED));
		if (unlikely(__atomic_load_n(&d->evtchn.fifo, __ATOMIC_ACQUIRE))) {
			evtchn_raise_again(d, c);
		}
	}
	if (fresh) {
		evtchn_wake_pollers(d, c->port);
	}
}

/* Under the table's lock: as the guest sees the port. */
static inline bool evtchn_is_pending(const struct domain *d, const struct evtchn *c)
{
	const struct evtchn_fifo *f = d->evtchn.fifo;

	return f ? evtchn_fifo_is_pending(f, c) : bit_test(d->shared->evtchn_pending, c->port);
}

static inline bool evtchn_is_masked(const struct domain *d, const struct evtchn *c)
{
	const struct evtchn_fifo *f = d->evtchn.fifo;

	return f ? evtchn_fifo_is_masked(f, c) : bit_test(d->shared->evtchn_mask, c->port);
}

#endif
