/*
 * Grant tables, version 1: a domain lends frames to others.  Errors are GNTST_* per
 * operation (public/grant_table.h).
 */
#ifndef PAVANE_CORE_GRANT_TABLE_H
#define PAVANE_CORE_GRANT_TABLE_H

#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#include "base/lock.h"
#include "lib/types.h"

struct domain;

struct grant_mapping {		/* maptrack entry; a free one links to the next */
	uint32_t ref;
	domid_t domid;
	uint16_t flags;		/* GNTMAP_* of the live mapping, 0: free */
};

struct grant_table {
	struct spinlock lock;
	/* under lock: */
	unsigned int frames, max_frames;
	grant_entry_v1_t **shared;	/* one page each, FRAME_SHARED, owner d */
	struct grant_active *active;	/* per ref: pin counts, frame, current domid */
	unsigned int maptrack_frames, max_maptrack_frames;
	struct grant_mapping **maptrack;
	uint32_t maptrack_free;
	uint32_t maps;			/* live mappings this domain holds */
	struct domain *owner;
};

int grant_table_init(struct grant_table *t, struct domain *owner, unsigned int max_frames,
		     unsigned int max_maptrack_frames);
/* The dying domain's own mappings of others' frames are dropped: 0 or -ERESTART. */
int grant_table_release_mappings(struct domain *d);
void grant_table_free(struct grant_table *t);	/* no one maps from it any more */
/* Machine frame of shared frame idx, growing the table when asked; for XENMEM_acquire_resource and add_to_physmap. */
int grant_table_frame(struct domain *d, unsigned int idx, mfn_t *m);
/* Hypercall GNTTABOP_*. */
long grant_table_op(unsigned int cmd, gva_t uop, unsigned int count);

#endif
