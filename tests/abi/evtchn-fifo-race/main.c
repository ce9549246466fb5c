/*
 * No wake-up is lost in the FIFO ABI, and no queue goes astray.  One vCPU sends to several ports and waits until all
 * are taken, some thousand times; the other takes them as a kernel would, and meanwhile masks and unmasks, steers, changes
 * priorities, blocks, polls.  An event that is lost is an answer that never comes.  The protocol's model is tests/models/fifo.pml.
 * At last the guest scribbles over its words and control blocks while it is being sent to: nothing stops, and once it
 * leaves off its events arrive again.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "tests/abi/lib/fifo.h"

#define ROUNDS 120u
#define SENT   4u /* ports */
#define SECOND 1000000000UL

static evtchn_port_t port[SENT], back[SENT], timer;
static volatile unsigned int sent[SENT], taken[SENT], rounds, timer_events;
static volatile bool stop, quit;

static void note(evtchn_port_t p)
{
	timer_events += p == timer;
	for (unsigned int i = 0; i < SENT; i++) {
		if (p == port[i]) {
			taken[i] = sent[i];
		}
	}
}

/* The upcall: everything that is in our queues. */
static void on_upcall(struct trap_frame *f)
{
	evtchn_port_t p;

	(void)f;
	do {
		vcpu_info()->evtchn_upcall_pending = 0;
		while ((p = fifo_handle(0)) != 0) {
			note(p);
		}
	} while (vcpu_info()->evtchn_upcall_pending);
}

static bool all_taken(void)
{
	bool all = true;

	for (unsigned int i = 0; i < SENT; i++) {
		all &= taken[i] == sent[i];
	}
	return all;
}

static void send_round(void)
{
	for (unsigned int i = 0; i < SENT; i++) {
		sent[i]++;
		event_send(back[i]);
	}
	rounds++;
}

static void sender(void)
{
	while (!quit) {
		if (stop || !all_taken()) {
			sched_op(SCHEDOP_yield, NULL);
		} else {
			send_round();
		}
	}
}

/* --- what the receiver does meanwhile, once --- */

/* As kernels do it: by hand if nothing is pending. */
static void unmask(evtchn_port_t p)
{
	event_word_t old = fifo_read(p) & ~FIFO_BUSY;

	while (old & FIFO_MASKED) {
		if (old & FIFO_PENDING) {
			event_unmask(p);
			return;
		}
		if (__atomic_compare_exchange_n(fifo_word(p), &old, old & ~FIFO_MASKED, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			return;
		}
		old &= ~FIFO_BUSY;
	}
}

static void mask_and_unmask(void)
{
	evtchn_port_t p = port[rounds % SENT];

	fifo_mask(p);
	version_op(0, NULL);
	unmask(p);
}

static void close_and_open(void)
{
	upcalls_off();
	sched_op(SCHEDOP_yield, NULL);
	upcalls_on();
}

static void prioritise(void)
{
	static unsigned int turn;

	fifo_priority(port[turn % SENT], turn * 5 % 16);
	turn++;
}

static void block(void)
{
	upcalls_off();
	if (all_taken() && stop) {
		upcalls_on();
		return;
	}
	sched_op(SCHEDOP_block, NULL);
}

/* Polls for a port while it is masked, then has it linked. */
static void poll(void)
{
	struct sched_poll p = { .nr_ports = 1, .timeout = system_time() + 15 * SECOND };

	set_xen_guest_handle_raw(p.ports, &port[0]);
	fifo_mask(port[0]);
	if (!(fifo_read(port[0]) & FIFO_PENDING)) {
		sched_op(SCHEDOP_poll, &p);
	}
	unmask(port[0]);
}

/* What has been put into the other vCPU's queues, which takes no upcalls. */
static void look_there(void)
{
	evtchn_port_t p;

	upcalls_off();
	while ((p = fifo_handle(1)) != 0) {
		note(p);
	}
	upcalls_on();
}

static void steer(void)
{
	evtchn_port_t p = port[rounds % SENT];

	event_steer(p, 1);
	sched_op(SCHEDOP_yield, NULL);
	event_steer(p, 0);
	look_there();
}

static const struct {
	const char *name;
	void (*once)(void);
} ways[] = {
	{ "masks and unmasks", mask_and_unmask },
	{ "closes and opens upcalls", close_and_open },
	{ "changes priorities", prioritise },
	{ "blocks", block },
	{ "polls", poll },
	{ "steers", steer },
};

static void race(const char *name, void (*once)(void))
{
	unsigned int from = rounds, turns = 0;
	uint64_t limit = system_time() + 60 * SECOND;

	timer_events = 0;
	stop = false;
	while (rounds - from < ROUNDS && system_time() < limit) {
		timer_arm(system_time() + 10 * SECOND);
		once();
		if (++turns % 64 == 0) {
			sched_op(SCHEDOP_yield, NULL);
		}
	}
	stop = true;
	while (!all_taken() && system_time() < limit) {
		look_there();
		sched_op(SCHEDOP_yield, NULL);
	}
	CHECK(rounds - from >= ROUNDS, "the receiver %s: %u rounds of %u in %u turns", name,
	      rounds - from, SENT, turns);
	CHECK(all_taken(), "the last was taken too");
	CHECK_EQ(timer_events, 0, "and no round was ended by the timer");
}

/* --- the guest that scribbles --- */

static volatile bool scribbling;

static void scribbler(void)
{
	for (uint32_t i = 1; scribbling; i = i * 1664525u + 1013904223u) {
		evtchn_port_t p = port[i >> 28 & 3];

		__atomic_store_n(fifo_word(p), i, __ATOMIC_SEQ_CST);
		__atomic_store_n(&fifo_block[i >> 27 & 1]->head[i >> 20 & 15], i, __ATOMIC_SEQ_CST);
		__atomic_store_n(&fifo_block[i >> 27 & 1]->ready, i >> 3, __ATOMIC_SEQ_CST);
	}
}

static void hostile(void)
{
	uint64_t limit = system_time() + 60 * SECOND;
	unsigned int n;

	upcalls_off();
	scribbling = true;
	worker_begin(scribbler);
	for (n = 0; n < 3000 && system_time() < limit; n++) {
		event_send(back[n % SENT]);
		event_unmask(port[n / 3 % SENT]);
		event_steer(port[n % SENT], n % 7 == 0);
		fifo_priority(port[n % SENT], n % 16);
		if (n % 256 == 0) {
			sched_op(SCHEDOP_yield, NULL);
		}
	}
	CHECK_EQ(n, 3000, "3000 times four calls came back");
	scribbling = false;
	CHECK(worker_ready(), "so did the one that scribbled");
	for (unsigned int i = 0; i < SENT; i++) {
		event_close(port[i]);
		event_close(back[i]);
	}
	for (unsigned int i = 0; i < SENT; i++) {
		*fifo_word(port[i]) = *fifo_word(back[i]) = 0;
	}
	for (unsigned int i = 0; i < 2; i++) {
		*fifo_block[i] = (struct evtchn_fifo_control_block){ 0 };
	}
	fifo_quiet(fifo_page[0]);
	n = event_ipi(0);
	*fifo_word(n) = 0;
	CHECK_EQ(event_send(n), 0, "after that");
	CHECK_EQ(fifo_handle(0), n, "an event arrives");
}

static void open_ports(void)
{
	for (unsigned int i = 0; i < SENT; i++) {
		port[i] = event_unbound(DOMID_SELF);
		back[i] = event_bind(DOMID_SELF, port[i]);
		fifo_mask(back[i]);
	}
}

enum verdict guest_main(void)
{
	if (vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		return SKIP;
	}
	upcalls_off();
	fifo_start(2, 1);
	open_ports();
	for (timer = 1; event_state(timer) != EVTCHNSTAT_virq; timer++) {
	}
	event_hook = on_upcall;
	upcalls_on();
	stop = true;
	CHECK_EQ(worker_start(1), 0, "the second vCPU");
	worker_begin(sender);
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		race(ways[i].name, ways[i].once);
	}
	quit = true;
	CHECK(worker_ready(), "the sender ends");
	hostile();
	return SUCCESS;
}
