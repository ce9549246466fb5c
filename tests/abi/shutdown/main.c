/*
 * How a domain shuts down (<xen/sched.h>, SCHEDOP_remote_shutdown and SCHEDOP_shutdown_code): the control domain may do
 * it for another, which then stands still with the reason it was given, the first of them; VIRQ_DOM_EXC tells of it
 * each time; resumed, it goes on where it was.  A reason set beforehand, the first again, is what a later shutdown
 * reports, whatever it says itself.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/sched.h>

#include "tests/abi/lib/event.h"

enum { STEPS, SAYS, FIRST_CODE, SECOND_CODE, REMOTE, GO }; /* words of the child's mail */

static struct child child;
static evtchn_port_t told;

static long shutdown_code(unsigned int reason)
{
	struct sched_shutdown s = { .reason = reason };

	return sched_op(SCHEDOP_shutdown_code, &s);
}

static long remote_shutdown(domid_t id, unsigned int reason)
{
	struct sched_remote_shutdown r = { .domain_id = id, .reason = reason };

	return sched_op(SCHEDOP_remote_shutdown, &r);
}

static void steps(void)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_reboot };
	volatile long *word = child_mail.word;

	word[REMOTE] = remote_shutdown(0, SHUTDOWN_crash);
	word[SAYS] = 1;
	while (!word[GO]) {
		word[STEPS]++;
	}
	word[FIRST_CODE] = shutdown_code(SHUTDOWN_watchdog);
	word[SECOND_CODE] = shutdown_code(SHUTDOWN_suspend);
	word[SAYS] = 2;
	sched_op(SCHEDOP_shutdown, &s);
}

static bool has_shut_down(void)
{
	return domain_shut_down(child.id) >= 0;
}

static long seen; /* steps */

static bool has_stepped(void)
{
	return child.mail[STEPS] != seen;
}

static bool soon(bool (*is)(void))
{
	uint64_t end = system_time() + 2000000000UL;

	while (!is() && system_time() < end) {
		sched_op(SCHEDOP_yield, NULL);
	}
	return is();
}

static void pause_a_little(void)
{
	uint64_t end = system_time() + 20000000UL;

	while (system_time() < end) {
		sched_op(SCHEDOP_yield, NULL);
	}
}

static void by_the_control_domain(void)
{
	CHECK(child_says(&child, SAYS, 1), "a domain runs");
	CHECK_EQ(child.mail[REMOTE], -XEN_EPERM, "and may shut no other down");
	CHECK_EQ(domain_shut_down(child.id), -1, "nor has");
	event_clear(told);
	CHECK_EQ(remote_shutdown(child.id, SHUTDOWN_suspend), 0, "shut down");
	CHECK_EQ(domain_shut_down(child.id), SHUTDOWN_suspend, "for that reason");
	CHECK(event_is_pending(told), "the control domain is told");
	event_clear(told);
	pause_a_little(); /* what runs on another CPU has been told to stop */
	seen = child.mail[STEPS];
	pause_a_little();
	CHECK(!has_stepped(), "and stands still");
	CHECK_EQ(remote_shutdown(child.id, SHUTDOWN_crash), 0, "once more");
	CHECK_EQ(domain_shut_down(child.id), SHUTDOWN_suspend, "the first reason stays");
	CHECK(!event_is_pending(told), "nobody is told");
	CHECK_EQ(child_domctl(XEN_DOMCTL_resumedomain, child.id), 0, "resumed");
	CHECK_EQ(domain_shut_down(child.id), -1, "it runs");
	CHECK(soon(has_stepped), "on from where it was");
}

static void by_itself(void)
{
	child.mail[GO] = 1;
	CHECK(child_says(&child, SAYS, 2), "reasons set beforehand");
	CHECK_EQ(child.mail[FIRST_CODE], 0, "one");
	CHECK_EQ(child.mail[SECOND_CODE], 0, "and another");
	CHECK(soon(has_shut_down), "then it shuts down");
	CHECK_EQ(domain_shut_down(child.id), SHUTDOWN_watchdog,
		 "for the first, not what it said last");
	CHECK(event_is_pending(told), "the control domain is told");
}

enum verdict guest_main(void)
{
	long port;

	if (!is_control_domain()) {
		return SKIP;
	}
	port = event_virq(VIRQ_DOM_EXC, 0);
	CHECK(port > 0, "VIRQ_DOM_EXC");
	told = (evtchn_port_t)port;
	CHECK_EQ(child_make(&child, page_alloc(), steps), 0, "a domain");
	CHECK_EQ(child_go(&child), 0, "begins");
	by_the_control_domain();
	by_itself();
	CHECK_EQ(remote_shutdown(child.id, SHUTDOWN_MAX + 1), -XEN_EINVAL, "no such reason");
	CHECK(child_end(&child), "gone");
	return SUCCESS;
}
