/*
 * GNTTABOP_map_grant_ref (<xen/grant_table.h>), under every combination of flags: what can be mapped and how, what the
 * entry shows while it is in use, what the page-table entry looks like; and what is refused: entries of other types,
 * for others, beyond the end; addresses without a table.  An entry that is revoked or rewritten while it is in use
 * stays in use as it was.
 */
#include "frontends/rt/test.h"

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/grant.h"
#include "tests/abi/lib/pages.h"

#define AVAIL 0xe00UL /* the bits of an entry that are left to the guest */

static char *lent, *at;

static void write_byte(void *p)
{
	*(volatile char *)p = 9;
}

static void read_byte(void *p)
{
	(void)*(volatile char *)p;
}

static uint64_t host_addr(uint32_t flags)
{
	return flags & GNTMAP_contains_pte ? pte_machine_address(pte_of(at, 1)) : (uint64_t)at;
}

static int expected(uint32_t flags, uint16_t grant)
{
	if (!(flags & (GNTMAP_host_map | GNTMAP_device_map))) {
		return GNTST_bad_gntref;
	}
	return (grant & GTF_readonly) && !(flags & GNTMAP_readonly) ? GNTST_general_error
								    : GNTST_okay;
}

/* A mapping that is there: what it shows, and that it goes in one. */
static void mapped(uint32_t flags, grant_ref_t ref, const struct gnttab_map_grant_ref *m)
{
	unsigned int use = flags & GNTMAP_readonly ? GTF_reading : IN_USE;
	uint64_t bus = flags & GNTMAP_device_map ? m->dev_bus_addr : 0;

	CHECK_EQ(grant_use(ref), use, "flags %#x: in use", flags);
	CHECK_EQ(m->dev_bus_addr, virt_to_mfn(lent) << PAGE_SHIFT, "flags %#x: bus address", flags);
	if (flags & GNTMAP_host_map) {
		CHECK_EQ(*(volatile char *)at, 'l', "flags %#x: there", flags);
		CHECK_EQ(trap_try(write_byte, at + 1).happened, (flags & GNTMAP_readonly) != 0,
			 "flags %#x: to be written, or not", flags);
		CHECK_EQ(*pte_of(at, 1) & AVAIL, (uint64_t)(flags >> 16) << 9,
			 "flags %#x: the guest's bits", flags);
	} else {
		CHECK_EQ(*pte_of(at, 1), 0, "flags %#x: not in our tables", flags);
	}
	CHECK_EQ(grant_unmap_full(host_addr(flags), bus, m->handle), GNTST_okay, "flags %#x: unmap",
		 flags);
	CHECK_EQ(*pte_of(at, 1), 0, "flags %#x: gone", flags);
}

static void every_flag(uint16_t grant)
{
	const grant_ref_t ref = 20;

	for (uint32_t flags = 0; flags < 32; flags++) {
		struct gnttab_map_grant_ref m = { .flags = flags, .ref = ref, .dom = 0 };
		int want = expected(flags, grant);

		m.host_addr = host_addr(flags);
		grant_give(ref, lent, grant);
		CHECK_EQ(grant_map_full(&m), want, "grant %#x, flags %#x", grant, flags);
		if (want == GNTST_okay) {
			mapped(flags, ref, &m);
		}
		CHECK(!grant_use(ref) && !*pte_of(at, 1), "flags %#x: nothing left", flags);
	}
}

static void refused(grant_ref_t ref, domid_t dom, uint64_t where, int want, const char *what)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = where, .flags = GNTMAP_host_map, .ref = ref, .dom = dom
	};

	CHECK_EQ(grant_map_full(&m), want, "%s", what);
	CHECK(!grant_use(30), "%s: no entry in use", what);
}

static void refusals(void)
{
	uint64_t va = (uint64_t)at;
	const uint16_t types[] = { GTF_invalid, GTF_accept_transfer, GTF_transitive,
				   GTF_permit_access | GTF_sub_page };

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		grant_give(30, lent, types[i]);
		refused(30, 0, va, GNTST_general_error, "an entry that is no permit for a page");
		CHECK_EQ(grants[30].flags, types[i], "type %#x as it was", types[i]);
	}
	grant_give(30, lent, GTF_permit_access);
	grants[30].domid = 77;
	refused(30, 0, va, GNTST_general_error, "for another");
	grants[30].domid = 0;
	refused(30, 1234, va, GNTST_bad_domain, "no such domain");
	refused(30, DOMID_XEN, va, GNTST_bad_domain, "nor the hypervisor's");
	refused(30, DOMID_IO, va, GNTST_bad_domain, "nor the devices'");
	refused(30, DOMID_INVALID, va, GNTST_bad_domain, "nor none");
	refused(1u << 31, 0, va, GNTST_bad_gntref, "an entry past the end");
	refused(~0u, 0, va, GNTST_bad_gntref, "and at the end of numbers");
	refused(30, 0, 0x600000000000UL, GNTST_general_error, "where there is no table");
	refused(30, 0, 0xffff830000000000UL, GNTST_general_error, "in the hypervisor");
	refused(30, 0, 0x800000000000UL, GNTST_general_error, "at no address");
	grants[30].frame = 0x7fffffff;
	refused(30, 0, va, GNTST_bad_page, "a frame past the end");
	grants[30].frame = ~0u;
	refused(30, 0, va, GNTST_bad_page, "and at the end of numbers");
	CHECK_EQ(*pte_of(at, 1), 0, "nothing is mapped");
}

static void bad_entries(void)
{
	struct gnttab_map_grant_ref m = { .flags = GNTMAP_host_map | GNTMAP_contains_pte,
					  .ref = 30 };
	uint64_t pte = pte_machine_address(pte_of(at, 1));
	const uint64_t bad[] = { pte + 1, virt_to_mfn(lent) << PAGE_SHIFT,
				 virt_to_mfn(pte_of(at, 2)) << PAGE_SHIFT, 1UL << 50, ~7UL };

	grant_give(30, lent, GTF_permit_access);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		m.host_addr = bad[i];
		CHECK_EQ(grant_map_full(&m), GNTST_general_error,
			 "no entry of a last-level table: %#lx", bad[i]);
		CHECK(!grant_use(30), "not in use");
	}
}

/* The owner plays with an entry in use: borrowers keep what they have, and get nothing else by it. */
static void revoked(void)
{
	char *other = page_alloc(), *second = grant_window();
	grant_handle_t h, h2;

	grant_give(21, lent, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, 21, GNTMAP_host_map, &h), GNTST_okay, "mapped");
	grants[21].frame = (uint32_t)virt_to_mfn(other);
	CHECK_EQ(grant_map_at(second, 21, GNTMAP_host_map | GNTMAP_readonly, &h2), GNTST_okay,
		 "the frame rewritten, mapped again");
	CHECK_EQ(*(volatile char *)second, 'l', "it is still the first frame");
	CHECK_EQ(grant_unmap_at(second, h2), GNTST_okay, "unmap");
	CHECK_EQ(grant_use(21), IN_USE, "the writer stays");
	grants[21].flags = 0;
	CHECK_EQ(*(volatile char *)at, 'l', "revoked by force, the mapping stands");
	CHECK_EQ(grant_map_at(second, 21, GNTMAP_host_map, &h2), GNTST_general_error,
		 "but there is no new one");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	CHECK(trap_try(read_byte, at).happened, "gone");
	CHECK_EQ(grants[21].flags, 0, "and the entry empty");
	grant_give(21, other, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, 21, GNTMAP_host_map, &h), GNTST_okay, "used anew");
	CHECK_EQ(*(volatile char *)at, 0, "it is the new frame");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
}

/* A page table is lent to be read, and a page lent to be written becomes none. */
static void tables(void)
{
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE };
	char *page = page_alloc();
	grant_handle_t h;

	grant_give(22, (void *)start_info->pt_base, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, 22, GNTMAP_host_map, &h), GNTST_general_error,
		 "the top table, to be written");
	CHECK(!grant_use(22), "not in use");
	CHECK_EQ(grant_map_at(at, 22, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay,
		 "to be read");
	CHECK_EQ(memcmp(at, (void *)start_info->pt_base, PAGE_SIZE), 0, "it is the table");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	grant_give(22, page, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, 22, GNTMAP_host_map, &h), GNTST_okay, "an empty page");
	page_protect(page, PTE_USUAL & ~PTE_RW);
	pin.arg1.mfn = virt_to_mfn(page);
	CHECK(mmuext_op(&pin, 1, NULL, DOMID_SELF) < 0, "not pinned as a table meanwhile");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	CHECK_EQ(mmuext_op(&pin, 1, NULL, DOMID_SELF), 0, "pinned");
	CHECK_EQ(grant_map_at(at, 22, GNTMAP_host_map, &h), GNTST_general_error,
		 "and not mapped to be written meanwhile");
	pin.cmd = MMUEXT_UNPIN_TABLE;
	CHECK_EQ(mmuext_op(&pin, 1, NULL, DOMID_SELF), 0, "unpinned");
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
	every_flag(GTF_permit_access);
	every_flag(GTF_permit_access | GTF_readonly);
	refusals();
	bad_entries();
	revoked();
	tables();
	return SUCCESS;
}
