/*
 * The control domain makes and ends domains.  Each is created, given memory, looked at, and
 * destroyed; afterwards the hypervisor has exactly as much free memory as before, the domain's
 * id leads nowhere, and VIRQ_DOM_EXC was sent; bad requests are refused and cost nothing.
 */
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/event_channel.h>
#include <xen/sched.h>

#include "hypervisor/lib/string.h"

static volatile unsigned int ended;

static void on_end(evtchn_port_t port)
{
	(void)port;
	ended++;
}

static void one(void)
{
	static xen_pfn_t list[64];
	char *page = page_alloc();
	struct mmu_update u = { pte_machine_address(pte_of(page, 1)), 0 };
	uint64_t before;
	domid_t id;
	long made;

	made = domain_create(2);
	id = (domid_t)made;
	CHECK(made > 0 && made < DOMID_FIRST_RESERVED, "domain %ld created", made);
	child_ctl.u.max_vcpus.max = 2;
	CHECK_EQ(child_domctl(XEN_DOMCTL_max_vcpus, id), 0, "two vCPUs made");
	CHECK_EQ(domain_info(id), 0, "information");
	CHECK_EQ(child_ctl.u.getdomaininfo.max_vcpu_id, 1, "two vCPUs");
	CHECK(child_ctl.u.getdomaininfo.flags & XEN_DOMINF_paused, "paused");
	CHECK_EQ(child_ctl.u.getdomaininfo.tot_pages, 0, "no memory");
	for (unsigned int i = 0; i < 64; i++) {
		list[i] = i;
	}
	CHECK_EQ(domain_give(id, list, 64, 0), 0, "no memory beyond its limit");
	CHECK_EQ(domain_limit(id, 40), 0, "limit of 40 pages");
	CHECK_EQ(domain_give(id, list, 64, 0), 40, "forty of 64");
	CHECK_EQ(domain_info(id), 0, "information");
	CHECK_EQ(child_ctl.u.getdomaininfo.tot_pages, 40, "forty pages");

	u.val = list[3] << PAGE_SHIFT | PTE_USUAL;
	CHECK(mmu_update(&u, 1, NULL, DOMID_SELF) < 0, "its page is not ours");
	CHECK_EQ(mmu_update(&u, 1, NULL, id), 0, "but may be mapped as its");
	memset(page, 0x99, PAGE_SIZE);
	before = free_pages();
	ended = 0;
	CHECK_EQ(domain_destroy(id), 0, "destroy");
	CHECK_EQ((unsigned char)page[77], 0x99, "what is mapped stays");
	CHECK_EQ(domain_info(id), 0, "so the domain is still known");
	CHECK(child_ctl.u.getdomaininfo.flags & XEN_DOMINF_dying, "as dying");
	CHECK(free_pages() >= before + 39, "the rest is free");
	u.val = virt_to_mfn(page) << PAGE_SHIFT | PTE_USUAL;
	CHECK_EQ(mmu_update(&u, 1, NULL, DOMID_SELF), 0, "unmapped");
	CHECK(domain_gone(id), "then it is gone");
	CHECK(ended >= 1, "and we were told");
	CHECK_EQ(domain_limit(id, 1), -XEN_ESRCH, "its id leads nowhere");
}

static void many(void)
{
	static xen_pfn_t list[16];
	uint64_t before = settled_free_pages();

	for (unsigned int i = 0; i < 20; i++) {
		long made = domain_create(1 + i % 3);
		domid_t id = (domid_t)made;

		if (made < 0) {
			CHECK(false, "create %u: %ld", i, made);
			return;
		}
		for (unsigned int k = 0; k < 16; k++) {
			list[k] = k * 512;
		}
		if (domain_limit(id, 4096) || domain_give(id, list, 4, 9) != 4) {
			CHECK(false, "memory %u", i);
		}
		child_domctl(XEN_DOMCTL_unpausedomain, id);
		child_domctl(XEN_DOMCTL_pausedomain, id);
		if (domain_destroy(id)) {
			CHECK(false, "destroy %u", i);
		}
	}
	CHECK_EQ(settled_free_pages(), before, "twenty domains later as many pages are free");
}

static void refusals(void)
{
	uint64_t before = settled_free_pages();

	CHECK_EQ(domain_create(0), -XEN_EINVAL, "no vCPUs");
	CHECK(domain_create(100000) < 0, "too many");
	CHECK_EQ(child_domctl(XEN_DOMCTL_pausedomain, 1234), -XEN_ESRCH, "pause what is not there");
	CHECK_EQ(domain_destroy(1234), -XEN_ESRCH, "destroy what is not there");
	CHECK(domain_destroy(0) < 0, "destroy ourselves");
	CHECK(child_domctl(XEN_DOMCTL_pausedomain, 0) < 0, "pause ourselves");
	CHECK_EQ(hcall1(__HYPERVISOR_domctl, 16), -XEN_EFAULT, "request at a bad address");
	child_ctl.cmd = XEN_DOMCTL_pausedomain;
	child_ctl.interface_version = 7;
	CHECK_EQ(hcall1(__HYPERVISOR_domctl, ptr_arg(&child_ctl)), -XEN_EACCES,
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
