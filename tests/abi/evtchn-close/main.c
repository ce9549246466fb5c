/*
 * Closing event channels (<xen/event_channel.h>).  "If the channel is interdomain then the remote end is placed in the
 * unbound state, awaiting a new connection"; binding "always sets the local event channel pending"; "a port that is freed
 * and subsequently reused has its binding reset to vcpu0", and nothing pending; EVTCHNOP_reset closes every port.
 */
#include "frontends/rt/test.h"

#include <xen/vcpu.h>

#include "tests/abi/lib/event.h"
#include "tests/abi/lib/pages.h"

static volatile unsigned int calls;

static void on_event(evtchn_port_t port)
{
	(void)port;
	calls++;
}

/* One end goes, another comes, the first end goes: at each step what status says and what sending does. */
static void half_bound(void)
{
	evtchn_port_t far = event_unbound(DOMID_SELF), near = event_bind(DOMID_SELF, far), again;
	struct evtchn_status st;

	CHECK(event_is_pending(near), "binding makes the binder's end pending");
	CHECK(!event_is_pending(far), "and not the other");
	CHECK_EQ(event_bind(DOMID_SELF, far), 0, "a bound port takes no second peer");
	CHECK_EQ(event_bind(DOMID_SELF, near), 0, "nor does the binder's");
	CHECK_EQ(event_close(near), 0, "the binder closes");
	CHECK_EQ(event_status(far, &st), 0, "the other end");
	CHECK_EQ(st.status, EVTCHNSTAT_unbound, "is unbound");
	CHECK_EQ(event_send(far), 0, "what it sends is dropped");
	CHECK(!event_is_pending(near), "and not kept for the closed port's next user");
	again = event_bind(DOMID_SELF, far);
	CHECK_EQ(again, near, "it takes a new peer, on the lowest free port");
	event_clear(again);
	CHECK_EQ(event_send(far), 0, "sends to it");
	CHECK(event_is_pending(again), "which arrives");
	CHECK_EQ(event_close(far), 0, "now the other end closes first");
	CHECK_EQ(event_state(again), EVTCHNSTAT_unbound, "and the binder's waits");
	CHECK_EQ(event_bind(DOMID_SELF, again), far, "for a peer as well");
	CHECK_EQ(event_close(far), 0, "close");
	CHECK_EQ(event_close(again), 0, "and the half that was left");
	CHECK_EQ(event_bind(DOMID_SELF, again), 0, "a closed port takes no peer");
}

static void nothing_left(void)
{
	evtchn_port_t port = event_ipi(0);
	struct evtchn_status st;

	event_mask(port);
	CHECK_EQ(event_send(port), 0, "an event waits");
	CHECK(event_is_pending(port), "masked");
	CHECK_EQ(event_close(port), 0, "its port is closed");
	CHECK(!event_is_pending(port), "nothing waits");
	CHECK_EQ(event_unbound(DOMID_SELF), port, "the same port again");
	CHECK(!event_is_pending(port), "has nothing pending");
	if (vcpu_op(VCPUOP_is_up, 1, NULL) >= 0) {
		CHECK_EQ(event_steer(port, 1), 0, "steered to vCPU 1");
		event_close(port);
		CHECK_EQ(event_unbound(DOMID_SELF), port, "closed and had again");
		event_status(port, &st);
		CHECK_EQ(st.vcpu, 0, "it is vCPU 0's");
	}
	event_close(port);
}

/* A port that its own handler closes. */
static void on_event_close(evtchn_port_t port)
{
	calls++;
	event_close(port);
}

static void from_the_handler(void)
{
	evtchn_port_t port = event_ipi(0);

	calls = 0;
	event_set_handler(port, on_event_close);
	CHECK_EQ(event_send(port), 0, "send to one that closes itself");
	CHECK_EQ(calls, 1, "it was called");
	CHECK_EQ(event_state(port), EVTCHNSTAT_closed, "and is closed");
}

static void reset(void)
{
	struct evtchn_reset r = { .dom = 1234 };
	evtchn_port_t far = event_unbound(DOMID_SELF), near = event_bind(DOMID_SELF, far);
	evtchn_port_t ipi = event_ipi(0), port;
	unsigned int open = 0;

	CHECK_EQ(event_op(EVTCHNOP_reset, &r), -XEN_ESRCH, "no such domain");
	CHECK_EQ(event_op(EVTCHNOP_reset, NOWHERE), -XEN_EFAULT, "bad address");
	CHECK_EQ(event_state(ipi), EVTCHNSTAT_ipi, "that closed nothing");
	event_mask(ipi);
	event_send(ipi);
	r.dom = DOMID_SELF;
	CHECK_EQ(event_op(EVTCHNOP_reset, &r), 0, "reset");
	for (port = 0; port < PORTS; port++) {
		long state = event_state(port);

		open += state > EVTCHNSTAT_closed;
	}
	CHECK_EQ(open, 0, "no port is open");
	CHECK(!event_is_pending(ipi) && !event_is_pending(near), "nor pending");
	CHECK_EQ(event_next_free(), 1, "all are free");
	port = (evtchn_port_t)event_virq(VIRQ_TIMER, 0);
	CHECK_EQ(port, 1, "the timer can be bound again");
	calls = 0;
	event_set_handler(port, on_event);
	timer_arm(1);
	for (uint64_t end = system_time() + 20000000000UL; !calls && system_time() < end;) {
	}
	CHECK_EQ(calls, 1, "and is heard");
}

enum verdict guest_main(void)
{
	half_bound();
	nothing_left();
	from_the_handler();
	reset();
	return SUCCESS;
}
