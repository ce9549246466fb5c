/*
 * No wake-up is lost.  One vCPU sends and waits for the answer, a few thousand times; the other masks and unmasks, the
 * port and all upcalls, by hypercall and by its own hand, blocks, polls and has the port moved, all the
 * while.  An event that is lost is an answer that never comes.  The protocol's model is tests/models/upcall.pml.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "tests/abi/lib/event.h"

#define ROUNDS 400u
#define ENOUGH 50u /* on a machine so busy that more take too long */
#define SECOND 1000000000UL

static evtchn_port_t port, back;
static volatile unsigned int sent, taken;
static volatile bool stop;

static void on_event(evtchn_port_t p)
{
	(void)p;
	taken = sent;
}

/* Sends one after the other; between two it waits until the first is taken. */
static void sender(unsigned int vcpu)
{
	(void)vcpu;
	for (;;) {
		while (taken != sent || stop) {
			sched_op(SCHEDOP_yield, NULL);
		}
		sent++;
		event_send(back);
	}
}

/* --- what the receiver does meanwhile, once --- */

static void mask_and_unmask(void)
{
	event_mask(port);
	version_op(0, NULL);
	event_unmask(port);
}

/* The unmasking of which <xen/event_channel.h> is the short cut: clear, look, tell oneself. */
static void unmask_by_hand(void)
{
	uint64_t bit = 1UL << port % 64;

	event_mask(port);
	sched_op(SCHEDOP_yield, NULL);
	upcalls_off();
	__atomic_fetch_and(&shared_info->evtchn_mask[port / 64], ~bit, __ATOMIC_SEQ_CST);
	if (event_is_pending(port)) {
		__atomic_fetch_or(&vcpu_info()->evtchn_pending_sel, 1UL << port / 64,
				  __ATOMIC_SEQ_CST);
		vcpu_info()->evtchn_upcall_pending = 1;
	}
	upcalls_on();
}

static void close_and_open(void)
{
	upcalls_off();
	sched_op(SCHEDOP_yield, NULL);
	upcalls_on();
}

static void block(void)
{
	upcalls_off();
	if (taken == sent && stop) {
		upcalls_on();
		return;
	}
	sched_op(SCHEDOP_block, NULL);
}

/* Polls for the port while it is masked, then takes the event itself. */
static void poll(void)
{
	struct sched_poll p = { .nr_ports = 1, .timeout = system_time() + 20 * SECOND };

	set_xen_guest_handle_raw(p.ports, &port);
	event_mask(port);
	if (!event_is_pending(port)) {
		sched_op(SCHEDOP_poll, &p);
	}
	event_unmask(port);
}

static void steer(void)
{
	/* There nobody takes it: what falls into that moment must come back with the unmasking. */
	event_mask(port);
	event_steer(port, 1);
	event_unmask(port);
	event_mask(port);
	event_steer(port, 0);
	event_unmask(port);
}

static const struct {
	const char *name;
	void (*once)(void);
} ways[] = {
	{ "masks and unmasks the port", mask_and_unmask },
	{ "unmasks by hand", unmask_by_hand },
	{ "closes and opens upcalls", close_and_open },
	{ "blocks", block },
	{ "polls", poll },
	{ "has the port moved", steer },
};

static void race(const char *name, void (*once)(void))
{
	unsigned int from = sent, turns = 0;
	uint64_t limit = system_time() + 60 * SECOND, start = system_time();

	/* The safety net of those that wait: were it what ends a round, the count would show it. */
	timer_count = 0;
	stop = false;
	while (sent - from < ENOUGH ||
	       (sent - from < ROUNDS && system_time() < start + 8 * SECOND)) {
		if (system_time() > limit) {
			break;
		}
		timer_arm(system_time() + 10 * SECOND);
		once();
		/* On one CPU the sender shall not have to wait for the end of our slice. */
		if (++turns % 64 == 0) {
			sched_op(SCHEDOP_yield, NULL);
		}
	}
	stop = true;
	while (taken != sent && system_time() < limit) {
		sched_op(SCHEDOP_yield, NULL);
	}
	CHECK(sent - from >= ENOUGH, "the receiver %s: %u events in %u turns, %lu us each", name,
	      sent - from, turns, (system_time() - start) / 1000 / (sent - from + 1));
	CHECK_EQ(taken, sent, "the last was taken too");
	CHECK_EQ(timer_count, 0, "and no round was ended by the timer");
}

enum verdict guest_main(void)
{
	if (vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		return skip("one virtual CPU");
	}
	port = event_unbound(DOMID_SELF);
	back = event_bind(DOMID_SELF, port);
	event_mask(back);
	stop = true;
	event_set_handler(port, on_event);
	CHECK_EQ(second_start(1, sender), 0, "the second vCPU");
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		race(ways[i].name, ways[i].once);
	}
	return SUCCESS;
}
