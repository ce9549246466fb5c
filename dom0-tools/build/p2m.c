/* A new domain's memory: populating it, and filling it through foreign mappings in pieces. */
#include "dom0-tools/build/p2m.h"

#include <string.h>

#include "dom0-tools/libpav/die.h"

#define BIG_ORDER 9
#define BIG_PAGES (1ull << BIG_ORDER)
#define BATCH	  512  /* extents in one call */
#define MAP_PAGES 2048 /* frames mapped at a time */

/*
 * One call for up to BATCH extents of 2^order frames from pfn on.  Returns how
 * many the hypervisor gave, or -errno.
 */
static int populate_batch(struct hcall *h, domid_t domid, uint64_t *frames, uint64_t pfn,
			  uint64_t count, unsigned int order)
{
	xen_pfn_t list[BATCH];
	uint64_t n = count >> order;
	int got;

	n = n < BATCH ? n : BATCH;
	for (uint64_t i = 0; i < n; i++) {
		list[i] = pfn + (i << order);
	}
	got = hcall_populate(h, domid, order, n, list);
	for (int i = 0; i < got && (uint64_t)i < n; i++) {
		for (uint64_t j = 0; j < 1ull << order; j++) {
			frames[pfn + ((uint64_t)i << order) + j] = list[i] + j;
		}
	}
	return got;
}

int p2m_populate(struct hcall *h, domid_t domid, uint64_t *frames, uint64_t count, char **err)
{
	unsigned int order = BIG_ORDER;
	uint64_t pfn = 0;

	while (pfn < count) {
		int got;

		if (order && count - pfn < BIG_PAGES) {
			order = 0;
		}
		got = populate_batch(h, domid, frames, pfn, count - pfn, order);
		if (got > 0) {
			pfn += (uint64_t)got << order;
		} else if (order) {
			order = 0; /* no large pieces left */
		} else {
			return fail(err, "the hypervisor ran out of memory after %llu of %llu MiB",
				    (unsigned long long)(pfn >> 8),
				    (unsigned long long)(count >> 8));
		}
	}
	return 0;
}

int p2m_fill(struct hcall *h, domid_t domid, const uint64_t *frames, uint64_t first, uint64_t count,
	     p2m_fill_fn *fill, void *arg, char **err)
{
	xen_pfn_t list[MAP_PAGES];

	for (uint64_t done = 0; done < count;) {
		size_t n = count - done < MAP_PAGES ? count - done : MAP_PAGES;
		void *p;
		int rc;

		for (size_t i = 0; i < n; i++) {
			list[i] = frames[first + done + i];
		}
		p = hcall_map_foreign(h, domid, list, n);
		if (!p) {
			return fail(err, "can't map the new domain's memory: %m");
		}
		rc = fill(arg, done << 12, p, n << 12, err);
		hcall_unmap_foreign(h, p, n);
		if (rc < 0) {
			return -1;
		}
		done += n;
	}
	return 0;
}

struct source {
	const uint8_t *data;
	size_t len;
};

static int copy_chunk(void *arg, uint64_t at, void *chunk, size_t len, char **err)
{
	struct source *s = arg;
	size_t n = s->len > at ? s->len - at : 0;

	(void)err;
	n = n < len ? n : len;
	memcpy(chunk, s->data + at, n);
	memset((char *)chunk + n, 0, len - n);
	return 0;
}

int p2m_write(struct hcall *h, domid_t domid, const uint64_t *frames, uint64_t first,
	      const void *data, size_t len, char **err)
{
	struct source s = { data, len };

	return p2m_fill(h, domid, frames, first, (len + 4095) >> 12, copy_chunk, &s, err);
}
