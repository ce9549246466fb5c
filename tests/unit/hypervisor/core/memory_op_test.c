/* Memory operations over real frames: what they do, what they refuse, and that a refusal changes nothing. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/memory.h>

#include "arch/cpu.h"
#include "core/hypercall.h"
#include "core/memory_op.h"
#include "core/vcpu.h"
#include "mm/alloc.h"
#include "mm/m2p.h"
#include "tests/fake/guest_fake.h"
#include "tests/unit/hypervisor/core/memory_world.h"

static struct domain *d0, *d1;

static void setup(void)
{
	world_start();
	memory_start();
	d0 = world.domain[0];
	d1 = memory_domain(1, 1, 1000);
	memory_lend_shared(d0);
	memory_lend_shared(d1);
}

static void teardown(void)
{
	cr_expect_eq(atomic_load(&d0->refs), 1);
	cr_expect_eq(atomic_load(&d1->refs), 1);
	cr_expect_eq(world.crashes, 0);
}

TestSuite(memory_op, .init = setup, .fini = teardown);

static long op(struct domain *as, uint64_t cmd, void *arg)
{
	world_enter(as);
	return do_memory_op(cmd, WORLD_GVA(arg), 0, 0, 0);
}

static long reserve(struct domain *as, unsigned int cmd, domid_t dom, xen_pfn_t *list,
		    unsigned long n, unsigned int order, unsigned int flags)
{
	struct xen_memory_reservation r = {
		.nr_extents = n, .extent_order = order, .mem_flags = flags, .domid = dom
	};

	set_xen_guest_handle(r.extent_start, list);
	return op(as, cmd, &r);
}

Test(memory_op, populate_gives_frames_their_place)
{
	xen_pfn_t list[3] = { 100, 200, 300 };
	unsigned int i;

	cr_assert_eq(reserve(d0, XENMEM_populate_physmap, 1, list, 3, 2, 0), 3);
	cr_expect_eq(d1->pages.total, 12);
	for (i = 0; i < 12; i++) {
		mfn_t m = mfn(list[i / 4] + i % 4);

		cr_expect_eq(frame_of(m)->owner, 1);
		cr_expect_eq(m2p_get(m), 100 * (i / 4 + 1) + i % 4);
		cr_expect_eq(memory_refs(m), 1);
	}
	cr_expect_eq(list[0] % 4, 0);
}

Test(memory_op, reservations_stop_where_they_must_and_say_how_far_they_got)
{
	xen_pfn_t list[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	d1->pages.max = 5;
	cr_expect_eq(reserve(d1, XENMEM_populate_physmap, DOMID_SELF, list, 8, 0, 0), 5);
	cr_expect_eq(d1->pages.total, 5);
	d1->pages.max = 1000;
	cr_expect_eq(reserve(d1, XENMEM_populate_physmap, 0, list, 8, 0, 0), 0, "not its own");
	cr_expect_eq(reserve(d0, XENMEM_populate_physmap, 7, list, 8, 0, 0), 0, "no such domain");
	cr_expect_eq(reserve(d1, XENMEM_populate_physmap, DOMID_SELF, list, 1, 10, 0), 0,
		     "too large a piece");
	cr_expect_eq(reserve(d1, XENMEM_populate_physmap, DOMID_SELF, list, 1, 0, 12), 0,
		     "no address that low");
	cr_expect_eq(reserve(d1, XENMEM_populate_physmap, DOMID_SELF, list, 1, 0,
			     XENMEMF_populate_on_demand),
		     0);
	cr_expect_eq(reserve(d1, XENMEM_populate_physmap, DOMID_SELF, NULL, 1, 0, 0), 0);
	cr_expect_eq(reserve(d1, XENMEM_populate_physmap, DOMID_SELF, list, ~0UL, 0, 0), 0);
	cr_expect_eq(op(d1, XENMEM_populate_physmap, NULL), 0);
	cr_expect_eq(d1->pages.total, 5);
}

Test(memory_op, a_preempted_reservation_goes_on_from_the_command)
{
	xen_pfn_t list[100];
	struct xen_memory_reservation r = { .nr_extents = 100, .domid = DOMID_SELF };
	uint64_t cmd = XENMEM_populate_physmap;
	unsigned int i, rounds = 0;
	long rc;

	for (i = 0; i < 100; i++) {
		list[i] = 1000 + i;
	}
	set_xen_guest_handle(r.extent_start, list);
	world.preempt_every = 2;
	do {
		world.restarted = false;
		rc = op(d1, cmd, &r);
		if (world.restarted) {
			cmd = world.restart_args[0];
			cr_assert_eq(cmd & 63, XENMEM_populate_physmap);
			cr_assert_eq(d1->pages.total, cmd >> 6);
			rounds++;
		}
	} while (world.restarted);
	cr_expect_gt(rounds, 1);
	cr_expect_eq(rc, 100);
	cr_expect_eq(d1->pages.total, 100);
	for (i = 0; i < 100; i++) {
		cr_expect_eq(m2p_get(mfn(list[i])), 1000 + i);
	}
	cr_expect_eq(op(d1, XENMEM_maximum_ram_page | 1 << 6, &r), -XEN_EINVAL);
}

/* Goes on until it is done; the frames that d1 had at each stop. */
static unsigned int stops(uint64_t cmd, struct xen_memory_reservation *r, uint64_t total[],
			  long *rc)
{
	unsigned int n = 0;

	world.preempt_every = 1;
	for (;; cmd = world.restart_args[0], total[n++] = d1->pages.total) {
		world.restarted = false;
		*rc = op(d1, cmd, r);
		if (!world.restarted) {
			world.preempt_every = 0;
			return n;
		}
		cr_assert_lt(n, 64);
		cr_assert_eq(cmd & 63, world.restart_args[0] & 63);
	}
}

Test(memory_op, a_large_extent_is_given_back_in_parts)
{
	xen_pfn_t list[2] = { 1024, 2048 };
	struct xen_memory_reservation r = { .nr_extents = 2,
					    .extent_order = 8,
					    .domid = DOMID_SELF };
	uint64_t total[64];
	long rc;

	set_xen_guest_handle(r.extent_start, list);
	cr_assert_eq(op(d1, XENMEM_populate_physmap, &r), 2);
	cr_assert_eq(d1->pages.total, 512);
	cr_assert_eq(stops(XENMEM_decrease_reservation, &r, total, &rc), 15);
	cr_expect_eq(rc, 2);
	for (unsigned int i = 0; i < 15; i++) {
		cr_expect_eq(total[i], 512 - 32 * (i + 1), "no more than 32 frames at a time");
	}
	cr_expect_eq(d1->pages.total, 0);
}

Test(memory_op, a_large_extent_waits_for_its_scrubbing_in_parts)
{
	xen_pfn_t list[1] = { 1024 };
	struct xen_memory_reservation r = { .nr_extents = 1,
					    .extent_order = 8,
					    .domid = DOMID_SELF };
	uint64_t total[64];
	mfn_t m[ARENA_FRAMES];
	unsigned int n = 0;
	long rc;

	/* All there is has been somebody's. */
	while (m[n] = alloc_frames(0, 0), frame_valid(m[n])) {
		n++;
	}
	while (n--) {
		free_frames(m[n], 0);
	}
	cr_assert_eq(alloc_unscrubbed_count(), alloc_free_count());
	set_xen_guest_handle(r.extent_start, list);
	cr_expect_geq(stops(XENMEM_populate_physmap, &r, total, &rc), 4);
	cr_expect_eq(rc, 1);
	cr_expect_eq(total[0], 0);
	cr_expect_eq(d1->pages.total, 256);
	cr_expect_eq(m2p_get(mfn(list[0] + 255)), 1024 + 255);
	cr_expect_eq(alloc_unscrubbed_count(), alloc_free_count());
}

Test(memory_op, nobody_has_more_than_two_mebibytes_in_one_piece)
{
	xen_pfn_t list[1] = { 1024 };

	dompages_init(&d0->pages, 7, 4096);
	cr_expect_eq(reserve(d0, XENMEM_populate_physmap, DOMID_SELF, list, 1, 10, 0), 0);
	cr_expect_eq(reserve(d0, XENMEM_increase_reservation, DOMID_SELF, list, 1, 10, 0), 0);
	cr_expect_eq(reserve(d0, XENMEM_increase_reservation, DOMID_SELF, list, 1, 9, 0), 1);
}

Test(memory_op, decrease_takes_the_frames_away)
{
	uint64_t before = alloc_free_count();
	xen_pfn_t list[3];

	list[0] = memory_frame(d1, 1).n;
	list[1] = memory_frame(d0, 2).n;
	list[2] = memory_frame(d1, 3).n;
	m2p_set(mfn(list[0]), 5);
	cr_expect_eq(reserve(d1, XENMEM_decrease_reservation, DOMID_SELF, list, 3, 0, 0), 1,
		     "the second is not its own");
	cr_expect_eq(m2p_get(mfn(list[0])), M2P_INVALID);
	cr_expect_eq(d1->pages.total, 1);
	cr_expect_eq(reserve(d1, XENMEM_decrease_reservation, DOMID_SELF, list, 1, 0, 0), 0,
		     "already gone");
	list[1] = 1UL << 50;
	cr_expect_eq(reserve(d1, XENMEM_decrease_reservation, DOMID_SELF, list + 1, 1, 0, 0), 0);
	cr_expect_eq(alloc_free_count(), before - 2);
	while (alloc_scrub_step()) {
	}
	cr_expect_eq(memory_bytes(mfn(list[0]))[0], 0, "scrubbed");
}

Test(memory_op, a_released_frame_that_is_still_mapped_lives_until_then)
{
	mfn_t m = memory_frame(d1, 7);
	xen_pfn_t list[1] = { m.n };

	cr_assert(frame_get(m, d1));
	cr_expect_eq(reserve(d1, XENMEM_decrease_reservation, DOMID_SELF, list, 1, 0, 0), 1);
	cr_expect_eq(memory_bytes(m)[0], 7);
	cr_expect_eq(d1->pages.total, 1);
	cr_expect_eq(reserve(d1, XENMEM_decrease_reservation, DOMID_SELF, list, 1, 0, 0), 0,
		     "once only");
	frame_put(m);
	cr_expect_eq(d1->pages.total, 0);
}

Test(memory_op, increase_tells_frames_only_if_asked)
{
	xen_pfn_t list[2] = { 0 };

	cr_expect_eq(reserve(d1, XENMEM_increase_reservation, DOMID_SELF, NULL, 2, 0, 0), 2);
	cr_expect_eq(reserve(d1, XENMEM_increase_reservation, DOMID_SELF, list, 2, 0, 0), 2);
	cr_expect_eq(frame_of(mfn(list[1]))->owner, 1);
	cr_expect_eq(m2p_get(mfn(list[1])), M2P_INVALID);
}

/* --- exchange --- */

static xen_pfn_t in[128], out[128];

static struct xen_memory_exchange exchange(unsigned int n_in, unsigned int in_order,
					   unsigned int n_out, unsigned int out_order,
					   unsigned int bits)
{
	struct xen_memory_exchange x = {
		.in = { .nr_extents = n_in, .extent_order = in_order, .domid = DOMID_SELF },
		.out = { .nr_extents = n_out,
			 .extent_order = out_order,
			 .mem_flags = bits,
			 .domid = DOMID_SELF },
	};

	set_xen_guest_handle(x.in.extent_start, in);
	set_xen_guest_handle(x.out.extent_start, out);
	return x;
}

/* 'n' frames of d1, pfns from 500, and they are asked back there. */
static void fill_in(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		in[i] = memory_frame(d1, 1).n;
		m2p_set(mfn(in[i]), 500 + i);
	}
	out[0] = 500;
}

Test(memory_op, exchange_makes_scattered_frames_contiguous)
{
	struct xen_memory_exchange x = exchange(64, 0, 1, 6, 32);
	uint64_t before;
	unsigned int i;

	fill_in(64);
	before = alloc_free_count();
	cr_assert_eq(op(d1, XENMEM_exchange, &x), 0);
	cr_expect_eq(x.nr_exchanged, 64);
	cr_expect_eq(d1->pages.total, 64);
	cr_expect_eq(alloc_free_count(), before);
	cr_expect_eq(out[0] % 64, 0);
	for (i = 0; i < 64; i++) {
		cr_expect_eq(frame_of(mfn(out[0] + i))->owner, 1);
		cr_expect_eq(m2p_get(mfn(out[0] + i)), 500 + i);
		if (in[i] - out[0] >= 64) {
			cr_expect_eq(m2p_get(mfn(in[i])), M2P_INVALID);
			cr_expect_neq(frame_of(mfn(in[i]))->owner, 1);
		}
	}
	/* and back */
	in[0] = out[0];
	for (i = 0; i < 64; i++) {
		out[i] = 900 + i;
	}
	x = exchange(1, 6, 64, 0, 0);
	cr_assert_eq(op(d1, XENMEM_exchange, &x), 0);
	for (i = 0; i < 64; i++) {
		cr_expect_eq(m2p_get(mfn(out[i])), 900 + i);
	}
	cr_expect_eq(d1->pages.total, 64);
	cr_expect_eq(alloc_free_count(), before);
}

static void expect_untouched(long want, struct xen_memory_exchange x, unsigned int n)
{
	uint64_t before = alloc_free_count();
	unsigned int i;

	cr_expect_eq(op(d1, XENMEM_exchange, &x), want);
	cr_expect_eq(alloc_free_count(), before);
	cr_expect_eq(out[0], 500);
	for (i = 0; i < n; i++) {
		cr_expect_eq(frame_of(mfn(in[i]))->owner, 1);
		cr_expect_eq(m2p_get(mfn(in[i])), 500 + i);
	}
}

Test(memory_op, a_refused_exchange_changes_nothing)
{
	struct xen_memory_exchange x;
	xen_pfn_t keep;

	fill_in(64);
	expect_untouched(-XEN_ENOMEM, exchange(64, 0, 1, 6, 20), 64); /* no memory that low */
	expect_untouched(-XEN_ENOMEM, exchange(64, 0, 1, 6, 12), 64);
	expect_untouched(-XEN_EINVAL, exchange(63, 0, 1, 6, 32), 64);
	expect_untouched(-XEN_EPERM, exchange(64, 0, 1, 10, 32), 64);
	x = exchange(64, 0, 1, 6, 32);
	x.out.domid = 0;
	expect_untouched(-XEN_EINVAL, x, 64);
	x.in.domid = 0;
	expect_untouched(-XEN_EPERM, x, 64);
	x = exchange(64, 0, 1, 6, 32);
	x.nr_exchanged = 65;
	expect_untouched(-XEN_EINVAL, x, 64);
	/* A list that can only be read: the numbers of the new frames could not be told. */
	world.fault_writes = true;
	expect_untouched(-XEN_EFAULT, exchange(64, 0, 1, 6, 32), 64);
	world.fault_writes = false;
	keep = in[63];
	cr_assert(frame_get(mfn(keep), d1));
	expect_untouched(-XEN_EINVAL, exchange(64, 0, 1, 6, 32), 64); /* the last one is in use */
	frame_put(mfn(keep));
	in[63] = memory_frame(d0, 1).n;
	expect_untouched(-XEN_EINVAL, exchange(64, 0, 1, 6, 32), 63); /* not its own */
	in[63] = 1UL << 50;
	expect_untouched(-XEN_EINVAL, exchange(64, 0, 1, 6, 32), 63);
	in[63] = in[0];
	expect_untouched(-XEN_EINVAL, exchange(64, 0, 1, 6, 32), 63); /* the same one twice */
	cr_expect_eq(op(d1, XENMEM_exchange, NULL), -XEN_EFAULT);
	cr_expect_eq(d1->pages.total, 64);
}

/* Issued again as long as the hypervisor asks for that; so often. */
static unsigned int exchange_in_steps(struct xen_memory_exchange *x, long *rc)
{
	unsigned int steps = 0;
	char first[200];

	do {
		world.restarted = false;
		*rc = op(d1, XENMEM_exchange, x);
		cr_expect_eq(memory_audit(first), 0, "step %u: %s", steps, first);
		cr_expect_eq(d1->pages.total, 128);
		steps++;
	} while (world.restarted);
	return steps;
}

Test(memory_op, an_exchange_makes_room_within_a_chunk_and_goes_on)
{
	struct xen_memory_exchange x = exchange(128, 0, 2, 6, 0);
	uint64_t before;
	long rc;

	fill_in(128);
	out[1] = 564;
	before = alloc_free_count();
	world.preempt_every = 1;
	cr_expect_gt(exchange_in_steps(&x, &rc), 10);
	cr_expect_eq(rc, 0);
	cr_expect_eq(x.nr_exchanged, 128);
	for (unsigned int i = 0; i < 128; i++) {
		cr_expect_eq(m2p_get(mfn(out[i / 64] + i % 64)), 500 + i);
		cr_expect_eq(frame_of(mfn(out[i / 64] + i % 64))->owner, 1);
	}
	cr_expect_eq(alloc_free_count(), before);
	cr_expect_null(d1->vcpu[0]->exchange);
}

Test(memory_op, a_refused_exchange_is_undone_in_steps)
{
	struct xen_memory_exchange x = exchange(128, 0, 2, 6, 0);
	uint64_t before;
	long rc;

	fill_in(128);
	out[1] = 564;
	in[126] = memory_frame(d0, 1).n;
	before = alloc_free_count();
	world.preempt_every = 1;
	cr_expect_gt(exchange_in_steps(&x, &rc), 10);
	cr_expect_eq(rc, -XEN_EINVAL);
	cr_expect_eq(x.nr_exchanged, 64, "the first chunk was done");
	cr_expect_eq(out[1], 564);
	for (unsigned int i = 64; i < 128; i++) {
		if (i != 126) {
			cr_expect_eq(m2p_get(mfn(in[i])), 500 + i);
			cr_expect_eq(frame_of(mfn(in[i]))->owner, 1);
		}
	}
	cr_expect_eq(alloc_free_count(), before);
}

Test(memory_op, an_exchange_left_for_another_is_done_to_the_end_of_its_chunk)
{
	static xen_pfn_t more[64], whole[1] = { 700 };
	struct xen_memory_exchange x = exchange(128, 0, 2, 6, 0), y = exchange(64, 0, 1, 6, 0);

	fill_in(128);
	out[1] = 564;
	for (unsigned int i = 0; i < 64; i++) {
		more[i] = in[64 + i];
	}
	set_xen_guest_handle(y.in.extent_start, more);
	set_xen_guest_handle(y.out.extent_start, whole);
	world.preempt_every = 1;
	op(d1, XENMEM_exchange, &x);
	cr_assert(world.restarted);
	cr_assert_not_null(d1->vcpu[0]->exchange);
	do {
		world.restarted = false;
		op(d1, XENMEM_exchange, &y);
	} while (world.restarted);
	cr_expect_eq(x.nr_exchanged, 64);
	cr_expect_eq(m2p_get(mfn(out[0] + 63)), 563);
	cr_expect_eq(out[1], 564);
	cr_expect_eq(y.nr_exchanged, 64);
	cr_expect_eq(m2p_get(mfn(whole[0] + 63)), 763);
	cr_expect_eq(d1->pages.total, 128);
}

/* Any frame of d1. */
static mfn_t d1_some_frame(void)
{
	for (uint64_t n = ARENA_FIRST; n < ARENA_FRAMES; n++) {
		if (frame_table[n].owner == 1 && atomic_load(&frame_table[n].ref) & FR_ALLOCATED) {
			return mfn(n);
		}
	}
	return MFN_NONE;
}

/* Taken apart after so many steps of an exchange.  False: it was over by then. */
static bool abandon_after(unsigned int steps)
{
	struct xen_memory_exchange x = exchange(128, 0, 1, 7, 0);
	uint64_t before = alloc_free_count();
	bool half = true;
	char first[200];

	world.preempt_every = 1;
	for (unsigned int i = 0; i < steps && half; i++) {
		op(d1, XENMEM_exchange, &x);
		half = d1->vcpu[0]->exchange != NULL;
	}
	while (memory_exchange_abandon(d1->vcpu[0]) == -XEN_ERESTART) {
		cr_expect_eq(memory_audit(first), 0, "%s", first);
	}
	cr_expect_null(d1->vcpu[0]->exchange);
	cr_expect_eq(memory_audit(first), 0, "after %u steps: %s", steps, first);
	cr_expect_eq(d1->pages.total, 128);
	cr_expect_eq(alloc_free_count(), before);
	if (half) {
		cr_expect_eq(out[0], 500, "nobody is told anything");
	}
	return half;
}

Test(memory_op, an_abandoned_exchange_leaves_nothing)
{
	unsigned int steps;
	bool half = true;

	for (steps = 1; half; steps++) {
		fill_in(128);
		half = abandon_after(steps);
		while (d1->pages.total) {
			cr_assert_eq(dompages_release(d1, d1_some_frame()), 0);
		}
	}
	cr_expect_gt(steps, 10);
}

/* --- questions --- */

Test(memory_op, figures_of_a_domain)
{
	struct xen_memory_domain q = { .domid = DOMID_SELF };
	struct xen_machphys_mapping m;
	xen_pfn_t extents[4] = { 0 };
	struct xen_machphys_mfn_list l = { .max_extents = 4 };

	memory_frame(d1, 1);
	d1->shared->arch.max_pfn = 4711;
	cr_expect_eq(op(d1, XENMEM_current_reservation, &q), 1);
	cr_expect_eq(op(d1, XENMEM_maximum_reservation, &q), 1000);
	cr_expect_eq(op(d1, XENMEM_maximum_gpfn, &q), 4710);
	q.domid = 0;
	cr_expect_eq(op(d1, XENMEM_current_reservation, &q), -XEN_EPERM);
	q.domid = 7;
	cr_expect_eq(op(d0, XENMEM_current_reservation, &q), -XEN_ESRCH);
	cr_expect_eq(op(d1, XENMEM_maximum_ram_page, NULL), ARENA_FRAMES - 1);
	cr_expect_eq(op(d1, XENMEM_machphys_mapping, &m), 0);
	cr_expect_eq(m.v_start, 0xffff800000000000);
	cr_expect_eq(m.v_end, 0xffff804000000000);
	cr_expect_eq(m.max_mfn, ARENA_FRAMES - 1);
	set_xen_guest_handle(l.extent_start, extents);
	cr_expect_eq(op(d0, XENMEM_machphys_mfn_list, &l), 0);
	cr_expect_eq(l.nr_extents, 1);
	cr_expect_eq(op(d1, XENMEM_get_sharing_freed_pages, NULL), 0);
	cr_expect_eq(op(d1, XENMEM_get_sharing_shared_pages, NULL), 0);
	cr_expect_eq(op(d1, XENMEM_get_vnumainfo, NULL), -XEN_EOPNOTSUPP);
	cr_expect_eq(op(d1, XENMEM_add_to_physmap, NULL), -XEN_ENOSYS);
	cr_expect_eq(op(d1, XENMEM_remove_from_physmap, NULL), -XEN_ENOSYS);
	cr_expect_eq(op(d1, XENMEM_get_pod_target, NULL), -XEN_ENOSYS);
	cr_expect_eq(op(d1, 63, NULL), -XEN_ENOSYS);
}

struct e820 {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));

Test(memory_op, a_memory_map_is_laid_down_by_who_may)
{
	struct e820 map[32] = { { 0, 0x1000000, 1 }, { 0x1000000, 0x2000, 2 } },
		    got[4] = { { 0, 0, 0 } };
	struct xen_foreign_memory_map f = { .domid = 1, .map = { .nr_entries = 2 } };
	struct xen_memory_map q = { .nr_entries = 4 };

	set_xen_guest_handle(f.map.buffer, map);
	set_xen_guest_handle(q.buffer, got);
	cr_expect_eq(op(d1, XENMEM_memory_map, &q), -XEN_ENOSYS, "none yet");
	f.domid = 0;
	cr_expect_eq(op(d1, XENMEM_set_memory_map, &f), -XEN_EPERM, "another's");
	f.domid = 1;
	cr_expect_eq(op(d1, XENMEM_set_memory_map, &f), 0, "its own");
	cr_expect_eq(op(d0, XENMEM_set_memory_map, &f), 0);
	cr_expect_eq(op(d1, XENMEM_memory_map, &q), 0);
	cr_expect_eq(q.nr_entries, 2);
	cr_expect_eq(memcmp(got, map, 40), 0);
	q.nr_entries = 1;
	cr_expect_eq(op(d1, XENMEM_memory_map, &q), 0);
	cr_expect_eq(q.nr_entries, 1);
	f.map.nr_entries = 1;
	cr_expect_eq(op(d0, XENMEM_set_memory_map, &f), 0, "replaced");
	f.map.nr_entries = 17;
	cr_expect_eq(op(d0, XENMEM_set_memory_map, &f), -XEN_EINVAL);
	f.map.nr_entries = 2;
	f.map.buffer.p = NULL;
	cr_expect_eq(op(d0, XENMEM_set_memory_map, &f), -XEN_EFAULT);
	cr_expect_eq(d1->e820_count, 1);
}

Test(memory_op, the_machines_map_is_for_the_control_domain)
{
	struct e820 got[40];
	struct xen_memory_map q = { .nr_entries = 40 };

	set_xen_guest_handle(q.buffer, got);
	cr_expect_eq(op(d1, XENMEM_machine_memory_map, &q), -XEN_EPERM);
	cr_expect_eq(op(d0, XENMEM_machine_memory_map, &q), 0);
	cr_expect_eq(q.nr_entries, ARENA_FRAMES / 256);
	cr_expect_eq(got[0].type, 2);
	cr_expect_eq(got[2].addr, 0x200000);
}

Test(memory_op, claims_are_checked_and_hold)
{
	struct xen_memory_reservation r = { .nr_extents = 900, .domid = 1 };
	xen_pfn_t list[1] = { 0 };

	cr_expect_eq(op(d1, XENMEM_claim_pages, &r), -XEN_EPERM);
	cr_expect_eq(op(d0, XENMEM_claim_pages, &r), 0);
	cr_expect_eq(d1->pages.outstanding, 900);
	r.nr_extents = 0;
	cr_expect_eq(op(d0, XENMEM_claim_pages, &r), 0);
	cr_expect_eq(d1->pages.outstanding, 0);
	d1->pages.max = 1000000;
	r.nr_extents = 900000;
	cr_expect_eq(op(d0, XENMEM_claim_pages, &r), -XEN_ENOMEM);
	r.extent_order = 1;
	cr_expect_eq(op(d0, XENMEM_claim_pages, &r), -XEN_EINVAL);
	r.extent_order = 0;
	set_xen_guest_handle(r.extent_start, list);
	cr_expect_eq(op(d0, XENMEM_claim_pages, &r), -XEN_EINVAL);
}

Test(memory_op, grant_frames_can_be_acquired_by_a_builder)
{
	xen_pfn_t list[4] = { 0 };
	struct xen_mem_acquire_resource r = { .domid = 1, .type = XENMEM_resource_grant_table };

	cr_expect_eq(op(d0, XENMEM_acquire_resource, &r), 0);
	cr_expect_eq(r.nr_frames, 4, "its size");
	set_xen_guest_handle(r.frame_list, list);
	r.nr_frames = 2;
	cr_expect_eq(op(d1, XENMEM_acquire_resource, &r), -XEN_EPERM);
	cr_expect_eq(op(d0, XENMEM_acquire_resource, &r), 0);
	cr_expect_eq(list[0], virt_to_frame(d1->grants.shared[0]).n);
	cr_expect_eq(list[1], virt_to_frame(d1->grants.shared[1]).n);
	cr_expect_eq(d1->grants.frames, 2);
	r.frame = 3;
	cr_expect_eq(op(d0, XENMEM_acquire_resource, &r), -XEN_EINVAL);
	r.frame = ~0ULL;
	cr_expect_eq(op(d0, XENMEM_acquire_resource, &r), -XEN_EINVAL);
	r.frame = 0;
	r.id = XENMEM_resource_grant_table_id_status;
	cr_expect_eq(op(d0, XENMEM_acquire_resource, &r), -XEN_EINVAL);
	r.id = 0;
	r.type = XENMEM_resource_ioreq_server;
	cr_expect_eq(op(d0, XENMEM_acquire_resource, &r), -XEN_EOPNOTSUPP);
	r.pad = 1;
	cr_expect_eq(op(d0, XENMEM_acquire_resource, &r), -XEN_EINVAL);
	r.domid = 7;
	r.pad = 0;
	cr_expect_eq(op(d0, XENMEM_acquire_resource, &r), -XEN_ESRCH);
	cr_expect_eq(d1->grants.frames, 2);
}
