/*
 * platform_op (<xen/platform.h>), what of it is served: which processors there are and of which make; how long each has idled;
 * what firmware told; the wall clock, which every guest sees at once; and the way to sleep, as far as it is refused.  Bad
 * arguments are refused with their errno, and the clock stays.
 */
#include "frontends/rt/test.h"

#include <xen/platform.h>

#include "hypervisor/lib/string.h"

#define NOWHERE ((void *)16)

static struct xen_platform_op op;

static long ask(uint32_t cmd)
{
	op.cmd = cmd;
	op.interface_version = XENPF_INTERFACE_VERSION;
	return hcall1(__HYPERVISOR_platform_op, ptr_arg(&op));
}

static void clear(void)
{
	memset(&op, 0, sizeof(op));
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__ volatile("ud2\n\t.ascii \"xen\"\n\tcpuid"
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "0"(leaf), "2"(0));
}

/* ---- processors ---- */

static unsigned int cpus;

static void processors(void)
{
	struct xenpf_pcpuinfo *i = &op.u.pcpu_info;
	uint32_t first_apic = 0;

	clear();
	CHECK_EQ(ask(XENPF_get_cpuinfo), 0, "processor 0");
	cpus = i->max_present + 1;
	CHECK(cpus >= 1 && cpus <= 8, "there are %u", cpus);
	for (uint32_t c = 0; c < cpus; c++) {
		clear();
		i->xen_cpuid = c;
		CHECK(ask(XENPF_get_cpuinfo) == 0 && i->flags == XEN_PCPU_FLAGS_ONLINE &&
			      i->max_present == cpus - 1,
		      "processor %u is on", c);
		CHECK(c == 0 || i->apic_id != first_apic, "with an APIC of its own");
		CHECK(i->acpi_id != ~0U, "that the firmware knows");
		first_apic = c == 0 ? i->apic_id : first_apic;
	}
	clear();
	i->xen_cpuid = cpus;
	CHECK(ask(XENPF_get_cpuinfo) == 0 && i->flags == XEN_PCPU_FLAGS_INVALID &&
		      i->max_present == cpus - 1,
	      "the next is none");
	clear();
	i->xen_cpuid = ~0U;
	CHECK(ask(XENPF_get_cpuinfo) == 0 && i->flags == XEN_PCPU_FLAGS_INVALID,
	      "nor is the last number");
}

static void make(void)
{
	struct xenpf_pcpu_version *v = &op.u.pcpu_version;
	uint32_t zero[4], one[4], family, model;

	cpuid(0, zero);
	cpuid(1, one);
	family = one[0] >> 8 & 15;
	model = one[0] >> 4 & 15;
	model |= family == 6 || family == 15 ? one[0] >> 12 & 0xf0 : 0;
	family += family == 15 ? one[0] >> 20 & 0xff : 0;
	clear();
	CHECK_EQ(ask(XENPF_get_cpu_version), 0, "the make of processor 0");
	CHECK(!memcmp(v->vendor_id, &zero[1], 4) && !memcmp(v->vendor_id + 4, &zero[3], 4) &&
		      !memcmp(v->vendor_id + 8, &zero[2], 4),
	      "is what CPUID says: %.12s", v->vendor_id);
	CHECK(v->family == family && v->model == model && v->stepping == (one[0] & 15),
	      "so are family %u, model %u, stepping %u", v->family, v->model, v->stepping);
	CHECK_EQ(v->max_present, cpus - 1, "and how many there are");
}

/* ---- idle time ---- */

static long idle(void *map, uint32_t n, uint64_t *times)
{
	clear();
	set_xen_guest_handle_raw(op.u.getidletime.cpumap_bitmap, map);
	op.u.getidletime.cpumap_nr_cpus = n;
	set_xen_guest_handle_raw(op.u.getidletime.idletime, times);
	return ask(XENPF_getidletime);
}

static void idle_times(void)
{
	static uint64_t times[64], later[64];
	uint64_t map = ~0UL, before = system_time();
	unsigned int wrong = 0, seen = event_count;

	memset(times, 0xee, sizeof(times));
	CHECK_EQ(idle(&map, 64, times), 0, "idle times");
	CHECK(op.u.getidletime.now >= before && op.u.getidletime.now <= system_time(),
	      "at a moment of system time");
	CHECK_EQ(map, (1UL << cpus) - 1, "of the processors that there are");
	for (unsigned int c = 0; c < 64; c++) {
		wrong += c < cpus ? times[c] > op.u.getidletime.now
				  : times[c] != 0xeeeeeeeeeeeeeeeeUL;
	}
	CHECK_EQ(wrong, 0, "none longer than the time that was; the others are not written");
	wait_event(seen, system_time() + 5000000);
	map = ~0UL;
	CHECK_EQ(idle(&map, 64, later), 0, "after a pause");
	for (unsigned int c = 0; c < cpus; c++) {
		wrong += later[c] < times[c];
		before = c == 0 ? later[c] - times[c] : before + later[c] - times[c];
	}
	CHECK(wrong == 0 && before >= 1000000, "they have idled for %lu us", before / 1000);
	map = 0;
	memset(times, 0xee, sizeof(times));
	CHECK(idle(&map, 64, times) == 0 && map == 0 && times[0] == 0xeeeeeeeeeeeeeeeeUL,
	      "who is not asked about is not told of");
	map = 1;
	CHECK_EQ(idle(NOWHERE, 64, times), -XEN_EFAULT, "a map that is nowhere");
	CHECK_EQ(idle(&map, 64, NOWHERE), -XEN_EFAULT, "times to nowhere");
	CHECK_EQ(idle(&map, 0, NOWHERE), 0, "of none");
}

/* ---- firmware ---- */

static long firmware(uint32_t type, uint32_t index)
{
	clear();
	op.u.firmware_info.type = type;
	op.u.firmware_info.index = index;
	return ask(XENPF_firmware_info);
}

static void firmware_told(void)
{
	CHECK_EQ(firmware(XEN_FW_KBD_SHIFT_FLAGS, 0), 0, "the keyboard's shifts");
	CHECK_EQ(firmware(XEN_FW_KBD_SHIFT_FLAGS, 1), -XEN_ESRCH, "there is one keyboard");
	CHECK_EQ(firmware(XEN_FW_DISK_INFO, 250), -XEN_ESRCH, "no such disk");
	CHECK_EQ(firmware(XEN_FW_DISK_MBR_SIGNATURE, 250), -XEN_ESRCH, "nor its mark");
	CHECK_EQ(firmware(XEN_FW_EFI_INFO, 0), -XEN_ENOSYS, "no EFI");
	CHECK_EQ(firmware(99, 0), -XEN_EINVAL, "nothing of the kind");
	CHECK_EQ(firmware(~0U, 0), -XEN_EINVAL, "nor of the last");
}

/* ---- the clock ---- */

static long set_clock(uint64_t secs, uint32_t nsecs, uint64_t at)
{
	clear();
	op.u.settime64.secs = secs;
	op.u.settime64.nsecs = nsecs;
	op.u.settime64.system_time = at;
	return ask(XENPF_settime64);
}

#define THEN 4102444800UL /* the first second of 2100, past 32 bits with a sign */

static bool clock_says(uint64_t secs)
{
	return wall_clock() - secs <= 2;
}

static void clock(void)
{
	uint64_t was = wall_clock(), began = system_time();
	uint32_t version;

	CHECK_EQ(set_clock(THEN, 1000000000, began), -XEN_EINVAL,
		 "a second of too many nanoseconds");
	clear();
	op.u.settime64.secs = THEN;
	op.u.settime64.mbz = 1;
	CHECK_EQ(ask(XENPF_settime64), -XEN_EINVAL, "what must be zero");
	CHECK(clock_says(was), "the clock is as it was");
	version = shared_info->wc_version;
	CHECK_EQ(set_clock(THEN, 999999999, began), 0, "set, at a moment of system time");
	CHECK(clock_says(THEN + (system_time() - began) / 1000000000), "it says so at once");
	CHECK(shared_info->wc_version != version && !(shared_info->wc_version & 1),
	      "by its protocol");
	CHECK(shared_info->wc_sec_hi == 0 && shared_info->wc_nsec < 1000000000, "in its fields");
	CHECK_EQ(set_clock(1UL << 33, 0, began), 0, "past 2106");
	CHECK_EQ(shared_info->wc_sec_hi, 1 + (began > 1UL << 62), "in the fields for that");
	clear();
	op.u.settime32.secs = 1000000;
	op.u.settime32.system_time = began;
	CHECK_EQ(ask(XENPF_settime32), 0, "set by the old call");
	CHECK(clock_says(1000000 + (system_time() - began) / 1000000000), "says so, too");
	clear();
	op.u.settime32.secs = 5;
	op.u.settime32.nsecs = ~0U;
	CHECK_EQ(ask(XENPF_settime32), -XEN_EINVAL, "which has the same limits");
	CHECK_EQ(set_clock(was, 0, began), 0, "set right again");
	CHECK(clock_says(was + (system_time() - began) / 1000000000), "as it would be");
}

static long sleep(uint16_t state, uint32_t flags)
{
	clear();
	op.u.enter_acpi_sleep.sleep_state = state;
	op.u.enter_acpi_sleep.flags = flags;
	return ask(XENPF_enter_acpi_sleep);
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	processors();
	make();
	idle_times();
	firmware_told();
	clock();
	if (is_pavane()) {
		CHECK_EQ(sleep(5, 0x80), -XEN_EINVAL, "power off in no known way");
		CHECK_EQ(sleep(3, 0), -XEN_ENOSYS, "no sleep from which one wakes");
		CHECK_EQ(sleep(0, 0), -XEN_ENOSYS, "nor none");
	}
	return SUCCESS;
}
