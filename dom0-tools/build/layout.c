/* The plan of a guest's memory: arithmetic only, nothing is touched. */
#include "dom0-tools/build/layout.h"

#include <string.h>
#include <xen/xen.h>

#include "dom0-tools/libpav/die.h"

#define PAGE	  4096ull
#define MAP_ALIGN (4ull << 20)
#define MAP_SLACK (512ull << 10)

static uint64_t pages_for(uint64_t bytes)
{
	return bytes / PAGE + (bytes % PAGE != 0);
}

/* How many aligned blocks of 2^shift bytes [start, end) touches. */
static uint64_t count_blocks(uint64_t start, uint64_t end, unsigned int shift)
{
	return ((end - 1) >> shift) - (start >> shift) + 1;
}

static struct layout_tables count_tables(uint64_t start, uint64_t end)
{
	return (struct layout_tables){
		.va_start = start,
		.va_end = end,
		.l3 = count_blocks(start, end, 39),
		.l2 = count_blocks(start, end, 30),
		.l1 = count_blocks(start, end, 21),
	};
}

static struct layout_piece take(uint64_t *next, uint64_t count)
{
	struct layout_piece piece = { *next, count };

	*next += count;
	return piece;
}

/* Neither wraps, nor crosses the hole between the halves, nor meets the hypervisor's range. */
static bool range_is_usable(uint64_t start, uint64_t end)
{
	uint64_t last = end - 1;
	bool low = last < 1ull << 47;
	bool high = start >= __HYPERVISOR_VIRT_END;

	return last >= start && (low || high);
}

/*
 * The page tables lie inside what they map, so their number is found by
 * repetition: it only grows, by one table for each 2 MiB, and soon stands still.
 */
static void plan_mapped(struct layout *l, uint64_t next)
{
	uint64_t first = next, tables = 0;

	for (;;) {
		uint64_t end;

		next = first;
		l->start_info = take(&next, 1);
		l->store = take(&next, 1);
		l->console = take(&next, 1);
		l->page_tables = take(&next, tables);
		l->stack = take(&next, 1);
		end = (next * PAGE + MAP_SLACK + MAP_ALIGN - 1) & ~(MAP_ALIGN - 1);
		l->mapped_end = end / PAGE;
		l->map = count_tables(l->virt_base, l->virt_base + end);
		if (tables == 1 + l->map.l3 + l->map.l2 + l->map.l1) {
			return;
		}
		tables = 1 + l->map.l3 + l->map.l2 + l->map.l1;
	}
}

static int plan_own_p2m(struct layout *l, uint64_t va, uint64_t *next, char **err)
{
	uint64_t end = va + l->p2m.count * PAGE;

	if (!range_is_usable(va, end)) {
		return fail(err, "its Xen notes ask for the frame list at an impossible address");
	}
	l->p2m_map = count_tables(va, end);
	if ((end - 1) >> 39 >= l->map.va_start >> 39 && va >> 39 <= (l->map.va_end - 1) >> 39) {
		return fail(err, "its Xen notes ask for the frame list too near its image");
	}
	l->p2m = take(next, l->p2m.count);
	l->p2m_tables = take(next, l->p2m_map.l3 + l->p2m_map.l2 + l->p2m_map.l1);
	return 0;
}

int layout_plan(const struct elfnotes *kernel, uint64_t page_count, uint64_t module_bytes,
		struct layout *out, char **err)
{
	struct layout *l = out;
	uint64_t next, p2m_pages = pages_for(page_count * sizeof(uint64_t));

	memset(l, 0, sizeof(*l));
	l->virt_base = kernel->virt_base;
	l->page_count = page_count;
	l->kernel.pfn = kernel->paddr_start / PAGE;
	l->kernel.count = pages_for(kernel->paddr_end) - l->kernel.pfn;
	l->module_unmapped = kernel->mod_start_pfn;
	if (module_bytes > 1ull << 40) {
		return fail(err, "its ramdisk is larger than any memory");
	}

	next = l->kernel.pfn + l->kernel.count;
	if (!l->module_unmapped) {
		l->module = take(&next, pages_for(module_bytes));
	}
	l->p2m.count = p2m_pages;
	if (!kernel->has_init_p2m) {
		l->p2m = take(&next, p2m_pages);
	}
	plan_mapped(l, next);
	if (!range_is_usable(l->map.va_start, l->map.va_end)) {
		return fail(err, "its Xen notes ask for an impossible virtual address");
	}

	next = l->mapped_end;
	if (l->module_unmapped) {
		l->module = take(&next, pages_for(module_bytes));
	}
	if (kernel->has_init_p2m && plan_own_p2m(l, kernel->init_p2m, &next, err) < 0) {
		return -1;
	}
	l->used_end = next;
	if (l->used_end > page_count) {
		return fail(err,
			    "its memory (%llu MiB) is too small: its kernel and ramdisk need %llu MiB to start",
			    (unsigned long long)(page_count >> 8),
			    (unsigned long long)((l->used_end >> 8) + 1));
	}
	return 0;
}

uint64_t layout_va(const struct layout *l, uint64_t pfn)
{
	return l->virt_base + pfn * PAGE;
}

uint64_t layout_p2m_va(const struct layout *l)
{
	return l->p2m_tables.count ? l->p2m_map.va_start : layout_va(l, l->p2m.pfn);
}
