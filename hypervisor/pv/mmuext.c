/*
 * mmuext_op: pins, page-table bases, flushes, the LDT, and copies of whole frames.
 */
#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "lib/string.h"
#include "mm/pagetype.h"
#include "pv/guest.h"
#include "x86/pte.h"
#include "x86/tlb.h"

static int pin(struct domain *d, mfn_t m, enum frame_type level)
{
	int rc;

	spin_lock(&d->pages.pt_lock);
	rc = pagetype_pin(d, m, level);
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

static int unpin(struct domain *d, mfn_t m)
{
	int rc;

	spin_lock(&d->pages.pt_lock);
	rc = pagetype_unpin(d, m);
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

static int flush_multi(struct domain *d, const struct mmuext_op *op, bool page)
{
	uint64_t vcpus = 0;
	size_t bytes = (d->max_vcpus + 7) / 8;

	if (copy_bytes_in(&vcpus, handle_gva(op->arg2.vcpumask), MIN(bytes, sizeof(vcpus)))) {
		return -XEN_EFAULT;
	}
	if (page) {
		tlb_flush_page(guest_cpus(d, vcpus), op->arg1.linear_addr);
	} else {
		tlb_flush_guest(guest_cpus(d, vcpus));
	}
	return 0;
}

static int clear_frame(struct domain *d, mfn_t m)
{
	int rc = frame_get_type(m, FRAME_WRITABLE, d);

	if (rc == 0) {
		memset(frame_to_virt(m), 0, PAGE_SIZE);
		frame_put_type(m);
	}
	return rc;
}

static int copy_frame(struct domain *d, mfn_t to, mfn_t from)
{
	int rc;

	if (!frame_valid(from) || !frame_get(from, d)) {
		return refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, from.n);
	}
	rc = frame_get_type(to, FRAME_WRITABLE, d);
	if (rc == 0) {
		memcpy(frame_to_virt(to), frame_to_virt(from), PAGE_SIZE);
		frame_put_type(to);
	}
	frame_put(from);
	return rc;
}

/* d: whose frames; the flushes and bases are the current vCPU's own. */
static int one_op(struct domain *d, const struct mmuext_op *op)
{
	struct vcpu *v = cpu_current();
	mfn_t m = mfn(op->arg1.mfn);
	cpumask_t me = (cpumask_t)1 << cpu_id();
	bool self = d == v->domain;

	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
		return pin(d, m, FRAME_L1);
	case MMUEXT_PIN_L2_TABLE:
		return pin(d, m, FRAME_L2);
	case MMUEXT_PIN_L3_TABLE:
		return pin(d, m, FRAME_L3);
	case MMUEXT_PIN_L4_TABLE:
		return pin(d, m, FRAME_L4);
	case MMUEXT_UNPIN_TABLE:
		return unpin(d, m);
	case MMUEXT_CLEAR_PAGE:
		return frame_valid(m) ? clear_frame(d, m)
				      : refuse_at(-XEN_EINVAL, REASON_NO_SUCH_FRAME, m.n);
	case MMUEXT_COPY_PAGE:
		return frame_valid(m) ? copy_frame(d, m, mfn(op->arg2.src_mfn))
				      : refuse_at(-XEN_EINVAL, REASON_NO_SUCH_FRAME, m.n);
	default:
		break;
	}
	if (!self) {
		return refuse(-XEN_EPERM, REASON_FLUSH_SELF_ONLY);
	}
	switch (op->cmd) {
	case MMUEXT_NEW_BASEPTR:
		return m.n ? guest_set_base(v, m, false) : refuse(-XEN_EINVAL, REASON_NO_BASE);
	case MMUEXT_NEW_USER_BASEPTR:
		return guest_set_base(v, m, true);
	case MMUEXT_TLB_FLUSH_LOCAL:
		tlb_flush_guest(me);
		return 0;
	case MMUEXT_INVLPG_LOCAL:
		tlb_flush_page(me, op->arg1.linear_addr);
		return 0;
	case MMUEXT_TLB_FLUSH_MULTI:
		return flush_multi(d, op, false);
	case MMUEXT_INVLPG_MULTI:
		return flush_multi(d, op, true);
	case MMUEXT_TLB_FLUSH_ALL:
		tlb_flush_guest(guest_cpus(d, ~0ULL));
		return 0;
	case MMUEXT_INVLPG_ALL:
		tlb_flush_page(guest_cpus(d, ~0ULL), op->arg1.linear_addr);
		return 0;
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		if (!d->hardware) {
			return refuse(-XEN_EACCES, REASON_NO_CACHE_CONTROL);
		}
		__asm__ volatile("wbinvd" ::: "memory");
		return 0;
	case MMUEXT_SET_LDT:
		return segments_set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents);
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return refuse(-XEN_EOPNOTSUPP, REASON_NOT_SERVED);
	default:
		return refuse_at(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION, op->cmd);
	}
}

long do_mmuext_op(uint64_t ops, uint64_t count, uint64_t pdone, uint64_t foreign, uint64_t a5)
{
	struct domain *d = guest_named_domain((domid_t)foreign);
	uint32_t n = (uint32_t)count & ~(1U << 31), done = 0, before = 0;
	struct mmuext_op op;
	bool started = false;
	long rc = 0;

	(void)a5;
	if (!d) {
		return guest_named_error((domid_t)foreign);
	}
	if ((count & (1U << 31)) && pdone && cpu_copy_from_guest(&before, pdone, sizeof(before))) {
		before = 0;
	}
	/* Before the first, between two and after the last: tables that are still being taken apart. */
	while (guest_settle_tables(d) && done < n && !(started && hypercall_preempt())) {
		started = true;
		if (copy_in_at(&op, ops, done)) {
			rc = -XEN_EFAULT;
			break;
		}
		rc = one_op(d, &op);
		if (rc == -XEN_ERESTART) {
			rc = 0;
			continue;
		}
		if (rc) {
			break;
		}
		done++;
	}
	if (!rc && (done < n || !pagetype_settled(d))) {
		guest_report_done(pdone, before + done);
		rc = hypercall_restart(__HYPERVISOR_mmuext_op, ops + done * sizeof(op),
				       (n - done) | (1U << 31), pdone, foreign, 0);
		goto out;
	}
	guest_report_done(pdone, before + done);
out:
	guest_named_done(d);
	return rc;
}
