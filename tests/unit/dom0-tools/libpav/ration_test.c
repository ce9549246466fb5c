/* Rations: what passes in a burst, over time, and what is said of the rest. */
#include "dom0-tools/libpav/ration.h"

#include <criterion/criterion.h>

/* How many of `count` in a row pass at this moment. */
static unsigned int passing(struct ration *r, uint64_t now_ms, unsigned int count)
{
	unsigned int passed = 0, refused;

	for (unsigned int i = 0; i < count; i++) {
		passed += ration_take(r, now_ms, &refused);
	}
	return passed;
}

Test(ration, a_burst_passes_and_the_flood_behind_it_does_not)
{
	struct ration r = ration_start(20, 5000);

	cr_assert_eq(passing(&r, 5000, 100000), 20);
}

Test(ration, tokens_come_back_one_by_one_and_never_more_than_it_holds)
{
	struct ration r = ration_start(20, 0);

	passing(&r, 0, 20);
	cr_assert_eq(passing(&r, 2999, 5), 0);
	cr_assert_eq(passing(&r, 3000, 5), 1);
	cr_assert_eq(passing(&r, 8999, 5), 1, "the time after the last token counts");
	cr_assert_eq(passing(&r, 9000, 5), 1);
	cr_assert_eq(passing(&r, 3600000, 1000), 20);
}

Test(ration, an_hour_of_flood_is_so_many_a_minute)
{
	struct ration r = ration_start(20, 0);
	unsigned int passed = 0;

	for (uint64_t ms = 0; ms < 3600000; ms += 7) {
		passed += passing(&r, ms, 3);
	}
	cr_assert(passed >= 20 * 60 && passed <= 20 * 61, "%u", passed);
}

Test(ration, the_next_that_passes_learns_how_many_did_not)
{
	struct ration r = ration_start(2, 0);
	unsigned int refused;

	passing(&r, 0, 9);
	cr_assert(ration_take(&r, 30000, &refused));
	cr_assert_eq(refused, 7);
	cr_assert_not(ration_take(&r, 30000, &refused));
	cr_assert(ration_take(&r, 60000, &refused));
	cr_assert_eq(refused, 1);
	cr_assert(ration_take(&r, 600000, &refused));
	cr_assert_eq(refused, 0);
}

Test(ration, none_is_no_limit)
{
	struct ration r = { 0 };

	cr_assert_eq(passing(&r, 0, 1000), 1000);
}
