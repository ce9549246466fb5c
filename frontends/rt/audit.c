/*
 * What our own hypervisor answers to its debug keys: the control domain presses one by sysctl and reads the answer in the
 * hypervisor's log.  So it is asked whether all its counts equal all references: '=', which debug builds know.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/sysctl.h>

#include "hypervisor/lib/string.h"

/* ns: all CPUs have to stand still for it, on a machine that others may keep busy */
#define PATIENCE 20000000000UL

static struct xen_sysctl op;
static uint32_t read_up_to; /* position in the log */
static char line[300];
static size_t length;

static long sysctl(uint32_t cmd)
{
	op.cmd = cmd;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return hcall1(__HYPERVISOR_sysctl, ptr_arg(&op));
}

/* The next piece of the log.  0: there is no more, or it may not be read. */
static size_t read_log(char *to, size_t size)
{
	memset(&op, 0, sizeof(op));
	op.u.readconsole.incremental = 1;
	op.u.readconsole.index = read_up_to;
	op.u.readconsole.count = (uint32_t)size;
	set_xen_guest_handle_raw(op.u.readconsole.buffer, to);
	if (sysctl(XEN_SYSCTL_readconsole)) {
		return 0;
	}
	read_up_to = op.u.readconsole.index;
	return op.u.readconsole.count;
}

/* Gives fn what the log says since it was last read, by lines, which may come in two pieces, until it says true. */
static bool look(bool (*fn)(const char *line))
{
	static char piece[512];
	bool enough = false;
	size_t n;

	while (!enough && (n = read_log(piece, sizeof(piece))) != 0) {
		for (size_t i = 0; i < n; i++) {
			if (piece[i] != '\n') {
				line[length] = piece[i];
				length += length < sizeof(line) - 2;
				continue;
			}
			line[length] = '\0';
			length = 0;
			enough = enough || fn(line);
		}
	}
	return enough;
}

bool debug_key(char key, bool (*fn)(const char *line))
{
	char skipped[256];
	bool enough = false;

	if (!is_control_domain() || !is_pavane()) {
		return false;
	}
	while (read_log(skipped, sizeof(skipped))) {
	}
	memset(&op, 0, sizeof(op));
	op.u.debug_keys.nr_keys = 1;
	set_xen_guest_handle_raw(op.u.debug_keys.keys, &key);
	if (sysctl(XEN_SYSCTL_debug_keys)) {
		return false;
	}
	/* The time is taken before the look: the audit itself may have been what took so long. */
	for (uint64_t end = system_time() + PATIENCE, now = 0; !enough && now < end;) {
		now = system_time();
		enough = look(fn);
		if (!enough) {
			sched_op(SCHEDOP_yield, NULL);
		}
	}
	return enough;
}

static enum audit_verdict verdict;

static bool verdict_of_line(const char *s)
{
	static const struct {
		const char *begin;
		enum audit_verdict verdict;
	} forms[] = { { "(pav) audit: ok", AUDIT_OK },
		      { "(pav) audit: FAILED", AUDIT_FAILED },
		      { "(pav) no such key", AUDIT_NONE } };

	for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
		if (!strncmp(s, forms[i].begin, strlen(forms[i].begin))) {
			verdict = forms[i].verdict;
			return true;
		}
	}
	return false;
}

enum audit_verdict audit_machine(void)
{
	if (!is_control_domain() || !is_pavane()) {
		return AUDIT_NONE;
	}
	return debug_key('=', verdict_of_line) ? verdict : AUDIT_FAILED;
}
