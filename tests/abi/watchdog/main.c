/*
 * Watchdogs (<xen/sched.h>, SCHEDOP_watchdog): a domain sets one up and has to poke it before its time, in seconds, is
 * over, else it is shut down for that reason; two at most, each of which it may destroy.  Poked in time it lives on, and
 * one that is destroyed bites nobody.  Nor does it bite a domain that the control domain has paused.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/sched.h>

enum {
	SAYS,
	FIRST,
	SECOND,
	THIRD,
	POKED,
	NONE,
	FAR,
	STOPPED,
	AGAIN,
	GONE,
	SET,
	POKES,
	NOWHERE_AT,
	GO
};

#define LONG 60u

static struct child child;

static long watchdog(uint32_t id, uint32_t seconds)
{
	struct sched_watchdog w = { .id = id, .timeout = seconds };

	return sched_op(SCHEDOP_watchdog, &w);
}

static void bitten(void)
{
	volatile long *word = child_mail.word;

	word[NOWHERE_AT] = sched_op(SCHEDOP_watchdog, (void *)8);
	word[NONE] = watchdog(1, LONG);
	word[FIRST] = watchdog(0, LONG);
	word[SECOND] = watchdog(0, LONG);
	word[THIRD] = watchdog(0, LONG);
	word[FAR] = watchdog(3, LONG);
	word[POKED] = watchdog((uint32_t)word[SECOND], LONG);
	word[STOPPED] = watchdog((uint32_t)word[FIRST], 0);
	word[GONE] = watchdog((uint32_t)word[FIRST], 0);
	word[AGAIN] = watchdog(0, LONG);
	word[SET] = watchdog((uint32_t)word[SECOND], 1);
	word[SAYS] = 1;
	while (!word[GO]) {
		word[POKES] += watchdog((uint32_t)word[SECOND], 1) == 0;
	}
	word[SAYS] = 2;
	for (;;) {
	}
}

static void poking(void)
{
	uint32_t id = (uint32_t)watchdog(0, 1);

	child_mail.word[SAYS] = 1;
	for (;;) {
		watchdog(id, 1);
	}
}

static void bitten_at_once(void)
{
	child_mail.word[FIRST] = watchdog(0, 0);
	for (;;) {
	}
}

/* True: it has shut down before so many nanoseconds were over. */
static bool shut_down_within(uint64_t ns)
{
	uint64_t end = system_time() + ns;

	while (domain_shut_down(child.id) < 0 && system_time() < end) {
		sched_op(SCHEDOP_yield, NULL);
	}
	return domain_shut_down(child.id) >= 0;
}

static void paused(void)
{
	CHECK_EQ(child_make(&child, page_alloc(), poking), 0, "another domain");
	CHECK_EQ(child_go(&child), 0, "begins");
	CHECK(child_says(&child, SAYS, 1), "and pokes");
	CHECK_EQ(child_domctl(XEN_DOMCTL_pausedomain, child.id), 0, "it is paused");
	CHECK(!shut_down_within(2500000000UL), "paused: for longer than its time");
	CHECK_EQ(child_domctl(XEN_DOMCTL_unpausedomain, child.id), 0, "it goes on");
	CHECK(!shut_down_within(500000000UL), "paused: and lives");
	CHECK(child_end(&child), "gone");
}

static void answers(void)
{
	CHECK_EQ(child.mail[NOWHERE_AT], -XEN_EFAULT, "at a bad address");
	CHECK_EQ(child.mail[NONE], -XEN_EINVAL, "poke one that is not set up");
	CHECK_EQ(child.mail[FIRST], 1, "set up");
	CHECK_EQ(child.mail[SECOND], 2, "and another");
	CHECK_EQ(child.mail[THIRD], -XEN_ENOSPC, "there are but two");
	CHECK_EQ(child.mail[FAR], -XEN_EINVAL, "poke a third");
	CHECK_EQ(child.mail[POKED], 0, "poke the second");
	CHECK_EQ(child.mail[STOPPED], 0, "destroy the first");
	CHECK_EQ(child.mail[GONE], -XEN_EINVAL, "not twice");
	CHECK_EQ(child.mail[AGAIN], 1, "set up again");
	CHECK_EQ(child.mail[SET], 0, "the second's time is a second");
}

enum verdict guest_main(void)
{
	uint64_t before;

	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(child_make(&child, page_alloc(), bitten), 0, "a domain");
	CHECK_EQ(child_go(&child), 0, "begins");
	CHECK(child_says(&child, SAYS, 1), "and asks");
	answers();
	CHECK(!shut_down_within(1500000000UL), "poked in time it lives on");
	CHECK(child.mail[POKES] > 1, "poked");
	child.mail[GO] = 1;
	CHECK(child_says(&child, SAYS, 2), "pokes no more");
	before = system_time();
	CHECK(shut_down_within(60000000000UL), "it is shut down");
	CHECK(system_time() - before > 500000000UL, "not early");
	CHECK_EQ(domain_shut_down(child.id), SHUTDOWN_watchdog, "by its watchdog");
	CHECK(child_end(&child), "gone, with one that still had its time");
	paused();
	CHECK_EQ(child_make(&child, page_alloc(), bitten_at_once), 0, "another domain");
	CHECK_EQ(child_go(&child), 0, "sets one up without a time");
	CHECK(shut_down_within(60000000000UL), "it is shut down");
	CHECK_EQ(domain_shut_down(child.id), SHUTDOWN_watchdog, "at once");
	CHECK(child_end(&child), "gone");
	return SUCCESS;
}
