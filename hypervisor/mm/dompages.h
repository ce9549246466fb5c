/*
 * A domain's memory: totals and limits, and the lock of its page tables.  There
 * is no list of pages: the frame table says who owns what, and [low, high)
 * bounds the search of teardown.
 *
 * struct domain begins with its struct dom_pages, so mm, which does not know domains, can go from one to the other.
 */
#ifndef PAVANE_MM_DOMPAGES_H
#define PAVANE_MM_DOMPAGES_H

#include "base/lock.h"
#include "lib/types.h"

struct domain;

struct dom_pages {
	uint16_t owner;		 /* domid; written once */
	struct spinlock pt_lock; /* page tables of this domain and their types */
	/* under pt_lock, for pagetype.c: */
	uint32_t leaving;    /* first of the tables that are being taken apart: frame number + 1 */
	unsigned int work;   /* left in the step under way */
	unsigned int worked; /* in steps, since pagetype_worked() last said much */
	struct spinlock lock;
	/* under lock: */
	uint64_t total;		/* frames with FRAME_ALLOCATED or still referenced */
	uint64_t max;		/* limit of total */
	uint64_t low, high;	/* frames ever owned lie in here */
	uint64_t outstanding;	/* claimed but not yet allocated (XENMEM_claim_pages) */
	_Atomic uint64_t limbo; /* of the total, frames swapped out for which none is in yet */
	bool dying;	   /* set under pt_lock too: nothing is pinned or allocated from then on */
	bool relinquished; /* teardown has seen every frame */
	bool gone;	   /* domain_pages_gone() was called */
	unsigned int relinquish_pass; /* where teardown goes on */
	uint64_t relinquish_next;
};

static inline struct dom_pages *dom_pages_of(const struct domain *d)
{
	return (struct dom_pages *)(uintptr_t)d;
}

/*
 * p is the first field of a zeroed struct domain; its id is registered until dompages_destroy(), so that
 * the last reference to a frame finds its owner. 0, -ENOMEM, -EEXIST.
 */
int dompages_init(struct dom_pages *p, uint16_t owner, uint64_t max);
void dompages_destroy(struct dom_pages *p); /* total must be 0; accepts one that init refused */
/*
 * Allocates 2^order frames to the domain: owner set, FR_ALLOCATED with ref 1 each.
 * MFN_NONE if over the limit or out of memory or dying.  The M2P is the caller's to set.
 */
mfn_t dompages_alloc(struct domain *d, unsigned int order, unsigned int bits);
/*
 * Makes d the owner of frames the hypervisor holds (boot modules, alloc_frames, steal): same result as alloc.
 * 0, -ENOMEM (over the limit), -EINVAL (dying). After an error they are still the hypervisor's.
 */
int dompages_assign(struct domain *d, mfn_t m, unsigned int order);
/*
 * Takes a frame away from d (decrease_reservation, exchange): only if no reference but the allocation's own is
 * left.  On success the frame belongs to the hypervisor (owner XEN, ref 0, not scrubbed), total fell, and the
 * caller frees it (free_frames) or assigns it.  0, -EINVAL (not d's), -EBUSY (still referenced or typed).
 */
int dompages_steal(struct domain *d, mfn_t m);
/*
 * The two halves of an exchange.  Out: as steal, but d keeps the room, so that nobody fills its limit meanwhile; each
 * frame of room is then given up or filled by the second.  In: as assign, into room that is kept. 0, or -EINVAL: d is dying,
 * the room is gone and the frames are still the hypervisor's.
 */
int dompages_swap_out(struct domain *d, mfn_t m);
int dompages_swap_in(struct domain *d, mfn_t m, unsigned int order);
/*
 * The frame's allocation reference is dropped, and its place in the M2P; it lives on while it is still mapped
 * somewhere.  0 or -EINVAL.
 */
int dompages_release(struct domain *d, mfn_t m);
/*
 * d says where a frame of its own is to it, for the machine-to-physical table.  A place is forgotten when the frame is
 * given up, on whichever CPU that happens meanwhile.  False: it is not d's, or given up.
 */
bool dompages_place(const struct domain *d, mfn_t m, uint64_t pfn);
/*
 * Teardown, after guest_relinquish(): unpins every pinned table and drops every allocation reference.
 * Works in steps: 0 when done, -ERESTART when work is pending elsewhere.
 */
int dompages_relinquish(struct domain *d);

/* XENMEM_claim_pages: sets memory aside so that the total may grow to 'pages'; 0 gives it back. 0, -EINVAL, -ENOMEM. */
int dompages_claim(struct domain *d, uint64_t pages);
uint64_t dompages_claimed(void); /* frames set aside for all domains */

/* Who is registered under this domid, or NULL. */
struct dom_pages *dompages_find(uint16_t owner);
/* For frame.c: a frame of this owner went back to the heap. */
void dompages_frame_freed(uint16_t owner);
/*
 * Implemented by core/domain.c, called once, when teardown has seen every frame and the last one is free.
 * Locks down to LOCK_PAGETABLE may be held (another domain's mapping was the last reference): it may only note
 * the fact and raise a softirq or the like, not free the domain.
 */
void domain_pages_gone(struct domain *d);

#endif
