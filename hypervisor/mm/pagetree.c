/*
 * Whole page tables: made and taken apart, with all that hangs below them.
 *
 * A tree of tables is work without bound, so it is done in steps.  While a frame is on its way to
 * being a table, or back, its count says how far (frame.h): entries [0, n) hold their references.
 * Nobody can write to it, and the state itself holds one reference on it.
 *  - On the way up, the step that ends in between answers -ERESTART; whoever asks for the table
 *    next as the same type, most likely the same request again, goes on from there.
 *  - On the way down it stands in its domain's list (dom_pages.leaving, linked through the stamp)
 *    and FT_LEAVING is set; every request about the domain's tables first goes on with the list.
 */
#include "mm/pagetree.h"

#include <xen/errno.h>

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/refuse.h"
#include "mm/dompages.h"
#include "mm/pagetype.h"
#include "x86/pte.h"

#define TABLE_WORK 8u /* looking over a table, in entries */

unsigned int pagetype_step = 256;

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

void pagetree_begin_step(struct domain *d)
{
	ASSERT(spin_held(&dom_pages_of(d)->pt_lock));
	dom_pages_of(d)->work = pagetype_step;
}

/* The entries as they have to be for the CPU: what pagetype_get_entry() made of each. */
static void store_adjusted(enum frame_type level, uint64_t *t)
{
	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		if (t[i] & PTE_P && !pagetree_hypervisor_slot(level, i)) {
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
	for (i = *at; i < TABLE_ENTRIES; i++) {
		uint64_t entry;
		int rc;

		if (!(i & 3) && four_empty(t + i)) {
			i += 3;
			continue;
		}
		if (!t[i] || pagetree_hypervisor_slot(level, i)) {
			continue;
		}
		entry = t[i];
		rc = take_work(d, 1) ? pagetype_get_entry(d, level, &entry) : -XEN_ERESTART;
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
	if (level == FRAME_L4 && i == TABLE_ENTRIES) {
		clear_hypervisor_slots(t); /* filled in when it became a table */
	}
	while (i) {
		if (!(i & 3) && four_empty(t + i - 4)) {
			i -= 4;
			continue;
		}
		i--;
		if (!t[i] || pagetree_hypervisor_slot(level, i)) {
			continue;
		}
		if (!take_work(d, 1)) {
			*end = i + 1;
			return false;
		}
		pagetype_put_entry(d, level, t[i]);
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
void pagetree_end_step(struct domain *d)
{
	struct dom_pages *p = dom_pages_of(d);

	while (p->leaving && take_apart(d)) {
	}
	p->worked += pagetype_step - p->work;
}

bool pagetype_settle(struct domain *d)
{
	pagetree_begin_step(d);
	pagetree_end_step(d);
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
			return refuse_at(-XEN_EBUSY, REASON_FRAME_OTHER_USE, m.n);
		}
		if (atomic_compare_exchange_strong_explicit(&f->type, &x, want,
							    memory_order_acq_rel,
							    memory_order_relaxed)) {
			return x & FT_COUNT ? 0 : become_table(d, m, level, x);
		}
		x = frame_type_settled(f);
	}
}

int pagetree_get(struct domain *d, mfn_t table, enum frame_type level)
{
	if (!is_table(level) || !frame_get(table, d)) {
		return refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, table.n);
	}
	return take_table_type(d, table, level);
}

void pagetree_put(struct domain *d, mfn_t table)
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
		begin_leaving(d, table, x >> FT_TYPE_SHIFT, TABLE_ENTRIES);
	}
}

int pagetype_get(struct domain *d, mfn_t table, enum frame_type level)
{
	int rc;

	pagetree_begin_step(d);
	rc = pagetree_get(d, table, level);
	pagetree_end_step(d);
	return rc;
}

void pagetype_put(struct domain *d, mfn_t table)
{
	pagetree_put(d, table);
	if (unlikely(!pagetype_settled(d))) {
		pagetype_settle(d);
	}
}

int pagetype_pin(struct domain *d, mfn_t table, enum frame_type level)
{
	int rc;

	if (dom_pages_of(d)->dying) {
		return refuse(-XEN_EINVAL, REASON_DOMAIN_DYING);
	}
	rc = pagetype_get(d, table, level);
	if (rc) {
		return rc;
	}
	if (atomic_fetch_or(&frame_of(table)->type, FT_PINNED) & FT_PINNED) {
		pagetype_put(d, table);
		return refuse_at(-XEN_EINVAL, REASON_ALREADY_PINNED, table.n);
	}
	return 0;
}

int pagetype_unpin(struct domain *d, mfn_t table)
{
	struct frame *f;
	int rc = 0;

	ASSERT(spin_held(&dom_pages_of(d)->pt_lock));
	/* The guest may have given a pinned table up: the pin is then what keeps it. */
	if (!frame_valid(table) || !frame_get_given_up(table, d)) {
		return refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, table.n);
	}
	f = frame_of(table);
	if (is_table(frame_type_of(f)) && (atomic_load(&f->type) & FT_PINNED)) {
		atomic_fetch_and(&f->type, ~FT_PINNED);
		pagetype_put(d, table);
	} else {
		rc = refuse_at(-XEN_EINVAL, REASON_NOT_PINNED, table.n);
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
