/*
 * Builds the control domain from the first boot module: an ELF kernel with the ABI's notes.
 *
 * Pseudo-physical memory from zero: the kernel where its segments say, start_info, page tables, the boot
 * stack, the p2m list, the initrd, and the rest.  All but p2m and initrd are mapped from VIRT_BASE on; the
 * p2m at the address the kernel's INIT_P2M note names; page tables read-only, for they are
 * validated like any guest's.
 */
#include <xen/elfnote.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/bug.h"
#include "base/log.h"
#include "lib/elf.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/m2p.h"
#include "mm/pagetype.h"
#include "pv/guest.h"
#include "x86/bootinfo.h"
#include "x86/percpu.h"
#include "x86/pte.h"

struct build {
	struct domain *d;
	struct elf elf;
	const struct boot_module *kernel, *initrd;
	/* from the notes: */
	uint64_t virt_base, entry, paddr_offset, init_p2m, hypercall_page;
	bool mod_start_pfn;
	/* pseudo-physical layout, in frames: */
	uint64_t pages, kernel_end, start_info, tables, table_count, stack, mapped_end, p2m,
		p2m_count;
	uint64_t initrd_pfn, initrd_count;
	uint64_t *mfns; /* pfn -> machine frame */
	unsigned int mfns_order;
	uint64_t next_table;
};

static void *page_of(const struct build *b, uint64_t p)
{
	return frame_to_virt(mfn(b->mfns[p]));
}

static uint64_t va_of(const struct build *b, uint64_t p)
{
	return b->virt_base + (p << PAGE_SHIFT);
}

static bool note_number(const struct build *b, uint32_t type, uint64_t *value)
{
	const void *desc;
	size_t size;

	if (!elf_note(&b->elf, "Xen", type, &desc, &size) || (size != 4 && size != 8)) {
		return false;
	}
	*value = 0;
	memcpy(value, desc, size);
	return true;
}

static void read_notes(struct build *b)
{
	uint64_t mod = 0;

	b->virt_base = 0;
	b->paddr_offset = 0;
	b->hypercall_page = 0;
	if (!note_number(b, XEN_ELFNOTE_ENTRY, &b->entry)) {
		panic("the first module has no paravirtual entry note: its kernel lacks CONFIG_XEN_PV");
	}
	note_number(b, XEN_ELFNOTE_VIRT_BASE, &b->virt_base);
	note_number(b, XEN_ELFNOTE_PADDR_OFFSET, &b->paddr_offset);
	note_number(b, XEN_ELFNOTE_HYPERCALL_PAGE, &b->hypercall_page);
	note_number(b, XEN_ELFNOTE_MOD_START_PFN, &mod);
	b->mod_start_pfn = mod;
	if (!note_number(b, XEN_ELFNOTE_INIT_P2M, &b->init_p2m)) {
		b->init_p2m = 0;
	}
	if ((b->virt_base & 0x3fffff) || (b->init_p2m & 0x3fffffff)) {
		panic("the control domain's kernel has misaligned VIRT_BASE or INIT_P2M notes");
	}
}

static void read_kernel(struct build *b)
{
	const uint8_t *image = frame_to_virt(paddr_to_mfn(b->kernel->start));
	size_t size = b->kernel->end - b->kernel->start;
	const char *why = elf_open(&b->elf, image, size);
	struct elf_segment s;

	if (why && size > 0x206 && memcmp(image + 0x202, "HdrS", 4) == 0) {
		panic("the first module is a bzImage: unpack it with 'pav unpack-kernel VMLINUZ OUT'");
	}
	if (why) {
		panic("the first module is not a kernel: %s", why);
	}
	read_notes(b);
	for (unsigned int i = 0; elf_segment(&b->elf, i, &s); i++) {
		if (s.type == 1) {
			b->kernel_end = MAX(b->kernel_end,
					    (s.paddr - b->paddr_offset + s.memsz + PAGE_SIZE - 1) >>
						    PAGE_SHIFT);
		}
	}
}

/* Tables needed to map [va, va + pages) with 4 KiB entries, counting each level's once. */
static uint64_t tables_for(uint64_t va, uint64_t pages)
{
	uint64_t last = va + (pages << PAGE_SHIFT) - 1, n = 0;

	for (unsigned int shift = 21; shift <= 39; shift += 9) {
		n += (last >> shift) - (va >> shift) + 1;
	}
	return n;
}

static void plan(struct build *b, uint64_t bytes)
{
	uint64_t p, end;

	b->pages = bytes >> PAGE_SHIFT;
	if (b->pages > alloc_free_count()) {
		panic("dom0_mem=%luK is more than the machine has free, which is %luK",
		      b->pages * 4, alloc_free_count() * 4);
	}
	b->p2m_count = (b->pages * 8 + PAGE_SIZE - 1) >> PAGE_SHIFT;
	b->initrd_count =
		b->initrd ? (b->initrd->end - b->initrd->start + PAGE_SIZE - 1) >> PAGE_SHIFT : 0;
	p = b->kernel_end;
	if (!b->mod_start_pfn && b->initrd_count) {
		b->initrd_pfn = p;
		p += b->initrd_count;
	}
	if (!b->init_p2m) {
		b->p2m = p;
		p += b->p2m_count;
	}
	b->start_info = p++;
	b->tables = p;
	/* The mapped region's size depends on the tables' number and the other way round. */
	b->table_count = 0;
	for (;;) {
		b->stack = b->tables + b->table_count;
		end = va_of(b, b->stack + 1) + 0x80000;
		end = ROUND_UP(end, 0x400000ULL);
		b->mapped_end = (end - b->virt_base) >> PAGE_SHIFT;
		if (end < b->virt_base || end > HV_END) {
			b->mapped_end = MIN(b->mapped_end, (0ULL - b->virt_base) >> PAGE_SHIFT);
		}
		p = 1 + tables_for(b->virt_base, b->mapped_end);
		if (b->init_p2m) {
			p += tables_for(b->init_p2m, b->p2m_count);
		}
		if (p <= b->table_count) {
			break;
		}
		b->table_count = p;
	}
	/* The padding behind the stack is the kernel's to use: what is mapped elsewhere comes after it. */
	p = b->mapped_end;
	if (b->init_p2m) {
		b->p2m = p;
		p += b->p2m_count;
	}
	if (b->mod_start_pfn && b->initrd_count) {
		b->initrd_pfn = p;
		p += b->initrd_count;
	}
	if (MAX(p, b->mapped_end) > b->pages) {
		panic("dom0_mem=%luK is too small: kernel and initrd need %luK", b->pages * 4,
		      MAX(p, b->mapped_end) * 4);
	}
}

static void give_memory(struct build *b)
{
	unsigned int order = 9;
	uint64_t p = 0;

	while ((1ULL << b->mfns_order << PAGE_SHIFT) < b->pages * 8) {
		b->mfns_order++;
	}
	b->mfns = alloc_pages(b->mfns_order);
	if (!b->mfns) {
		panic("no memory for the control domain's frame list");
	}
	while (p < b->pages) {
		mfn_t m;

		while (order && (1ULL << order) > b->pages - p) {
			order--;
		}
		m = dompages_alloc(b->d, order, 0);
		if (mfn_eq(m, MFN_NONE)) {
			if (order == 0) {
				panic("dom0_mem=%luK is more than the machine has free",
				      b->pages * 4);
			}
			order--;
			continue;
		}
		for (uint64_t i = 0; i < 1ULL << order; i++) {
			b->mfns[p + i] = m.n + i;
			m2p_set(mfn(m.n + i), p + i);
		}
		p += 1ULL << order;
	}
}

static void put(const struct build *b, uint64_t paddr, const void *from, size_t n)
{
	const char *s = from;

	while (n) {
		size_t off = paddr & ~PAGE_MASK, part = MIN(n, PAGE_SIZE - off);

		memcpy((char *)page_of(b, paddr >> PAGE_SHIFT) + off, s, part);
		paddr += part;
		s += part;
		n -= part;
	}
}

static void load_kernel(const struct build *b)
{
	struct elf_segment s;

	for (uint64_t p = 0; p < b->mapped_end; p++) {
		memset(page_of(b, p), 0, PAGE_SIZE);
	}
	for (unsigned int i = 0; elf_segment(&b->elf, i, &s); i++) {
		if (s.type == 1) {
			put(b, s.paddr - b->paddr_offset, b->elf.image + s.offset, s.filesz);
		}
	}
	if (b->hypercall_page) {
		guest_fill_hypercall_page(
			page_of(b, (b->hypercall_page - b->virt_base) >> PAGE_SHIFT));
	}
	if (b->initrd) {
		put(b, b->initrd_pfn << PAGE_SHIFT, frame_to_virt(paddr_to_mfn(b->initrd->start)),
		    b->initrd->end - b->initrd->start);
	}
	for (uint64_t i = 0; i < b->p2m_count; i++) {
		uint64_t n = MIN(b->pages - i * 512, (uint64_t)512);

		memset(page_of(b, b->p2m + i), 0xff, PAGE_SIZE);
		memcpy(page_of(b, b->p2m + i), b->mfns + i * 512, n * 8);
	}
}

/* ---- page tables ---- */

#define ENTRY_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

static uint64_t *next_table(struct build *b, uint64_t *entry)
{
	uint64_t p = b->tables + b->next_table++;

	if (b->next_table > b->table_count) {
		panic("control domain's page tables: more are needed than were planned");
	}
	*entry = b->mfns[p] << PAGE_SHIFT | ENTRY_FLAGS;
	return page_of(b, p);
}

static uint64_t *l1_for(struct build *b, uint64_t *l4, uint64_t va)
{
	const unsigned int index[3] = { L4_INDEX(va), L3_INDEX(va), L2_INDEX(va) };
	uint64_t *t = l4;

	for (unsigned int i = 0; i < 3; i++) {
		uint64_t *e = &t[index[i]];

		t = *e & PTE_P ? frame_to_virt(PTE_MFN(*e)) : next_table(b, e);
	}
	return t;
}

static bool holds_table(const struct build *b, uint64_t p)
{
	return p >= b->tables && p < b->tables + b->table_count;
}

static void make_tables(struct build *b)
{
	uint64_t *l4 = page_of(b, b->tables);

	b->next_table = 1;
	for (uint64_t p = 0; p < b->mapped_end; p++) {
		uint64_t va = va_of(b, p);

		l1_for(b, l4, va)[L1_INDEX(va)] = b->mfns[p] << PAGE_SHIFT |
						  (holds_table(b, p) ? ENTRY_FLAGS & ~PTE_RW
								     : ENTRY_FLAGS);
	}
	for (uint64_t i = 0; b->init_p2m && i < b->p2m_count; i++) {
		uint64_t va = b->init_p2m + (i << PAGE_SHIFT);

		l1_for(b, l4, va)[L1_INDEX(va)] = b->mfns[b->p2m + i] << PAGE_SHIFT | ENTRY_FLAGS;
	}
}

static void make_start_info(const struct build *b)
{
	start_info_t *si = page_of(b, b->start_info);

	snprintf(si->magic, sizeof(si->magic), "xen-3.0-x86_64");
	si->nr_pages = b->pages;
	si->shared_info = mfn_to_paddr(virt_to_frame(b->d->shared));
	si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN |
		    (b->mod_start_pfn && b->initrd ? SIF_MOD_START_PFN : 0);
	si->pt_base = va_of(b, b->tables);
	si->nr_pt_frames = b->table_count;
	si->mfn_list = b->init_p2m ? b->init_p2m : va_of(b, b->p2m);
	if (b->init_p2m) {
		si->first_p2m_pfn = b->p2m;
		si->nr_p2m_frames = b->p2m_count;
	}
	if (b->initrd) {
		si->mod_start = b->mod_start_pfn ? b->initrd_pfn : va_of(b, b->initrd_pfn);
		si->mod_len = b->initrd->end - b->initrd->start;
	}
	snprintf((char *)si->cmd_line, sizeof(si->cmd_line), "%s", b->kernel->cmdline);
}

static void start(const struct build *b)
{
	static struct vcpu_guest_context c;
	struct vcpu *v = b->d->vcpu[0];
	int rc;

	c.flags = VGCF_in_kernel;
	c.user_regs.rip = b->entry;
	c.user_regs.rsi = va_of(b, b->start_info);
	c.user_regs.rsp = va_of(b, b->stack + 1);
	c.user_regs.rflags = 0x202;
	c.user_regs.cs = GUEST_CS64;
	c.user_regs.ss = GUEST_DS;
	c.kernel_ss = GUEST_DS;
	c.kernel_sp = c.user_regs.rsp;
	c.ctrlreg[3] = b->mfns[b->tables] << PAGE_SHIFT;
	do {
		rc = guest_vcpu_set_context(v, &c);
	} while (rc == -XEN_ERESTART);
	if (rc) {
		panic("the control domain's first page tables were refused: %d", rc);
	}
	/* Pinned, as the ABI has it: the kernel unpins them when it moves to its own. */
	spin_lock(&b->d->pages.pt_lock);
	rc = pagetype_pin(b->d, mfn(b->mfns[b->tables]), FRAME_L4);
	spin_unlock(&b->d->pages.pt_lock);
	BUG_ON(rc); /* no -ERESTART: they are a base already */
	vcpu_clear_flag(v, VPF_DOWN);
	domain_unpause(b->d);
}

static void free_module(const struct boot_module *m)
{
	uint64_t first = m->start >> PAGE_SHIFT, end = (m->end + PAGE_SIZE - 1) >> PAGE_SHIFT;

	for (uint64_t i = first; i < end; i++) {
		cpu_scrub_frame(mfn(i));
	}
	alloc_add_range(first, end);
}

void dom0_build(uint64_t mem_bytes, uint64_t most_bytes, unsigned int vcpus)
{
	static struct build b;
	domid_t id = 0;
	struct domain_config config = {
		.max_vcpus = vcpus,
		.max_evtchn_port = EVTCHN_PORTS - 1,
		.max_grant_version = 2,
		.max_grant_frames = 64,
		.max_maptrack_frames = 1024,
		.privileged = true,
	};
	int rc;

	if (bootinfo.module_count == 0) {
		panic("no control domain: the first boot module must be its kernel");
	}
	b.kernel = &bootinfo.module[0];
	b.initrd = bootinfo.module_count > 1 ? &bootinfo.module[1] : NULL;
	read_kernel(&b);
	plan(&b, mem_bytes & PAGE_MASK);
	config.max_pages = most_bytes >> PAGE_SHIFT;
	rc = domain_create(&id, &config, &b.d);
	if (rc) {
		panic("the control domain cannot be created: %d", rc);
	}
	log_info("control domain: %lu MiB, %u vCPUs, kernel %lu KiB at %#lx, initrd %lu KiB, %lu page tables",
		 b.pages >> 8, vcpus, b.kernel_end * 4, b.entry, b.initrd_count * 4, b.table_count);
	give_memory(&b);
	load_kernel(&b);
	make_tables(&b);
	make_start_info(&b);
	start(&b);
	free_pages(b.mfns, b.mfns_order);
	free_module(b.kernel);
	if (b.initrd) {
		free_module(b.initrd);
	}
}
