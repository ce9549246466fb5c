/*
 * Grant entries in use, and by how many.
 *
 * A grant entry lives in a page that its owner can write at any moment, also while we look at it.  So an
 * entry is read and marked with one compare-and-swap of flags and domid together, tried a few times;
 * the frame number is read once, after the mark, and from then on only our own copy counts.  An owner
 * who plays with a live entry gets what its last consistent state said, and harms nobody but itself.
 */
#include "core/grant_entry.h"

#include <xen/errno.h>

#include "base/bug.h"
#include "core/domain.h"
#include "mm/frame.h"

#define MARK_TRIES 5

/*
 * Checks flags and domid of a shared entry and sets the "in use" bits in one atomic step.
 * A full-page permit to the borrower is all we serve: no transfers, no transitive or sub-page grants.
 */
static int mark_entry(grant_entry_v1_t *e, domid_t borrower, bool readonly)
{
	uint32_t *word = (uint32_t *)(void *)e;
	uint32_t old = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	unsigned int tries;

	for (tries = 0; tries < MARK_TRIES; tries++) {
		uint16_t flags = (uint16_t)old;
		uint32_t new = old | GTF_reading | (readonly ? 0 : GTF_writing);

		if ((flags & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access ||
		    old >> 16 != borrower || (!readonly && (flags & GTF_readonly))) {
			return GNTST_general_error;
		}
		if (new == old || __atomic_compare_exchange_n(word, &old, new, false,
							      __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
			return GNTST_okay;
		}
	}
	return GNTST_general_error; /* the owner keeps changing it */
}

/* Takes the "in use" bits back as far as the counts say so. */
static void unmark_entry(grant_entry_v1_t *e, const struct grant_active *a)
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
		return frame_get(m, granter) ? GNTST_okay : GNTST_bad_page;
	}
	switch (frame_get_type(m, FRAME_WRITABLE, granter)) {
	case 0:
		return GNTST_okay;
	case -XEN_EBUSY:
		return GNTST_general_error; /* it is a page table just now */
	default:
		return GNTST_bad_page;
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

/* Puts an entry to use: marked, counted, its frame held.  Under the lock. GNTST_*. */
static int take_up(struct domain *granter, uint32_t ref, const struct domain *borrower,
		   bool readonly, mfn_t *frame)
{
	struct grant_table *t = &granter->grants;
	struct grant_active *a;
	grant_entry_v1_t *e;
	int rc;

	if (ref >= t->frames * GRANTS_PER_PAGE) {
		return GNTST_bad_gntref;
	}
	e = grant_shared_entry(t, ref);
	a = grant_active_entry(t, ref);
	rc = mark_entry(e, borrower->id, readonly);
	if (rc != GNTST_okay) {
		return rc;
	}
	if (!a->readers && !a->writers) {
		a->frame = __atomic_load_n(&e->frame, __ATOMIC_RELAXED);
	}
	if ((readonly ? a->readers : a->writers) == UINT16_MAX) {
		rc = GNTST_no_space;
	} else {
		rc = take_frame(granter, mfn(a->frame), readonly);
	}
	if (rc != GNTST_okay) {
		unmark_entry(e, a);
		return rc;
	}
	if (readonly) {
		a->readers++;
	} else {
		a->writers++;
	}
	*frame = mfn(a->frame);
	return GNTST_okay;
}

/*
 * Under the lock.  The frame returned is the caller's to drop, without it: the last reference
 * frees the frame and may end a dying domain.
 */
static mfn_t let_go(const struct grant_table *t, uint32_t ref, bool readonly)
{
	struct grant_active *a = grant_active_entry(t, ref);

	if (readonly) {
		ASSERT(a->readers);
		a->readers--;
	} else {
		ASSERT(a->writers);
		a->writers--;
	}
	unmark_entry(grant_shared_entry(t, ref), a);
	return mfn(a->frame);
}

int grant_acquire(struct domain *granter, uint32_t ref, const struct domain *borrower,
		  bool readonly, mfn_t *frame)
{
	int rc;

	spin_lock(&granter->grants.lock);
	rc = take_up(granter, ref, borrower, readonly, frame);
	spin_unlock(&granter->grants.lock);
	return rc;
}

void grant_release(struct domain *granter, uint32_t ref, bool readonly)
{
	mfn_t m;

	spin_lock(&granter->grants.lock);
	m = let_go(&granter->grants, ref, readonly);
	spin_unlock(&granter->grants.lock);
	drop_frame(m, readonly);
}

int grant_exchange(struct domain *granter, uint32_t old, uint32_t ref,
		   const struct domain *borrower, bool readonly, mfn_t *frame)
{
	mfn_t m;
	int rc;

	spin_lock(&granter->grants.lock);
	m = let_go(&granter->grants, old, readonly);
	rc = take_up(granter, ref, borrower, readonly, frame);
	spin_unlock(&granter->grants.lock);
	drop_frame(m, readonly);
	return rc;
}

mfn_t grant_frame_of(const struct domain *granter, uint32_t ref)
{
	return mfn(grant_active_entry(&granter->grants, ref)->frame);
}
