/*
 * Two vCPUs and the events between them: each waits in the hypervisor for the other's, by poll
 * or by block, thousands of times; a single lost wake-up stops the test.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "tests/abi/lib/event.h"

#define ROUNDS 1000u
#define ENOUGH 100u /* on a machine so busy that more take too long */
#define SECOND 1000000000UL

static evtchn_port_t to_first, to_second;
static volatile unsigned int first_rounds, second_rounds, mode;

static void poll(evtchn_port_t port, uint64_t timeout)
{
	struct sched_poll p = { .nr_ports = 1, .timeout = timeout };

	set_xen_guest_handle_raw(p.ports, &port);
	while (!event_is_pending(port) && (!timeout || system_time() < timeout)) {
		sched_op(SCHEDOP_poll, &p);
	}
	event_clear(port);
}

static void second(unsigned int vcpu)
{
	(void)vcpu;
	for (;;) {
		poll(to_second, 0);
		second_rounds++;
		event_send(to_first);
	}
}

static void on_answer(evtchn_port_t port)
{
	(void)port;
	first_rounds++;
}

static evtchn_port_t ipi(unsigned int vcpu)
{
	evtchn_port_t port = event_ipi(vcpu);

	CHECK(port != 0, "an IPI for vCPU %u", vcpu);
	event_mask(port);
	return port;
}

static bool another(unsigned int done, uint64_t start)
{
	return done < ENOUGH || (done < ROUNDS && system_time() < start + 10 * SECOND);
}

static void by_polling(void)
{
	uint64_t start = system_time();
	unsigned int i;

	for (i = 0; another(i, start); i++) {
		unsigned int before = second_rounds;

		event_send(to_second);
		poll(to_first, system_time() + 20 * SECOND);
		if (second_rounds != before + 1) {
			break;
		}
	}
	CHECK(i >= ENOUGH, "%u round trips, both polling: %lu us each", i,
	      (system_time() - start) / 1000 / (i + 1));
	CHECK_EQ(second_rounds, i, "turns of the other");
}

static void by_blocking(void)
{
	uint64_t start = system_time();
	unsigned int i;

	event_set_handler(to_first, on_answer);
	for (i = 0; another(i, start) && first_rounds == i; i++) {
		unsigned int before = first_rounds;
		uint64_t limit = system_time() + 20 * SECOND;

		event_send(to_second);
		while (first_rounds == before && system_time() < limit) {
			upcalls_off();
			if (first_rounds == before) {
				timer_arm(system_time() + 5000000000UL);
				sched_op(SCHEDOP_block, NULL);
			} else {
				upcalls_on();
			}
		}
	}
	CHECK(i >= ENOUGH, "%u round trips, one blocking: %lu us each", i,
	      (system_time() - start) / 1000 / (i + 1));
	CHECK_EQ(first_rounds, i, "one answer each");
	CHECK(timer_count < i / 10, "%u times it was the safety net that woke us", timer_count);
}

enum verdict guest_main(void)
{
	if (vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		return skip("one virtual CPU");
	}
	to_first = ipi(0);
	to_second = ipi(1);
	CHECK_EQ(second_start(1, second), 0, "the second vCPU");
	by_polling();
	by_blocking();
	return SUCCESS;
}
