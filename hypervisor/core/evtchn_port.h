/*
 * Event channels inside: the ports of a table, how two of them are locked, claimed, shown and closed.  For evtchn*.c
 * only; everybody else includes evtchn.h.
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
#include "core/vcpu.h"

/* The channel of a port, NULL if the port lies outside what the table has grown to. */
static inline struct evtchn *evtchn_channel(const struct evtchn_table *t, evtchn_port_t port)
{
	struct evtchn *b;

	if (port > t->max_port) {
		return NULL;
	}
	b = __atomic_load_n(&t->bucket[port / EVTCHN_BUCKET], __ATOMIC_ACQUIRE);
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

/*
 * Under the lock: claims the lowest closed port, never port 0; the caller sets state and the rest before it unlocks.
 * Returns the port, -ENOSPC, -ENOMEM, or -EINVAL for a dying domain.
 */
int evtchn_claim(struct evtchn_table *t, struct evtchn **out);
/* Under the lock: back to closed.  What the port was bound to is the caller's business. */
void evtchn_free_channel(struct evtchn_table *t, struct evtchn *c);
/* Closes one port of whatever kind; takes the locks.  -EINVAL if it was not open. */
int evtchn_close(struct evtchn_table *t, evtchn_port_t port);

void evtchn_wake_pollers(struct domain *d, evtchn_port_t port);

/* Makes a port pending.  Some lock that keeps the port bound is held. */
static inline void evtchn_deliver(struct domain *d, const struct evtchn *c)
{
	if (evtchn_2level_raise(d, c->port, __atomic_load_n(&c->vcpu, __ATOMIC_RELAXED))) {
		evtchn_wake_pollers(d, c->port);
	}
}

#endif
