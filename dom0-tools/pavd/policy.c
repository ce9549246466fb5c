/* Decisions as functions of their inputs. */
#include "dom0-tools/pavd/policy.h"

#include <string.h>

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sched.h>

bool policy_has_shut_down(uint32_t flags, unsigned int *code)
{
	*code = flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
	return flags & XEN_DOMINF_shutdown;
}

const char *policy_state(uint32_t flags)
{
	unsigned int code;

	if (flags & XEN_DOMINF_dying) {
		return "dying";
	}
	if (policy_has_shut_down(flags, &code)) {
		return code == SHUTDOWN_crash || code == SHUTDOWN_watchdog ? "crashed" : "shutdown";
	}
	if (flags & XEN_DOMINF_paused) {
		return "paused";
	}
	return flags & XEN_DOMINF_blocked ? "blocked" : "running";
}

const char *policy_shutdown_name(unsigned int code)
{
	static const char *const names[] = { "poweroff", "reboot",   "suspend",
					     "crash",	 "watchdog", "soft-reset" };

	return code < sizeof(names) / sizeof(names[0]) ? names[code] : "unknown";
}

enum domspec_action policy_on_shutdown(const struct domspec *spec, unsigned int code)
{
	switch (code) {
	case SHUTDOWN_poweroff:
		return spec->on_poweroff;
	case SHUTDOWN_reboot:
	case SHUTDOWN_soft_reset:
		return spec->on_reboot;
	case SHUTDOWN_suspend:
		return DOMSPEC_PRESERVE; /* whoever asked for it will come for it */
	default:
		return spec->on_crash;
	}
}

bool policy_may_restart(unsigned int lived_seconds, unsigned int *quick)
{
	*quick = lived_seconds < POLICY_QUICK_SECONDS ? *quick + 1 : 0;
	return *quick < POLICY_MAX_QUICK;
}

/* What follows the last root=/dev/ of a command line, or NULL; kernels, too, take the last. */
static const char *root_device(const char *cmdline)
{
	static const char word[] = "root=/dev/";
	const char *found = NULL;

	for (const char *p = cmdline; (p = strstr(p, word)); p++) {
		if (p == cmdline || p[-1] == ' ') {
			found = p + sizeof(word) - 1;
		}
	}
	return found;
}

bool policy_is_root_disk(const struct domspec *spec, const char *vdev)
{
	const char *root = spec->cmdline ? root_device(spec->cmdline) : NULL;
	size_t n = strlen(vdev);

	if (!root) {
		return spec->disks && !strcmp(spec->disks->vdev, vdev);
	}
	if (strncmp(root, vdev, n)) {
		return false;
	}
	root += n;
	root += strspn(root, "0123456789");
	return !*root || *root == ' ';
}

unsigned int policy_backoff_ms(unsigned int nth)
{
	return nth < 6 ? 100u << nth : 5000;
}
