/*
 * Memory as the builder left it: page n of ours is mapped at VIRT_BASE + n * 4096, as far as
 * the initial mapping goes, with the page tables among it, readable.  Pages to give away
 * come from the slack behind the boot stack; more, unmapped, from the end of memory.
 */
#include "frontends/rt/rt.h"

#include <xen/sched.h>

#include "hypervisor/lib/string.h"

#define VIRT_BASE 0xffffffff80000000UL
#define SLACK	  (512UL << 10) /* at least so much is mapped behind the stack */

static char *next_page, *end_page;
static uint64_t next_pfn;

static uint64_t *const m2p = (uint64_t *)0xffff800000000000UL;

void mm_init(void)
{
	next_page = (char *)start_info->pt_base + (start_info->nr_pt_frames + 1) * PAGE_SIZE;
	end_page = next_page + SLACK;
	next_pfn = start_info->nr_pages - 1;
}

void *page_alloc(void)
{
	void *p = next_page;

	if (next_page == end_page) {
		print("VERDICT FAILURE out of mapped pages\n");
		guest_shutdown(SHUTDOWN_crash);
	}
	next_page += PAGE_SIZE;
	return memset(p, 0, PAGE_SIZE);
}

uint64_t pfn_take(void)
{
	return next_pfn--;
}

uint64_t pfn_to_mfn(uint64_t pfn)
{
	return ((uint64_t *)start_info->mfn_list)[pfn];
}

void p2m_set(uint64_t pfn, uint64_t mfn)
{
	((uint64_t *)start_info->mfn_list)[pfn] = mfn;
}

uint64_t mfn_to_pfn(uint64_t mfn)
{
	uint64_t pfn = m2p[mfn];

	return pfn < start_info->nr_pages && pfn_to_mfn(pfn) == mfn ? pfn : ~0UL;
}

uint64_t virt_to_mfn(const void *p)
{
	return pfn_to_mfn(((uint64_t)p - VIRT_BASE) >> PAGE_SHIFT);
}

void *pfn_to_virt(uint64_t pfn)
{
	return (void *)(VIRT_BASE + (pfn << PAGE_SHIFT));
}

const uint64_t *pte_of(const void *va, int level)
{
	const uint64_t *table = (const uint64_t *)start_info->pt_base;

	for (int l = 4;; l--) {
		const uint64_t *pte = &table[(uint64_t)va >> (PAGE_SHIFT + 9 * (l - 1)) & 511];

		if (l == level) {
			return pte;
		}
		if (!(*pte & PTE_P)) {
			return NULL;
		}
		table = pfn_to_virt(m2p[(*pte & PTE_FRAME) >> PAGE_SHIFT]);
	}
}

uint64_t pte_machine_address(const uint64_t *pte)
{
	return virt_to_mfn(pte) << PAGE_SHIFT | ((uint64_t)pte & (PAGE_SIZE - 1));
}

static long new_table(const uint64_t *entry)
{
	void *table = page_alloc();
	struct mmu_update u = { pte_machine_address(entry),
				virt_to_mfn(table) << PAGE_SHIFT | PTE_USUAL };
	long rc = update_va_mapping((uint64_t)table,
				    virt_to_mfn(table) << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW),
				    UVMF_INVLPG);

	return rc ? rc : mmu_update(&u, 1, NULL, DOMID_SELF);
}

long map_at(uint64_t va, const void *page)
{
	long rc = 0;

	for (int level = 4; rc == 0 && level > 1; level--) {
		const uint64_t *entry = pte_of((const void *)va, level);

		if (!(*entry & PTE_P)) {
			rc = new_table(entry);
		}
	}
	return rc ? rc
		  : update_va_mapping(va, virt_to_mfn(page) << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG);
}
