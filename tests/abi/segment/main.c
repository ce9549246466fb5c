/*
 * Segments.  set_gdt takes read-only frames of good descriptors, all or none; update_descriptor changes one, in a table
 * or anywhere in memory that is the guest's; both keep out what would be the hypervisor's power: gates, task states and
 * levels other than 3.  MMUEXT_SET_LDT does the same by address.  set_segment_base sets what
 * FS and GS mean, for the kernel now and for user mode later (public/xen.h, set_gdt, update_descriptor, set_segment_base).
 */
#include "frontends/rt/test.h"

#define NOT_CANONICAL 0x8000000000000000UL
#define HV_ADDRESS    0xffff830000000000UL
#define DATA	      0x00cff3000000ffffUL
#define CODE	      0x00affb000000ffffUL

static uint64_t *table;

static long protect(const void *page, bool writable)
{
	return update_va_mapping((uint64_t)page,
				 virt_to_mfn(page) << PAGE_SHIFT |
					 (writable ? PTE_USUAL : PTE_USUAL & ~PTE_RW),
				 UVMF_INVLPG);
}

static long set_gdt(uint64_t frame, unsigned int entries)
{
	return hcall2(__HYPERVISOR_set_gdt, ptr_arg(&frame), entries);
}

static long update(const uint64_t *at, uint64_t desc)
{
	return hcall2(__HYPERVISOR_update_descriptor,
		      virt_to_mfn((void *)((uint64_t)at & ~(PAGE_SIZE - 1))) << PAGE_SHIFT |
			      ((uint64_t)at & (PAGE_SIZE - 1)),
		      desc);
}

static long set_ldt(const void *at, unsigned int entries)
{
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT,
				.arg1.linear_addr = (unsigned long)at,
				.arg2.nr_ents = entries };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void load_ds(void *arg)
{
	__asm__ volatile("mov %0, %%ds" ::"r"((uint32_t)(uint64_t)arg));
}

static bool loads(unsigned int selector)
{
	bool ok = !trap_try(load_ds, (void *)(uint64_t)selector).happened;

	load_ds(NULL);
	return ok;
}

static void gdt(void)
{
	uint64_t frame = virt_to_mfn(table), frames[14], *other = page_alloc();

	table[1] = DATA;
	CHECK_EQ(set_gdt(frame, 512), -XEN_EINVAL, "a frame that is mapped writable");
	CHECK(!loads(8), "and its descriptors are nothing");
	CHECK_EQ(protect(table, false), 0, "read-only");
	CHECK_EQ(set_gdt(frame, 512), 0, "now it is a table");
	CHECK(loads(8) && loads(11), "of one segment");
	CHECK_EQ(protect(table, true), -XEN_EBUSY, "and cannot be mapped writable");
	CHECK(!loads(16), "the next is nothing");
	CHECK_EQ(set_gdt(frame, 14 * 512 + 1), -XEN_EINVAL, "too long a table");
	CHECK_EQ(hcall2(__HYPERVISOR_set_gdt, 8, 512), -XEN_EFAULT, "a list at a bad address");
	CHECK_EQ(set_gdt(0xfffffffff, 512), -XEN_EINVAL, "a frame that there is not");
	CHECK_EQ(set_gdt(virt_to_mfn((void *)start_info->pt_base), 512), -XEN_EINVAL,
		 "a page table");
	frames[0] = frame;
	frames[1] = virt_to_mfn(other);
	CHECK_EQ(hcall2(__HYPERVISOR_set_gdt, ptr_arg(frames), 513), -XEN_EINVAL,
		 "one of two that is mapped writable");
	CHECK(loads(8), "the old table is still there");
	for (unsigned int i = 0; i < 14; i++) {
		frames[i] = frame;
	}
	CHECK_EQ(hcall2(__HYPERVISOR_set_gdt, ptr_arg(frames), 14 * 512), 0, "fourteen frames");
	CHECK(loads(13 * 4096 + 8), "the last of them too");
	CHECK_EQ(set_gdt(frame, 0), 0, "none");
	CHECK(!loads(8), "no table");
	CHECK_EQ(protect(table, true), 0, "so it can be written");
	table[2] = CODE;
	protect(table, false);
	CHECK_EQ(set_gdt(frame, 512), 0, "and be a table again");
}

static void bad(uint64_t desc, const char *what)
{
	CHECK_EQ(update(&table[5], DATA), 0, "a descriptor");
	CHECK_EQ(update(&table[5], desc), -XEN_EINVAL, "%s", what);
	CHECK_EQ(table[5], DATA, "is as before");
	CHECK_EQ(set_gdt(virt_to_mfn(table), 0), 0, "no table");
	protect(table, true);
	table[5] = desc;
	protect(table, false);
	CHECK_EQ(set_gdt(virt_to_mfn(table), 512), -XEN_EINVAL, "nor in a whole table");
	protect(table, true);
	table[5] = 0;
	protect(table, false);
	CHECK_EQ(set_gdt(virt_to_mfn(table), 512), 0, "which is good without it");
}

static void descriptors(void)
{
	uint64_t *page = page_alloc();

	CHECK_EQ(update(&table[3], DATA), 0, "a descriptor in the table");
	CHECK(loads(24), "can be loaded");
	CHECK_EQ(update(&table[3], DATA & ~(3UL << 45)), 0, "one of level 0");
	CHECK_EQ(table[3] >> 45 & 3, 3, "is of level 3");
	CHECK_EQ(update(&table[3], 0), 0, "and none");
	CHECK(!loads(24), "can be loaded no more");
	CHECK_EQ(update(&table[3], 0x1234), 0, "not present: anything");
	CHECK_EQ(table[3], 0x1234, "as it is");
	bad(0x0000ee0000100000UL, "an interrupt gate");
	bad(0x0000e90000000067UL, "a task state");
	bad(0x0000e2000000ffffUL, "an LDT");
	CHECK_EQ(update(page + 3, DATA), 0, "in ordinary memory");
	CHECK_EQ(page[3], DATA, "it is written");
	CHECK_EQ(hcall2(__HYPERVISOR_update_descriptor, virt_to_mfn(page) << PAGE_SHIFT | 4, DATA),
		 -XEN_EINVAL, "not aligned");
	CHECK_EQ(hcall2(__HYPERVISOR_update_descriptor, 0xffffffffff000, DATA), -XEN_EINVAL,
		 "no memory there");
	CHECK_EQ(update((uint64_t *)start_info->pt_base, DATA), -XEN_EINVAL, "a page table");
	CHECK_EQ(hcall2(__HYPERVISOR_update_descriptor, start_info->shared_info, 0) <= 0, 1,
		 "the shared page");
}

static void read_word(void *at)
{
	(void)*(volatile uint64_t *)at;
}

static void ldt(void)
{
	uint64_t *page = page_alloc();

	page[1] = DATA;
	page[2] = 0x0000ee0000100000UL;
	CHECK_EQ(set_ldt(NULL, 0), 0, "no LDT");
	CHECK(!loads(12), "and no descriptors");
	CHECK_EQ(set_ldt((char *)page + 8, 16), -XEN_EINVAL, "not on a page's boundary");
	CHECK_EQ(set_ldt(page, 8193), -XEN_EINVAL, "too long");
	CHECK_EQ(set_ldt((void *)NOT_CANONICAL, 16), -XEN_EINVAL, "no canonical address");
	CHECK_EQ(protect(page, false), 0, "a read-only page");
	CHECK_EQ(set_ldt(page, 16), 0, "with a gate in it");
	CHECK(!loads(12), "is no table");
	CHECK_EQ(set_ldt(NULL, 0), 0, "no LDT");
	CHECK_EQ(protect(page, true), 0, "writable");
	page[2] = CODE;
	protect(page, false);
	CHECK_EQ(set_ldt(page, 16), 0, "without the gate");
	CHECK(loads(12) && loads(15), "it is one");
	CHECK_EQ(protect(page, true), -XEN_EBUSY, "and cannot be mapped writable");
	CHECK(!loads(16 * 8 + 4), "past its end: nothing");
	CHECK_EQ(update(&page[1], 0), 0, "a descriptor goes");
	CHECK(!loads(12), "and cannot be loaded");
	CHECK_EQ(set_ldt(NULL, 0), 0, "no LDT");
	CHECK_EQ(protect(page, true), 0, "so it can be written");
}

/* Where the hypervisor keeps what the processor reads there is not for a guest to read. */
static void window(void)
{
	uint64_t *page = page_alloc();
	const uint64_t place = 0xffff820000010008UL; /* descriptor 1 of vCPU 0's LDT */
	struct trap_seen s;

	page[1] = DATA;
	protect(page, false);
	CHECK_EQ(set_ldt(page, 16), 0, "an LDT");
	s = trap_try(read_word, (void *)place);
	CHECK(s.happened && s.vector == 14, "its place in the hypervisor cannot be read");
	CHECK_EQ(s.cr2, place, "and the fault tells the address that was read");
	CHECK_EQ(set_ldt(NULL, 0), 0, "no LDT");
	protect(page, true);
	s = trap_try(read_word, (void *)place);
	CHECK_EQ(s.cr2, place, "nor without one");
}

/* The kernel maps the page of its LDT only when it is used: the fault says where. */
static void late_ldt(void)
{
	uint64_t *page = page_alloc();
	struct trap_seen s;

	page[1] = DATA;
	CHECK_EQ(update_va_mapping((uint64_t)page, 0, UVMF_INVLPG), 0, "a page not mapped");
	CHECK_EQ(set_ldt(page, 16), 0, "for an LDT");
	s = trap_try(load_ds, (void *)12UL);
	CHECK_EQ(s.vector, 14, "a selector in it: page fault");
	CHECK_EQ(s.cr2, (uint64_t)page + 8, "at its descriptor");
	CHECK_EQ(protect(page, false), 0, "mapped now");
	CHECK(loads(12), "it is found");
	CHECK_EQ(set_ldt(NULL, 0), 0, "no LDT");
}

/* ---- bases ---- */

static uint64_t words[6] = { 1, 2, 3, 4, 5, 6 };

static long set_base(unsigned int which, const void *base)
{
	return hcall2(__HYPERVISOR_set_segment_base, which, ptr_arg(base));
}

static uint64_t gs(void)
{
	uint64_t v;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(v));
	return v;
}

static uint64_t fs(void)
{
	uint64_t v;

	__asm__ volatile("mov %%fs:0, %0" : "=r"(v));
	return v;
}

extern char show_bases[];
__asm__(".pushsection .text\nshow_bases: mov %fs:0, %rbx; mov %gs:0, %r12; mov %gs, %r13d; ud2\n.popsection");

static void base_refusals(void)
{
	for (unsigned int which = 0; which < 3; which++) {
		CHECK_EQ(set_base(which, (void *)NOT_CANONICAL), -XEN_EINVAL,
			 "base %u: no canonical address", which);
		CHECK_EQ(set_base(which, (void *)0x800000000000), -XEN_EINVAL,
			 "the first past the lower half");
	}
	CHECK_EQ(set_base(4, words), -XEN_EINVAL, "no such base");
	CHECK_EQ(fs(), 1, "FS is as it was");
	CHECK_EQ(gs(), 2, "GS too");
}

static void bases(void)
{
	struct trap_frame f;

	CHECK_EQ(set_base(SEGBASE_FS, &words[0]), 0, "FS");
	CHECK_EQ(set_base(SEGBASE_GS_KERNEL, &words[1]), 0, "GS of the kernel");
	CHECK_EQ(set_base(SEGBASE_GS_USER, &words[2]), 0, "GS of user mode");
	CHECK_EQ(fs(), 1, "FS is used");
	CHECK_EQ(gs(), 2, "GS is the kernel's");
	base_refusals();
	f = user_try(show_bases, 0);
	CHECK_EQ(f.rbx, 1, "user mode: the same FS");
	CHECK_EQ(f.r12, 3, "its own GS");
	CHECK_EQ(gs(), 2, "and ours is back");
	CHECK_EQ(set_base(SEGBASE_GS_USER_SEL, (void *)11UL), 0, "a selector for user mode's GS");
	CHECK_EQ(gs(), 2, "does not change ours");
	CHECK_EQ(set_base(SEGBASE_GS_USER, &words[3]), 0, "and a base");
	f = user_try(show_bases, 0);
	CHECK_EQ(f.r12, 4, "user mode sees the base");
	CHECK_EQ(set_base(SEGBASE_GS_USER_SEL, (void *)0x1238UL), 0, "a bad selector is none");
	CHECK_EQ(gs(), 2, "ours is as it was");
	set_base(SEGBASE_GS_USER, &words[2]);
	/* Every way in and out of user mode changes GS once. */
	for (unsigned int i = 0; i < 1000; i++) {
		f = user_try(show_bases, 0);
		if (f.r12 != 3 || gs() != 2) {
			CHECK(false, "turn %u", i);
			break;
		}
	}
	set_base(SEGBASE_FS, NULL);
	set_base(SEGBASE_GS_KERNEL, NULL);
	set_base(SEGBASE_GS_USER, NULL);
}

enum verdict guest_main(void)
{
	table = page_alloc();
	CHECK_EQ(user_init(), 0, "user mode");
	gdt();
	descriptors();
	ldt();
	window();
	late_ldt();
	bases();
	return SUCCESS;
}
