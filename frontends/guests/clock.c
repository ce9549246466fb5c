/*
 * Time, on every vCPU the guest has: it never goes back, neither on one nor from one to another; timers
 * go off once each and not early; the wall clock, said in seconds since 1970, is for somebody else to compare.
 */
#include "frontends/rt/test.h"

#include <xen/vcpu.h>

#define SECOND	  1000000000UL
#define MS	  1000000UL
#define MAX_VCPUS 32u
#define READS	  100000u
#define TIMERS	  20u
/* How far the clocks of two CPUs may be apart: less than it takes to tell one the other's time. */
#define APART_NS  20000UL

static volatile unsigned int running;
static uint64_t latest; /* that any vCPU has read */
static uint64_t apart[MAX_VCPUS], went_back[MAX_VCPUS];

/* Reads the clock many times, against the last reading here and the latest anywhere. */
static void read_many(unsigned int vcpu)
{
	uint64_t last = 0;

	for (unsigned int i = 0; i < READS; i++) {
		uint64_t before = __atomic_load_n(&latest, __ATOMIC_SEQ_CST);
		uint64_t now = system_time_on(vcpu);

		went_back[vcpu] += now < last;
		if (now < before && before - now > apart[vcpu]) {
			apart[vcpu] = before - now;
		}
		while (now > before &&
		       !__atomic_compare_exchange_n(&latest, &before, now, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST)) {
		}
		last = now;
	}
}

static void on_other_vcpu(unsigned int vcpu)
{
	read_many(vcpu);
	__atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
}

static unsigned int vcpu_count(void)
{
	unsigned int count = 1;

	while (count < MAX_VCPUS && vcpu_op(VCPUOP_is_up, count, NULL) >= 0) {
		count++;
	}
	return count;
}

static bool none_running(void)
{
	return !running;
}

static void readings(void)
{
	unsigned int count = vcpu_count();
	uint64_t most = 0;

	for (unsigned int i = 1; i < count; i++) {
		__atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST);
		CHECK_EQ(second_start(i, on_other_vcpu), 0, "vCPU %u starts", i);
	}
	read_many(0);
	while (!none_running() && system_time() < latest + 60 * SECOND) {
		sched_op(0 /* SCHEDOP_yield */, NULL);
	}
	CHECK(none_running(), "all vCPUs came to their end");
	for (unsigned int i = 0; i < count; i++) {
		CHECK_EQ(went_back[i], 0, "%u readings on vCPU %u, none before the last", READS, i);
		most = apart[i] > most ? apart[i] : most;
	}
	CHECK(most < APART_NS, "the vCPUs' clocks are at most %lu ns apart", most);
	print("metric clocks_apart %lu ns on %u vCPUs\n", most, count);
}

static unsigned int timers_seen;

static bool timer_came(void)
{
	return timer_count != timers_seen;
}

static void timers(void)
{
	unsigned int early = 0, missing = 0, twice = 0;
	uint64_t late = 0;

	for (unsigned int i = 1; i <= TIMERS; i++) {
		uint64_t at = system_time() + i * 3 * MS, now;

		timers_seen = timer_count;
		timer_arm(at);
		while (!timer_came() && system_time() < at + 10 * SECOND) {
			sched_op(0 /* SCHEDOP_yield */, NULL);
		}
		now = system_time();
		missing += !timer_came();
		early += now < at;
		late = now - at > late && now >= at ? now - at : late;
		while (system_time() < now + MS) {
		}
		twice += timer_count - timers_seen > 1;
	}
	CHECK_EQ(missing, 0, "%u timers go off", TIMERS);
	CHECK_EQ(early, 0, "not one of them early");
	CHECK_EQ(twice, 0, "nor twice");
	print("metric timer_late %lu us\n", late / 1000);
}

enum verdict guest_main(void)
{
	uint64_t wall = wall_clock(), start = system_time();

	print("wall clock %lu\n", wall);
	readings();
	timers();
	CHECK(wall_clock() - wall <= (system_time() - start) / SECOND + 1,
	      "the wall clock goes as system time does");
	print("wall clock %lu\n", wall_clock());
	return SUCCESS;
}
