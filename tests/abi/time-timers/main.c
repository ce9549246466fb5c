/*
 * A vCPU's two timers (<xen/vcpu.h>), and the older set_timer_op: what is refused and leaves the timer as it was; the
 * single-shot is replaced by the next one set, and is the same as set_timer_op's; the periodic one runs beside it;
 * neither is ever early; another vCPU's periodic timer can be set, and is its VIRQ, its single-shot can't.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "tests/abi/lib/event.h"
#include "tests/abi/lib/pages.h"

#define MS   1000000UL
#define LONG (3600000 * MS)

static unsigned int seen;

static bool fires_by(uint64_t until)
{
	while (timer_count == seen && system_time() < until) {
		sched_op(SCHEDOP_yield, NULL);
	}
	return timer_count != seen;
}

static long set_single(unsigned int vcpu, uint64_t at, uint32_t flags)
{
	struct vcpu_set_singleshot_timer s = { .timeout_abs_ns = at, .flags = flags };

	return vcpu_op(VCPUOP_set_singleshot_timer, vcpu, &s);
}

static long set_periodic(unsigned int vcpu, uint64_t period)
{
	struct vcpu_set_periodic_timer p = { .period_ns = period };

	return vcpu_op(VCPUOP_set_periodic_timer, vcpu, &p);
}

static long set_timer_op(uint64_t at)
{
	return hcall1(__HYPERVISOR_set_timer_op, at);
}

/* After a refusal: what was set before fires, and when it should. */
static void still_fires(const char *what, uint64_t at)
{
	CHECK(fires_by(at + 10000 * MS), "%s: what was set before fires", what);
	CHECK(system_time() >= at, "%s: and not early", what);
}

static void single_refusals(void)
{
	unsigned int other = vcpu_op(VCPUOP_is_up, 1, NULL) >= 0 ? 1 : 0;
	uint64_t at = system_time() + 50 * MS;
	long rc;

	seen = timer_count;
	CHECK_EQ(set_single(0, at, 0), 0, "set");
	CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 0, NOWHERE), -XEN_EFAULT, "bad address");
	CHECK_EQ(set_single(9999, at, 0), -XEN_ENOENT, "no such vCPU");
	CHECK_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, 9999, NULL), -XEN_ENOENT, "nor to stop");
	if (other) {
		CHECK_EQ(set_single(other, at, 0), -XEN_EINVAL, "another's");
		CHECK_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, other, NULL), -XEN_EINVAL,
			 "nor to stop");
	}
	still_fires("refused", at);
	seen = timer_count;
	at = system_time() + 50 * MS;
	set_single(0, at, 0);
	/* "Can be ignored by the hypervisor": then the past fires at once. */
	rc = set_single(0, system_time() - MS, VCPU_SSHOTTMR_future);
	CHECK(rc == -XEN_ETIME || rc == 0, "the past, asked to be refused: %ld", rc);
	if (rc) {
		still_fires("past", at);
	}
	seen = timer_count;
	at = system_time() + 20 * MS;
	CHECK_EQ(set_single(0, at, VCPU_SSHOTTMR_future), 0, "the future");
	still_fires("future", at);
}

static void replaced(void)
{
	uint64_t start = system_time();

	seen = timer_count;
	set_single(0, start + 30 * MS, 0);
	CHECK_EQ(set_single(0, start + LONG, 0), 0, "put off for an hour");
	CHECK(!fires_by(start + 80 * MS), "does not fire");
	CHECK_EQ(set_timer_op(system_time() + 5 * MS), 0, "moved by set_timer_op");
	CHECK(fires_by(system_time() + 10000 * MS), "fires");
	seen = timer_count;
	CHECK(!fires_by(system_time() + 30 * MS), "once");
	CHECK_EQ(set_timer_op(system_time() + 30 * MS), 0, "set by set_timer_op");
	CHECK_EQ(set_timer_op(0), 0, "0 stops");
	CHECK(!fires_by(system_time() + 60 * MS), "it");
	CHECK_EQ(set_timer_op(1), 0, "the past");
	CHECK(fires_by(system_time() + 10000 * MS), "fires at once");
	seen = timer_count;
	CHECK_EQ(set_single(0, ~0UL >> 1, 0), 0, "the end of time");
	CHECK(!fires_by(system_time() + 60 * MS), "is not yet");
	CHECK_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0, "stopped");
	CHECK_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0, "a stopped one too");
}

/* Armed a hundred times, at nearer and nearer moments and others: never early, and each once. */
static void never_early(void)
{
	unsigned int early = 0, fired = 0;

	for (unsigned int i = 0; i < 100; i++) {
		uint64_t at = system_time() + (i * 37 % 100) * 20000UL;

		seen = timer_count;
		set_single(0, at, 0);
		fired += fires_by(at + 10000 * MS);
		early += system_time() < at;
		if (timer_count != seen + 1) {
			CHECK(false, "%u times for one", timer_count - seen);
		}
	}
	CHECK_EQ(fired, 100, "a hundred timers fired");
	CHECK_EQ(early, 0, "none early");
}

static void periodic(void)
{
	uint64_t start = system_time(), at;

	CHECK_EQ(set_periodic(0, 0), -XEN_EINVAL, "no period");
	CHECK_EQ(set_periodic(0, MS - 1), -XEN_EINVAL, "one below a millisecond");
	CHECK_EQ(set_periodic(0, ~0UL), -XEN_EINVAL, "one beyond all measure");
	CHECK_EQ(set_periodic(0, 1UL << 63), -XEN_EINVAL, "or below zero");
	CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, NOWHERE), -XEN_EFAULT, "bad address");
	CHECK_EQ(set_periodic(9999, 5 * MS), -XEN_ENOENT, "no such vCPU");
	seen = timer_count;
	CHECK(!fires_by(system_time() + 30 * MS), "the refusals started none");
	CHECK_EQ(set_periodic(0, MS), 0, "a millisecond");
	start = system_time();
	CHECK(fires_by(start + 10000 * MS), "ticks");
	CHECK_EQ(set_periodic(0, 20 * MS), 0, "replaced by twenty");
	version_op(0, NULL);
	seen = timer_count;
	start = system_time();
	for (unsigned int i = 0; i < 5; i++) {
		fires_by(start + 10000 * MS);
		seen++;
	}
	CHECK(system_time() >= start + 80 * MS, "five ticks take four periods at least: %lu us",
	      (system_time() - start) / 1000);
	CHECK_EQ(set_periodic(0, LONG), 0, "an hour");
	seen = timer_count;
	at = system_time() + 10 * MS;
	CHECK_EQ(set_single(0, at, 0), 0, "and a single shot beside it");
	still_fires("beside a period", at);
	CHECK_EQ(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0, "stopped");
	CHECK_EQ(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0, "a stopped one too");
}

static void idle_second(unsigned int vcpu)
{
	for (;;) {
		(void)vcpu;
		sched_op(SCHEDOP_yield, NULL);
	}
}

static void of_another(void)
{
	long port = event_virq(VIRQ_TIMER, 1);
	uint64_t limit = system_time() + 10000 * MS;

	CHECK_EQ(second_start(1, idle_second), 0, "the second vCPU");
	event_mask((evtchn_port_t)port);
	event_clear((evtchn_port_t)port);
	vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL);
	event_clear((evtchn_port_t)port);
	seen = timer_count;
	CHECK_EQ(set_periodic(1, 5 * MS), 0, "another's period");
	for (unsigned int i = 0; i < 3; i++) {
		while (!event_is_pending((evtchn_port_t)port) && system_time() < limit) {
			sched_op(SCHEDOP_yield, NULL);
		}
		CHECK(event_is_pending((evtchn_port_t)port), "its VIRQ, tick %u", i);
		event_clear((evtchn_port_t)port);
	}
	CHECK_EQ(timer_count, seen, "and not ours");
	CHECK_EQ(vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL), 0, "stopped");
}

enum verdict guest_main(void)
{
	single_refusals();
	replaced();
	never_early();
	periodic();
	if (vcpu_op(VCPUOP_is_up, 1, NULL) >= 0) {
		of_another();
	}
	return SUCCESS;
}
