/*
 * The memory through which packets pass: pages that the hypervisor can copy to
 * and from by grant.
 *
 * A copy between a guest's page and memory of this process makes the kernel look
 * up and pin each page of it, which costs more than the copy.  So the pages are
 * granted, to our own domain, once at the start, and a copy names both ends by
 * grant.  Where that is not to be had the memory is plain, and only slower.
 *
 * Nobody else can write here: what was copied in stays as it was checked.
 */
#ifndef PAVANE_BACKENDS_NET_ARENA_H
#define PAVANE_BACKENDS_NET_ARENA_H

#include <stdbool.h>
#include <stdint.h>

#include <xengnttab.h>

#define ARENA_PAGE_BYTES 4096u
#define ARENA_MAX_PAGES	 192u

typedef union xengnttab_copy_ptr arena_end_t;

struct arena {
	uint8_t *base;	/* page-aligned */
	uint32_t bytes; /* whole pages */
	bool granted;
	uint32_t refs[ARENA_MAX_PAGES];
};

/* At most ARENA_MAX_PAGES.  Never fails: ends the program if there is no memory at all. */
void arena_open(struct arena *a, uint32_t pages);

/*
 * The end of a copy that lies `at` bytes into the arena, within one page.  Adds
 * `by_ref` (GNTCOPY_source_gref or GNTCOPY_dest_gref) to *flags if it is named by grant.
 */
static inline void arena_end(const struct arena *a, uint32_t at, uint16_t by_ref, arena_end_t *end,
			     uint16_t *flags)
{
	if (!a->granted) {
		end->virt = a->base + at;
		return;
	}
	end->foreign.ref = a->refs[at / ARENA_PAGE_BYTES];
	end->foreign.offset = at % ARENA_PAGE_BYTES;
	end->foreign.domid = 0; /* where backends run */
	*flags |= by_ref;
}

/* Where `size` bytes (at most a page) go, the next free place being `at`: never across pages. */
static inline uint32_t arena_place(uint32_t at, uint32_t size)
{
	uint32_t left = ARENA_PAGE_BYTES - at % ARENA_PAGE_BYTES;

	return size <= left ? at : at + left;
}

static inline uint32_t arena_next_page(uint32_t at)
{
	return (at + ARENA_PAGE_BYTES - 1) & ~(ARENA_PAGE_BYTES - 1);
}

#endif
