/* What pavd decides: states in words, what follows a shutdown, when to give up. */
#include "dom0-tools/pavd/policy.h"

#include <criterion/criterion.h>
#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sched.h>

static uint32_t ended(unsigned int code)
{
	return XEN_DOMINF_shutdown | code << XEN_DOMINF_shutdownshift;
}

Test(policy, states_in_words)
{
	cr_assert_str_eq(policy_state(0), "running");
	cr_assert_str_eq(policy_state(XEN_DOMINF_running), "running");
	cr_assert_str_eq(policy_state(XEN_DOMINF_blocked), "blocked");
	cr_assert_str_eq(policy_state(XEN_DOMINF_blocked | XEN_DOMINF_paused), "paused");
	cr_assert_str_eq(policy_state(ended(SHUTDOWN_poweroff) | XEN_DOMINF_paused), "shutdown");
	cr_assert_str_eq(policy_state(ended(SHUTDOWN_crash)), "crashed");
	cr_assert_str_eq(policy_state(ended(SHUTDOWN_watchdog)), "crashed");
	cr_assert_str_eq(policy_state(ended(SHUTDOWN_crash) | XEN_DOMINF_dying), "dying");
}

Test(policy, each_end_has_its_own_action)
{
	struct domspec s = { .on_poweroff = DOMSPEC_DESTROY,
			     .on_reboot = DOMSPEC_RESTART,
			     .on_crash = DOMSPEC_PRESERVE };

	cr_assert_eq(policy_on_shutdown(&s, SHUTDOWN_poweroff), DOMSPEC_DESTROY);
	cr_assert_eq(policy_on_shutdown(&s, SHUTDOWN_reboot), DOMSPEC_RESTART);
	cr_assert_eq(policy_on_shutdown(&s, SHUTDOWN_crash), DOMSPEC_PRESERVE);
	s.on_crash = DOMSPEC_DESTROY;
	cr_assert_eq(policy_on_shutdown(&s, SHUTDOWN_watchdog), DOMSPEC_DESTROY);
	cr_assert_eq(policy_on_shutdown(&s, 200), DOMSPEC_DESTROY);
	cr_assert_eq(policy_on_shutdown(&s, SHUTDOWN_suspend), DOMSPEC_PRESERVE);
}

Test(policy, only_quick_deaths_in_a_row_count)
{
	unsigned int quick = 0;

	for (int i = 1; i < POLICY_MAX_QUICK; i++) {
		cr_assert(policy_may_restart(1, &quick));
	}
	cr_assert_not(policy_may_restart(1, &quick));
	cr_assert(policy_may_restart(POLICY_QUICK_SECONDS, &quick));
	cr_assert_eq(quick, 0);
}

Test(policy, the_backoff_grows_to_a_limit)
{
	unsigned int last = 0;

	for (unsigned int i = 0; i < 100; i++) {
		cr_assert_geq(policy_backoff_ms(i), last);
		last = policy_backoff_ms(i);
	}
	cr_assert_eq(last, 5000);
}
