/* The record of refusals: what goes in, in which order it comes out, and who may ask. */
#include "tests/unit/hypervisor/sched/machine.h"

#include <string.h>

#include <criterion/criterion.h>

#include <xen/errno.h>

#include "base/refuse.h"

#define VA(p) ((uint64_t)(uintptr_t)(p))

static struct domain *control, *guest;
static struct pavane_refusal got[PAVANE_REFUSALS + 4];

static void be(struct domain *d)
{
	machine.current[machine.cpu] = d->vcpu[0];
}

static void be_vcpu(unsigned int id)
{
	machine.current[machine.cpu] = guest->vcpu[id];
}

static void start(void)
{
	machine_start(1, "credit");
	control = machine_domain(0, 1);
	guest = machine_domain(1, 2);
	be(guest);
}

/* How many records come back; total is what the hypervisor says there were in all. */
static unsigned int ask(domid_t id, unsigned int room, uint64_t *total)
{
	struct pavane_refusals req = { .domid = id, .count = room, .records = VA(got) };

	memset(got, 0xee, sizeof(got));
	cr_assert_eq(do_pavane_op(PAVANE_OP_refusals, VA(&req), 0, 0, 0), 0);
	*total = req.total;
	return req.count;
}

Test(refusals, says_who_was_refused_what_and_why)
{
	uint64_t total;

	start();
	machine.call = __HYPERVISOR_mmu_update;
	machine.op = 0x77;
	machine.now = 12345;
	cr_assert_eq(refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, 0x1234), -XEN_EINVAL);
	cr_assert_eq(ask(DOMID_SELF, PAVANE_REFUSALS, &total), 1);
	cr_assert_eq(total, 1);
	cr_assert_eq(got[0].time, 12345);
	cr_assert_eq(got[0].value, 0x1234);
	cr_assert_eq(got[0].status, -XEN_EINVAL);
	cr_assert_eq(got[0].reason, REASON_FRAME_NOT_OWNED);
	cr_assert_eq(got[0].vcpu, 0);
	cr_assert_eq(got[0].call, __HYPERVISOR_mmu_update);
	cr_assert_eq(got[0].op, 0x77);
	cr_assert_eq(got[0].times, 1);
}

Test(refusals, equal_ones_in_a_row_take_one_place)
{
	uint64_t total;

	start();
	for (unsigned int i = 0; i < 1000; i++) {
		machine.now = (ns_t)i;
		refuse_at(-XEN_ESRCH, REASON_NO_SUCH_DOMAIN, i);
	}
	refuse(-XEN_EPERM, REASON_NO_SUCH_DOMAIN);
	cr_assert_eq(ask(DOMID_SELF, PAVANE_REFUSALS, &total), 2);
	cr_assert_eq(total, 1001);
	cr_assert_eq(got[0].times, 1000);
	cr_assert_eq(got[0].value, 999);
	cr_assert_eq(got[0].time, 999);
	cr_assert_eq(got[1].times, 1);
}

Test(refusals, the_newest_are_kept_and_come_oldest_first)
{
	uint64_t total;

	start();
	for (unsigned int i = 0; i < 40; i++) {
		machine.op = i;
		refuse(-XEN_EINVAL, REASON_BAD_FLAGS);
	}
	cr_assert_eq(ask(DOMID_SELF, PAVANE_REFUSALS + 4, &total), PAVANE_REFUSALS);
	cr_assert_eq(total, 40);
	for (unsigned int i = 0; i < PAVANE_REFUSALS; i++) {
		cr_assert_eq(got[i].op, 40 - PAVANE_REFUSALS + i);
	}
	/* With less room it is the newest that are told. */
	cr_assert_eq(ask(DOMID_SELF, 3, &total), 3);
	cr_assert_eq(got[0].op, 37);
	cr_assert_eq(got[2].op, 39);
	cr_assert_eq(got[3].op, 0xeeeeeeee, "written beyond the room given");
	cr_assert_eq(ask(DOMID_SELF, 0, &total), 0);
}

Test(refusals, the_caller_may_be_told_another_errno)
{
	uint64_t total;

	start();
	refuse(-XEN_EBUSY, REASON_FRAME_OTHER_USE);
	cr_assert_eq(refuse_as(-XEN_EINVAL), -XEN_EINVAL);
	ask(DOMID_SELF, 1, &total);
	cr_assert_eq(got[0].status, -XEN_EINVAL);
	cr_assert_eq(got[0].reason, REASON_FRAME_OTHER_USE);
	cr_assert_eq(total, 1);
}

Test(refusals, another_vcpu_may_be_refused_before_the_caller_is_told)
{
	uint64_t total;

	start();
	refuse(-XEN_EBUSY, REASON_FRAME_OTHER_USE);
	be_vcpu(1);
	refuse(-XEN_EPERM, REASON_NOT_CONTROLLED);
	be_vcpu(0);
	refuse_as(-XEN_EINVAL);
	be_vcpu(1);
	refuse_as(-XEN_ENOENT);
	be_vcpu(0);
	cr_assert_eq(ask(DOMID_SELF, 4, &total), 2);
	cr_expect_eq(got[0].vcpu, 0);
	cr_expect_eq(got[0].status, -XEN_EINVAL);
	cr_expect_eq(got[1].vcpu, 1);
	cr_expect_eq(got[1].status, -XEN_ENOENT);
}

/* Its record is another's by then, which stays as it is. */
Test(refusals, a_record_that_is_gone_is_not_amended)
{
	uint64_t total;

	start();
	refuse(-XEN_EBUSY, REASON_FRAME_OTHER_USE);
	be_vcpu(1);
	for (unsigned int i = 0; i < PAVANE_REFUSALS - 1; i++) {
		machine.op = i;
		refuse(-XEN_EPERM, REASON_NOT_CONTROLLED);
	}
	be_vcpu(0);
	refuse_as(-XEN_EINVAL);
	cr_assert_eq(ask(DOMID_SELF, PAVANE_REFUSALS, &total), PAVANE_REFUSALS);
	cr_expect_eq(got[0].status, -XEN_EINVAL, "the oldest, but still there");
	be_vcpu(1);
	machine.op = PAVANE_REFUSALS;
	refuse(-XEN_EPERM, REASON_NOT_CONTROLLED);
	be_vcpu(0);
	refuse_as(-XEN_E2BIG);
	cr_assert_eq(ask(DOMID_SELF, PAVANE_REFUSALS, &total), PAVANE_REFUSALS);
	for (unsigned int i = 0; i < PAVANE_REFUSALS; i++) {
		cr_expect_eq(got[i].vcpu, 1);
		cr_expect_eq(got[i].status, -XEN_EPERM);
	}
}

Test(refusals, guests_see_only_their_own)
{
	struct pavane_refusals req = { .domid = 0, .count = 1, .records = VA(got) };
	uint64_t total;

	start();
	refuse(-XEN_EINVAL, REASON_BAD_FLAGS);
	cr_assert_eq(do_pavane_op(PAVANE_OP_refusals, VA(&req), 0, 0, 0), -XEN_EPERM);
	req.domid = 9;
	cr_assert_eq(do_pavane_op(PAVANE_OP_refusals, VA(&req), 0, 0, 0), -XEN_ESRCH);
	cr_assert_eq(ask(1, 4, &total), 3, "its own, and the two about asking");
	be(control);
	cr_assert_eq(ask(DOMID_SELF, 4, &total), 0);
	cr_assert_eq(ask(1, 4, &total), 3);
	cr_assert_eq(got[1].reason, REASON_NOT_CONTROLLED);
	cr_assert_eq(got[2].reason, REASON_NO_SUCH_DOMAIN);
}

Test(refusals, bad_questions_are_refused_too)
{
	struct pavane_refusals req = { .domid = DOMID_SELF, .count = 1, .records = 1 };
	uint64_t total;

	start();
	cr_assert_eq(do_pavane_op(PAVANE_OP_refusals, 1, 0, 0, 0), -XEN_EFAULT);
	cr_assert_eq(do_pavane_op(PAVANE_OP_refusals, VA(&req), 0, 0, 0), -XEN_EFAULT);
	cr_assert_eq(do_pavane_op(7, VA(&req), 0, 0, 0), -XEN_ENOSYS);
	cr_assert_eq(ask(DOMID_SELF, 4, &total), 2);
	cr_assert_eq(got[0].reason, REASON_BAD_ADDRESS);
	cr_assert_eq(got[0].times, 2);
	cr_assert_eq(got[1].reason, REASON_NO_SUCH_OPERATION);
}

Test(refusals, nobody_is_refused_at_boot)
{
	uint64_t total;

	start();
	machine.current[0] = NULL;
	refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	refuse_as(-XEN_EINVAL);
	be(guest);
	cr_assert_eq(ask(DOMID_SELF, 4, &total), 0);
}
