/* Timers against a plain model: right order, never early, none lost, whatever is armed, moved or stopped. */
#include "tests/unit/hypervisor/sched/machine.h"

#include <stdlib.h>

#include <criterion/criterion.h>

#define TIMERS 300

static struct timer timers[TIMERS];
static struct {
	ns_t due; /* 0: not armed */
	unsigned int cpu;
} model[TIMERS];
static ns_t last_due;
static unsigned int fired;

static void on_fire(void *arg)
{
	size_t i = (size_t)((struct timer *)arg - timers);

	cr_assert(model[i].due, "timer %zu fired but was not armed", i);
	cr_assert_geq(machine.now, model[i].due, "timer %zu fired early", i);
	cr_assert_eq(machine.cpu, model[i].cpu, "on the wrong CPU");
	last_due = model[i].due;
	model[i].due = 0;
	fired++;
}

static void start(unsigned int cpus)
{
	machine_start(cpus, "credit");
	fired = 0;
	for (size_t i = 0; i < TIMERS; i++) {
		model[i].due = 0;
		model[i].cpu = (unsigned int)i % cpus;
		timer_init(&timers[i], on_fire, &timers[i], model[i].cpu);
	}
}

Test(timer, fires_in_order_of_expiry)
{
	ns_t before = 0;

	start(1);
	for (size_t i = 0; i < TIMERS; i++) {
		model[i].due = machine.now + 1 + (ns_t)((i * 7919) % TIMERS) * 1000;
		timer_set(&timers[i], model[i].due);
	}
	while (fired < TIMERS) {
		machine_run_until(machine.deadline[0], NULL);
		cr_assert_gt(last_due, before);
		before = last_due;
	}
}

Test(timer, random_operations_lose_and_hasten_nothing)
{
	srand(7);
	start(4);
	for (unsigned int step = 0; step < 20000; step++) {
		size_t i = (size_t)rand() % TIMERS;

		machine_on((unsigned int)rand() % 4);
		switch (rand() % 8) {
		case 0:
			timer_stop(&timers[i]);
			model[i].due = 0;
			break;
		case 1:
			model[i].cpu = (unsigned int)rand() % 4;
			timer_migrate(&timers[i], model[i].cpu);
			break;
		case 2:
		case 3:
			machine_run_until(machine.now + rand() % 3000, NULL);
			break;
		default:
			model[i].due = machine.now + rand() % 100000;
			timer_set(&timers[i], model[i].due);
		}
		machine_settle();
		for (size_t k = 0; k < TIMERS; k++) {
			cr_assert(!model[k].due || model[k].due >= machine.now, "timer %zu is late",
				  k);
			cr_assert_eq(timers[k].armed, model[k].due != 0);
		}
	}
	cr_assert_gt(fired, 1000);
}

Test(timer, arming_on_another_cpu_kicks_it_only_when_first)
{
	start(2);
	machine_on(0);
	model[1].due = machine.now + 5000;
	timer_set(&timers[1], model[1].due);
	cr_assert_eq(machine.kicks[1], 1);
	machine_settle();
	cr_assert_eq(machine.deadline[1], model[1].due);
	machine_on(0);
	model[3].due = machine.now + 9000;
	timer_set(&timers[3], model[3].due);
	cr_assert_eq(machine.kicks[1], 1, "a later timer needs no kick");
}

Test(timer, early_interrupt_runs_nothing_and_programs_again)
{
	start(1);
	model[0].due = machine.now + 5000;
	timer_set(&timers[0], model[0].due);
	machine.deadline[0] = 0;
	softirq_raise(SOFTIRQ_TIMER);
	machine_settle();
	cr_assert_eq(fired, 0);
	cr_assert_eq(machine.deadline[0], model[0].due);
}

Test(timer, killed_timer_cannot_be_armed)
{
	start(1);
	timer_kill(&timers[0]);
	timer_set(&timers[0], machine.now + 10);
	machine_run_until(machine.now + 1000, NULL);
	cr_assert_eq(fired, 0);
	timer_kill(&(struct timer){ 0 }); /* one that was never made */
}

static unsigned int order[8], orders;

static void on_console(void)
{
	order[orders++] = SOFTIRQ_CONSOLE;
}

static void on_schedule(void)
{
	order[orders++] = SOFTIRQ_SCHEDULE;
	if (orders < 3) {
		softirq_raise(SOFTIRQ_CONSOLE);
	}
}

Test(softirq, scheduling_is_last_and_what_it_raises_still_runs)
{
	machine_start(2, "credit");
	softirq_register(SOFTIRQ_CONSOLE, on_console);
	softirq_register(SOFTIRQ_SCHEDULE, on_schedule);
	softirq_raise(SOFTIRQ_SCHEDULE);
	softirq_raise(SOFTIRQ_CONSOLE);
	softirq_run();
	cr_assert_eq(orders, 3);
	cr_assert_eq(order[0], SOFTIRQ_CONSOLE);
	cr_assert_eq(order[1], SOFTIRQ_SCHEDULE);
	cr_assert_eq(order[2], SOFTIRQ_CONSOLE);
	cr_assert(!softirq_pending());
}

Test(softirq, another_cpu_is_kicked_once)
{
	machine_start(2, "credit");
	softirq_raise_on(1, SOFTIRQ_CONSOLE);
	softirq_raise_on(1, SOFTIRQ_CONSOLE);
	cr_assert_eq(machine.kicks[1], 1);
	softirq_raise_on(0, SOFTIRQ_CONSOLE);
	cr_assert_eq(machine.kicks[0], 0, "not this one itself");
	cr_assert(softirq_pending());
}
