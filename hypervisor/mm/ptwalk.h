/* Walks a guest's page tables in software. */
#ifndef PAVANE_MM_PTWALK_H
#define PAVANE_MM_PTWALK_H

#include "lib/types.h"

/*
 * The machine address of the L1 entry that maps va under the L4 in frame base.
 * 0 if a level is not present or is a large page, or va is not canonical.
 */
uint64_t ptwalk_l1(mfn_t base, gva_t va);
/* From such an address, which entry of its table it is. */
static inline unsigned int ptwalk_index(uint64_t entry)
{
	return (entry & ~PAGE_MASK) / 8;
}
/* The entry itself, or 0. */
uint64_t ptwalk_l1e(mfn_t base, gva_t va);

#endif
