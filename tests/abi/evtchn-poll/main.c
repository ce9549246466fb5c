/*
 * SCHEDOP_poll (<xen/sched.h>): "return when one or more are pending", masked or not, of up to 128 ports; the
 * time-out is a moment of system time, 0 is none, and it never returns for it before; it ends at an event from
 * another vCPU, also of a port that was closed and opened again meanwhile; bad requests are refused and leave the vCPU
 * running.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "tests/abi/lib/event.h"
#include "tests/abi/lib/pages.h"

#define MS    1000000UL
#define MOST  128u
#define SENDS 50u
#define OPENS 50u

static evtchn_port_t ports[MOST + 1], to_first;
static volatile unsigned int waiting, sent, opened, moved;

static long poll(const evtchn_port_t *list, unsigned int n, uint64_t timeout)
{
	struct sched_poll p = { .nr_ports = n, .timeout = timeout };

	set_xen_guest_handle_raw(p.ports, (evtchn_port_t *)(uintptr_t)list);
	return sched_op(SCHEDOP_poll, &p);
}

/* Polls again when it returns early for another reason than the port or the time. */
static void poll_out(const evtchn_port_t *list, unsigned int n, const char *what)
{
	uint64_t start = system_time(), end = start + 10 * MS;
	unsigned int rounds = 0;
	long rc = 0;

	while (rc == 0 && system_time() < end && rounds < 10) {
		rc = poll(list, n, end);
		rounds++;
	}
	CHECK_EQ(rc, 0, "%s: polled", what);
	CHECK(system_time() >= end, "%s: until the time-out, in %u rounds", what, rounds);
}

static void pending(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++) {
		ports[i] = event_ipi(0);
		event_mask(ports[i]);
	}
	for (unsigned int i = 0; i < MOST; i += MOST - 1) {
		event_send(ports[i]);
		CHECK_EQ(poll(ports, MOST, 0), 0, "port %u of 128 pending, without a time-out", i);
		CHECK(event_is_pending(ports[i]), "and still pending: polling takes nothing");
		event_clear(ports[i]);
	}
	poll_out(ports, MOST, "128 ports, none pending");
	poll_out(ports, 1, "one");
	poll_out(ports, 0, "none at all");
	event_send(ports[MOST]);
	poll_out(ports, MOST, "another is pending");
	event_clear(ports[MOST]);
	CHECK_EQ(poll(ports, 1, 1), 0, "a time-out that is past");
	CHECK_EQ(poll(ports, 1, system_time()), 0, "or now");
}

static void refusals(void)
{
	evtchn_port_t bad[3] = { ports[0], PORTS, 0 };
	const evtchn_port_t *cut = cut_short(ports, 2 * sizeof(ports[0]), sizeof(ports[0]));
	uint64_t never = system_time() + 3600000 * MS;
	struct sched_poll p = { .nr_ports = 1, .timeout = never };

	CHECK_EQ(poll(ports, MOST + 1, never), -XEN_EINVAL, "129 ports");
	CHECK_EQ(poll(ports, ~0u, never), -XEN_EINVAL, "more than there are");
	CHECK_EQ(poll(bad, 2, never), -XEN_EINVAL, "a port past the last");
	bad[1] = ~0u;
	CHECK_EQ(poll(bad, 2, never), -XEN_EINVAL, "or at the end of numbers");
	event_send(ports[0]);
	CHECK_EQ(poll(bad, 2, never), 0, "behind one that is pending it is not looked at");
	event_clear(ports[0]);
	CHECK_EQ(poll(NOWHERE, 1, never), -XEN_EFAULT, "ports at a bad address");
	CHECK_EQ(poll(cut, 2, never), -XEN_EFAULT, "or ending too early");
	event_send(ports[0]);
	CHECK_EQ(poll(cut, 2, never), 0, "unless the first is pending");
	event_clear(ports[0]);
	CHECK_EQ(sched_op(SCHEDOP_poll, NOWHERE), -XEN_EFAULT, "request at a bad address");
	CHECK_EQ(sched_op(SCHEDOP_poll, cut_short(&p, sizeof(p), 8)), -XEN_EFAULT, "cut short");
	poll_out(ports, 1, "after the refusals");
}

static void second(unsigned int vcpu)
{
	(void)vcpu;
	while (sent < SENDS) {
		if (waiting) {
			waiting = 0;
			sent++;
			event_send(to_first);
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	while (opened < OPENS) {
		if (waiting) {
			waiting = 0;
			opened++;
			event_close(to_first);
			moved += event_ipi(0) != to_first;
			event_send(to_first);
		}
		sched_op(SCHEDOP_yield, NULL);
	}
}

/* The port is closed under the poll, and what has its number then ends it. */
static void opened_again(void)
{
	uint64_t limit = system_time() + 60000 * MS;
	unsigned int got = 0;

	for (unsigned int i = 0; i < OPENS; i++) {
		waiting = 1;
		while (!event_is_pending(to_first) && system_time() < limit) {
			poll(ports, i % 2 ? MOST : 1, limit);
		}
		got += event_is_pending(to_first);
		event_clear(to_first);
	}
	CHECK_EQ(moved, 0, "the same number each time");
	CHECK_EQ(got, OPENS, "polls of a port that was closed ended by its successor's event");
	CHECK(system_time() < limit, "none of them by the time-out");
}

/* With a time-out long after: what ends the poll is the other vCPU's event. */
static void woken(void)
{
	uint64_t limit = system_time() + 60000 * MS;
	unsigned int got = 0;

	to_first = ports[0];
	CHECK_EQ(second_start(1, second), 0, "the second vCPU");
	for (unsigned int i = 0; i < SENDS; i++) {
		/* One port and several are told apart in the hypervisor: each has its turn. */
		unsigned int n = i % 2 ? MOST : 1;

		waiting = 1;
		while (!event_is_pending(to_first) && system_time() < limit) {
			poll(ports, n, i % 3 ? limit : 0);
		}
		got += event_is_pending(to_first);
		event_clear(to_first);
	}
	CHECK_EQ(got, SENDS, "polls ended by another vCPU's event");
	CHECK(system_time() < limit, "none of them by the time-out");
}

enum verdict guest_main(void)
{
	pending();
	refusals();
	if (vcpu_op(VCPUOP_is_up, 1, NULL) >= 0) {
		woken();
		opened_again();
	}
	return SUCCESS;
}
