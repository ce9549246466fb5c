/*
 * Grant tables: a domain lends frames to others.  Errors are GNTST_* per operation (public/grant_table.h).
 *
 * The granter's side is a table of entries in pages it shares with the hypervisor; what is in use of
 * it is counted in 'active'.  The borrower's side is the map track: one entry per handle it was given.
 * Entries have one of two versions, the same for the whole table, and nobody but the table's owner sees
 * which.  In version 2 what is in use is told in pages of their own, the status frames.
 *
 * Invariants
 *  - active[ref].readers + writers = the handles, of all domains, that are live on that entry,
 *    plus the copies under way; while it is not zero, 'frame' does not change.
 *  - Each of them holds a reference on the frame (and a writable one for a writer), and each handle
 *    holds a reference on the granting domain.  A copy through a transitive entry holds the frame in the
 *    table where it ends, and here only counts.
 *  - uses = the sum of all readers and writers.
 *  - Every entry of version 2 has its status: there are as many status frames as that takes.
 *  - Entries from 'refs' on are not in use.
 */
#ifndef PAVANE_CORE_GRANT_TABLE_H
#define PAVANE_CORE_GRANT_TABLE_H

#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#include "base/lock.h"
#include "lib/types.h"

struct domain;

struct grant_mapping {		/* maptrack entry */
	struct domain *granter; /* referenced; NULL: free */
	uint32_t ref;		/* in the granter's table; while free, the next free handle */
	uint16_t flags;		/* GNTMAP_* of the live mapping, GRANT_MAPPING_BUSY */
	uint16_t spare;
};
#define GRANT_MAPPING_BUSY	0x8000u /* being made or unmade: no one else may touch it */
#define GRANT_MAPPINGS_PER_PAGE (PAGE_SIZE / sizeof(struct grant_mapping))
#define GRANT_NO_HANDLE		(~0u)

struct grant_active {	/* what is in use of one entry */
	uint32_t frame; /* or GRANT_ELSEWHERE */
	uint16_t readers, writers;
};
#define GRANT_ELSEWHERE	   (~0u) /* in use as a transitive entry */
#define GRANTS_PER_PAGE	   (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define GRANTS_V2_PER_PAGE (PAGE_SIZE / sizeof(grant_entry_v2_t))
#define STATUS_PER_PAGE	   (PAGE_SIZE / sizeof(grant_status_t))

struct grant_table {
	struct spinlock lock;
	/* under lock: */
	unsigned int version;
	unsigned int frames; /* pages of shared[] and active[]; never falls */
	unsigned int
		refs; /* entries; fewer than the pages have while a change of version clears them */
	uint32_t uses;
	union { /* one page each, FRAME_SHARED, owner d */
		grant_entry_v1_t **shared;
		grant_entry_v2_t **shared_v2;
	};
	struct grant_active **active; /* one page each, GRANTS_PER_PAGE whatever the version */
	unsigned int status_frames;   /* version 2 only */
	unsigned int
		status_ready; /* behind them in status[]: made for a change of version, not lent yet */
	grant_status_t **status; /* as shared */
	unsigned int maptrack_frames;
	struct grant_mapping **maptrack; /* made with the first mapping */
	uint32_t maptrack_free;
	uint32_t maps;	       /* live mappings this domain holds */
	uint32_t release_next; /* where the teardown of mappings goes on */
	/* written once: */
	unsigned int max_version, max_frames, max_maptrack_frames;
	struct domain *owner;
};

static inline unsigned int grant_status_frames(unsigned int frames)
{
	return (unsigned int)((frames * GRANTS_V2_PER_PAGE + STATUS_PER_PAGE - 1) /
			      STATUS_PER_PAGE);
}

/* The table has one frame from the start, and version 1. 0 or -ENOMEM. */
int grant_table_init(struct grant_table *t, struct domain *owner, unsigned int max_version,
		     unsigned int max_frames, unsigned int max_maptrack_frames);
/* At least 'frames' frames. 0, -EINVAL past the limit, -ENOMEM; -ERESTART: it has grown, but others want their turn. */
int grant_table_grow(struct grant_table *t, unsigned int frames);
/*
 * Under the lock: one of the status frames that so many frames need and that are not there yet is made, not lent.  0: that was the last;
 * -ERESTART: there are more; -ENOMEM.
 */
int grant_table_ready_status(struct grant_table *t, unsigned int frames);
/* Status frames for so many frames, under the lock.  0 or -ENOMEM. */
int grant_table_grow_status(struct grant_table *t, unsigned int frames);
/* The dying domain's own mappings of others' frames are dropped: 0 or -ERESTART. No lock may be held. */
int grant_table_release_mappings(struct domain *d);
/* Some of its pages go: for a table that nobody maps from any more.  True: none is left. */
bool grant_table_shrink(struct grant_table *t);
/* No one maps from it any more.  Accepts half-made ones. */
void grant_table_free(struct grant_table *t);
/*
 * Machine frame of shared frame idx, growing the table when asked; the same of status frame idx.  For
 * XENMEM_acquire_resource.  0, -EINVAL past the limit or, for status frames, in version 1, -ENOMEM, -ERESTART.
 */
int grant_table_frame(struct domain *d, unsigned int idx, mfn_t *m);
int grant_table_status_frame(struct domain *d, unsigned int idx, mfn_t *m);

#endif
