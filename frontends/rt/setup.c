/*
 * From the builder's entry state to main(): console first, so that whatever
 * fails after it can be read, then traps, memory, events and time.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>

struct start_info *start_info;
unsigned int checks_failed, checks_made;
static const char *skip_reason;

void rt_main(struct start_info *si);

bool is_control_domain(void)
{
	return (start_info->flags & SIF_INITDOMAIN) != 0;
}

void guest_shutdown(unsigned int reason)
{
	struct sched_shutdown s = { .reason = reason };

	for (;;) {
		sched_op(SCHEDOP_shutdown, &s);
	}
}

enum verdict skip(const char *why)
{
	skip_reason = why;
	return SKIP;
}

static const char *why_skipped(void)
{
	return skip_reason ? skip_reason : is_control_domain() ? "" : "not the control domain";
}

void rt_main(struct start_info *si)
{
	enum verdict v;

	start_info = si;
	console_init();
	mm_init();
	traps_init();
	events_init();
	timer_init();
	v = guest_main();
	if (v == SUCCESS && audit_machine() == AUDIT_FAILED) {
		CHECK(false, "the hypervisor's counts and references agree");
	}
	if (checks_failed) {
		print("VERDICT FAILURE %u of %u checks failed\n", checks_failed, checks_made);
	} else if (v == SUCCESS) {
		print("VERDICT SUCCESS %u checks\n", checks_made);
	} else if (v == SKIP) {
		print("VERDICT SKIP %s\n", why_skipped());
	} else {
		print("VERDICT FAILURE\n");
	}
	guest_shutdown(SHUTDOWN_poweroff);
}
