/* Ring consumption: notification rules, copies, and indices a hostile frontend may write. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "backends/common/ring.h"

#define SLOT 16u

static _Alignas(64) uint8_t page[4096];

static struct ring fresh(void)
{
	struct ring r;

	memset(page, 0, sizeof(page));
	ring_attach(&r, page, sizeof(page), SLOT);
	return r;
}

static void set_prod(struct ring *r, uint32_t prod)
{
	r->shared->req_prod = prod;
}

Test(ring, slot_counts_are_those_of_the_protocols)
{
	cr_assert_eq(ring_slots(4096, 112), 32);
	cr_assert_eq(ring_slots(8 * 4096, 112), 256);
	cr_assert_eq(ring_slots(4096, 12), 256);
	cr_assert_eq(ring_slots(4096, 8), 256);
}

Test(ring, requests_are_taken_in_order_and_wrap)
{
	struct ring r = fresh();
	uint32_t count, got;

	for (uint32_t i = 0; i < 3 * r.size; i++) {
		memcpy(r.shared->slots + (i % r.size) * SLOT, &i, sizeof(i));
		set_prod(&r, i + 1);
		cr_assert_eq(ring_pending(&r, &count), 0);
		cr_assert_eq(count, 1);
		ring_take(&r, &got, sizeof(got));
		cr_assert_eq(got, i);
		ring_put(&r, &got, sizeof(got));
		ring_push(&r);
	}
}

Test(ring, producer_beyond_the_ring_is_refused)
{
	struct ring r = fresh();
	uint32_t count;

	set_prod(&r, r.size);
	cr_assert_eq(ring_pending(&r, &count), 0);
	cr_assert_eq(count, r.size);
	set_prod(&r, r.size + 1);
	cr_assert_eq(ring_pending(&r, &count), -EPROTO);
}

Test(ring, producer_behind_the_consumer_is_refused)
{
	struct ring r = fresh();
	uint32_t count, got;

	set_prod(&r, 3);
	ring_take(&r, &got, sizeof(got));
	ring_take(&r, &got, sizeof(got));
	set_prod(&r, 1);
	cr_assert_eq(ring_pending(&r, &count), -EPROTO);
}

Test(ring, unanswered_requests_count_against_the_ring)
{
	struct ring r = fresh();
	uint32_t count, got;

	set_prod(&r, r.size);
	ring_take(&r, &got, sizeof(got));
	set_prod(&r, r.size + 1); /* would overwrite a request not answered */
	cr_assert_eq(ring_pending(&r, &count), -EPROTO);
	ring_put(&r, &got, sizeof(got));
	cr_assert_eq(ring_pending(&r, &count), 0);
}

Test(ring, indices_wrap_around_at_two_to_the_32)
{
	struct ring r;
	uint32_t count;

	memset(page, 0, sizeof(page));
	((struct ring_shared *)page)->rsp_prod = 0xfffffffe;
	ring_attach(&r, page, sizeof(page), SLOT);
	set_prod(&r, 3);
	cr_assert_eq(ring_pending(&r, &count), 0);
	cr_assert_eq(count, 5);
	set_prod(&r, 0xfffffffd);
	cr_assert_eq(ring_pending(&r, &count), -EPROTO);
}

Test(ring, arming_sees_what_slipped_in)
{
	struct ring r = fresh();

	cr_assert(!ring_arm(&r));
	cr_assert_eq(r.shared->req_event, 1);
	set_prod(&r, 1);
	cr_assert(ring_arm(&r));
	cr_assert(!ring_arm_for(&r, 2));
	cr_assert_eq(r.shared->req_event, 2);
	set_prod(&r, 2);
	cr_assert(ring_arm_for(&r, 2));
	set_prod(&r, 5000);
	cr_assert(ring_arm(&r), "a bad index is for ring_pending() to report, not to sleep on");
}

Test(ring, frontend_is_told_only_if_it_asked)
{
	struct ring r = fresh();
	uint32_t rsp = 0;

	cr_assert(!ring_push(&r), "nothing to publish");
	r.shared->rsp_event = 1;
	ring_put(&r, &rsp, sizeof(rsp));
	cr_assert_eq(r.shared->rsp_prod, 0, "not published yet");
	cr_assert(ring_push(&r));
	cr_assert_eq(r.shared->rsp_prod, 1);
	ring_put(&r, &rsp, sizeof(rsp));
	cr_assert(!ring_push(&r), "rsp_event was passed already");
	r.shared->rsp_event = 4;
	ring_put(&r, &rsp, sizeof(rsp));
	cr_assert(!ring_push(&r));
	ring_put(&r, &rsp, sizeof(rsp));
	ring_put(&r, &rsp, sizeof(rsp));
	cr_assert(ring_push(&r), "the batch passes rsp_event");
}

/* The shared indices may hold anything at any time: no access leaves the page (the sanitizer
 * watches), and what is pending never exceeds the ring. */
Test(ring, random_hostile_indices)
{
	unsigned int seed = 1;
	uint8_t *heap = aligned_alloc(64, 4096);
	struct ring r;

	memset(heap, 0xa5, 4096);
	ring_attach(&r, heap, 4096, SLOT);
	for (int i = 0; i < 300000; i++) {
		uint32_t count, near = (uint32_t)rand_r(&seed) % 600;
		uint8_t copy[SLOT];

		r.shared->req_prod = rand_r(&seed) % 2 ? r.req_cons + near - 20
						       : (uint32_t)rand_r(&seed) * 2654435761u;
		r.shared->rsp_event = (uint32_t)rand_r(&seed);
		if (ring_pending(&r, &count)) {
			continue;
		}
		cr_assert_leq(count, r.size);
		cr_assert_leq(r.req_cons + count - r.rsp_prod, r.size);
		for (count = count ? (uint32_t)rand_r(&seed) % count : 0; count; count--) {
			ring_take(&r, copy, sizeof(copy));
		}
		while (r.rsp_prod != r.req_cons && rand_r(&seed) % 4) {
			ring_put(&r, copy, sizeof(copy));
		}
		r.shared->rsp_prod = (uint32_t)rand_r(&seed);
		ring_push(&r);
		ring_arm(&r);
	}
	free(heap);
}
