/* Counting nodes for their owners. */
#include "xenstore-like/quota.h"

#include <criterion/criterion.h>

static struct quota q;
static struct quota_delta d;

static void setup(void)
{
	quota_init(&q);
	quota_delta_init(&d);
}

TestSuite(quota, .init = setup);

Test(quota, a_delta_counts_only_once_applied)
{
	quota_delta_add(&d, 3, 5);
	quota_delta_add(&d, 3, -2);
	cr_assert_eq(q.nodes[3], 0);
	quota_apply(&q, &d);
	cr_assert_eq(q.nodes[3], 3);
	quota_apply(&q, &d);
	cr_assert_eq(q.nodes[3], 3, "a delta counts once");
}

Test(quota, the_limit_is_exact_and_includes_the_delta)
{
	q.nodes[4] = q.limit.nodes - 3;
	quota_delta_add(&d, 4, 2);
	cr_assert(quota_nodes_fit(&q, &d, 4, 1));
	cr_assert_not(quota_nodes_fit(&q, &d, 4, 2));
	quota_delta_add(&d, 4, -1);
	cr_assert(quota_nodes_fit(&q, &d, 4, 2));
	quota_delta_free(&d);
}

Test(quota, a_delta_holds_many_owners)
{
	for (unsigned int i = 0; i < 1000; i++) {
		quota_delta_add(&d, i, i);
		quota_delta_add(&d, i, 1);
	}
	quota_apply(&q, &d);
	for (unsigned int i = 0; i < 1000; i++) {
		cr_assert_eq(q.nodes[i], i + 1);
	}
}
