/*
 * Hypercall sched_op: how a vCPU gives its CPU away, until an event, a time, or for good.
 */
#include <stdint.h>

#include <xen/errno.h>
#include <xen/sched.h>

#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "core/sched/sched.h"
#include "core/softirq.h"
#include "core/vcpu.h"

#define POLL_PORTS_MAX 128

static long block(void)
{
	struct vcpu *v = cpu_current();

	/* Opening and looking are one step to the guest: no event slips in between. */
	__atomic_store_n(&v->info->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
	sched_block();
	return 0;
}

/* 1 if some port is pending, 0 if none, or -errno. */
static long any_pending(struct domain *d, const struct sched_poll *req)
{
	for (unsigned int i = 0; i < req->nr_ports; i++) {
		evtchn_port_t port;
		int pending;

		if (copy_in_at(&port, handle_gva(req->ports), i)) {
			return -XEN_EFAULT;
		}
		pending = evtchn_port_pending(d, port);
		if (pending) {
			return pending;
		}
	}
	return 0;
}

static uint32_t first_port(const struct sched_poll *req)
{
	evtchn_port_t port = 0;

	return req->nr_ports == 1 && !copy_in(&port, handle_gva(req->ports)) ? port : 0;
}

static long poll(gva_t arg)
{
	struct vcpu *v = cpu_current();
	struct sched_poll req;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (req.nr_ports > POLL_PORTS_MAX) {
		return refuse_at(-XEN_EINVAL, REASON_LIST_TOO_LONG, req.nr_ports);
	}
	timer_stop(&v->poll_timer);
	v->poll_port = first_port(&req);
	/* Flag first, then look: a sender does it the other way round. */
	atomic_fetch_or(&v->pause_flags, VPF_POLLING);
	rc = any_pending(v->domain, &req);
	if (rc != 0 || vcpu_event_pending(v)) {
		sched_go_on(v, VPF_POLLING);
		return rc < 0 ? rc : 0;
	}
	if (req.timeout != 0) {
		timer_migrate(&v->poll_timer, cpu_id());
		timer_set(&v->poll_timer, req.timeout > INT64_MAX ? INT64_MAX : (ns_t)req.timeout);
	}
	softirq_raise(SOFTIRQ_SCHEDULE);
	return 0;
}

static long shutdown(struct domain *d, unsigned int reason)
{
	if (reason > SHUTDOWN_MAX) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_SHUTDOWN_CODE, reason);
	}
	domain_shutdown(d, reason);
	return 0;
}

static long shutdown_self(gva_t arg)
{
	struct sched_shutdown req;

	return copy_in(&req, arg) ? -XEN_EFAULT : shutdown(cpu_current()->domain, req.reason);
}

/* The reason to report later, whoever then shuts the domain down: for a kernel that is crashing. */
static long set_code(gva_t arg)
{
	struct domain *d = cpu_current()->domain;
	struct sched_shutdown req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (req.reason > SHUTDOWN_MAX) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_SHUTDOWN_CODE, req.reason);
	}
	spin_lock(&d->lock);
	if (!d->shutdown && !d->shutdown_code_given) {
		d->shutdown_code = req.reason;
		d->shutdown_code_given = true;
	}
	spin_unlock(&d->lock);
	return 0;
}

static long watchdog(gva_t arg)
{
	struct sched_watchdog req;

	return copy_in(&req, arg) ? -XEN_EFAULT : watchdog_op(req.id, req.timeout);
}

static long remote_shutdown(gva_t arg)
{
	struct domain *self = cpu_current()->domain, *d;
	struct sched_remote_shutdown req;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (!self->privileged) {
		return refuse(-XEN_EPERM, REASON_NOT_PRIVILEGED);
	}
	d = domain_get(req.domain_id);
	if (!d) {
		return refuse_at(-XEN_ESRCH, REASON_NO_SUCH_DOMAIN, req.domain_id);
	}
	rc = rights_control(self, d) ? shutdown(d, req.reason)
				     : refuse_at(-XEN_EPERM, REASON_NOT_CONTROLLED, req.domain_id);
	domain_put(d);
	return rc;
}

long do_sched_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a3, (void)a4, (void)a5;
	switch ((uint32_t)cmd) { /* the ABI's is an int */
	case SCHEDOP_yield:
		sched_yield();
		return 0;
	case SCHEDOP_block:
		return block();
	case SCHEDOP_shutdown:
		return shutdown_self(arg);
	case SCHEDOP_poll:
		return poll(arg);
	case SCHEDOP_remote_shutdown:
		return remote_shutdown(arg);
	case SCHEDOP_shutdown_code:
		return set_code(arg);
	case SCHEDOP_watchdog:
		return watchdog(arg);
	case SCHEDOP_pin_override:
		/* For firmware calls that want CPU 0; only the owner of the hardware makes them, and ours are our own. */
		return cpu_current()->domain->hardware ? refuse(-XEN_ENOSYS, REASON_NOT_SERVED)
						       : refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	default:
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
}

long do_sched_op_compat(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a3, (void)a4, (void)a5;
	switch ((uint32_t)cmd) { /* the ABI's is an int */
	case SCHEDOP_yield:
		sched_yield();
		return 0;
	case SCHEDOP_block:
		return block();
	case SCHEDOP_shutdown:
		return shutdown(cpu_current()->domain, (unsigned int)arg);
	default:
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
}

long do_set_timer_op(uint64_t when, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct vcpu *v = cpu_current();

	(void)a2, (void)a3, (void)a4, (void)a5;
	if (when == 0) {
		timer_stop(&v->singleshot);
	} else {
		timer_migrate(&v->singleshot, cpu_id());
		timer_set(&v->singleshot, when > INT64_MAX ? INT64_MAX : (ns_t)when);
	}
	return 0;
}
