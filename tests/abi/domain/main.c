/*
 * The control domain makes and ends domains.  Each is created, given memory, looked at, and
 * destroyed; afterwards the hypervisor has exactly as much free memory as before, the domain's
 * id leads nowhere, and VIRQ_DOM_EXC was sent; bad requests are refused and cost nothing.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

#include "hypervisor/lib/string.h"

static struct xen_domctl ctl;
static volatile unsigned int ended;

static void on_end(evtchn_port_t port)
{
	(void)port;
	ended++;
}

static long domctl(uint32_t cmd, domid_t id)
{
	ctl.cmd = cmd;
	ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	ctl.domain = id;
	return hcall1(__HYPERVISOR_domctl, ptr_arg(&ctl));
}

static uint64_t free_pages(void)
{
	static struct xen_sysctl s;

	s.cmd = XEN_SYSCTL_physinfo;
	s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	if (hcall1(__HYPERVISOR_sysctl, ptr_arg(&s))) {
		return 0;
	}
	return s.u.physinfo.free_pages;
}

/* The last steps of a domain's end may be put off for a moment: waits until the figure stays. */
static uint64_t settled_free_pages(void)
{
	uint64_t pages = free_pages(), since = system_time();

	while (system_time() - since < 100000000UL) {
		uint64_t now = free_pages();

		if (now != pages) {
			pages = now;
			since = system_time();
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return pages;
}

static long create(unsigned int vcpus)
{
	memset(&ctl, 0, sizeof(ctl));
	ctl.u.createdomain.max_vcpus = vcpus;
	ctl.u.createdomain.max_evtchn_port = 1023;
	ctl.u.createdomain.max_grant_frames = 32;
	ctl.u.createdomain.max_maptrack_frames = 128;
	ctl.u.createdomain.grant_opts = 1;
	return domctl(XEN_DOMCTL_createdomain, 0);
}

static long give(domid_t id, xen_pfn_t *list, unsigned int n, unsigned int order)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = id };

	set_xen_guest_handle_raw(r.extent_start, list);
	return memory_op(XENMEM_populate_physmap, &r);
}

static long limit(domid_t id, uint64_t kib)
{
	ctl.u.max_mem.max_memkb = kib;
	return domctl(XEN_DOMCTL_max_mem, id);
}

static long destroy(domid_t id)
{
	/* The call is continued until it is done. */
	return domctl(XEN_DOMCTL_destroydomain, id);
}

static long info(domid_t id)
{
	long rc = domctl(XEN_DOMCTL_getdomaininfo, id);

	return rc ? rc : ctl.domain == id ? 0 : -XEN_ESRCH;
}

static void one(void)
{
	static xen_pfn_t list[64];
	char *page = page_alloc();
	struct mmu_update u = { pte_machine_address(pte_of(page, 1)), 0 };
	uint64_t before;
	domid_t id;

	CHECK_EQ(create(2), 0, "create");
	id = (domid_t)ctl.domain;
	CHECK(id != 0 && id < DOMID_FIRST_RESERVED, "domain %u", id);
	ctl.u.max_vcpus.max = 2;
	CHECK_EQ(domctl(XEN_DOMCTL_max_vcpus, id), 0, "two vCPUs made");
	CHECK_EQ(info(id), 0, "information");
	CHECK_EQ(ctl.u.getdomaininfo.max_vcpu_id, 1, "two vCPUs");
	CHECK(ctl.u.getdomaininfo.flags & XEN_DOMINF_paused, "paused");
	CHECK_EQ(ctl.u.getdomaininfo.tot_pages, 0, "no memory");
	for (unsigned int i = 0; i < 64; i++) {
		list[i] = i;
	}
	CHECK_EQ(give(id, list, 64, 0), 0, "no memory beyond its limit");
	CHECK_EQ(limit(id, 40 * 4), 0, "limit of 40 pages");
	CHECK_EQ(give(id, list, 64, 0), 40, "forty of 64");
	CHECK_EQ(info(id), 0, "information");
	CHECK_EQ(ctl.u.getdomaininfo.tot_pages, 40, "forty pages");

	u.val = list[3] << PAGE_SHIFT | PTE_USUAL;
	CHECK(mmu_update(&u, 1, NULL, DOMID_SELF) < 0, "its page is not ours");
	CHECK_EQ(mmu_update(&u, 1, NULL, id), 0, "but may be mapped as its");
	memset(page, 0x99, PAGE_SIZE);
	before = free_pages();
	ended = 0;
	CHECK_EQ(destroy(id), 0, "destroy");
	CHECK_EQ((unsigned char)page[77], 0x99, "what is mapped stays");
	CHECK_EQ(info(id), 0, "so the domain is still known");
	CHECK(ctl.u.getdomaininfo.flags & XEN_DOMINF_dying, "as dying");
	CHECK(free_pages() >= before + 39, "the rest is free");
	u.val = virt_to_mfn(page) << PAGE_SHIFT | PTE_USUAL;
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_SELF), 0, "unmapped");
	for (uint64_t end = system_time() + 2000000000UL; info(id) == 0 && system_time() < end;) {
		sched_op(SCHEDOP_yield, NULL);
	}
	CHECK(info(id) < 0, "then it is gone");
	CHECK(ended >= 1, "and we were told");
	CHECK_EQ(limit(id, 4), -XEN_ESRCH, "its id leads nowhere");
}

static void many(void)
{
	static xen_pfn_t list[16];
	uint64_t before = settled_free_pages();

	for (unsigned int i = 0; i < 20; i++) {
		domid_t id;

		if (create(1 + i % 3)) {
			CHECK(false, "create %u", i);
			return;
		}
		id = (domid_t)ctl.domain;
		for (unsigned int k = 0; k < 16; k++) {
			list[k] = k * 512;
		}
		if (limit(id, 16 << 10) || give(id, list, 4, 9) != 4) {
			CHECK(false, "memory %u", i);
		}
		domctl(XEN_DOMCTL_unpausedomain, id);
		domctl(XEN_DOMCTL_pausedomain, id);
		if (destroy(id)) {
			CHECK(false, "destroy %u", i);
		}
	}
	CHECK_EQ(settled_free_pages(), before, "twenty domains later as many pages are free");
}

static void refusals(void)
{
	uint64_t before = settled_free_pages();

	CHECK_EQ(create(0), -XEN_EINVAL, "no vCPUs");
	CHECK(create(100000) < 0, "too many");
	CHECK_EQ(domctl(XEN_DOMCTL_pausedomain, 1234), -XEN_ESRCH, "pause what is not there");
	CHECK_EQ(destroy(1234), -XEN_ESRCH, "destroy what is not there");
	CHECK(destroy(0) < 0, "destroy ourselves");
	CHECK(domctl(XEN_DOMCTL_pausedomain, 0) < 0, "pause ourselves");
	CHECK_EQ(hcall1(__HYPERVISOR_domctl, 16), -XEN_EFAULT, "request at a bad address");
	ctl.cmd = XEN_DOMCTL_pausedomain;
	ctl.interface_version = 7;
	CHECK_EQ(hcall1(__HYPERVISOR_domctl, ptr_arg(&ctl)), -XEN_EACCES,
		 "another interface version");
	CHECK_EQ(settled_free_pages(), before, "nothing was used up");
}

enum verdict guest_main(void)
{
	struct evtchn_bind_virq b = { .virq = VIRQ_DOM_EXC };

	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(event_op(EVTCHNOP_bind_virq, &b), 0, "VIRQ_DOM_EXC");
	event_set_handler(b.port, on_end);
	one();
	many();
	refusals();
	return SUCCESS;
}
