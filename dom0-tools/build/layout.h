/*
 * Where each thing goes in a new guest's memory, before there is any memory.
 *
 * Pseudo-physical frames from 0 up hold, each piece page-aligned: the kernel
 * (where its segments say), start info, store page, console page, page tables,
 * boot stack; all of it mapped at virt_base + 4096 * pfn up to mapped_end, which
 * is a multiple of 4 MiB and leaves at least 512 KiB free after the stack.  Then,
 * unmapped if the kernel allows it, the ramdisk; then the frame list (p2m) with
 * the page tables that map it at its own virtual address, if the kernel names one.
 * A ramdisk or p2m that must be mapped comes before start info instead.
 *
 * The page tables are in the order L4, L3s, L2s, L1s: Linux counts on the first.
 * See <xen/xen.h>, "Start-of-day memory layout".
 */
#ifndef PAVANE_BUILD_LAYOUT_H
#define PAVANE_BUILD_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "dom0-tools/build/elfnotes.h"

struct layout_piece {
	uint64_t pfn;
	uint64_t count;
};

/* How many tables of each level map one virtual range. */
struct layout_tables {
	uint64_t va_start, va_end;
	uint64_t l3, l2, l1;
};

struct layout {
	uint64_t virt_base;
	uint64_t page_count; /* of the whole guest */
	struct layout_piece kernel, start_info, store, console, page_tables, stack, module, p2m;
	struct layout_piece p2m_tables; /* empty unless the p2m has its own mapping */
	struct layout_tables map;	/* of [virt_base, mapped end): page_tables is L4 + these */
	struct layout_tables p2m_map;	/* all zero unless the p2m has its own mapping */
	uint64_t mapped_end;		/* pfn, exclusive */
	uint64_t used_end;		/* pfn after the last piece */
	bool module_unmapped;
};

/* 0, or -1 and a sentence: the guest is too small for its kernel, or the notes contradict themselves. */
int layout_plan(const struct elfnotes *kernel, uint64_t page_count, uint64_t module_bytes,
		struct layout *out, char **err);

/* Virtual address of a pfn below mapped_end. */
uint64_t layout_va(const struct layout *l, uint64_t pfn);
/* Virtual address of the p2m. */
uint64_t layout_p2m_va(const struct layout *l);

#endif
