/*
 * Page-table types.  What is promised: a refused request changes nothing at all;
 * after any sequence of accepted and refused ones the counts equal the
 * references; no frame is writable while it is a table.  Random sequences with the
 * audit after each step look for what nobody thought of.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <xen/errno.h>

#include "mm/ptwalk.h"
#include "tests/unit/hypervisor/mm/world.h"

TestSuite(pagetype, .init = world_start, .fini = world_stop);

static void refuses_pin(struct domain *d, mfn_t m, enum frame_type level, int expect)
{
	struct snapshot *s = snapshot_take();

	cr_assert_eq(pin(d, m, level), expect);
	cr_assert(snapshot_same(s), "a refused pin left something behind");
	snapshot_free(s);
}

static void refuses_write(struct domain *d, mfn_t table, unsigned int i, uint64_t e,
			  struct domain *foreign, int expect)
{
	struct snapshot *s = snapshot_take();
	int rc = write_entry(d, table, i, e, foreign);

	cr_assert_eq(rc, expect, "entry %#lx: %d instead of %d", e, rc, expect);
	cr_assert(snapshot_same(s), "a refused write left something behind");
	snapshot_free(s);
}

Test(pagetype, a_pinned_tree_holds_one_reference_for_each_entry)
{
	struct tree t = make_tree(d1);

	cr_assert_eq(refs_of(t.l4), 2);
	cr_assert_eq(refs_of(t.l1), 2);
	cr_assert_eq(types_of(t.l1), 1);
	cr_assert_eq(refs_of(t.page), 2);
	cr_assert_eq(frame_type_of(frame_of(t.page)), FRAME_WRITABLE);
	check_counts();
	cr_assert_eq(unpin(d1, t.l4), 0);
	cr_assert_eq(refs_of(t.l1), 1);
	cr_assert_eq(types_of(t.page), 0);
	check_counts();
}

Test(pagetype, entries_get_user_bit_and_lose_global_bit)
{
	mfn_t l1 = new_frame(d1), page = new_frame(d1);

	table_of(l1)[0] = entry(page, PTE_P | PTE_G | PTE_NX | (1ULL << 58) | PTE_AVAIL);
	cr_assert_eq(pin(d1, l1, FRAME_L1), 0);
	cr_assert_eq(table_of(l1)[0],
		     entry(page, PTE_P | PTE_US | PTE_NX | (1ULL << 58) | PTE_AVAIL));
	cr_assert_eq(write_entry(d1, l1, 1, entry(page, PTE_P | PTE_G), d1), 0);
	cr_assert_eq(table_of(l1)[1], entry(page, PTE_P | PTE_US));
	check_counts();
}

Test(pagetype, hypervisor_slots_are_filled_ignored_refused_and_cleared)
{
	mfn_t l4 = new_frame(d1);

	table_of(l4)[256] = 0xdeadbeef; /* a guest's nonsense there is ignored */
	cr_assert_eq(pin(d1, l4, FRAME_L4), 0);
	cr_assert_eq(table_of(l4)[256], 0xbeef000 | PTE_P | PTE_RW);
	refuses_write(d1, l4, 256, 0, d1, -XEN_EPERM);
	refuses_write(d1, l4, 271, 0, d1, -XEN_EPERM);
	cr_assert_eq(write_entry(d1, l4, 272, 0, d1), 0);
	cr_assert_eq(write_entry(d1, l4, 255, 0, d1), 0);
	cr_assert_eq(unpin(d1, l4), 0);
	for (unsigned int i = 0; i < 512; i++) {
		cr_assert_eq(table_of(l4)[i], 0);
	}
	check_counts();
}

Test(pagetype, refuses_l1_entries_that_point_where_the_guest_may_not_go)
{
	mfn_t l1 = new_frame(d1), page = new_frame(d1), other = new_frame(d2);
	void *own = alloc_page();
	const uint64_t bad[] = {
		entry(other, RO),		  /* another domain's */
		entry(mfn(3), RO),		  /* the hypervisor's image */
		entry(virt_to_frame(own), RO),	  /* the hypervisor's heap page */
		entry(mfn(WORLD_FRAMES - 1), RO), /* free */
		entry(page, RO | PTE_GNTTAB),	  /* our software bit */
		entry(page, RO | 1ULL << 59),	  /* protection key */
		entry(l1, RW),			  /* itself, writable */
	};

	table_of(l1)[3] = entry(page, RW);
	table_of(l1)[300] = entry(page, RO);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		table_of(l1)[500] = bad[i];
		cr_assert_neq(pin(d1, l1, FRAME_L1), 0, "case %zu", i);
		refuses_pin(d1, l1, FRAME_L1, i == 6 ? -XEN_EBUSY : -XEN_EINVAL);
	}
	table_of(l1)[500] = 0;
	cr_assert_eq(pin(d1, l1, FRAME_L1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		refuses_write(d1, l1, 3, bad[i], d1, i == 6 ? -XEN_EBUSY : -XEN_EINVAL);
		refuses_write(d1, l1, 9, bad[i], d1, i == 6 ? -XEN_EBUSY : -XEN_EINVAL);
	}
	free_page(own);
	check_counts();
}

Test(pagetype, device_memory_needs_the_right_and_holds_nothing)
{
	mfn_t l1 = new_frame(d1);
	const uint64_t far = 0x80000000000ULL; /* beyond what the CPU can address */

	cr_assert_eq(pin(d1, l1, FRAME_L1), 0);
	refuses_write(d1, l1, 0, entry(mfn(WORLD_IO + 1), RW), d1, -XEN_EPERM);
	refuses_write(d1, l1, 0, entry(mfn(0xfee00), RW), d1, -XEN_EPERM);
	d1->may_map_devices = true;
	refuses_write(d1, l1, 0, entry(mfn(WORLD_IO), RW), d1, -XEN_EPERM);
	refuses_write(d1, l1, 0, far | RW, d1, -XEN_EPERM);
	cr_assert_eq(write_entry(d1, l1, 0, entry(mfn(WORLD_IO + 1), RW | PTE_PCD), d1), 0);
	cr_assert_eq(write_entry(d1, l1, 1, entry(mfn(0xfee00), RW), d1), 0);
	cr_assert_eq(refs_of(mfn(WORLD_IO + 1)), 0);
	check_counts();
	cr_assert_eq(write_entry(d1, l1, 0, entry(mfn(WORLD_IO + 1), RO), d1), 0);
	cr_assert_eq(write_entry(d1, l1, 0, 0, d1), 0);
	cr_assert_eq(unpin(d1, l1), 0);
	check_counts();
}

Test(pagetype, refuses_table_entries_of_the_wrong_kind)
{
	struct tree t = make_tree(d1);
	mfn_t other = new_frame(d2), plain = new_frame(d1);
	mfn_t table[] = { t.l2, t.l3, t.l4 };

	for (size_t i = 0; i < 3; i++) {
		refuses_write(d1, table[i], 1, entry(other, RW), d1, -XEN_EINVAL);
		refuses_write(d1, table[i], 1, entry(plain, RW | PTE_PS), d1, -XEN_EINVAL);
		refuses_write(d1, table[i], 1, entry(plain, RW | PTE_GNTTAB), d1, -XEN_EINVAL);
		refuses_write(d1, table[i], 1, entry(plain, RW | 1ULL << 52), d1, -XEN_EINVAL);
		refuses_write(d1, table[i], 1, entry(mfn(WORLD_IO), RW), d1, -XEN_EINVAL);
		refuses_write(d1, table[i], 1, entry(mfn(1ULL << 39), RW), d1, -XEN_EINVAL);
		refuses_write(d1, table[i], 1, entry(table[i], RW), d1, -XEN_EBUSY); /* itself */
		refuses_write(d1, table[i], 1, entry(t.page, RW), d1,
			      -XEN_EBUSY); /* writable now */
		refuses_write(d1, table[i], 512, 0, d1, -XEN_EINVAL);
	}
	refuses_write(d1, t.l4, 1, entry(t.l1, RW), d1, -XEN_EBUSY);
	refuses_write(d1, t.page, 1, 0, d1, -XEN_ENOENT);
	refuses_write(d1, plain, 1, 0, d1, -XEN_ENOENT);
	refuses_write(d2, t.l1, 1, 0, d2, -XEN_ENOENT); /* not the owner's */
	check_counts();
}

Test(pagetype, a_table_that_fails_deep_down_undoes_everything)
{
	struct tree t = { new_frame(d1), new_frame(d1), new_frame(d1), new_frame(d1),
			  new_frame(d1) };
	mfn_t bad = new_frame(d1);

	table_of(t.l1)[5] = entry(t.page, PTE_P | PTE_RW | PTE_G);
	table_of(bad)[0] = entry(t.page, RW);
	table_of(bad)[511] = entry(mfn(3), RO);
	table_of(t.l2)[6] = entry(t.l1, PTE_P | PTE_RW);
	table_of(t.l2)[7] = entry(bad, RW);
	table_of(t.l3)[0] = entry(t.l2, RW);
	table_of(t.l4)[0] = entry(t.l3, RW);
	/* The L1 was valid for a moment; its entries may keep the bits that the CPU needs, nothing more. */
	table_of(t.l1)[5] = entry(t.page, RW);
	refuses_pin(d1, t.l4, FRAME_L4, -XEN_EINVAL);
	table_of(bad)[511] = 0;
	cr_assert_eq(pin(d1, t.l4, FRAME_L4), 0);
	check_counts();
}

Test(pagetype, one_l1_may_serve_several_l2_entries)
{
	struct tree t = make_tree(d1);

	cr_assert_eq(write_entry(d1, t.l2, 100, entry(t.l1, RW), d1), 0);
	cr_assert_eq(write_entry(d1, t.l2, 101, entry(t.l1, RW), d1), 0);
	cr_assert_eq(types_of(t.l1), 3);
	check_counts();
	cr_assert_eq(write_entry(d1, t.l2, 6, 0, d1), 0);
	cr_assert_eq(write_entry(d1, t.l2, 100, 0, d1), 0);
	cr_assert_eq(types_of(t.page), 1);
	cr_assert_eq(write_entry(d1, t.l2, 101, 0, d1), 0);
	cr_assert_eq(types_of(t.page), 0);
	check_counts();
}

Test(pagetype, pins_are_counted_once_and_only_for_the_owner)
{
	mfn_t l1 = new_frame(d1);

	cr_assert_eq(pin(d1, l1, FRAME_L1), 0);
	refuses_pin(d1, l1, FRAME_L1, -XEN_EINVAL);
	refuses_pin(d1, l1, FRAME_L2, -XEN_EBUSY);
	refuses_pin(d2, l1, FRAME_L1, -XEN_EINVAL);
	refuses_pin(d1, mfn(WORLD_FRAMES + 5), FRAME_L1, -XEN_EINVAL);
	refuses_pin(d1, mfn(~0ULL), FRAME_L1, -XEN_EINVAL);
	refuses_pin(d1, new_frame(d1), FRAME_WRITABLE, -XEN_EINVAL);
	cr_assert_eq(unpin(d2, l1), -XEN_EINVAL);
	cr_assert_eq(unpin(d1, l1), 0);
	cr_assert_eq(unpin(d1, l1), -XEN_EINVAL);
	cr_assert_eq(unpin(d1, mfn(~0ULL)), -XEN_EINVAL);
	check_counts();
}

Test(pagetype, stale_tlb_entries_are_flushed_before_a_frame_becomes_a_table)
{
	struct tree t = make_tree(d1);
	uint64_t before;

	tlb_flush_all(CPUMASK_ALL); /* older than what follows: does not help */
	cr_assert_eq(write_entry(d1, t.l1, 5, 0, d1), 0);
	before = cpu_fake.flushes;
	cr_assert_eq(pin(d1, t.page, FRAME_L1), 0);
	cr_assert_eq(cpu_fake.flushes, before + cpu_fake.cpus, "was writable a moment ago");
	cr_assert_eq(unpin(d1, t.page), 0);
	before = cpu_fake.flushes;
	cr_assert_eq(pin(d1, t.page, FRAME_L1), 0);
	cr_assert_eq(cpu_fake.flushes, before, "same type: nothing to forget");
	tlb_flush_all(CPUMASK_ALL);
	cr_assert_eq(unpin(d1, t.page), 0);
	before = cpu_fake.flushes;
	cr_assert_eq(write_entry(d1, t.l1, 5, entry(t.page, RW), d1), 0);
	cr_assert_eq(cpu_fake.flushes, before + cpu_fake.cpus,
		     "a walk cache may have known it as a table");
	cr_assert_eq(write_entry(d1, t.l1, 5, 0, d1), 0);
	tlb_flush_all(CPUMASK_ALL);
	before = cpu_fake.flushes;
	cr_assert_eq(pin(d1, t.page, FRAME_L1), 0);
	cr_assert_eq(cpu_fake.flushes, before, "flushed since: not again");
}

Test(pagetype, what_was_mapped_abroad_is_flushed_everywhere)
{
	mfn_t l1 = new_frame(d1), theirs = new_frame(d2), own = new_frame(d2),
	      own_l1 = new_frame(d2);

	cpu_fake.domain_cpus[1] = 1; /* d1 runs on CPU 0, d2 on CPU 1 */
	cpu_fake.domain_cpus[2] = 2;
	cr_assert_eq(pin(d1, l1, FRAME_L1), 0);
	cr_assert_eq(pin(d2, own_l1, FRAME_L1), 0);
	cr_assert_eq(write_entry(d1, l1, 0, entry(theirs, RW), d2), 0);
	cr_assert_eq(write_entry(d1, l1, 0, 0, d1), 0);
	cr_assert_eq(write_entry(d2, own_l1, 0, entry(own, RW), d2), 0);
	cr_assert_eq(write_entry(d2, own_l1, 0, 0, d2), 0);
	uint64_t before = cpu_fake.flushes;

	/* Its own frame can only be in its own CPU's TLB, the one d1 had mapped also in d1's. */
	cr_assert_eq(pin(d2, own, FRAME_L1), 0);
	cr_assert_eq(cpu_fake.flushes, before + 1);
	cr_assert_eq(pin(d2, theirs, FRAME_L1), 0);
	cr_assert_geq(cpu_fake.flushes, before + 2);
	cr_assert_gt(cpu_fake.flushed_at[0], frame_of(theirs)->stamp);
	cr_assert_gt(cpu_fake.flushed_at[1], frame_of(theirs)->stamp);
}

Test(pagetype, foreign_frames_are_counted_on_their_owner)
{
	mfn_t l1 = new_frame(d1), theirs = new_frame(d2);
	uint64_t total = d2->pages.total;

	cr_assert_eq(pin(d1, l1, FRAME_L1), 0);
	refuses_write(d1, l1, 0, entry(theirs, RW), d1, -XEN_EINVAL);
	cr_assert_eq(write_entry(d1, l1, 0, entry(theirs, RW), d2), 0);
	cr_assert_eq(write_entry(d1, l1, 1, entry(theirs, RO), d2), 0);
	refuses_write(d1, l1, 2, entry(l1, RO), d2, -XEN_EINVAL);
	cr_assert_eq(refs_of(theirs), 3);
	refuses_pin(d2, theirs, FRAME_L1, -XEN_EBUSY);
	check_counts();
	/* Its owner gives it up; it stays until the last mapping goes. */
	cr_assert_eq(dompages_steal(d2, theirs), -XEN_EBUSY);
	cr_assert_eq(dompages_release(d2, theirs), 0);
	cr_assert_eq(dompages_release(d2, theirs), -XEN_EINVAL);
	cr_assert_eq(d2->pages.total, total);
	refuses_write(d1, l1, 2, entry(theirs, RO), d2, -XEN_EINVAL);
	cr_assert_eq(write_entry(d1, l1, 0, 0, d1), 0);
	cr_assert_eq(unpin(d1, l1), 0);
	cr_assert_eq(d2->pages.total, total - 1);
	check_counts();
}

Test(pagetype, shared_frames_are_writable_without_the_writable_type)
{
	mfn_t l1 = new_frame(d1), page = virt_to_frame(alloc_page());
	uint64_t total = d2->pages.total, free;

	frame_share(page, d2);
	cr_assert_eq(pin(d1, l1, FRAME_L1), 0);
	cr_assert_eq(write_entry(d1, l1, 0, entry(page, RW), d2), 0);
	cr_assert_eq(write_entry(d1, l1, 1, entry(page, RO), d2), 0);
	cr_assert_eq(refs_of(page), 3);
	cr_assert_eq(types_of(page), 1);
	cr_assert_eq(write_entry(d1, l1, 1, entry(page, RW), d2), 0);
	cr_assert_eq(write_entry(d1, l1, 0, entry(page, RO), d2), 0);
	cr_assert_eq(types_of(page), 1);
	refuses_pin(d2, page, FRAME_L1, -XEN_EBUSY);
	cr_assert_eq(dompages_release(d2, page), -XEN_EINVAL);
	cr_assert_eq(dompages_steal(d2, page), -XEN_EINVAL);
	world_lent(page, d2);
	check_counts();
	world_lent(page, NULL);
	/* Taken back while still mapped: no longer d2's, freed by the last mapping. */
	frame_unshare(page);
	refuses_write(d1, l1, 2, entry(page, RO), d2, -XEN_EINVAL);
	free = alloc_free_count();
	cr_assert_eq(write_entry(d1, l1, 0, 0, d1), 0);
	cr_assert_eq(alloc_free_count(), free);
	cr_assert_eq(unpin(d1, l1), 0);
	cr_assert_eq(alloc_free_count(), free + 1);
	cr_assert_eq(d2->pages.total, total);
	check_counts();
}

Test(pagetype, changing_flags_only_touches_no_more_than_the_type)
{
	struct tree t = make_tree(d1);

	cr_assert_eq(write_entry(d1, t.l1, 5, entry(t.page, RO), d1), 0);
	cr_assert_eq(refs_of(t.page), 2);
	cr_assert_eq(types_of(t.page), 0);
	check_counts();
	cr_assert_eq(write_entry(d1, t.l1, 5, entry(t.page, RO | PTE_NX | PTE_AVAIL), d1), 0);
	cr_assert_eq(refs_of(t.page), 2);
	cr_assert_eq(write_entry(d1, t.l1, 5, entry(t.page, RW), d1), 0);
	cr_assert_eq(types_of(t.page), 1);
	refuses_write(d1, t.l1, 5, entry(t.page, RW | PTE_GNTTAB), d1, -XEN_EINVAL);
	/* A table may be mapped read-only, and not made writable in place. */
	cr_assert_eq(write_entry(d1, t.l1, 6, entry(t.l1, RO), d1), 0);
	refuses_write(d1, t.l1, 6, entry(t.l1, RW), d1, -XEN_EBUSY);
	/* Higher levels: flags without losing the table. */
	cr_assert_eq(write_entry(d1, t.l2, 6, entry(t.l1, PTE_P), d1), 0);
	cr_assert_eq(table_of(t.l2)[6], entry(t.l1, PTE_P | PTE_US));
	cr_assert_eq(types_of(t.l1), 1);
	check_counts();
}

Test(pagetype, accessed_and_dirty_are_kept_when_asked)
{
	struct tree t = make_tree(d1);
	mfn_t page = new_frame(d1);

	spin_lock(&d1->pages.pt_lock);
	table_of(t.l1)[5] |= PTE_A | PTE_D;
	cr_assert_eq(pagetype_write(d1, t.l1, 5, entry(t.page, PTE_P | PTE_US), d1, true), 0);
	cr_assert_eq(table_of(t.l1)[5], entry(t.page, PTE_P | PTE_US | PTE_A | PTE_D));
	cr_assert_eq(pagetype_write(d1, t.l1, 5, entry(t.page, PTE_P | PTE_US), d1, false), 0);
	cr_assert_eq(table_of(t.l1)[5], entry(t.page, PTE_P | PTE_US));
	cr_assert_eq(pagetype_write(d1, t.l1, 9, entry(page, PTE_P | PTE_US), d1, true), 0);
	cr_assert_eq(table_of(t.l1)[9], entry(page, PTE_P | PTE_US), "nothing was there to keep");
	spin_unlock(&d1->pages.pt_lock);
	check_counts();
}

Test(pagetype, compare_and_exchange_writes_only_over_what_it_expects)
{
	struct tree t = make_tree(d1);
	mfn_t page = new_frame(d1);
	uint64_t old = table_of(t.l1)[5];
	struct snapshot *s = snapshot_take();

	spin_lock(&d1->pages.pt_lock);
	cr_assert_eq(pagetype_cmpxchg(d1, t.l1, 5, old ^ PTE_A, entry(page, RW)), -XEN_EAGAIN);
	cr_assert_eq(pagetype_cmpxchg(d1, t.l1, 5, old, entry(mfn(3), RW)), -XEN_EINVAL);
	cr_assert(snapshot_same(s));
	cr_assert_eq(pagetype_cmpxchg(d1, t.l1, 5, old, entry(page, RW)), 0);
	spin_unlock(&d1->pages.pt_lock);
	cr_assert_eq(types_of(t.page), 0);
	cr_assert_eq(types_of(page), 1);
	snapshot_free(s);
	check_counts();
}

static uint64_t *marked; /* by the CPU, while an entry is being exchanged */

static void mark(void)
{
	*marked |= PTE_A;
}

Test(pagetype, an_exchange_that_loses_at_the_last_moment_takes_nothing)
{
	struct tree t = make_tree(d1);
	mfn_t page = new_frame(d1);
	uint64_t old = table_of(t.l1)[5] & ~PTE_A;

	/* The new frame was a table a moment ago: a flush comes between the look and the exchange. */
	cr_assert_eq(pin(d1, page, FRAME_L1), 0);
	cr_assert_eq(unpin(d1, page), 0);
	table_of(t.l1)[5] = old;
	marked = &table_of(t.l1)[5];
	cpu_fake.on_flush = mark;
	spin_lock(&d1->pages.pt_lock);
	cr_assert_eq(pagetype_cmpxchg(d1, t.l1, 5, old, entry(page, RW)), -XEN_EAGAIN);
	spin_unlock(&d1->pages.pt_lock);
	cr_assert_eq(table_of(t.l1)[5], old | PTE_A);
	cr_assert_eq(refs_of(page), 1);
	cr_assert_eq(types_of(page), 0);
	check_counts();
}

Test(pagetype, grant_entries_hold_no_references_here)
{
	struct tree t = make_tree(d1);
	mfn_t theirs = new_frame(d2);

	/* As the grant code does: its own references, the entry stored directly. */
	cr_assert_eq(frame_get_type(theirs, FRAME_WRITABLE, d2), 0);
	table_of(t.l1)[20] = entry(theirs, RW | PTE_GNTTAB);
	table_of(t.l1)[21] = entry(theirs, RW | PTE_GNTTAB);
	cr_assert_eq(write_entry(d1, t.l1, 20, 0, d1), 0);
	cr_assert_eq(write_entry(d1, t.l1, 21, 0, d1), 0);
	world_hold(theirs, 1, FRAME_WRITABLE);
	check_counts();
	table_of(t.l1)[21] = entry(theirs, RW | PTE_GNTTAB);
	cr_assert_eq(unpin(d1, t.l4), 0);
	check_counts();
	frame_put_type(theirs);
	world_hold(theirs, 0, FRAME_NONE);
	check_counts();
	/* The guest cannot make such an entry valid by itself. */
	refuses_pin(d1, t.l1, FRAME_L1, -XEN_EINVAL);
}

Test(pagetype, an_ordinary_entry_in_place_of_a_grant_entry_holds_its_own)
{
	struct tree t = make_tree(d1);
	mfn_t page = new_frame(d1);

	/* Granted to itself: the same frame before and after, and yet no mere change of flags. */
	cr_assert_eq(frame_get_type(page, FRAME_WRITABLE, d1), 0);
	world_hold(page, 1, FRAME_WRITABLE);
	table_of(t.l1)[20] = entry(page, RW | PTE_GNTTAB);
	cr_assert_eq(write_entry(d1, t.l1, 20, entry(page, RW), d1), 0);
	cr_assert_eq(refs_of(page), 3);
	cr_assert_eq(types_of(page), 2);
	check_counts();
}

Test(pagetype, walks_find_the_entry_or_say_no)
{
	struct tree t = make_tree(d1);
	gva_t va = 8ULL << 39 | 7ULL << 30 | 6ULL << 21 | 5ULL << 12;

	cr_assert_eq(ptwalk_l1(t.l4, va + 0x123), mfn_to_paddr(t.l1) + 5 * 8);
	cr_assert_eq(ptwalk_index(ptwalk_l1(t.l4, va)), 5);
	cr_assert_eq(ptwalk_l1e(t.l4, va), table_of(t.l1)[5]);
	cr_assert_not(ptwalk_l1(t.l4, va + (1ULL << 39)));
	cr_assert_not(ptwalk_l1(t.l4, va + (1ULL << 30)));
	cr_assert_not(ptwalk_l1(t.l4, va + (1ULL << 21)));
	cr_assert_not(ptwalk_l1(t.l4, 0x0000900000000000ULL));
	cr_assert_not(ptwalk_l1(mfn(~0ULL), va));
	cr_assert_eq(ptwalk_l1e(t.l4, va + 4096), 0);
}

Test(pagetype, a_pinned_table_that_was_given_up_can_be_unpinned)
{
	mfn_t l1 = new_frame(d1);

	cr_assert_eq(pin(d1, l1, FRAME_L1), 0);
	cr_assert_eq(dompages_release(d1, l1), 0);
	refuses_pin(d1, l1, FRAME_L1, -XEN_EINVAL);
	cr_assert_eq(unpin(d1, l1), 0);
	cr_assert_eq(d1->pages.total, 0);
	check_counts();
}

Test(pagetype, nothing_is_pinned_once_its_owner_is_dying)
{
	mfn_t l1 = new_frame(d1);

	d1->pages.dying = true;
	refuses_pin(d1, l1, FRAME_L1, -XEN_EINVAL);
}

/* ---- random sequences ---- */

#define PLAYED 40 /* frames of each domain that a sequence plays with */

static mfn_t played[2][PLAYED];

static mfn_t random_frame(void)
{
	switch (rnd(24)) {
	case 0:
		return mfn(rnd(WORLD_FRAMES));
	case 1:
		return mfn(WORLD_IO + rnd(WORLD_HEAP - WORLD_IO));
	case 2:
		return mfn(rnd(2) ? ~0ULL >> rnd(30) : WORLD_FRAMES + rnd(3));
	default:
		return played[rnd(8) == 0][rnd(PLAYED)];
	}
}

static uint64_t random_entry(void)
{
	uint64_t e = (mfn_to_paddr(random_frame()) & PTE_ADDR) | (rnd(8) ? PTE_P : 0);

	if (rnd(3)) {
		e |= PTE_RW;
	}
	if (rnd(3)) {
		e |= PTE_US;
	}
	if (!rnd(12)) {
		e |= 1ULL << rnd(64);
	}
	return rnd(6) ? e : 0;
}

/* What the guest could do by itself: scribble in a frame that is not a table. */
static void scribble(mfn_t m)
{
	enum frame_type t = frame_type_of(frame_of(m));

	if (frame_type_count(frame_of(m)) && t >= FRAME_L1 && t <= FRAME_L4) {
		return;
	}
	memset(table_of(m), 0, PAGE_SIZE);
	for (unsigned int i = 0, n = rnd(4); i < n; i++) {
		table_of(m)[rnd(512)] = random_entry();
	}
}

static void random_step(void)
{
	unsigned int who = rnd(4) == 0;
	struct domain *d = who ? d2 : d1;
	mfn_t m = played[who][rnd(PLAYED)];

	switch (rnd(9)) {
	case 0:
		scribble(m);
		break;
	case 1:
	case 2:
		pin(d, rnd(8) ? m : random_frame(), FRAME_L1 + rnd(4));
		break;
	case 3:
		unpin(d, rnd(8) ? m : random_frame());
		break;
	case 4: /* given up, and a new one in its place */
		if (refs_of(m) == 1 || !rnd(4)) {
			if (rnd(2) && !dompages_steal(d, m)) {
				free_frames(m, 0);
			} else {
				dompages_release(d, m);
			}
			played[who][0] = m;
			for (unsigned int i = 0; i < PLAYED; i++) {
				if (mfn_eq(played[who][i], m)) {
					played[who][i] = new_frame(d);
				}
			}
		}
		break;
	default:
		write_entry(d, m, rnd(512), random_entry(), rnd(10) ? d : d2);
		break;
	}
}

static void play(uint64_t seed, unsigned int steps)
{
	rnd_seed(seed);
	for (unsigned int i = 0; i < PLAYED; i++) {
		played[0][i] = new_frame(d1);
		played[1][i] = new_frame(d2);
	}
	for (unsigned int i = 0; i < steps; i++) {
		random_step();
		check_counts();
	}
}

Test(pagetype, random_sequences_keep_counts_and_references_equal)
{
	uint64_t free = alloc_free_count();

	d1->may_map_devices = true;
	play(1, 3000);
	relinquish(d1);
	check_counts();
	relinquish(d2);
	check_counts();
	cr_assert_eq(d1->pages.total, 0);
	cr_assert_eq(d2->pages.total, 0);
	cr_assert_eq(d1->gone, 1);
	cr_assert_eq(d2->gone, 1);
	cr_assert_eq(alloc_free_count(), free);
	for (uint64_t n = WORLD_HEAP; n < WORLD_FRAMES; n++) {
		cr_assert_eq(frame_table[n].ref, 0);
	}
}

Test(pagetype, random_refusals_leave_no_trace)
{
	unsigned int refused = 0;

	play(2, 300);
	for (unsigned int i = 0; i < 150; i++) {
		struct snapshot *s = snapshot_take();
		struct domain *d = rnd(2) ? d1 : d2;
		mfn_t m = played[d == d2][rnd(PLAYED)];
		int rc = rnd(2) ? write_entry(d, m, rnd(512), random_entry(), d)
				: pin(d, m, FRAME_L1 + rnd(4));

		if (rc) {
			refused++;
			cr_assert(snapshot_same(s), "step %u answered %d and changed something", i,
				  rc);
		}
		snapshot_free(s);
		scribble(played[0][rnd(PLAYED)]);
	}
	cr_assert_gt(refused, 20);
	check_counts();
}
