/*
 * vCPUs: which there are, bringing one up with a context, taking it down and up again
 * where it stopped, and moving vcpu_info to memory of the guest's choice without losing events.
 */
#include "frontends/rt/test.h"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

static volatile unsigned int second_turns, second_id = ~0u;

static void second(unsigned int vcpu)
{
	second_id = vcpu;
	for (;;) {
		second_turns++;
		vcpu_op(VCPUOP_down, vcpu, NULL);
	}
}

static bool second_came(unsigned int turns)
{
	uint64_t end = system_time() + 20000000000UL;

	while (second_turns < turns && system_time() < end) {
		sched_op(SCHEDOP_yield, NULL);
	}
	return second_turns == turns;
}

static bool second_is_down(void)
{
	uint64_t end = system_time() + 20000000000UL;

	while (vcpu_op(VCPUOP_is_up, 1, NULL) != 0 && system_time() < end) {
		sched_op(SCHEDOP_yield, NULL);
	}
	return vcpu_op(VCPUOP_is_up, 1, NULL) == 0;
}

static void another(void)
{
	struct vcpu_runstate_info r;
	uint64_t end;
	long rc;

	if (vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		print("  only one vCPU here\n");
		return;
	}
	CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, NULL), 0, "the second is down");
	CHECK_EQ(vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL, "and has no context to come up with");
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, (void *)8), -XEN_EFAULT,
		 "a context at a bad address");
	{
		static struct vcpu_guest_context bad; /* no top table */

		bad.ctrlreg[3] = 0xfffffff000UL;
		CHECK(vcpu_op(VCPUOP_initialise, 1, &bad) < 0, "a context without page tables");
	}
	CHECK_EQ(second_start(1, second), 0, "initialise and up");
	CHECK(second_came(1), "it runs");
	CHECK_EQ(second_id, 1, "with its argument");
	CHECK(second_is_down(), "takes itself down");
	CHECK_EQ(second_start(1, second), -XEN_EEXIST, "has a context already");
	CHECK_EQ(vcpu_op(VCPUOP_up, 1, NULL), 0, "up again");
	CHECK(second_came(2), "goes on where it stopped");
	CHECK(second_is_down(), "down again");
	end = system_time() + 20000000000UL;
	/* Down is what it asked for; for a moment it may still be on its way off its CPU. */
	do {
		rc = vcpu_op(VCPUOP_get_runstate_info, 1, &r);
	} while (rc == 0 && r.state != RUNSTATE_offline && system_time() < end);
	CHECK_EQ(rc, 0, "its run state");
	CHECK_EQ(r.state, RUNSTATE_offline, "offline");
}

static volatile unsigned int calls;

static void on_event(evtchn_port_t port)
{
	(void)port;
	calls++;
}

static void moved_info(void)
{
	struct vcpu_register_vcpu_info r = { .offset = 0xff0 };
	static char page[4096] __attribute__((aligned(4096)));

	r.mfn = virt_to_mfn(page);
	CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), -XEN_ENXIO,
		 "vcpu_info past the end of the page");
	r.offset = 0;
	r.mfn = virt_to_mfn((void *)start_info->pt_base);
	CHECK(vcpu_op(VCPUOP_register_vcpu_info, 1, &r) < 0, "vcpu_info in a page table");
	r.mfn = 0xffffffffffUL;
	CHECK(vcpu_op(VCPUOP_register_vcpu_info, 1, &r) < 0, "vcpu_info in no frame");
	r.mfn = virt_to_mfn(page);
	r.offset = 0x3c0;
	CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), 0, "moved");
	CHECK_EQ(((struct vcpu_info *)(page + 0x3c0))->evtchn_pending_sel, ~0UL,
		 "everything to be looked at");
	CHECK_EQ(((struct vcpu_info *)(page + 0x3c0))->evtchn_upcall_pending, 1,
		 "and an upcall pending");
	CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), -XEN_EINVAL, "only once");
}

enum verdict guest_main(void)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	unsigned int there = 0;

	for (unsigned int i = 0; i < 8192; i++) {
		long rc = vcpu_op(VCPUOP_is_up, i, NULL);

		there += rc >= 0;
		if (rc < 0 && rc != -XEN_ENOENT) {
			CHECK(false, "is_up(%u): %ld", i, rc);
		}
	}
	CHECK(there >= 1 && there <= 2, "%u vCPUs", there);
	CHECK_EQ(vcpu_op(VCPUOP_is_up, 0, NULL), 1, "we are up");
	CHECK_EQ(vcpu_op(999, 0, NULL), -XEN_ENOSYS, "unknown operation");
	if (there > 1) {
		moved_info();
	}
	another();
	CHECK_EQ(event_op(EVTCHNOP_bind_ipi, &ipi), 0, "events still come");
	event_set_handler(ipi.port, on_event);
	{
		struct evtchn_send s = { .port = ipi.port };

		CHECK_EQ(event_op(EVTCHNOP_send, &s), 0, "send");
	}
	CHECK_EQ(calls, 1, "one call");
	return SUCCESS;
}
