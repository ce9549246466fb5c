/*
 * No stale TLB entry does harm, whichever way a page goes (tests/abi/stale has the plain ones).  A second vCPU has written it;
 * then its entry is emptied by a write that the hypervisor does for the kernel, it is exchanged, replaced, unmapped by its
 * entry, it becomes an LDT, it was another domain's that has ended, or the vCPU has changed its base.  Where the interface
 * promises no flush, nothing happens until the frame is something else, and by then the write must fault.
 */
#include "tests/abi/lib/stale.h"

#include <xen/memory.h>

#include "tests/abi/lib/grant.h"

#define REF 8

static char *va, *alias;

/* Its page is va's again, to be written. */
static void restore(uint64_t mfn)
{
	CHECK_EQ(update_va_mapping((uint64_t)va, mfn << PAGE_SHIFT | PTE_USUAL,
				   UVMF_INVLPG | UVMF_ALL) |
			 update_va_mapping((uint64_t)alias,
					   virt_to_mfn(alias) << PAGE_SHIFT | PTE_USUAL,
					   UVMF_INVLPG | UVMF_ALL),
		 0, "a plain page again");
}

/* ---- by its own tables ---- */

/* The kernel writes its table itself, which only the hypervisor may: it does so, and says nothing to other CPUs. */
static void emulated(void)
{
	uint64_t mfn = warm(va, alias);

	CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
		 0, "writable page tables");
	*(volatile uint64_t *)pte_of(va, 1) = 0;
	CHECK_EQ(*pte_of(va, 1), 0, "the entry is emptied by a write");
	CHECK_EQ(ext(MMUEXT_PIN_L1_TABLE, mfn), 0, "and the page a table");
	CHECK(!it_writes(va) && !alias[0], "it is not written");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, mfn), 0, "no table");
	*(volatile uint64_t *)pte_of(va, 1) = mfn << PAGE_SHIFT | PTE_USUAL;
	CHECK(it_writes(va) && alias[0] == 0x5a, "the entry is back");
	CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_disable,
			VMASST_TYPE_writable_pagetables),
		 0, "no more");
	restore(mfn);
}

static void becomes_ldt(void)
{
	uint64_t mfn = warm(va, alias);
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT,
				.arg1.linear_addr = (unsigned long)va,
				.arg2.nr_ents = 512 };

	CHECK_EQ(map_quietly(va, mfn, PTE_P | PTE_US), 0, "read-only, as only we know");
	CHECK_EQ(mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "and an LDT");
	/* Loading of it makes it one at the latest. */
	__asm__ volatile("lar %1, %%eax" ::"r"(0), "r"(7) : "eax", "cc");
	CHECK(!it_writes(va) && !alias[0], "it is not written");
	op.arg2.nr_ents = 0;
	CHECK_EQ(mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "no LDT");
	restore(mfn);
}

/* Two top tables that differ in one place; the vCPU goes from one to the other and back. */
static char *const place = (char *)0x680000000000UL;
static uint64_t *first, *second_top;
static unsigned int wrong_reads;

static void job_bases(void)
{
	for (unsigned int i = 0; i < 32; i++) {
		wrong_reads += peek(place) != 'a';
		wrong_reads += ext(MMUEXT_NEW_BASEPTR, virt_to_mfn(second_top)) != 0;
		wrong_reads += peek(place) != 'b';
		wrong_reads += ext(MMUEXT_NEW_BASEPTR, virt_to_mfn(first)) != 0;
	}
	poke(place, 'A');
}

static long table_at(uint64_t *t)
{
	return update_va_mapping((uint64_t)t, virt_to_mfn(t) << PAGE_SHIFT | PTE_P | PTE_US,
				 UVMF_INVLPG | UVMF_ALL);
}

static void bases(char *a, char *b)
{
	uint64_t *t[3];
	long rc = 0;

	a[0] = 'a';
	b[0] = 'b';
	first = (uint64_t *)start_info->pt_base;
	CHECK_EQ(map_at((uint64_t)place, a), 0, "a place that each top table has its own page at");
	second_top = page_alloc();
	for (unsigned int i = 0; i < 512; i++) {
		if (i < 256 || i > 271) {
			second_top[i] = first[i];
		}
	}
	for (unsigned int i = 0; i < 3; i++) {
		t[i] = page_alloc();
		t[i][0] = virt_to_mfn(i ? (void *)t[i - 1] : b) << PAGE_SHIFT | PTE_USUAL;
		rc |= table_at(t[i]);
	}
	second_top[(uint64_t)place >> 39 & 511] = virt_to_mfn(t[2]) << PAGE_SHIFT | PTE_USUAL;
	rc |= table_at(second_top) | ext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(second_top));
	CHECK_EQ(rc, 0, "a second one");
	CHECK(worker_do(job_bases) && wrong_reads == 0, "with each base its own page");
	CHECK(a[0] == 'A' && b[0] == 'b', "to be written, too");
	/* What it was on is taken apart; its lowest table says something else by then. */
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, virt_to_mfn(second_top)), 0,
		 "the second is none any more");
	for (unsigned int i = 0; i < 3; i++) {
		rc |= map_quietly(t[i], virt_to_mfn(t[i]), PTE_USUAL);
	}
	CHECK_EQ(rc, 0, "all of it plain pages");
	t[0][0] = virt_to_mfn(alias) << PAGE_SHIFT | PTE_USUAL;
	alias[0] = 0;
	CHECK_EQ(it_reads(place), 'A', "which the other vCPU does not look at");
	CHECK(it_writes(place) && alias[0] == 0 && a[0] == 0x5a, "nor write by");
}

/* ---- by grants ---- */

static void replaced(char *lent, char *own)
{
	struct gnttab_unmap_and_replace u = { .host_addr = (uint64_t)va,
					      .new_addr = (uint64_t)own };
	uint64_t mine = virt_to_mfn(va);
	grant_handle_t h;

	CHECK_EQ(update_va_mapping((uint64_t)va, 0, UVMF_INVLPG | UVMF_ALL), 0, "a place");
	lent[0] = 'l';
	own[0] = 'o';
	CHECK_EQ(grant_map_at(va, REF, GNTMAP_host_map, &h), GNTST_okay, "a grant there");
	u.handle = h;
	CHECK_EQ(it_reads(va), 'l', "is read");
	CHECK_EQ(it_reads(own), 'o', "so is what will replace it");
	CHECK(grant_op(GNTTABOP_unmap_and_replace, &u, 1) == 0 && u.status == GNTST_okay,
	      "replaced");
	CHECK_EQ(it_reads(va), 'o', "at once");
	CHECK(it_writes(va) && lent[0] == 'l', "nor is what was lent written any more");
	CHECK(!it_writes(own), "and where it was there is nothing");
	CHECK_EQ(update_va_mapping((uint64_t)own, virt_to_mfn(own) << PAGE_SHIFT | PTE_USUAL,
				   UVMF_INVLPG | UVMF_ALL),
		 0, "its page again");
	restore(mine);
}

static void by_entry(char *lent)
{
	uint64_t mine = virt_to_mfn(va), pte = pte_machine_address(pte_of(va, 1));
	unsigned int wrong = 0;

	CHECK_EQ(update_va_mapping((uint64_t)va, 0, UVMF_INVLPG | UVMF_ALL), 0, "a place");
	for (unsigned int i = 0; i < 8; i++) {
		struct gnttab_map_grant_ref m = { .host_addr = pte,
						  .flags = GNTMAP_host_map | GNTMAP_contains_pte,
						  .ref = REF };

		lent[0] = 0;
		wrong += grant_map_full(&m) != GNTST_okay;
		wrong += !it_writes(va) || lent[0] != 0x5a;
		lent[0] = 0;
		wrong += grant_unmap_full(pte, 0, m.handle) != GNTST_okay;
		wrong += it_writes(va) || lent[0];
	}
	CHECK_EQ(wrong, 0, "a grant unmapped by its entry is gone at once");
	restore(mine);
}

/* Two mappings of one grant: one of them gone, the other stands, and nobody writes by the first. */
static void one_of_two(char *lent, char *own)
{
	uint64_t mine = virt_to_mfn(va);
	grant_handle_t h[2] = { 0 };

	CHECK_EQ(update_va_mapping((uint64_t)va, 0, UVMF_INVLPG | UVMF_ALL) |
			 update_va_mapping((uint64_t)own, 0, UVMF_INVLPG | UVMF_ALL),
		 0, "two places");
	CHECK(grant_map_at(va, REF, GNTMAP_host_map, &h[0]) == GNTST_okay &&
		      grant_map_at(own, REF, GNTMAP_host_map, &h[1]) == GNTST_okay,
	      "a grant at both");
	CHECK(it_writes(va) && it_writes(own), "written");
	lent[0] = 0;
	CHECK_EQ(grant_unmap_at(va, h[0]), GNTST_okay, "one unmapped");
	CHECK(!it_writes(va) && lent[0] == 0, "is gone");
	CHECK(it_writes(own) && lent[0] == 0x5a, "the other is there");
	CHECK_EQ(grant_unmap_at(own, h[1]), GNTST_okay, "and then not");
	lent[0] = 0;
	CHECK(!it_writes(own) && lent[0] == 0, "either");
	CHECK_EQ(update_va_mapping((uint64_t)own, virt_to_mfn(own) << PAGE_SHIFT | PTE_USUAL,
				   UVMF_INVLPG | UVMF_ALL),
		 0, "its page again");
	restore(mine);
}

/* ---- to others ---- */

/* The domain is given the frame; what it holds is seen through our alias. */
static void not_written(uint64_t mfn, domid_t id, const char *what)
{
	unsigned int wrong = 0;

	CHECK(is_given(id, mfn), "%s: the same page is given to a domain", what);
	CHECK(!it_writes(va), "and is not to be written");
	CHECK_EQ(child_show(alias, mfn, id), 0, "seen as the domain's");
	for (unsigned int k = 0; k < PAGE_SIZE; k++) {
		wrong += alias[k] == 0x5a;
	}
	CHECK_EQ(wrong, 0, "it has nothing of ours");
	CHECK_EQ(update_va_mapping((uint64_t)alias, 0, UVMF_INVLPG | UVMF_ALL), 0, "unmapped");
	CHECK_EQ(domain_destroy(id), 0, "destroyed");
	CHECK(domain_gone(id), "gone");
}

static void exchanged(void)
{
	uint64_t mfn = warm(va, alias);
	uint64_t pfn = mfn_to_pfn(mfn);
	xen_pfn_t in = mfn, out = pfn;
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .domid = DOMID_SELF },
	};
	long id = domain_make(1, BATCH * BATCHES);

	CHECK(id > 0, "a domain without memory");
	set_xen_guest_handle_raw(x.in.extent_start, &in);
	set_xen_guest_handle_raw(x.out.extent_start, &out);
	CHECK_EQ(map_quietly(va, 0, 0) | update_va_mapping((uint64_t)alias, 0, UVMF_NONE), 0,
		 "unmapped");
	CHECK_EQ(memory_op(XENMEM_exchange, &x), 0, "exchanged");
	p2m_set(pfn, out);
	not_written(mfn, (domid_t)id, "exchanged");
}

/* A page of a domain that we have mapped, and unmap as quietly; the domain ends, and another is given it. */
static void domain_ended(void)
{
	long from = domain_make(1, 4), to = domain_make(1, BATCH * BATCHES);
	xen_pfn_t list[1] = { 0 };
	uint64_t mfn;

	CHECK(to > 0, "a domain without memory");
	CHECK(from > 0 && domain_give((domid_t)from, list, 1, 0) == 1, "a domain with a page");
	mfn = list[0];
	CHECK_EQ(child_show(va, mfn, (domid_t)from), 0, "that we have mapped");
	CHECK(it_writes(va), "the second vCPU writes the page");
	CHECK_EQ(map_quietly(va, 0, 0), 0, "unmapped");
	CHECK_EQ(domain_destroy((domid_t)from), 0, "the domain destroyed");
	CHECK(domain_gone((domid_t)from), "and gone");
	not_written(mfn, (domid_t)to, "a domain has ended");
}

/* Another domain's page that we have written becomes a table of that domain's: its CPUs are not the only ones to flush. */
static void becomes_its_table(void)
{
	long id = domain_make(1, 4);
	xen_pfn_t list[1] = { 0 };
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE };
	unsigned int wrong = 0;

	CHECK(id > 0 && domain_give((domid_t)id, list, 1, 0) == 1, "a domain with a page");
	op.arg1.mfn = list[0];
	for (unsigned int i = 0; i < 8; i++) {
		wrong += child_show(va, list[0], (domid_t)id) != 0 || !it_writes(va);
		va[0] = 0;
		wrong += child_show(alias, list[0], (domid_t)id) != 0 || map_quietly(va, 0, 0) != 0;
		wrong += update_va_mapping((uint64_t)alias, 0, UVMF_NONE) != 0;
		op.cmd = MMUEXT_PIN_L1_TABLE;
		wrong += mmuext_op(&op, 1, NULL, (domid_t)id) != 0;
		wrong += it_writes(va);
		op.cmd = MMUEXT_UNPIN_TABLE;
		wrong += mmuext_op(&op, 1, NULL, (domid_t)id) != 0;
		wrong += child_show(alias, list[0], (domid_t)id) != 0 || alias[0] != 0;
	}
	CHECK_EQ(wrong, 0, "a page of another's that becomes its table is not written");
	restore(virt_to_mfn(va));
	CHECK_EQ(domain_destroy((domid_t)id), 0, "destroyed");
	CHECK(domain_gone((domid_t)id), "gone");
}

enum verdict guest_main(void)
{
	char *pages[6];

	if (!is_control_domain()) {
		return SKIP;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = page_alloc();
	}
	va = pages[0];
	alias = pages[1];
	stale_init();
	CHECK_EQ(grants_setup(), 0, "grants");
	grant_give(REF, pages[2], GTF_permit_access);
	emulated();
	becomes_ldt();
	bases(pages[4], pages[5]);
	replaced(pages[2], pages[3]);
	by_entry(pages[2]);
	one_of_two(pages[2], pages[3]);
	becomes_its_table();
	exchanged();
	domain_ended();
	return SUCCESS;
}
