/*
 * Entries of a grant table in use: what mapping and copying ask of the granter's side.
 *
 * Whoever has acquired an entry has its frame, with a reference, until it is released; the owner sees
 * so in the entry.  Takes the granter's lock and no other; none may be held that stands below it.
 */
#ifndef PAVANE_CORE_GRANT_ENTRY_H
#define PAVANE_CORE_GRANT_ENTRY_H

#include <stdint.h>

#include <xen/grant_table.h>

#include "core/grant_table.h"
#include "core/hypercall.h"
#include "lib/types.h"

struct domain;

static inline struct grant_active *grant_active_entry(const struct grant_table *t, uint32_t ref)
{
	return &t->active[ref / GRANTS_PER_PAGE][ref % GRANTS_PER_PAGE];
}

static inline bool grant_in_use(const struct grant_active *a)
{
	return a->readers || a->writers;
}

/* An entry of version 1. */
static inline grant_entry_v1_t *grant_shared_entry(const struct grant_table *t, uint32_t ref)
{
	return &t->shared[ref / GRANTS_PER_PAGE][ref % GRANTS_PER_PAGE];
}

static inline grant_entry_v2_t *grant_shared_v2_entry(const struct grant_table *t, uint32_t ref)
{
	return &t->shared_v2[ref / GRANTS_V2_PER_PAGE][ref % GRANTS_V2_PER_PAGE];
}

/* For what an entry is to be used. */
enum grant_want {
	GRANT_PAGE,  /* all of its page, to be mapped */
	GRANT_BYTES, /* what there is, to be copied */
	GRANT_LAST   /* the same, but a transitive entry led here: it must end here */
};

enum grant_kind { GRANT_WHOLE, GRANT_PART, GRANT_LINK };

/* What an entry in use gives, as its owner said it in one moment. */
struct grant_bytes {
	mfn_t frame;
	enum grant_kind kind;
	unsigned int first, end; /* of a part, and of where a link ends */
	/* A link, that is a transitive entry: what it names, and once it was followed the domain, referenced. */
	uint32_t via_ref;
	domid_t via_domid;
	struct domain *via;
};

/*
 * Puts an entry to use for 'borrower': checks it, marks it as in use where its owner sees it and takes references on
 * its frame. GNTST_*; on success *frame is set.
 */
int grant_acquire(struct domain *granter, uint32_t ref, const struct domain *borrower,
		  bool readonly, mfn_t *frame);
void grant_release(struct domain *granter, uint32_t ref, bool readonly);
/* The frame of an entry in use. */
mfn_t grant_frame_of(const struct domain *granter, uint32_t ref);

/* The same to copy, which may be of a part of a page and of one that a third domain lends the granter. */
int grant_acquire_bytes(struct domain *granter, uint32_t ref, const struct domain *borrower,
			bool readonly, struct grant_bytes *b);
void grant_release_bytes(struct domain *granter, uint32_t ref, bool readonly,
			 const struct grant_bytes *b);
/* Both at once: 'old' released in any case, then 'ref' acquired. GNTST_* of the latter. */
int grant_exchange_bytes(struct domain *granter, uint32_t old, uint32_t ref,
			 const struct domain *borrower, bool readonly, struct grant_bytes *b);

/* Operations done between two looks at pending work. */
#define GRANT_BATCH 16u

/*
 * Goes through a list of operations, so many at a time.  'some' does at most n, says how many, and returns 0 or what
 * the whole call ends with.  While pending work is let in nothing is held.
 */
static force_inline long grant_each_batch(unsigned int cmd, gva_t uop, unsigned int count,
					  size_t size,
					  long (*some)(gva_t uop, unsigned int n,
						       unsigned int *done))
{
	while (count) {
		unsigned int done = 0;
		long rc = some(uop, MIN(count, GRANT_BATCH), &done);

		if (rc) {
			return rc;
		}
		uop += done * size;
		count -= done;
		if (count && hypercall_preempt()) {
			return hypercall_restart(__HYPERVISOR_grant_table_op, cmd, uop, count, 0,
						 0);
		}
	}
	return 0;
}

long grant_map(gva_t uop, unsigned int count);
long grant_unmap(gva_t uop, unsigned int count);
long grant_unmap_and_replace(gva_t uop, unsigned int count);
long grant_copy(gva_t uop, unsigned int count);

#endif
