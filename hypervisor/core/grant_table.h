/*
 * Grant tables, version 1: a domain lends frames to others.  Errors are GNTST_* per
 * operation (public/grant_table.h).
 *
 * The granter's side is a table of entries in pages it shares with the hypervisor; what is in use of
 * it is counted in 'active'.  The borrower's side is the map track: one entry per handle it was given.
 *
 * Invariants
 *  - active[ref].readers + writers = the handles, of all domains, that are live on that entry,
 *    plus the copies under way; while it is not zero, 'frame' does not change.
 *  - Each of them holds a reference on the frame (and a writable one for a writer), and each handle
 *    holds a reference on the granting domain.
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

struct grant_active { /* what is in use of one entry */
	uint32_t frame;
	uint16_t readers, writers;
};
#define GRANTS_PER_PAGE (PAGE_SIZE / sizeof(grant_entry_v1_t))

struct grant_table {
	struct spinlock lock;
	/* under lock: */
	unsigned int frames;	      /* pages of shared[] and active[]; never falls */
	grant_entry_v1_t **shared;    /* one page each, FRAME_SHARED, owner d */
	struct grant_active **active; /* one page each */
	unsigned int maptrack_frames;
	struct grant_mapping **maptrack; /* made with the first mapping */
	uint32_t maptrack_free;
	uint32_t maps;	       /* live mappings this domain holds */
	uint32_t release_next; /* where the teardown of mappings goes on */
	/* written once: */
	unsigned int max_frames, max_maptrack_frames;
	struct domain *owner;
};

/* The table has one frame from the start. 0 or -ENOMEM. */
int grant_table_init(struct grant_table *t, struct domain *owner, unsigned int max_frames,
		     unsigned int max_maptrack_frames);
/* At least 'frames' frames. 0, -EINVAL past the limit, -ENOMEM; -ERESTART: it has grown, but others want their turn. */
int grant_table_grow(struct grant_table *t, unsigned int frames);
/* The dying domain's own mappings of others' frames are dropped: 0 or -ERESTART. No lock may be held. */
int grant_table_release_mappings(struct domain *d);
/* Some of its pages go: for a table that nobody maps from any more.  True: none is left. */
bool grant_table_shrink(struct grant_table *t);
/* No one maps from it any more.  Accepts half-made ones. */
void grant_table_free(struct grant_table *t);
/* Machine frame of shared frame idx, growing the table when asked; for XENMEM_acquire_resource and
 * add_to_physmap. 0, -EINVAL past the limit, -ENOMEM, -ERESTART. */
int grant_table_frame(struct domain *d, unsigned int idx, mfn_t *m);

#endif
