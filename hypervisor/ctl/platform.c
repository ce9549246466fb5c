/*
 * The platform as the control domain drives it: wall clock, firmware's knowledge, processors, sleep.
 * What is missing here and answered -ENOSYS: microcode, memory types, hotplug, EFI run-time calls, core
 * parking, raw resource access, symbols.
 */
#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/platform.h>

#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/sched/sched.h"
#include "core/time.h"
#include "core/vcpu.h"
#include "lib/string.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/reboot.h"

/* The interface version the structure above this call has, whatever the headers move on to. */
#define VERSION 0x03000001

static long settime(uint64_t sec, uint32_t nsec, uint64_t at)
{
	if (nsec >= 1000000000 || at > INT64_MAX) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, nsec);
	}
	time_set_wallclock(sec, nsec, (ns_t)at);
	return 0;
}

static long op_settime32(struct xen_platform_op *op)
{
	return settime(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
}

static long op_settime64(struct xen_platform_op *op)
{
	if (op->u.settime64.mbz) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_FLAGS, op->u.settime64.mbz);
	}
	return settime(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
}

/* We run no BIOS code, so disks are unknown; the loader left no screen identification either. */
static long op_firmware_info(struct xen_platform_op *op)
{
	switch (op->u.firmware_info.type) {
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE:
	case XEN_FW_VBEDDC_INFO:
		return refuse(-XEN_ESRCH, REASON_NO_FIRMWARE_INFO);
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (op->u.firmware_info.index != 0) {
			return refuse(-XEN_ESRCH, REASON_NO_FIRMWARE_INFO);
		}
		op->u.firmware_info.u.kbd_shift_flags = 0;
		return 0;
	case XEN_FW_EFI_INFO:
		return refuse(-XEN_ENOSYS, REASON_NOT_SERVED);
	default:
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, op->u.firmware_info.type);
	}
}

static uint32_t acpi_id_of(uint32_t apic_id)
{
	for (unsigned int i = 0; i < acpi.cpus; i++) {
		if (acpi.cpu[i].apic_id == apic_id) {
			return acpi.cpu[i].acpi_id;
		}
	}
	return 0xffffffff;
}

static long op_get_cpuinfo(struct xen_platform_op *op)
{
	struct xenpf_pcpuinfo *info = &op->u.pcpu_info;

	info->max_present = cpu_count() - 1;
	if (info->xen_cpuid >= cpu_count()) {
		info->flags = XEN_PCPU_FLAGS_INVALID;
		return 0;
	}
	info->flags = XEN_PCPU_FLAGS_ONLINE;
	info->apic_id = apic_id_of(info->xen_cpuid);
	info->acpi_id = acpi_id_of(info->apic_id);
	return 0;
}

/* Family and model as processors are named: extended parts folded in. */
static long op_get_cpu_version(struct xen_platform_op *op)
{
	struct xenpf_pcpu_version *v = &op->u.pcpu_version;
	uint32_t a, b, c, d;

	v->max_present = cpu_count() - 1;
	memset(v->vendor_id, 0, sizeof(v->vendor_id));
	v->family = v->model = v->stepping = 0;
	if (v->xen_cpuid >= cpu_count()) {
		return 0;
	}
	cpuid(0, 0, &a, &b, &c, &d);
	memcpy(v->vendor_id, &b, 4);
	memcpy(v->vendor_id + 4, &d, 4);
	memcpy(v->vendor_id + 8, &c, 4);
	cpuid(1, 0, &a, &b, &c, &d);
	v->family = (a >> 8 & 15) + ((a >> 8 & 15) == 15 ? a >> 20 & 255 : 0);
	v->model = (a >> 4 & 15) | ((a >> 8 & 15) == 6 || (a >> 8 & 15) == 15 ? a >> 12 & 0xf0 : 0);
	v->stepping = a & 15;
	return 0;
}

static long op_enter_acpi_sleep(struct xen_platform_op *op)
{
	const struct xenpf_enter_acpi_sleep *s = &op->u.enter_acpi_sleep;

	if (s->flags & ~(uint32_t)XENPF_ACPI_SLEEP_EXTENDED) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_FLAGS, s->flags);
	}
	if (s->sleep_state != 5) {
		return refuse_at(-XEN_ENOSYS, REASON_NO_SLEEP,
				 s->sleep_state); /* no CPU of ours can be put to sleep and woken */
	}
	if (!(s->flags & XENPF_ACPI_SLEEP_EXTENDED)) {
		reboot_set_s5(s->val_a, s->val_b);
	}
	cpu_poweroff();
}

static long op_getidletime(struct xen_platform_op *op)
{
	struct xenpf_getidletime *g = &op->u.getidletime;
	gva_t map = handle_gva(g->cpumap_bitmap), times = handle_gva(g->idletime);
	uint32_t count = MIN(g->cpumap_nr_cpus, (uint32_t)MAX_CPUS);

	g->now = (uint64_t)cpu_time_now();
	for (uint32_t first = 0; first < count; first += 8) {
		uint8_t bits;

		if (copy_in_at(&bits, map, first / 8)) {
			return -XEN_EFAULT;
		}
		for (uint32_t cpu = first; cpu < first + 8 && cpu < count; cpu++) {
			uint64_t idle;

			if (cpu >= cpu_count()) {
				bits &= (uint8_t) ~(1u << (cpu % 8));
			}
			if (!(bits >> (cpu % 8) & 1)) {
				continue;
			}
			idle = (uint64_t)sched_cpu_idle_time(cpu);
			if (copy_out_at(times, cpu, &idle)) {
				return -XEN_EFAULT;
			}
		}
		if (copy_out_at(map, first / 8, &bits)) {
			return -XEN_EFAULT;
		}
	}
	return 0;
}

static const struct {
	uint32_t cmd;
	long (*fn)(struct xen_platform_op *op);
	bool answers; /* the structure goes back */
} ops[] = {
	{ XENPF_settime32, op_settime32, false },
	{ XENPF_settime64, op_settime64, false },
	{ XENPF_firmware_info, op_firmware_info, true },
	{ XENPF_get_cpuinfo, op_get_cpuinfo, true },
	{ XENPF_get_cpu_version, op_get_cpu_version, true },
	{ XENPF_enter_acpi_sleep, op_enter_acpi_sleep, false },
	{ XENPF_getidletime, op_getidletime, true },
};

long do_platform_op(uint64_t arg, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct xen_platform_op op;
	long rc;

	(void)a2;
	(void)a3;
	(void)a4;
	(void)a5;
	if (!cpu_current()->domain->privileged) {
		return refuse(-XEN_EPERM, REASON_NOT_PRIVILEGED);
	}
	if (copy_in(&op, arg)) {
		return -XEN_EFAULT;
	}
	if (op.interface_version != VERSION) {
		return refuse_at(-XEN_EACCES, REASON_INTERFACE_VERSION, op.interface_version);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (ops[i].cmd == op.cmd) {
			rc = ops[i].fn(&op);
			if (!rc && ops[i].answers && copy_out(arg, &op)) {
				rc = -XEN_EFAULT;
			}
			return rc;
		}
	}
	return refuse_at(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION, op.cmd);
}
