/*
 * Page tables for a guest that does not run yet.  The hypervisor checks every
 * entry when the L4 is pinned, so a mistake here is refused, not dangerous.
 */
#include "dom0-tools/build/pagetables.h"

#define ENTRIES	     512ull

#define PTE_PRESENT  0x001ull
#define PTE_WRITE    0x002ull
#define PTE_USER     0x004ull
#define PTE_ACCESSED 0x020ull
#define PTE_DIRTY    0x040ull

#define LEAF_RO	     (PTE_PRESENT | PTE_ACCESSED)
#define LEAF_RW	     (LEAF_RO | PTE_WRITE)
#define TABLE_ENTRY  (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

/* A run of tables of one level, for one virtual range. */
struct level {
	uint64_t *pages;    /* their contents */
	uint64_t pfn;	    /* of the first */
	uint64_t first;	    /* block number (va >> shift) of what the first one maps */
	unsigned int shift; /* log2 of what one table maps */
};

/* Makes every table of `lower` reachable from its place in `upper`. */
static void link_level(const struct level *upper, const struct level *lower, uint64_t count,
		       const uint64_t *frames)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t block = lower->first + i;
		uint64_t table = (block >> 9) - upper->first;

		upper->pages[table * ENTRIES + block % ENTRIES] = frames[lower->pfn + i] << 12 |
								  TABLE_ENTRY;
	}
}

/* Sets the levels of one range, laid out L3s, L2s, L1s from pages/pfn on. */
static void link_range(const struct level *l4, const struct layout_tables *t, uint64_t *pages,
		       uint64_t pfn, const uint64_t *frames, struct level *l1)
{
	struct level l3 = { pages, pfn, t->va_start >> 39, 39 };
	struct level l2 = { l3.pages + t->l3 * ENTRIES, l3.pfn + t->l3, t->va_start >> 30, 30 };

	*l1 = (struct level){ l2.pages + t->l2 * ENTRIES, l2.pfn + t->l2, t->va_start >> 21, 21 };
	link_level(l4, &l3, t->l3, frames);
	link_level(&l3, &l2, t->l2, frames);
	link_level(&l2, l1, t->l1, frames);
}

static void map_page(const struct level *l1, uint64_t va, uint64_t entry)
{
	uint64_t table = (va >> 21) - l1->first;

	l1->pages[table * ENTRIES + (va >> 12) % ENTRIES] = entry;
}

static int holds_tables(const struct layout *l, uint64_t pfn)
{
	return pfn >= l->page_tables.pfn && pfn < l->page_tables.pfn + l->page_tables.count;
}

void pagetables_build(const struct layout *l, const uint64_t *frames, uint64_t *tables,
		      uint64_t *p2m_tables)
{
	struct level l4 = { tables, l->page_tables.pfn, 0, 48 };
	struct level l1;

	/* The L4 maps the whole address space: its one block is number va >> 48, taken modulo here. */
	l4.first = l->map.va_start >> 48;
	link_range(&l4, &l->map, tables + ENTRIES, l->page_tables.pfn + 1, frames, &l1);
	for (uint64_t pfn = 0; pfn < l->mapped_end && pfn < l->page_count; pfn++) {
		map_page(&l1, layout_va(l, pfn),
			 frames[pfn] << 12 | (holds_tables(l, pfn) ? LEAF_RO : LEAF_RW));
	}
	if (l->p2m_tables.count) {
		l4.first = l->p2m_map.va_start >> 48;
		link_range(&l4, &l->p2m_map, p2m_tables, l->p2m_tables.pfn, frames, &l1);
		for (uint64_t i = 0; i < l->p2m.count; i++) {
			map_page(&l1, l->p2m_map.va_start + (i << 12),
				 frames[l->p2m.pfn + i] << 12 | LEAF_RW);
		}
	}
}
