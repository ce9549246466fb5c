/* Making the arena; arena.h says what is special about it. */
#include "backends/net/arena.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

#define LIMIT_FILE "/sys/module/xen_gntalloc/parameters/limit"
#define MORE_PAGES 16384 /* half of the grants a control domain may have */

/* The kernel lets all programs together share 1024 pages: a dozen network cards. */
static void raise_limit(void)
{
	FILE *f = fopen(LIMIT_FILE, "r+e");
	int limit;

	if (!f) {
		return;
	}
	if (fscanf(f, "%d", &limit) == 1 && limit < MORE_PAGES) {
		rewind(f);
		fprintf(f, "%d", MORE_PAGES);
	}
	fclose(f);
}

/* The handle stays open, and with it the grants, until the process ends. */
static void *granted_pages(uint32_t *refs, uint32_t pages)
{
	xengntshr_handle *shr = xengntshr_open(NULL, 0);

	return shr ? xengntshr_share_pages(shr, 0, (int)pages, refs, 1) : NULL;
}

void arena_open(struct arena *a, uint32_t pages)
{
	a->bytes = pages * ARENA_PAGE_BYTES;
	raise_limit();
	a->base = granted_pages(a->refs, pages);
	a->granted = a->base;
	if (a->granted) {
		return;
	}
	log_warn("no granted memory (%s): copies will be slower", strerror(errno));
	a->base = mmap(NULL, a->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a->base == MAP_FAILED) {
		die("out of memory");
	}
}
