/*
 * Event channels: how domains, devices and the hypervisor tap a guest on the shoulder.
 *
 * A port is one bit in the guest's shared page.  Sending sets that bit; if the guest has not masked
 * it, also the bit's summary in the target vCPU's vcpu_info, and then the vCPU is woken.  The guest
 * owns those pages and may write anything there at any time: nothing here trusts what it reads from
 * them, and the worst a guest gets from scribbling is to miss its own events.
 *
 * Locking: a table's lock guards its ports.  Joining or parting two ports takes both tables' locks,
 * by ascending domid, so either lock alone keeps an interdomain pair as it is: that is why a sender
 * takes only its own.  References to domains are dropped after the locks, because the last one frees.
 */
#include "core/evtchn.h"

#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "core/vcpu.h"
#include "mm/pool.h"

#define BITS_PER_WORD 64u

static bool bit_test_and_set(xen_ulong_t *words, unsigned int bit)
{
	xen_ulong_t m = (xen_ulong_t)1 << (bit % BITS_PER_WORD);

	return (__atomic_fetch_or(&words[bit / BITS_PER_WORD], m, __ATOMIC_SEQ_CST) & m) != 0;
}

static bool bit_test_and_clear(xen_ulong_t *words, unsigned int bit)
{
	xen_ulong_t m = (xen_ulong_t)1 << (bit % BITS_PER_WORD);

	return (__atomic_fetch_and(&words[bit / BITS_PER_WORD], ~m, __ATOMIC_SEQ_CST) & m) != 0;
}

static bool bit_test(const xen_ulong_t *words, unsigned int bit)
{
	return __atomic_load_n(&words[bit / BITS_PER_WORD], __ATOMIC_RELAXED) >>
		       (bit % BITS_PER_WORD) &
	       1;
}

/* The channel of a port, NULL if the port lies outside what the table has grown to. */
static struct evtchn *port_channel(const struct evtchn_table *t, evtchn_port_t port)
{
	struct evtchn *b;

	if (port > t->max_port) {
		return NULL;
	}
	b = __atomic_load_n(&t->bucket[port / EVTCHN_BUCKET], __ATOMIC_ACQUIRE);
	return b ? &b[port % EVTCHN_BUCKET] : NULL;
}

static struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
	return id < d->max_vcpus && id < MAX_VCPUS ? d->vcpu[id] : NULL;
}

/*
 * Wakes the vCPUs that wait in SCHEDOP_poll for this port.  The poller raises VPF_POLLING before it
 * looks at the pending bits, and we set the bit before we look at the flag: one of us sees the other.
 */
static void wake_pollers(struct domain *d, evtchn_port_t port)
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

/* Tells the vCPU that its word of pending bits has something. */
static void mark_word(struct vcpu *v, evtchn_port_t port)
{
	if (!bit_test_and_set(&v->info->evtchn_pending_sel, port / BITS_PER_WORD)) {
		vcpu_mark_event(v);
	}
}

/* Makes a port pending.  Some lock that keeps the port bound is held. */
static void deliver(struct domain *d, evtchn_port_t port, unsigned int vcpu)
{
	struct shared_info *s = d->shared;

	if (bit_test_and_set(s->evtchn_pending, port)) {
		return;
	}
	if (!bit_test(s->evtchn_mask, port)) {
		mark_word(d->vcpu[vcpu], port);
	}
	wake_pollers(d, port);
}

static void deliver_channel(struct domain *d, const struct evtchn *c)
{
	deliver(d, c->port, __atomic_load_n(&c->vcpu, __ATOMIC_RELAXED));
}

static void lock_pair(struct evtchn_table *a, struct evtchn_table *b)
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

static void unlock_pair(struct evtchn_table *a, struct evtchn_table *b)
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

/*
 * Claims the lowest closed port, never port 0; the caller sets state and the rest before it unlocks.
 * Returns the port, -ENOSPC, -ENOMEM, or -EINVAL for a dying domain.
 */
static int claim_port(struct evtchn_table *t, struct evtchn **out)
{
	uint32_t port;

	if (t->closed) {
		return -XEN_EINVAL;
	}
	for (port = t->first_free; port <= t->max_port; port++) {
		struct evtchn *c = port_channel(t, port);
		int rc;

		if (!c) {
			rc = grow(t, port / EVTCHN_BUCKET);
			if (rc) {
				return rc;
			}
			c = port_channel(t, port);
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
static void free_channel(struct evtchn_table *t, struct evtchn *c)
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
		c = port_channel(t, port);
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
		lock_pair(t, &rd->evtchn);
		if (c->state == EVTCHNSTAT_interdomain && c->remote.dom == rd) {
			*peer = rd;
			return c;
		}
		unlock_pair(t, &rd->evtchn);
		domain_put(rd);
	}
}

static void unlock_with_peer(struct evtchn_table *t, struct domain *peer)
{
	if (peer) {
		unlock_pair(t, &peer->evtchn);
	} else {
		spin_unlock(&t->lock);
	}
}

/* The far end of a pair falls back to waiting for the domain that has gone. */
static void part_peer(struct evtchn *c, domid_t gone)
{
	struct evtchn *r = port_channel(&c->remote.dom->evtchn, c->remote.port);

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

/* Closes one port of whatever kind.  -EINVAL if it was not open. */
static int close_port(struct evtchn_table *t, evtchn_port_t port)
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
	free_channel(t, c);
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

/* --- hypercall operations --- */

/* The domain an operation names, referenced: the caller's own, or one that it controls. */
static int target_domain(domid_t id, struct domain **out)
{
	struct domain *self = cpu_current()->domain;
	struct domain *d = domain_get(id);

	if (!d) {
		return -XEN_ESRCH;
	}
	if (d != self && !rights_control(self, d)) {
		domain_put(d);
		return -XEN_EPERM;
	}
	*out = d;
	return 0;
}

static domid_t real_domid(domid_t id)
{
	return id == DOMID_SELF ? cpu_current()->domain->id : id;
}

static int alloc_unbound(struct evtchn_alloc_unbound *req)
{
	struct evtchn *c;
	struct domain *d;
	int rc = target_domain(req->dom, &d);

	if (rc) {
		return rc;
	}
	spin_lock(&d->evtchn.lock);
	rc = claim_port(&d->evtchn, &c);
	if (rc >= 0) {
		c->state = EVTCHNSTAT_unbound;
		c->unbound.domid = real_domid(req->remote_dom);
		req->port = (evtchn_port_t)rc;
		rc = 0;
	}
	spin_unlock(&d->evtchn.lock);
	domain_put(d);
	return rc;
}

static int bind_interdomain(struct evtchn_bind_interdomain *req)
{
	struct domain *ld = cpu_current()->domain, *rd = domain_get(req->remote_dom);
	struct evtchn *lc, *rc_;
	int rc;

	if (!rd) {
		return -XEN_ESRCH;
	}
	if (!domain_get_again(ld)) {
		domain_put(rd);
		return -XEN_ESRCH;
	}
	lock_pair(&ld->evtchn, &rd->evtchn);
	rc_ = port_channel(&rd->evtchn, req->remote_port);
	if (!rc_ || rc_->state != EVTCHNSTAT_unbound || rc_->unbound.domid != ld->id) {
		rc = -XEN_EINVAL;
		goto out;
	}
	rc = claim_port(&ld->evtchn, &lc);
	if (rc < 0) {
		goto out;
	}
	req->local_port = (evtchn_port_t)rc;
	lc->remote.dom = rd;
	lc->remote.port = rc_->port;
	lc->state = EVTCHNSTAT_interdomain;
	rc_->remote.dom = ld;
	rc_->remote.port = lc->port;
	rc_->state = EVTCHNSTAT_interdomain;
	/* What was sent while the far end was unbound is lost: let the binder look once. */
	deliver_channel(ld, lc);
	rc = 0;
out:
	unlock_pair(&ld->evtchn, &rd->evtchn);
	if (rc) {
		domain_put(rd);
		domain_put(ld);
	}
	return rc;
}

static bool virq_is_global(unsigned int virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF &&
	       virq != VIRQ_XENPMU;
}

static int bind_virq(struct evtchn_bind_virq *req)
{
	struct domain *d = cpu_current()->domain;
	struct evtchn *c;
	struct vcpu *v;
	int rc;

	if (req->virq >= NR_VIRQS || (virq_is_global(req->virq) && req->vcpu != 0)) {
		return -XEN_EINVAL;
	}
	v = domain_vcpu(d, req->vcpu);
	if (!v) {
		return -XEN_ENOENT;
	}
	spin_lock(&d->evtchn.lock);
	rc = v->evtchn_virq[req->virq] ? -XEN_EEXIST : claim_port(&d->evtchn, &c);
	if (rc >= 0) {
		c->state = EVTCHNSTAT_virq;
		c->virq = (uint8_t)req->virq;
		c->vcpu = (uint16_t)req->vcpu;
		v->evtchn_virq[req->virq] = (uint64_t)rc;
		req->port = (evtchn_port_t)rc;
		rc = 0;
	}
	spin_unlock(&d->evtchn.lock);
	return rc;
}

static int bind_ipi(struct evtchn_bind_ipi *req)
{
	struct domain *d = cpu_current()->domain;
	struct evtchn *c;
	int rc;

	if (!domain_vcpu(d, req->vcpu)) {
		return -XEN_ENOENT;
	}
	spin_lock(&d->evtchn.lock);
	rc = claim_port(&d->evtchn, &c);
	if (rc >= 0) {
		c->state = EVTCHNSTAT_ipi;
		c->vcpu = (uint16_t)req->vcpu;
		req->port = (evtchn_port_t)rc;
		rc = 0;
	}
	spin_unlock(&d->evtchn.lock);
	return rc;
}

/* Gives the pirq a port.  Returns it or -errno. */
static int claim_pirq_port(struct evtchn_table *t, uint32_t pirq)
{
	struct evtchn *c;
	int rc;

	if (!t->pirq_port) {
		t->pirq_port = pool_alloc(EVTCHN_PIRQS * sizeof(*t->pirq_port));
		if (!t->pirq_port) {
			return -XEN_ENOMEM;
		}
	}
	if (t->pirq_port[pirq]) {
		return -XEN_EEXIST;
	}
	rc = claim_port(t, &c);
	if (rc >= 0) {
		c->state = EVTCHNSTAT_pirq;
		c->pirq = pirq;
		t->pirq_port[pirq] = (uint16_t)rc;
	}
	return rc;
}

/*
 * The port stands before the interrupt is bound, so that the first one is not lost; the interrupt's
 * own lock lies above ours, so the two steps can't be one.  The guest may close the port in between,
 * and then the binding is taken back.
 */
static int bind_pirq(struct evtchn_bind_pirq *req)
{
	struct domain *d = cpu_current()->domain;
	struct evtchn_table *t = &d->evtchn;
	bool still;
	int port, rc;

	if (req->pirq >= EVTCHN_PIRQS) {
		return -XEN_EINVAL;
	}
	spin_lock(&t->lock);
	port = claim_pirq_port(t, req->pirq);
	spin_unlock(&t->lock);
	if (port < 0) {
		return port;
	}
	rc = guest_pirq_bind(d, req->pirq, req->flags & BIND_PIRQ__WILL_SHARE);

	spin_lock(&t->lock);
	still = t->pirq_port[req->pirq] == port;
	if (rc && still) {
		t->pirq_port[req->pirq] = 0;
		free_channel(t, port_channel(t, (evtchn_port_t)port));
	}
	spin_unlock(&t->lock);
	if (!rc && !still) {
		guest_pirq_unbind(d, req->pirq);
		return -XEN_EINVAL;
	}
	req->port = (evtchn_port_t)port;
	return rc;
}

static int send(evtchn_port_t port)
{
	struct domain *d = cpu_current()->domain, *rd;
	struct evtchn *c;
	int rc = 0;

	spin_lock(&d->evtchn.lock);
	c = port_channel(&d->evtchn, port);
	switch (c ? c->state : EVTCHNSTAT_closed) {
	case EVTCHNSTAT_interdomain:
		rd = c->remote.dom;
		deliver_channel(rd, port_channel(&rd->evtchn, c->remote.port));
		break;
	case EVTCHNSTAT_ipi:
		deliver_channel(d, c);
		break;
	case EVTCHNSTAT_unbound:
		break; /* nobody there yet: dropped, as the ABI says */
	default:
		rc = -XEN_EINVAL;
		break;
	}
	spin_unlock(&d->evtchn.lock);
	return rc;
}

static int status(struct evtchn_status *req)
{
	struct evtchn *c;
	struct domain *d;
	int rc = target_domain(req->dom, &d);

	if (rc) {
		return rc;
	}
	spin_lock(&d->evtchn.lock);
	c = port_channel(&d->evtchn, req->port);
	if (!c) {
		rc = -XEN_EINVAL;
		goto out;
	}
	req->status = c->state;
	req->vcpu = c->vcpu;
	switch (c->state) {
	case EVTCHNSTAT_unbound:
		req->u.unbound.dom = c->unbound.domid;
		break;
	case EVTCHNSTAT_interdomain:
		req->u.interdomain.dom = c->remote.dom->id;
		req->u.interdomain.port = c->remote.port;
		break;
	case EVTCHNSTAT_pirq:
		req->u.pirq = c->pirq;
		break;
	case EVTCHNSTAT_virq:
		req->u.virq = c->virq;
		break;
	default:
		break;
	}
out:
	spin_unlock(&d->evtchn.lock);
	domain_put(d);
	return rc;
}

static int bind_vcpu(const struct evtchn_bind_vcpu *req)
{
	struct domain *d = cpu_current()->domain;
	struct evtchn *c;
	int rc = 0;

	if (!domain_vcpu(d, req->vcpu)) {
		return -XEN_ENOENT;
	}
	spin_lock(&d->evtchn.lock);
	c = port_channel(&d->evtchn, req->port);
	switch (c ? c->state : EVTCHNSTAT_closed) {
	case EVTCHNSTAT_virq:
		if (!virq_is_global(c->virq)) {
			rc = -XEN_EINVAL;
			break;
		}
		__attribute__((fallthrough));
	case EVTCHNSTAT_unbound:
	case EVTCHNSTAT_interdomain:
	case EVTCHNSTAT_pirq:
		__atomic_store_n(&c->vcpu, (uint16_t)req->vcpu, __ATOMIC_RELAXED);
		break;
	default:
		rc = -XEN_EINVAL;
		break;
	}
	spin_unlock(&d->evtchn.lock);
	return rc;
}

static int unmask(evtchn_port_t port)
{
	struct domain *d = cpu_current()->domain;
	struct shared_info *s = d->shared;
	struct evtchn *c;
	bool is_pirq;
	uint32_t pirq;

	spin_lock(&d->evtchn.lock);
	c = port_channel(&d->evtchn, port);
	if (!c) {
		spin_unlock(&d->evtchn.lock);
		return -XEN_EINVAL;
	}
	is_pirq = c->state == EVTCHNSTAT_pirq;
	pirq = c->pirq;
	if (bit_test_and_clear(s->evtchn_mask, port) && bit_test(s->evtchn_pending, port)) {
		mark_word(d->vcpu[c->vcpu], port);
	}
	spin_unlock(&d->evtchn.lock);
	if (is_pirq) {
		guest_pirq_unmasked(d, pirq);
	}
	return 0;
}

static int reset(const struct evtchn_reset *req)
{
	struct domain *d;
	int rc = target_domain(req->dom, &d);

	if (!rc) {
		rc = evtchn_reset(d);
		domain_put(d);
	}
	return rc;
}

/* Copies the answer out; a port whose number can't be told is closed again. */
#define ANSWER_PORT(rc, arg, req, d, p)                \
	({                                             \
		long r_ = (rc);                        \
		if (!r_ && copy_out((arg), &(req))) {  \
			close_port(&(d)->evtchn, (p)); \
			r_ = -XEN_EFAULT;              \
		}                                      \
		r_;                                    \
	})

static long op_alloc_unbound(gva_t arg)
{
	struct evtchn_alloc_unbound req;
	struct domain *d;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	rc = alloc_unbound(&req);
	if (!rc && copy_out(arg, &req)) {
		if (!target_domain(req.dom, &d)) {
			close_port(&d->evtchn, req.port);
			domain_put(d);
		}
		rc = -XEN_EFAULT;
	}
	return rc;
}

static long op_bind_interdomain(gva_t arg)
{
	struct evtchn_bind_interdomain req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	return ANSWER_PORT(bind_interdomain(&req), arg, req, cpu_current()->domain, req.local_port);
}

static long op_bind_virq(gva_t arg)
{
	struct evtchn_bind_virq req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	return ANSWER_PORT(bind_virq(&req), arg, req, cpu_current()->domain, req.port);
}

static long op_bind_ipi(gva_t arg)
{
	struct evtchn_bind_ipi req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	return ANSWER_PORT(bind_ipi(&req), arg, req, cpu_current()->domain, req.port);
}

static long op_bind_pirq(gva_t arg)
{
	struct evtchn_bind_pirq req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	return ANSWER_PORT(bind_pirq(&req), arg, req, cpu_current()->domain, req.port);
}

static long op_close(gva_t arg)
{
	struct evtchn_close req;

	return copy_in(&req, arg) ? -XEN_EFAULT
				  : close_port(&cpu_current()->domain->evtchn, req.port);
}

static long op_send(gva_t arg)
{
	struct evtchn_send req;

	return copy_in(&req, arg) ? -XEN_EFAULT : send(req.port);
}

static long op_status(gva_t arg)
{
	struct evtchn_status req;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	rc = status(&req);
	return !rc && copy_out(arg, &req) ? -XEN_EFAULT : rc;
}

static long op_bind_vcpu(gva_t arg)
{
	struct evtchn_bind_vcpu req;

	return copy_in(&req, arg) ? -XEN_EFAULT : bind_vcpu(&req);
}

static long op_unmask(gva_t arg)
{
	struct evtchn_unmask req;

	return copy_in(&req, arg) ? -XEN_EFAULT : unmask(req.port);
}

static long op_reset(gva_t arg)
{
	struct evtchn_reset req;

	return copy_in(&req, arg) ? -XEN_EFAULT : reset(&req);
}

long evtchn_op(unsigned int cmd, gva_t arg)
{
	switch (cmd) {
	case EVTCHNOP_send:
		return op_send(arg);
	case EVTCHNOP_alloc_unbound:
		return op_alloc_unbound(arg);
	case EVTCHNOP_bind_interdomain:
		return op_bind_interdomain(arg);
	case EVTCHNOP_bind_virq:
		return op_bind_virq(arg);
	case EVTCHNOP_bind_ipi:
		return op_bind_ipi(arg);
	case EVTCHNOP_bind_pirq:
		return op_bind_pirq(arg);
	case EVTCHNOP_close:
		return op_close(arg);
	case EVTCHNOP_status:
		return op_status(arg);
	case EVTCHNOP_bind_vcpu:
		return op_bind_vcpu(arg);
	case EVTCHNOP_unmask:
		return op_unmask(arg);
	case EVTCHNOP_reset:
		return op_reset(arg);
	default:
		/* The FIFO ABI (init_control, expand_array, set_priority): guests fall back to this one. */
		return -XEN_ENOSYS;
	}
}

long do_event_channel_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a3;
	(void)a4;
	(void)a5;
	return evtchn_op((unsigned int)cmd, arg);
}

/* The old calling convention: one struct with the command in front of the same arguments. */
long do_event_channel_op_compat(uint64_t arg, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	uint32_t cmd;

	(void)a2;
	(void)a3;
	(void)a4;
	(void)a5;
	if (copy_in(&cmd, arg)) {
		return -XEN_EFAULT;
	}
	if (cmd > EVTCHNOP_unmask) {
		return -XEN_ENOSYS;
	}
	return evtchn_op(cmd, arg + offsetof(struct evtchn_op, u));
}

/* --- for the rest of the hypervisor --- */

void evtchn_send_virq(struct vcpu *v, unsigned int virq)
{
	struct domain *d = v->domain;
	uint64_t port;

	if (virq_is_global(virq)) {
		v = d->vcpu[0];
	}
	spin_lock(&d->evtchn.lock);
	port = v->evtchn_virq[virq];
	if (port) {
		deliver_channel(d, port_channel(&d->evtchn, (evtchn_port_t)port));
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
		deliver_channel(d, port_channel(t, port));
	}
	spin_unlock(&t->lock);
	return port != 0;
}

int evtchn_port_pending(struct domain *d, evtchn_port_t port)
{
	if (!port_channel(&d->evtchn, port)) {
		return -XEN_EINVAL;
	}
	return bit_test(d->shared->evtchn_pending, port);
}

static void close_every_port(struct evtchn_table *t)
{
	uint32_t port;

	for (port = 1; port <= t->max_port; port++) {
		struct evtchn *c = port_channel(t, port);

		if (c && c->state != EVTCHNSTAT_closed) {
			close_port(t, port);
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
