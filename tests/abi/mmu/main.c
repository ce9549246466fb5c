/*
 * Direct paging.  A guest reads its tables and asks for every change; a page is never
 * at once a table and writable; a refused request changes nothing; lists of requests stop at the first
 * refused one and say how many were done; tables are pinned, unpinned and loaded as asked.
 */
#include "frontends/rt/test.h"

#include "hypervisor/lib/string.h"

static unsigned int done;

static long set_entry(const uint64_t *pte, uint64_t value)
{
	struct mmu_update u = { pte_machine_address(pte) | MMU_NORMAL_PT_UPDATE, value };

	done = 99;
	return mmu_update(&u, 1, &done, DOMID_SELF);
}

static long ext(unsigned int cmd, uint64_t mfn)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static long ext_va(unsigned int cmd, const void *va)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.linear_addr = (unsigned long)va };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static long map(void *va, uint64_t mfn, uint64_t flags)
{
	return update_va_mapping((uint64_t)va, mfn << PAGE_SHIFT | flags, UVMF_INVLPG);
}

static void write_byte(void *p)
{
	*(volatile char *)p = 1;
}

static void single_entries(void)
{
	uint64_t *a = page_alloc(), *b = page_alloc(), frame_a = virt_to_mfn(a),
		 frame_b = virt_to_mfn(b);
	const uint64_t *pte = pte_of(a, 1);
	uint64_t old = *pte;

	a[0] = 0xaaaa;
	b[0] = 0xbbbb;
	CHECK_EQ(map(a, frame_b, PTE_USUAL), 0, "another frame by update_va_mapping");
	CHECK_EQ(a[0], 0xbbbb, "is seen");
	CHECK_EQ(set_entry(pte, old), 0, "the first one back by mmu_update");
	CHECK_EQ(done, 1, "one done");
	CHECK_EQ(ext_va(MMUEXT_INVLPG_LOCAL, a), 0, "invalidate");
	CHECK_EQ(a[0], 0xaaaa, "is seen");
	CHECK_EQ(map(a, 0, 0), 0, "nothing");
	CHECK(trap_try(write_byte, a).vector == 14, "faults");
	CHECK_EQ(map(a, frame_a, PTE_USUAL & ~PTE_RW), 0, "read-only");
	CHECK_EQ(a[0], 0xaaaa, "reads");
	CHECK(trap_try(write_byte, a).vector == 14, "does not write");
	CHECK_EQ(map(a, frame_a, PTE_USUAL | PTE_NX), 0, "not executable");
	CHECK(trap_try((void (*)(void *))a, NULL).vector == 14, "does not execute");
	CHECK_EQ(map(a, frame_a, PTE_USUAL), 0, "as it was");
}

static void refused(const uint64_t *pte, uint64_t value, const char *what)
{
	uint64_t before = *pte;
	long rc = set_entry(pte, value);

	CHECK(rc < 0, "refused: %s (%ld)", what, rc);
	CHECK_EQ(done, 0, "none done");
	CHECK((*pte & ~(PTE_A | PTE_D)) == (before & ~(PTE_A | PTE_D)), "nothing changed");
}

static void refusals(void)
{
	char *page = page_alloc();
	const uint64_t *pte = pte_of(page, 1), *top = (const uint64_t *)start_info->pt_base;
	uint64_t table = virt_to_mfn(top), l1 = virt_to_mfn(pte), own = virt_to_mfn(page);
	struct mmu_update u[3];
	unsigned int n = 99;

	refused(pte, table << PAGE_SHIFT | PTE_USUAL, "a writable mapping of the top table");
	refused(pte, l1 << PAGE_SHIFT | PTE_USUAL, "a writable mapping of the table itself");
	refused(pte, 0x3ffffffffUL << PAGE_SHIFT | PTE_USUAL, "a frame past the end of memory");
	refused(pte_of(page, 2), own << PAGE_SHIFT | PTE_USUAL, "a writable page as a table");
	refused(pte_of(page, 2), (own << PAGE_SHIFT & ~0x1fffffUL) | PTE_USUAL | 0x80,
		"a superpage");
	refused(&top[256], 0, "the hypervisor's part of the top table");
	refused(&top[271], own << PAGE_SHIFT | PTE_USUAL, "its last slot");
	CHECK_EQ(*(volatile char *)page, 0, "the page is still there");

	/* An address that is not in a page table is written as plain memory if it is ours and writable. */
	u[0] = (struct mmu_update){ 0x3ffffffffUL << PAGE_SHIFT, 0 };
	CHECK(mmu_update(u, 1, &n, DOMID_SELF) < 0, "an entry in no memory");
	CHECK_EQ(mmu_update((void *)8, 1, &n, DOMID_SELF), -XEN_EFAULT, "list at a bad address");
	CHECK_EQ(mmu_update(u, 1, &n, 1234), -XEN_ESRCH, "no such domain");

	u[0] = (struct mmu_update){ pte_machine_address(pte),
				    own << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW) };
	u[1] = (struct mmu_update){ pte_machine_address(pte), table << PAGE_SHIFT | PTE_USUAL };
	u[2] = (struct mmu_update){ pte_machine_address(pte), 0 };
	CHECK(mmu_update(u, 3, &n, DOMID_SELF) < 0, "a list whose second is bad");
	CHECK_EQ(n, 1, "stops after the first");
	CHECK_EQ(*pte & (PTE_P | PTE_RW), PTE_P, "which was done");
	CHECK_EQ(mmu_update(u, 0, &n, DOMID_SELF), 0, "an empty list");

	CHECK(update_va_mapping((uint64_t)page, table << PAGE_SHIFT | PTE_USUAL, 0) < 0,
	      "update_va_mapping refuses it too");
	CHECK(update_va_mapping(0xffff830000000000UL, own << PAGE_SHIFT | PTE_USUAL, 0) < 0,
	      "and an address of the hypervisor");
	CHECK(update_va_mapping(0x600000000000UL, own << PAGE_SHIFT | PTE_USUAL, 0) < 0,
	      "and one without a table");
	CHECK_EQ(map(page, own, PTE_USUAL), 0, "as it was");
}

static long pin_command(int level)
{
	static const unsigned int commands[] = { MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
						 MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE };

	return commands[level - 1];
}

/* Makes a page into a table that nobody writes. */
static uint64_t make_readonly(void *page)
{
	uint64_t frame = virt_to_mfn(page);

	if (map(page, frame, PTE_USUAL & ~PTE_RW)) {
		CHECK(false, "read-only");
	}
	return frame;
}

static void tables(void)
{
	uint64_t *l1 = page_alloc(), *l2 = page_alloc(), *data = page_alloc(), l1_frame, l2_frame;
	char *window = (char *)0x400000000000UL; /* L4 slot 128, free */
	uint64_t *l3 = page_alloc(), l3_frame;

	data[0] = 0x1234;
	l1[0] = virt_to_mfn(data) << PAGE_SHIFT | PTE_USUAL;
	l1_frame = virt_to_mfn(l1);
	CHECK_EQ(ext(MMUEXT_PIN_L1_TABLE, l1_frame) < 0, 1,
		 "a writable page is not pinned as a table");
	make_readonly(l1);
	CHECK_EQ(ext(MMUEXT_PIN_L1_TABLE, l1_frame), 0, "read-only, it is");
	CHECK(map(l1, l1_frame, PTE_USUAL) < 0, "and cannot be made writable");
	CHECK(ext(pin_command(2), l1_frame) < 0, "nor be pinned as another level");
	CHECK_EQ(ext(MMUEXT_PIN_L1_TABLE, l1_frame), -XEN_EINVAL, "nor twice");

	l2[0] = l1_frame << PAGE_SHIFT | PTE_USUAL;
	l2_frame = make_readonly(l2);
	l3[0] = l2_frame << PAGE_SHIFT | PTE_USUAL;
	l3_frame = make_readonly(l3);
	CHECK_EQ(set_entry(pte_of(window, 4), l3_frame << PAGE_SHIFT | PTE_USUAL), 0,
		 "hung into the top table");
	CHECK_EQ(*(volatile uint64_t *)window, 0x1234, "is seen at its address");
	*(volatile uint64_t *)window = 0x5678;
	CHECK_EQ(data[0], 0x5678, "and written");
	CHECK_EQ(map(window + PAGE_SIZE, virt_to_mfn(data), PTE_USUAL), 0, "and mapped into");
	CHECK_EQ(*(volatile uint64_t *)(window + PAGE_SIZE), 0x5678, "seen");
	CHECK(map(l2, l2_frame, PTE_USUAL) < 0, "a table in use is not writable");

	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, l1_frame), 0, "unpinned");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, l1_frame), -XEN_EINVAL, "only once");
	CHECK(map(l1, l1_frame, PTE_USUAL) < 0, "but still a table while in use");
	CHECK_EQ(set_entry(pte_of(window, 4), 0), 0, "taken out");
	CHECK_EQ(ext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0, "flush");
	CHECK(trap_try(write_byte, window).vector == 14, "gone");
	CHECK_EQ(map(l1, l1_frame, PTE_USUAL), 0, "the pages can be written again");
	CHECK_EQ(map(l2, l2_frame, PTE_USUAL), 0, "all of them");
	CHECK_EQ(map(l3, l3_frame, PTE_USUAL), 0, "indeed");
	l1[0] = 0;

	/* A table with a bad entry in it is refused whole, and leaves no trace. */
	l1[0] = virt_to_mfn(data) << PAGE_SHIFT | PTE_USUAL;
	l1[511] = virt_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT | PTE_USUAL;
	make_readonly(l1);
	CHECK(ext(MMUEXT_PIN_L1_TABLE, l1_frame) < 0,
	      "a table that would make the top table writable");
	CHECK_EQ(map(l1, l1_frame, PTE_USUAL), 0, "no trace");
}

static void new_base(void)
{
	uint64_t *top = page_alloc(), frame, old = virt_to_mfn((void *)start_info->pt_base);

	memcpy(top, (void *)start_info->pt_base, PAGE_SIZE);
	memset(&top[256], 0, 16 * sizeof(*top));
	frame = make_readonly(top);
	CHECK_EQ(ext(MMUEXT_PIN_L4_TABLE, frame), 0, "a second top table");
	CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, frame), 0, "loaded");
	CHECK(system_time() > 0 && top[511] != 0, "and all is there");
	CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, old), 0, "a table for user mode");
	CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, 0), 0, "and none");
	CHECK(ext(MMUEXT_NEW_BASEPTR, virt_to_mfn(&frame)) < 0,
	      "a page of our stack is no top table");
	CHECK(ext(MMUEXT_NEW_BASEPTR, 0x3ffffffffUL) < 0, "nor is what is not there");
	CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, old), 0, "the old one again");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, frame), 0, "unpinned");
	CHECK_EQ(map(top, frame, PTE_USUAL), 0, "and a plain page again");
	CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, frame) < 0, 1, "which is no top table now");
}

static void many(void)
{
	static struct mmu_update u[2000];
	char *page = page_alloc();
	const uint64_t *pte = pte_of(page, 1);
	unsigned int n = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(u); i++) {
		u[i] = (struct mmu_update){ pte_machine_address(pte),
					    i & 1 ? virt_to_mfn(page) << PAGE_SHIFT | PTE_USUAL
						  : 0 };
	}
	for (unsigned int round = 0; round < 10; round++) {
		timer_arm(system_time() + 100000);
		n = 0;
		if (mmu_update(u, ARRAY_SIZE(u), &n, DOMID_SELF) || n != ARRAY_SIZE(u)) {
			CHECK(false, "a list of 2000, %u done", n);
		}
	}
	CHECK_EQ(n, ARRAY_SIZE(u), "ten lists of 2000 under a timer");
	CHECK_EQ(ext_va(MMUEXT_INVLPG_LOCAL, page), 0, "invalidate");
	write_byte(page);
	CHECK(*page == 1, "the page is there");
}

static void other_ops(void)
{
	char *a = page_alloc(), *b = page_alloc();
	struct mmuext_op op = { .cmd = 9999 };
	struct mmu_update u = { (virt_to_mfn(a) << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE,
				mfn_to_pfn(virt_to_mfn(a)) };
	uint64_t pfn = mfn_to_pfn(virt_to_mfn(a));

	memset(a, 0x5a, PAGE_SIZE);
	CHECK(mmuext_op(&op, 1, NULL, DOMID_SELF) < 0, "unknown operation");
	CHECK_EQ(ext_va(MMUEXT_INVLPG_ALL, a), 0, "invalidate everywhere");
	CHECK_EQ(ext(MMUEXT_TLB_FLUSH_ALL, 0), 0, "flush everywhere");
	CHECK(map(b, virt_to_mfn(b), PTE_USUAL) == 0, "entry rewritten as it was");
	u.val = 12345;
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_SELF), 0, "machine-to-physical update");
	CHECK_EQ(((uint64_t *)0xffff800000000000UL)[virt_to_mfn(a)], 12345, "is seen");
	u.val = pfn;
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_SELF), 0, "and undone");
	u.ptr = 0x3ffffffffUL << PAGE_SHIFT | MMU_MACHPHYS_UPDATE;
	CHECK(mmu_update(&u, 1, NULL, DOMID_SELF) < 0, "not for a frame that is not ours");
}

enum verdict guest_main(void)
{
	single_entries();
	refusals();
	tables();
	new_base();
	many();
	other_ops();
	return SUCCESS;
}
