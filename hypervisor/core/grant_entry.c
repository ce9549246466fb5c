/*
 * Grant entries in use, and by how many.
 *
 * A grant entry lives in a page that its owner can write at any moment, also while we look at it.  So an
 * entry is read and marked with one compare-and-swap of flags and domid together, tried a few times;
 * the frame number is read once, after the mark, and from then on only our own copy counts.  An owner
 * who plays with a live entry gets what its last consistent state said, and harms nobody but itself.
 * That is version 1; how version 2 reads and marks is in grant_v2.c, what comes of it is here.
 */
#include "core/grant_entry.h"

#include <xen/errno.h>

#include "base/bug.h"
#include "base/refuse.h"
#include "core/domain.h"
#include "core/grant_v2.h"
#include "mm/frame.h"

#define MARK_TRIES 5

/*
 * Checks flags and domid of a shared entry and sets the "in use" bits in one atomic step.
 * A full-page permit to the borrower is all that can be used of version 1: no transfers.
 */
static int mark_v1(grant_entry_v1_t *e, domid_t borrower, bool readonly)
{
	uint32_t *word = (uint32_t *)(void *)e;
	uint32_t old = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	unsigned int tries;

	for (tries = 0; tries < MARK_TRIES; tries++) {
		uint16_t flags = (uint16_t)old;
		uint32_t new = old | GTF_reading | (readonly ? 0 : GTF_writing);

		if ((flags & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access ||
		    old >> 16 != borrower || (!readonly && (flags & GTF_readonly))) {
			return refuse(GNTST_general_error, REASON_BAD_GRANT);
		}
		if (new == old || __atomic_compare_exchange_n(word, &old, new, false,
							      __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
			return GNTST_okay;
		}
	}
	return refuse(GNTST_general_error, REASON_BAD_GRANT); /* the owner keeps changing it */
}

/* Takes the "in use" bits back as far as the counts say so. */
static void unmark_v1(grant_entry_v1_t *e, const struct grant_active *a)
{
	uint16_t clear = (a->writers ? 0 : GTF_writing) |
			 (a->writers || a->readers ? 0 : GTF_reading);

	if (clear) {
		__atomic_fetch_and(&e->flags, (uint16_t)~clear, __ATOMIC_SEQ_CST);
	}
}

static int take_frame(const struct domain *granter, mfn_t m, bool readonly)
{
	if (readonly) {
		return frame_get(m, granter)
			       ? GNTST_okay
			       : refuse_at(GNTST_bad_page, REASON_FRAME_NOT_OWNED, m.n);
	}
	switch (frame_get_type(m, FRAME_WRITABLE, granter)) {
	case 0:
		return GNTST_okay;
	case -XEN_EBUSY:
		return refuse_as(GNTST_general_error); /* it is a page table just now */
	default:
		return refuse_as(GNTST_bad_page);
	}
}

static void drop_frame(mfn_t m, bool readonly)
{
	if (readonly) {
		frame_put(m);
	} else {
		frame_put_type(m);
	}
}

/* Reads an entry and marks it.  The frame that is in use already stays the one. */
static force_inline int mark(const struct grant_table *t, uint32_t ref,
			     const struct grant_active *a, domid_t borrower, bool readonly,
			     enum grant_want want, struct grant_bytes *b)
{
	grant_entry_v1_t *e;
	int rc;

	if (unlikely(t->version != 1)) {
		return grant_v2_mark(t, ref, borrower, readonly, want, b);
	}
	e = grant_shared_entry(t, ref);
	rc = mark_v1(e, borrower, readonly);
	b->kind = GRANT_WHOLE;
	b->frame = mfn(grant_in_use(a) ? a->frame : __atomic_load_n(&e->frame, __ATOMIC_RELAXED));
	return rc;
}

static force_inline void unmark(const struct grant_table *t, uint32_t ref,
				const struct grant_active *a)
{
	if (unlikely(t->version != 1)) {
		grant_v2_unmark(t, ref, a);
	} else {
		unmark_v1(grant_shared_entry(t, ref), a);
	}
}

/* Puts an entry to use: marked, counted, its frame held.  Under the lock. GNTST_*. */
static int take_up(struct domain *granter, uint32_t ref, const struct domain *borrower,
		   bool readonly, enum grant_want want, struct grant_bytes *b)
{
	struct grant_table *t = &granter->grants;
	struct grant_active *a;
	int rc;

	if (ref >= t->refs) {
		return refuse_at(GNTST_bad_gntref, REASON_BAD_GRANT, ref);
	}
	a = grant_active_entry(t, ref);
	rc = mark(t, ref, a, borrower->id, readonly, want, b);
	if (rc != GNTST_okay) {
		return rc;
	}
	if ((readonly ? a->readers : a->writers) == UINT16_MAX) {
		rc = refuse_at(GNTST_no_space, REASON_GRANT_TABLE_FULL, ref);
	} else if (b->kind != GRANT_LINK) {
		rc = take_frame(granter, b->frame, readonly);
	}
	if (rc != GNTST_okay) {
		unmark(t, ref, a);
		return rc;
	}
	a->frame = (uint32_t)b->frame.n;
	if (readonly) {
		a->readers++;
	} else {
		a->writers++;
	}
	t->uses++;
	return GNTST_okay;
}

/*
 * Under the lock.  The frame returned is the caller's to drop, without it: the last reference
 * frees the frame and may end a dying domain.
 */
static force_inline mfn_t let_go(struct grant_table *t, uint32_t ref, bool readonly)
{
	struct grant_active *a = grant_active_entry(t, ref);

	if (readonly) {
		ASSERT(a->readers);
		a->readers--;
	} else {
		ASSERT(a->writers);
		a->writers--;
	}
	t->uses--;
	unmark(t, ref, a);
	return mfn(a->frame);
}

int grant_acquire(struct domain *granter, uint32_t ref, const struct domain *borrower,
		  bool readonly, mfn_t *frame)
{
	struct grant_bytes b;
	int rc;

	spin_lock(&granter->grants.lock);
	rc = take_up(granter, ref, borrower, readonly, GRANT_PAGE, &b);
	spin_unlock(&granter->grants.lock);
	if (rc == GNTST_okay) {
		*frame = b.frame;
	}
	return rc;
}

static force_inline void release_page(struct domain *granter, uint32_t ref, bool readonly)
{
	mfn_t m;

	spin_lock(&granter->grants.lock);
	m = let_go(&granter->grants, ref, readonly);
	spin_unlock(&granter->grants.lock);
	drop_frame(m, readonly);
}

void grant_release(struct domain *granter, uint32_t ref, bool readonly)
{
	release_page(granter, ref, readonly);
}

mfn_t grant_frame_of(const struct domain *granter, uint32_t ref)
{
	return mfn(grant_active_entry(&granter->grants, ref)->frame);
}

/* --- to copy --- */

/* A link is let go: what it led to has been, or was never had. */
static out_of_line void release_link(struct domain *granter, uint32_t ref, bool readonly)
{
	spin_lock(&granter->grants.lock);
	let_go(&granter->grants, ref, readonly);
	spin_unlock(&granter->grants.lock);
}

/*
 * From a link, which is in use, to the entry it names: lent to the granter, by another domain, and no link itself.
 * So there are never more than two, and never in a ring.  One lock after the other: that the first is in use
 * is what keeps it.
 */
static out_of_line int follow(struct domain *granter, uint32_t ref, bool readonly,
			      struct grant_bytes *b)
{
	bool usable = b->via_domid < DOMID_FIRST_RESERVED && b->via_domid != granter->id;
	struct domain *lender = usable ? domain_get(b->via_domid) : NULL;
	uint32_t via_ref = b->via_ref;
	int rc;

	if (lender && !lender->dying) {
		spin_lock(&lender->grants.lock);
		rc = take_up(lender, via_ref, granter, readonly, GRANT_LAST, b);
		spin_unlock(&lender->grants.lock);
	} else {
		rc = refuse_at(GNTST_general_error, REASON_NO_SUCH_DOMAIN, b->via_domid);
	}
	if (rc != GNTST_okay) {
		if (lender) {
			domain_put(lender);
		}
		release_link(granter, ref, readonly);
		return rc;
	}
	if (b->kind == GRANT_WHOLE) {
		b->first = 0;
		b->end = PAGE_SIZE;
	}
	b->kind = GRANT_LINK;
	b->via = lender;
	b->via_ref = via_ref;
	return GNTST_okay;
}

int grant_acquire_bytes(struct domain *granter, uint32_t ref, const struct domain *borrower,
			bool readonly, struct grant_bytes *b)
{
	int rc;

	spin_lock(&granter->grants.lock);
	rc = take_up(granter, ref, borrower, readonly, GRANT_BYTES, b);
	spin_unlock(&granter->grants.lock);
	return rc == GNTST_okay && unlikely(b->kind == GRANT_LINK)
		       ? follow(granter, ref, readonly, b)
		       : rc;
}

static out_of_line void release_both(struct domain *granter, uint32_t ref, bool readonly,
				     const struct grant_bytes *b)
{
	grant_release(b->via, b->via_ref, readonly);
	domain_put(b->via);
	release_link(granter, ref, readonly);
}

void grant_release_bytes(struct domain *granter, uint32_t ref, bool readonly,
			 const struct grant_bytes *b)
{
	if (likely(b->kind != GRANT_LINK)) {
		release_page(granter, ref, readonly);
	} else {
		release_both(granter, ref, readonly, b);
	}
}

int grant_exchange_bytes(struct domain *granter, uint32_t old, uint32_t ref,
			 const struct domain *borrower, bool readonly, struct grant_bytes *b)
{
	mfn_t m;
	int rc;

	if (unlikely(b->kind == GRANT_LINK)) {
		grant_release_bytes(granter, old, readonly, b);
		return grant_acquire_bytes(granter, ref, borrower, readonly, b);
	}
	spin_lock(&granter->grants.lock);
	m = let_go(&granter->grants, old, readonly);
	rc = take_up(granter, ref, borrower, readonly, GRANT_BYTES, b);
	spin_unlock(&granter->grants.lock);
	drop_frame(m, readonly);
	return rc == GNTST_okay && unlikely(b->kind == GRANT_LINK)
		       ? follow(granter, ref, readonly, b)
		       : rc;
}
