/* A domain's totals, limits, claims, and its teardown. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <xen/errno.h>

#include "tests/unit/hypervisor/mm/world.h"

TestSuite(dompages, .init = world_start, .fini = world_stop);

Test(dompages, the_limit_holds_and_nothing_leaks_at_it)
{
	uint64_t free = alloc_free_count();

	d1->pages.max = 20;
	cr_assert(frame_valid(dompages_alloc(d1, 4, 0)));
	cr_assert(mfn_eq(dompages_alloc(d1, 3, 0), MFN_NONE));
	cr_assert(frame_valid(dompages_alloc(d1, 2, 0)));
	cr_assert(mfn_eq(dompages_alloc(d1, 0, 0), MFN_NONE));
	cr_assert(mfn_eq(dompages_alloc(d1, 60, 0), MFN_NONE));
	cr_assert_eq(d1->pages.total, 20);
	cr_assert_eq(alloc_free_count(), free - 20);
	d1->pages.max = ~0ULL;
	cr_assert(mfn_eq(dompages_alloc(d1, 18, 0), MFN_NONE));
	cr_assert_eq(d1->pages.total, 20);
	check_counts();
}

Test(dompages, steal_takes_only_what_nobody_uses)
{
	mfn_t m = new_frame(d1), l1 = new_frame(d1);

	m2p_set(m, 5);
	cr_assert_eq(dompages_steal(d2, m), -XEN_EINVAL);
	cr_assert_eq(dompages_steal(d1, mfn(3)), -XEN_EINVAL);
	cr_assert_eq(dompages_steal(d1, mfn(~0ULL)), -XEN_EINVAL);
	cr_assert(frame_get(m, d1));
	cr_assert_eq(dompages_steal(d1, m), -XEN_EBUSY);
	frame_put(m);
	cr_assert_eq(pin(d1, l1, FRAME_L1), 0);
	cr_assert_eq(dompages_steal(d1, l1), -XEN_EBUSY);
	check_counts();
	cr_assert_eq(dompages_steal(d1, m), 0);
	cr_assert_eq(d1->pages.total, 1);
	cr_assert_eq(m2p_get(m), M2P_INVALID);
	cr_assert_not(frame_get(m, d1));
	/* Given to another domain: what d1 left in the TLBs goes first. */
	uint64_t flushes = cpu_fake.flushes;

	cr_assert_eq(dompages_assign(d2, m, 0), 0);
	cr_assert_eq(cpu_fake.flushes, flushes + cpu_fake.cpus);
	cr_assert(frame_get(m, d2));
	frame_put(m);
	check_counts();
}

Test(dompages, a_place_is_forgotten_with_the_frame)
{
	mfn_t m = new_frame(d1), lent = virt_to_frame(alloc_page());

	cr_assert_not(dompages_place(d2, m, 7));
	cr_assert_not(dompages_place(d1, mfn(WORLD_FRAMES), 7));
	cr_assert(dompages_place(d1, m, 7));
	cr_assert_eq(m2p_get(m), 7);
	/* Given up while somebody still holds it, and in teardown. */
	cr_assert(frame_get(m, d1));
	cr_assert_eq(dompages_release(d1, m), 0);
	cr_assert_eq(m2p_get(m), M2P_INVALID);
	cr_assert_not(dompages_place(d1, m, 8));
	frame_put(m);
	frame_share(lent, d2);
	cr_assert(dompages_place(d2, lent, 9));
	world_lent(lent, d2);
	check_counts();
	world_lent(lent, NULL);
	frame_unshare(lent);
	check_counts();
}

static void kill_d1(void)
{
	cpu_fake.on_scrub = NULL;
	relinquish(d1);
}

Test(dompages, what_is_allocated_to_a_domain_that_is_killed_meanwhile_is_free_again)
{
	uint64_t free;

	/* Whatever is given out waits to be scrubbed; while it is, another CPU tears the domain down. */
	while (frame_valid(dompages_alloc(d2, 0, 0))) {
	}
	d1->pages.max = d2->pages.max = ~0ULL;
	while (frame_valid(dompages_alloc(d2, 0, 0))) {
	}
	relinquish(d2);
	free = alloc_free_count();
	cpu_fake.on_scrub = kill_d1;
	cr_assert(mfn_eq(dompages_alloc(d1, 0, 0), MFN_NONE));
	cr_assert_null(cpu_fake.on_scrub);
	cr_assert_eq(alloc_free_count(), free);
	cr_assert_eq(d1->pages.total, 0);
	cr_assert_eq(d1->gone, 1);
	check_counts();
}

Test(dompages, an_exchange_keeps_its_room)
{
	mfn_t m = new_frame(d1), fresh = alloc_frames(0, 0);

	/* At its limit, and others of its vCPUs would fill any room there is. */
	d1->pages.max = 1;
	cr_assert_eq(dompages_swap_out(d1, m), 0);
	cr_assert(mfn_eq(dompages_alloc(d1, 0, 0), MFN_NONE));
	cr_assert_eq(dompages_swap_in(d1, fresh, 0), 0);
	cr_assert_eq(d1->pages.total, 1);
	free_frames(m, 0);
	check_counts();
	/* Killed meanwhile: the room goes, and with it the domain. */
	cr_assert_eq(dompages_swap_out(d1, fresh), 0);
	relinquish(d1);
	cr_assert_eq(d1->gone, 0);
	cr_assert_eq(dompages_swap_in(d1, fresh, 0), -XEN_EINVAL);
	cr_assert_eq(d1->gone, 1);
	free_frames(fresh, 0);
	check_counts();
}

Test(dompages, assign_respects_limit_and_death)
{
	mfn_t m = alloc_frames(2, 0);

	d1->pages.max = 3;
	cr_assert_eq(dompages_assign(d1, m, 2), -XEN_ENOMEM);
	d1->pages.max = 4;
	cr_assert_eq(dompages_assign(d1, m, 2), 0);
	cr_assert_eq(d1->pages.total, 4);
	m = alloc_frames(0, 0);
	relinquish(d2);
	cr_assert_eq(dompages_assign(d2, m, 0), -XEN_EINVAL);
	cr_assert(mfn_eq(dompages_alloc(d2, 0, 0), MFN_NONE));
	free_frames(m, 0);
	check_counts();
}

Test(dompages, claims_set_memory_aside_for_one_domain)
{
	uint64_t free = alloc_free_count();

	d1->pages.max = d2->pages.max = ~0ULL;
	cr_assert_eq(dompages_claim(d1, free + 1), -XEN_ENOMEM);
	cr_assert_eq(dompages_claim(d1, free - 10), 0);
	cr_assert_eq(dompages_claim(d2, 11), -XEN_ENOMEM);
	cr_assert_eq(dompages_claim(d2, 10), 0);
	cr_assert_eq(dompages_claimed(), free);
	cr_assert_eq(dompages_claim(d2, 0), 0);
	for (int i = 0; i < 10; i++) {
		cr_assert(frame_valid(dompages_alloc(d2, 0, 0)));
	}
	cr_assert(mfn_eq(dompages_alloc(d2, 0, 0), MFN_NONE), "the rest is d1's");
	cr_assert(frame_valid(dompages_alloc(d1, 3, 0)));
	cr_assert_eq(d1->pages.outstanding, free - 18);
	cr_assert_eq(dompages_claim(d1, 8), -XEN_EINVAL, "it has as much");
	cr_assert_eq(dompages_claim(d1, 0), 0);
	cr_assert_eq(dompages_claimed(), 0);
	cr_assert(frame_valid(dompages_alloc(d2, 0, 0)));
	cr_assert_eq(dompages_claim(d1, 20), 0);
	relinquish(d1);
	cr_assert_eq(dompages_claimed(), 0, "the dead claim nothing");
}

Test(dompages, teardown_frees_all_and_says_so_once)
{
	uint64_t free = alloc_free_count();
	mfn_t l1 = new_frame(d1), l2 = new_frame(d1);

	table_of(l1)[1] = mfn_to_paddr(new_frame(d1)) | PTE_P | PTE_RW;
	table_of(l1)[2] = mfn_to_paddr(l2) | PTE_P;
	table_of(l2)[0] = mfn_to_paddr(l1) | PTE_P;
	cr_assert_eq(pin(d1, l2, FRAME_L2), 0);
	cr_assert_eq(pin(d1, l1, FRAME_L1), 0);
	cr_assert_eq(d1->gone, 0);
	relinquish(d1);
	cr_assert_eq(d1->gone, 1);
	cr_assert_eq(d1->pages.total, 0);
	cr_assert_eq(alloc_free_count(), free);
	relinquish(d1);
	cr_assert_eq(d1->gone, 1);
	dompages_destroy(&d1->pages);
	check_counts();
}

Test(dompages, teardown_waits_for_the_last_foreign_mapping)
{
	mfn_t l1 = new_frame(d2), m = new_frame(d1);

	cr_assert_eq(pin(d2, l1, FRAME_L1), 0);
	cr_assert_eq(write_entry(d2, l1, 0, mfn_to_paddr(m) | PTE_P | PTE_RW, d1), 0);
	relinquish(d1);
	cr_assert_eq(d1->gone, 0);
	cr_assert_eq(d1->pages.total, 1);
	cr_assert_eq(write_entry(d2, l1, 0, 0, d2), 0); /* under d2's pt_lock */
	cr_assert_eq(d1->gone, 1);
	cr_assert_eq(d1->pages.total, 0);
}

Test(dompages, a_domain_without_memory_is_gone_at_once)
{
	relinquish(d1);
	cr_assert_eq(d1->gone, 1);
}

Test(dompages, teardown_stops_now_and_then)
{
	unsigned int stops = 0;

	for (int i = 0; i < 1024; i++) {
		new_frame(d1);
	}
	while (dompages_relinquish(d1)) {
		stops++;
	}
	cr_assert_gt(stops, 0);
	cr_assert_eq(d1->gone, 1);
}

Test(dompages, an_id_is_registered_once)
{
	struct domain *again = calloc(1, sizeof(*again));

	cr_assert_eq(dompages_init(&again->pages, 1, 5), -XEN_EEXIST);
	dompages_destroy(&again->pages);
	cr_assert_eq(dompages_find(1), &d1->pages, "the refused one took nothing away");
	cr_assert_eq(dompages_init(&again->pages, 0x7ff0, 5), -XEN_EINVAL);
	dompages_destroy(&d1->pages);
	cr_assert_null(dompages_find(1));
	cr_assert_eq(dompages_init(&again->pages, 1, 5), 0);
	free(again);
}
