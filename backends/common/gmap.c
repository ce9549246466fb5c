/*
 * Grant mappings; gmap.h tells the idea.  A hash finds the cached page of a
 * reference, a list in order of last use finds what to give up.
 */
#include "backends/common/gmap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "dom0-tools/libpav/log.h"

#define PAGE_BYTES 4096u
#define BUCKETS	   1024u /* power of two */

struct gmap_chunk {
	struct gmap_chunk *older, *newer; /* cached chunks by last use */
	uint8_t *addr;
	unsigned int count; /* pages */
	unsigned int users; /* pages held by callers, a page held twice counts twice */
	bool cached;
	struct entry {
		uint32_t ref;
		uint8_t *addr;
		struct gmap_chunk *chunk;
		struct entry *next; /* in its bucket */
	} entries[];
};

struct gmap {
	xengnttab_handle *gnt;
	uint32_t domid;
	unsigned int limit, mapped, cached; /* pages */
	struct gmap_chunk *oldest, *newest;
	struct entry *buckets[BUCKETS];
};

static struct entry **bucket_of(struct gmap *g, uint32_t ref)
{
	return &g->buckets[(ref * 2654435761u) >> 22 & (BUCKETS - 1)];
}

static struct entry *find(struct gmap *g, uint32_t ref)
{
	struct entry *e = *bucket_of(g, ref);

	while (e && e->ref != ref) {
		e = e->next;
	}
	return e;
}

static void list_remove(struct gmap *g, struct gmap_chunk *c)
{
	*(c->older ? &c->older->newer : &g->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &g->newest) = c->older;
}

static void list_append(struct gmap *g, struct gmap_chunk *c)
{
	c->older = g->newest;
	c->newer = NULL;
	*(g->newest ? &g->newest->newer : &g->oldest) = c;
	g->newest = c;
}

static void touch(struct gmap *g, struct gmap_chunk *c)
{
	if (c->cached && g->newest != c) {
		list_remove(g, c);
		list_append(g, c);
	}
}

static void cache_add(struct gmap *g, struct gmap_chunk *c)
{
	for (unsigned int i = 0; i < c->count; i++) {
		struct entry **bucket = bucket_of(g, c->entries[i].ref);

		c->entries[i].next = *bucket;
		*bucket = &c->entries[i];
	}
	c->cached = true;
	g->cached += c->count;
	list_append(g, c);
}

static void cache_remove(struct gmap *g, struct gmap_chunk *c)
{
	for (unsigned int i = 0; i < c->count; i++) {
		struct entry **link = bucket_of(g, c->entries[i].ref);

		while (*link != &c->entries[i]) {
			link = &(*link)->next;
		}
		*link = c->entries[i].next;
	}
	c->cached = false;
	g->cached -= c->count;
	list_remove(g, c);
}

static void unmap_chunk(struct gmap *g, struct gmap_chunk *c)
{
	if (xengnttab_unmap(g->gnt, c->addr, c->count)) {
		/* The address range stays ours until exit; nothing can be done about it here. */
		log_error("can't unmap %u grants of domain %u: %m", c->count, g->domid);
	}
	g->mapped -= c->count;
	free(c);
}

/* Give up idle chunks, longest unused first, until `want` more pages fit. */
static bool make_room(struct gmap *g, unsigned int want)
{
	struct gmap_chunk *c = g->oldest, *next;

	for (; c && g->cached + want > g->limit; c = next) {
		next = c->newer;
		if (!c->users) {
			cache_remove(g, c);
			unmap_chunk(g, c);
		}
	}
	return g->cached + want <= g->limit;
}

static struct gmap_chunk *map_chunk(struct gmap *g, uint32_t *refs, unsigned int count,
				    bool writable)
{
	struct gmap_chunk *c = calloc(1, sizeof(*c) + count * sizeof(c->entries[0]));
	int prot = PROT_READ | (writable ? PROT_WRITE : 0);

	if (!c) {
		errno = ENOMEM;
		return NULL;
	}
	c->addr = xengnttab_map_domain_grant_refs(g->gnt, count, g->domid, refs, prot);
	if (!c->addr) {
		int err = errno ? errno : EIO;

		free(c);
		errno = err;
		return NULL;
	}
	c->count = count;
	for (unsigned int i = 0; i < count; i++) {
		c->entries[i] = (struct entry){ .ref = refs[i],
						.addr = c->addr + (size_t)i * PAGE_BYTES,
						.chunk = c };
	}
	g->mapped += count;
	return c;
}

static void hold(struct gmap_page *page, const struct entry *e)
{
	page->addr = e->addr;
	page->chunk = e->chunk;
	e->chunk->users++;
}

struct gmap *gmap_new(xengnttab_handle *gnt, uint32_t domid, unsigned int limit)
{
	struct gmap *g = calloc(1, sizeof(*g));

	if (g) {
		g->gnt = gnt;
		g->domid = domid;
		g->limit = limit;
	}
	return g;
}

int gmap_get(struct gmap *g, const uint32_t *refs, unsigned int count, bool writable,
	     struct gmap_page *pages)
{
	uint32_t missing[GMAP_BATCH];
	unsigned int missing_count = 0, next = 0;
	struct gmap_chunk *c;
	bool keep;

	if (count > GMAP_BATCH) {
		return -EINVAL;
	}
	for (unsigned int i = 0; i < count; i++) {
		struct entry *e = g->limit ? find(g, refs[i]) : NULL;

		pages[i].chunk = NULL;
		if (e) {
			hold(&pages[i], e);
			touch(g, e->chunk);
		} else {
			missing[missing_count++] = refs[i];
		}
	}
	if (!missing_count) {
		return 0;
	}
	keep = make_room(g, missing_count);
	c = map_chunk(g, missing, missing_count, writable || keep);
	if (!c) {
		int err = errno;

		for (unsigned int i = 0; i < count; i++) {
			if (pages[i].chunk) {
				gmap_put(g, &pages[i], 1);
			}
		}
		return -err;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (!pages[i].chunk) {
			hold(&pages[i], &c->entries[next++]);
		}
	}
	if (keep) {
		cache_add(g, c);
	}
	return 0;
}

bool gmap_are_kept(const struct gmap_page *pages, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (!pages[i].chunk->cached) {
			return false;
		}
	}
	return true;
}

void gmap_put(struct gmap *g, const struct gmap_page *pages, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct gmap_chunk *c = pages[i].chunk;

		if (--c->users == 0 && !c->cached) {
			unmap_chunk(g, c);
		}
	}
}

unsigned int gmap_mapped(const struct gmap *g)
{
	return g->mapped;
}

void gmap_free(struct gmap *g)
{
	if (!g) {
		return;
	}
	while (g->oldest) {
		struct gmap_chunk *c = g->oldest;

		cache_remove(g, c);
		unmap_chunk(g, c);
	}
	free(g);
}
