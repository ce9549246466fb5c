/*
 * Hypercall event_channel_op: what a guest may ask of its event channels, and the control domain of another's.
 * Arguments are copied once, all is checked, then it is done.
 */
#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/evtchn_port.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "core/vcpu.h"
#include "mm/pool.h"

/* The domain an operation names, referenced: the caller's own, or one that it controls. */
static int target_domain(domid_t id, struct domain **out)
{
	struct domain *self = cpu_current()->domain;
	struct domain *d = domain_get(id);

	if (!d) {
		return refuse_at(-XEN_ESRCH, REASON_NO_SUCH_DOMAIN, id);
	}
	if (d != self && !rights_control(self, d)) {
		domain_put(d);
		return refuse_at(-XEN_EPERM, REASON_NOT_CONTROLLED, id);
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
	rc = evtchn_claim(&d->evtchn, &c);
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

/* May the caller be the other end of that port? */
static int may_bind(const struct evtchn *c, evtchn_port_t port)
{
	if (!c) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PORT, port);
	}
	if (c->state != EVTCHNSTAT_unbound) {
		return refuse_at(-XEN_EINVAL, REASON_PORT_STATE, port);
	}
	return c->unbound.domid == cpu_current()->domain->id
		       ? 0
		       : refuse_at(-XEN_EINVAL, REASON_PORT_NOT_FOR_YOU, port);
}

static int bind_interdomain(struct evtchn_bind_interdomain *req)
{
	struct domain *ld = cpu_current()->domain, *rd = domain_get(req->remote_dom);
	struct evtchn *lc, *rc_;
	int rc;

	if (!rd) {
		return refuse_at(-XEN_ESRCH, REASON_NO_SUCH_DOMAIN, req->remote_dom);
	}
	if (!domain_get_again(ld)) {
		domain_put(rd);
		return refuse(-XEN_ESRCH, REASON_DOMAIN_DYING);
	}
	evtchn_lock_pair(&ld->evtchn, &rd->evtchn);
	rc_ = evtchn_channel(&rd->evtchn, req->remote_port);
	rc = may_bind(rc_, req->remote_port);
	rc = rc ? rc : evtchn_claim(&ld->evtchn, &lc);
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
	evtchn_deliver(ld, lc);
	rc = 0;
out:
	evtchn_unlock_pair(&ld->evtchn, &rd->evtchn);
	if (rc) {
		domain_put(rd);
		domain_put(ld);
	}
	return rc;
}

static int bind_virq(struct evtchn_bind_virq *req)
{
	struct domain *d = cpu_current()->domain;
	struct evtchn *c;
	struct vcpu *v;
	int rc;

	if (req->virq >= NR_VIRQS || (evtchn_virq_is_global(req->virq) && req->vcpu != 0)) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_VIRQ, req->virq);
	}
	v = evtchn_vcpu(d, req->vcpu);
	if (!v) {
		return refuse_at(-XEN_ENOENT, REASON_NO_SUCH_VCPU, req->vcpu);
	}
	spin_lock(&d->evtchn.lock);
	rc = v->evtchn_virq[req->virq] ? refuse_at(-XEN_EEXIST, REASON_VIRQ_BOUND, req->virq)
				       : evtchn_claim(&d->evtchn, &c);
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

	if (!evtchn_vcpu(d, req->vcpu)) {
		return refuse_at(-XEN_ENOENT, REASON_NO_SUCH_VCPU, req->vcpu);
	}
	spin_lock(&d->evtchn.lock);
	rc = evtchn_claim(&d->evtchn, &c);
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
			return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
		}
	}
	if (t->pirq_port[pirq]) {
		return refuse_at(-XEN_EEXIST, REASON_PIRQ_TAKEN, pirq);
	}
	rc = evtchn_claim(t, &c);
	if (rc >= 0) {
		c->state = EVTCHNSTAT_pirq;
		c->pirq = pirq;
		t->pirq_port[pirq] = (uint32_t)rc;
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
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PIRQ, req->pirq);
	}
	spin_lock(&t->lock);
	port = claim_pirq_port(t, req->pirq);
	spin_unlock(&t->lock);
	if (port < 0) {
		return port;
	}
	rc = guest_pirq_bind(d, req->pirq, req->flags & BIND_PIRQ__WILL_SHARE);

	spin_lock(&t->lock);
	still = t->pirq_port[req->pirq] == (uint32_t)port;
	if (rc && still) {
		t->pirq_port[req->pirq] = 0;
		evtchn_free_channel(t, evtchn_channel(t, (evtchn_port_t)port));
	}
	spin_unlock(&t->lock);
	if (!rc && !still) {
		guest_pirq_unbind(d, req->pirq);
		return refuse_at(-XEN_EINVAL, REASON_PORT_STATE, port);
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
	c = evtchn_channel(&d->evtchn, port);
	switch (c ? c->state : EVTCHNSTAT_closed) {
	case EVTCHNSTAT_interdomain:
		rd = c->remote.dom;
		evtchn_deliver(rd, evtchn_channel(&rd->evtchn, c->remote.port));
		break;
	case EVTCHNSTAT_ipi:
		evtchn_deliver(d, c);
		break;
	case EVTCHNSTAT_unbound:
		break; /* nobody there yet: dropped, as the ABI says */
	default:
		rc = refuse_at(-XEN_EINVAL, c ? REASON_PORT_STATE : REASON_NO_SUCH_PORT, port);
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
	c = evtchn_channel(&d->evtchn, req->port);
	if (!c) {
		rc = refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PORT, req->port);
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

	if (!evtchn_vcpu(d, req->vcpu)) {
		return refuse_at(-XEN_ENOENT, REASON_NO_SUCH_VCPU, req->vcpu);
	}
	spin_lock(&d->evtchn.lock);
	c = evtchn_channel(&d->evtchn, req->port);
	switch (c ? c->state : EVTCHNSTAT_closed) {
	case EVTCHNSTAT_virq:
		if (!evtchn_virq_is_global(c->virq)) {
			rc = refuse_at(-XEN_EINVAL, REASON_PORT_STATE, req->port);
			break;
		}
		__attribute__((fallthrough));
	case EVTCHNSTAT_unbound:
	case EVTCHNSTAT_interdomain:
	case EVTCHNSTAT_pirq:
		__atomic_store_n(&c->vcpu, (uint16_t)req->vcpu, __ATOMIC_RELAXED);
		break;
	default:
		rc = refuse_at(-XEN_EINVAL, c ? REASON_PORT_STATE : REASON_NO_SUCH_PORT, req->port);
		break;
	}
	spin_unlock(&d->evtchn.lock);
	return rc;
}

static int unmask(evtchn_port_t port)
{
	struct domain *d = cpu_current()->domain;
	struct evtchn *c;
	bool is_pirq;
	uint32_t pirq;

	spin_lock(&d->evtchn.lock);
	c = evtchn_channel(&d->evtchn, port);
	if (!c) {
		spin_unlock(&d->evtchn.lock);
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PORT, port);
	}
	is_pirq = c->state == EVTCHNSTAT_pirq;
	pirq = c->pirq;
	if (d->evtchn.fifo) {
		evtchn_fifo_unmask(d, d->evtchn.fifo, c);
	} else {
		evtchn_2level_unmask(d, port, c->vcpu);
	}
	spin_unlock(&d->evtchn.lock);
	if (is_pirq) {
		guest_pirq_unmasked(d, pirq);
	}
	return 0;
}

/* May take long; then the guest asks again, and it goes on. */
static long reset(const struct evtchn_reset *req, gva_t arg)
{
	struct domain *d;
	int rc = target_domain(req->dom, &d);

	if (rc) {
		return rc;
	}
	rc = evtchn_reset(d);
	domain_put(d);
	return rc == -XEN_ERESTART ? hypercall_restart(__HYPERVISOR_event_channel_op,
						       EVTCHNOP_reset, arg, 0, 0, 0)
				   : rc;
}

/* Copies the answer out; a port whose number can't be told is closed again. */
#define ANSWER_PORT(rc, arg, req, d, p)                  \
	({                                               \
		long r_ = (rc);                          \
		if (!r_ && copy_out((arg), &(req))) {    \
			evtchn_close(&(d)->evtchn, (p)); \
			r_ = -XEN_EFAULT;                \
		}                                        \
		r_;                                      \
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
			evtchn_close(&d->evtchn, req.port);
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
				  : evtchn_close(&cpu_current()->domain->evtchn, req.port);
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

	return copy_in(&req, arg) ? -XEN_EFAULT : reset(&req, arg);
}

/* The answer is always the same, so it goes out first: what cannot be told is not done. */
static long op_init_control(gva_t arg)
{
	struct evtchn_init_control req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	req.link_bits = EVTCHN_FIFO_LINK_BITS;
	return copy_out(arg, &req) ? -XEN_EFAULT
				   : evtchn_fifo_init_control(cpu_current()->domain, &req);
}

static long op_expand_array(gva_t arg)
{
	struct evtchn_expand_array req;

	return copy_in(&req, arg) ? -XEN_EFAULT
				  : evtchn_fifo_expand_array(cpu_current()->domain, req.array_gfn);
}

static long op_set_priority(gva_t arg)
{
	struct evtchn_set_priority req;

	return copy_in(&req, arg) ? -XEN_EFAULT
				  : evtchn_fifo_set_priority(cpu_current()->domain, &req);
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
	case EVTCHNOP_init_control:
		return op_init_control(arg);
	case EVTCHNOP_expand_array:
		return op_expand_array(arg);
	case EVTCHNOP_set_priority:
		return op_set_priority(arg);
	default:
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
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
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
	return evtchn_op(cmd, arg + offsetof(struct evtchn_op, u));
}
