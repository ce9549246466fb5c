/* What the control domain asks for, for tests that are started as one (see child.h): one request at a time, all answers kept. */
#include "frontends/rt/child.h"

#include <xen/sched.h>
#include <xen/sysctl.h>

#include "hypervisor/lib/string.h"

#define SETTLED 100000000UL /* ns */

struct xen_domctl child_ctl;

long child_domctl(uint32_t cmd, domid_t id)
{
	child_ctl.cmd = cmd;
	child_ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	child_ctl.domain = id;
	return hcall1(__HYPERVISOR_domctl, ptr_arg(&child_ctl));
}

uint64_t free_pages(void)
{
	static struct xen_sysctl s;

	s.cmd = XEN_SYSCTL_physinfo;
	s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return hcall1(__HYPERVISOR_sysctl, ptr_arg(&s)) ? 0 : s.u.physinfo.free_pages;
}

/* The last steps of a domain's end may be put off for a moment. */
uint64_t settled_free_pages(void)
{
	uint64_t pages = free_pages(), since = system_time();

	while (system_time() - since < SETTLED) {
		uint64_t now = free_pages();

		if (now != pages) {
			pages = now;
			since = system_time();
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return pages;
}

long domain_create(unsigned int vcpus)
{
	long rc;

	memset(&child_ctl, 0, sizeof(child_ctl));
	child_ctl.u.createdomain.max_vcpus = vcpus;
	child_ctl.u.createdomain.max_evtchn_port = 1023;
	child_ctl.u.createdomain.max_grant_frames = 32;
	child_ctl.u.createdomain.max_maptrack_frames = 128;
	child_ctl.u.createdomain.grant_opts = 2;
	rc = child_domctl(XEN_DOMCTL_createdomain, 0);
	return rc ? rc : (long)child_ctl.domain;
}

long domain_limit(domid_t id, uint64_t pages)
{
	child_ctl.u.max_mem.max_memkb = pages << (PAGE_SHIFT - 10);
	return child_domctl(XEN_DOMCTL_max_mem, id);
}

long domain_make(unsigned int vcpus, uint64_t pages)
{
	long id = domain_create(vcpus), rc;

	if (id < 0) {
		return id;
	}
	child_ctl.u.max_vcpus.max = vcpus;
	rc = child_domctl(XEN_DOMCTL_max_vcpus, (domid_t)id);
	rc = rc ? rc : domain_limit((domid_t)id, pages);
	if (rc) {
		domain_destroy((domid_t)id);
	}
	return rc ? rc : id;
}

long domain_give(domid_t id, xen_pfn_t *list, unsigned int n, unsigned int order)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = id };

	set_xen_guest_handle_raw(r.extent_start, list);
	return memory_op(XENMEM_populate_physmap, &r);
}

long domain_info(domid_t id)
{
	long rc = child_domctl(XEN_DOMCTL_getdomaininfo, id);

	return rc ? rc : child_ctl.domain == id ? 0 : -XEN_ESRCH;
}

int domain_shut_down(domid_t id)
{
	const struct xen_domctl_getdomaininfo *info = &child_ctl.u.getdomaininfo;

	return domain_info(id) || !(info->flags & XEN_DOMINF_shutdown)
		       ? -1
		       : (int)(info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
}

/* The call is continued until it is done. */
long domain_destroy(domid_t id)
{
	return child_domctl(XEN_DOMCTL_destroydomain, id);
}

bool domain_gone(domid_t id)
{
	uint64_t end = system_time() + CHILD_PATIENCE;

	while (domain_info(id) == 0) {
		if (system_time() > end) {
			return false;
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return true;
}

long vcpu_pin(domid_t id, unsigned int vcpu, unsigned int cpu)
{
	static uint64_t map;

	map = 1UL << cpu;
	memset(&child_ctl.u, 0, sizeof(child_ctl.u));
	child_ctl.u.vcpuaffinity.vcpu = vcpu;
	child_ctl.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	child_ctl.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	set_xen_guest_handle_raw(child_ctl.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)&map);
	return child_domctl(XEN_DOMCTL_setvcpuaffinity, id);
}
