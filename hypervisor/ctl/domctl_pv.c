/*
 * Domain control, the paravirtual half: contexts of vCPUs, the hypercall page, what each frame of a
 * guest is (for its saver), the time-stamp counter.
 */
#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/time.h"
#include "core/vcpu.h"
#include "ctl/domctl.h"
#include "mm/frame.h"
#include "mm/pool.h"
#include "x86/machine.h"

#define MOST_PAGE_INFOS	   1024u /* the ABI's batch */
#define PAGE_INFOS_AT_ONCE 64u
#define TSC_MODE_PVRDTSCP  3u

/*
 * The domain is stopped while its registers are looked at or set.  Not for the caller itself, which can't
 * wait for itself to stop; nor for a domain that is being torn down, which a new context would give page tables
 * again.  Setting that off is alone as this is, so what is seen here holds until the end.
 */
static long stop_for_context(struct domain *d, const struct xen_domctl *op, struct vcpu **v)
{
	if (d == cpu_current()->domain) {
		return refuse(-XEN_EINVAL, REASON_NOT_UPON_ITSELF);
	}
	if (d->dying) {
		return refuse(-XEN_EINVAL, REASON_DOMAIN_DYING);
	}
	if (op->u.vcpucontext.vcpu >= d->max_vcpus) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_VCPU, op->u.vcpucontext.vcpu);
	}
	*v = domctl_vcpu(d, op->u.vcpucontext.vcpu);
	if (!*v) {
		return refuse_at(-XEN_ESRCH, REASON_NO_SUCH_VCPU, op->u.vcpucontext.vcpu);
	}
	domain_stop(d);
	return 0;
}

static long set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	long rc = guest_vcpu_set_context(v, c);

	if (rc) {
		return rc;
	}
	v->initialised = true;
	/* Whoever builds or restores a domain may have cleared its shared page, and the wall clock with it. */
	if (v->id == 0) {
		time_update_domain(v->domain);
	}
	if (c->flags & VGCF_online) {
		vcpu_clear_flag(v, VPF_DOWN);
	} else {
		vcpu_set_flag(v, VPF_DOWN);
	}
	return 0;
}

long domctl_set_context(struct domain *d, struct xen_domctl *op)
{
	gva_t from = handle_gva(op->u.vcpucontext.ctxt);
	struct vcpu_guest_context *c;
	struct vcpu *v;
	long rc;

	if (!from) {
		return refuse(-XEN_EOPNOTSUPP, REASON_NOT_SERVED); /* "reset this vCPU" */
	}
	c = pool_alloc(sizeof(*c));
	if (!c) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	rc = copy_in(c, from) ? -XEN_EFAULT : stop_for_context(d, op, &v);
	if (!rc) {
		rc = set_context(v, c);
		domain_go_on(d);
	}
	pool_free(c);
	return rc;
}

long domctl_get_context(struct domain *d, struct xen_domctl *op)
{
	struct vcpu_guest_context *c = pool_alloc(sizeof(*c));
	struct vcpu *v;
	long rc;

	if (!c) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	rc = stop_for_context(d, op, &v);
	if (!rc) {
		if (v->initialised) {
			guest_vcpu_get_context(v, c);
		} else {
			rc = refuse_at(-XEN_ENODATA, REASON_VCPU_NO_CONTEXT, v->id);
		}
		domain_go_on(d);
	}
	if (!rc && copy_out(handle_gva(op->u.vcpucontext.ctxt), c)) {
		rc = -XEN_EFAULT;
	}
	pool_free(c);
	return rc;
}

long domctl_hypercall_init(struct domain *d, struct xen_domctl *op)
{
	mfn_t m = mfn(op->u.hypercall_init.gmfn);
	int rc = frame_valid(m) ? frame_get_type(m, FRAME_WRITABLE, d)
				: refuse_at(-XEN_EINVAL, REASON_NO_SUCH_FRAME, m.n);

	if (rc) {
		return rc == -XEN_EBUSY ? refuse_as(-XEN_EPERM) : rc;
	}
	guest_fill_hypercall_page(frame_to_virt(m));
	frame_put_type(m);
	return 0;
}

long domctl_set_address_size(struct domain *d, struct xen_domctl *op)
{
	(void)d;
	return op->u.address_size.size == 64
		       ? 0
		       : refuse_at(-XEN_EINVAL, REASON_NOT_PARAVIRTUAL, op->u.address_size.size);
}

long domctl_get_address_size(struct domain *d, struct xen_domctl *op)
{
	(void)d;
	op->u.address_size.size = 64;
	return 0;
}

/* --- what a frame is --- */

static uint32_t frame_info(const struct domain *d, mfn_t m)
{
	uint32_t info = XEN_DOMCTL_PFINFO_NOTAB;
	const struct frame *f;

	if (!frame_valid(m) || !frame_get(m, d)) {
		return XEN_DOMCTL_PFINFO_XTAB;
	}
	f = frame_of(m);
	switch (frame_type_of(f)) {
	case FRAME_L1:
		info = XEN_DOMCTL_PFINFO_L1TAB;
		break;
	case FRAME_L2:
		info = XEN_DOMCTL_PFINFO_L2TAB;
		break;
	case FRAME_L3:
		info = XEN_DOMCTL_PFINFO_L3TAB;
		break;
	case FRAME_L4:
		info = XEN_DOMCTL_PFINFO_L4TAB;
		break;
	default:
		break;
	}
	/* A type that nobody uses any more says nothing. */
	if (!frame_type_count(f)) {
		info = XEN_DOMCTL_PFINFO_NOTAB;
	} else if (atomic_load(&frame_of(m)->type) & FT_PINNED) {
		info |= XEN_DOMCTL_PFINFO_LPINTAB;
	}
	frame_put(m);
	return info;
}

long domctl_page_info(struct domain *d, struct xen_domctl *op)
{
	gva_t array = handle_gva(op->u.getpageframeinfo3.array);
	uint64_t n = op->u.getpageframeinfo3.num, i;
	xen_pfn_t e[PAGE_INFOS_AT_ONCE];

	if (d == cpu_current()->domain) {
		return refuse(-XEN_EINVAL, REASON_NOT_UPON_ITSELF);
	}
	if (n > MOST_PAGE_INFOS) {
		return refuse_at(-XEN_E2BIG, REASON_LIST_TOO_LONG, n);
	}
	for (i = 0; i < n; i += PAGE_INFOS_AT_ONCE) {
		size_t some = MIN(n - i, PAGE_INFOS_AT_ONCE), bytes = some * sizeof(e[0]);
		gva_t at = array + i * sizeof(e[0]);

		if (cpu_copy_from_guest(e, at, bytes)) {
			return -XEN_EFAULT;
		}
		for (size_t k = 0; k < some; k++) {
			e[k] = frame_info(d, mfn(e[k]));
		}
		if (cpu_copy_to_guest(at, e, bytes)) {
			return -XEN_EFAULT;
		}
		cpu_preempt_point();
	}
	return 0;
}

/* --- time stamps: always the machine's own --- */

long domctl_get_tsc(struct domain *d, struct xen_domctl *op)
{
	(void)d;
	op->u.tsc_info = (struct xen_domctl_tsc_info){
		.gtsc_khz = (uint32_t)clock_tsc_khz(),
		.elapsed_nsec = (uint64_t)cpu_time_now(),
	};
	return 0;
}

/* Which mode a guest prefers makes no difference, since reading the stamp never traps; the paravirtual one is gone. */
long domctl_set_tsc(struct domain *d, struct xen_domctl *op)
{
	if (d == cpu_current()->domain) {
		return refuse(-XEN_EINVAL, REASON_NOT_UPON_ITSELF);
	}
	return op->u.tsc_info.tsc_mode < TSC_MODE_PVRDTSCP
		       ? 0
		       : refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, op->u.tsc_info.tsc_mode);
}

/* --- for savers --- */

/* Tracking of written pages is not there yet; turning it off is always right. */
long domctl_shadow_op(struct domain *d, struct xen_domctl *op)
{
	(void)d;
	return op->u.shadow_op.op == XEN_DOMCTL_SHADOW_OP_OFF
		       ? 0
		       : refuse_at(-XEN_EOPNOTSUPP, REASON_NOT_SERVED, op->u.shadow_op.op);
}

/* A vCPU has no model-specific registers that are not in its context. */
long domctl_get_msrs(struct domain *d, struct xen_domctl *op)
{
	if (!domctl_vcpu(d, op->u.vcpu_msrs.vcpu)) {
		return refuse_at(-XEN_ENOENT, REASON_NO_SUCH_VCPU, op->u.vcpu_msrs.vcpu);
	}
	op->u.vcpu_msrs.msr_count = 0;
	return 0;
}

long domctl_set_msrs(struct domain *d, struct xen_domctl *op)
{
	if (!domctl_vcpu(d, op->u.vcpu_msrs.vcpu)) {
		return refuse_at(-XEN_ENOENT, REASON_NO_SUCH_VCPU, op->u.vcpu_msrs.vcpu);
	}
	return op->u.vcpu_msrs.msr_count
		       ? refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, op->u.vcpu_msrs.msr_count)
		       : 0;
}
