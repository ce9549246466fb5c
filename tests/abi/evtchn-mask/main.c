/*
 * The two levels of bits in shared memory (<xen/xen.h>, struct shared_info and vcpu_info).  An event sets the port's
 * pending bit; only "on a 0->1 transition", and only if the port is not masked, its word's bit in the selector of the vCPU
 * it is bound to, and evtchn_upcall_pending; a masked port does neither until EVTCHNOP_unmask, which delivers what
 * is pending; with evtchn_upcall_mask set there is no upcall, and SCHEDOP_block opens it and looks in one step.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "tests/abi/lib/event.h"

static volatile unsigned int calls;

static void on_event(evtchn_port_t port)
{
	(void)port;
	calls++;
}

static uint64_t selector(unsigned int vcpu)
{
	return shared_info->vcpu_info[vcpu].evtchn_pending_sel;
}

/* As if nothing had been delivered to this vCPU. */
static void quiet(unsigned int vcpu)
{
	shared_info->vcpu_info[vcpu].evtchn_pending_sel = 0;
	shared_info->vcpu_info[vcpu].evtchn_upcall_pending = 0;
}

/* Delivery to a vCPU that takes no upcalls: the bits stay to be looked at.  What is sent by one port arrives at the other. */
static void bits(unsigned int vcpu, evtchn_port_t by, evtchn_port_t port)
{
	const volatile struct vcpu_info *v = &shared_info->vcpu_info[vcpu];
	uint64_t word = 1UL << port / 64;

	quiet(vcpu);
	event_mask(port);
	CHECK_EQ(event_send(by), 0, "vCPU %u, port %u: sent, masked", vcpu, port);
	CHECK(event_is_pending(port), "pending");
	CHECK(!selector(vcpu) && !v->evtchn_upcall_pending, "and that is all");
	CHECK_EQ(event_unmask(port), 0, "unmasked");
	CHECK(!event_is_masked(port) && event_is_pending(port), "and pending");
	CHECK(selector(vcpu) == word && v->evtchn_upcall_pending, "is delivered");
	quiet(vcpu);
	CHECK_EQ(event_unmask(port), 0, "unmasked once more");
	CHECK(!selector(vcpu), "is no transition: nothing");
	CHECK_EQ(event_send(by), 0, "nor is another send while it is pending");
	CHECK(!selector(vcpu) && !v->evtchn_upcall_pending, "nothing");
	event_clear(port);
	CHECK_EQ(event_unmask(port), 0, "unmasked with nothing pending");
	CHECK(!selector(vcpu), "nothing");
	CHECK_EQ(event_send(by), 0, "sent, unmasked");
	CHECK(selector(vcpu) == word && v->evtchn_upcall_pending, "is delivered");
	event_clear(port);
	event_mask(port);
	quiet(vcpu);
}

/* What was steered while it waited goes to the new vCPU when it is unmasked. */
static void steered(void)
{
	evtchn_port_t far = event_unbound(DOMID_SELF), near = event_bind(DOMID_SELF, far);

	event_mask(far);
	event_clear(far);
	quiet(0);
	CHECK_EQ(event_send(near), 0, "sent to a masked port of vCPU 0");
	CHECK_EQ(event_steer(far, 1), 0, "which moves to vCPU 1");
	CHECK(!selector(1), "without a word");
	CHECK_EQ(event_unmask(far), 0, "until it is unmasked");
	CHECK(selector(1) == 1UL << far / 64 && !selector(0), "there and not here");
	event_mask(far);
	event_clear(far);
	bits(1, near, far);
	CHECK_EQ(event_steer(far, 0), 0, "and back");
	bits(0, near, far);
	event_close(near);
	event_close(far);
	quiet(1);
}

static void upcalls(void)
{
	evtchn_port_t port = event_ipi(0);

	event_set_handler(port, on_event);
	calls = 0;
	upcalls_off();
	event_send(port);
	CHECK(calls == 0 && vcpu_info()->evtchn_upcall_pending, "masked upcalls: it waits");
	version_op(0, NULL);
	CHECK_EQ(calls, 0, "through hypercalls too");
	vcpu_info()->evtchn_upcall_mask = 0;
	barrier();
	version_op(0, NULL);
	CHECK_EQ(calls, 1, "and comes with the first after they are open");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 0, "open as before when it returns");
	upcalls_off();
	event_send(port);
	CHECK_EQ(sched_op(SCHEDOP_block, NULL), 0, "block with one waiting");
	CHECK_EQ(calls, 2, "delivers it");
	/* The summary without a port: an upcall that finds nothing, and harms nothing. */
	vcpu_info()->evtchn_pending_sel = ~0UL;
	vcpu_info()->evtchn_upcall_pending = 1;
	version_op(0, NULL);
	CHECK_EQ(calls, 2, "scribbled summary bits call no handler");
	CHECK(!vcpu_info()->evtchn_upcall_pending, "and are gone");
	event_close(port);
}

enum verdict guest_main(void)
{
	evtchn_port_t first = event_ipi(0), many[200];

	upcalls();
	upcalls_off();
	bits(0, first, first);
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = event_ipi(0);
	}
	bits(0, many[ARRAY_SIZE(many) - 1], many[ARRAY_SIZE(many) - 1]);
	if (vcpu_op(VCPUOP_is_up, 1, NULL) >= 0) {
		evtchn_port_t other = event_ipi(1);

		bits(1, other, other);
		steered();
	}
	return SUCCESS;
}
