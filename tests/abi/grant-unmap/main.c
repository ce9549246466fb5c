/*
 * GNTTABOP_unmap_grant_ref and _unmap_and_replace (<xen/grant_table.h>): the parts of a mapping go one by one or at once,
 * and with the last the handle; an address of zero is ignored, and any other "must refer to a mapping that is tracked
 * by handle"; replaced, the page at new_addr moves to host_addr.  The header leaves open what a failed call has done;
 * here it has done nothing.  Operations of a batch each have their own status.
 */
#include "frontends/rt/test.h"

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/grant.h"
#include "tests/abi/lib/pages.h"

#define REF  20u
#define BOTH (GNTMAP_host_map | GNTMAP_device_map)
#define MANY 40u

static char *lent, *at;

static grant_handle_t map(uint32_t flags)
{
	struct gnttab_map_grant_ref m = { .host_addr = (uint64_t)at, .flags = flags, .ref = REF };

	if (flags & GNTMAP_contains_pte) {
		m.host_addr = pte_machine_address(pte_of(at, 1));
	}
	CHECK_EQ(grant_map_full(&m), GNTST_okay, "map, flags %#x", flags);
	return m.handle;
}

/* Nothing has changed: mapped, in use. */
static void stands(const char *what)
{
	CHECK(grant_use(REF) == IN_USE && (*pte_of(at, 1) & PTE_P) && *(volatile char *)at == 'l',
	      "%s: all as it was", what);
}

static void parts(void)
{
	uint64_t bus = virt_to_mfn(lent) << PAGE_SHIFT, va = (uint64_t)at;
	grant_handle_t h = map(BOTH);

	CHECK_EQ(grant_unmap_full(0, 0, h), GNTST_okay, "neither part named");
	stands("neither");
	CHECK_EQ(grant_unmap_full(va, bus + PAGE_SIZE, h), GNTST_bad_dev_addr,
		 "a wrong bus address");
	stands("wrong bus address");
	CHECK_EQ(grant_unmap_full(va + PAGE_SIZE, bus, h), GNTST_general_error,
		 "a wrong host address, the bus address right");
	stands("wrong host address");
	CHECK_EQ(grant_unmap_full(0, bus, h), GNTST_okay, "the device's part");
	stands("the device's part gone");
	CHECK_EQ(grant_unmap_full(va, 0, h), GNTST_okay, "the host's part");
	CHECK(!grant_use(REF) && !*pte_of(at, 1), "with the last part it ends");
	CHECK_EQ(grant_unmap_full(va, bus, h), GNTST_bad_handle, "and the handle with it");
	h = map(BOTH);
	CHECK_EQ(grant_unmap_full(va + PAGE_SIZE, bus, h), GNTST_general_error,
		 "refused once more");
	CHECK_EQ(grant_unmap_full(va, 0, h), GNTST_okay, "the host's part first");
	CHECK_EQ(grant_use(REF), IN_USE, "the device may still write");
	CHECK_EQ(grant_unmap_full(0, bus, h), GNTST_okay, "the device's");
	CHECK(!grant_use(REF), "ended");
	h = map(GNTMAP_device_map);
	CHECK_EQ(grant_unmap_full(0, bus, h), GNTST_okay, "only a device's part");
	CHECK(!grant_use(REF), "ended");
}

static void refusals(void)
{
	uint64_t pte = pte_machine_address(pte_of(at, 1));
	grant_handle_t h = map(GNTMAP_host_map);

	CHECK_EQ(grant_unmap_at(at, h + 1), GNTST_bad_handle, "the next handle");
	CHECK_EQ(grant_unmap_at(at, 1u << 30), GNTST_bad_handle, "one past the end");
	CHECK_EQ(grant_unmap_at(at, ~0u), GNTST_bad_handle, "one at the end of numbers");
	CHECK_EQ(grant_unmap_full(pte, 0, h), GNTST_general_error,
		 "its entry's address, though mapped by the page's");
	CHECK_EQ(grant_unmap_at(lent, h), GNTST_general_error, "another mapping of the frame");
	CHECK_EQ(*lent, 'l', "which stays");
	CHECK_EQ(grant_unmap_at((void *)0xffff830000000000UL, h), GNTST_general_error,
		 "an address in the hypervisor");
	stands("refused");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	h = map(GNTMAP_host_map | GNTMAP_contains_pte);
	CHECK_EQ(grant_unmap_at(at, h), GNTST_general_error,
		 "the page's address, though mapped by the entry's");
	stands("refused");
	CHECK_EQ(grant_unmap_full(pte, 0, h), GNTST_okay, "unmap");
}

static int replace(const void *host, const void *with, grant_handle_t h)
{
	struct gnttab_unmap_and_replace u = {
		.host_addr = (uint64_t)host, .new_addr = (uint64_t)with, .handle = h, .status = 1
	};

	return grant_op(GNTTABOP_unmap_and_replace, &u, 1) ? CALL_FAILED : u.status;
}

static void replacing(void)
{
	char *other = page_alloc(), *hole = grant_window();
	uint64_t frame = virt_to_mfn(other);
	grant_handle_t h = map(GNTMAP_host_map);

	*other = 'o';
	CHECK_EQ(replace(at, other, h + 1), GNTST_bad_handle, "replaced by a bad handle");
	CHECK_EQ(replace(hole, other, h), GNTST_general_error, "where it is not mapped");
	CHECK(*pte_of(other, 1) & PTE_P, "what should have moved is where it was");
	page_protect(other, PTE_USUAL);
	CHECK_EQ(replace(at, at, h), GNTST_general_error, "by itself");
	stands("by itself");
	CHECK_EQ(replace(at, (void *)0x600000000000UL, h), GNTST_general_error,
		 "by what has no table");
	stands("by no table");
	CHECK_EQ(replace(at, other, h), GNTST_okay, "replaced");
	CHECK_EQ(*(volatile char *)at, 'o', "the other page is here");
	CHECK_EQ(*pte_of(at, 1) >> PAGE_SHIFT & 0xffffffffff, frame, "by its entry");
	CHECK_EQ(*pte_of(other, 1), 0, "and no longer there");
	CHECK(!grant_use(REF), "the grant is free");
	CHECK_EQ(replace(at, other, h), GNTST_bad_handle, "once");
	update_va_mapping((uint64_t)at, 0, UVMF_INVLPG);
	page_protect(other, PTE_USUAL);
	h = map(GNTMAP_host_map);
	CHECK_EQ(replace(at, NULL, h), GNTST_okay, "replaced by nothing");
	CHECK(!grant_use(REF) && !*pte_of(at, 1), "is unmapped");
	h = map(GNTMAP_host_map | GNTMAP_contains_pte);
	CHECK_EQ(replace((void *)pte_machine_address(pte_of(at, 1)), other, h), GNTST_general_error,
		 "one mapped by its entry is not replaced");
	CHECK_EQ(*other, 'o', "what should have moved is where it was");
	stands("by entry");
	CHECK_EQ(grant_unmap_full(pte_machine_address(pte_of(at, 1)), 0, h), GNTST_okay, "unmap");
}

/* Every third is bad; the others are done all the same, and the array may end in nothing. */
static void batches(void)
{
	static struct gnttab_map_grant_ref maps[MANY];
	static struct gnttab_unmap_grant_ref unmaps[MANY];
	struct gnttab_unmap_grant_ref *cut;
	char *where[MANY];
	unsigned int good = 0;

	for (unsigned int i = 0; i < MANY; i++) {
		where[i] = grant_window();
		maps[i] = (struct gnttab_map_grant_ref){ .host_addr = (uint64_t)where[i],
							 .flags = GNTMAP_host_map,
							 .ref = i % 3 ? REF : 1u << 30 };
	}
	CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, maps, 0), 0, "a batch of none");
	CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, maps, ~0u), -XEN_EINVAL, "of less than none");
	CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, maps, MANY), 0, "of forty");
	for (unsigned int i = 0; i < MANY; i++) {
		good += maps[i].status == (i % 3 ? GNTST_okay : GNTST_bad_gntref) &&
			(*pte_of(where[i], 1) & PTE_P) == (i % 3 ? PTE_P : 0);
		unmaps[i] = (struct gnttab_unmap_grant_ref){ .host_addr = (uint64_t)where[i],
							     .handle = i % 3 ? maps[i].handle
									     : ~0u };
	}
	CHECK_EQ(good, MANY, "each as its own status says");
	CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, unmaps, 20), 0, "half of them unmapped");
	cut = cut_short(&unmaps[20], 20 * sizeof(*cut), 10 * sizeof(*cut) + 8);
	CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, cut, 20), -XEN_EFAULT, "half of the rest");
	memcpy(&unmaps[20], cut, 10 * sizeof(*cut));
	good = 0;
	for (unsigned int i = 0; i < 30; i++) {
		good += unmaps[i].status == (i % 3 ? GNTST_okay : GNTST_bad_handle) &&
			!*pte_of(where[i], 1);
	}
	CHECK_EQ(good, 30, "these are done");
	CHECK_EQ(grant_use(REF), IN_USE, "the others not");
	CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, &unmaps[30], 10), 0, "until they are");
	CHECK(!grant_use(REF), "done");
	CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, NOWHERE, 1), -XEN_EFAULT, "bad address");
	CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, NOWHERE, 1), -XEN_EFAULT, "bad address");
	CHECK_EQ(grant_op(GNTTABOP_unmap_and_replace, NOWHERE, 1), -XEN_EFAULT, "bad address");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(grants_setup(), 0, "a table");
	lent = page_alloc();
	at = grant_window();
	memcpy(lent, "lent", 5);
	grant_give(REF, lent, GTF_permit_access);
	parts();
	refusals();
	replacing();
	batches();
	return SUCCESS;
}
