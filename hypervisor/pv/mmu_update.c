/*
 * mmu_update and update_va_mapping: a guest asks for entries of its page tables to be
 * written.  What may stand in an entry is mm/pagetype.c's business; here are the forms of the
 * request and the flushes that go with it.
 */
#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "mm/dompages.h"
#include "mm/pagetype.h"
#include "mm/ptwalk.h"
#include "pv/guest.h"
#include "x86/percpu.h"
#include "x86/pte.h"
#include "x86/tlb.h"
#include "x86/ucopy.h"

/* The low half of 'foreign' owns the frames mapped (DOMID_SELF, DOMID_IO, or another); the high half, the tables. */
struct update_context {
	struct domain *d;     /* owns the tables: referenced unless the current domain */
	struct domain *owner; /* owns what is mapped: likewise; NULL: DOMID_IO */
};

static int open_context(struct update_context *c, uint64_t foreign)
{
	struct domain *me = cpu_info()->current->domain;
	unsigned int tables = (unsigned int)(foreign >> 16) & 0xffff;

	if (likely((uint32_t)foreign == DOMID_SELF)) {
		c->d = c->owner = me;
		return 0;
	}
	c->d = tables ? guest_named_domain((domid_t)(tables - 1)) : me;
	if (!c->d) {
		return guest_named_error((domid_t)(tables - 1));
	}
	if ((foreign & 0xffff) == DOMID_IO || (foreign & 0xffff) == DOMID_XEN) {
		c->owner = me; /* device frames are judged by the mapper's own rights */
		return me->hardware
			       ? 0
			       : (guest_named_done(c->d), refuse(-XEN_EPERM, REASON_NO_HARDWARE));
	}
	c->owner = guest_named_domain((domid_t)foreign);
	if (!c->owner) {
		guest_named_done(c->d);
		return guest_named_error((domid_t)foreign);
	}
	return 0;
}

static inline void close_context(struct update_context c)
{
	if (unlikely(c.d != c.owner || c.d != cpu_info()->current->domain)) {
		guest_named_done(c.d);
		guest_named_done(c.owner);
	}
}

/* Not in use as a table: an ordinary write to an ordinary page. */
static int write_page(struct domain *d, uint64_t ptr, uint64_t val)
{
	mfn_t m = paddr_to_mfn(ptr);
	int rc = frame_get_type(m, FRAME_WRITABLE, d);

	if (rc == 0) {
		((volatile uint64_t *)frame_to_virt(m))[ptwalk_index(ptr)] = val;
		frame_put_type(m);
	}
	return rc;
}

/* One MMU_NORMAL_PT_UPDATE: ptr is the machine address of the entry. */
static force_inline int update_entry(struct update_context *c, uint64_t ptr, uint64_t val,
				     bool preserve_ad)
{
	int rc = pagetype_write(c->d, paddr_to_mfn(ptr), ptwalk_index(ptr), val, c->owner,
				preserve_ad);

	return likely(rc != -XEN_ENOENT) ? rc : write_page(c->d, ptr, val);
}

static force_inline int update_one(struct update_context *c, gva_t at)
{
	const uint64_t *req = (const uint64_t *)at;
	uint64_t ptr, val;

	_Static_assert(sizeof(struct mmu_update) == 16 && offsetof(struct mmu_update, val) == 8,
		       "");
	if (unlikely(!guest_range(at, sizeof(struct mmu_update))) || !guest_get64(&ptr, &req[0]) ||
	    !guest_get64(&val, &req[1])) {
		return refuse_at(-XEN_EFAULT, REASON_BAD_ADDRESS, at);
	}
	/* Entries are aligned: the ABI has but two bits, yet a third is no entry's place either. */
	switch (ptr & 7) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE:
		return update_entry(c, ptr & ~7ULL, val, false);
	case MMU_PT_UPDATE_PRESERVE_AD:
		return update_entry(c, ptr & ~7ULL, val, true);
	case MMU_MACHPHYS_UPDATE:
		return dompages_place(c->owner, paddr_to_mfn(ptr), val)
			       ? 0
			       : refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, ptr >> PAGE_SHIFT);
	default:
		return refuse_at(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION, ptr & 7);
	}
}

#define UPDATE_STRIDE \
	64 /* requests under one hold of the tables' lock: of pages; fewer of tables */

/* Up to a stride of requests; how many were done in *done. */
static int update_some(struct update_context *c, gva_t reqs, uint32_t n, uint32_t *done)
{
	uint32_t end = MIN(*done + UPDATE_STRIDE, n);
	int rc = 0;

	spin_lock(&c->d->pages.pt_lock);
	while (!rc && *done < end) {
		rc = update_one(c, reqs + (uint64_t)*done * sizeof(struct mmu_update));
		*done += rc >= 0;
		if (pagetype_worked(c->d)) {
			break;
		}
	}
	spin_unlock(&c->d->pages.pt_lock);
	return rc;
}

static out_of_line long update_many(uint64_t ureqs, uint64_t count, uint64_t pdone,
				    uint64_t foreign)
{
	struct update_context c;
	uint32_t n = (uint32_t)count & ~(1U << 31), done = 0, before = 0;
	long rc;

	/* A continued call carries what was done before in *pdone already, if that could be written. */
	if (unlikely(count & (1U << 31)) && pdone &&
	    cpu_copy_from_guest(&before, pdone, sizeof(before))) {
		before = 0;
	}
	rc = open_context(&c, foreign);
	if (rc) {
		return rc;
	}
	for (;;) {
		bool settled = guest_settle_tables(c.d);

		rc = settled ? update_some(&c, ureqs, n, &done) : 0;
		if ((rc < 0 && rc != -XEN_ERESTART) || (done == n && pagetype_settled(c.d))) {
			break;
		}
		if (!settled || hypercall_preempt()) {
			close_context(c);
			guest_report_done(pdone, before + done);
			return hypercall_restart(__HYPERVISOR_mmu_update,
						 ureqs + done * sizeof(struct mmu_update),
						 (n - done) | (1U << 31), pdone, foreign, 0);
		}
	}
	close_context(c);
	guest_report_done(pdone, before + done);
	return MIN(rc, 0);
}

/* Not done, or done but for what it let go: the rest as of a call of many that goes on. */
static out_of_line long finish_single(gva_t req, int rc)
{
	uint64_t count = (rc == -XEN_ERESTART) | (1U << 31);

	if (rc != -XEN_ERESTART && rc != PAGETYPE_UNSETTLED) {
		return rc;
	}
	return hypercall_preempt()
		       ? hypercall_restart(__HYPERVISOR_mmu_update, req, count, 0, DOMID_SELF, 0)
		       : update_many(req, count, 0, DOMID_SELF);
}

/* What a fault of a process comes to: one entry of its own. */
static inline long update_single(gva_t req)
{
	struct domain *me = cpu_info()->current->domain;
	struct update_context c = { me, me };
	int rc;

	spin_lock(&me->pages.pt_lock);
	rc = update_one(&c, req);
	spin_unlock(&me->pages.pt_lock);
	return likely(!rc) ? 0 : finish_single(req, rc);
}

long do_mmu_update(uint64_t ureqs, uint64_t count, uint64_t pdone, uint64_t foreign, uint64_t a5)
{
	(void)a5;
	if (likely(count == 1 && !pdone && (uint32_t)foreign == DOMID_SELF &&
		   pagetype_settled(cpu_info()->current->domain))) {
		return update_single(ureqs);
	}
	return update_many(ureqs, count, pdone, foreign);
}

/* UVMF_*: what to flush, and where: here, everywhere, or on the vCPUs of a bitmap that the rest points to. */
static inline bool names_bitmap(uint64_t flags)
{
	return (flags & UVMF_FLUSHTYPE_MASK) && flags > (UVMF_ALL | UVMF_FLUSHTYPE_MASK);
}

static out_of_line void flush_after(struct domain *d, uint64_t va, uint64_t flags, uint64_t vcpus)
{
	cpumask_t cpus = flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK ? guest_cpus(d, vcpus)
								: (cpumask_t)1 << cpu_id();

	if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH) {
		tlb_flush_guest(cpus);
	} else {
		tlb_flush_page(cpus, va);
	}
}

static long update_va(uint64_t va, uint64_t entry, uint64_t flags, uint64_t vcpus,
		      struct domain *owner)
{
	struct vcpu *v = cpu_info()->current;
	struct domain *d = v->domain;
	uint64_t at;
	long rc;

	if (va >= HV_START && va < HV_END) {
		return refuse_at(-XEN_EINVAL, REASON_HYPERVISOR_SLOT, va);
	}
	spin_lock(&d->pages.pt_lock);
	at = ptwalk_l1(paddr_to_mfn(v->pv->kernel_mode ? v->pv->kernel_cr3 : v->pv->user_cr3), va);
	rc = at ? pagetype_write(d, paddr_to_mfn(at), ptwalk_index(at), entry, owner, false)
		: refuse_at(-XEN_EINVAL, REASON_NOT_MAPPED, va);
	spin_unlock(&d->pages.pt_lock);
	if (rc == 0 && (flags & UVMF_FLUSHTYPE_MASK)) {
		flush_after(d, va, flags, vcpus);
	}
	return rc;
}

/* With a bitmap of vCPUs, perhaps: read before anything is written. */
static long update_va_named(uint64_t va, uint64_t entry, uint64_t flags, struct domain *owner)
{
	uint64_t vcpus = ~0ULL;

	if (names_bitmap(flags) && copy_in(&vcpus, flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK)) {
		return -XEN_EFAULT;
	}
	return update_va(va, entry, flags, vcpus, owner);
}

static out_of_line long update_va_settled(uint64_t va, uint64_t entry, uint64_t flags)
{
	struct domain *d = cpu_info()->current->domain;

	return guest_settle_tables(d)
		       ? update_va_named(va, entry, flags, d)
		       : hypercall_restart(__HYPERVISOR_update_va_mapping, va, entry, flags, 0, 0);
}

long do_update_va_mapping(uint64_t va, uint64_t entry, uint64_t flags, uint64_t a4, uint64_t a5)
{
	struct domain *d = cpu_info()->current->domain;

	(void)a4, (void)a5;
	return likely(pagetype_settled(d) && !names_bitmap(flags))
		       ? update_va(va, entry, flags, ~0ULL, d)
		       : update_va_settled(va, entry, flags);
}

long do_update_va_mapping_otherdomain(uint64_t va, uint64_t entry, uint64_t flags, uint64_t domid,
				      uint64_t a5)
{
	struct domain *owner;
	long rc;

	(void)a5;
	if (!guest_settle_tables(cpu_info()->current->domain)) {
		return hypercall_restart(__HYPERVISOR_update_va_mapping_otherdomain, va, entry,
					 flags, domid, 0);
	}
	owner = guest_named_domain((domid_t)domid);
	if (!owner) {
		return guest_named_error((domid_t)domid);
	}
	rc = update_va_named(va, entry, flags, owner);
	guest_named_done(owner);
	return rc;
}
