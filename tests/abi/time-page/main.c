/*
 * The time page (<xen/xen.h>, struct vcpu_time_info): while its version is odd, or has changed, what was read does not
 * count; what counts gives a system time that never goes back on its vCPU, also when the vCPU changes CPUs, and that
 * other vCPUs' pages agree with.  The wall clock has the same protocol and the same beginning.
 */
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#define MS    1000000UL
#define READS 20000u
#define SKEW  (2 * MS) /* what two vCPUs' pages may differ by */
#define TURNS 300u

static volatile unsigned int turn, second_reads;
static volatile uint64_t passed_on, worst_back;

/* Reads the first vCPU's page while that vCPU makes the hypervisor write it, and passes time back and forth. */
static void second(unsigned int vcpu)
{
	while (turn < TURNS) {
		if (turn % 2) {
			uint64_t now = system_time_on(vcpu);

			if (now < passed_on) {
				worst_back = passed_on - now > worst_back ? passed_on - now
									  : worst_back;
			}
			passed_on = now;
			turn++;
		}
		second_reads++;
		sched_op(SCHEDOP_yield, NULL);
	}
}

/* Moves our own vCPU to one CPU; false where that is not ours to say. */
static bool move_to(unsigned int cpu)
{
	return is_control_domain() && vcpu_pin(0, 0, cpu) == 0;
}

static void never_back(void)
{
	uint64_t last = system_time_on(0), back = 0, start = last;
	unsigned int moves = 0;

	for (unsigned int i = 0; i < READS; i++) {
		uint64_t now;

		if (i % 500 == 0) {
			moves += move_to(i / 500 % 2);
		}
		now = system_time_on(0);
		back = now < last && last - now > back ? last - now : back;
		last = now;
	}
	CHECK_EQ(back, 0, "never back, in %u reads with %u moves between CPUs, %lu us", READS,
		 moves, (last - start) / 1000);
}

static void agree(void)
{
	uint64_t limit = system_time_on(0) + 60000 * MS, off = 0;
	unsigned int reads = 0;

	turn = 0;
	CHECK_EQ(second_start(1, second), 0, "the second vCPU");
	while (turn < TURNS && system_time_on(0) < limit) {
		uint64_t before = system_time_on(0), other = system_time_on(1),
			 after = system_time_on(0);

		/* A page that never was written yet says nothing. */
		if (shared_info->vcpu_info[1].time.tsc_to_system_mul && turn) {
			uint64_t d = other < before  ? before - other
				     : other > after ? other - after
						     : 0;

			off = d > off ? d : off;
			reads++;
		}
		if (turn % 2 == 0) {
			passed_on = system_time_on(0);
			turn++;
		}
		move_to(reads / 8 % 2);
		sched_op(SCHEDOP_yield, NULL);
	}
	CHECK(turn >= TURNS, "time passed on %u times", turn);
	CHECK(off < SKEW, "the other's page agrees to %lu ns in %u reads", off, reads);
	CHECK(worst_back < SKEW, "and so does what it reads: %lu ns", worst_back);
	CHECK(second_reads > TURNS / 4, "it read %u times", second_reads);
}

static void wall(void)
{
	const volatile struct shared_info *s = shared_info;
	uint64_t start = system_time(), first = wall_clock(), begun, looked, now;
	uint64_t held = 0;

	CHECK((s->wc_version & 1) == 0, "the wall clock's version is even");
	CHECK(s->wc_nsec < 1000000000u, "its nanoseconds are less than a second");
	CHECK(first > 1577836800 && first < 4102444800, "it is %lu", first);
	/* However long each step takes: a second lasted no longer than we saw it, nor were there more than passed. */
	begun = system_time();
	do {
		looked = system_time() - begun;
		now = wall_clock();
		held = now == first ? looked : held;
	} while (now == first && looked < 5000 * MS);
	CHECK(now > first, "the next second comes");
	CHECK(now - first <= (system_time() - start) / (1000 * MS) + 1, "and no more than did");
	CHECK(held <= 1000 * MS, "after at most one: %lu us", held / 1000);
}

enum verdict guest_main(void)
{
	never_back();
	if (vcpu_op(VCPUOP_is_up, 1, NULL) >= 0) {
		agree();
	}
	wall();
	return SUCCESS;
}
