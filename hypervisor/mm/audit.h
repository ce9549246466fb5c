/*
 * The proof that the counts are right (architecture.md section 4, promise (e)): every reference there is is counted
 * anew, from tables, pins and allocations here and from what others say that they hold, and compared with what each
 * frame says.  Equal, not merely enough: a reference that nobody holds is a leak, one too few is a frame that is freed in use.
 *
 * Nothing may change from the first audit_hold() to the end of audit_frames(): core/audit.c stops the machine.
 */
#ifndef PAVANE_MM_AUDIT_H
#define PAVANE_MM_AUDIT_H

#include "lib/types.h"
#include "mm/frame.h"

struct audit {
	struct audit_tally *tally; /* one a frame */
	unsigned int order;
	uint64_t *slots; /* a page: what the hypervisor's part of an L4 has to be */
	long wrong;	 /* findings */
	char first[200]; /* the first of them */
	/* figures for the verdict: */
	uint64_t refs, types, owned, lent, free, waiting;
	uint64_t limbo; /* frames that others say they have of what counts as domains' */
};

/* Room to count in.  False: there is none, and nothing was begun.  audit_end() gives it back. */
bool audit_begin(struct audit *a);
void audit_end(struct audit *a);

/* A finding: the first few are logged.  For whoever takes part. */
__attribute__((format(printf, 2, 3))) void audit_wrong(struct audit *a, const char *fmt, ...);

/* Somebody other than a page table holds n references on m, and n of type t with them (FRAME_NONE: without). */
void audit_hold(struct audit *a, mfn_t m, uint32_t n, enum frame_type t);
/* The page at p is lent to d: frame_share(). */
void audit_lent(struct audit *a, const void *p, const struct domain *d);
/* A live handle allows one grant entry (PTE_GNTTAB) for m, writable or not. */
void audit_handle(struct audit *a, mfn_t m, bool readonly);
/* For alloc.c: frame n is in a free block, as its head or not.  False: it was in another one already. */
bool audit_free_frame(struct audit *a, uint64_t n, bool head);

/* The rest of the count, the free lists, and the comparison. */
void audit_frames(struct audit *a);

#endif
