/*
 * Time.  System time never goes back and agrees with the time-stamp counter; a
 * timer fires once, not before its time, at once if that is past; periodic timers keep
 * their period; the wall clock is plausible; run-state times add up to the time that passed.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#define MS 1000000UL

static unsigned int seen;

static bool fired(void)
{
	return timer_count != seen;
}

/* Waits for the timer itself, so that wait_for(), which arms it too, cannot be used. */
static bool wait_fired(uint64_t until)
{
	while (!fired() && system_time() < until) {
		sched_op(SCHEDOP_yield, NULL);
	}
	return fired();
}

static void monotonic(void)
{
	uint64_t last = system_time(), tsc = rdtsc(), start = last;
	const volatile struct vcpu_time_info *t = &vcpu_info()->time;

	for (unsigned int i = 0; i < 200000; i++) {
		uint64_t now = system_time();

		if (now < last) {
			CHECK(false, "went back by %lu ns", last - now);
			return;
		}
		last = now;
	}
	CHECK(last > start, "system time runs: %lu us in 200000 reads", (last - start) / 1000);
	CHECK(rdtsc() > tsc, "so does the counter");
	CHECK(t->tsc_to_system_mul != 0, "scale");
	CHECK((t->version & 1) == 0, "even version");
}

static void single_shot(void)
{
	struct vcpu_set_singleshot_timer s = { .flags = VCPU_SSHOTTMR_future };
	uint64_t start = system_time();

	seen = timer_count;
	timer_arm(start + 10 * MS);
	CHECK(wait_fired(start + 20000 * MS), "fires");
	CHECK(system_time() >= start + 10 * MS, "not early: after %lu us",
	      (system_time() - start) / 1000);
	seen = timer_count;
	CHECK(!wait_fired(system_time() + 30 * MS), "once");

	timer_arm(1);
	CHECK(wait_fired(system_time() + 20000 * MS), "a time that is past fires at once");
	timer_arm(system_time() + 300 * MS);
	timer_arm(0);
	seen = timer_count;
	CHECK(!wait_fired(system_time() + 350 * MS), "a stopped one does not fire");
	timer_arm(system_time() + 300 * MS);
	timer_arm(system_time() + 10000 * MS);
	seen = timer_count;
	CHECK(!wait_fired(system_time() + 350 * MS),
	      "one moved back does not fire at the old time");
	timer_arm(0);

	s.timeout_abs_ns = system_time() - 1;
	{
		/* The ABI lets a hypervisor ignore the flag. */
		long rc = vcpu_op(VCPUOP_set_singleshot_timer, 0, &s);

		CHECK(rc == -XEN_ETIME || rc == 0, "the past, asked to be refused: %ld", rc);
	}
	CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)8), -XEN_EFAULT, "bad address");
	CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 7777, &s), -XEN_ENOENT, "no such vCPU");

	seen = timer_count;
	CHECK_EQ(hcall1(__HYPERVISOR_set_timer_op, system_time() + 5 * MS), 0, "set_timer_op");
	CHECK(wait_fired(system_time() + 20000 * MS), "fires too");
}

static void periodic(void)
{
	struct vcpu_set_periodic_timer p = { .period_ns = 5 * MS };
	uint64_t start, took;
	unsigned int n;

	start = system_time();
	seen = timer_count;
	CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &p), 0, "periodic timer");
	while (system_time() < start + 200 * MS) {
		sched_op(SCHEDOP_yield, NULL);
	}
	CHECK_EQ(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0, "stopped");
	n = timer_count - seen;
	took = system_time() - start;
	CHECK(n >= 3 && n <= took / (5 * MS) + 1, "%u ticks of 5 ms in %lu ms", n, took / MS);
	seen = timer_count;
	CHECK(!wait_fired(system_time() + 30 * MS), "none after");
	p.period_ns = 1000;
	CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &p), -XEN_EINVAL, "too short a period");
}

static void sleep_until(uint64_t at)
{
	seen = timer_count;
	upcalls_off();
	timer_arm(at);
	sched_op(SCHEDOP_block, NULL);
}

static void blocking(void)
{
	struct vcpu_runstate_info before, after;
	uint64_t start, now, blocked, sum = 0;
	unsigned int tries = 0;

	/* On a busy machine the timer may be over before the vCPU blocks, and then it does not: again. */
	do {
		CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, 0, &before), 0, "run state");
		CHECK_EQ(before.state, RUNSTATE_running, "running");
		start = system_time();
		sleep_until(start + 50 * MS);
		now = system_time();
		CHECK(fired() && now >= start + 50 * MS, "block until the timer");
		CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, 0, &after), 0, "run state");
		blocked = after.time[RUNSTATE_blocked] - before.time[RUNSTATE_blocked];
	} while (blocked < 30 * MS && ++tries < 20);
	CHECK(blocked >= 30 * MS, "time blocked: %lu us", blocked / 1000);
	for (unsigned int i = 0; i < 4; i++) {
		sum += after.time[i] - before.time[i];
	}
	CHECK(sum >= now - start && sum <= now - start + 2000 * MS, "the four times add up");
	CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, 0, (void *)8), -XEN_EFAULT, "bad address");
}

static void areas(void)
{
	static volatile struct vcpu_runstate_info area;
	uint64_t blocked;
	struct vcpu_register_runstate_memory_area r = { .addr.p = (uint64_t)&area };

	CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0, "run-state area");
	CHECK_EQ(area.state, RUNSTATE_running, "filled at once");
	blocked = area.time[RUNSTATE_blocked];
	for (unsigned int i = 0; i < 50 && area.time[RUNSTATE_blocked] == blocked; i++) {
		sleep_until(system_time() + 20 * MS);
	}
	CHECK(area.time[RUNSTATE_blocked] > blocked && area.state == RUNSTATE_running,
	      "and after blocking");
	CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable,
			VMASST_TYPE_runstate_update_flag),
		 0, "update flag");
	sched_op(SCHEDOP_yield, NULL);
	sleep_until(system_time() + 5 * MS);
	CHECK(!(area.state_entry_time & XEN_RUNSTATE_UPDATE), "not left set");
	CHECK(area.state_entry_time <= system_time(), "entry time is past");
}

enum verdict guest_main(void)
{
	monotonic();
	single_shot();
	periodic();
	blocking();
	areas();
	CHECK(wall_clock() > 1500000000UL, "wall clock: %lu", wall_clock());
	return SUCCESS;
}
