/*
 * The scheduler over simulated time: no CPU idles while someone waits, shares follow
 * weights, sleepers are served soon, affinity holds, and no wake-up is lost.  That a vCPU is never on two
 * CPUs, nor taken before its state is saved, is checked by the fake guest_switch() at every switch.
 */
#include "tests/unit/hypervisor/sched/machine.h"

#include <stdlib.h>

#include <criterion/criterion.h>

#include <xen/sched.h>

#define MS ((ns_t)1000000)

static bool check_idle; /* every vCPU may run everywhere: then nobody may wait while a CPU idles */
static unsigned int waited_while_idle;

static bool is_running(const struct vcpu *v)
{
	for (unsigned int i = 0; i < machine.cpus; i++) {
		if (machine.current[i] == v) {
			return true;
		}
	}
	return false;
}

static void tick(ns_t passed)
{
	unsigned int idle = 0, waiting = 0;
	struct domain *d;

	for (unsigned int i = 0; i < machine.cpus; i++) {
		struct vcpu *v = machine.current[i];

		idle += !v->domain;
		if (v->domain) {
			cr_assert(v->affinity >> i & 1, "runs where it may not");
		}
	}
	for (domid_t id = 0; (d = domain_get_from(id)); id = (domid_t)(d->id + 1), domain_put(d)) {
		for (unsigned int i = 0; i < d->max_vcpus; i++) {
			waiting += vcpu_runnable(d->vcpu[i]) && !is_running(d->vcpu[i]);
		}
	}
	if (check_idle && idle && waiting && passed > 0) {
		waited_while_idle++;
	}
}

static ns_t ran(struct vcpu *v)
{
	struct vcpu_runstate_info r;

	sched_runstate_get(v, &r);
	return (ns_t)r.time[RUNSTATE_running];
}

static void assert_share(struct vcpu *v, ns_t expected, int percent)
{
	ns_t got = ran(v), slack = expected * percent / 100;

	cr_assert(got >= expected - slack && got <= expected + slack, "ran %lld ms, expected %lld",
		  (long long)(got / MS), (long long)(expected / MS));
}

static void run(ns_t span)
{
	machine_run_until(machine.now + span, tick);
}

static void start(unsigned int cpus, const char *policy)
{
	machine_start(cpus, policy);
	check_idle = true;
	waited_while_idle = 0;
}

static void equal_shares(unsigned int cpus, unsigned int vcpus, const char *policy, int percent)
{
	struct domain *d;

	start(cpus, policy);
	d = machine_domain(1, vcpus);
	machine_up(d);
	run(6000 * MS);
	for (unsigned int i = 0; i < vcpus; i++) {
		assert_share(d->vcpu[i], 6000 * MS * (vcpus < cpus ? vcpus : cpus) / vcpus,
			     percent);
	}
	cr_assert_eq(waited_while_idle, 0);
}

Test(sched, one_cpu_is_shared_equally)
{
	equal_shares(1, 3, "credit", 2);
}

Test(sched, three_on_two_cpus_get_two_thirds_each)
{
	equal_shares(2, 3, "credit", 5);
}

Test(sched, many_on_four_cpus_share_equally)
{
	equal_shares(4, 14, "credit", 8);
}

Test(sched, round_robin_shares_equally_too)
{
	equal_shares(1, 3, "rr", 2);
	cr_assert(machine.switches >= 595 && machine.switches <= 605, "%u switches for 600 slices",
		  machine.switches);
}

Test(sched, enough_cpus_for_all_means_no_waiting)
{
	equal_shares(4, 4, "credit", 1);
	cr_assert_lt(machine.switches, 12, "nobody should be moved about");
}

Test(sched, shares_follow_weights)
{
	struct domain *a, *b;

	start(1, "credit");
	a = machine_domain(1, 1);
	b = machine_domain(2, 1);
	a->sched_weight = 768;
	machine_up(a);
	machine_up(b);
	run(4000 * MS);
	assert_share(a->vcpu[0], 3000 * MS, 2);
	assert_share(b->vcpu[0], 1000 * MS, 3);
}

Test(sched, sleeper_is_served_soon_and_cannot_starve_others)
{
	struct domain *hogs, *io;
	ns_t worst = 0;

	start(1, "credit");
	hogs = machine_domain(1, 3);
	io = machine_domain(2, 1);
	machine_up(hogs);
	machine_up(io);
	run(100 * MS);
	for (unsigned int i = 0; i < 500; i++) {
		struct vcpu *v = io->vcpu[0];
		ns_t woken;

		/* Works for 200 us, sleeps for 4 ms. */
		while (machine.current[0] != v) {
			run(MS / 10);
		}
		run(MS / 5);
		if (machine.current[0] == v) {
			machine_on(0);
			sched_block();
		}
		run(4 * MS);
		woken = machine.now;
		machine_on(0);
		vcpu_wake(v);
		machine_settle();
		while (machine.current[0] != v) {
			run(MS / 10);
		}
		worst = MAX(worst, machine.now - woken);
	}
	cr_assert_leq(worst, 2 * MS, "a short sleeper waited %lld us", (long long)worst / 1000);
	for (unsigned int i = 0; i < 3; i++) {
		assert_share(hogs->vcpu[i], ran(hogs->vcpu[0]), 5);
	}
	/* A long sleep earns no more than a bounded lead. */
	machine_on(0);
	vcpu_set_flag(io->vcpu[0], VPF_DOWN);
	run(10000 * MS);
	vcpu_clear_flag(io->vcpu[0], VPF_DOWN);
	{
		ns_t before = ran(hogs->vcpu[0]) + ran(hogs->vcpu[1]) + ran(hogs->vcpu[2]);

		run(200 * MS);
		before = ran(hogs->vcpu[0]) + ran(hogs->vcpu[1]) + ran(hogs->vcpu[2]) - before;
		cr_assert_gt(before, 120 * MS, "the hogs got only %lld of 200 ms",
			     (long long)(before / MS));
	}
}

Test(sched, one_just_chosen_keeps_its_cpu_for_a_moment)
{
	struct domain *hog, *io;
	struct vcpu *v;

	start(1, "credit");
	check_idle = false;
	hog = machine_domain(1, 1);
	io = machine_domain(2, 1);
	machine_up(hog);
	machine_up(io);
	v = io->vcpu[0];
	machine_on(0);
	vcpu_set_flag(v, VPF_DOWN);
	run(95 * MS);
	/* Long out of use, it goes before the hog, which has had the CPU for a while. */
	machine_on(0);
	vcpu_clear_flag(v, VPF_DOWN);
	machine_settle();
	cr_assert_eq(machine.current[0], v);
	run(MS / 20);
	machine_on(0);
	sched_block();
	machine_settle();
	cr_assert_eq(machine.current[0], hog->vcpu[0]);
	/* It still would, but the hog has only begun. */
	run(MS / 20);
	machine_on(0);
	vcpu_wake(v);
	machine_settle();
	cr_assert_eq(machine.current[0], hog->vcpu[0]);
	run(MS / 10);
	cr_assert_eq(machine.current[0], hog->vcpu[0]);
	run(MS / 10);
	cr_assert_eq(machine.current[0], v, "it has had its least time");
	/* Who waits need not wait for that if the CPU becomes free. */
	machine_on(0);
	sched_block();
	machine_settle();
	machine_on(0);
	vcpu_wake(v);
	sched_block();
	machine_settle();
	cr_assert_eq(machine.current[0], v);
}

Test(sched, woken_vcpu_takes_an_idle_cpu_at_once)
{
	struct domain *d;

	start(2, "credit");
	d = machine_domain(1, 2);
	machine_up(d);
	machine_settle();
	cr_assert(is_running(d->vcpu[0]) && is_running(d->vcpu[1]));
	machine_on(1);
	sched_block();
	machine_settle();
	machine_on(0);
	for (unsigned int i = 0; i < 2; i++) {
		vcpu_wake(d->vcpu[i]);
	}
	cr_assert_gt(machine.kicks[1], 0);
	machine_settle();
	cr_assert(is_running(d->vcpu[0]) && is_running(d->vcpu[1]));
}

Test(sched, affinity_moves_running_queued_and_sleeping)
{
	struct domain *d;

	start(4, "credit");
	d = machine_domain(1, 6);
	machine_up(d);
	run(20 * MS);
	check_idle = false;
	machine_on(0);
	cr_assert_eq(sched_set_affinity(d->vcpu[0], (cpumask_t)1 << 9), -22, "no such CPU here");
	for (unsigned int i = 0; i < 6; i++) {
		cr_assert_eq(sched_set_affinity(d->vcpu[i], 1u << (i & 1)), 0);
		machine_settle();
	}
	run(3000 * MS);
	cr_assert(!machine.current[2]->domain && !machine.current[3]->domain);
	for (unsigned int i = 0; i < 6; i++) {
		assert_share(d->vcpu[i], 1000 * MS, 5);
	}
	vcpu_set_flag(d->vcpu[0], VPF_DOWN);
	machine_settle();
	sched_set_affinity(d->vcpu[0], 8);
	vcpu_clear_flag(d->vcpu[0], VPF_DOWN);
	machine_settle();
	cr_assert_eq(machine.current[3], d->vcpu[0]);
}

Test(sched, wake_between_switch_and_saved_state_is_not_lost)
{
	struct domain *d;
	struct vcpu *v;

	start(2, "credit");
	d = machine_domain(1, 1);
	machine_up(d);
	machine_settle();
	v = d->vcpu[0];
	machine.hold_saved = true;
	machine_on(atomic_load(&v->cpu));
	sched_block();
	machine_settle();
	cr_assert_eq(machine.unsaved, v);
	/* The other CPU wakes it, and both look around, while its registers are still in flight. */
	machine.hold_saved = false;
	machine_on(!atomic_load(&v->cpu));
	vcpu_wake(v);
	softirq_raise(SOFTIRQ_SCHEDULE);
	machine_on(!machine.cpu);
	machine.unsaved = NULL;
	sched_context_saved(v);
	machine_settle();
	cr_assert(is_running(v));
}

Test(sched, affinity_change_in_that_window_is_not_lost_either)
{
	struct domain *d;
	struct vcpu *v;
	unsigned int cpu;

	start(2, "credit");
	d = machine_domain(1, 1);
	machine_up(d);
	machine_settle();
	v = d->vcpu[0];
	cpu = atomic_load(&v->cpu);
	machine.hold_saved = true;
	machine_on(cpu);
	sched_block();
	machine_settle();
	machine_on(!cpu);
	sched_set_affinity(v, 1u << !cpu);
	vcpu_wake(v);
	machine_settle();
	cr_assert(!is_running(v));
	machine.hold_saved = false;
	machine.unsaved = NULL;
	machine_on(cpu);
	sched_context_saved(v);
	machine_settle();
	cr_assert_eq(machine.current[!cpu], v);
}

/* One CPU and one domain of one vCPU, which runs: what it does is done on that CPU. */
static struct vcpu *only_vcpu(void)
{
	struct domain *d;

	start(1, "credit");
	d = machine_domain(1, 1);
	machine_up(d);
	machine_settle();
	machine_on(0);
	return d->vcpu[0];
}

Test(sched, block_with_event_pending_returns_at_once)
{
	struct vcpu *v = only_vcpu();

	v->info->evtchn_upcall_pending = 1;
	v->info->evtchn_upcall_mask = 1;
	do_sched_op(SCHEDOP_block, 0, 0, 0, 0);
	cr_assert_eq(v->info->evtchn_upcall_mask, 0, "block opens event delivery");
	cr_assert(!softirq_pending());
	cr_assert(vcpu_runnable(v));
}

/* Who pauses one that is about to block finds a flag there already, and leaves it to that one to stop. */
Test(sched, block_and_poll_that_go_on_look_if_they_were_paused_meanwhile)
{
	struct sched_poll req = { .nr_ports = 0 };
	struct vcpu *v = only_vcpu();

	v->info->evtchn_upcall_pending = 1;
	v->info->evtchn_upcall_mask = 0;
	atomic_fetch_or(&v->pause_flags, VPF_PAUSED);
	do_sched_op(SCHEDOP_block, 0, 0, 0, 0);
	machine_settle();
	cr_assert(!is_running(v));
	vcpu_clear_flag(v, VPF_PAUSED);
	machine_settle();
	cr_assert(is_running(v));
	machine_on(0);
	atomic_fetch_or(&v->pause_flags, VPF_PAUSED);
	cr_assert_eq(do_sched_op(SCHEDOP_poll, (uintptr_t)&req, 0, 0, 0), 0);
	machine_settle();
	cr_assert(!is_running(v));
}

Test(sched, poll_ends_on_its_time_out_and_not_before)
{
	struct sched_poll req = { .nr_ports = 0 };
	struct vcpu *v = only_vcpu();

	v->info->evtchn_upcall_mask = 1;
	req.timeout = (uint64_t)(machine.now + 5 * MS);
	cr_assert_eq(do_sched_op(SCHEDOP_poll, (uintptr_t)&req, 0, 0, 0), 0);
	run(4 * MS);
	cr_assert(!is_running(v));
	run(2 * MS);
	cr_assert(is_running(v));
	req.nr_ports = 129;
	machine_on(0);
	cr_assert_eq(do_sched_op(SCHEDOP_poll, (uintptr_t)&req, 0, 0, 0), -22);
}

Test(sched, yield_lets_the_other_one_run)
{
	struct domain *d;
	struct vcpu *first;

	start(1, "credit");
	d = machine_domain(1, 2);
	machine_up(d);
	machine_settle();
	first = machine.current[0];
	run(MS);
	machine_on(0);
	sched_yield();
	machine_settle();
	cr_assert_neq(machine.current[0], first);
}

/* Random sleeping, waking, pausing and moving: at the end of each step all that can run do, as far as CPUs go. */
Test(sched, random_life_loses_nobody)
{
	struct domain *d[3];

	srand(11);
	start(3, "credit");
	for (unsigned int i = 0; i < 3; i++) {
		d[i] = machine_domain((domid_t)(i + 1), 3);
		machine_up(d[i]);
	}
	for (unsigned int step = 0; step < 30000; step++) {
		struct domain *dom = d[rand() % 3];
		struct vcpu *v = dom->vcpu[rand() % 3];
		unsigned int running = 0, runnable = 0;

		machine_on((unsigned int)rand() % 3);
		switch (rand() % 8) {
		case 0:
			if (cpu_current()->domain) {
				sched_block();
			}
			break;
		case 1:
		case 2:
			vcpu_wake(v);
			break;
		case 3:
			vcpu_set_flag(v, VPF_DOWN);
			break;
		case 4:
			vcpu_clear_flag(v, VPF_DOWN);
			break;
		case 5:
			if (cpu_current()->domain != dom) {
				domain_pause(dom);
				for (unsigned int i = 0; i < 3; i++) {
					cr_assert(!is_running(dom->vcpu[i]));
				}
				domain_unpause(dom);
			}
			break;
		case 6:
			if (cpu_current()->domain) {
				sched_yield();
			}
			break;
		default:
			run(rand() % (5 * MS));
		}
		machine_settle();
		for (unsigned int i = 0; i < 9; i++) {
			struct vcpu *w = d[i / 3]->vcpu[i % 3];

			runnable += vcpu_runnable(w);
			running += is_running(w);
			cr_assert(vcpu_runnable(w) || !is_running(w), "runs but may not");
		}
		cr_assert_eq(running, MIN(runnable, 3), "%u of %u runnable run on 3 CPUs", running,
			     runnable);
	}
}

Test(sched, run_state_times_add_up_to_the_time_passed)
{
	struct vcpu_runstate_info r;
	struct domain *d;
	ns_t born;

	start(1, "credit");
	born = machine.now;
	d = machine_domain(1, 2);
	machine_up(d);
	run(55 * MS);
	sched_runstate_get(d->vcpu[0], &r);
	cr_assert_eq(r.time[0] + r.time[1] + r.time[2] + r.time[3], (uint64_t)(machine.now - born));
	cr_assert_gt(r.time[RUNSTATE_runnable], 0);
}
