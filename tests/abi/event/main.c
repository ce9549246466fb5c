/*
 * Event channels.  A port is a bit; sending sets it, and calls back unless it or the
 * vCPU is masked; unmasking delivers what is pending; closed ports are refused; the limits of ports, vCPUs and
 * VIRQs are checked; SCHEDOP_poll and SCHEDOP_block return when an event comes.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>

#include "tests/abi/lib/event.h"

static volatile unsigned int calls;
static volatile evtchn_port_t last;

static void on_event(evtchn_port_t port)
{
	calls++;
	last = port;
}

static void loopback(void)
{
	struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF };
	struct evtchn_status st = { .dom = DOMID_SELF };
	evtchn_port_t a = event_unbound(DOMID_SELF), b;

	CHECK(a != 0, "an unbound port");
	bind.remote_port = a;
	CHECK_EQ(event_op(EVTCHNOP_bind_interdomain, &bind), 0, "bound to ourselves");
	b = bind.local_port;
	CHECK(b != 0 && b != a, "by another port");
	CHECK_EQ(event_op(EVTCHNOP_bind_interdomain, &bind), -XEN_EINVAL, "only once");
	event_set_handler(a, on_event);
	event_set_handler(b, on_event);
	st.port = b;
	CHECK_EQ(event_op(EVTCHNOP_status, &st), 0, "status");
	CHECK_EQ(st.status, EVTCHNSTAT_interdomain, "says interdomain");
	CHECK_EQ(st.u.interdomain.port, a, "and the other end");

	calls = 0;
	CHECK_EQ(event_send(b), 0, "send");
	CHECK_EQ(calls, 1, "one call");
	CHECK_EQ(last, a, "at the other end");
	CHECK_EQ(event_send(a), 0, "send back");
	CHECK_EQ(calls, 2, "one call");
	CHECK_EQ(last, b, "at this end");

	event_mask(a);
	CHECK_EQ(event_send(b), 0, "send to a masked port");
	CHECK_EQ(calls, 2, "no call");
	CHECK(event_is_pending(a), "but pending");
	event_set_handler(a, on_event);
	CHECK_EQ(calls, 3, "unmasking delivers");
	CHECK(!event_is_pending(a), "and it is done");

	upcalls_off();
	CHECK_EQ(event_send(b), 0, "send with upcalls masked");
	CHECK_EQ(event_send(b), 0, "and again");
	CHECK_EQ(calls, 3, "no call");
	CHECK(vcpu_info()->evtchn_upcall_pending, "upcall pending");
	upcalls_on();
	CHECK_EQ(calls, 4, "two sends are one event");

	CHECK_EQ(event_close(a), 0, "close");
	st.port = b;
	CHECK_EQ(event_op(EVTCHNOP_status, &st), 0, "status of the other end");
	CHECK_EQ(st.status, EVTCHNSTAT_unbound, "waits for another");
	CHECK_EQ(event_send(a), -XEN_EINVAL, "a closed port does not send");
	CHECK_EQ(event_close(a), -XEN_EINVAL, "nor close again");
	CHECK_EQ(event_close(b), 0, "close the other");
}

static void refusals(void)
{
	struct evtchn_bind_virq virq = { .virq = 24 };
	struct evtchn_bind_ipi ipi = { .vcpu = 5000 };
	struct evtchn_bind_vcpu vcpu = { .vcpu = 0 };
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain bind = { .remote_dom = 1234, .remote_port = 1 };
	evtchn_port_t before = event_unbound(DOMID_SELF), after;

	CHECK_EQ(event_send(0), -XEN_EINVAL, "port 0 does not send");
	CHECK_EQ(event_send(100000), -XEN_EINVAL, "nor one past the end");
	CHECK_EQ(event_close(100000), -XEN_EINVAL, "nor does it close");
	CHECK_EQ(event_op(EVTCHNOP_bind_virq, &virq), -XEN_EINVAL, "no such VIRQ");
	virq.virq = VIRQ_TIMER;
	virq.vcpu = 5000;
	CHECK_EQ(event_op(EVTCHNOP_bind_virq, &virq), -XEN_ENOENT, "no such vCPU for a VIRQ");
	virq.vcpu = 0;
	CHECK_EQ(event_op(EVTCHNOP_bind_virq, &virq), -XEN_EEXIST, "the timer is bound already");
	CHECK_EQ(event_op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOENT, "no such vCPU for an IPI");
	CHECK_EQ(event_op(EVTCHNOP_bind_interdomain, &bind), -XEN_ESRCH, "no such domain");
	vcpu.port = before;
	CHECK_EQ(event_op(EVTCHNOP_bind_vcpu, &vcpu), 0, "an unbound port can be steered");
	vcpu.vcpu = 5000;
	CHECK_EQ(event_op(EVTCHNOP_bind_vcpu, &vcpu), -XEN_ENOENT, "but not to no vCPU");
	CHECK_EQ(event_op(EVTCHNOP_alloc_unbound, (void *)16), -XEN_EFAULT, "bad address");
	alloc.dom = 1234;
	CHECK_EQ(event_op(EVTCHNOP_alloc_unbound, &alloc), -XEN_ESRCH,
		 "not for a domain that is not there");
	CHECK_EQ(event_op(999, &alloc), -XEN_ENOSYS, "unknown operation");
	after = event_unbound(DOMID_SELF);
	CHECK_EQ(after, before + 1, "the refusals used no port");
	event_close(before);
	event_close(after);
}

static void waiting(void)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	evtchn_port_t ports[130] = { 0 };
	struct sched_poll poll = { .nr_ports = 1, .timeout = 0 };
	uint64_t start;

	set_xen_guest_handle_raw(poll.ports, ports);
	CHECK_EQ(event_op(EVTCHNOP_bind_ipi, &ipi), 0, "an IPI to ourselves");
	event_mask(ipi.port);
	ports[0] = ipi.port;
	CHECK_EQ(event_send(ipi.port), 0, "sent");
	CHECK_EQ(sched_op(SCHEDOP_poll, &poll), 0, "poll returns at once when pending");
	event_clear(ipi.port);
	start = system_time();
	poll.timeout = start + 20000000;
	CHECK_EQ(sched_op(SCHEDOP_poll, &poll), 0, "poll with a time-out");
	CHECK(system_time() >= start + 20000000, "returns after it, not before");
	poll.nr_ports = 129;
	CHECK_EQ(sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL, "too many ports");
	poll.nr_ports = 1;
	ports[0] = 100000;
	CHECK_EQ(sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL, "no such port");
	poll.nr_ports = 2;
	poll.ports.p = (void *)16;
	CHECK_EQ(sched_op(SCHEDOP_poll, &poll), -XEN_EFAULT, "bad address");

	calls = 0;
	event_set_handler(ipi.port, on_event);
	upcalls_off();
	event_send(ipi.port);
	CHECK_EQ(calls, 0, "masked");
	CHECK_EQ(sched_op(SCHEDOP_block, NULL), 0, "block returns");
	CHECK_EQ(calls, 1, "with the event delivered");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 0, "and upcalls open");
	event_close(ipi.port);
}

/* Every port can be had, the one past the last is refused, and all can be given back. */
static void exhaustion(void)
{
	unsigned int got = 0, again = 0;
	evtchn_port_t first = event_unbound(DOMID_SELF), port;

	while ((port = event_unbound(DOMID_SELF))) {
		got++;
	}
	CHECK(got > 500 && got < 4096, "%u more ports", got);
	for (port = first; port <= first + got; port++) {
		event_close(port);
	}
	while ((port = event_unbound(DOMID_SELF))) {
		again++;
	}
	CHECK_EQ(again, got + 1, "as many after closing them");
	for (port = first; port <= first + got; port++) {
		event_close(port);
	}
}

enum verdict guest_main(void)
{
	loopback();
	refusals();
	waiting();
	exhaustion();
	return SUCCESS;
}
