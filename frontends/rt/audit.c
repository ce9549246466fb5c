/*
 * Asks the hypervisor whether all its counts equal all references: the control domain presses the debug key '=' by sysctl
 * and reads the verdict in the hypervisor's log.  Debug builds of our own hypervisor know the key; others are not asked.
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

static enum audit_verdict verdict_of_line(void)
{
	static const struct {
		const char *begin;
		enum audit_verdict verdict;
	} forms[] = { { "(pav) audit: ok", AUDIT_OK },
		      { "(pav) audit: FAILED", AUDIT_FAILED },
		      { "(pav) no such key", AUDIT_NONE } };

	for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
		if (!strncmp(line, forms[i].begin, strlen(forms[i].begin))) {
			return forms[i].verdict;
		}
	}
	return AUDIT_PENDING;
}

/* What the log says since it was last read; lines may come in two pieces. */
static enum audit_verdict look(void)
{
	static char piece[512];
	enum audit_verdict v = AUDIT_PENDING;
	size_t n;

	while (v == AUDIT_PENDING && (n = read_log(piece, sizeof(piece))) != 0) {
		for (size_t i = 0; i < n; i++) {
			if (piece[i] != '\n') {
				line[length] = piece[i];
				length += length < sizeof(line) - 2;
				continue;
			}
			line[length] = '\0';
			length = 0;
			v = v == AUDIT_PENDING ? verdict_of_line() : v;
		}
	}
	return v;
}

enum audit_verdict audit_machine(void)
{
	static char key = '=';
	enum audit_verdict v = AUDIT_PENDING;
	char skipped[256];

	if (!is_control_domain() || !is_pavane()) {
		return AUDIT_NONE;
	}
	while (read_log(skipped, sizeof(skipped))) {
	}
	memset(&op, 0, sizeof(op));
	op.u.debug_keys.nr_keys = 1;
	set_xen_guest_handle_raw(op.u.debug_keys.keys, &key);
	if (sysctl(XEN_SYSCTL_debug_keys)) {
		return AUDIT_NONE;
	}
	/* The time is taken before the look: the audit itself may have been what took so long. */
	for (uint64_t end = system_time() + PATIENCE, now = 0; v == AUDIT_PENDING && now < end;) {
		sched_op(SCHEDOP_yield, NULL);
		now = system_time();
		v = look();
	}
	return v == AUDIT_PENDING ? AUDIT_FAILED : v;
}
