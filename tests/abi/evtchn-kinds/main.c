/*
 * The kinds of event channel (<xen/event_channel.h>).  EVTCHNOP_status names each with what it is bound to;
 * EVTCHNOP_send works on interdomain and IPI channels, is dropped on an unbound one and refused on the rest;
 * EVTCHNOP_bind_vcpu steers all but IPIs and per-vCPU VIRQs, which stay "on the vCPU specified at bind time";
 * one VIRQ of a vCPU, or one pirq of a domain, has one port.
 */
#include "frontends/rt/test.h"

#include <xen/physdev.h>
#include <xen/vcpu.h>

#include "tests/abi/lib/event.h"

#define UNUSED_LINE 3u /* of the second serial line, which these machines do not have */

static bool two;

/* What must be so of one open port; its other end, VIRQ or pirq is told by 'what'. */
static void describe(const char *name, evtchn_port_t port, uint32_t kind, uint32_t vcpu,
		     uint32_t what)
{
	struct evtchn_status st;

	CHECK(port != 0, "%s: bound, port %u", name, port);
	CHECK_EQ(event_status(port, &st), 0, "%s: status", name);
	CHECK_EQ(st.status, kind, "%s: its kind", name);
	CHECK_EQ(st.vcpu, vcpu, "%s: its vCPU", name);
	switch (kind) {
	case EVTCHNSTAT_interdomain:
		CHECK_EQ(st.u.interdomain.port, what, "%s: the other end", name);
		break;
	case EVTCHNSTAT_virq:
		CHECK_EQ(st.u.virq, what, "%s: the VIRQ", name);
		break;
	case EVTCHNSTAT_pirq:
		CHECK_EQ(st.u.pirq, what, "%s: the pirq", name);
		break;
	default:
		break;
	}
}

/* Sends, steers to the last vCPU and back, closes twice. */
static void use(const char *name, evtchn_port_t port, long sends, long steers)
{
	struct evtchn_status st;
	unsigned int last = two ? 1 : 0;
	uint32_t home;

	event_mask(port);
	event_status(port, &st);
	home = st.vcpu;
	CHECK_EQ(event_send(port), sends, "%s: send", name);
	CHECK_EQ(event_steer(port, last), steers, "%s: steer", name);
	event_status(port, &st);
	CHECK_EQ(st.vcpu, steers ? home : last, "%s: its vCPU then", name);
	CHECK_EQ(event_steer(port, 5000), -XEN_ENOENT, "%s: not to no vCPU", name);
	event_status(port, &st);
	CHECK_EQ(st.vcpu, steers ? home : last, "%s: not moved by that", name);
	CHECK_EQ(event_close(port), 0, "%s: close", name);
	CHECK_EQ(event_state(port), EVTCHNSTAT_closed, "%s: closed", name);
	CHECK_EQ(event_close(port), -XEN_EINVAL, "%s: not closed twice", name);
	CHECK_EQ(event_send(port), -XEN_EINVAL, "%s: nor sent to", name);
	CHECK_EQ(event_steer(port, 0), -XEN_EINVAL, "%s: nor steered", name);
	CHECK_EQ(event_unmask(port), 0, "%s: but unmasked, as any port", name);
}

static void between_domains(void)
{
	evtchn_port_t far = event_unbound(DOMID_SELF), near;

	describe("unbound", far, EVTCHNSTAT_unbound, 0, 0);
	use("unbound", far, 0, 0);
	far = event_unbound(DOMID_SELF);
	near = event_bind(DOMID_SELF, far);
	describe("interdomain", near, EVTCHNSTAT_interdomain, 0, far);
	describe("its far end", far, EVTCHNSTAT_interdomain, 0, near);
	use("interdomain", near, 0, 0);
	event_close(far);
}

static void virqs(void)
{
	long port = event_virq(VIRQ_DEBUG, 0);

	describe("VIRQ of a vCPU", (evtchn_port_t)port, EVTCHNSTAT_virq, 0, VIRQ_DEBUG);
	CHECK_EQ(event_virq(VIRQ_DEBUG, 0), -XEN_EEXIST, "one port for it");
	use("VIRQ of a vCPU", (evtchn_port_t)port, -XEN_EINVAL, -XEN_EINVAL);
	if (two) {
		port = event_virq(VIRQ_TIMER, 1);
		describe("VIRQ of another", (evtchn_port_t)port, EVTCHNSTAT_virq, 1, VIRQ_TIMER);
		use("VIRQ of another", (evtchn_port_t)port, -XEN_EINVAL, -XEN_EINVAL);
		CHECK_EQ(event_virq(VIRQ_CONSOLE, 1), -XEN_EINVAL, "a global one is for vCPU 0");
	}
	port = event_virq(VIRQ_CONSOLE, 0);
	describe("global VIRQ", (evtchn_port_t)port, EVTCHNSTAT_virq, 0, VIRQ_CONSOLE);
	use("global VIRQ", (evtchn_port_t)port, -XEN_EINVAL, 0);
	CHECK_EQ(event_virq(VIRQ_TIMER, 0), -XEN_EEXIST, "the timer's was bound before");
	CHECK_EQ(event_virq(NR_VIRQS, 0), -XEN_EINVAL, "no VIRQ past the last");
	CHECK_EQ(event_virq(~0u, 0), -XEN_EINVAL, "nor at the end of numbers");
	CHECK_EQ(event_virq(VIRQ_DEBUG, 8192), -XEN_ENOENT, "nor on no vCPU");
	port = event_virq(VIRQ_DEBUG, 0);
	CHECK(port > 0, "a closed one is bound again");
	event_close((evtchn_port_t)port);
}

static long bind_pirq(uint32_t pirq, evtchn_port_t *port)
{
	struct evtchn_bind_pirq b = { .pirq = pirq };
	long rc = event_op(EVTCHNOP_bind_pirq, &b);

	*port = b.port;
	return rc;
}

/* The headers leave open whether a pirq without a line is a bad number or one that is not ours. */
static bool not_there(long rc)
{
	return rc == -XEN_EINVAL || rc == -XEN_EPERM;
}

static void pirqs(void)
{
	struct physdev_map_pirq map = { .domid = DOMID_SELF,
					.type = MAP_PIRQ_TYPE_GSI,
					.index = UNUSED_LINE,
					.pirq = UNUSED_LINE };
	struct physdev_unmap_pirq unmap = { .domid = DOMID_SELF, .pirq = UNUSED_LINE };
	evtchn_port_t port, other, before = event_next_free();

	CHECK(not_there(bind_pirq(UNUSED_LINE, &port)), "a pirq that is not mapped");
	CHECK_EQ(bind_pirq(100000, &port), -XEN_EINVAL, "no such pirq");
	CHECK_EQ(bind_pirq(~0u, &port), -XEN_EINVAL, "nor at the end of numbers");
	CHECK_EQ(event_next_free(), before, "the refusals used no port");
	CHECK_EQ(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, ptr_arg(&map)), 0,
		 "a line mapped");
	CHECK_EQ(bind_pirq(UNUSED_LINE, &port), 0, "its pirq");
	describe("pirq", port, EVTCHNSTAT_pirq, 0, UNUSED_LINE);
	CHECK_EQ(bind_pirq(UNUSED_LINE, &other), -XEN_EEXIST, "one port for it");
	use("pirq", port, -XEN_EINVAL, 0);
	CHECK_EQ(bind_pirq(UNUSED_LINE, &port), 0, "a closed one is bound again");
	CHECK_EQ(event_close(port), 0, "and closed");
	CHECK_EQ(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, ptr_arg(&unmap)), 0,
		 "the line unmapped");
	CHECK(not_there(bind_pirq(UNUSED_LINE, &port)), "then it is none");
}

enum verdict guest_main(void)
{
	evtchn_port_t before = event_next_free(), port;

	two = vcpu_op(VCPUOP_is_up, 1, NULL) >= 0;
	between_domains();
	port = event_ipi(two ? 1 : 0);
	describe("IPI", port, EVTCHNSTAT_ipi, two ? 1 : 0, 0);
	use("IPI", port, 0, -XEN_EINVAL);
	CHECK_EQ(event_ipi(8192), 0, "no IPI for no vCPU");
	virqs();
	if (is_control_domain()) {
		pirqs();
	}
	CHECK_EQ(event_next_free(), before, "every port was given back");
	return SUCCESS;
}
