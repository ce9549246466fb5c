/*
 * A domain's memory: totals and limits, and the lock of its page tables.  There
 * is no list of pages: the frame table says who owns what, and [low, high)
 * bounds the search of teardown.
 */
#ifndef PAVANE_MM_DOMPAGES_H
#define PAVANE_MM_DOMPAGES_H

#include "base/lock.h"
#include "lib/types.h"

struct domain;

struct dom_pages {
	struct spinlock pt_lock;	/* page tables of this domain and their types */
	struct spinlock lock;
	/* under lock: */
	uint64_t total;			/* frames with FRAME_ALLOCATED or still referenced */
	uint64_t max;			/* limit of total */
	uint64_t low, high;		/* frames ever owned lie in here */
	uint64_t outstanding;		/* claimed but not yet allocated (XENMEM_claim_pages) */
	bool dying;
	uint64_t relinquish_next;	/* where teardown goes on */
};

void dompages_init(struct dom_pages *p, uint64_t max);
/*
 * Allocates 2^order frames to the domain: owner set, FR_ALLOCATED with ref 1 each.
 * MFN_NONE if over the limit or out of memory or dying.  d->pages is p.
 */
mfn_t dompages_alloc(struct domain *d, unsigned int order, unsigned int bits);
/* Makes d the owner of frames the hypervisor holds (boot modules, steal): same result as alloc. 0 or -ENOMEM. */
int dompages_assign(struct domain *d, mfn_t m, unsigned int order);
/*
 * Takes a frame away from d (decrease_reservation, exchange): only if no reference but the allocation's own is
 * left.  On success the frame belongs to the hypervisor (owner none, ref 0), total fell, and the caller frees
 * or assigns it.  0, -EINVAL (not d's), -EBUSY (still referenced or typed).
 */
int dompages_steal(struct domain *d, mfn_t m);
/* The frame's allocation reference is dropped (decrease_reservation of a frame that may still be mapped elsewhere). 0 or -EINVAL. */
int dompages_release(struct domain *d, mfn_t m);
/*
 * Teardown, after guest_relinquish(): unpins every pinned table and drops every allocation reference.
 * Works in steps: 0 when done, -ERESTART when work is pending elsewhere.
 */
int dompages_relinquish(struct domain *d);

#endif
