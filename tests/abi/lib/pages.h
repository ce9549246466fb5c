/*
 * Pages of which a hypercall can use only so much, for arguments that end in a fault.
 */
#ifndef PAVANE_ABI_PAGES_H
#define PAVANE_ABI_PAGES_H

#include "frontends/rt/rt.h"

#include "hypervisor/lib/string.h"

#define NOWHERE ((void *)16) /* the first page is never mapped */

/* Maps a page of the initial mapping with other flags, or 0 for not at all. */
static inline long page_protect(const void *page, uint64_t flags)
{
	return update_va_mapping((uint64_t)page,
				 flags ? virt_to_mfn(page) << PAGE_SHIFT | flags : 0,
				 UVMF_INVLPG | UVMF_ALL);
}

/* A copy that can be read but not written. */
static inline void *read_only(const void *from, size_t size)
{
	void *page = page_alloc();

	memcpy(page, from, size);
	page_protect(page, PTE_USUAL & ~PTE_RW);
	return page;
}

/* A copy of which only the first 'mapped' bytes are there. */
static inline void *cut_short(const void *from, size_t size, size_t mapped)
{
	char *page = page_alloc(), *hole = page_alloc(), *at = page + PAGE_SIZE - mapped;

	memcpy(at, from, size);
	page_protect(hole, 0);
	return at;
}

#endif
