/*
 * Between pagetype.c, which knows what an entry may be, and pagetree.c, which makes tables of
 * entries: nobody else's business.
 */
#ifndef PAVANE_MM_PAGETREE_H
#define PAVANE_MM_PAGETREE_H

#include "lib/types.h"
#include "mm/frame.h"
#include "x86/pte.h"

struct domain;

#define TABLE_ENTRIES 512u

static inline bool pagetree_hypervisor_slot(enum frame_type level, unsigned int index)
{
	return level == FRAME_L4 && index >= HV_FIRST_SLOT && index <= HV_LAST_SLOT;
}

/* One entry of a table of that level, not written yet: its references taken, its bits made right; and dropped. */
int pagetype_get_entry(struct domain *d, enum frame_type level, uint64_t *entry);
void pagetype_put_entry(struct domain *d, enum frame_type level, uint64_t entry);

/* Within one step: as pagetype_get() and pagetype_put(), of a table that an entry points to. */
int pagetree_get(struct domain *d, mfn_t table, enum frame_type level);
void pagetree_put(struct domain *d, mfn_t table);

/* A request about tables is one step: begun with so much work to spend, ended with what is left of it. */
void pagetree_begin_step(struct domain *d);
void pagetree_end_step(struct domain *d);

#endif
