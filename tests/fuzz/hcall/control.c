/* Calls that only the control domain may make, about the child and about domains that are not there; never about itself. */
#define __XEN_TOOLS__ 1
#include <stdint.h>

#include <xen/domctl.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

#include "hypervisor/lib/string.h"
#include "tests/fuzz/hcall/fuzz.h"

static void fill(struct worker *w, void *p, size_t bytes)
{
	for (size_t i = 0; i < bytes / 8; i++) {
		((uint64_t *)p)[i] = chance(w, 50) ? 0 : odd_number(w);
	}
}

static void control(struct worker *w)
{
	static const uint32_t cmds[] = {
		XEN_DOMCTL_pausedomain,	      XEN_DOMCTL_unpausedomain,
		XEN_DOMCTL_unpausedomain,     XEN_DOMCTL_unpausedomain,
		XEN_DOMCTL_unpausedomain,     XEN_DOMCTL_resumedomain,
		XEN_DOMCTL_getdomaininfo,     XEN_DOMCTL_getvcpuinfo,
		XEN_DOMCTL_max_mem,	      XEN_DOMCTL_max_vcpus,
		XEN_DOMCTL_setdomainhandle,   XEN_DOMCTL_settimeoffset,
		XEN_DOMCTL_setvcpuaffinity,   XEN_DOMCTL_getvcpuaffinity,
		XEN_DOMCTL_setnodeaffinity,   XEN_DOMCTL_getnodeaffinity,
		XEN_DOMCTL_scheduler_op,      XEN_DOMCTL_irq_permission,
		XEN_DOMCTL_iomem_permission,  XEN_DOMCTL_ioport_permission,
		XEN_DOMCTL_set_virq_handler,  XEN_DOMCTL_setvcpucontext,
		XEN_DOMCTL_getvcpucontext,    XEN_DOMCTL_hypercall_init,
		XEN_DOMCTL_set_address_size,  XEN_DOMCTL_get_address_size,
		XEN_DOMCTL_getpageframeinfo3, XEN_DOMCTL_gettscinfo,
		XEN_DOMCTL_settscinfo,	      XEN_DOMCTL_shadow_op,
		XEN_DOMCTL_get_vcpu_msrs,     XEN_DOMCTL_set_vcpu_msrs,
	};
	struct xen_domctl *d = arg_room(w, sizeof(*d));
	void *room = arg_room(w, 1024);

	fill(w, &d->u, sizeof(d->u));
	d->cmd = chance(w, 98) ? cmds[rnd(w, ARRAY_SIZE(cmds))] : 90 + rnd(w, 900);
	d->interface_version = chance(w, 99) ? XEN_DOMCTL_INTERFACE_VERSION : 3;
	d->domain = chance(w, 95) ? play.other : (domid_t)(1 + (odd_number(w) & 0x7ffe));
	switch (d->cmd) {
	case XEN_DOMCTL_max_mem:
		d->u.max_mem.max_memkb = chance(w, 90) ? 16 << 10 : rnd(w, 20 << 10);
		break;
	case XEN_DOMCTL_getvcpucontext:
	case XEN_DOMCTL_setvcpucontext:
		d->u.vcpucontext.vcpu = 2 + rnd(w, 3);
		set_xen_guest_handle_raw(d->u.vcpucontext.ctxt, (void *)arg(w, w->arg));
		break;
	case XEN_DOMCTL_getpageframeinfo3:
		d->u.getpageframeinfo3.num = rnd(w, 64);
		set_xen_guest_handle_raw(d->u.getpageframeinfo3.array, room);
		break;
	case XEN_DOMCTL_scheduler_op:
		d->u.scheduler_op.cmd = chance(w, 95) ? XEN_DOMCTL_SCHEDOP_getinfo : rnd(w, 4);
		break;
	case XEN_DOMCTL_set_virq_handler:
		return; /* ours would go to the child */
	default:
		break;
	}
	call(w, __HYPERVISOR_domctl, arg(w, d), 0, 0, 0, 0);
}

static void machine(struct worker *w)
{
	static const uint32_t cmds[] = {
		XEN_SYSCTL_physinfo,   XEN_SYSCTL_sched_id,   XEN_SYSCTL_getdomaininfolist,
		XEN_SYSCTL_getcpuinfo, XEN_SYSCTL_availheap,  XEN_SYSCTL_cputopoinfo,
		XEN_SYSCTL_numainfo,   XEN_SYSCTL_cpupool_op, XEN_SYSCTL_get_cpu_levelling_caps
	};
	struct xen_sysctl *s = arg_room(w, sizeof(*s));
	void *room = arg_room(w, 4096);

	fill(w, &s->u, sizeof(s->u));
	s->cmd = chance(w, 95) ? cmds[rnd(w, ARRAY_SIZE(cmds))] : 40 + rnd(w, 100);
	s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	switch (s->cmd) {
	case XEN_SYSCTL_getdomaininfolist:
		s->u.getdomaininfolist.max_domains = rnd(w, 4);
		set_xen_guest_handle_raw(s->u.getdomaininfolist.buffer, room);
		break;
	case XEN_SYSCTL_getcpuinfo:
		set_xen_guest_handle_raw(s->u.getcpuinfo.info, room);
		break;
	case XEN_SYSCTL_cputopoinfo:
		set_xen_guest_handle_raw(s->u.cputopoinfo.cputopo, room);
		break;
	default:
		break;
	}
	call(w, __HYPERVISOR_sysctl, arg(w, s), 0, 0, 0, 0);
}

static void platform(struct worker *w)
{
	struct xen_platform_op *p = arg_room(w, sizeof(*p));

	fill(w, &p->u, sizeof(p->u));
	p->cmd = rnd(w, 70);
	p->interface_version = XENPF_INTERFACE_VERSION;
	if (p->cmd != XENPF_enter_acpi_sleep) {
		call(w, __HYPERVISOR_platform_op, arg(w, p), 0, 0, 0, 0);
	}
}

static void devices(struct worker *w)
{
	uint32_t *words = arg_room(w, 128);

	for (unsigned int i = 0; i < 16; i++) {
		words[i] = chance(w, 80) ? rnd(w, 32) : (uint32_t)odd_number(w);
	}
	words[0] = chance(w, 50) ? play.other : words[0];
	call(w, __HYPERVISOR_physdev_op, chance(w, 95) ? rnd(w, 40) : odd_number(w), arg(w, words),
	     0, 0, 0);
}

const struct op control_ops[] = {
	{ "control", control, 8, true },   { "machine", machine, 1, true },
	{ "platform", platform, 1, true }, { "devices", devices, 3, true },
	{ NULL, NULL, 0, false },
};
