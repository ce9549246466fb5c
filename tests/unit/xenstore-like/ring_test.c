/* The shared page: bytes arrive in order whatever the indices are, and lies are refused. */
#include "xenstore-like/ring.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xs_wire.h>

static struct xenstore_domain_interface page;
static struct ring ring;

/* What a frontend does: put bytes as they fit. */
static size_t guest_put(const char *from, size_t len)
{
	size_t done = 0;

	while (done < len && page.req_prod - page.req_cons < XENSTORE_RING_SIZE) {
		page.req[MASK_XENSTORE_IDX(page.req_prod)] = from[done++];
		page.req_prod++;
	}
	return done;
}

static size_t guest_take(char *to, size_t room)
{
	size_t done = 0;

	while (done < room && page.rsp_prod != page.rsp_cons) {
		to[done++] = page.rsp[MASK_XENSTORE_IDX(page.rsp_cons)];
		page.rsp_cons++;
	}
	return done;
}

static void start_at(uint32_t index)
{
	memset(&page, 0, sizeof(page));
	page.req_cons = page.req_prod = page.rsp_cons = page.rsp_prod = index;
	ring_attach(&ring, &page);
}

Test(ring, random_pieces_arrive_whole_and_in_order_across_the_wrap)
{
	char sent[20000], got[20000];
	size_t in = 0, out = 0;

	srand(2);
	/* The 32-bit indices themselves wrap too. */
	start_at(UINT32_MAX - 5000);
	for (size_t i = 0; i < sizeof(sent); i++) {
		sent[i] = (char)rand();
	}
	while (out < sizeof(got)) {
		size_t room = (size_t)rand() % 700;
		int n;

		in += guest_put(sent + in, (size_t)rand() % (sizeof(sent) - in + 1));
		n = ring_read(&ring, got + out,
			      room < sizeof(got) - out ? room : sizeof(got) - out);
		cr_assert_geq(n, 0);
		out += (size_t)n;
		/* The space comes back only with the release. */
		cr_assert_eq(ring_release(&ring), n > 0);
		cr_assert_not(ring_release(&ring));
	}
	cr_assert_arr_eq(got, sent, sizeof(sent));
	cr_assert_eq(ring_read(&ring, got, sizeof(got)), 0);
}

Test(ring, answers_arrive_whole_and_in_order_across_the_wrap)
{
	char sent[20000], got[20000];
	size_t in = 0, out = 0;

	srand(3);
	start_at(UINT32_MAX - 5000);
	for (size_t i = 0; i < sizeof(sent); i++) {
		sent[i] = (char)rand();
	}
	while (out < sizeof(got)) {
		int n = ring_write(&ring, sent + in, (size_t)rand() % (sizeof(sent) - in + 1));

		cr_assert_geq(n, 0);
		in += (size_t)n;
		out += guest_take(got + out, (size_t)rand() % 700);
		if (out > sizeof(got)) {
			break;
		}
	}
	cr_assert_arr_eq(got, sent, sizeof(sent));
}

Test(ring, a_full_ring_takes_nothing_more)
{
	char bytes[XENSTORE_RING_SIZE + 1] = { 0 };

	start_at(77);
	cr_assert_eq(ring_write(&ring, bytes, sizeof(bytes)), XENSTORE_RING_SIZE);
	cr_assert_eq(ring_write(&ring, bytes, 1), 0);
	page.rsp_cons++;
	cr_assert_eq(ring_write(&ring, bytes, 2), 1);
}

Test(ring, impossible_indices_are_refused_and_nothing_moves)
{
	char bytes[64] = { 0 };

	start_at(0);
	page.req_prod = XENSTORE_RING_SIZE + 1;
	cr_assert_eq(ring_read(&ring, bytes, sizeof(bytes)), -EIO);
	cr_assert_not(ring_release(&ring));
	page.req_prod = UINT32_MAX;
	cr_assert_eq(ring_read(&ring, bytes, sizeof(bytes)), -EIO);
	page.rsp_cons = 1;
	cr_assert_eq(ring_write(&ring, bytes, sizeof(bytes)), -EIO);
	cr_assert_eq(page.rsp_prod, 0);
	page.rsp_cons = (uint32_t) - (XENSTORE_RING_SIZE + 1);
	cr_assert_eq(ring_write(&ring, bytes, sizeof(bytes)), -EIO);
}

Test(ring, our_own_indices_are_not_taken_from_the_page)
{
	char bytes[64];

	start_at(100);
	cr_assert_eq(guest_put("abcd", 4), 4);
	page.req_cons = 7;
	page.rsp_prod = 7;
	cr_assert_eq(ring_read(&ring, bytes, sizeof(bytes)), 4);
	cr_assert_arr_eq(bytes, "abcd", 4);
	cr_assert_eq(ring_write(&ring, "x", 1), 1);
	cr_assert_eq(page.rsp_prod, 101);
	cr_assert(ring_release(&ring));
	cr_assert_eq(page.req_cons, 104);
}

Test(ring, random_garbage_in_the_indices_never_moves_more_than_a_ring)
{
	char bytes[XENSTORE_PAYLOAD_MAX];

	srand(4);
	memset(bytes, 0, sizeof(bytes));
	start_at(0);
	for (int i = 0; i < 20000; i++) {
		int n;

		page.req_prod = ring.req_cons + (uint32_t)(rand() % 2100) - 10;
		page.rsp_cons = ring.rsp_prod - (uint32_t)(rand() % 2100) + 10;
		page.req_cons = (uint32_t)rand();
		page.rsp_prod = (uint32_t)rand();
		n = ring_read(&ring, bytes, sizeof(bytes));
		cr_assert(n == -EIO || (n >= 0 && n <= XENSTORE_RING_SIZE));
		n = ring_write(&ring, bytes, sizeof(bytes));
		cr_assert(n == -EIO || (n >= 0 && n <= XENSTORE_RING_SIZE));
	}
}
