/* One table, included once as rows. */
#define __XEN_INTERFACE_VERSION__ 0x00040e00 /* the present numbers under the present names */
#include "dom0-tools/libpav/reason.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>

#include "hypervisor/abi/reason.h"

static const struct reason_text texts[REASONS] = {
#define REASON(name, what, remedy) [REASON_##name] = { #name, what, remedy },
#include "hypervisor/abi/reasons.h"
#undef REASON
};

const struct reason_text *reason_text(unsigned int code)
{
	return code > 0 && code < REASONS ? &texts[code] : NULL;
}

unsigned int reason_count(void)
{
	return REASONS;
}

/* As in the table: upper case, underlines. */
static void normalise(const char *name, char *to, size_t size)
{
	size_t n = 0;

	if (!strncasecmp(name, "reason_", 7)) {
		name += 7;
	}
	while (n < size - 1 && name[n]) {
		to[n] = name[n] == '-' ? '_' : (char)toupper((unsigned char)name[n]);
		n++;
	}
	to[n] = '\0';
}

unsigned int reason_find(const char *name)
{
	char wanted[64], *end;
	unsigned long number = strtoul(name, &end, 10);

	if (*name && !*end) {
		return number < REASONS ? (unsigned int)number : 0;
	}
	normalise(name, wanted, sizeof(wanted));
	for (unsigned int i = 1; i < REASONS; i++) {
		if (!strcmp(texts[i].name, wanted)) {
			return i;
		}
	}
	return 0;
}

/* The words of a name that the other one has too. */
static unsigned int words_in_common(const char *name, const char *wanted)
{
	char copy[64], *save = NULL;
	unsigned int n = 0;

	snprintf(copy, sizeof(copy), "%s", wanted);
	for (char *w = strtok_r(copy, "_", &save); w; w = strtok_r(NULL, "_", &save)) {
		n += strlen(w) > 2 && strstr(name, w) ? (unsigned int)strlen(w) : 0;
	}
	return n;
}

const char *reason_nearest(const char *name)
{
	char wanted[64];
	const char *best = NULL;
	unsigned int most = 0;

	normalise(name, wanted, sizeof(wanted));
	for (unsigned int i = 1; i < REASONS; i++) {
		unsigned int n = words_in_common(texts[i].name, wanted);

		if (n > most) {
			most = n;
			best = texts[i].name;
		}
	}
	return best;
}

#define CALL(n) [__HYPERVISOR_##n] = #n
static const char *const calls[] = {
	CALL(set_trap_table),
	CALL(mmu_update),
	CALL(set_gdt),
	CALL(stack_switch),
	CALL(set_callbacks),
	CALL(fpu_taskswitch),
	CALL(sched_op_compat),
	CALL(platform_op),
	CALL(set_debugreg),
	CALL(get_debugreg),
	CALL(update_descriptor),
	CALL(memory_op),
	CALL(multicall),
	CALL(update_va_mapping),
	CALL(set_timer_op),
	CALL(event_channel_op_compat),
	CALL(xen_version),
	CALL(console_io),
	CALL(physdev_op_compat),
	CALL(grant_table_op),
	CALL(vm_assist),
	CALL(update_va_mapping_otherdomain),
	CALL(iret),
	CALL(vcpu_op),
	CALL(set_segment_base),
	CALL(mmuext_op),
	CALL(nmi_op),
	CALL(sched_op),
	CALL(callback_op),
	CALL(event_channel_op),
	CALL(physdev_op),
	CALL(sysctl),
	CALL(domctl),
	CALL(kexec_op),
	CALL(xenpmu_op),
	[__HYPERVISOR_arch_0] = "mca",
	CALL(pavane_op),
};

const char *reason_call(uint32_t call, char *buffer, unsigned int size)
{
	if (call == PAVANE_NO_CALL) {
		return "an instruction";
	}
	if (call < sizeof(calls) / sizeof(calls[0]) && calls[call]) {
		return calls[call];
	}
	snprintf(buffer, size, "hypercall %u", call);
	return buffer;
}

/* Operations on grants have their own statuses, each in the operation's structure. */
static const char *const grant_statuses[] = {
	[1] = "GNTST_general_error",   [2] = "GNTST_bad_domain",	[3] = "GNTST_bad_gntref",
	[4] = "GNTST_bad_handle",      [5] = "GNTST_bad_virt_addr",	[6] = "GNTST_bad_dev_addr",
	[7] = "GNTST_no_device_space", [8] = "GNTST_permission_denied", [9] = "GNTST_bad_page",
	[10] = "GNTST_bad_copy_arg",   [11] = "GNTST_address_too_big",	[12] = "GNTST_eagain",
	[13] = "GNTST_no_space",
};

const char *reason_status(uint32_t call, int32_t status, char *buffer, unsigned int size)
{
	unsigned int n = status < 0 ? -(unsigned int)status : 0;
	const char *name = NULL;

	if (call == __HYPERVISOR_grant_table_op &&
	    n < sizeof(grant_statuses) / sizeof(grant_statuses[0])) {
		name = grant_statuses[n];
	}
	if (!name) {
		name = n ? strerrorname_np((int)n) : NULL;
	}
	if (name) {
		return name;
	}
	snprintf(buffer, size, "%d", status);
	return buffer;
}
