/*
 * No stale TLB entry does harm, on any CPU.  A second vCPU has a page in its TLB; the page is taken away without a
 * word about flushing, and then becomes what nobody may write so: a table, descriptors, free memory, another
 * domain's.  Its next access must fault, and what the frame says must stay.  Where the guest asks for the flush, or a
 * grant is unmapped, the same holds at once.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#include "hypervisor/lib/string.h"
#include "tests/abi/lib/stale.h"

static void becomes_table(char *va, char *alias)
{
	uint64_t mfn = warm(va, alias);

	for (unsigned int round = 0; round < 8; round++) {
		if (map_quietly(va, 0, 0) || ext(MMUEXT_PIN_L1_TABLE, mfn)) {
			CHECK(false, "unmapped, and pinned as a table");
			return;
		}
		if (it_writes(va) || alias[0]) {
			CHECK(false, "round %u: a table was written", round);
		}
		if (ext(MMUEXT_UNPIN_TABLE, mfn) || map_quietly(va, mfn, PTE_USUAL) ||
		    !it_writes(va)) {
			CHECK(false, "round %u: a plain page again", round);
		}
		va[0] = 0;
	}
	CHECK_EQ(alias[0], 0, "a page that becomes a table");
}

static void becomes_descriptors(char *va, char *alias)
{
	uint64_t mfn = warm(va, alias);
	xen_pfn_t list[1] = { mfn };
	long rc;

	CHECK_EQ(map_quietly(va, 0, 0), 0, "unmapped");
	rc = hcall2(__HYPERVISOR_set_gdt, ptr_arg(list), 512);
	CHECK_EQ(rc, 0, "a descriptor table");
	CHECK(!it_writes(va) && !alias[0], "is not written");
	CHECK_EQ(hcall2(__HYPERVISOR_set_gdt, ptr_arg(list), 0), 0, "no table");
	CHECK_EQ(map_quietly(va, mfn, PTE_USUAL), 0, "a plain page again");
	CHECK(it_writes(va), "written");
}

/* The table that maps an address goes, and becomes a page that says what its writer likes. */
static void table_becomes_page(char *va, char *alias)
{
	uint64_t *l1 = page_alloc(), *l2 = page_alloc(), *l3 = page_alloc(), mfn = warm(va, alias);
	char *window = (char *)0x700000000000UL;
	struct mmu_update u = { pte_machine_address(pte_of(window, 4)),
				virt_to_mfn(l3) << PAGE_SHIFT | PTE_USUAL };

	l1[0] = mfn << PAGE_SHIFT | PTE_USUAL;
	l2[0] = virt_to_mfn(l1) << PAGE_SHIFT | PTE_USUAL;
	l3[0] = virt_to_mfn(l2) << PAGE_SHIFT | PTE_USUAL;
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t *t = i == 0 ? l1 : i == 1 ? l2 : l3;

		if (update_va_mapping((uint64_t)t, virt_to_mfn(t) << PAGE_SHIFT | PTE_P | PTE_US,
				      UVMF_INVLPG)) {
			CHECK(false, "table %u", i);
		}
	}
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_SELF), 0, "three tables in use");
	CHECK(it_writes(window), "by the second vCPU");
	u = (struct mmu_update){ pte_machine_address(l2), 0 };
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_SELF), 0, "the lowest taken out");
	CHECK_EQ(map_quietly(l1, virt_to_mfn(l1), PTE_USUAL), 0, "is a plain page");
	l1[0] = l1[1] = mfn << PAGE_SHIFT | PTE_USUAL;
	va[0] = 0;
	CHECK(!it_writes(window) && !it_writes(window + PAGE_SIZE), "and maps nothing any more");
	CHECK_EQ(alias[0], 0, "nothing was written");
	u = (struct mmu_update){ pte_machine_address(pte_of(window, 4)), 0 };
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_SELF), 0, "all taken out");
	CHECK_EQ(map_quietly(l2, virt_to_mfn(l2), PTE_USUAL) |
			 map_quietly(l3, virt_to_mfn(l3), PTE_USUAL),
		 0, "plain pages");
	l3[0] = virt_to_mfn(l2) << PAGE_SHIFT | PTE_USUAL;
	l2[0] = virt_to_mfn(l1) << PAGE_SHIFT | PTE_USUAL;
	CHECK(!it_writes(window), "that map nothing");
	CHECK_EQ(alias[0], 0, "nothing was written");
}

static long give_up(uint64_t mfn)
{
	xen_pfn_t list[1] = { mfn };
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle_raw(r.extent_start, list);
	return memory_op(XENMEM_decrease_reservation, &r);
}

#define TIMES 12000

/* So often a page stops being mapped writable: whoever notes when, as debug builds of ours do in few bits, comes round. */
static bool much_happens(char *va)
{
	static struct mmu_update list[512];
	uint64_t at = pte_machine_address(pte_of(va, 1)), entry = virt_to_mfn(va) << PAGE_SHIFT;

	for (unsigned int i = 0; i < ARRAY_SIZE(list); i++) {
		list[i] = (struct mmu_update){ at, entry | (i & 1 ? PTE_USUAL : PTE_P | PTE_US) };
	}
	for (unsigned int n = 0; n < TIMES; n += ARRAY_SIZE(list) / 2) {
		if (mmu_update(list, ARRAY_SIZE(list), NULL, DOMID_SELF)) {
			return false;
		}
	}
	return true;
}

/*
 * A frame given up, which a new domain is given.  Free memory may be in a TLB still: whoever is given it
 * is the first whom that would harm.  And it may have been there for long.
 */
static void becomes_anothers(char *va, char *alias, char *third)
{
	uint64_t mfn = warm(va, alias), pfn = mfn_to_pfn(mfn);
	unsigned int wrong = 0;
	long id = domain_make(1, BATCH * BATCHES);

	CHECK(id > 0, "a domain without memory");
	CHECK_EQ(map_quietly(va, 0, 0) | update_va_mapping((uint64_t)alias, 0, UVMF_NONE), 0,
		 "unmapped");
	CHECK(much_happens(third), "and much happens before it is");
	CHECK_EQ(give_up(mfn), 1, "given up");
	p2m_set(pfn, ~0UL);
	CHECK(is_given((domid_t)id, mfn), "the same page is given to the domain");
	CHECK(!it_writes(va), "and is not to be written");
	CHECK_EQ(child_show(alias, mfn, (domid_t)id), 0, "seen as the domain's");
	for (unsigned int k = 0; k < PAGE_SIZE; k++) {
		wrong += alias[k] == 0x5a;
	}
	CHECK_EQ(wrong, 0, "it has nothing of ours");
	CHECK_EQ(update_va_mapping((uint64_t)alias, 0, UVMF_INVLPG | UVMF_ALL), 0, "unmapped");
	CHECK_EQ(domain_destroy((domid_t)id), 0, "destroyed");
	CHECK(domain_gone((domid_t)id), "gone");
}

/* The flushes a guest asks for: seen by the other vCPU at once. */
static void asked_for(char *va, char *second)
{
	static const struct {
		const char *what;
		unsigned int cmd;
		bool multi;
	} ops[] = { { "INVLPG_ALL", MMUEXT_INVLPG_ALL, false },
		    { "INVLPG_MULTI", MMUEXT_INVLPG_MULTI, true },
		    { "TLB_FLUSH_ALL", MMUEXT_TLB_FLUSH_ALL, false },
		    { "TLB_FLUSH_MULTI", MMUEXT_TLB_FLUSH_MULTI, true } };
	uint64_t *mask = page_alloc(), one = virt_to_mfn(va), two = virt_to_mfn(second);
	const uint64_t flags[] = { UVMF_INVLPG | UVMF_ALL, UVMF_TLB_FLUSH | UVMF_ALL,
				   UVMF_INVLPG | (uint64_t)mask, UVMF_TLB_FLUSH | (uint64_t)mask };
	unsigned int wrong = 0;

	*mask = 2; /* the second vCPU */
	va[0] = 1;
	second[0] = 2;
	for (unsigned int round = 0; round < 16; round++) {
		uint64_t frame = round & 1 ? one : two;

		wrong += it_reads(va) != (round & 1 ? 2 : 1) && round;
		wrong += update_va_mapping((uint64_t)va, frame << PAGE_SHIFT | PTE_USUAL,
					   flags[round / 2 % 4]) != 0;
		wrong += it_reads(va) != (round & 1 ? 1 : 2);
	}
	CHECK_EQ(wrong, 0, "update_va_mapping with every flush that reaches it");
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		struct mmuext_op op = { .cmd = ops[i].cmd, .arg1.linear_addr = (unsigned long)va };

		if (ops[i].multi) {
			set_xen_guest_handle_raw(op.arg2.vcpumask, (void *)mask);
		}
		for (unsigned int round = 0; round < 4; round++) {
			wrong += map_quietly(va, round & 1 ? one : two, PTE_USUAL) != 0;
			wrong += mmuext_op(&op, 1, NULL, DOMID_SELF) != 0;
			wrong += it_reads(va) != (round & 1 ? 1 : 2);
		}
		CHECK_EQ(wrong, 0, "%s", ops[i].what);
	}
	CHECK_EQ(update_va_mapping((uint64_t)va, one << PAGE_SHIFT | PTE_USUAL,
				   UVMF_TLB_FLUSH | UVMF_ALL),
		 0, "as it was");
}

#define REF 8

/* A grant of our own, mapped by us: unmapped, it is in nobody's TLB. */
static void grant_unmapped(char *va, char *lent)
{
	xen_pfn_t frame = 0;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	grant_entry_v1_t *table = page_alloc();
	unsigned int wrong = 0;

	set_xen_guest_handle_raw(s.frame_list, &frame);
	CHECK_EQ(grant_op(GNTTABOP_setup_table, &s, 1) || s.status, 0, "grants");
	CHECK_EQ(map_quietly(table, frame, PTE_USUAL), 0, "the table");
	CHECK_EQ(ext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0, "seen");
	table[REF] = (grant_entry_v1_t){ 0, 0, (uint32_t)virt_to_mfn(lent) };
	table[REF].flags = GTF_permit_access;
	for (unsigned int round = 0; round < 8; round++) {
		struct gnttab_map_grant_ref m = {
			.host_addr = (uint64_t)va, .flags = GNTMAP_host_map, .ref = REF, .dom = 0
		};
		struct gnttab_unmap_grant_ref u = { .host_addr = (uint64_t)va };

		lent[0] = 0;
		wrong += update_va_mapping((uint64_t)va, 0, UVMF_INVLPG | UVMF_ALL) != 0;
		wrong += grant_op(GNTTABOP_map_grant_ref, &m, 1) || m.status;
		wrong += !it_writes(va) || lent[0] != 0x5a;
		lent[0] = 0;
		u.handle = m.handle;
		wrong += grant_op(GNTTABOP_unmap_grant_ref, &u, 1) || u.status;
		wrong += it_writes(va) || lent[0];
	}
	CHECK_EQ(wrong, 0, "a grant unmapped is gone at once");
}

enum verdict guest_main(void)
{
	char *pages[8];

	if (!is_control_domain()) {
		return SKIP;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = page_alloc();
	}
	stale_init();
	asked_for(pages[0], pages[1]);
	becomes_table(pages[2], pages[3]);
	becomes_descriptors(pages[2], pages[3]);
	table_becomes_page(pages[2], pages[3]);
	grant_unmapped(pages[4], pages[5]);
	becomes_anothers(pages[6], pages[7], pages[5]);
	return SUCCESS;
}
