/* The console ring against a guest that writes whatever it likes into the page. */
#include "dom0-tools/console/ring.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct xencons_interface r;

static void guest_says(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		r.out[MASK_XENCONS_IDX(r.out_prod, r.out)] = s[i];
		r.out_prod++;
	}
}

Test(ring, bytes_come_out_once_and_in_order)
{
	char got[100];

	memset(&r, 0, sizeof(r));
	guest_says("hello", 5);
	cr_assert_eq(conring_read(&r, got, sizeof(got)), 5);
	cr_assert_eq(memcmp(got, "hello", 5), 0);
	cr_assert_eq(conring_read(&r, got, sizeof(got)), 0);
	cr_assert_eq(r.out_cons, 5);
}

Test(ring, indices_wrap_at_32_bits)
{
	char got[8];

	memset(&r, 0, sizeof(r));
	r.out_cons = r.out_prod = UINT32_MAX - 2;
	guest_says("abcdef", 6);
	cr_assert_eq(conring_read(&r, got, 4), 4);
	cr_assert_eq(conring_read(&r, got + 4, 4), 2);
	cr_assert_eq(memcmp(got, "abcdef", 6), 0);
	r.in_cons = r.in_prod = UINT32_MAX;
	cr_assert_eq(conring_write(&r, "xy", 2), 2);
	cr_assert_eq(r.in_prod, 1);
	cr_assert_eq(r.in[MASK_XENCONS_IDX(UINT32_MAX, r.in)], 'x');
	cr_assert_eq(r.in[0], 'y');
}

Test(ring, a_full_ring_is_read_whole_and_an_overfull_one_dropped)
{
	char got[sizeof(r.out) + 1];

	memset(&r, 0, sizeof(r));
	r.out_prod = sizeof(r.out);
	cr_assert_eq(conring_read(&r, got, sizeof(got)), sizeof(r.out));
	r.out_prod = r.out_cons + sizeof(r.out) + 1;
	cr_assert_eq(conring_read(&r, got, sizeof(got)), 0);
	cr_assert_eq(r.out_cons, r.out_prod);
	guest_says("again", 5);
	cr_assert_eq(conring_read(&r, got, sizeof(got)), 5);
}

Test(ring, writing_stops_when_the_guest_does_not_read)
{
	char data[3000];

	memset(&r, 0, sizeof(r));
	memset(data, 'x', sizeof(data));
	cr_assert_eq(conring_write(&r, data, sizeof(data)), sizeof(r.in));
	cr_assert_eq(conring_write(&r, data, 1), 0);
	r.in_cons = 10;
	cr_assert_eq(conring_write(&r, data, sizeof(data)), 10);
	/* A consumer ahead of its producer: the ring counts as full. */
	r.in_cons = r.in_prod + 1;
	cr_assert_eq(conring_write(&r, data, sizeof(data)), 0);
}

Test(ring, random_indices_stay_inside)
{
	struct xencons_interface *page =
		malloc(sizeof(*page)); /* so that the sanitizer guards its ends */
	unsigned int seed = 3;
	char data[4096];

	memset(page, 0, sizeof(*page));
	for (int i = 0; i < 100000; i++) {
		uint32_t *idx[] = { &page->in_cons, &page->in_prod, &page->out_cons,
				    &page->out_prod };

		*idx[rand_r(&seed) % 4] = (uint32_t)rand_r(&seed) * 2654435761u;
		cr_assert_leq(conring_read(page, data, sizeof(data)), sizeof(page->out));
		cr_assert_leq(conring_write(page, data, sizeof(data)), sizeof(page->in));
	}
	free(page);
}
