/* Lists and bitmaps: small enough to be read, used everywhere, so tested all the same. */
#include "lib/list.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "lib/bitmap.h"

struct item {
	int n;
	struct list link;
};

Test(list, keeps_order_and_gives_up_elements)
{
	struct list head = LIST_INIT(head), *l, *after;
	struct item item[6];
	int expect = 0;

	for (int i = 0; i < 6; i++) {
		item[i].n = i;
	}
	for (int i = 3; i < 6; i++) {
		list_add_tail(&head, &item[i].link);
	}
	for (int i = 2; i >= 0; i--) {
		list_add(&head, &item[i].link);
	}
	list_for_each(l, &head)
	{
		cr_assert_eq(list_entry(l, struct item, link)->n, expect++);
	}
	cr_assert_eq(expect, 6);
	list_for_each_safe(l, after, &head)
	{
		if (list_entry(l, struct item, link)->n % 2) {
			list_del(l);
		}
	}
	expect = 0;
	list_for_each(l, &head)
	{
		cr_assert_eq(list_entry(l, struct item, link)->n, expect);
		expect += 2;
	}
	cr_assert(list_empty(&item[1].link));
	cr_assert_not(list_empty(&head));
}

Test(bitmap, finds_bits_as_a_plain_search_does)
{
	enum { BITS = 200 };
	uint64_t map[BITMAP_WORDS(BITS)] = { 0 };

	srand(3);
	for (int step = 0; step < 2000; step++) {
		size_t bit = (size_t)rand() % BITS, from = (size_t)rand() % (BITS + 10), set, clear,
		       n = 0;

		if (rand() % 3) {
			bitmap_set(map, bit);
			cr_assert(bitmap_test(map, bit));
		} else {
			bitmap_clear(map, bit);
			cr_assert_not(bitmap_test(map, bit));
		}
		for (set = from; set < BITS && !bitmap_test(map, set); set++) {
		}
		for (clear = from; clear < BITS && bitmap_test(map, clear); clear++) {
		}
		for (size_t i = 0; i < BITS; i++) {
			n += bitmap_test(map, i);
		}
		cr_assert_eq(bitmap_next_set(map, BITS, from), set < BITS ? set : BITS);
		cr_assert_eq(bitmap_next_clear(map, BITS, from), clear < BITS ? clear : BITS);
		cr_assert_eq(bitmap_count(map, BITS), n);
	}
}
