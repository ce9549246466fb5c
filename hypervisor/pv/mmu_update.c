/*
 * mmu_update and update_va_mapping: a guest asks for entries of its page tables to be
 * written.  What may stand in an entry is mm/pagetype.c's business; here are the forms of the
 * request and the flushes that go with it.
 */
#include "arch/cpu.h"
#include "core/copy.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "mm/m2p.h"
#include "mm/pagetype.h"
#include "mm/ptwalk.h"
#include "pv/guest.h"
#include "x86/pte.h"
#include "x86/tlb.h"

/* The low half of 'foreign' owns the frames mapped (DOMID_SELF, DOMID_IO, or another); the high half, the tables. */
struct update_context {
	struct domain *d;     /* owns the tables: referenced unless the current domain */
	struct domain *owner; /* owns what is mapped: likewise; NULL: DOMID_IO */
};

static int open_context(struct update_context *c, uint64_t foreign)
{
	struct domain *me = cpu_current()->domain;
	unsigned int tables = (unsigned int)(foreign >> 16) & 0xffff;

	c->d = tables ? guest_named_domain((domid_t)(tables - 1)) : me;
	if (!c->d) {
		return -XEN_ESRCH;
	}
	if ((foreign & 0xffff) == DOMID_IO || (foreign & 0xffff) == DOMID_XEN) {
		c->owner = me; /* device frames are judged by the mapper's own rights */
		return me->hardware ? 0 : (guest_named_done(c->d), -XEN_EPERM);
	}
	c->owner = guest_named_domain((domid_t)foreign);
	if (!c->owner) {
		guest_named_done(c->d);
		return -XEN_ESRCH;
	}
	return 0;
}

static void close_context(struct update_context *c)
{
	guest_named_done(c->d);
	guest_named_done(c->owner);
}

/* One MMU_NORMAL_PT_UPDATE: ptr is the machine address of the entry. */
static int update_entry(struct update_context *c, uint64_t ptr, uint64_t val, bool preserve_ad)
{
	mfn_t table = paddr_to_mfn(ptr);
	enum frame_type t;
	int rc;

	if (unlikely(!frame_valid(table) || !frame_get(table, c->d))) {
		return -XEN_EINVAL;
	}
	spin_lock(&c->d->pages.pt_lock);
	t = frame_type_of(frame_of(table));
	if (likely(t >= FRAME_L1 && t <= FRAME_L4 && frame_type_count(frame_of(table)))) {
		rc = pagetype_write(c->d, table, (ptr & ~PAGE_MASK) / 8, val, c->owner,
				    preserve_ad);
		spin_unlock(&c->d->pages.pt_lock);
	} else {
		/* Not in use as a table: an ordinary write to an ordinary page. */
		spin_unlock(&c->d->pages.pt_lock);
		rc = frame_get_type(table, FRAME_WRITABLE, c->d);
		if (rc == 0) {
			((volatile uint64_t *)frame_to_virt(table))[(ptr & ~PAGE_MASK) / 8] = val;
			frame_put_type(table);
		}
	}
	frame_put(table);
	return rc;
}

static int update_m2p(struct domain *d, uint64_t ptr, uint64_t val)
{
	mfn_t m = paddr_to_mfn(ptr);

	if (!frame_valid(m) || !frame_get(m, d)) {
		return -XEN_EINVAL;
	}
	m2p_set(m, val);
	frame_put(m);
	return 0;
}

#define UPDATE_STRIDE 64

long do_mmu_update(uint64_t ureqs, uint64_t count, uint64_t pdone, uint64_t foreign, uint64_t a5)
{
	struct update_context c;
	uint32_t n = (uint32_t)count & ~(1U << 31), done = 0, before = 0;
	struct mmu_update u;
	long rc;

	(void)a5;
	/* A continued call carries what was done before in *pdone already. */
	if ((count & (1U << 31)) && pdone && copy_in(&before, pdone)) {
		return -XEN_EFAULT;
	}
	rc = open_context(&c, foreign);
	if (rc) {
		return rc;
	}
	for (; done < n; done++) {
		if (done && done % UPDATE_STRIDE == 0 && hypercall_preempt()) {
			uint32_t total = before + done;

			close_context(&c);
			if (pdone && copy_out(pdone, &total)) {
				return -XEN_EFAULT;
			}
			return hypercall_restart(__HYPERVISOR_mmu_update, ureqs + done * sizeof(u),
						 (n - done) | (1U << 31), pdone, foreign, 0);
		}
		if (unlikely(copy_in_at(&u, ureqs, done))) {
			rc = -XEN_EFAULT;
			break;
		}
		switch (u.ptr & 3) {
		case MMU_NORMAL_PT_UPDATE:
		case MMU_PT_UPDATE_NO_TRANSLATE:
			rc = update_entry(&c, u.ptr & ~3ULL, u.val, false);
			break;
		case MMU_PT_UPDATE_PRESERVE_AD:
			rc = update_entry(&c, u.ptr & ~3ULL, u.val, true);
			break;
		default:
			rc = update_m2p(c.owner, u.ptr & ~3ULL, u.val);
			break;
		}
		if (unlikely(rc)) {
			break;
		}
	}
	close_context(&c);
	if (pdone) {
		done += before;
		if (copy_out(pdone, &done)) {
			rc = -XEN_EFAULT;
		}
	}
	return rc;
}

/* Whom UVMF_* asks to flush; the pointer part may name a bitmap of vCPUs. */
static int flush_after(struct domain *d, uint64_t va, uint64_t flags)
{
	uint64_t vcpus = ~0ULL;
	cpumask_t cpus;

	if ((flags & UVMF_FLUSHTYPE_MASK) == 0) {
		return 0;
	}
	switch (flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK) {
	case UVMF_LOCAL:
		cpus = (cpumask_t)1 << cpu_id();
		break;
	case UVMF_ALL:
		cpus = guest_cpus(d, ~0ULL);
		break;
	default:
		if (copy_in(&vcpus, flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK)) {
			return -XEN_EFAULT;
		}
		cpus = guest_cpus(d, vcpus);
		break;
	}
	if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH) {
		tlb_flush_guest(cpus);
	} else {
		tlb_flush_page(cpus, va);
	}
	return 0;
}

static long update_va(uint64_t va, uint64_t entry, uint64_t flags, struct domain *owner)
{
	struct vcpu *v = cpu_current();
	struct domain *d = v->domain;
	unsigned int index;
	mfn_t table;
	long rc = -XEN_EINVAL;

	if (!va_canonical(va) || (va >= HV_START && va < HV_END)) {
		return -XEN_EINVAL;
	}
	spin_lock(&d->pages.pt_lock);
	if (ptwalk_l1(paddr_to_mfn(v->pv->kernel_mode ? v->pv->kernel_cr3 : v->pv->user_cr3), va,
		      &table, &index)) {
		rc = pagetype_write(d, table, index, entry, owner, false);
	}
	spin_unlock(&d->pages.pt_lock);
	return rc ? rc : flush_after(d, va, flags);
}

long do_update_va_mapping(uint64_t va, uint64_t entry, uint64_t flags, uint64_t a4, uint64_t a5)
{
	(void)a4, (void)a5;
	return update_va(va, entry, flags, cpu_current()->domain);
}

long do_update_va_mapping_otherdomain(uint64_t va, uint64_t entry, uint64_t flags, uint64_t domid,
				      uint64_t a5)
{
	struct domain *owner = guest_named_domain((domid_t)domid);
	long rc;

	(void)a5;
	if (!owner) {
		return -XEN_ESRCH;
	}
	rc = update_va(va, entry, flags, owner);
	guest_named_done(owner);
	return rc;
}
