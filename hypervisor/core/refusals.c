/*
 * The record of refusals: who was refused what, why and how often.  A guest can fill only its own.
 */
#include "core/refusals.h"

#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "core/vcpu.h"

void refusals_init(struct refusals *r)
{
	spin_init(&r->lock, LOCK_REFUSALS);
}

static struct pavane_refusal *record(struct refusals *r, uint64_t number)
{
	return &r->last[number % PAVANE_REFUSALS];
}

static bool same(const struct pavane_refusal *a, const struct pavane_refusal *b)
{
	return a->times && a->status == b->status && a->reason == b->reason && a->vcpu == b->vcpu &&
	       a->call == b->call && a->op == b->op;
}

/* At boot, and in work that is nobody's, there is no domain. */
static struct vcpu *refused_vcpu(void)
{
	struct vcpu *v = cpu_current();

	return v && v->domain ? v : NULL;
}

void refusal_record(int status, enum reason why, uint64_t value)
{
	struct vcpu *v = refused_vcpu();
	struct pavane_refusal now = { .status = status, .reason = why, .times = 1 }, *last;
	struct refusals *r;

	if (!v) {
		return;
	}
	r = &v->domain->refusals;
	now.time = (uint64_t)cpu_time_now();
	now.value = value;
	now.vcpu = (uint16_t)v->id;
	guest_call_name(&now.call, &now.op);
	spin_lock(&r->lock);
	r->total++;
	last = record(r, r->made);
	if (same(last, &now)) {
		now.times += last->times;
	} else {
		last = record(r, ++r->made);
	}
	*last = now;
	v->refusal = r->made;
	spin_unlock(&r->lock);
}

/* Others of the domain may have been refused since; then the record is not the newest, or gone. */
void refusal_amend(int status)
{
	struct vcpu *v = refused_vcpu();
	struct refusals *r;

	if (!v) {
		return;
	}
	r = &v->domain->refusals;
	spin_lock(&r->lock);
	if (v->refusal && r->made - v->refusal < PAVANE_REFUSALS) {
		record(r, v->refusal)->status = status;
	}
	spin_unlock(&r->lock);
}

/* Up to room of the newest, oldest first. */
static unsigned int snapshot(struct refusals *r, struct pavane_refusal *to, unsigned int room,
			     uint64_t *total)
{
	unsigned int skip, n = 0;

	spin_lock(&r->lock);
	*total = r->total;
	skip = PAVANE_REFUSALS - MIN(room, PAVANE_REFUSALS);
	for (unsigned int i = skip; i < PAVANE_REFUSALS; i++) {
		const struct pavane_refusal *f = record(r, r->made + 1 + i);

		if (f->times) {
			to[n++] = *f;
		}
	}
	spin_unlock(&r->lock);
	return n;
}

static long tell_refusals(gva_t arg)
{
	struct pavane_refusal list[PAVANE_REFUSALS];
	struct domain *self = cpu_current()->domain, *d;
	struct pavane_refusals req;
	unsigned int n;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	d = domain_get(req.domid);
	if (!d) {
		return refuse_at(-XEN_ESRCH, REASON_NO_SUCH_DOMAIN, req.domid);
	}
	if (d != self && !rights_control(self, d)) {
		domain_put(d);
		return refuse_at(-XEN_EPERM, REASON_NOT_CONTROLLED, req.domid);
	}
	n = snapshot(&d->refusals, list, req.count, &req.total);
	domain_put(d);
	req.count = n;
	return (n && copy_bytes_out(req.records, list, n * sizeof(list[0]))) || copy_out(arg, &req)
		       ? -XEN_EFAULT
		       : 0;
}

long do_pavane_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a3, (void)a4, (void)a5;
	return (uint32_t)cmd == PAVANE_OP_refusals ? tell_refusals(arg)
						   : refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
}
