/* Walks a guest's page tables in software. */
#ifndef PAVANE_MM_PTWALK_H
#define PAVANE_MM_PTWALK_H

#include "lib/types.h"

/*
 * Finds the L1 table that maps va under the L4 in frame base: *table and *index name the entry.
 * False if a level is not present or is a large page, or va is not canonical.
 */
bool ptwalk_l1(mfn_t base, gva_t va, mfn_t *table, unsigned int *index);
/* The entry itself, or 0. */
uint64_t ptwalk_l1e(mfn_t base, gva_t va);

#endif
