/* Locks: order and holder are checked, tickets are served in turn. */
#include "base/lock.h"

#include <criterion/criterion.h>

#include "tests/unit/hypervisor/mm/world.h"

TestSuite(lock, .init = world_start, .fini = world_stop);

static struct spinlock domain = SPINLOCK_INIT(LOCK_DOMAIN), grant = SPINLOCK_INIT(LOCK_GRANT),
		       grant2 = SPINLOCK_INIT(LOCK_GRANT), heap = SPINLOCK_INIT(LOCK_HEAP),
		       heap2 = SPINLOCK_INIT(LOCK_HEAP);

Test(lock, downward_order_and_two_grant_tables_are_fine)
{
	spin_lock(&domain);
	spin_lock(&grant);
	spin_lock(&grant2);
	spin_lock(&heap);
	cr_assert_eq(spin_held_count(), 4);
	cr_assert(spin_held(&grant) && spin_held(&heap));
	spin_unlock(&grant);
	spin_unlock(&domain);
	spin_unlock(&heap);
	spin_unlock(&grant2);
	cr_assert_eq(spin_held_count(), 0);
	cr_assert_not(spin_held(&grant));
}

Test(lock, upward_order_panics, .signal = SIGABRT)
{
	spin_lock(&heap);
	spin_lock(&grant);
}

Test(lock, two_of_a_kind_that_has_no_order_panic, .signal = SIGABRT)
{
	spin_lock(&heap);
	spin_lock(&heap2);
}

Test(lock, releasing_what_is_not_held_panics, .signal = SIGABRT)
{
	spin_unlock(&heap);
}

Test(lock, trylock_takes_a_free_lock_only)
{
	cr_assert(spin_trylock(&heap));
	cr_assert_not(spin_trylock(&heap));
	cr_assert(spin_held(&heap));
	cpu_fake.current = 1;
	cr_assert_not(spin_trylock(&heap));
	cr_assert_not(spin_held(&heap));
	cpu_fake.current = 0;
	spin_unlock(&heap);
	cr_assert(spin_trylock(&heap));
}

static void other_cpu_releases(void)
{
	if (cpu_fake.relaxed == 5) {
		cpu_fake.current = 1;
		spin_unlock(&heap);
		cpu_fake.current = 0;
	}
}

Test(lock, a_waiter_relaxes_until_its_turn)
{
	cpu_fake.current = 1;
	spin_lock(&heap);
	cpu_fake.current = 0;
	cpu_fake.on_relax = other_cpu_releases;
	spin_lock(&heap);
	cr_assert(spin_held(&heap));
	cr_assert_eq(cpu_fake.relaxed, 5);
}

Test(lock, tickets_wrap_round)
{
	for (int i = 0; i < 70000; i++) {
		spin_lock(&heap);
		spin_unlock(&heap);
	}
	cr_assert_not(spin_held(&heap));
}
