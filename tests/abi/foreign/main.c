/*
 * One domain's tables, another's pages: what the control domain maps of, and does to, a domain that it builds
 * (mmu_update's and mmuext_op's last argument, update_va_mapping_otherdomain, claim_pages, acquire_resource).
 *
 * The owner named must be the frame's; a table of the other's is as little writable here as there; device memory goes
 * by DOMID_IO or by number; a claim sets memory aside and is used up by what is then given.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#include "hypervisor/lib/string.h"

#define PAGES 8
#define M2P   ((volatile uint64_t *)0xffff800000000000UL)

static domid_t dom;
static xen_pfn_t frames[PAGES];
static char *page;

static long update(const uint64_t *pte, uint64_t val, uint64_t foreign)
{
	struct mmu_update u = { pte_machine_address(pte), val };

	return hcall4(__HYPERVISOR_mmu_update, ptr_arg(&u), 1, 0, foreign);
}

static long theirs(uint64_t ptr, uint64_t val, uint64_t foreign)
{
	struct mmu_update u = { ptr, val };

	return hcall4(__HYPERVISOR_mmu_update, ptr_arg(&u), 1, 0, foreign);
}

static long ext(unsigned int cmd, uint64_t arg, uint64_t src, domid_t id)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg, .arg2.src_mfn = src };

	return mmuext_op(&op, 1, NULL, id);
}

static void let_go(void)
{
	if (child_show(page, virt_to_mfn(page), DOMID_SELF)) {
		CHECK(false, "our own page again");
	}
}

static void mapping(void)
{
	const uint64_t *pte = pte_of(page, 1);
	uint64_t rw = frames[0] << PAGE_SHIFT | PTE_USUAL, own = *pte;

	CHECK(update(pte, rw, DOMID_SELF) < 0, "its page as ours");
	CHECK(update(pte, virt_to_mfn(start_info) << PAGE_SHIFT | PTE_P, dom) < 0,
	      "our page as its");
	CHECK_EQ(*pte & PTE_FRAME, own & PTE_FRAME, "nothing changed");
	CHECK_EQ(update(pte, rw, dom), 0, "its page as its");
	CHECK_EQ(ext(MMUEXT_INVLPG_ALL, (uint64_t)page, 0, DOMID_SELF), 0, "flushed");
	memset(page, 0x42, PAGE_SIZE);
	CHECK_EQ(update(pte, rw & ~PTE_RW, dom), 0, "read-only now");
	CHECK_EQ(hcall4(__HYPERVISOR_update_va_mapping_otherdomain, (uint64_t)page,
			frames[1] << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG | UVMF_ALL, dom),
		 0, "another by address");
	CHECK_EQ(page[9], 0, "empty");
	CHECK(hcall4(__HYPERVISOR_update_va_mapping_otherdomain, (uint64_t)page,
		     frames[1] << PAGE_SHIFT | PTE_USUAL | 1UL << 51, UVMF_NONE, dom) < 0,
	      "no memory of its");
	CHECK_EQ(hcall4(__HYPERVISOR_update_va_mapping_otherdomain, (uint64_t)page, rw,
			UVMF_INVLPG | UVMF_ALL, dom),
		 0, "the first again");
	CHECK_EQ(page[9], 0x42, "as it was left");
	let_go();
}

static void its_tables(void)
{
	const uint64_t both = (dom + 1UL) << 16 | dom;
	uint64_t at = frames[2] << PAGE_SHIFT;

	CHECK_EQ(ext(MMUEXT_PIN_L1_TABLE, frames[2], 0, DOMID_SELF), -XEN_EINVAL,
		 "its page is no table of ours");
	CHECK_EQ(ext(MMUEXT_PIN_L1_TABLE, frames[2], 0, dom), 0, "but of its");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, frames[2], 0, DOMID_SELF), -XEN_EINVAL, "nor unpinned");
	CHECK(child_show(page, frames[2], dom) < 0, "nor to be written by us");
	CHECK_EQ(update(pte_of(page, 1), frames[2] << PAGE_SHIFT | PTE_P | PTE_US, dom), 0,
		 "but read");
	CHECK_EQ(ext(MMUEXT_INVLPG_ALL, (uint64_t)page, 0, DOMID_SELF), 0, "flushed");
	CHECK(theirs(at, frames[3] << PAGE_SHIFT | PTE_USUAL, DOMID_SELF) < 0, "no entry of ours");
	CHECK_EQ(theirs(at, frames[3] << PAGE_SHIFT | PTE_USUAL, both), 0, "but of its");
	CHECK_EQ(((uint64_t *)page)[0] & PTE_FRAME, frames[3] << PAGE_SHIFT, "seen");
	CHECK(theirs(at + 8, frames[2] << PAGE_SHIFT | PTE_USUAL, both) < 0, "itself, writable");
	CHECK(theirs(at + 8, virt_to_mfn(page) << PAGE_SHIFT | PTE_USUAL, both) < 0,
	      "our page as its");
	CHECK_EQ(((uint64_t *)page)[1], 0, "nothing changed");
	CHECK(audit_machine() != AUDIT_FAILED, "the hypervisor counts right");
	CHECK_EQ(theirs(at, 0, (dom + 1UL) << 16 | DOMID_SELF), 0, "an entry taken out");
	CHECK(ext(MMUEXT_CLEAR_PAGE, frames[2], 0, dom) < 0, "a table is not cleared");
	let_go();
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, frames[2], 0, dom), 0, "unpinned");
	CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, frames[2], 0, dom), -XEN_EPERM, "a base for it");
	CHECK_EQ(ext(MMUEXT_TLB_FLUSH_ALL, 0, 0, dom), -XEN_EPERM, "its TLB");
	CHECK_EQ(ext(MMUEXT_SET_LDT, 0, 0, dom), -XEN_EPERM, "its LDT");
}

static void whole_pages(void)
{
	CHECK_EQ(ext(MMUEXT_COPY_PAGE, frames[4], frames[0], dom), 0, "a page of its copied");
	CHECK_EQ(child_show(page, frames[4], dom), 0, "seen");
	CHECK_EQ(page[4000], 0x42, "all of it");
	CHECK(ext(MMUEXT_COPY_PAGE, frames[4], virt_to_mfn(start_info), dom) < 0,
	      "ours is not its to copy");
	CHECK(ext(MMUEXT_CLEAR_PAGE, frames[4], 0, DOMID_SELF) < 0, "its is not ours to clear");
	CHECK_EQ(page[4000], 0x42, "nothing changed");
	CHECK_EQ(ext(MMUEXT_CLEAR_PAGE, frames[4], 0, dom), 0, "as its, it is");
	CHECK_EQ(page[4000], 0, "all of it");
	let_go();
}

static void numbers(void)
{
	uint64_t ptr = frames[5] << PAGE_SHIFT | MMU_MACHPHYS_UPDATE;

	CHECK_EQ(M2P[frames[5]], 5, "its page's number, as it was given");
	CHECK(theirs(ptr, 77, DOMID_SELF) < 0, "is not ours to change");
	CHECK_EQ(M2P[frames[5]], 5, "nothing changed");
	CHECK_EQ(theirs(ptr, 78, dom), 0, "as its, it is");
	CHECK_EQ(M2P[frames[5]], 78, "at once");
}

static void device_memory(void)
{
	const uint64_t *pte = pte_of(page, 1);
	const uint64_t vga = 0xb8, flags = PTE_USUAL | 0x18 /* uncached */;

	CHECK_EQ(update(pte, vga << PAGE_SHIFT | flags, DOMID_IO), 0, "a frame of a device");
	let_go();
	CHECK_EQ(update(pte, vga << PAGE_SHIFT | flags, DOMID_SELF), 0, "by number only, too");
	let_go();
	CHECK(update(pte, 0xfee00UL << PAGE_SHIFT | flags, DOMID_IO) < 0,
	      "not the interrupt controller");
	CHECK(update(pte, 0xfee00UL << PAGE_SHIFT | flags, DOMID_SELF) < 0, "nor by number");
	CHECK(update_va_mapping((uint64_t)page, 0xfec00UL << PAGE_SHIFT | flags, UVMF_NONE) < 0 ||
		      (*pte & PTE_RW) == 0,
	      "nor the other one");
	let_go();
}

/* ---- claims ---- */

static uint64_t claimed(void)
{
	static struct xen_sysctl s;

	s.cmd = XEN_SYSCTL_physinfo;
	s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return hcall1(__HYPERVISOR_sysctl, ptr_arg(&s)) ? ~0UL : s.u.physinfo.outstanding_pages;
}

static long claim(domid_t id, uint64_t pages)
{
	struct xen_memory_reservation r = { .nr_extents = pages, .domid = id };

	return memory_op(XENMEM_claim_pages, &r);
}

static void claims(void)
{
	uint64_t all = free_pages();
	long id = domain_make(1, 2 * all), other = domain_make(1, 2 * all);
	xen_pfn_t list[10] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

	CHECK(id > 0 && other > 0, "two domains");
	CHECK_EQ(claimed(), 0, "nothing is claimed");
	CHECK_EQ(claim((domid_t)id, 1000), 0, "a claim");
	CHECK_EQ(claimed(), 1000, "is set aside");
	CHECK_EQ(domain_give((domid_t)id, list, 10, 0), 10, "ten pages of it given");
	CHECK_EQ(claimed(), 990, "are used up");
	CHECK_EQ(claim((domid_t)other, all), -XEN_ENOMEM, "more than is left");
	CHECK_EQ(claimed(), 990, "nothing changed");
	CHECK_EQ(claim((domid_t)id, 5), -XEN_EINVAL, "less than it has");
	CHECK_EQ(claim((domid_t)id, 3 * all), -XEN_EINVAL, "more than it may have");
	CHECK_EQ(claimed(), 990, "nothing changed");
	CHECK_EQ(claim((domid_t)id, 0), 0, "none");
	CHECK_EQ(claimed(), 0, "is none");
	CHECK_EQ(claim((domid_t)id, 1000), 0, "a claim again");
	CHECK_EQ(domain_destroy((domid_t)id) | domain_destroy((domid_t)other), 0, "both destroyed");
	CHECK(domain_gone((domid_t)id) && domain_gone((domid_t)other), "and gone");
	CHECK_EQ(claimed(), 0, "claims and all");
}

/* ---- resources: the frames of its grant table ---- */

static long acquire(uint16_t type, uint32_t id, uint64_t first, uint32_t n, xen_pfn_t *list,
		    domid_t owner)
{
	struct xen_mem_acquire_resource r = {
		.domid = owner, .type = type, .id = id, .nr_frames = n, .frame = first
	};

	set_xen_guest_handle_raw(r.frame_list, list);
	return memory_op(XENMEM_acquire_resource, &r);
}

static void resources(void)
{
	xen_pfn_t list[4] = { 0 };
	const uint16_t grants = XENMEM_resource_grant_table;

	CHECK_EQ(acquire(grants, XENMEM_resource_grant_table_id_shared, 0, 1, list, dom), 0,
		 "a frame of its grants");
	CHECK_EQ(child_show(page, list[0], dom), 0, "mapped");
	*(volatile char *)page = 0;
	let_go();
	CHECK_EQ(acquire(grants, XENMEM_resource_grant_table_id_shared, 1 << 20, 1, list, dom),
		 -XEN_EINVAL, "one it cannot have");
	CHECK_EQ(acquire(grants, 99, 0, 1, list, dom), -XEN_EINVAL, "of a kind that is none");
	CHECK_EQ(acquire(grants, XENMEM_resource_grant_table_id_shared, 0, 1, list, 1234),
		 -XEN_ESRCH, "of no domain");
	CHECK(acquire(77, 0, 0, 1, list, dom) < 0, "a resource that is none");
	CHECK_EQ(acquire(grants, XENMEM_resource_grant_table_id_shared, 0, 1,
			 (xen_pfn_t *)0xffff830000000000UL, dom),
		 -XEN_EFAULT, "told where it must not be");
}

enum verdict guest_main(void)
{
	long id;

	if (!is_control_domain()) {
		return SKIP;
	}
	page = page_alloc();
	id = domain_make(1, PAGES);
	dom = (domid_t)id;
	for (unsigned int i = 0; i < PAGES; i++) {
		frames[i] = i;
	}
	CHECK(id > 0 && domain_give(dom, frames, PAGES, 0) == PAGES, "a domain of %u pages", PAGES);
	for (unsigned int i = 0; i < PAGES; i++) {
		if (ext(MMUEXT_CLEAR_PAGE, frames[i], 0, dom)) {
			CHECK(false, "page %u cleared", i);
		}
	}
	mapping();
	its_tables();
	whole_pages();
	numbers();
	device_memory();
	resources();
	CHECK_EQ(domain_destroy(dom), 0, "destroyed");
	CHECK(domain_gone(dom), "with nothing left in anybody's tables");
	claims();
	return SUCCESS;
}
