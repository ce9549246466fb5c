/*
 * Grant mappings: pages of the guest, mapped in batches and kept while it pays.
 *
 * A frontend that offers persistent grants uses the same pages again and again,
 * so a mapping is kept, found by grant reference, and given up only to stay
 * under the limit, longest unused first.  Other frontends get their pages
 * mapped for one request and unmapped with it.
 *
 * The kernel unmaps only what it mapped in one call, so the unit of unmapping
 * is the chunk: the references of one request that were not mapped yet.  A
 * chunk lives while it is cached or a page of it is in use.
 */
#ifndef PAVANE_BACKENDS_GMAP_H
#define PAVANE_BACKENDS_GMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xengnttab.h>

#define GMAP_BATCH 256 /* most references of one gmap_get() */

struct gmap;
struct gmap_chunk;

/* One page held by a caller, from gmap_get() to gmap_put(). */
struct gmap_page {
	uint8_t *addr;
	struct gmap_chunk *chunk;
};

/*
 * A cache for pages of domain domid of at most `limit` cached pages; limit 0
 * keeps nothing.  NULL without memory.
 */
struct gmap *gmap_new(xengnttab_handle *gnt, uint32_t domid, unsigned int limit);

/*
 * Map refs[0..count) (count <= GMAP_BATCH) into pages[].  Cached mappings are
 * always writable, as the protocol asks of persistent grants; others are
 * writable if `writable`.  0, or -errno with nothing held.
 */
int gmap_get(struct gmap *g, const uint32_t *refs, unsigned int count, bool writable,
	     struct gmap_page *pages);

/*
 * Do all these pages stay mapped when they are let go of?  Only then may the kernel be given
 * them for direct I/O: it lets go of a page somewhat after it says that the transfer is done,
 * and a mapping that ends in between is taken out of our page tables with its grant still held.
 */
bool gmap_are_kept(const struct gmap_page *pages, unsigned int count);

/* Let go of pages taken with gmap_get(). */
void gmap_put(struct gmap *g, const struct gmap_page *pages, unsigned int count);

/* Pages mapped now, cached or in use. */
unsigned int gmap_mapped(const struct gmap *g);

/* Unmap everything; no page may be held.  NULL is fine. */
void gmap_free(struct gmap *g);

#endif
