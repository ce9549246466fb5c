/*
 * Grant tables: how large, of whom, of which version, and what is not served.  A table that goes gives all its frames
 * back.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include <xen/errno.h>

#include "core/hypercall.h"
#include "mm/alloc.h"
#include "tests/unit/hypervisor/core/grant_world.h"

static void setup(void)
{
	grant_world_start(1);
}

TestSuite(grant_table, .init = setup, .fini = grant_world_end);

Test(grant_table, a_table_has_one_frame_and_grows_to_its_limit)
{
	xen_pfn_t list[8] = { 0 };
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 3 };
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	unsigned int i;

	cr_assert_eq(op(d1, GNTTABOP_query_size, &q, 1), 0);
	cr_expect_eq(q.status, GNTST_okay);
	cr_expect_eq(q.nr_frames, 1);
	cr_expect_eq(q.max_nr_frames, 4);
	set_xen_guest_handle(s.frame_list, list);
	cr_assert_eq(op(d1, GNTTABOP_setup_table, &s, 1), 0);
	cr_expect_eq(s.status, GNTST_okay);
	for (i = 0; i < 3; i++) {
		cr_expect_eq(frame_of(mfn(list[i]))->owner, 1);
		cr_expect_eq(frame_type_of(frame_of(mfn(list[i]))), FRAME_SHARED);
		cr_expect_eq(frame_to_virt(mfn(list[i])), d1->grants.shared[i]);
	}
	cr_expect_eq(list[3], 0);
	s.nr_frames = 5;
	cr_assert_eq(op(d1, GNTTABOP_setup_table, &s, 1), 0);
	cr_expect_eq(s.status, GNTST_general_error);
	cr_expect_eq(d1->grants.frames, 3);
	cr_expect_eq(op(d1, GNTTABOP_setup_table, &s, 2), -XEN_EINVAL);
	cr_expect_eq(d1->pages.total, 1, "tables are not counted as the guest's memory");
}

Test(grant_table, tables_of_others_are_the_control_domains)
{
	xen_pfn_t list[1] = { 0 };
	struct gnttab_setup_table s = { .dom = 1, .nr_frames = 1 };
	struct gnttab_query_size q = { .dom = 1 };

	set_xen_guest_handle(s.frame_list, list);
	cr_assert_eq(op(d2, GNTTABOP_setup_table, &s, 1), 0);
	cr_expect_eq(s.status, GNTST_permission_denied);
	cr_assert_eq(op(d2, GNTTABOP_query_size, &q, 1), 0);
	cr_expect_eq(q.status, GNTST_permission_denied);
	cr_assert_eq(op(d0, GNTTABOP_setup_table, &s, 1), 0);
	cr_expect_eq(s.status, GNTST_okay);
	cr_expect_eq(list[0], virt_to_frame(d1->grants.shared[0]).n);
	s.dom = 7;
	cr_assert_eq(op(d0, GNTTABOP_setup_table, &s, 1), 0);
	cr_expect_eq(s.status, GNTST_bad_domain);
}

Test(grant_table, a_table_is_of_version_one_at_first_and_its_domains_to_change)
{
	struct gnttab_get_version g = { .dom = DOMID_SELF };
	struct gnttab_get_status_frames f = { .dom = DOMID_SELF, .nr_frames = 1 };

	cr_expect_eq(op(d1, GNTTABOP_get_version, &g, 1), 0);
	cr_expect_eq(g.version, 1);
	g.dom = 2;
	cr_expect_eq(op(d1, GNTTABOP_get_version, &g, 1), -XEN_EPERM);
	g.dom = 7;
	cr_expect_eq(op(d1, GNTTABOP_get_version, &g, 1), -XEN_ESRCH);
	cr_expect_eq(op(d1, GNTTABOP_get_status_frames, &f, 1), 0);
	cr_expect_eq(f.status, GNTST_general_error);
	f.dom = 2;
	cr_expect_eq(op(d1, GNTTABOP_get_status_frames, &f, 1), 0);
	cr_expect_eq(f.status, GNTST_permission_denied);
}

Test(grant_table, what_is_not_served_is_refused_cleanly)
{
	struct gnttab_transfer t[2] = { { .mfn = page.n, .domid = 2 },
					{ .mfn = page.n, .domid = 2 } };
	uint64_t arg[8] = { 0 };

	cr_expect_eq(op(d1, GNTTABOP_transfer, t, 2), 0);
	cr_expect_eq(t[0].status, GNTST_bad_page);
	cr_expect_eq(t[1].status, GNTST_bad_page);
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(op(d1, GNTTABOP_cache_flush, arg, 1), 0, "nothing asked for");
	cr_expect_eq(op(d1, 13, arg, 1), -XEN_ENOSYS);
	cr_expect_eq(op(d1, ~0u, arg, 1), -XEN_ENOSYS);
	cr_expect_eq(op(d1, GNTTABOP_map_grant_ref, arg, 0x80000000u), -XEN_EINVAL);
	cr_expect_eq(op(d1, GNTTABOP_map_grant_ref, arg, 0), 0);
	cr_expect_eq(op(d1, GNTTABOP_map_grant_ref, NULL, 1), -XEN_EFAULT);
	cr_expect_eq(op(d1, GNTTABOP_unmap_grant_ref, NULL, 1), -XEN_EFAULT);
	cr_expect_eq(op(d1, GNTTABOP_copy, NULL, 1), -XEN_EFAULT);
	cr_expect_eq(op(d1, GNTTABOP_query_size, NULL, 1), -XEN_EFAULT);
}

Test(grant_table, entries_swap_unless_in_use)
{
	struct gnttab_swap_grant_ref s = { .ref_a = 3, .ref_b = 4 };
	struct gnttab_map_grant_ref m;

	grant(d1, 3, 0, page, GTF_permit_access);
	cr_assert_eq(op(d1, GNTTABOP_swap_grant_ref, &s, 1), 0);
	cr_expect_eq(s.status, GNTST_okay);
	cr_expect_eq(entry(d1, 3)->flags, 0);
	cr_expect_eq(entry(d1, 4)->frame, page.n);
	m = map(d0, 1, 4, GNTMAP_host_map);
	cr_assert_eq(op(d1, GNTTABOP_swap_grant_ref, &s, 1), 0);
	cr_expect_eq(s.status, GNTST_eagain);
	cr_expect_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
	s.ref_b = GRANTS_PER_PAGE;
	cr_assert_eq(op(d1, GNTTABOP_swap_grant_ref, &s, 1), 0);
	cr_expect_eq(s.status, GNTST_bad_gntref);
}

Test(grant_table, a_table_grows_and_goes_in_steps)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 40 };
	uint64_t before = alloc_free_count();
	unsigned int had = 1, steps = 0;
	xen_pfn_t list[40] = { 0 };

	grant_table_free(&d1->grants);
	grant_table_init(&d1->grants, d1, 2, 40, 4);
	set_xen_guest_handle(s.frame_list, list);
	world.preempt_every = 1;
	for (;; steps++) {
		world.restarted = false;
		op(d1, GNTTABOP_setup_table, &s, 1);
		cr_expect_leq(d1->grants.frames - had, 8);
		had = d1->grants.frames;
		if (!world.restarted) {
			break;
		}
		cr_assert_lt(steps, 10);
		cr_assert_eq(world.restart_args[2], 1);
	}
	cr_expect_eq(steps, 4);
	cr_expect_eq(s.status, GNTST_okay);
	for (unsigned int i = 0; i < 40; i++) {
		cr_expect_eq(list[i], virt_to_frame(d1->grants.shared[i]).n);
	}
	for (steps = 0; !grant_table_shrink(&d1->grants); steps++) {
		cr_expect_leq(had - d1->grants.frames, 16);
		had = d1->grants.frames;
	}
	cr_expect_eq(steps, 2);
	grant_table_free(&d1->grants);
	grant_table_init(&d1->grants, d1, 2, 4, 4);
	cr_expect_eq(alloc_free_count(), before);
}

Test(grant_table, freeing_a_table_returns_its_frames)
{
	struct domain *d = calloc(1, sizeof(*d));
	uint64_t before;

	d->id = 5;
	cr_assert_eq(dompages_init(&d->pages, 5, 10), 0);
	before = alloc_free_count();
	cr_assert_eq(grant_table_init(&d->grants, d, 2, 64, 64), 0);
	cr_expect_lt(alloc_free_count(), before);
	grant_table_free(&d->grants);
	cr_expect_geq(alloc_free_count() + 1, before, "at most a page of small objects stays");
	free(d);
}
