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

static bool is_root(const char *cmdline, const char *vdev)
{
	struct domspec_disk second = { .vdev = (char *)"xvdb" };
	struct domspec_disk first = { .vdev = (char *)"xvda", .next = &second };
	struct domspec s = { .cmdline = (char *)cmdline, .disks = &first };

	return policy_is_root_disk(&s, vdev);
}

Test(policy, the_root_disk_is_what_the_command_line_names)
{
	cr_assert(is_root("root=/dev/xvda rw", "xvda"));
	cr_assert_not(is_root("root=/dev/xvda rw", "xvdb"));
	cr_assert(is_root("quiet root=/dev/xvdb1", "xvdb"));
	cr_assert_not(is_root("quiet root=/dev/xvdb1", "xvda"));
	cr_assert_not(is_root("root=/dev/xvdab", "xvda"));
	cr_assert(is_root("root=/dev/xvda root=/dev/xvdb", "xvdb"), "the last counts");
	cr_assert_not(is_root("root=/dev/xvda root=/dev/xvdb", "xvda"));
}

Test(policy, without_a_name_the_root_disk_is_the_first)
{
	cr_assert(is_root("console=hvc0 root=LABEL=x", "xvda"));
	cr_assert_not(is_root("console=hvc0 root=LABEL=x", "xvdb"));
	cr_assert(is_root("", "xvda"));
	cr_assert(is_root(NULL, "xvda"));
	cr_assert(is_root("noroot=/dev/xvdb", "xvda"));
	cr_assert_not(policy_is_root_disk(&(struct domspec){ 0 }, "xvda"));
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
