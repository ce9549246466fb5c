/*
 * The hypervisor's page tables.  Everything it maps is supervisor-only and lives in
 * slots 256..271, which every guest L4 shares; only the read-only M2P can be seen by guests.
 * Next: percpu.c for what each CPU has of its own, mm/frame.h for the frame table.
 */
#include "x86/paging.h"

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/log.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/m2p.h"
#include "x86/bootinfo.h"
#include "x86/cpu.h"
#include "x86/machine.h"
#include "x86/pte.h"

extern char image_start[], text_start[], text_end[], stubs_start[], rodata_start[], rodata_end[],
	image_end[];

uint64_t boot_cr3;
static uint64_t *l4;

/* Early memory: taken downward from the top of the largest RAM range under 4 GiB. */
static paddr_t early_start, early_next, early_end;
static bool heap_ready;
static uint64_t early_frames;

struct range {
	paddr_t start, end;
};

static paddr_t image_phys(const char *p)
{
	return (uint64_t)p - IMAGE_BASE;
}

static bool overlaps(paddr_t a, paddr_t b, paddr_t s, paddr_t e)
{
	return a < e && s < b;
}

/* The part of [start, end) above everything that must stay: image, modules. */
static paddr_t clear_above(paddr_t start, paddr_t end)
{
	paddr_t low = MAX(start, (paddr_t)0x100000);

	if (overlaps(low, end, image_phys(image_start), image_phys(image_end))) {
		low = MAX(low, image_phys(image_end));
	}
	for (unsigned int i = 0; i < bootinfo.module_count; i++) {
		const struct boot_module *m = &bootinfo.module[i];

		if (overlaps(low, end, m->start, m->end)) {
			low = MAX(low, m->end);
		}
	}
	return ROUND_UP(low, PAGE_SIZE);
}

static void early_init(void)
{
	for (unsigned int i = 0; i < bootinfo.e820_count; i++) {
		const struct e820 *r = &bootinfo.e820[i];
		paddr_t end = MIN(r->addr + r->size, (paddr_t)1 << 32) & PAGE_MASK;
		paddr_t low = clear_above(r->addr, end);

		if (r->type == E820_RAM && end > low && end - low > early_end - early_start) {
			early_start = low;
			early_end = end;
		}
	}
	if (early_end == early_start) {
		panic("no RAM below 4 GiB is free for the page tables");
	}
	early_next = early_end;
}

static paddr_t early_page(void)
{
	if (heap_ready) {
		void *p = alloc_page();

		if (!p) {
			panic("out of memory for the hypervisor's page tables");
		}
		return mfn_to_paddr(virt_to_frame(p));
	}
	if (early_next - PAGE_SIZE < early_start) {
		panic("out of early memory");
	}
	early_next -= PAGE_SIZE;
	early_frames++;
	memset((void *)(DIRECTMAP_BASE + early_next), 0, PAGE_SIZE);
	return early_next;
}

static uint64_t *table_at(uint64_t entry)
{
	return (uint64_t *)(DIRECTMAP_BASE + (entry & PTE_ADDR));
}

/* The table below, made when missing. */
static uint64_t *descend(uint64_t *table, unsigned int index, uint64_t flags)
{
	if (!(table[index] & PTE_P)) {
		table[index] = early_page() | flags;
	}
	return table_at(table[index]);
}

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

static uint64_t *l2_for(uint64_t va)
{
	return descend(descend(l4, L4_INDEX(va), TABLE_FLAGS), L3_INDEX(va), TABLE_FLAGS);
}

static void map_page(uint64_t va, paddr_t pa, uint64_t flags)
{
	uint64_t *l2 = l2_for(va), *l1;

	if (l2[L2_INDEX(va)] & PTE_PS) { /* split a large page into equal small ones */
		uint64_t old = l2[L2_INDEX(va)];
		paddr_t table = early_page();

		l1 = table_at(table);
		for (unsigned int i = 0; i < 512; i++) {
			l1[i] = (old & ~PTE_PS) + ((uint64_t)i << PAGE_SHIFT);
		}
		l2[L2_INDEX(va)] = table | TABLE_FLAGS;
	} else {
		l1 = descend(l2, L2_INDEX(va), TABLE_FLAGS);
	}
	l1[L1_INDEX(va)] = pa | flags;
}

#define RAM_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G | PTE_NX)

static void map_direct(paddr_t start, paddr_t end)
{
	start &= ~0x1fffffULL;
	end = ROUND_UP(end, 0x200000ULL);
	for (paddr_t p = start; p < end; p += 0x200000) {
		uint64_t va = DIRECTMAP_BASE + p, *e = &l2_for(va)[L2_INDEX(va)];

		if (!*e) {
			*e = p | RAM_FLAGS | PTE_PS;
		}
	}
}

/* Image sections with their rights, and the same rights (never execute) for their aliases. */
static void map_section(const char *from, const char *to, uint64_t flags, uint64_t alias)
{
	for (paddr_t p = image_phys(from); p < image_phys(to); p += PAGE_SIZE) {
		map_page(IMAGE_BASE + p, p, flags | PTE_P | PTE_A | PTE_D | PTE_G);
		map_page(DIRECTMAP_BASE + p, p, alias | PTE_P | PTE_A | PTE_D | PTE_G | PTE_NX);
	}
}

static void map_image(void)
{
	map_section(image_start, stubs_start, 0, 0);
	map_section(stubs_start, text_end, 0, PTE_RW); /* until paging_seal() */
	map_section(rodata_start, rodata_end, PTE_NX, 0);
	map_section(rodata_end, image_end, PTE_NX | PTE_RW, PTE_RW);
}

static bool ram_in(uint64_t first, uint64_t count)
{
	paddr_t s = first << PAGE_SHIFT, e = (first + count) << PAGE_SHIFT;

	for (unsigned int i = 0; i < bootinfo.e820_count; i++) {
		const struct e820 *r = &bootinfo.e820[i];

		if (r->type == E820_RAM && overlaps(s, e, r->addr, r->addr + r->size)) {
			return true;
		}
	}
	return false;
}

/*
 * An array with one item a frame, at va: real memory where there is RAM, one shared page elsewhere.
 * alias: a second, read-only view for guests (M2P), or 0.
 */
static void map_array(uint64_t va, size_t item, uint64_t items, paddr_t hole, uint64_t alias)
{
	uint64_t per_page = PAGE_SIZE / item;

	for (uint64_t i = 0; i < items; i += per_page) {
		bool real = ram_in(i, per_page);
		paddr_t p = real ? early_page() : hole;

		map_page(va + i * item, p, RAM_FLAGS);
		if (alias) {
			map_page(alias + i * item, p, PTE_P | PTE_US | PTE_A | PTE_NX);
			if (real) {
				memset((void *)(DIRECTMAP_BASE + p), 0xff, PAGE_SIZE);
			}
		}
	}
}

static uint64_t top_of_ram(void)
{
	paddr_t top = 0;

	for (unsigned int i = 0; i < bootinfo.e820_count; i++) {
		if (bootinfo.e820[i].type == E820_RAM) {
			top = MAX(top, bootinfo.e820[i].addr + bootinfo.e820[i].size);
		}
	}
	return top;
}

uint64_t *boot_l4_virt(void)
{
	return l4;
}

void paging_load_own(void)
{
	__asm__ volatile("mov %0, %%cr3" ::"r"(boot_cr3) : "memory");
}

void paging_init(void)
{
	uint64_t frames = ROUND_UP(MAX(top_of_ram(), (paddr_t)1 << 32) >> PAGE_SHIFT, 512);
	paddr_t frame_hole, m2p_hole;

	early_init();
	boot_cr3 = early_page();
	l4 = (uint64_t *)(DIRECTMAP_BASE + boot_cr3);
	for (unsigned int i = 0; i < bootinfo.e820_count; i++) {
		const struct e820 *r = &bootinfo.e820[i];

		if (r->type == E820_RAM) {
			map_direct(r->addr, r->addr + r->size);
		}
	}
	map_direct(0, 0x200000);
	map_image();
	frame_hole = early_page();
	m2p_hole = early_page();
	memset((void *)(DIRECTMAP_BASE + m2p_hole), 0xff, PAGE_SIZE);
	map_array(FRAME_TABLE_BASE, sizeof(struct frame), frames, frame_hole, 0);
	map_array(RW_M2P_BASE, sizeof(uint64_t), frames, m2p_hole, RO_M2P_BASE);
	/* All hypervisor slots exist from now on, so that guests' L4 can copy them once and for all. */
	for (unsigned int i = HV_FIRST_SLOT; i <= HV_LAST_SLOT; i++) {
		if (i != PERDOMAIN_SLOT) {
			descend(l4, i, TABLE_FLAGS);
		}
	}
	paging_load_own();
	frame_table_init(frames, (void *)FRAME_TABLE_BASE);
	m2p_table = (uint64_t *)RW_M2P_BASE;
	m2p_entries = frames;
	for (uint64_t i = 0; i < frames; i += PAGE_SIZE / sizeof(struct frame)) {
		if (!ram_in(i, PAGE_SIZE / sizeof(struct frame))) {
			for (uint64_t k = 0; k < PAGE_SIZE / sizeof(struct frame); k++) {
				frame_table[i + k].owner = FRAME_OWNER_IO;
			}
			break; /* one shared page: once is enough */
		}
	}
}

/* Frames outside RAM that share a frame-table page with RAM, and RAM below 1 MiB. */
static void mark_io(uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end && i < frame_max; i++) {
		frame_table[i].owner = FRAME_OWNER_IO;
	}
}

static void mark_holes(void)
{
	uint64_t per_page = PAGE_SIZE / sizeof(struct frame);

	for (uint64_t i = 0; i < frame_max; i += per_page) {
		if (!ram_in(i, per_page)) {
			continue;
		}
		for (uint64_t k = i; k < i + per_page; k++) {
			frame_table[k].owner = ram_in(k, 1) ? FRAME_OWNER_XEN : FRAME_OWNER_IO;
		}
	}
	mark_io(0, 256);
}

/* Gives [s, e) minus image, modules and early memory, recursively around each of them. */
static void give(paddr_t s, paddr_t e)
{
	struct range keep[2 + ARRAY_SIZE(bootinfo.module)];
	unsigned int n = 0;

	keep[n++] = (struct range){ image_phys(image_start), image_phys(image_end) };
	keep[n++] = (struct range){ early_next, early_end };
	for (unsigned int i = 0; i < bootinfo.module_count; i++) {
		keep[n++] = (struct range){ bootinfo.module[i].start & PAGE_MASK,
					    ROUND_UP(bootinfo.module[i].end, PAGE_SIZE) };
	}
	for (unsigned int i = 0; i < n; i++) {
		if (s < e && overlaps(s, e, keep[i].start, keep[i].end)) {
			if (s < keep[i].start) {
				give(s, keep[i].start);
			}
			if (keep[i].end < e) {
				give(keep[i].end, e);
			}
			return;
		}
	}
	if (s < e) {
		alloc_add_range(s >> PAGE_SHIFT, e >> PAGE_SHIFT);
	}
}

void paging_give_heap(void)
{
	frame_limit = 1ULL << (cpu_features.phys_bits - PAGE_SHIFT);
	mark_holes();
	for (unsigned int i = 0; i < bootinfo.e820_count; i++) {
		const struct e820 *r = &bootinfo.e820[i];
		paddr_t s = ROUND_UP(MAX(r->addr, (uint64_t)0x100000), PAGE_SIZE);
		paddr_t e = (r->addr + r->size) & PAGE_MASK;

		if (r->type == E820_RAM && s < e) {
			give(s, e);
		}
	}
	heap_ready = true;
	log_info("hypervisor memory: %lu KiB of tables, image %lu KiB", early_frames * 4,
		 (unsigned long)(image_end - image_start) / 1024);
}

void paging_seal(void)
{
	map_section(stubs_start, text_end, 0, 0);
	tlb_flush_all(CPUMASK_ALL);
}

static uint64_t fixmap_next = FIXMAP_BASE;

void *ioremap(paddr_t p, size_t n)
{
	paddr_t start = p & PAGE_MASK, end = ROUND_UP(p + n, PAGE_SIZE);
	uint64_t va = fixmap_next;

	for (paddr_t q = start; q < end; q += PAGE_SIZE) {
		map_page(fixmap_next, q,
			 PTE_P | PTE_RW | PTE_PCD | PTE_PWT | PTE_A | PTE_D | PTE_G | PTE_NX);
		fixmap_next += PAGE_SIZE;
	}
	return (void *)(va + (p - start));
}

/* APs start at a low address that is also their virtual one for a few instructions. */
void paging_map_trampoline(paddr_t page)
{
	map_page(page, page, PTE_P | PTE_RW | PTE_A | PTE_D);
	map_page(DIRECTMAP_BASE + page, page, RAM_FLAGS);
	tlb_flush_all((cpumask_t)1 << cpu_id());
}

void paging_unmap_trampoline(paddr_t page)
{
	(void)page;
	l4[0] = 0; /* its tables are few and stay allocated for the next CPU that comes */
	tlb_flush_all(CPUMASK_ALL);
}

void *frame_to_virt(mfn_t m)
{
	return (void *)(DIRECTMAP_BASE + mfn_to_paddr(m));
}

mfn_t virt_to_frame(const void *p)
{
	uint64_t va = (uint64_t)p;

	if (va >= IMAGE_BASE && va < FIXMAP_BASE) {
		return paddr_to_mfn(va - IMAGE_BASE);
	}
	return paddr_to_mfn(va - DIRECTMAP_BASE);
}

void cpu_scrub_frame(mfn_t m)
{
	uint64_t *p = frame_to_virt(m), *end = p + PAGE_SIZE / 8;

	/* Past the caches: nobody is going to read it soon. */
	for (; p < end; p += 8) {
		__asm__ volatile(
			"movnti %1, 0(%0); movnti %1, 8(%0); movnti %1, 16(%0); movnti %1, 24(%0);"
			"movnti %1, 32(%0); movnti %1, 40(%0); movnti %1, 48(%0); movnti %1, 56(%0)" ::
				"r"(p),
			"r"(0UL)
			: "memory");
	}
	__asm__ volatile("sfence" ::: "memory");
}

/* The firmware's memory map, as the control domain may see it. */
bool cpu_memory_map(unsigned int i, uint64_t *addr, uint64_t *size, uint32_t *type)
{
	if (i >= bootinfo.e820_count) {
		return false;
	}
	*addr = bootinfo.e820[i].addr;
	*size = bootinfo.e820[i].size;
	*type = bootinfo.e820[i].type;
	return true;
}
