/*
 * Entries of version 2: sixteen bytes that only their owner writes, and a status that only we write.
 *
 * No compare-and-swap ties the two together.  The owner ends a grant by clearing the type and then looking at
 * the status; we mark the status and then look at the entry.  Each has a full barrier in between, so one of the two
 * sees the other: either we find the type gone, or the owner finds the entry in use and leaves its body alone.
 * Thus the body is read after the mark, once, and from then on only our copy counts.
 *
 * An owner that keeps no such rule may change the entry between any two of our reads: its first eight bytes, which have
 * type, borrower, and bounds or the next domain, are one load, its last eight, frame or the next reference, another.
 * We look at the first again after the last, and refuse what has changed.  If it was changed and changed back,
 * we may join two of the owner's own wishes: a frame of its own that it did lend, or a reference that the next domain
 * lent to it, given to a borrower that it did name.  Each of them is checked for itself; it harms nobody else.
 */
#include "core/grant_v2.h"

#include "base/refuse.h"

union v2_entry {
	grant_entry_v2_t e;
	uint64_t word[2];
};

static grant_status_t *status_of(const struct grant_table *t, uint32_t ref)
{
	return &t->status[ref / STATUS_PER_PAGE][ref % STATUS_PER_PAGE];
}

uint16_t grant_marks(const struct grant_active *a)
{
	return a->writers ? GTF_reading | GTF_writing : a->readers ? GTF_reading : 0;
}

void grant_v2_unmark(const struct grant_table *t, uint32_t ref, const struct grant_active *a)
{
	uint16_t clear = (GTF_reading | GTF_writing) & ~grant_marks(a);

	if (clear) {
		__atomic_fetch_and(status_of(t, ref), (uint16_t)~clear, __ATOMIC_SEQ_CST);
	}
}

static bool permits(const grant_entry_header_t *h, domid_t borrower, bool readonly,
		    enum grant_want want)
{
	if (h->domid != borrower || (!readonly && (h->flags & GTF_readonly))) {
		return false;
	}
	switch (h->flags & GTF_type_mask) {
	case GTF_permit_access:
		return want != GRANT_PAGE || !(h->flags & GTF_sub_page);
	case GTF_transitive:
		return want == GRANT_BYTES;
	default:
		return false;
	}
}

static void describe(const grant_entry_v2_t *e, struct grant_bytes *b)
{
	if ((e->hdr.flags & GTF_type_mask) == GTF_transitive) {
		b->kind = GRANT_LINK;
		b->frame = mfn(GRANT_ELSEWHERE);
		b->via_domid = e->transitive.trans_domid;
		b->via_ref = e->transitive.gref;
		return;
	}
	b->kind = e->hdr.flags & GTF_sub_page ? GRANT_PART : GRANT_WHOLE;
	b->frame = mfn(e->full_page.frame);
	b->first = e->sub_page.page_off;
	b->end = b->first + e->sub_page.length;
}

out_of_line int grant_v2_mark(const struct grant_table *t, uint32_t ref, domid_t borrower,
			      bool readonly, enum grant_want want, struct grant_bytes *b)
{
	const struct grant_active *a = grant_active_entry(t, ref);
	const uint64_t *word = (const void *)grant_shared_v2_entry(t, ref);
	union v2_entry now;

	now.word[0] = __atomic_load_n(&word[0], __ATOMIC_ACQUIRE);
	if (!permits(&now.e.hdr, borrower, readonly, want)) {
		return refuse_at(GNTST_general_error, REASON_BAD_GRANT, ref);
	}
	__atomic_fetch_or(status_of(t, ref), GTF_reading | (readonly ? 0 : GTF_writing),
			  __ATOMIC_SEQ_CST);
	now.word[0] = __atomic_load_n(&word[0], __ATOMIC_SEQ_CST);
	now.word[1] = __atomic_load_n(&word[1], __ATOMIC_ACQUIRE);
	describe(&now.e, b);
	/* One that is in use as another frame, or as the other kind, was changed under its users. */
	if (!permits(&now.e.hdr, borrower, readonly, want) ||
	    now.word[0] != __atomic_load_n(&word[0], __ATOMIC_RELAXED) ||
	    (grant_in_use(a) && b->frame.n != a->frame)) {
		grant_v2_unmark(t, ref, a);
		return refuse_at(GNTST_general_error, REASON_BAD_GRANT, ref);
	}
	return GNTST_okay;
}
