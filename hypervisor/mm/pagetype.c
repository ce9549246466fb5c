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
 *
 * A tree of tables is work without bound, so it is done in steps.  While a frame is on its way to
 * being a table, or back, its count says how far (frame.h): entries [0, n) hold their references.
 * Nobody can write to it, and the state itself holds one reference on it.
 *  - On the way up, the step that ends in between answers -ERESTART; whoever asks for the table
 *    next as the same type, most likely the same request again, goes on from there.
 *  - On the way down it stands in its domain's list (dom_pages.leaving, linked through the stamp)
 *    and FT_LEAVING is set; every request about the domain's tables first goes on with the list.
 */
#include "mm/pagetype.h"

#include <xen/errno.h>

#include "arch/cpu.h"
#include "base/bug.h"
#include "mm/dompages.h"
#include "x86/pte.h"

#define ENTRIES	      512u
/* Hardware sets these in live entries at any time. */
#define PTE_AD	      (PTE_A | PTE_D)
/* Bits 52..58 are free for the guest's own use in L1 entries; 59..62 could be protection keys or ours. */
#define L1_REFUSED    0x7800000000000000ULL
#define TABLE_REFUSED (0x7ff0000000000000ULL | PTE_PS)
#define TABLE_WORK    8u /* looking over a table, in entries */

unsigned int pagetype_step = 256;

static bool is_ram(mfn_t m)
{
	return frame_valid(m) && frame_of(m)->owner != FRAME_OWNER_IO;
}

static bool is_hypervisor_slot(enum frame_type level, unsigned int index)
{
	return level == FRAME_L4 && index >= HV_FIRST_SLOT && index <= HV_LAST_SLOT;
}

/* ---- one L1 entry ---- */

static int get_device_frame(const struct domain *d, mfn_t m)
{
	return m.n < frame_limit && rights_iomem(d, m) ? 0 : -XEN_EPERM;
}

static inline int get_ram_frame(mfn_t m, bool writable, const struct domain *owner)
{
	int rc;

	if (!frame_get(m, owner)) {
		return -XEN_EINVAL;
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
		return -XEN_EINVAL;
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

static int get_table(struct domain *d, mfn_t table, enum frame_type level);
static void put_table(struct domain *d, mfn_t table);

static int adjust_table_entry(uint64_t *entry)
{
	if (!(*entry & PTE_P)) {
		return 0;
	}
	if ((*entry & TABLE_REFUSED) || !frame_valid(PTE_MFN(*entry))) {
		return -XEN_EINVAL;
	}
	*entry = (*entry | PTE_US) & ~PTE_G;
	return 0;
}

static int get_entry(struct domain *d, enum frame_type level, uint64_t *entry)
{
	uint64_t adjusted = *entry;
	int rc;

	if (level == FRAME_L1) {
		return pagetype_get_l1e(d, entry, d);
	}
	rc = adjust_table_entry(&adjusted);
	if (!rc && (adjusted & PTE_P)) {
		rc = get_table(d, PTE_MFN(adjusted), level - 1);
	}
	if (!rc) {
		*entry = adjusted;
	}
	return rc;
}

static void put_entry(struct domain *d, enum frame_type level, uint64_t entry)
{
	if (level == FRAME_L1) {
		pagetype_put_l1e(d, entry);
	} else if (entry & PTE_P) {
		put_table(d, PTE_MFN(entry));
	}
}

/* ---- whole tables ---- */

static bool four_empty(const uint64_t *e)
{
	return !(e[0] | e[1] | e[2] | e[3]);
}

/* Is there work left in this step for one item of such a size?  It is taken. */
static bool take_work(struct domain *d, unsigned int size)
{
	struct dom_pages *p = dom_pages_of(d);

	if (p->work < size) {
		return false;
	}
	p->work -= size;
	return true;
}

static void begin_step(struct domain *d)
{
	ASSERT(spin_held(&dom_pages_of(d)->pt_lock));
	dom_pages_of(d)->work = pagetype_step;
}

/* The entries as they have to be for the CPU: what get_entry() made of each. */
static void store_adjusted(enum frame_type level, uint64_t *t)
{
	for (unsigned int i = 0; i < ENTRIES; i++) {
		if (t[i] & PTE_P && !is_hypervisor_slot(level, i)) {
			t[i] = (t[i] | PTE_US) & ~PTE_G;
		}
	}
}

/*
 * Takes the references of entries from *at on, which says in the end how far it came; the table is
 * written only when all are taken, so a refusal leaves it as it was.  0, -ERESTART, or why not.
 */
static int validate(struct domain *d, mfn_t table, enum frame_type level, unsigned int *at)
{
	uint64_t *t = frame_to_virt(table);
	uint64_t changed = *at; /* in an earlier step, for all we know */
	unsigned int i;

	if (!take_work(d, TABLE_WORK)) {
		return -XEN_ERESTART;
	}
	for (i = *at; i < ENTRIES; i++) {
		uint64_t entry;
		int rc;

		if (!(i & 3) && four_empty(t + i)) {
			i += 3;
			continue;
		}
		if (!t[i] || is_hypervisor_slot(level, i)) {
			continue;
		}
		entry = t[i];
		rc = take_work(d, 1) ? get_entry(d, level, &entry) : -XEN_ERESTART;
		if (rc) {
			*at = i;
			return rc;
		}
		changed |= entry ^ t[i];
	}
	if (changed) {
		store_adjusted(level, t);
	}
	if (level == FRAME_L4) {
		cpu_fill_l4(t, d);
	}
	return 0;
}

/* The hypervisor's slots are none of the guest's business once the table is plain memory again. */
static void clear_hypervisor_slots(uint64_t *t)
{
	for (unsigned int i = HV_FIRST_SLOT; i <= HV_LAST_SLOT; i++) {
		t[i] = 0;
	}
}

/* Drops the references of entries below *end, last first; *end says in the end how far it came.  False: more to do. */
static bool devalidate(struct domain *d, mfn_t table, enum frame_type level, unsigned int *end)
{
	uint64_t *t = frame_to_virt(table);
	unsigned int i = *end;

	if (!take_work(d, TABLE_WORK)) {
		return false;
	}
	if (level == FRAME_L4 && i == ENTRIES) {
		clear_hypervisor_slots(t); /* filled in when it became a table */
	}
	while (i) {
		if (!(i & 3) && four_empty(t + i - 4)) {
			i -= 4;
			continue;
		}
		i--;
		if (!t[i] || is_hypervisor_slot(level, i)) {
			continue;
		}
		if (!take_work(d, 1)) {
			*end = i + 1;
			return false;
		}
		put_entry(d, level, t[i]);
	}
	return true;
}

/* A table in whose entries [0, end) references are held, and a reference on it, go to the list. */
static out_of_line void begin_leaving(struct domain *d, mfn_t m, enum frame_type level,
				      unsigned int end)
{
	struct dom_pages *p = dom_pages_of(d);
	struct frame *f = frame_of(m);

	f->stamp = p->leaving;
	p->leaving = (uint32_t)m.n + 1;
	atomic_store_explicit(&f->type, (uint32_t)level << FT_TYPE_SHIFT | FT_LEAVING | (end + 1),
			      memory_order_relaxed);
}

/* One table from the list: taken apart, or back in the list with the rest of its entries. False: the step is over. */
static bool take_apart(struct domain *d)
{
	struct dom_pages *p = dom_pages_of(d);
	mfn_t m = mfn(p->leaving - 1);
	struct frame *f = frame_of(m);
	uint32_t x = atomic_load_explicit(&f->type, memory_order_relaxed);
	enum frame_type level = x >> FT_TYPE_SHIFT;
	unsigned int end = (x & FT_PROGRESS) - 1;

	p->leaving = f->stamp; /* tables below it may now be put before it */
	if (!devalidate(d, m, level, &end)) {
		begin_leaving(d, m, level, end);
		return false;
	}
	f->stamp = tlb_stamp();
	atomic_store_explicit(&f->type, (uint32_t)level << FT_TYPE_SHIFT, memory_order_release);
	frame_put(m);
	return true;
}

/* What is left of the step goes into the list. */
static void end_step(struct domain *d)
{
	while (dom_pages_of(d)->leaving && take_apart(d)) {
	}
}

bool pagetype_settle(struct domain *d)
{
	begin_step(d);
	end_step(d);
	return !dom_pages_of(d)->leaving;
}

/*
 * Goes on to make a frame a table, from entry 'at': its word says that it is on the way, and the caller's
 * reference is given to that state.  'before' is what it was, if nothing has been done yet.
 */
static out_of_line int go_on(struct domain *d, mfn_t m, enum frame_type level, unsigned int at,
			     uint32_t before)
{
	struct frame *f = frame_of(m);
	int rc = validate(d, m, level, &at);

	if (!rc) {
		atomic_store_explicit(&f->type, (uint32_t)level << FT_TYPE_SHIFT | FT_VALIDATED | 1,
				      memory_order_release);
	} else if (rc == -XEN_ERESTART) {
		atomic_store_explicit(&f->type, (uint32_t)level << FT_TYPE_SHIFT | (at + 1),
				      memory_order_relaxed);
	} else if (at) {
		begin_leaving(d, m, level, at);
	} else {
		atomic_store_explicit(&f->type, before, memory_order_release);
		frame_put(m);
	}
	return rc;
}

/* The type's first reference: before is the settled word that was replaced by count 1. */
static out_of_line int become_table(struct domain *d, mfn_t m, enum frame_type level,
				    uint32_t before)
{
	struct frame *f = frame_of(m);
	enum frame_type old = before >> FT_TYPE_SHIFT;

	/* Writable until now, or a table of another level: no TLB or walk cache may know. */
	if (old != FRAME_NONE && old != level) {
		tlb_flush_older(frame_cpus(f), f->stamp);
	}
	return go_on(d, m, level, 0, before);
}

/* On the way up and not down, as the same type. */
static bool is_coming(uint32_t x, enum frame_type level)
{
	return (enum frame_type)(x >> FT_TYPE_SHIFT) == level && is_half_table(x) &&
	       !(x & FT_LEAVING);
}

/* With the caller's reference on the frame, which is kept for the type only if this returns 0. */
static force_inline int take_table_type(struct domain *d, mfn_t m, enum frame_type level)
{
	struct frame *f = frame_of(m);
	uint32_t x = frame_type_settled(f);
	uint32_t want;

	for (;;) {
		if (is_coming(x, level)) {
			frame_put(m); /* the state has one */
			return go_on(d, m, level, (x & FT_PROGRESS) - 1,
				     (uint32_t)level << FT_TYPE_SHIFT);
		}
		if (!(x & FT_COUNT)) {
			want = (uint32_t)level << FT_TYPE_SHIFT | 1;
		} else if ((enum frame_type)(x >> FT_TYPE_SHIFT) == level && (x & FT_VALIDATED) &&
			   (x & FT_COUNT) < FT_COUNT) {
			want = x + 1;
		} else {
			frame_put(m);
			return -XEN_EBUSY;
		}
		if (atomic_compare_exchange_strong_explicit(&f->type, &x, want,
							    memory_order_acq_rel,
							    memory_order_relaxed)) {
			return x & FT_COUNT ? 0 : become_table(d, m, level, x);
		}
		x = frame_type_settled(f);
	}
}

static int get_table(struct domain *d, mfn_t table, enum frame_type level)
{
	if (!is_table(level) || !frame_get(table, d)) {
		return -XEN_EINVAL;
	}
	return take_table_type(d, table, level);
}

static void put_table(struct domain *d, mfn_t table)
{
	struct frame *f = frame_of(table);
	uint32_t x = atomic_load_explicit(&f->type, memory_order_relaxed);

	BUG_ON(!(x & FT_COUNT) || !(x & FT_VALIDATED) || !is_table(x >> FT_TYPE_SHIFT));
	if ((x & FT_COUNT) > 1) {
		atomic_fetch_sub_explicit(&f->type, 1, memory_order_release);
		frame_put(table);
	} else {
		/* Its count is not zero meanwhile, so nobody takes another type; pt_lock keeps tables away. */
		BUG_ON(x & FT_PINNED);
		begin_leaving(d, table, x >> FT_TYPE_SHIFT, ENTRIES);
	}
}

int pagetype_get(struct domain *d, mfn_t table, enum frame_type level)
{
	int rc;

	begin_step(d);
	rc = get_table(d, table, level);
	end_step(d);
	return rc;
}

void pagetype_put(struct domain *d, mfn_t table)
{
	put_table(d, table);
	if (unlikely(!pagetype_settled(d))) {
		pagetype_settle(d);
	}
}

int pagetype_pin(struct domain *d, mfn_t table, enum frame_type level)
{
	int rc;

	if (dom_pages_of(d)->dying) {
		return -XEN_EINVAL;
	}
	rc = pagetype_get(d, table, level);
	if (rc) {
		return rc;
	}
	if (atomic_fetch_or(&frame_of(table)->type, FT_PINNED) & FT_PINNED) {
		pagetype_put(d, table);
		return -XEN_EINVAL;
	}
	return 0;
}

int pagetype_unpin(struct domain *d, mfn_t table)
{
	struct frame *f;
	int rc = -XEN_EINVAL;

	ASSERT(spin_held(&dom_pages_of(d)->pt_lock));
	if (!frame_valid(table)) {
		return rc;
	}
	f = frame_of(table);
	/* The guest may have given a pinned table up: the pin is then what keeps it. */
	if (!frame_get_given_up(table, d)) {
		return rc;
	}
	if (is_table(frame_type_of(f)) && (atomic_load(&f->type) & FT_PINNED)) {
		atomic_fetch_and(&f->type, ~FT_PINNED);
		pagetype_put(d, table);
		rc = 0;
	}
	frame_put(table);
	return rc;
}

bool pagetype_give_up(struct domain *d, mfn_t table)
{
	struct frame *f = frame_of(table);
	uint32_t x = atomic_load_explicit(&f->type, memory_order_relaxed);
	enum frame_type level = x >> FT_TYPE_SHIFT;

	if (x & FT_PINNED) {
		pagetype_unpin(d, table);
	} else if (is_coming(x, level)) {
		begin_leaving(d, table, level, (x & FT_PROGRESS) - 1);
	}
	return pagetype_settle(d);
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
	int rc = same ? adjust_table_entry(&w.new) : get_entry(d, level, &w.new);

	if (rc) {
		return rc;
	}
	if (!store_entry(w)) {
		if (!same) {
			put_entry(d, level, w.new);
		}
		return -XEN_EAGAIN;
	}
	if (!same) {
		put_entry(d, level, w.old);
	}
	return 0;
}

static out_of_line int write_table(struct domain *d, struct write w, enum frame_type level)
{
	int rc;

	begin_step(d);
	rc = exchange_table(d, w, level);
	end_step(d);
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
	if (index >= ENTRIES) {
		return -XEN_EINVAL;
	}
	if (is_hypervisor_slot(level, index)) {
		return -XEN_EPERM;
	}
	w.at = (_Atomic uint64_t *)frame_to_virt(table) + index;
	w.old = atomic_load_explicit(w.at, memory_order_relaxed);
	if (expect && *expect != w.old) {
		return -XEN_EAGAIN;
	}
	if (likely(level == FRAME_L1)) {
		return write_l1(d, w, foreign);
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
