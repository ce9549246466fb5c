/*
 * A guest's first page tables, as bytes to be copied into its frames.  They map
 * what the layout says: its low frames at virt_base, page tables read-only, and
 * the p2m at its own address.
 */
#ifndef PAVANE_BUILD_PAGETABLES_H
#define PAVANE_BUILD_PAGETABLES_H

#include "dom0-tools/build/layout.h"

/*
 * frames[pfn] is the machine frame of pfn, for all page_count of them.  Fills
 * tables[] (page_tables.count pages, L4 first) and p2m_tables[] (p2m_tables.count
 * pages), both zeroed by the caller.
 */
void pagetables_build(const struct layout *l, const uint64_t *frames, uint64_t *tables,
		      uint64_t *p2m_tables);

#endif
