/* See grant_world.h. */
#include "tests/unit/hypervisor/core/grant_world.h"

struct domain *d0, *d1, *d2;
mfn_t page;

void grant_world_start(unsigned int vcpus)
{
	world_start();
	memory_start();
	d0 = world.domain[0];
	d1 = memory_domain(1, vcpus, 1000);
	d2 = memory_domain(2, 1, 1000);
	memory_lend_shared(d0);
	memory_lend_shared(d1);
	memory_lend_shared(d2);
	page = memory_frame(d1, 0x11);
}

void grant_world_audit(void)
{
	char first[200];
	long wrong = memory_audit(first);

	cr_assert_eq(wrong, 0, "%ld findings, first: %s", wrong, first);
}

void grant_world_end(void)
{
	cr_expect_eq(atomic_load(&d0->refs), 1);
	cr_expect_eq(atomic_load(&d1->refs), 1);
	cr_expect_eq(atomic_load(&d2->refs), 1);
	cr_expect_eq(d0->grants.maps, 0);
	cr_expect_eq(d1->grants.uses + d2->grants.uses, 0);
	grant_world_audit();
}
