/*
 * Grants: tables, maps, unmaps and copies, over real frames.  The counts of entries, frames and domains must come
 * back to where they were, also when the owner of an entry writes it at the worst moment.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <stdlib.h>

#include <xen/errno.h>

#include "arch/cpu.h"
#include "core/grant_entry.h"
#include "core/hypercall.h"
#include "mm/alloc.h"
#include "tests/fake/guest_fake.h"
#include "tests/unit/hypervisor/core/memory_world.h"

static struct domain *d0, *d1, *d2;
static mfn_t page; /* of d1 */

static void setup(void)
{
	world_start();
	memory_start();
	d0 = world.domain[0];
	d1 = memory_domain(1, 1, 1000);
	d2 = memory_domain(2, 1, 1000);
	page = memory_frame(d1, 0x11);
}

static void teardown(void)
{
	cr_expect_eq(atomic_load(&d0->refs), 1);
	cr_expect_eq(atomic_load(&d1->refs), 1);
	cr_expect_eq(atomic_load(&d2->refs), 1);
	cr_expect_eq(d0->grants.maps, 0);
}

TestSuite(grant, .init = setup, .fini = teardown);

static long op(struct domain *as, unsigned int cmd, void *arg, unsigned int count)
{
	world_enter(as);
	return do_grant_table_op(cmd, WORLD_GVA(arg), count, 0, 0);
}

static grant_entry_v1_t *entry(struct domain *d, uint32_t ref)
{
	return &d->grants.shared[ref / GRANTS_PER_PAGE][ref % GRANTS_PER_PAGE];
}

static void grant(struct domain *d, uint32_t ref, domid_t to, mfn_t m, uint16_t flags)
{
	*entry(d, ref) = (grant_entry_v1_t){ .flags = flags, .domid = to, .frame = (uint32_t)m.n };
}

static struct gnttab_map_grant_ref map(struct domain *as, domid_t dom, uint32_t ref, uint32_t flags)
{
	struct gnttab_map_grant_ref m = {
		.dom = dom, .ref = ref, .flags = flags, .host_addr = 0x1000
	};

	cr_assert_eq(op(as, GNTTABOP_map_grant_ref, &m, 1), 0);
	return m;
}

static int unmap(struct domain *as, grant_handle_t handle, uint64_t host, uint64_t bus)
{
	struct gnttab_unmap_grant_ref u = { .handle = handle,
					    .host_addr = host,
					    .dev_bus_addr = bus };

	cr_assert_eq(op(as, GNTTABOP_unmap_grant_ref, &u, 1), 0);
	return u.status;
}

/* --- the table --- */

Test(grant, a_table_has_one_frame_and_grows_to_its_limit)
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

Test(grant, tables_of_others_are_the_control_domains)
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

Test(grant, a_table_is_of_version_one_at_first_and_its_domains_to_change)
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

Test(grant, what_is_not_served_is_refused_cleanly)
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

Test(grant, entries_swap_unless_in_use)
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

/* --- mapping --- */

Test(grant, a_writable_map_marks_the_entry_and_holds_the_frame)
{
	struct gnttab_map_grant_ref m;

	grant(d1, 9, 0, page, GTF_permit_access);
	m = map(d0, 1, 9, GNTMAP_host_map);
	cr_assert_eq(m.status, GNTST_okay);
	cr_expect_eq(m.dev_bus_addr, mfn_to_paddr(page));
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access | GTF_reading | GTF_writing);
	cr_expect_eq(memory_refs(page), 2);
	cr_expect_eq(frame_type_of(frame_of(page)), FRAME_WRITABLE);
	cr_expect_eq(frame_type_count(frame_of(page)), 1);
	cr_expect_eq(atomic_load(&d1->refs), 2);
	cr_expect_eq(world.maps, 1);
	cr_expect_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access);
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(frame_type_count(frame_of(page)), 0);
	cr_expect_eq(world.unmaps, 1);
	cr_expect_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_bad_handle);
}

Test(grant, a_readonly_map_takes_no_writable_reference)
{
	struct gnttab_map_grant_ref m;

	grant(d1, 9, 0, page, GTF_permit_access | GTF_readonly);
	m = map(d0, 1, 9, GNTMAP_host_map);
	cr_expect_eq(m.status, GNTST_general_error);
	m = map(d0, 1, 9, GNTMAP_host_map | GNTMAP_readonly);
	cr_assert_eq(m.status, GNTST_okay);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access | GTF_readonly | GTF_reading);
	cr_expect_eq(frame_type_count(frame_of(page)), 0);
	cr_expect_eq(memory_refs(page), 2);
	cr_expect_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access | GTF_readonly);
	cr_expect_eq(memory_refs(page), 1);
}

Test(grant, marks_go_with_the_last_reader_and_writer)
{
	struct gnttab_map_grant_ref r1, r2, w;

	grant(d1, 9, 0, page, GTF_permit_access);
	r1 = map(d0, 1, 9, GNTMAP_host_map | GNTMAP_readonly);
	w = map(d0, 1, 9, GNTMAP_host_map);
	r2 = map(d0, 1, 9, GNTMAP_host_map | GNTMAP_readonly);
	cr_expect_eq(memory_refs(page), 4);
	unmap(d0, r1.handle, 0x1000, 0);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access | GTF_reading | GTF_writing);
	unmap(d0, w.handle, 0x1000, 0);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access | GTF_reading);
	unmap(d0, r2.handle, 0x1000, 0);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access);
	cr_expect_eq(memory_refs(page), 1);
}

Test(grant, device_and_host_parts_end_separately)
{
	struct gnttab_map_grant_ref m;

	grant(d1, 9, 0, page, GTF_permit_access);
	m = map(d0, 1, 9, GNTMAP_host_map | GNTMAP_device_map);
	cr_assert_eq(m.status, GNTST_okay);
	cr_expect_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
	cr_expect_eq(memory_refs(page), 2, "the device part holds it");
	cr_expect_eq(unmap(d0, m.handle, 0, m.dev_bus_addr + PAGE_SIZE), GNTST_bad_dev_addr);
	cr_expect_eq(memory_refs(page), 2);
	cr_expect_eq(unmap(d0, m.handle, 0, m.dev_bus_addr), GNTST_okay);
	cr_expect_eq(memory_refs(page), 1);
	m = map(d0, 1, 9, GNTMAP_device_map);
	cr_assert_eq(m.status, GNTST_okay);
	cr_expect_eq(world.maps, 1, "no page-table entry for a device map");
	cr_expect_eq(unmap(d0, m.handle, 0, m.dev_bus_addr), GNTST_okay);
}

Test(grant, what_may_not_be_mapped)
{
	static const struct {
		uint16_t flags;
		domid_t to;
		int16_t status;
	} cases[] = {
		{ 0, 0, GNTST_general_error },
		{ GTF_permit_access, 2, GNTST_general_error },
		{ GTF_accept_transfer, 0, GNTST_general_error },
		{ GTF_transitive, 0, GNTST_general_error },
		{ GTF_permit_access | GTF_sub_page, 0, GNTST_general_error },
	};
	mfn_t other = memory_frame(d2, 0x22);
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		grant(d1, 9, cases[i].to, page, cases[i].flags);
		cr_expect_eq(map(d0, 1, 9, GNTMAP_host_map).status, cases[i].status);
		cr_expect_eq(entry(d1, 9)->flags, cases[i].flags, "nothing marked");
	}
	grant(d1, 9, 0, other, GTF_permit_access);
	cr_expect_eq(map(d0, 1, 9, GNTMAP_host_map).status, GNTST_bad_page, "not its own frame");
	cr_expect_eq(map(d0, 1, 9, GNTMAP_host_map | GNTMAP_readonly).status, GNTST_bad_page);
	grant(d1, 9, 0, mfn(0xffffffff), GTF_permit_access);
	cr_expect_eq(map(d0, 1, 9, GNTMAP_host_map).status, GNTST_bad_page);
	grant(d1, 9, 0, mfn(3), GTF_permit_access);
	cr_expect_eq(map(d0, 1, 9, GNTMAP_host_map | GNTMAP_readonly).status, GNTST_bad_page,
		     "not RAM");
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access);
	grant(d1, 9, 0, page, GTF_permit_access);
	cr_expect_eq(map(d0, 1, GRANTS_PER_PAGE, GNTMAP_host_map).status, GNTST_bad_gntref);
	cr_expect_eq(map(d0, 1, ~0u, GNTMAP_host_map).status, GNTST_bad_gntref);
	cr_expect_eq(map(d0, 7, 9, GNTMAP_host_map).status, GNTST_bad_domain);
	cr_expect_eq(map(d0, 1, 9, GNTMAP_readonly).status, GNTST_bad_gntref);
	d1->dying = true;
	cr_expect_eq(map(d0, 1, 9, GNTMAP_host_map).status, GNTST_bad_domain);
	d1->dying = false;
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(memory_refs(other), 1);
}

Test(grant, a_page_table_can_be_lent_for_reading_only)
{
	struct gnttab_map_grant_ref m;

	memory_as_table(page, true);
	grant(d1, 9, 0, page, GTF_permit_access);
	cr_expect_eq(map(d0, 1, 9, GNTMAP_host_map).status, GNTST_general_error);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access);
	m = map(d0, 1, 9, GNTMAP_host_map | GNTMAP_readonly);
	cr_assert_eq(m.status, GNTST_okay);
	cr_expect_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
	memory_as_table(page, false);
}

Test(grant, a_mapping_whose_page_table_entry_cannot_be_made_leaves_nothing)
{
	struct gnttab_map_grant_ref m;

	grant(d1, 9, 0, page, GTF_permit_access);
	world.map_answer = GNTST_bad_virt_addr;
	cr_expect_eq(map(d0, 1, 9, GNTMAP_host_map).status, GNTST_bad_virt_addr);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access);
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(d0->grants.maps, 0);
	world.map_answer = 0;
	m = map(d0, 1, 9, GNTMAP_host_map);
	world.map_answer = GNTST_bad_virt_addr;
	cr_expect_eq(unmap(d0, m.handle, 0x2000, 0), GNTST_bad_virt_addr);
	cr_expect_eq(memory_refs(page), 2, "still mapped");
	world.map_answer = 0;
	cr_expect_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
}

Test(grant, handles_run_out_and_come_back)
{
	unsigned int most = 4 * GRANT_MAPPINGS_PER_PAGE, i;
	struct gnttab_map_grant_ref m;

	grant(d1, 9, 0, page, GTF_permit_access);
	for (i = 0; i < most; i++) {
		m = map(d0, 1, 9, GNTMAP_host_map);
		cr_assert_eq(m.status, GNTST_okay);
	}
	cr_expect_eq(map(d0, 1, 9, GNTMAP_host_map).status, GNTST_no_space);
	cr_expect_eq(memory_refs(page), 1 + most);
	for (i = 0; i < most; i++) {
		cr_assert_eq(unmap(d0, i, 0x1000, 0), GNTST_okay);
	}
	cr_expect_eq(unmap(d0, most, 0x1000, 0), GNTST_bad_handle);
	cr_expect_eq(unmap(d0, ~0u, 0x1000, 0), GNTST_bad_handle);
	cr_expect_eq(unmap(d2, 0, 0x1000, 0), GNTST_bad_handle, "never had any");
	cr_expect_eq(memory_refs(page), 1);
}

Test(grant, unmap_and_replace_ends_the_mapping)
{
	struct gnttab_unmap_and_replace r = { .host_addr = 0x1000, .new_addr = 0x2000 };

	grant(d1, 9, 0, page, GTF_permit_access);
	r.handle = map(d0, 1, 9, GNTMAP_host_map).handle;
	cr_assert_eq(op(d0, GNTTABOP_unmap_and_replace, &r, 1), 0);
	cr_expect_eq(r.status, GNTST_okay);
	cr_expect_eq(world.replaces, 1);
	cr_expect_eq(memory_refs(page), 1);
	cr_assert_eq(op(d0, GNTTABOP_unmap_and_replace, &r, 1), 0);
	cr_expect_eq(r.status, GNTST_bad_handle);
}

static void still_marked(void)
{
	unsigned int i;

	for (i = 0; i < GRANT_BATCH; i++) {
		cr_assert(entry(d1, 20 + i)->flags & GTF_writing,
			  "the granter is told after the flush");
	}
	cr_assert_eq(memory_refs(page), 1 + GRANT_BATCH);
}

Test(grant, a_batch_of_unmaps_flushes_once_before_the_granter_is_told)
{
	struct gnttab_unmap_grant_ref u[GRANT_BATCH];
	unsigned int i;

	for (i = 0; i < GRANT_BATCH; i++) {
		grant(d1, 20 + i, 0, page, GTF_permit_access);
		u[i] = (struct gnttab_unmap_grant_ref){
			.host_addr = 0x1000, .handle = map(d0, 1, 20 + i, GNTMAP_host_map).handle
		};
	}
	world.during_flush = still_marked;
	cr_assert_eq(op(d0, GNTTABOP_unmap_grant_ref, u, GRANT_BATCH), 0);
	cr_expect_eq(world.tlb_flushes, 1);
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(entry(d1, 20)->flags, GTF_permit_access);
}

Test(grant, one_handle_twice_in_a_batch_is_unmapped_once)
{
	struct gnttab_unmap_grant_ref u[2];

	grant(d1, 9, 0, page, GTF_permit_access);
	u[0] = (struct gnttab_unmap_grant_ref){ .host_addr = 0x1000,
						.handle = map(d0, 1, 9, GNTMAP_host_map).handle };
	u[1] = u[0];
	cr_assert_eq(op(d0, GNTTABOP_unmap_grant_ref, u, 2), 0);
	cr_expect_eq(u[0].status, GNTST_okay);
	cr_expect_eq(u[1].status, GNTST_bad_handle);
	cr_expect_eq(memory_refs(page), 1);
}

Test(grant, long_lists_stop_between_items_and_go_on)
{
	struct gnttab_map_grant_ref m[100] = { 0 };
	struct gnttab_unmap_grant_ref u[100] = { 0 };
	unsigned int i, rounds = 0;
	gva_t at = WORLD_GVA(m);
	uint64_t left = 100;

	grant(d1, 9, 0, page, GTF_permit_access);
	for (i = 0; i < 100; i++) {
		m[i] = (struct gnttab_map_grant_ref){ .dom = 1,
						      .ref = 9,
						      .flags = GNTMAP_host_map };
	}
	world.preempt_every = 2;
	world_enter(d0);
	do {
		world.restarted = false;
		do_grant_table_op(GNTTABOP_map_grant_ref, at, left, 0, 0);
		if (world.restarted) {
			cr_assert_eq(world.restart_nr, __HYPERVISOR_grant_table_op);
			cr_assert_eq(world.restart_args[0], GNTTABOP_map_grant_ref);
			at = world.restart_args[1];
			left = world.restart_args[2];
			rounds++;
		}
	} while (world.restarted);
	cr_expect_gt(rounds, 1);
	cr_expect_eq(memory_refs(page), 101);
	for (i = 0; i < 100; i++) {
		cr_assert_eq(m[i].status, GNTST_okay);
		u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = 0x1000,
							.handle = m[i].handle };
	}
	at = WORLD_GVA(u);
	left = 100;
	do {
		world.restarted = false;
		do_grant_table_op(GNTTABOP_unmap_grant_ref, at, left, 0, 0);
		at = world.restart_args[1];
		left = world.restart_args[2];
	} while (world.restarted);
	cr_expect_eq(memory_refs(page), 1);
}

Test(grant, a_fault_in_a_list_leaves_the_earlier_ones_whole)
{
	struct gnttab_map_grant_ref m[3] = { 0 };
	unsigned int i;

	grant(d1, 9, 0, page, GTF_permit_access);
	for (i = 0; i < 3; i++) {
		m[i] = (struct gnttab_map_grant_ref){ .dom = 1,
						      .ref = 9,
						      .flags = GNTMAP_host_map };
	}
	world.fault_writes = true;
	world.fault_writes_after = 1;
	cr_expect_eq(op(d0, GNTTABOP_map_grant_ref, m, 3), -XEN_EFAULT);
	world.fault_writes = false;
	cr_expect_eq(d0->grants.maps, 2,
		     "the second was made; its handle can be guessed, not leaked");
	cr_expect_eq(unmap(d0, m[0].handle, 0x1000, 0), GNTST_okay);
	cr_expect_eq(grant_table_release_mappings(d0), 0);
	cr_expect_eq(memory_refs(page), 1);
}

/* --- hostile owners --- */

Test(grant, rewriting_an_entry_in_use_changes_nothing_for_its_users)
{
	mfn_t other = memory_frame(d1, 0x33);
	struct gnttab_map_grant_ref m, n;

	grant(d1, 9, 0, page, GTF_permit_access);
	m = map(d0, 1, 9, GNTMAP_host_map);
	entry(d1, 9)->frame = (uint32_t)other.n;
	n = map(d0, 1, 9, GNTMAP_host_map);
	cr_expect_eq(n.dev_bus_addr, mfn_to_paddr(page), "the frame is the one first mapped");
	*entry(d1, 9) = (grant_entry_v1_t){ 0 };
	cr_expect_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
	entry(d1, 9)->flags = 0xffff;
	cr_expect_eq(unmap(d0, n.handle, 0x1000, 0), GNTST_okay);
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(memory_refs(other), 1);
	cr_expect_eq(entry(d1, 9)->flags, 0xffff & ~(GTF_reading | GTF_writing));
}

static atomic_bool stop;

static void *scribble(void *arg)
{
	grant_entry_v1_t *e = arg;
	const uint32_t good = GTF_permit_access, bad = GTF_permit_access | 2u << 16;
	uint32_t *word = (uint32_t *)(void *)e;
	unsigned int i = 0;

	while (!atomic_load(&stop)) {
		__atomic_store_n(word, ++i & 1 ? good : bad, __ATOMIC_RELAXED);
		__atomic_store_n(&e->frame, i & 2 ? (uint32_t)page.n : 0x7fffffffu,
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

Test(grant, an_entry_written_meanwhile_costs_only_its_owner, .timeout = 20)
{
	unsigned int i, ok = 0;
	pthread_t t;

	grant(d1, 9, 0, page, GTF_permit_access);
	cr_assert_eq(pthread_create(&t, NULL, scribble, entry(d1, 9)), 0);
	for (i = 0; i < 100000; i++) {
		struct gnttab_map_grant_ref m = map(d0, 1, 9, GNTMAP_host_map);

		if (m.status == GNTST_okay) {
			ok++;
			cr_assert_eq(m.dev_bus_addr, mfn_to_paddr(page));
			cr_assert_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
		}
		cr_assert_eq(memory_refs(page), 1);
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	cr_expect_gt(ok, 0);
	cr_expect_eq(d1->grants.active[0][9].readers + d1->grants.active[0][9].writers, 0);
}

/* --- death --- */

Test(grant, a_table_grows_and_goes_in_steps)
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

Test(grant, a_dying_borrower_gives_everything_back)
{
	unsigned int i;

	grant(d1, 9, 2, page, GTF_permit_access);
	grant(d0, 8, 2, memory_frame(d0, 1), GTF_permit_access);
	grant(d2, 7, 2, memory_frame(d2, 2), GTF_permit_access);
	for (i = 0; i < 40; i++) {
		cr_assert_eq(map(d2, 1, 9,
				 i & 1 ? GNTMAP_host_map : GNTMAP_device_map | GNTMAP_readonly)
				     .status,
			     0);
	}
	cr_assert_eq(map(d2, 0, 8, GNTMAP_host_map).status, 0);
	cr_assert_eq(map(d2, 2, 7, GNTMAP_host_map).status, 0);
	world.preempt_every = 1;
	for (i = 0; grant_table_release_mappings(d2) == -XEN_ERESTART; i++) {
		cr_assert_lt(i, 100);
	}
	cr_expect_gt(i, 0, "it stops between batches");
	cr_expect_eq(d2->grants.maps, 0);
	cr_expect_eq(entry(d1, 9)->flags, GTF_permit_access);
	cr_expect_eq(memory_refs(page), 1);
}

Test(grant, teardown_stops_between_batches_whichever_handles_are_left)
{
	unsigned int stops = 0;

	grant(d1, 9, 2, page, GTF_permit_access);
	for (unsigned int i = 0; i < 8 * GRANT_BATCH; i++) {
		cr_assert_eq(map(d2, 1, 9, GNTMAP_device_map).handle, i);
	}
	for (unsigned int i = 0; i < 8 * GRANT_BATCH; i += GRANT_BATCH) {
		cr_assert_eq(unmap(d2, i, 0, mfn_to_paddr(page)), GNTST_okay);
	}
	world.preempt_every = 1;
	while (grant_table_release_mappings(d2) == -XEN_ERESTART) {
		stops++;
	}
	cr_expect_eq(stops, 7);
	cr_expect_eq(d2->grants.maps, 0);
	cr_expect_eq(memory_refs(page), 1);
}

Test(grant, a_granter_outlives_its_death_while_its_frame_is_mapped)
{
	struct gnttab_map_grant_ref m;
	uint64_t free_before;

	grant(d1, 9, 0, page, GTF_permit_access);
	m = map(d0, 1, 9, GNTMAP_host_map);
	free_before = alloc_free_count();
	d1->dying = true;
	cr_expect_eq(dompages_release(d1, page), 0);
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(d1->pages.total, 1);
	cr_expect_eq(memory_bytes(page)[0], 0x11, "not scrubbed under the borrower");
	cr_expect_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
	cr_expect_eq(d1->pages.total, 0);
	while (alloc_scrub_step()) {
	}
	cr_expect_eq(memory_bytes(page)[0], 0);
	cr_expect_eq(alloc_free_count(), free_before + 1);
}

Test(grant, freeing_a_table_returns_its_frames)
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

/* --- copying --- */

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

Test(grant, copies_go_both_ways_and_leave_no_references)
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

Test(grant, copies_between_two_granters_and_within_one_page)
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

Test(grant, copy_checks_both_ends_of_both_pages)
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

Test(grant, what_may_not_be_copied)
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

Test(grant, each_copy_of_a_list_has_its_own_status)
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
Test(grant, copies_of_many_grants_in_a_row_leave_none_in_use)
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

Test(grant, a_list_that_runs_into_a_hole_is_done_up_to_there)
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

Test(grant, no_more_users_than_can_be_counted)
{
	struct grant_active *a = &d1->grants.active[0][9];
	struct gnttab_map_grant_ref m;

	grant(d1, 9, 0, page, GTF_permit_access);
	a->frame = (uint32_t)page.n;
	a->readers = a->writers = UINT16_MAX;
	m = map(d0, 1, 9, GNTMAP_host_map | GNTMAP_readonly);
	cr_expect_eq(m.status, GNTST_no_space);
	m = map(d0, 1, 9, GNTMAP_host_map);
	cr_expect_eq(m.status, GNTST_no_space);
	cr_expect_eq(a->readers, UINT16_MAX);
	cr_expect_eq(a->writers, UINT16_MAX);
	cr_expect_eq(memory_refs(page), 1);
	a->readers = a->writers = 0;
}

/* --- random sequences --- */

#define LIVE 64
static struct {
	bool used;
	grant_handle_t handle;
	uint32_t ref, flags;
} live[LIVE];

static void check_counts(void)
{
	unsigned int r[16] = { 0 }, w[16] = { 0 }, i, n = 0;

	for (i = 0; i < LIVE; i++) {
		if (live[i].used) {
			n++;
			*(live[i].flags & GNTMAP_readonly ? &r[live[i].ref] : &w[live[i].ref]) += 1;
		}
	}
	cr_assert_eq(d0->grants.maps, n);
	cr_assert_eq(atomic_load(&d1->refs), 1 + n);
	for (i = 0; i < 16; i++) {
		const struct grant_active *a = &d1->grants.active[0][i];

		cr_assert_eq(a->readers, r[i]);
		cr_assert_eq(a->writers, w[i]);
	}
}

/* No grant entry stands in a table here: what handles allow is more than there is, which is right. */
static void check_everything(void)
{
	char first[200];
	long wrong = memory_audit(first);

	cr_assert_eq(wrong, 0, "%ld findings, first: %s", wrong, first);
}

static void random_step(unsigned int x, const mfn_t *frames)
{
	unsigned int slot = x % LIVE, ref = (x >> 6) % 16, f;

	switch ((x >> 12) % 4) {
	case 0: /* the granter writes an entry, live or not */
		grant(d1, ref, (x >> 14) % 8 ? 0 : 2, frames[(x >> 17) % 4],
		      (x >> 20) % 8 == 0   ? 0
		      : (x >> 20) % 4 == 1 ? GTF_permit_access | GTF_readonly
					   : GTF_permit_access);
		break;
	case 1:
		if (live[slot].used) {
			int rc =
				unmap(d0, live[slot].handle, 0x1000,
				      live[slot].flags & GNTMAP_device_map
					      ? mfn_to_paddr(mfn(
							d1->grants.active[0][live[slot].ref].frame))
					      : 0);

			cr_assert_eq(rc, GNTST_okay);
			live[slot].used = false;
		} else {
			cr_assert_neq(unmap(d0, 5000 + slot, 0x1000, 0), GNTST_okay);
		}
		break;
	default:
		f = 1 + (x >> 14) % 3; /* device, host, both */
		f |= (x >> 16) & 1 ? GNTMAP_readonly : 0;
		if (!live[slot].used) {
			struct gnttab_map_grant_ref m = map(d0, 1, ref, f);

			if (m.status == GNTST_okay) {
				live[slot].used = true;
				live[slot].handle = m.handle;
				live[slot].ref = ref;
				live[slot].flags = f;
			}
		}
		break;
	}
}

Test(grant, random_sequences_keep_the_counts)
{
	mfn_t frames[4] = { page, memory_frame(d1, 1), memory_frame(d1, 2), memory_frame(d2, 3) };
	unsigned int i, state = 12345;

	memory_lend_shared(d0);
	memory_lend_shared(d1);
	memory_lend_shared(d2);
	for (i = 0; i < 40000; i++) {
		state = state * 1664525u + 1013904223u;
		random_step(state >> 4, frames);
		check_counts();
		if (i % 100 == 0) {
			check_everything();
		}
	}
	check_everything();
	cr_expect_eq(grant_table_release_mappings(d0), 0);
	memset(live, 0, sizeof(live));
	check_counts();
	for (i = 0; i < 4; i++) {
		cr_expect_eq(memory_refs(frames[i]), 1);
		cr_expect_eq(frame_type_count(frame_of(frames[i])), 0);
	}
}
