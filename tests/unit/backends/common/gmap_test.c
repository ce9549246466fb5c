/* The cache of grant mappings, over a grant device that counts. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "backends/common/gmap.h"

/* The fake device: each map is an allocation whose pages hold their references. */
static struct {
	unsigned int maps, unmaps, pages;
	int last_prot;
	uint32_t refuse; /* a reference that can't be mapped; 0: none */
} fake;

void *xengnttab_map_domain_grant_refs(xengnttab_handle *xgt, uint32_t count, uint32_t domid,
				      uint32_t *refs, int prot)
{
	uint8_t *p;

	(void)xgt;
	cr_assert_eq(domid, 5);
	for (uint32_t i = 0; i < count; i++) {
		if (fake.refuse && refs[i] == fake.refuse) {
			errno = EFAULT;
			return NULL;
		}
	}
	p = aligned_alloc(4096, (size_t)count * 4096);
	for (uint32_t i = 0; i < count; i++) {
		memcpy(p + (size_t)i * 4096, &refs[i], sizeof(refs[i]));
	}
	fake.maps++;
	fake.pages += count;
	fake.last_prot = prot;
	return p;
}

/* The real one unmaps only whole mappings; so does free(). */
int xengnttab_unmap(xengnttab_handle *xgt, void *start, uint32_t count)
{
	(void)xgt;
	free(start);
	fake.unmaps++;
	fake.pages -= count;
	return 0;
}

static uint32_t ref_of(const struct gmap_page *page)
{
	uint32_t ref;

	memcpy(&ref, page->addr, sizeof(ref));
	return ref;
}

static void get_checked(struct gmap *g, const uint32_t *refs, unsigned int count,
			struct gmap_page *pages)
{
	cr_assert_eq(gmap_get(g, refs, count, false, pages), 0);
	for (unsigned int i = 0; i < count; i++) {
		cr_assert_eq(ref_of(&pages[i]), refs[i]);
	}
}

Test(gmap, without_a_cache_pages_go_with_their_request)
{
	struct gmap *g = gmap_new(NULL, 5, 0);
	struct gmap_page pages[3];
	uint32_t refs[] = { 7, 8, 7 };

	get_checked(g, refs, 3, pages);
	cr_assert_eq(fake.maps, 1, "one call for all");
	cr_assert_eq(fake.last_prot, PROT_READ);
	cr_assert_eq(gmap_mapped(g), 3);
	gmap_put(g, pages, 2);
	cr_assert_eq(fake.unmaps, 0, "the chunk lives while a page of it is held");
	gmap_put(g, pages + 2, 1);
	cr_assert_eq(fake.unmaps, 1);
	cr_assert_eq(gmap_mapped(g), 0);
	cr_assert_eq(gmap_get(g, refs, 1, true, pages), 0);
	cr_assert_eq(fake.last_prot, PROT_READ | PROT_WRITE);
	gmap_put(g, pages, 1);
	gmap_free(g);
}

Test(gmap, cached_pages_are_mapped_once_and_writable)
{
	struct gmap *g = gmap_new(NULL, 5, 16);
	struct gmap_page pages[4];
	uint32_t first[] = { 1, 2, 3 }, second[] = { 3, 9, 1, 2 };

	get_checked(g, first, 3, pages);
	cr_assert_eq(fake.last_prot, PROT_READ | PROT_WRITE);
	gmap_put(g, pages, 3);
	get_checked(g, second, 4, pages);
	gmap_put(g, pages, 4);
	cr_assert_eq(fake.maps, 2);
	cr_assert_eq(fake.pages, 4);
	cr_assert_eq(fake.unmaps, 0);
	gmap_free(g);
	cr_assert_eq(fake.pages, 0);
}

Test(gmap, longest_unused_goes_first)
{
	struct gmap *g = gmap_new(NULL, 5, 3);
	struct gmap_page page;
	unsigned int maps;

	for (uint32_t ref = 1; ref <= 3; ref++) {
		get_checked(g, &ref, 1, &page);
		gmap_put(g, &page, 1);
	}
	get_checked(g, &(uint32_t){ 1 }, 1, &page); /* 1 is fresh again, 2 is the oldest */
	gmap_put(g, &page, 1);
	get_checked(g, &(uint32_t){ 4 }, 1, &page);
	gmap_put(g, &page, 1);
	maps = fake.maps;
	get_checked(g, &(uint32_t){ 1 }, 1, &page);
	gmap_put(g, &page, 1);
	cr_assert_eq(fake.maps, maps);
	get_checked(g, &(uint32_t){ 2 }, 1, &page);
	gmap_put(g, &page, 1);
	cr_assert_eq(fake.maps, maps + 1);
	gmap_free(g);
}

Test(gmap, pages_in_use_are_never_given_up)
{
	struct gmap *g = gmap_new(NULL, 5, 2);
	struct gmap_page held[2], other;
	uint32_t refs[] = { 1, 2 };

	get_checked(g, refs, 2, held);
	get_checked(g, &(uint32_t){ 3 }, 1, &other);
	cr_assert_eq(ref_of(&held[0]), 1);
	cr_assert_eq(gmap_mapped(g), 3, "beyond the limit only while in use");
	cr_assert(gmap_are_kept(held, 2));
	cr_assert_not(gmap_are_kept(&other, 1));
	gmap_put(g, &other, 1);
	cr_assert_eq(gmap_mapped(g), 2);
	gmap_put(g, held, 2);
	gmap_free(g);
	cr_assert_eq(fake.pages, 0);
}

Test(gmap, refusal_holds_nothing)
{
	struct gmap *g = gmap_new(NULL, 5, 8);
	struct gmap_page pages[3];
	uint32_t good[] = { 1 }, bad[] = { 1, 66, 3 };

	get_checked(g, good, 1, pages);
	gmap_put(g, pages, 1);
	fake.refuse = 66;
	cr_assert_eq(gmap_get(g, bad, 3, false, pages), -EFAULT);
	cr_assert_eq(gmap_mapped(g), 1);
	gmap_free(g);
	cr_assert_eq(fake.pages, 0, "page 1 was not left held");
}

Test(gmap, too_many_are_refused)
{
	struct gmap *g = gmap_new(NULL, 5, 8);
	static uint32_t refs[GMAP_BATCH + 1];
	static struct gmap_page pages[GMAP_BATCH + 1];

	cr_assert_eq(gmap_get(g, refs, GMAP_BATCH + 1, false, pages), -EINVAL);
	gmap_free(g);
}

Test(gmap, random_use_keeps_within_limits_and_leaks_nothing)
{
	enum { HOLDERS = 8, MOST = 20, LIMIT = 40 };
	struct gmap *g = gmap_new(NULL, 5, LIMIT);
	static struct gmap_page pages[HOLDERS][MOST];
	uint32_t refs[HOLDERS][MOST];
	unsigned int counts[HOLDERS] = { 0 }, seed = 3, in_use = 0;

	for (int step = 0; step < 20000; step++) {
		unsigned int h = (unsigned int)rand_r(&seed) % HOLDERS;

		if (counts[h]) {
			for (unsigned int i = 0; i < counts[h]; i++) {
				cr_assert_eq(ref_of(&pages[h][i]), refs[h][i],
					     "another page appeared");
			}
			gmap_put(g, pages[h], counts[h]);
			in_use -= counts[h];
			counts[h] = 0;
			continue;
		}
		counts[h] = 1 + (unsigned int)rand_r(&seed) % MOST;
		for (unsigned int i = 0; i < counts[h]; i++) {
			refs[h][i] = 1 + (uint32_t)rand_r(&seed) % 100;
		}
		get_checked(g, refs[h], counts[h], pages[h]);
		in_use += counts[h];
		cr_assert_leq(gmap_mapped(g), LIMIT + in_use);
		cr_assert_eq(gmap_mapped(g), fake.pages);
	}
	for (unsigned int h = 0; h < HOLDERS; h++) {
		gmap_put(g, pages[h], counts[h]);
	}
	gmap_free(g);
	cr_assert_eq(fake.pages, 0);
	cr_assert_eq(fake.maps, fake.unmaps);
}
