/* Small objects: zeroed, aligned, apart from one another, and all given back. */
#include "mm/pool.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/hypervisor/mm/world.h"

TestSuite(pool, .init = world_start, .fini = world_stop);

Test(pool, random_sequences_keep_objects_apart_and_give_everything_back)
{
	static struct {
		uint8_t *p;
		size_t size;
		uint8_t fill;
	} o[600];
	uint64_t free = alloc_free_count();
	unsigned int n = 0;

	rnd_seed(5);
	for (int step = 0; step < 30000; step++) {
		if (n && (n == ARRAY_SIZE(o) || rnd(2))) {
			unsigned int i = rnd(n);

			for (size_t k = 0; k < o[i].size; k++) {
				cr_assert_eq(o[i].p[k], o[i].fill);
			}
			pool_free(o[i].p);
			o[i] = o[--n];
		} else {
			size_t size = rnd(20) ? rnd(300) : rnd(20000);

			o[n].p = pool_alloc(size);
			cr_assert_not_null(o[n].p);
			cr_assert_eq((uintptr_t)o[n].p % 16, 0);
			o[n].size = size;
			o[n].fill = (uint8_t)rnd(256);
			for (size_t k = 0; k < size; k++) {
				cr_assert_eq(o[n].p[k], 0);
			}
			memset(o[n].p, o[n].fill, size);
			n++;
		}
	}
	while (n--) {
		pool_free(o[n].p);
	}
	cr_assert_eq(alloc_free_count(), free);
}

Test(pool, sizes_around_each_class_fit)
{
	for (size_t size = 0; size < 9000; size++) {
		uint8_t *p = pool_alloc(size);

		memset(p, 0xff, size);
		pool_free(p);
	}
	pool_free(NULL);
}

Test(pool, says_when_there_is_no_memory)
{
	unsigned int n = 0;

	while (pool_alloc(1000)) {
		n++;
	}
	cr_assert_gt(n, 4 * 1900);
	cr_assert_null(pool_alloc(5000));
	cr_assert_null(pool_alloc(1ULL << 40));
}

Test(pool, freeing_inside_an_object_is_caught, .signal = SIGABRT)
{
	pool_free((char *)pool_alloc(128) + 16);
}
