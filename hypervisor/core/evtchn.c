/*
 * Event channels: how domains, devices and the hypervisor tap a guest on the shoulder.
 *
 * Here are the ports: claimed, joined, closed; and what the rest of the hypervisor sends.  How a pending port is shown
 * to its guest is the business of evtchn_2level.h and evtchn_fifo.h, what guests may ask is in evtchn_op.c, who locks what in
 * evtchn_port.h.
 */
#include "core/evtchn.h"

#include <xen/errno.h>

#include "arch/guest.h"
#include "base/refuse.h"
#include "core/domain.h"
#include "core/evtchn_port.h"
#include "core/hypercall.h"
#include "core/vcpu.h"
#include "mm/pool.h"

#define LINKED_MOST 2048 /* closed ports still in a queue that a search passes over */
#define CLOSE_BATCH \
	64 /* ports closed, or buckets freed, between two looks at what else there is to do */

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

int evtchn_may_open(const struct evtchn_table *t)
{
	return t->closed      ? refuse(-XEN_EINVAL, REASON_DOMAIN_DYING)
	       : t->resetting ? refuse(-XEN_EBUSY, REASON_NO_FREE_PORT)
			      : 0;
}

static struct evtchn_group *group_of(const struct evtchn_table *t, unsigned int bucket)
{
	return t->group[bucket / EVTCHN_GROUP];
}

/* Adds a bucket of closed channels. */
static int grow(struct evtchn_table *t, unsigned int bucket)
{
	struct evtchn_group **g = &t->group[bucket / EVTCHN_GROUP];
	struct evtchn *b = pool_alloc(EVTCHN_BUCKET * sizeof(*b));

	if (!*g && b) {
		__atomic_store_n(g, pool_alloc(sizeof(**g)), __ATOMIC_RELEASE);
	}
	if (!b || !*g) {
		pool_free(b);
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	for (unsigned int i = 0; i < EVTCHN_BUCKET; i++) {
		b[i].port = bucket * EVTCHN_BUCKET + i;
	}
	(*g)->open[bucket % EVTCHN_GROUP] = bucket == 0; /* port 0 is nobody's */
	__atomic_store_n(&(*g)->bucket[bucket % EVTCHN_GROUP], b, __ATOMIC_RELEASE);
	return 0;
}

static bool is_free(const struct evtchn_table *t, const struct evtchn *c)
{
	return c->state == EVTCHNSTAT_closed && !(t->fifo && evtchn_fifo_is_linked(t->fifo, c));
}

struct search {
	uint32_t lowest;     /* port that is closed, ~0: none met */
	unsigned int linked; /* of those, met and passed over */
};

/* A free port of one bucket, the lowest, or NULL. */
static struct evtchn *find_free(const struct evtchn_table *t, unsigned int bucket, struct search *s)
{
	struct evtchn *b = evtchn_bucket(t, bucket);

	for (unsigned int i = bucket == 0; i < EVTCHN_BUCKET; i++) {
		if (b[i].port > t->max_port) {
			return NULL;
		}
		if (b[i].state != EVTCHNSTAT_closed) {
			continue;
		}
		if (is_free(t, &b[i])) {
			return &b[i];
		}
		s->lowest = MIN(s->lowest, b[i].port);
		s->linked++;
	}
	return NULL;
}

/*
 * The bucket may be full, and may have nothing but ports that are in a queue still.  A guest that never takes them from
 * there, or lets it look so, is not searched to the end: then only what has not been used at all will do.
 */
static int find_in_bucket(struct evtchn_table *t, unsigned int bucket, struct search *s,
			  struct evtchn **out)
{
	int rc;

	*out = NULL;
	if (!evtchn_bucket(t, bucket)) {
		rc = grow(t, bucket);
		if (rc) {
			return rc;
		}
	} else if (group_of(t, bucket)->open[bucket % EVTCHN_GROUP] == EVTCHN_BUCKET ||
		   s->linked > LINKED_MOST) {
		return 0;
	}
	*out = find_free(t, bucket, s);
	return 0;
}

int evtchn_claim(struct evtchn_table *t, struct evtchn **out)
{
	struct search s = { .lowest = ~0u };
	int rc = evtchn_may_open(t);

	for (unsigned int b = t->first_free / EVTCHN_BUCKET;
	     !rc && b <= t->max_port / EVTCHN_BUCKET; b++) {
		struct evtchn *c;

		rc = find_in_bucket(t, b, &s, &c);
		if (!rc && c) {
			t->first_free = MIN(s.lowest, c->port + 1);
			t->active++;
			group_of(t, b)->open[b % EVTCHN_GROUP]++;
			c->vcpu = 0;
			c->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
			*out = c;
			return (int)c->port;
		}
	}
	return rc ? rc : refuse(-XEN_ENOSPC, REASON_NO_FREE_PORT);
}

/* A pending bit left over would surprise the port's next user. */
void evtchn_free_channel(struct evtchn_table *t, struct evtchn *c)
{
	unsigned int bucket = c->port / EVTCHN_BUCKET;

	c->state = EVTCHNSTAT_closed;
	c->vcpu = 0;
	c->remote.dom = NULL;
	c->remote.port = 0;
	t->active--;
	group_of(t, bucket)->open[bucket % EVTCHN_GROUP]--;
	t->first_free = MIN(t->first_free, c->port);
	if (t->fifo) {
		evtchn_fifo_clear_pending(t->fifo, c);
	} else {
		bit_test_and_clear(t->owner->shared->evtchn_pending, c->port);
	}
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
		/* Looked up anew: a reset may have freed it. */
		c = evtchn_channel(t, port);
		if (c && c->state == EVTCHNSTAT_interdomain && c->remote.dom == rd) {
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
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PORT, port);
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
	const struct evtchn *c;
	int rc;

	spin_lock(&d->evtchn.lock);
	c = evtchn_channel(&d->evtchn, port);
	rc = c ? evtchn_is_pending(d, c) : refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PORT, port);
	spin_unlock(&d->evtchn.lock);
	return rc;
}

void evtchn_raise_again(struct domain *d, struct evtchn *c)
{
	if (bit_test_and_clear(d->shared->evtchn_pending, c->port)) {
		evtchn_fifo_raise(d, d->evtchn.fifo, c);
	}
}

/* --- closing all, in steps; from the first step on no port is opened --- */

/* Under the lock: the first open port from t->closing on, which goes there; 0 if there is none. */
static evtchn_port_t next_open(struct evtchn_table *t)
{
	unsigned int bucket = t->closing / EVTCHN_BUCKET, i = t->closing % EVTCHN_BUCKET;

	for (; bucket < EVTCHN_BUCKETS; bucket++, i = 0) {
		const struct evtchn *b = evtchn_bucket(t, bucket);

		if (!b) {
			return 0; /* the table grows from below */
		}
		for (; group_of(t, bucket)->open[bucket % EVTCHN_GROUP] && i < EVTCHN_BUCKET; i++) {
			if (b[i].state != EVTCHNSTAT_closed) {
				t->closing = b[i].port;
				return b[i].port;
			}
		}
	}
	return 0;
}

/* Closes one.  False: there is none left, or the other vCPU that does the same has come to the end. */
static bool close_next(struct evtchn_table *t)
{
	evtchn_port_t port = 0;

	spin_lock(&t->lock);
	if (t->closed || t->resetting) {
		port = next_open(t);
	}
	spin_unlock(&t->lock);
	if (port) {
		evtchn_close(t, port);
	}
	return port != 0;
}

static unsigned int last_bucket(const struct evtchn_group *g)
{
	unsigned int i = EVTCHN_GROUP - 1;

	while (i > 0 && !g->bucket[i]) {
		i--;
	}
	return i;
}

/* Under the lock: takes the last bucket out of the table, and its group if it was the first there. */
static struct evtchn *take_last_bucket(struct evtchn_table *t, struct evtchn_group **group)
{
	for (unsigned int g = ARRAY_SIZE(t->group); g-- > 0;) {
		unsigned int i = t->group[g] ? last_bucket(t->group[g]) : 0;
		struct evtchn *b = t->group[g] ? t->group[g]->bucket[i] : NULL;

		if (b) {
			t->group[g]->bucket[i] = NULL;
			if (i == 0) {
				*group = t->group[g];
				t->group[g] = NULL;
			}
			return b;
		}
	}
	return NULL;
}

/* Once all are closed: back to the 2-level ABI, and the table shrinks by a bucket.  False: nothing is left. */
static bool shrink(struct evtchn_table *t)
{
	struct evtchn_group *g = NULL;
	struct evtchn *b = NULL;

	spin_lock(&t->lock);
	if (!t->active && (t->closed || t->resetting)) {
		evtchn_fifo_release(t);
		b = take_last_bucket(t, &g);
	}
	spin_unlock(&t->lock);
	pool_free(b);
	pool_free(g);
	return b != NULL;
}

/* 0, or -ERESTART when there is something else to do meanwhile. */
static int close_down(struct evtchn_table *t)
{
	for (unsigned int n = 1; close_next(t) || shrink(t); n++) {
		if (n % CLOSE_BATCH == 0 && hypercall_preempt()) {
			return -XEN_ERESTART;
		}
	}
	return 0;
}

int evtchn_reset(struct domain *d)
{
	struct evtchn_table *t = &d->evtchn;
	int rc;

	spin_lock(&t->lock);
	if (!t->resetting) {
		t->resetting = true;
		t->closing = 1;
	}
	spin_unlock(&t->lock);
	rc = close_down(t);
	if (!rc) {
		spin_lock(&t->lock);
		t->resetting = false;
		spin_unlock(&t->lock);
	}
	return rc;
}

int evtchn_init(struct evtchn_table *t, struct domain *owner, uint32_t limit)
{
	spin_init(&t->lock, LOCK_EVTCHN);
	t->owner = owner;
	t->limit = MIN(limit, EVTCHN_PORTS - 1);
	t->max_port = MIN(limit, EVTCHN_2LEVEL_PORTS - 1);
	t->first_free = 1;
	t->active = 0;
	t->closed = false;
	return 0;
}

int evtchn_close_all(struct evtchn_table *t)
{
	if (!t->owner) {
		return 0; /* never initialised */
	}
	spin_lock(&t->lock);
	if (!t->closed) {
		t->closed = true;
		t->closing = 1;
	}
	spin_unlock(&t->lock);
	return close_down(t);
}

/* What is left when all are closed. */
void evtchn_free(struct evtchn_table *t)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(t->group); i++) {
		for (unsigned int b = 0; t->group[i] && b < EVTCHN_GROUP; b++) {
			pool_free(t->group[i]->bucket[b]);
		}
		pool_free(t->group[i]);
		t->group[i] = NULL;
	}
	pool_free(t->pirq_port);
	t->pirq_port = NULL;
}
