/*
 * Copies by grant, over real frames: what is copied and what is refused, one by one and in lists, and that nothing stays
 * in use.
 */
#include <criterion/criterion.h>
#include <string.h>

#include <xen/errno.h>

#include "core/hypercall.h"
#include "tests/unit/hypervisor/core/grant_world.h"

static void setup(void)
{
	grant_world_start(1);
}

TestSuite(grant_copy, .init = setup, .fini = grant_world_end);

static struct gnttab_copy copy_of(domid_t sdom, uint64_t src, unsigned int soff, domid_t ddom,
				  uint64_t dst, unsigned int doff, unsigned int len,
				  unsigned int flags)
{
	struct gnttab_copy c = { .len = (uint16_t)len, .flags = (uint16_t)flags, .status = 99 };

	c.source.domid = sdom;
	c.source.offset = (uint16_t)soff;
	c.dest.domid = ddom;
	c.dest.offset = (uint16_t)doff;
	if (flags & GNTCOPY_source_gref) {
		c.source.u.ref = (grant_ref_t)src;
	} else {
		c.source.u.gmfn = src;
	}
	if (flags & GNTCOPY_dest_gref) {
		c.dest.u.ref = (grant_ref_t)dst;
	} else {
		c.dest.u.gmfn = dst;
	}
	return c;
}

static int copy(struct domain *as, struct gnttab_copy c)
{
	cr_assert_eq(op(as, GNTTABOP_copy, &c, 1), 0);
	return c.status;
}

Test(grant_copy, copies_go_both_ways_and_leave_no_references)
{
	mfn_t mine = memory_frame(d0, 0xaa);

	grant(d1, 9, 0, page, GTF_permit_access);
	cr_expect_eq(copy(d0, copy_of(1, 9, 100, DOMID_SELF, mine.n, 200, 50, GNTCOPY_source_gref)),
		     GNTST_okay);
	cr_expect_eq(memory_bytes(mine)[199], 0xaa);
	cr_expect_eq(memory_bytes(mine)[200], 0x11);
	cr_expect_eq(memory_bytes(mine)[249], 0x11);
	cr_expect_eq(memory_bytes(mine)[250], 0xaa);
	memset(memory_bytes(mine), 0xbb, PAGE_SIZE);
	cr_expect_eq(copy(d0,
			  copy_of(DOMID_SELF, mine.n, 0, 1, 9, 0, PAGE_SIZE, GNTCOPY_dest_gref)),
		     GNTST_okay);
	cr_expect_eq(memcmp(memory_bytes(page), memory_bytes(mine), PAGE_SIZE), 0);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access);
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(memory_refs(mine), 1);
	cr_expect_eq(frame_type_count(frame_of(mine)), 0);
}

Test(grant_copy, copies_between_two_granters_and_within_one_page)
{
	mfn_t other = memory_frame(d2, 0x22);
	unsigned int i;

	grant(d1, 9, 0, page, GTF_permit_access | GTF_readonly);
	grant(d2, 5, 0, other, GTF_permit_access);
	cr_expect_eq(copy(d0,
			  copy_of(1, 9, 0, 2, 5, 10, 20, GNTCOPY_source_gref | GNTCOPY_dest_gref)),
		     0);
	cr_expect_eq(memory_bytes(other)[10], 0x11);
	cr_expect_eq(memory_bytes(other)[30], 0x22);
	for (i = 0; i < 256; i++) {
		memory_bytes(other)[i] = (uint8_t)i;
	}
	cr_expect_eq(copy(d0,
			  copy_of(2, 5, 0, 2, 5, 1, 200, GNTCOPY_source_gref | GNTCOPY_dest_gref)),
		     0);
	cr_expect_eq(memory_bytes(other)[200], 199, "overlapping, as memmove");
	cr_expect_eq(memory_refs(other), 1);
	cr_expect_eq(frame_type_count(frame_of(other)), 0);
}

Test(grant_copy, copy_checks_both_ends_of_both_pages)
{
	mfn_t mine = memory_frame(d0, 0xaa);

	grant(d1, 9, 0, page, GTF_permit_access);
	cr_expect_eq(copy(d0, copy_of(1, 9, 4000, DOMID_SELF, mine.n, 0, 97, GNTCOPY_source_gref)),
		     GNTST_bad_copy_arg);
	cr_expect_eq(copy(d0, copy_of(1, 9, 4000, DOMID_SELF, mine.n, 0, 96, GNTCOPY_source_gref)),
		     GNTST_okay);
	cr_expect_eq(copy(d0,
			  copy_of(1, 9, 0, DOMID_SELF, mine.n, 1, PAGE_SIZE, GNTCOPY_source_gref)),
		     GNTST_bad_copy_arg);
	cr_expect_eq(copy(d0, copy_of(1, 9, 0xffff, DOMID_SELF, mine.n, 0xffff, 0xffff,
				      GNTCOPY_source_gref)),
		     GNTST_bad_copy_arg);
	cr_expect_eq(copy(d0, copy_of(1, 9, PAGE_SIZE, DOMID_SELF, mine.n, PAGE_SIZE, 0,
				      GNTCOPY_source_gref)),
		     GNTST_okay, "nothing, at the very end");
	cr_expect_eq(copy(d0, copy_of(1, 9, PAGE_SIZE + 1, DOMID_SELF, mine.n, 0, 0,
				      GNTCOPY_source_gref)),
		     GNTST_bad_copy_arg);
}

Test(grant_copy, what_may_not_be_copied)
{
	mfn_t mine = memory_frame(d0, 0xaa), other = memory_frame(d2, 0x22);

	grant(d1, 9, 0, page, GTF_permit_access | GTF_readonly);
	grant(d1, 10, 2, page, GTF_permit_access);
	cr_expect_eq(copy(d0, copy_of(DOMID_SELF, mine.n, 0, 1, 9, 0, 8, GNTCOPY_dest_gref)),
		     GNTST_general_error);
	cr_expect_eq(copy(d0, copy_of(1, 10, 0, DOMID_SELF, mine.n, 0, 8, GNTCOPY_source_gref)),
		     GNTST_general_error);
	cr_expect_eq(copy(d0, copy_of(7, 9, 0, DOMID_SELF, mine.n, 0, 8, GNTCOPY_source_gref)),
		     GNTST_bad_domain);
	cr_expect_eq(copy(d0, copy_of(1, ~0u, 0, DOMID_SELF, mine.n, 0, 8, GNTCOPY_source_gref)),
		     GNTST_bad_gntref);
	cr_expect_eq(copy(d0, copy_of(1, page.n, 0, DOMID_SELF, mine.n, 0, 8, 0)),
		     GNTST_permission_denied);
	cr_expect_eq(copy(d0, copy_of(DOMID_SELF, mine.n, 0, 1, page.n, 0, 8, 0)),
		     GNTST_permission_denied);
	cr_expect_eq(copy(d0, copy_of(DOMID_SELF, other.n, 0, DOMID_SELF, mine.n, 0, 8, 0)),
		     GNTST_general_error);
	cr_expect_eq(copy(d0, copy_of(DOMID_SELF, mine.n, 0, DOMID_SELF, other.n, 0, 8, 0)),
		     GNTST_general_error);
	cr_expect_eq(copy(d0, copy_of(DOMID_SELF, ~0ULL, 0, DOMID_SELF, mine.n, 0, 8, 0)),
		     GNTST_general_error);
	cr_expect_eq(copy(d0, copy_of(DOMID_SELF, mine.n, 0, DOMID_SELF, ~0ULL, 0, 8, 0)),
		     GNTST_general_error);
	grant(d1, 9, 0, page, GTF_transitive);
	cr_expect_eq(copy(d0, copy_of(1, 9, 0, DOMID_SELF, mine.n, 0, 8, GNTCOPY_source_gref)),
		     GNTST_general_error);
	memory_as_table(mine, true);
	cr_expect_eq(copy(d0, copy_of(DOMID_SELF, mine.n, 0, DOMID_SELF, mine.n, 0, 8, 0)),
		     GNTST_general_error, "a page table can't be written by a copy");
	memory_as_table(mine, false);
	cr_expect_eq(memory_bytes(mine)[0], 0xaa);
	cr_expect_eq(memory_refs(mine) + memory_refs(page) + memory_refs(other), 3);
}

Test(grant_copy, each_copy_of_a_list_has_its_own_status)
{
	mfn_t mine = memory_frame(d0, 0xaa), mine2 = memory_frame(d0, 0xcc);
	struct gnttab_copy c[60];
	unsigned int i;

	grant(d1, 9, 0, page, GTF_permit_access);
	for (i = 0; i < 60; i++) {
		c[i] = copy_of(i % 5 == 3 ? 7 : 1, 9, i, DOMID_SELF, i & 1 ? mine.n : mine2.n, i, 1,
			       GNTCOPY_source_gref);
	}
	cr_assert_eq(op(d0, GNTTABOP_copy, c, 60), 0);
	for (i = 0; i < 60; i++) {
		cr_expect_eq(c[i].status, i % 5 == 3 ? GNTST_bad_domain : GNTST_okay);
		cr_expect_eq(memory_bytes(i & 1 ? mine : mine2)[i],
			     i % 5 == 3 ? (i & 1 ? 0xaa : 0xcc) : 0x11);
	}
	world.fault_writes = true;
	world.fault_writes_after = 2;
	cr_expect_eq(op(d0, GNTTABOP_copy, c, 60), -XEN_EFAULT);
	world.fault_writes = false;
	world.preempt_every = 1;
	op(d0, GNTTABOP_copy, c, 60);
	cr_expect(world.restarted);
	cr_expect_eq(world.restart_args[1], WORLD_GVA(&c[GRANT_BATCH]));
	cr_expect_eq(world.restart_args[2], 60 - GRANT_BATCH);
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(memory_refs(mine), 1);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access);
}

/* Neighbours in a list are exchanged for one another; whatever fails between them, all is given back. */
Test(grant_copy, copies_of_many_grants_in_a_row_leave_none_in_use)
{
	mfn_t mine = memory_frame(d0, 0xaa), other = memory_frame(d1, 0x33),
	      theirs = memory_frame(d2, 0x22);
	static const struct {
		domid_t domid;
		uint32_t ref;
		int status;
		uint8_t byte;
	} from[] = {
		{ 1, 9, GNTST_okay, 0x11 },	      { 1, 10, GNTST_okay, 0x33 },
		{ 1, 11, GNTST_general_error, 0xaa }, { 1, 9, GNTST_okay, 0x11 },
		{ 2, 9, GNTST_okay, 0x22 },	      { 7, 9, GNTST_bad_domain, 0xaa },
		{ 1, ~0u, GNTST_bad_gntref, 0xaa },   { 1, 10, GNTST_okay, 0x33 },
		{ 1, 9, GNTST_okay, 0x11 },
	};
	struct gnttab_copy c[ARRAY_SIZE(from)];
	unsigned int i;

	grant(d1, 9, 0, page, GTF_permit_access);
	grant(d1, 10, 0, other, GTF_permit_access | GTF_readonly);
	grant(d1, 11, 2, page, GTF_permit_access);
	grant(d2, 9, 0, theirs, GTF_permit_access);
	grant(d0, 20, 0, mine, GTF_permit_access); /* an own page, by grant */
	for (i = 0; i < ARRAY_SIZE(from); i++) {
		c[i] = copy_of(from[i].domid, from[i].ref, 0, 0, 20, i, 1,
			       GNTCOPY_source_gref | GNTCOPY_dest_gref);
	}
	cr_assert_eq(op(d0, GNTTABOP_copy, c, ARRAY_SIZE(from)), 0);
	for (i = 0; i < ARRAY_SIZE(from); i++) {
		cr_expect_eq(c[i].status, from[i].status, "copy %u", i);
		cr_expect_eq(memory_bytes(mine)[i], from[i].byte, "copy %u", i);
	}
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access);
	cr_expect_eq(entry(d1, 10)->flags, GTF_permit_access | GTF_readonly);
	cr_expect_eq(entry(d2, 9)->flags, GTF_permit_access);
	cr_expect_eq(entry(d0, 20)->flags, GTF_permit_access);
	cr_expect_eq(memory_refs(page) + memory_refs(other) + memory_refs(theirs), 3);
	cr_expect_eq(memory_refs(mine), 1);
	cr_expect_eq(frame_type_count(frame_of(mine)), 0);
	cr_expect_eq(atomic_load(&d1->refs), 1);
}

Test(grant_copy, a_list_that_runs_into_a_hole_is_done_up_to_there)
{
	mfn_t mine = memory_frame(d0, 0xaa);
	struct gnttab_copy c[GRANT_BATCH];
	unsigned int i;

	grant(d1, 9, 0, page, GTF_permit_access);
	for (i = 0; i < GRANT_BATCH; i++) {
		c[i] = copy_of(1, 9, 0, DOMID_SELF, mine.n, i, 1, GNTCOPY_source_gref);
	}
	world.unreadable_from = WORLD_GVA(&c[3]) + 1;
	cr_expect_eq(op(d0, GNTTABOP_copy, c, GRANT_BATCH), -XEN_EFAULT);
	for (i = 0; i < GRANT_BATCH; i++) {
		cr_expect_eq(c[i].status, i < 3 ? GNTST_okay : 99);
		cr_expect_eq(memory_bytes(mine)[i], i < 3 ? 0x11 : 0xaa);
	}
	cr_expect_eq(memory_refs(page) + memory_refs(mine), 2);
}
