/*
 * A domain ends while another CPU is at it.  The second vCPU of the control domain maps its pages, pins its tables, pauses it,
 * asks about it, shuts it down, gives it memory, binds to its ports, maps its grants, moves its vCPUs, destroys it, over and
 * over; meanwhile, with its own two vCPUs running, it is destroyed.  Each request is done or refused as for a domain that is
 * dying or gone, nothing else; and then nothing is left of it: as many pages are free as before, every count is right
 * (XEN_DOMCTL_destroydomain).
 */
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/sched.h>

#include "hypervisor/lib/string.h"

#define REF    8
#define ROUNDS 2

enum { READY = 1, PORT }; /* words of the mail */

static struct child child;
static char *window, *place; /* the mail's page; the second vCPU's */
static grant_entry_v1_t *table;

/* ---- in the child ---- */

static volatile bool second_runs;

static void second(unsigned int vcpu)
{
	(void)vcpu;
	second_runs = true;
	for (;;) {
		sched_op(SCHEDOP_yield, NULL);
	}
}

/* What it has: two vCPUs, a port that waits for us, a grant to us. */
static void lives(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	xen_pfn_t frame = 0;

	set_xen_guest_handle_raw(s.frame_list, &frame);
	table = child_spare(0);
	if (event_op(EVTCHNOP_alloc_unbound, &a) || grant_op(GNTTABOP_setup_table, &s, 1) ||
	    update_va_mapping((uint64_t)table, frame << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG)) {
		return;
	}
	table[REF].frame = (uint32_t)virt_to_mfn(child_spare(1));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	table[REF].flags = GTF_permit_access;
	if (second_start(1, second)) {
		return;
	}
	while (!second_runs) {
	}
	update_va_mapping((uint64_t)child_spare(2), 0, UVMF_INVLPG | UVMF_ALL);
	child_mail.word[PORT] = a.port;
	child_mail.word[READY] = 1;
	for (;;) {
		sched_op(SCHEDOP_yield, NULL);
	}
}

/* ---- on our second vCPU: one thing, again and again ---- */

static evtchn_port_t its_port;
static uint64_t spare; /* a frame of its that it does not use */

static long ask(uint32_t cmd, struct xen_domctl *op)
{
	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = child.id;
	return hcall1(__HYPERVISOR_domctl, ptr_arg(op));
}

static long maps(void)
{
	long rc = child_show(place, spare, child.id);

	return child_show(place, virt_to_mfn(place), DOMID_SELF) ? 1 : rc;
}

static long pins(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = spare };
	long rc = mmuext_op(&op, 1, NULL, child.id);

	if (rc == 0) {
		op.cmd = MMUEXT_UNPIN_TABLE;
		rc = mmuext_op(&op, 1, NULL, child.id);
	}
	return rc;
}

static long pauses(void)
{
	struct xen_domctl op = { 0 };
	long rc = ask(XEN_DOMCTL_pausedomain, &op);

	return rc ? rc : ask(XEN_DOMCTL_unpausedomain, &op);
}

static long asks(void)
{
	static struct vcpu_guest_context c;
	struct xen_domctl op = { 0 };
	long rc = ask(XEN_DOMCTL_getvcpuinfo, &op);

	memset(&op, 0, sizeof(op));
	op.u.vcpucontext.vcpu = 1;
	set_xen_guest_handle_raw(op.u.vcpucontext.ctxt, (void *)&c);
	return rc ? rc : ask(XEN_DOMCTL_getvcpucontext, &op);
}

static long shuts_down(void)
{
	struct sched_remote_shutdown s = { .domain_id = child.id, .reason = SHUTDOWN_crash };
	struct xen_domctl op = { 0 };
	long rc = sched_op(SCHEDOP_remote_shutdown, &s);

	return rc ? rc : ask(XEN_DOMCTL_resumedomain, &op);
}

/* A page more and back; -EINVAL: not a page more. */
static long gives(void)
{
	xen_pfn_t list[1] = { 0 };
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = child.id };
	long rc = domain_give(child.id, list, 1, 0);

	set_xen_guest_handle_raw(r.extent_start, list);
	if (rc == 1) {
		rc = memory_op(XENMEM_decrease_reservation, &r);
	}
	return rc < 0 ? rc : 0;
}

static long binds(void)
{
	struct evtchn_bind_interdomain b = { .remote_dom = child.id, .remote_port = its_port };
	long rc = event_op(EVTCHNOP_bind_interdomain, &b);
	struct evtchn_close c = { .port = b.local_port };
	struct evtchn_send s = { .port = b.local_port };

	if (rc == 0) {
		rc = event_op(EVTCHNOP_send, &s) ? 1 : 0;
		rc = event_op(EVTCHNOP_close, &c) ? 2 : rc;
	}
	return rc;
}

/* As an errno: GNTST_bad_domain is what it says of none. */
static long borrows(void)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = (uint64_t)place, .flags = GNTMAP_host_map, .ref = REF, .dom = child.id
	};
	struct gnttab_unmap_grant_ref u = { .host_addr = (uint64_t)place };
	long rc = update_va_mapping((uint64_t)place, 0, UVMF_INVLPG | UVMF_ALL);

	rc = rc ? 1 : grant_op(GNTTABOP_map_grant_ref, &m, 1);
	if (rc == 0 && m.status == GNTST_okay) {
		u.handle = m.handle;
		rc = grant_op(GNTTABOP_unmap_grant_ref, &u, 1) || u.status ? 2 : 0;
	} else if (rc == 0) {
		rc = m.status == GNTST_bad_domain      ? -XEN_ESRCH
		     : m.status == GNTST_general_error ? -XEN_EINVAL
						       : 3;
	}
	return child_show(place, virt_to_mfn(place), DOMID_SELF) ? 4 : rc;
}

static long moves(void)
{
	static uint64_t map;
	struct xen_domctl op = { 0 };

	map = map == 1 ? 2 : 1;
	op.u.vcpuaffinity.vcpu = 1;
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	set_xen_guest_handle_raw(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)&map);
	return ask(XEN_DOMCTL_setvcpuaffinity, &op);
}

static long acquires(void)
{
	xen_pfn_t list[2];
	struct xen_mem_acquire_resource a = { .domid = child.id,
					      .type = XENMEM_resource_grant_table,
					      .nr_frames = 2 };

	set_xen_guest_handle_raw(a.frame_list, list);
	return memory_op(XENMEM_acquire_resource, &a);
}

static long destroys(void)
{
	struct xen_domctl op = { 0 };

	return ask(XEN_DOMCTL_destroydomain, &op);
}

static const struct {
	long (*f)(void);
	const char *what;
} things[] = {
	{ maps, "maps its page" },	 { pins, "pins its table" },
	{ pauses, "pauses it" },	 { asks, "asks about it" },
	{ shuts_down, "shuts it down" }, { gives, "gives it memory" },
	{ binds, "binds to its port" },	 { borrows, "maps its grant" },
	{ moves, "moves its vCPU" },	 { acquires, "asks for its grant frames" },
	{ destroys, "destroys it" },
};

static long (*thing)(void);
static volatile bool begun, enough;
static volatile unsigned int times, done;
static volatile long surprise;

static void over_and_over(void)
{
	begun = true;
	while (!enough) {
		long rc = thing();

		done += rc == 0;
		/* No such domain, or one that nothing can be done for any more. */
		if (rc != 0 && rc != -XEN_ESRCH && rc != -XEN_EINVAL) {
			surprise = rc;
		}
		times++;
		if (times % 16 == 0) {
			sched_op(SCHEDOP_yield, NULL);
		}
	}
}

/* ---- here ---- */

static bool until(unsigned int n)
{
	uint64_t end = system_time() + CHILD_PATIENCE;

	while (times < n) {
		if (system_time() > end) {
			return false;
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return true;
}

static bool ends_meanwhile(unsigned int round)
{
	bool good = !child_make(&child, window, lives) && !child_go(&child) &&
		    child_says(&child, READY, 1);
	long rc;

	its_port = (evtchn_port_t)child.mail[PORT];
	spare = child_spare_frame(&child, 2);
	begun = enough = false;
	times = 0;
	worker_begin(over_and_over);
	if (thing == destroys) {
		for (unsigned int i = 0; !begun && i < 100000; i++) {
			__asm__ volatile("pause");
		}
	} else {
		good = good && until(10 * round + 3);
	}
	child_show(window, virt_to_mfn(window), DOMID_SELF);
	rc = domain_destroy(child.id);
	/* The other may have been first. */
	good = (rc == 0 || (rc == -XEN_ESRCH && thing == destroys)) && domain_gone(child.id) &&
	       good;
	good = until(times + 3) && good;
	enough = true;
	return worker_ready() && good;
}

static void one(unsigned int i)
{
	uint64_t pages = settled_free_pages();
	unsigned int bad = 0;

	thing = things[i].f;
	surprise = done = 0;
	for (unsigned int round = 0; round < (thing == destroys ? 4 * ROUNDS : ROUNDS); round++) {
		bad += !ends_meanwhile(round);
	}
	CHECK_EQ(bad, 0, "a domain ends while another CPU %s", things[i].what);
	CHECK_EQ(surprise, 0, "which is done, %u times, or refused", done);
	CHECK_EQ(settled_free_pages(), pages, "as many pages are free");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	window = page_alloc();
	place = page_alloc();
	CHECK_EQ(worker_start(1), 0, "a second vCPU");
	/* What the hypervisor keeps for the next domain is there from the first on. */
	thing = asks;
	CHECK(ends_meanwhile(1), "a domain");
	for (unsigned int i = 0; i < ARRAY_SIZE(things); i++) {
		one(i);
	}
	CHECK(audit_machine() != AUDIT_FAILED, "every count is right");
	return SUCCESS;
}
