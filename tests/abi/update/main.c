/*
 * mmu_update, update_va_mapping and update_va_mapping_otherdomain (<xen/xen.h>): each form of a request,
 * lists and how much of them was done, each kind of flush, each kind of refusal; the machine-to-physical table says
 * at once what was asked.
 */
#include "frontends/rt/test.h"

#include "hypervisor/lib/string.h"

#define PTE_G 0x100UL
#define M2P   ((volatile uint64_t *)0xffff800000000000UL)

static char *page, *other;
static const uint64_t *pte;
static uint64_t at, own, own_other;

static long update(uint64_t ptr, uint64_t val)
{
	struct mmu_update u = { ptr, val };

	return mmu_update(&u, 1, NULL, DOMID_SELF);
}

static long map(void *va, uint64_t mfn, uint64_t flags)
{
	return update_va_mapping((uint64_t)va, mfn << PAGE_SHIFT | flags, UVMF_INVLPG | UVMF_ALL);
}

static void touch(void *p)
{
	*(volatile char *)p += 1;
}

static void accessed_and_dirty(void)
{
	CHECK_EQ(map(page, own, PTE_P | PTE_RW | PTE_US), 0, "neither accessed nor dirty");
	touch(page);
	CHECK_EQ(*pte & (PTE_A | PTE_D), PTE_A | PTE_D, "used, it is both");
	CHECK_EQ(update(at | MMU_PT_UPDATE_PRESERVE_AD, own << PAGE_SHIFT | PTE_P | PTE_US), 0,
		 "a write that keeps both");
	CHECK_EQ(*pte & (PTE_A | PTE_D | PTE_RW), PTE_A | PTE_D, "does, and is written");
	CHECK_EQ(update(at | MMU_NORMAL_PT_UPDATE, own << PAGE_SHIFT | PTE_P | PTE_RW | PTE_US), 0,
		 "a plain write");
	CHECK_EQ(*pte & (PTE_A | PTE_D), 0, "does not");
	CHECK_EQ(update(at | MMU_PT_UPDATE_PRESERVE_AD, 0), 0, "kept bits of an entry taken out");
	CHECK_EQ(*pte & PTE_P, 0, "do not make it present");
	CHECK_EQ(update(at | MMU_PT_UPDATE_NO_TRANSLATE, own << PAGE_SHIFT | PTE_USUAL), 0,
		 "an untranslated write is a plain one here");
	CHECK_EQ(*pte & PTE_FRAME, own << PAGE_SHIFT, "and is done");
}

static void refused(uint64_t val, long rc, const char *what)
{
	uint64_t before = *pte;

	CHECK_EQ(update(at, val), rc, "%s", what);
	CHECK_EQ(*pte & ~(PTE_A | PTE_D), before & ~(PTE_A | PTE_D), "nothing changed");
	CHECK_EQ(update_va_mapping((uint64_t)page, val, UVMF_INVLPG), rc, "by address");
	CHECK_EQ(*pte & ~(PTE_A | PTE_D), before & ~(PTE_A | PTE_D), "nothing changed");
}

static void refusals(void)
{
	uint64_t table = virt_to_mfn(pte);
	struct mmu_update u = { at, 0 };

	refused(table << PAGE_SHIFT | PTE_USUAL, -XEN_EBUSY, "a table, writable");
	refused(1UL << 51 | PTE_USUAL, -XEN_EPERM, "no memory at all");
	CHECK_EQ(update(at | 4, own_other << PAGE_SHIFT | PTE_USUAL), -XEN_ENOSYS,
		 "half an entry further");
	CHECK_EQ(update(at | 4 | MMU_PT_UPDATE_PRESERVE_AD, 0), -XEN_ENOSYS, "in any form");
	CHECK_EQ(*pte & PTE_FRAME, own << PAGE_SHIFT, "nothing changed");
	CHECK_EQ(update((virt_to_mfn(&u) << PAGE_SHIFT | 1UL << 51), 0), -XEN_EINVAL,
		 "an entry in no memory");
	CHECK_EQ(mmu_update(&u, 1, NULL, 1234), -XEN_ESRCH, "no such domain");
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_INVALID), -XEN_ESRCH, "nor one at all");
	CHECK_EQ(hcall4(__HYPERVISOR_mmu_update, ptr_arg(&u), 1, 0, 1235UL << 16 | DOMID_SELF),
		 -XEN_ESRCH, "no such domain whose tables these are");
	CHECK_EQ(*pte & PTE_P, PTE_P, "nothing changed");
	CHECK_EQ(hcall4(__HYPERVISOR_update_va_mapping_otherdomain, (uint64_t)page, 0, 0, 1234),
		 -XEN_ESRCH, "no such domain, by address");
	CHECK_EQ(*pte & PTE_P, PTE_P, "nothing changed");
	CHECK_EQ(hcall4(__HYPERVISOR_update_va_mapping_otherdomain, (uint64_t)page,
			own_other << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG, DOMID_SELF),
		 0, "ourselves is a domain");
	CHECK_EQ(*pte & PTE_FRAME, own_other << PAGE_SHIFT, "done");
	CHECK_EQ(map(page, own, PTE_USUAL), 0, "as it was");
	CHECK_EQ(update_va_mapping(0x0000900000000000UL, 0, 0), -XEN_EINVAL, "no address");
	CHECK_EQ(update_va_mapping(0xffff800000000000UL, 0, 0), -XEN_EINVAL, "the hypervisor's");
	CHECK_EQ(update_va_mapping(0xffff87fffffff000UL, 0, 0), -XEN_EINVAL, "to its end");
	CHECK_EQ(update_va_mapping(0x0000100000000000UL, 0, 0), -XEN_EINVAL, "one without a table");
}

/* Writes to what is no table are plain writes, to what could be mapped writable. */
static void plain_pages(void)
{
	uint64_t frame = virt_to_mfn(other);

	memset(other, 0, PAGE_SIZE);
	CHECK_EQ(update(frame << PAGE_SHIFT | 4088, 0x1234567), 0, "a word of a plain page");
	CHECK_EQ(((uint64_t *)other)[511], 0x1234567, "is written");
	CHECK_EQ(update(frame << PAGE_SHIFT | 16 | MMU_PT_UPDATE_PRESERVE_AD, ~0UL), 0, "another");
	CHECK_EQ(((uint64_t *)other)[2], ~0UL, "whatever it says");
	CHECK_EQ(((uint64_t *)other)[1] | ((uint64_t *)other)[3], 0, "and no more");
}

static void machine_to_physical(void)
{
	uint64_t pfn = M2P[own];

	CHECK_EQ(update(own << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0x123456), 0, "another number");
	CHECK_EQ(M2P[own], 0x123456, "is seen at once");
	CHECK_EQ(update(own << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, pfn), 0, "as it was");
	CHECK_EQ(M2P[own], pfn, "at once");
	CHECK_EQ(update(1UL << 51 | MMU_MACHPHYS_UPDATE, 1), -XEN_EINVAL, "no memory");
}

#define LIST 300

static void lists(void)
{
	struct mmu_update *list = page_alloc();
	char *hole;
	unsigned int done, *last;

	/* Two pages of list, then nothing. */
	page_alloc();
	hole = page_alloc();
	last = (unsigned int *)(hole - sizeof(*last));
	for (unsigned int i = 0; i < 512; i++) {
		list[i] = (struct mmu_update){ at, (i & 1 ? own : own_other) << PAGE_SHIFT |
							   PTE_USUAL };
	}
	CHECK_EQ(map(hole, 0, 0), 0, "no third page");
	done = 77;
	CHECK_EQ(mmu_update(list, 0, &done, DOMID_SELF), 0, "a list of none");
	CHECK_EQ(done, 0, "none done");
	done = 77;
	CHECK_EQ(mmu_update(list, LIST, &done, DOMID_SELF), 0, "a list");
	CHECK_EQ(done, LIST, "all done");
	CHECK_EQ(mmu_update(list, LIST, NULL, DOMID_SELF), 0, "a list nobody counts");
	done = 77;
	CHECK_EQ(mmu_update(list, 0x7fffffff, &done, DOMID_SELF), -XEN_EFAULT,
		 "a list that ends before its count");
	CHECK_EQ(done, 512, "what there was is done");
	CHECK_EQ(*pte & PTE_FRAME, own << PAGE_SHIFT, "indeed");
	/* Bit 31 of the count: a call that goes on, with what was done before in the pointer. */
	done = 1000;
	CHECK_EQ(mmu_update(list, 10 | 1U << 31, &done, DOMID_SELF), 0, "a list that goes on");
	CHECK_EQ(done, 1010, "adds up");
	list[5].val = virt_to_mfn(pte) << PAGE_SHIFT | PTE_USUAL;
	CHECK_EQ(mmu_update(list, LIST, &done, DOMID_SELF), -XEN_EBUSY,
		 "a list whose sixth is bad");
	CHECK_EQ(done, 5, "stops there");
	CHECK_EQ(*pte & PTE_FRAME, own_other << PAGE_SHIFT, "behind the fifth");
	CHECK_EQ(mmu_update((void *)((uint64_t)last - 12), 1, NULL, DOMID_SELF), 0 * last[0],
		 "the last that fits");
	CHECK_EQ(mmu_update((void *)((uint64_t)last - 8), 1, NULL, DOMID_SELF), -XEN_EFAULT,
		 "one over the edge");
	CHECK_EQ(mmu_update((void *)0xffff800000000000UL, 1, NULL, DOMID_SELF), -XEN_EFAULT,
		 "a list in the hypervisor's range");
	CHECK_EQ(mmu_update((void *)0x0000900000000000UL, 1, NULL, DOMID_SELF), -XEN_EFAULT,
		 "or at no address");
	CHECK_EQ(map(page, own, PTE_USUAL), 0, "as it was");
	CHECK_EQ(map(hole, virt_to_mfn(hole), PTE_USUAL), 0, "as it was");
}

/* What cannot be told is done all the same. */
static void bad_counts(void)
{
	static const uint64_t bad[] = { 8, 0xffff800000000000UL, 0x0000900000000000UL };
	struct mmu_update u = { at, own_other << PAGE_SHIFT | PTE_USUAL };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t m2p = M2P[0];

		CHECK_EQ(map(page, own, PTE_USUAL), 0, "as it was");
		CHECK_EQ(mmu_update(&u, 1, (unsigned int *)bad[i], DOMID_SELF), 0,
			 "a count at %#lx", bad[i]);
		CHECK_EQ(*pte & PTE_FRAME, own_other << PAGE_SHIFT, "done");
		CHECK_EQ(M2P[0], m2p, "and not told where it must not be");
	}
	CHECK_EQ(map(page, own, PTE_USUAL), 0, "as it was");
}

static void flushes(void)
{
	uint64_t *mask = page_alloc();
	unsigned int wrong = 0;

	*mask = 1;
	page[0] = 11;
	other[0] = 22;
	for (unsigned int type = UVMF_TLB_FLUSH; type <= UVMF_INVLPG; type++) {
		const uint64_t where[] = { UVMF_LOCAL, UVMF_ALL, (uint64_t)mask };

		for (unsigned int i = 0; i < ARRAY_SIZE(where); i++) {
			for (unsigned int round = 0; round < 10; round++) {
				uint64_t frame = round & 1 ? own : own_other;

				wrong += *(volatile char *)page != (round & 1 ? 22 : 11) && round;
				wrong += update_va_mapping((uint64_t)page,
							   frame << PAGE_SHIFT | PTE_USUAL,
							   type | where[i]) != 0;
				wrong += *(volatile char *)page != (round & 1 ? 11 : 22);
			}
		}
	}
	CHECK_EQ(wrong, 0, "a page and all, here, everywhere and where a bitmap says");
	CHECK_EQ(update_va_mapping((uint64_t)page, own << PAGE_SHIFT | PTE_USUAL, UVMF_NONE), 0,
		 "none");
	CHECK_EQ(update_va_mapping((uint64_t)page, own << PAGE_SHIFT | PTE_USUAL, 3), 0,
		 "a kind that is none");
	CHECK_EQ(update_va_mapping((uint64_t)page, own_other << PAGE_SHIFT | PTE_USUAL,
				   UVMF_TLB_FLUSH | 0xffff800000000000UL),
		 -XEN_EFAULT, "a bitmap in the hypervisor's range");
	CHECK_EQ(update_va_mapping((uint64_t)page, own_other << PAGE_SHIFT | PTE_USUAL,
				   UVMF_INVLPG | 16),
		 -XEN_EFAULT, "a bitmap at a bad address");
	CHECK_EQ(*pte & PTE_FRAME, own << PAGE_SHIFT, "nothing changed");
	*mask = ~0UL;
	CHECK_EQ(update_va_mapping((uint64_t)page, own << PAGE_SHIFT | PTE_USUAL,
				   UVMF_TLB_FLUSH | (uint64_t)mask),
		 0, "vCPUs that are not there are nobody");
	CHECK_EQ(map(page, own, PTE_USUAL), 0, "as it was");
	CHECK_EQ(page[0], 11, "and seen");
}

/* The bits of an entry for a page: which are the guest's, and which are seen to by the hypervisor. */
static void entry_bits(void)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t val = (own << PAGE_SHIFT | PTE_USUAL) ^ 1UL << bit;

		/* The frame; U/S and G, which are as the hypervisor wants them; what the headers leave open. */
		if ((bit >= 12 && bit < 52) || bit == 2 || bit == 8 || (bit >= 59 && bit < 63)) {
			continue;
		}
		if (update(at, val) || ((*pte ^ val) & ~(PTE_G | PTE_US))) {
			CHECK(false, "bit %u: %#lx", bit, *pte);
		}
		if ((*pte & (PTE_P | PTE_US)) == PTE_P) {
			CHECK(false, "bit %u: a page that the kernel cannot read", bit);
		}
	}
	CHECK_EQ(update(at, own << PAGE_SHIFT | PTE_P | PTE_RW), 0, "a page of the kernel's alone");
	CHECK_EQ(*(volatile char *)page, 11, "can be read by it");
	CHECK_EQ(map(page, own, PTE_USUAL), 0, "as it was");
}

/* Which frames the second argument's owner has: device memory for who owns the devices, nothing for others. */
static void owners(void)
{
	static const domid_t nobody[] = { DOMID_COW, DOMID_INVALID, DOMID_IDLE, DOMID_MASK };
	struct mmu_update u = { at, own_other << PAGE_SHIFT | PTE_USUAL };

	for (unsigned int i = 0; i < ARRAY_SIZE(nobody); i++) {
		CHECK_EQ(mmu_update(&u, 1, NULL, nobody[i]), -XEN_ESRCH, "owner %#x", nobody[i]);
		CHECK_EQ(*pte & PTE_FRAME, own << PAGE_SHIFT, "nothing changed");
	}
}

enum verdict guest_main(void)
{
	page = page_alloc();
	page_alloc();
	other = page_alloc();
	pte = pte_of(page, 1);
	at = pte_machine_address(pte);
	own = virt_to_mfn(page);
	own_other = virt_to_mfn(other);
	accessed_and_dirty();
	refusals();
	plain_pages();
	machine_to_physical();
	lists();
	bad_counts();
	flushes();
	entry_bits();
	owners();
	return SUCCESS;
}
