/*
 * Page-table types: the heart of direct paging.  A guest's tables are its own
 * frames, read-only to it, and every entry in a validated table holds one
 * reference of the right type on what it points to.
 *
 * All of this runs under the pt_lock of the domain that owns the tables, and does a bounded
 * amount of work.  Where that is not enough to make a table, the answer is -ERESTART: release the
 * lock, let pending work in, and ask again.  What is not enough to take tables apart is left for
 * pagetype_settle(), which must have said true before the next request, and before a guest is told
 * that its own is done.
 */
#ifndef PAVANE_MM_PAGETYPE_H
#define PAVANE_MM_PAGETYPE_H

#include "lib/types.h"
#include "mm/dompages.h"
#include "mm/frame.h"

struct domain;

/* The level of a validated table of d; FRAME_NONE: it is none. */
static inline enum frame_type pagetype_level(const struct domain *d, mfn_t m)
{
	uint32_t x;

	if (!frame_valid(m) || frame_of(m)->owner != dom_pages_of(d)->owner) {
		return FRAME_NONE;
	}
	x = atomic_load_explicit(&frame_of(m)->type, memory_order_relaxed);
	return (x & FT_VALIDATED) && is_table(x >> FT_TYPE_SHIFT) ? x >> FT_TYPE_SHIFT : FRAME_NONE;
}

/*
 * Takes a reference of type L1..L4 (and a general one), validating the table if it is new as that type: each present
 * entry is checked and takes its own reference.  A failure in the middle undoes what was taken.
 * 0, -EINVAL (not d's frame, or an entry is not allowed), -EBUSY (has another type in use), -ERESTART.
 */
int pagetype_get(struct domain *d, mfn_t table, enum frame_type level);
void pagetype_put(struct domain *d,
		  mfn_t table); /* last one devalidates: drops its entries' references */

/* Pin: a type reference that stays until unpinned. 0, -EINVAL, -EBUSY (already pinned: -EINVAL), -ERESTART. */
int pagetype_pin(struct domain *d, mfn_t table, enum frame_type level);
int pagetype_unpin(struct domain *d, mfn_t table);

/* Work of one step, in entries, each some 150 instructions.  At least 40, for there to be progress. */
extern unsigned int pagetype_step;
/* Goes on taking apart the tables that wait for it.  True: none is left. */
bool pagetype_settle(struct domain *d);
/* Who asks for several things under one hold of pt_lock: has so much been done for them that it is time to let go? */
static inline bool pagetype_worked(struct domain *d)
{
	struct dom_pages *p = dom_pages_of(d);
	bool much = p->worked >= pagetype_step / 4;

	p->worked = much ? 0 : p->worked;
	return much;
}
static inline bool pagetype_settled(const struct domain *d)
{
	return !dom_pages_of(d)->leaving;
}
/* For teardown: the table loses its pin, and if it was only half made, that too; then as pagetype_settle(). */
bool pagetype_give_up(struct domain *d, mfn_t table);

/*
 * Writes entry 'index' of a validated table of d (caller holds pt_lock): checks the new entry, takes
 * its reference, writes it (atomically; with preserve_ad keeping Accessed and Dirty), drops the old one's.
 * 'foreign' owns the frame an L1 entry points to (normally d itself).
 * Hypervisor slots of an L4 are refused.  0, -EINVAL/-EBUSY/-EPERM/-ERESTART, -ENOENT: no validated table of d,
 * or PAGETYPE_UNSETTLED: done, and there is something to settle.  No TLB flush is done: the caller knows what is loaded.
 */
#define PAGETYPE_UNSETTLED 1
int pagetype_write(struct domain *d, mfn_t table, unsigned int index, uint64_t entry,
		   struct domain *foreign, bool preserve_ad);
/* As above, and only if the present value is still 'expect' (for emulated cmpxchg): -EAGAIN if not. */
int pagetype_cmpxchg(struct domain *d, mfn_t table, unsigned int index, uint64_t expect,
		     uint64_t entry);

/*
 * For one L1 entry not in any table yet / any more: take and drop its references (grant maps and tests).
 */
int pagetype_get_l1e(struct domain *d, uint64_t *entry, struct domain *foreign);
void pagetype_put_l1e(struct domain *d, uint64_t entry);

/* May d map this non-RAM frame?  Decided by core/rights.c. */
bool rights_iomem(const struct domain *d, mfn_t m);

#endif
