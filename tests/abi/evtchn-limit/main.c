/*
 * The two-level ABI has 4096 ports (<xen/event_channel.h>, EVTCHN_2L_NR_CHANNELS), of which 0 is never given
 * out.  All can be had and the last works like the first; beyond it every operation is refused, ENOSPC for
 * another port, EINVAL for a number; arguments that can't be read or written are EFAULT, and use nothing up.
 * More ports are the FIFO ABI's: evtchn-fifo.
 */
#include "frontends/rt/test.h"

#include "tests/abi/lib/event.h"
#include "tests/abi/lib/pages.h"

static volatile unsigned int calls;

static void on_event(evtchn_port_t port)
{
	(void)port;
	calls++;
}

static void all_of_them(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_virq virq = { .virq = VIRQ_DEBUG };
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF };
	evtchn_port_t first = event_next_free(), port, expected;
	/* A guest has as many as its builder says, which is this, everywhere. */
	const evtchn_port_t ports = is_control_domain() ? PORTS : 1024;

	for (expected = first; expected < ports - 1 && event_unbound(DOMID_SELF) == expected;
	     expected++) {
	}
	CHECK_EQ(expected, ports - 1, "ports %u on, in order", first);
	port = event_ipi(0);
	CHECK_EQ(port, ports - 1, "and the last");
	event_set_handler(port, on_event);
	CHECK_EQ(event_send(port), 0, "which sends");
	CHECK_EQ(calls, 1, "and is heard");
	event_mask(port);
	CHECK_EQ(event_send(port), 0, "masked");
	CHECK(calls == 1 && event_is_pending(port), "it waits");
	CHECK_EQ(event_unmask(port), 0, "unmasked");
	CHECK_EQ(calls, 2, "it is heard");
	CHECK_EQ(event_op(EVTCHNOP_alloc_unbound, &a), -XEN_ENOSPC, "no more unbound");
	CHECK_EQ(event_op(EVTCHNOP_bind_virq, &virq), -XEN_ENOSPC, "nor for a VIRQ");
	CHECK_EQ(event_op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOSPC, "nor for an IPI");
	bind.remote_port = first;
	CHECK_EQ(event_op(EVTCHNOP_bind_interdomain, &bind), -XEN_ENOSPC, "nor for a binding");
	CHECK_EQ(event_state(first), EVTCHNSTAT_unbound, "whose far end still waits");
	CHECK_EQ(event_close(first + 1), 0, "one closed");
	CHECK_EQ(event_op(EVTCHNOP_bind_virq, &virq), 0, "the VIRQ was not taken for bound");
	CHECK_EQ(virq.port, first + 1, "one had again");
	for (port = first; port < ports; port++) {
		event_close(port);
	}
	CHECK_EQ(event_next_free(), first, "all given back");
}

static void beyond(evtchn_port_t port)
{
	struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF, .remote_port = port };

	CHECK_EQ(event_send(port), -XEN_EINVAL, "port %u: send", port);
	CHECK_EQ(event_close(port), -XEN_EINVAL, "port %u: close", port);
	CHECK_EQ(event_unmask(port), -XEN_EINVAL, "port %u: unmask", port);
	CHECK_EQ(event_steer(port, 0), -XEN_EINVAL, "port %u: bind_vcpu", port);
	CHECK_EQ(event_state(port), -XEN_EINVAL, "port %u: status", port);
	CHECK_EQ(event_op(EVTCHNOP_bind_interdomain, &bind), -XEN_EINVAL,
		 "port %u: bind_interdomain", port);
}

/* Requests that would be good, in memory that can't be read, ends too early, or can't take the answer. */
static void bad_memory(void)
{
	static const struct {
		int op;
		const char *name;
		size_t size;
		bool answers;
	} ops[] = {
		{ EVTCHNOP_bind_interdomain, "bind_interdomain",
		  sizeof(struct evtchn_bind_interdomain), true },
		{ EVTCHNOP_bind_virq, "bind_virq", sizeof(struct evtchn_bind_virq), true },
		{ EVTCHNOP_bind_pirq, "bind_pirq", sizeof(struct evtchn_bind_pirq), false },
		{ EVTCHNOP_close, "close", sizeof(struct evtchn_close), false },
		{ EVTCHNOP_send, "send", sizeof(struct evtchn_send), false },
		{ EVTCHNOP_status, "status", sizeof(struct evtchn_status), true },
		{ EVTCHNOP_alloc_unbound, "alloc_unbound", sizeof(struct evtchn_alloc_unbound),
		  true },
		{ EVTCHNOP_bind_ipi, "bind_ipi", sizeof(struct evtchn_bind_ipi), true },
		{ EVTCHNOP_bind_vcpu, "bind_vcpu", sizeof(struct evtchn_bind_vcpu), false },
		{ EVTCHNOP_unmask, "unmask", sizeof(struct evtchn_unmask), false },
		{ EVTCHNOP_reset, "reset", sizeof(struct evtchn_reset), false },
	};
	evtchn_port_t far = event_unbound(DOMID_SELF), before = event_next_free();
	const struct evtchn_alloc_unbound alloc = { DOMID_SELF, DOMID_SELF, 0 };
	const struct evtchn_bind_interdomain bind = { DOMID_SELF, far, 0 };
	const struct evtchn_bind_virq virq = { VIRQ_DEBUG, 0, 0 };
	const struct evtchn_bind_ipi ipi = { 0, 0 };
	const struct evtchn_status st = { .dom = DOMID_SELF, .port = far };
	const void *good[] = { &bind, &virq, NULL, NULL, NULL, &st, &alloc, &ipi };

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		char zeros[sizeof(struct evtchn_status)] = { 0 };

		CHECK_EQ(event_op(ops[i].op, NOWHERE), -XEN_EFAULT, "%s: nowhere", ops[i].name);
		CHECK_EQ(event_op(ops[i].op, (void *)0xffff830000000000UL), -XEN_EFAULT,
			 "%s: in the hypervisor's memory", ops[i].name);
		CHECK_EQ(event_op(ops[i].op, cut_short(zeros, ops[i].size, 1)), -XEN_EFAULT,
			 "%s: cut short", ops[i].name);
		if (ops[i].answers) {
			CHECK_EQ(event_op(ops[i].op, read_only(good[i], ops[i].size)), -XEN_EFAULT,
				 "%s: where the answer can't go", ops[i].name);
		}
	}
	CHECK_EQ(event_next_free(), before, "no port was used");
	CHECK_EQ(event_state(far), EVTCHNSTAT_unbound, "nor bound");
	CHECK_EQ(event_close(far), 0, "close");
}

static void not_served(void)
{
	char any[64] = { 0 };

	CHECK_EQ(event_op(15, any), -XEN_ENOSYS, "an operation that is none");
	CHECK_EQ(event_op(-1, any), -XEN_ENOSYS, "nor the last number");
}

/* The old way in: one structure, the operation in front. */
static void old_call(void)
{
	struct evtchn_op op = { .cmd = EVTCHNOP_alloc_unbound };

	op.u.alloc_unbound.dom = DOMID_SELF;
	op.u.alloc_unbound.remote_dom = DOMID_SELF;
	CHECK_EQ(hcall1(__HYPERVISOR_event_channel_op_compat, ptr_arg(&op)), 0, "the old call");
	CHECK_EQ(event_state(op.u.alloc_unbound.port), EVTCHNSTAT_unbound, "a port by it");
	op.u.close.port = op.u.alloc_unbound.port;
	op.cmd = EVTCHNOP_close;
	CHECK_EQ(hcall1(__HYPERVISOR_event_channel_op_compat, ptr_arg(&op)), 0, "closed by it");
	op.cmd = EVTCHNOP_reset;
	CHECK_EQ(hcall1(__HYPERVISOR_event_channel_op_compat, ptr_arg(&op)), -XEN_ENOSYS,
		 "it knows no later operations");
	CHECK_EQ(hcall1(__HYPERVISOR_event_channel_op_compat, ptr_arg(NOWHERE)), -XEN_EFAULT,
		 "at a bad address");
}

enum verdict guest_main(void)
{
	all_of_them();
	beyond(PORTS);
	beyond(~0u);
	bad_memory();
	not_served();
	old_call();
	return SUCCESS;
}
