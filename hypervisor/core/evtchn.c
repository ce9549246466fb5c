/*
 * Event channels: how domains, devices and the hypervisor tap a guest on the shoulder.
 *
 * Here are the ports: claimed, joined, closed; and what the rest of the hypervisor sends.  How a pending port is shown
 * to its guest is evtchn_2level.h's business, what guests may ask is in evtchn_op.c, who locks what in evtchn_port.h.
 */
#include "core/evtchn.h"

#include <xen/errno.h>

#include "arch/guest.h"
#include "core/domain.h"
#include "core/evtchn_port.h"
#include "core/vcpu.h"
#include "mm/pool.h"

/*
 * Wakes the vCPUs that wait in SCHEDOP_poll for this port.  The poller raises VPF_POLLING before it
 * looks at the pending bits, and we set the bit before we look at the flag: one of us sees the other.
 */
void evtchn_wake_pollers(struct domain *d, evtchn_port_t port)
{
	unsigned int i;

	for (i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		if (v &&
		    unlikely(atomic_load_explicit(&v->pause_flags, memory_order_relaxed) &
			     VPF_POLLING) &&
		    (v->poll_port == 0 || v->poll_port == port)) {
			vcpu_wake(v);
		}
	}
}

void evtchn_lock_pair(struct evtchn_table *a, struct evtchn_table *b)
{
	if (a == b) {
		spin_lock(&a->lock);
	} else if (a->owner->id < b->owner->id) {
		spin_lock(&a->lock);
		spin_lock(&b->lock);
	} else {
		spin_lock(&b->lock);
		spin_lock(&a->lock);
	}
}

void evtchn_unlock_pair(struct evtchn_table *a, struct evtchn_table *b)
{
	spin_unlock(&a->lock);
	if (a != b) {
		spin_unlock(&b->lock);
	}
}

/* Adds a bucket of closed channels.  Under the lock. */
static int grow(struct evtchn_table *t, unsigned int index)
{
	struct evtchn *b = pool_alloc(EVTCHN_BUCKET * sizeof(*b));
	unsigned int i;

	if (!b) {
		return -XEN_ENOMEM;
	}
	for (i = 0; i < EVTCHN_BUCKET; i++) {
		b[i].port = index * EVTCHN_BUCKET + i;
	}
	__atomic_store_n(&t->bucket[index], b, __ATOMIC_RELEASE);
	return 0;
}

int evtchn_claim(struct evtchn_table *t, struct evtchn **out)
{
	uint32_t port;

	if (t->closed) {
		return -XEN_EINVAL;
	}
	for (port = t->first_free; port <= t->max_port; port++) {
		struct evtchn *c = evtchn_channel(t, port);
		int rc;

		if (!c) {
			rc = grow(t, port / EVTCHN_BUCKET);
			if (rc) {
				return rc;
			}
			c = evtchn_channel(t, port);
		}
		if (c->state == EVTCHNSTAT_closed) {
			t->first_free = port + 1;
			t->active++;
			c->vcpu = 0;
			*out = c;
			return (int)port;
		}
	}
	t->first_free = port;
	return -XEN_ENOSPC;
}

/* Back to closed.  A pending bit left over would surprise the port's next user. */
void evtchn_free_channel(struct evtchn_table *t, struct evtchn *c)
{
	c->state = EVTCHNSTAT_closed;
	c->vcpu = 0;
	c->remote.dom = NULL;
	c->remote.port = 0;
	t->active--;
	t->first_free = MIN(t->first_free, c->port);
	bit_test_and_clear(t->owner->shared->evtchn_pending, c->port);
}

/*
 * Locks the table, and with an interdomain port its peer's as well.  *peer is then the peer's domain
 * with a reference that the caller drops after unlocking; else NULL.  The table's own lock is always
 * held on return.
 */
static struct evtchn *lock_with_peer(struct evtchn_table *t, evtchn_port_t port,
				     struct domain **peer)
{
	struct evtchn *c;
	struct domain *rd;

	*peer = NULL;
	for (;;) {
		spin_lock(&t->lock);
		c = evtchn_channel(t, port);
		if (!c || c->state != EVTCHNSTAT_interdomain) {
			return c;
		}
		rd = c->remote.dom;
		if (rd == t->owner) {
			return c;
		}
		/* The channel's own reference is alive while we hold the lock, so this one can be had. */
		if (!domain_get_again(rd)) {
			spin_unlock(&t->lock);
			continue;
		}
		spin_unlock(&t->lock);
		evtchn_lock_pair(t, &rd->evtchn);
		if (c->state == EVTCHNSTAT_interdomain && c->remote.dom == rd) {
			*peer = rd;
			return c;
		}
		evtchn_unlock_pair(t, &rd->evtchn);
		domain_put(rd);
	}
}

static void unlock_with_peer(struct evtchn_table *t, struct domain *peer)
{
	if (peer) {
		evtchn_unlock_pair(t, &peer->evtchn);
	} else {
		spin_unlock(&t->lock);
	}
}

/* The far end of a pair falls back to waiting for the domain that has gone. */
static void part_peer(struct evtchn *c, domid_t gone)
{
	struct evtchn *r = evtchn_channel(&c->remote.dom->evtchn, c->remote.port);

	r->state = EVTCHNSTAT_unbound;
	r->remote.dom = NULL;
	r->remote.port = 0;
	r->unbound.domid = gone;
}

static void forget_virq(struct domain *d, const struct evtchn *c)
{
	unsigned int i;

	for (i = 0; i < d->max_vcpus; i++) {
		if (d->vcpu[i] && d->vcpu[i]->evtchn_virq[c->virq] == c->port) {
			d->vcpu[i]->evtchn_virq[c->virq] = 0;
		}
	}
}

int evtchn_close(struct evtchn_table *t, evtchn_port_t port)
{
	struct domain *d = t->owner, *peer, *drop_remote = NULL;
	struct evtchn *c = lock_with_peer(t, port, &peer);
	uint32_t pirq = 0;
	bool was_pirq = false;

	if (!c || c->state == EVTCHNSTAT_closed) {
		unlock_with_peer(t, peer);
		return -XEN_EINVAL;
	}
	switch (c->state) {
	case EVTCHNSTAT_interdomain:
		drop_remote = c->remote.dom;
		part_peer(c, d->id);
		break;
	case EVTCHNSTAT_virq:
		forget_virq(d, c);
		break;
	case EVTCHNSTAT_pirq:
		was_pirq = true;
		pirq = c->pirq;
		t->pirq_port[pirq] = 0;
		break;
	default:
		break;
	}
	evtchn_free_channel(t, c);
	unlock_with_peer(t, peer);

	if (was_pirq) {
		guest_pirq_unbind(d, pirq);
	}
	if (peer) {
		domain_put(peer);
	}
	if (drop_remote) {
		domain_put(drop_remote); /* what this end held */
		domain_put(d);		 /* what the far end held */
	}
	return 0;
}

/* --- what the hypervisor itself sends --- */

void evtchn_send_virq(struct vcpu *v, unsigned int virq)
{
	struct domain *d = v->domain;
	uint64_t port;

	if (evtchn_virq_is_global(virq)) {
		v = d->vcpu[0];
	}
	spin_lock(&d->evtchn.lock);
	port = v->evtchn_virq[virq];
	if (port) {
		evtchn_deliver(d, evtchn_channel(&d->evtchn, (evtchn_port_t)port));
	}
	spin_unlock(&d->evtchn.lock);
}

void evtchn_send_global_virq(unsigned int virq)
{
	if (dom0 && dom0->vcpu[0]) {
		evtchn_send_virq(dom0->vcpu[0], virq);
	}
}

bool evtchn_send_pirq(struct domain *d, unsigned int pirq)
{
	struct evtchn_table *t = &d->evtchn;
	evtchn_port_t port = 0;

	if (pirq >= EVTCHN_PIRQS) {
		return false;
	}
	spin_lock(&t->lock);
	if (t->pirq_port) {
		port = t->pirq_port[pirq];
	}
	if (port) {
		evtchn_deliver(d, evtchn_channel(t, port));
	}
	spin_unlock(&t->lock);
	return port != 0;
}

int evtchn_port_pending(struct domain *d, evtchn_port_t port)
{
	if (!evtchn_channel(&d->evtchn, port)) {
		return -XEN_EINVAL;
	}
	return bit_test(d->shared->evtchn_pending, port);
}

static void close_every_port(struct evtchn_table *t)
{
	uint32_t port;

	for (port = 1; port <= t->max_port; port++) {
		struct evtchn *c = evtchn_channel(t, port);

		if (c && c->state != EVTCHNSTAT_closed) {
			evtchn_close(t, port);
		}
	}
}

int evtchn_reset(struct domain *d)
{
	close_every_port(&d->evtchn);
	return 0;
}

int evtchn_init(struct evtchn_table *t, struct domain *owner, uint32_t max_port)
{
	spin_init(&t->lock, LOCK_EVTCHN);
	t->owner = owner;
	t->max_port = MIN(max_port, EVTCHN_PORTS - 1);
	t->first_free = 1;
	t->active = 0;
	t->closed = false;
	return 0;
}

void evtchn_close_all(struct evtchn_table *t)
{
	if (!t->owner) {
		return; /* never initialised */
	}
	spin_lock(&t->lock);
	t->closed = true;
	spin_unlock(&t->lock);
	close_every_port(t);
}

void evtchn_free(struct evtchn_table *t)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t->bucket); i++) {
		pool_free(t->bucket[i]);
		t->bucket[i] = NULL;
	}
	pool_free(t->pirq_port);
	t->pirq_port = NULL;
}
