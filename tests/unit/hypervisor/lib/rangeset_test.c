/* Range sets against a plain array of flags, in random sequences. */
#include "lib/rangeset.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define UNIVERSE 64

static void check_same(const struct rangeset *s, const bool *model)
{
	for (unsigned int i = 0; i < UNIVERSE; i++) {
		cr_assert_eq(rangeset_contains(s, i, i), model[i]);
	}
	for (unsigned int i = 0; i < s->count; i++) {
		cr_assert(s->range[i].first <= s->range[i].last);
		cr_assert(!i || s->range[i - 1].last + 1 < s->range[i].first, "ranges touch");
	}
}

static bool all(const bool *m, unsigned int a, unsigned int b)
{
	for (; a <= b; a++) {
		if (!m[a]) {
			return false;
		}
	}
	return true;
}

static bool any(const bool *m, unsigned int a, unsigned int b)
{
	for (; a <= b; a++) {
		if (m[a]) {
			return true;
		}
	}
	return false;
}

Test(rangeset, random_sequences_agree_with_an_array_of_flags)
{
	struct range room[UNIVERSE];
	struct rangeset s;
	bool model[UNIVERSE] = { false };

	srand(1);
	rangeset_init(&s, room, UNIVERSE);
	for (int step = 0; step < 20000; step++) {
		unsigned int a = (unsigned)rand() % UNIVERSE, b = (unsigned)rand() % UNIVERSE;
		bool add = rand() & 1;

		if (rand() & 1 && a + 3 < UNIVERSE) {
			b = a + (unsigned)rand() % 3;
		}
		cr_assert_eq(add ? rangeset_add(&s, a, b) : rangeset_remove(&s, a, b), a <= b);
		for (unsigned int i = a; i <= b; i++) {
			model[i] = add;
		}
		check_same(&s, model);
		if (a <= b) {
			cr_assert_eq(rangeset_contains(&s, a, b), all(model, a, b));
			cr_assert_eq(rangeset_overlaps(&s, a, b), any(model, a, b));
		}
	}
}

Test(rangeset, refuses_without_change_when_full)
{
	struct range room[2];
	struct rangeset s;

	rangeset_init(&s, room, 2);
	cr_assert(rangeset_add(&s, 0, 9));
	cr_assert(rangeset_add(&s, 20, 29));
	cr_assert_not(rangeset_add(&s, 15, 15));
	cr_assert_not(rangeset_remove(&s, 5, 5));
	cr_assert(rangeset_contains(&s, 0, 9) && rangeset_contains(&s, 20, 29));
	cr_assert(rangeset_add(&s, 10, 19), "joins both");
	cr_assert(rangeset_contains(&s, 0, 29));
	cr_assert_eq(s.count, 1);
}

Test(rangeset, the_ends_of_the_number_line)
{
	struct range room[4];
	struct rangeset s;

	rangeset_init(&s, room, 4);
	cr_assert(rangeset_add(&s, UINT64_MAX, UINT64_MAX));
	cr_assert(rangeset_add(&s, 0, 0));
	cr_assert_eq(s.count, 2);
	cr_assert(rangeset_add(&s, 0, UINT64_MAX));
	cr_assert_eq(s.count, 1);
	cr_assert(rangeset_remove(&s, 1, UINT64_MAX - 1));
	cr_assert_eq(s.count, 2);
	cr_assert(rangeset_remove(&s, 0, UINT64_MAX));
	cr_assert_eq(s.count, 0);
	cr_assert_not(rangeset_contains(&s, 5, 4));
	cr_assert_not(rangeset_overlaps(&s, 5, 4));
}
