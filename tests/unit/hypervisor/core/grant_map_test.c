/*
 * Grants mapped and unmapped, over real frames.  The counts of entries, frames and domains must come back to where they
 * were, also when the owner of an entry writes it at the worst moment.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include <xen/errno.h>

#include "arch/cpu.h"
#include "core/hypercall.h"
#include "mm/alloc.h"
#include "tests/unit/hypervisor/core/grant_world.h"

static void setup(void)
{
	grant_world_start(1);
}

TestSuite(grant_map, .init = setup, .fini = grant_world_end);

/* --- mapping --- */

Test(grant_map, a_writable_map_marks_the_entry_and_holds_the_frame)
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

Test(grant_map, a_readonly_map_takes_no_writable_reference)
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

Test(grant_map, marks_go_with_the_last_reader_and_writer)
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

Test(grant_map, device_and_host_parts_end_separately)
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

Test(grant_map, what_may_not_be_mapped)
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

Test(grant_map, a_page_table_can_be_lent_for_reading_only)
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

Test(grant_map, a_mapping_whose_page_table_entry_cannot_be_made_leaves_nothing)
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

Test(grant_map, handles_run_out_and_come_back)
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

Test(grant_map, unmap_and_replace_ends_the_mapping)
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

Test(grant_map, a_batch_of_unmaps_flushes_once_before_the_granter_is_told)
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

Test(grant_map, one_handle_twice_in_a_batch_is_unmapped_once)
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

Test(grant_map, long_lists_stop_between_items_and_go_on)
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

Test(grant_map, a_fault_in_a_list_leaves_the_earlier_ones_whole)
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

Test(grant_map, no_more_users_than_can_be_counted)
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

/* --- hostile owners --- */

Test(grant_map, rewriting_an_entry_in_use_changes_nothing_for_its_users)
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

Test(grant_map, an_entry_written_meanwhile_costs_only_its_owner, .timeout = 20)
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

Test(grant_map, a_dying_borrower_gives_everything_back)
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

Test(grant_map, teardown_stops_between_batches_whichever_handles_are_left)
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

Test(grant_map, a_granter_outlives_its_death_while_its_frame_is_mapped)
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

Test(grant_map, random_sequences_keep_the_counts)
{
	mfn_t frames[4] = { page, memory_frame(d1, 1), memory_frame(d1, 2), memory_frame(d2, 3) };
	unsigned int i, state = 12345;

	for (i = 0; i < 40000; i++) {
		state = state * 1664525u + 1013904223u;
		random_step(state >> 4, frames);
		check_counts();
		if (i % 100 == 0) {
			grant_world_audit();
		}
	}
	grant_world_audit();
	cr_expect_eq(grant_table_release_mappings(d0), 0);
	memset(live, 0, sizeof(live));
	check_counts();
	for (i = 0; i < 4; i++) {
		cr_expect_eq(memory_refs(frames[i]), 1);
		cr_expect_eq(frame_type_count(frame_of(frames[i])), 0);
	}
}
