/*
 * Page-table types: checking tables when they become tables, each write after
 * that, and undoing it all when the last reference goes.  This file is why a
 * guest can be given real page tables: nothing in a validated table points where its
 * owner may not go, and nothing can be written to it but through here.
 *
 * An entry's references follow from its bits alone.  L1: one reference on the frame, and the
 * writable type with it if RW (unless the frame is FRAME_SHARED, whose type stays with the
 * hypervisor).  Grant mappings (PTE_GNTTAB) and device memory hold none here.
 * L2..L4: one reference and one of the lower level's type.
 */
#include "mm/pagetype.h"

#include <xen/errno.h>

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/refuse.h"
#include "mm/dompages.h"
#include "mm/pagetree.h"
#include "x86/pte.h"

/* Hardware sets these in live entries at any time. */
#define PTE_AD	      (PTE_A | PTE_D)
/* Bits 52..58 are free for the guest's own use in L1 entries; 59..62 could be protection keys or ours. */
#define L1_REFUSED    0x7800000000000000ULL
#define TABLE_REFUSED (0x7ff0000000000000ULL | PTE_PS)

static bool is_ram(mfn_t m)
{
	return frame_valid(m) && frame_of(m)->owner != FRAME_OWNER_IO;
}

/* ---- one L1 entry ---- */

static int get_device_frame(const struct domain *d, mfn_t m)
{
	return m.n < frame_limit && rights_iomem(d, m)
		       ? 0
		       : refuse_at(-XEN_EPERM, REASON_DEVICE_MEMORY, m.n);
}

static inline int get_ram_frame(mfn_t m, bool writable, const struct domain *owner)
{
	int rc;

	if (!frame_get(m, owner)) {
		return refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, m.n);
	}
	if (!writable || frame_type_of(frame_of(m)) == FRAME_SHARED) {
		return 0;
	}
	rc = frame_take_type(m, FRAME_WRITABLE);
	if (rc) {
		frame_put(m);
	}
	return rc;
}

static int adjust_l1e(uint64_t *entry)
{
	if (!(*entry & PTE_P)) {
		return 0;
	}
	if (*entry & L1_REFUSED) {
		return refuse_at(-XEN_EINVAL, REASON_ENTRY_BITS, *entry);
	}
	/* The guest's kernel runs in ring 3; global entries would survive the switch to another guest. */
	*entry = (*entry | PTE_US) & ~PTE_G;
	return 0;
}

static force_inline int get_adjusted_l1e(struct domain *d, uint64_t entry,
					 const struct domain *foreign)
{
	mfn_t m = PTE_MFN(entry);
	int rc;

	if (!(entry & PTE_P)) {
		return 0;
	}
	if (unlikely(!is_ram(m))) {
		return get_device_frame(d, m);
	}
	rc = get_ram_frame(m, entry & PTE_RW, foreign);
	if (unlikely(foreign != d) && rc == 0) {
		frame_of(m)->flags |= FRAME_ABROAD;
	}
	return rc;
}

int pagetype_get_l1e(struct domain *d, uint64_t *entry, struct domain *foreign)
{
	uint64_t adjusted = *entry;
	int rc = adjust_l1e(&adjusted);

	if (!rc) {
		rc = get_adjusted_l1e(d, adjusted, foreign);
	}
	if (!rc) {
		*entry = adjusted;
	}
	return rc;
}

/* The type half of a writable entry's references. */
static void put_writable(mfn_t m)
{
	if (frame_type_of(frame_of(m)) != FRAME_SHARED) {
		frame_drop_type(m);
	}
}

void pagetype_put_l1e(struct domain *d, uint64_t entry)
{
	mfn_t m = PTE_MFN(entry);

	(void)d;
	if (!(entry & PTE_P) || (entry & PTE_GNTTAB) || !is_ram(m)) {
		return;
	}
	if (entry & PTE_RW) {
		put_writable(m);
	}
	frame_put(m);
}

/* ---- one entry of a higher table ---- */

static int adjust_table_entry(uint64_t *entry)
{
	if (!(*entry & PTE_P)) {
		return 0;
	}
	if (*entry & TABLE_REFUSED) {
		return refuse_at(-XEN_EINVAL, REASON_ENTRY_BITS, *entry);
	}
	if (!frame_valid(PTE_MFN(*entry))) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_FRAME, PTE_MFN(*entry).n);
	}
	*entry = (*entry | PTE_US) & ~PTE_G;
	return 0;
}

int pagetype_get_entry(struct domain *d, enum frame_type level, uint64_t *entry)
{
	uint64_t adjusted = *entry;
	int rc;

	if (level == FRAME_L1) {
		return pagetype_get_l1e(d, entry, d);
	}
	rc = adjust_table_entry(&adjusted);
	if (!rc && (adjusted & PTE_P)) {
		rc = pagetree_get(d, PTE_MFN(adjusted), level - 1);
	}
	if (!rc) {
		*entry = adjusted;
	}
	return rc;
}

void pagetype_put_entry(struct domain *d, enum frame_type level, uint64_t entry)
{
	if (level == FRAME_L1) {
		pagetype_put_l1e(d, entry);
	} else if (entry & PTE_P) {
		pagetree_put(d, PTE_MFN(entry));
	}
}

/* ---- one write to a validated table ---- */

struct write {
	_Atomic uint64_t *at;
	uint64_t old, new;
	bool preserve_ad;
	bool exact; /* only if *at is still old, bit for bit */
};

/* False only for exact writes that lost. */
static force_inline bool store_entry(struct write w)
{
	uint64_t seen = w.old;

	if (w.exact) {
		return atomic_compare_exchange_strong(w.at, &seen, w.new);
	}
	if (!w.preserve_ad || !(w.old & PTE_P)) {
		atomic_store_explicit(w.at, w.new, memory_order_release);
		return true;
	}
	/* Only the CPU's own marking of Accessed and Dirty can come between. */
	while (!atomic_compare_exchange_strong(w.at, &seen, w.new | (seen & PTE_AD))) {
		ASSERT(!((seen ^ w.old) & ~PTE_AD));
	}
	return true;
}

/* Old and new point to the same frame: at most the writable type changes hands. */
static force_inline int rewrite_l1(struct write w)
{
	mfn_t m = PTE_MFN(w.new);
	bool typed = ((w.old ^ w.new) & PTE_RW) && is_ram(m) &&
		     frame_type_of(frame_of(m)) != FRAME_SHARED;
	int rc;

	if (typed && (w.new &PTE_RW)) {
		rc = frame_take_type(m, FRAME_WRITABLE);
		if (rc) {
			return rc;
		}
	}
	if (!store_entry(w)) {
		if (typed && (w.new &PTE_RW)) {
			frame_drop_type(m);
		}
		return -XEN_EAGAIN;
	}
	if (typed && (w.old & PTE_RW)) {
		frame_drop_type(m);
	}
	return 0;
}

static force_inline int write_l1(struct domain *d, struct write w, const struct domain *foreign)
{
	int rc = adjust_l1e(&w.new);

	if (rc) {
		return rc;
	}
	if ((w.old & w.new &PTE_P) && !((w.old ^ w.new) & PTE_ADDR) && !(w.old & PTE_GNTTAB)) {
		return rewrite_l1(w);
	}
	rc = get_adjusted_l1e(d, w.new, foreign);
	if (rc) {
		return rc;
	}
	if (!store_entry(w)) {
		pagetype_put_l1e(d, w.new);
		return -XEN_EAGAIN;
	}
	if (w.old & PTE_P) {
		pagetype_put_l1e(d, w.old);
	}
	return 0;
}

static int exchange_table(struct domain *d, struct write w, enum frame_type level)
{
	bool same = (w.old & w.new &PTE_P) && !((w.old ^ w.new) & PTE_ADDR);
	int rc = same ? adjust_table_entry(&w.new) : pagetype_get_entry(d, level, &w.new);

	if (rc) {
		return rc;
	}
	if (!store_entry(w)) {
		if (!same) {
			pagetype_put_entry(d, level, w.new);
		}
		return -XEN_EAGAIN;
	}
	if (!same) {
		pagetype_put_entry(d, level, w.old);
	}
	return 0;
}

static out_of_line int write_table(struct domain *d, struct write w, enum frame_type level)
{
	int rc;

	pagetree_begin_step(d);
	rc = exchange_table(d, w, level);
	pagetree_end_step(d);
	return !rc && !pagetype_settled(d) ? PAGETYPE_UNSETTLED : rc;
}

/* Inline, as are the parts it is made of: a fault of a guest's process is one of these. */
static force_inline int write_entry(struct domain *d, mfn_t table, unsigned int index,
				    struct write w, const struct domain *foreign,
				    const uint64_t *expect)
{
	enum frame_type level;

	ASSERT(spin_held(&dom_pages_of(d)->pt_lock));
	level = pagetype_level(d, table);
	if (level == FRAME_NONE) {
		return -XEN_ENOENT;
	}
	if (index >= TABLE_ENTRIES) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, index);
	}
	w.at = (_Atomic uint64_t *)frame_to_virt(table) + index;
	w.old = atomic_load_explicit(w.at, memory_order_relaxed);
	if (expect && *expect != w.old) {
		return -XEN_EAGAIN;
	}
	if (likely(level == FRAME_L1)) {
		return write_l1(d, w, foreign);
	}
	if (pagetree_hypervisor_slot(level, index)) {
		return refuse_at(-XEN_EPERM, REASON_HYPERVISOR_SLOT, index);
	}
	/* A copy of its own, so that w need not be in memory. */
	return write_table(d, (struct write){ w.at, w.old, w.new, w.preserve_ad, w.exact }, level);
}

int pagetype_write(struct domain *d, mfn_t table, unsigned int index, uint64_t entry,
		   struct domain *foreign, bool preserve_ad)
{
	struct write w = { .new = entry, .preserve_ad = preserve_ad };

	return write_entry(d, table, index, w, foreign, NULL);
}

int pagetype_cmpxchg(struct domain *d, mfn_t table, unsigned int index, uint64_t expect,
		     uint64_t entry)
{
	struct write w = { .new = entry, .exact = true };

	return write_entry(d, table, index, w, d, &expect);
}
