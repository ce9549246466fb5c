/*
 * Hypercall vcpu_op: what a domain may ask about and do to its own vCPUs.
 */
#include <stdint.h>

#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/sched/sched.h"
#include "core/time.h"
#include "core/vcpu.h"
#include "mm/frame.h"
#include "mm/pool.h"

#define PERIOD_MIN ((uint64_t)1000000)
#define PERIOD_MAX ((uint64_t)INT64_MAX / 4)

static long is_up(struct vcpu *v, gva_t arg)
{
	(void)arg;
	return !(atomic_load(&v->pause_flags) & VPF_DOWN);
}

static long give_context(struct vcpu *v, gva_t arg)
{
	struct domain *d = v->domain;
	struct vcpu_guest_context *c;
	long rc;

	if (v->initialised) {
		return refuse_at(-XEN_EEXIST, REASON_VCPU_HAS_CONTEXT, v->id);
	}
	/* Over 5 KiB: not for the stack. */
	c = pool_alloc(sizeof(*c));
	if (!c) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	if (copy_in(c, arg)) {
		rc = -XEN_EFAULT;
	} else {
		spin_lock(&d->lock);
		rc = d->dying	      ? refuse(-XEN_EINVAL, REASON_DOMAIN_DYING)
		     : v->initialised ? refuse_at(-XEN_EEXIST, REASON_VCPU_HAS_CONTEXT, v->id)
				      : guest_vcpu_set_context(v, c);
		if (rc == 0) {
			v->initialised = true;
		}
		spin_unlock(&d->lock);
	}
	pool_free(c);
	return rc;
}

static long initialise(struct vcpu *v, gva_t arg)
{
	long rc = give_context(v, arg);

	return rc == -XEN_ERESTART ? hypercall_restart(__HYPERVISOR_vcpu_op, VCPUOP_initialise,
						       v->id, arg, 0, 0)
				   : rc;
}

static long up(struct vcpu *v, gva_t arg)
{
	(void)arg;
	if (!v->initialised) {
		return refuse_at(-XEN_EINVAL, REASON_VCPU_NO_CONTEXT, v->id);
	}
	vcpu_clear_flag(v, VPF_DOWN);
	return 0;
}

/* A vCPU that is down keeps its state: after "up" it goes on behind this call. */
static long down(struct vcpu *v, gva_t arg)
{
	struct domain *d = v->domain;
	bool last = true;

	(void)arg;
	spin_lock(&d->lock);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		last &= d->vcpu[i] == v || (atomic_load(&d->vcpu[i]->pause_flags) & VPF_DOWN);
	}
	if (!last) {
		vcpu_set_flag(v, VPF_DOWN);
	}
	spin_unlock(&d->lock);
	if (last) {
		domain_shutdown(d, SHUTDOWN_poweroff);
	}
	return 0;
}

static long get_runstate(struct vcpu *v, gva_t arg)
{
	struct vcpu_runstate_info info;

	sched_runstate_get(v, &info);
	return copy_out(arg, &info) ? -XEN_EFAULT : 0;
}

static long register_runstate(struct vcpu *v, gva_t arg)
{
	struct vcpu_register_runstate_memory_area area;

	return copy_in(&area, arg) ? -XEN_EFAULT : sched_register_runstate_area(v, area.addr.p);
}

static long register_time(struct vcpu *v, gva_t arg)
{
	struct vcpu_register_time_memory_area area;

	return copy_in(&area, arg) ? -XEN_EFAULT : time_register_area(v, area.addr.p);
}

/*
 * Moves vcpu_info to a frame of the guest's.  A sender on another CPU may still write
 * its summary bit into the old place; but it set the port's own bit before it read v->info,
 * and we raise all summary bits after we changed v->info, so that port is looked at.
 */
static void move_info(struct vcpu *v, struct vcpu_info *to, mfn_t frame)
{
	*to = *v->info;
	v->info_frame = frame;
	__atomic_store_n(&v->info, to, __ATOMIC_SEQ_CST);
	__atomic_store_n(&to->evtchn_pending_sel, ~(xen_ulong_t)0, __ATOMIC_SEQ_CST);
	vcpu_mark_event(v);
	/* The copied "pending" may have hidden the event from vcpu_mark_event(). */
	vcpu_wake(v);
}

static long register_info(struct vcpu *v, gva_t arg)
{
	struct domain *d = v->domain;
	struct vcpu_register_vcpu_info req;
	mfn_t frame;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	frame = mfn(req.mfn);
	if (req.offset % 8 || req.offset > PAGE_SIZE - sizeof(struct vcpu_info)) {
		return refuse_at(-XEN_ENXIO, REASON_BAD_ARGUMENT, req.offset);
	}
	if (!frame_valid(frame)) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_FRAME, frame.n);
	}
	spin_lock(&d->lock);
	/* Only while nobody else could be looking at the old place. */
	if (!mfn_eq(v->info_frame, MFN_NONE) ||
	    (v != cpu_current() && !(atomic_load(&v->pause_flags) & VPF_DOWN))) {
		rc = refuse_at(-XEN_EINVAL, REASON_VCPU_AT_WORK, v->id);
	} else {
		rc = frame_get_type(frame, FRAME_WRITABLE, d);
		if (rc == 0) {
			move_info(v,
				  (struct vcpu_info *)((char *)frame_to_virt(frame) + req.offset),
				  frame);
		}
	}
	spin_unlock(&d->lock);
	return rc;
}

static long set_periodic(struct vcpu *v, gva_t arg)
{
	struct vcpu_set_periodic_timer req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (req.period_ns < PERIOD_MIN || req.period_ns > PERIOD_MAX) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_PERIOD, req.period_ns);
	}
	__atomic_store_n(&v->period, (ns_t)req.period_ns, __ATOMIC_RELAXED);
	timer_migrate(&v->periodic, cpu_id());
	timer_set(&v->periodic, cpu_time_now() + (ns_t)req.period_ns);
	return 0;
}

static long stop_periodic(struct vcpu *v, gva_t arg)
{
	(void)arg;
	__atomic_store_n(&v->period, 0, __ATOMIC_RELAXED);
	timer_stop(&v->periodic);
	return 0;
}

static long set_singleshot(struct vcpu *v, gva_t arg)
{
	struct vcpu_set_singleshot_timer req;

	if (v != cpu_current()) {
		return refuse_at(-XEN_EINVAL, REASON_OTHER_VCPU, v->id);
	}
	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if ((req.flags & VCPU_SSHOTTMR_future) && req.timeout_abs_ns < (uint64_t)cpu_time_now()) {
		return refuse_at(-XEN_ETIME, REASON_TIME_PASSED, req.timeout_abs_ns);
	}
	timer_migrate(&v->singleshot, cpu_id());
	timer_set(&v->singleshot,
		  req.timeout_abs_ns > INT64_MAX ? INT64_MAX : (ns_t)req.timeout_abs_ns);
	return 0;
}

static long stop_singleshot(struct vcpu *v, gva_t arg)
{
	(void)arg;
	if (v != cpu_current()) {
		return refuse_at(-XEN_EINVAL, REASON_OTHER_VCPU, v->id);
	}
	timer_stop(&v->singleshot);
	return 0;
}

static long send_nmi(struct vcpu *v, gva_t arg)
{
	if (arg) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, arg);
	}
	guest_send_nmi(v);
	return 0;
}

/* Only for vCPUs that are bound to one CPU for good, and there are none. */
static long get_physid(struct vcpu *v, gva_t arg)
{
	(void)v, (void)arg;
	return refuse(-XEN_EINVAL, REASON_NOT_SERVED);
}

static long (*const operations[])(struct vcpu *v, gva_t arg) = {
	[VCPUOP_initialise] = initialise,
	[VCPUOP_up] = up,
	[VCPUOP_down] = down,
	[VCPUOP_is_up] = is_up,
	[VCPUOP_get_runstate_info] = get_runstate,
	[VCPUOP_register_runstate_memory_area] = register_runstate,
	[VCPUOP_set_periodic_timer] = set_periodic,
	[VCPUOP_stop_periodic_timer] = stop_periodic,
	[VCPUOP_set_singleshot_timer] = set_singleshot,
	[VCPUOP_stop_singleshot_timer] = stop_singleshot,
	[VCPUOP_register_vcpu_info] = register_info,
	[VCPUOP_send_nmi] = send_nmi,
	[VCPUOP_get_physid] = get_physid,
	[VCPUOP_register_vcpu_time_memory_area] = register_time,
};

long do_vcpu_op(uint64_t cmd, uint64_t id, uint64_t arg, uint64_t a4, uint64_t a5)
{
	struct domain *d = cpu_current()->domain;

	(void)a4, (void)a5;
	/* Both are ints in the ABI. */
	cmd = (uint32_t)cmd;
	id = (uint32_t)id;
	if (id >= d->max_vcpus) {
		return refuse_at(-XEN_ENOENT, REASON_NO_SUCH_VCPU, id);
	}
	if (cmd >= ARRAY_SIZE(operations) || !operations[cmd]) {
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
	return operations[cmd](d->vcpu[id], arg);
}
