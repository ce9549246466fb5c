/*
 * A run state area that is read from another vCPU while it changes (<xen/vcpu.h>, VMASST_TYPE_runstate_update_flag):
 * XEN_RUNSTATE_UPDATE is set in state_entry_time while the rest is written, so whoever sees it clear and the same
 * entry time before and after has read one state, whether the area lies in one page or in two.  One state it is when
 * the times in it add up to the time at which it was entered.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#define MS     1000000UL
#define ROUNDS 100

static volatile struct vcpu_runstate_info *area;
static volatile bool enough;
static volatile unsigned long reads, changes;
static unsigned long torn, flags_seen;
static int64_t least, most;

/* One state, by the protocol. */
static void read_state(struct vcpu_runstate_info *copy)
{
	uint64_t entry;

	do {
		entry = area->state_entry_time;
		flags_seen += entry >> 63;
		barrier();
		copy->state = area->state;
		for (unsigned int i = 0; i < ARRAY_SIZE(copy->time); i++) {
			copy->time[i] = area->time[i];
		}
		copy->state_entry_time = entry;
		barrier();
	} while (entry & XEN_RUNSTATE_UPDATE || entry != area->state_entry_time);
}

/* Runs on the other vCPU. */
static void watch(void)
{
	struct vcpu_runstate_info r;
	uint64_t last = 0;

	least = INT64_MAX;
	most = INT64_MIN;
	torn = 0;
	while (!enough) {
		int64_t began;

		read_state(&r);
		began = (int64_t)(r.state_entry_time - r.time[0] - r.time[1] - r.time[2] -
				  r.time[3]);
		least = began < least ? began : least;
		most = began > most ? began : most;
		torn += r.state < 0 || r.state > RUNSTATE_offline;
		changes += r.state_entry_time != last;
		last = r.state_entry_time;
		reads++;
	}
}

/* The other vCPU has begun to look. */
static bool is_watched(void)
{
	uint64_t end = system_time() + 20000 * MS;

	while (reads == 0 && system_time() < end) {
		sched_op(SCHEDOP_yield, NULL);
	}
	return reads > 0;
}

static void sleep_for(uint64_t ns)
{
	upcalls_off();
	timer_arm(system_time() + ns);
	sched_op(SCHEDOP_block, NULL);
}

static void watched(const char *what, char *where)
{
	struct vcpu_register_runstate_memory_area r = { .addr.p = (uint64_t)where };

	CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0, "an area %s", what);
	area = (void *)where;
	enough = false;
	reads = changes = 0;
	worker_begin(watch);
	CHECK(is_watched(), "watched");
	for (unsigned int i = 0; i < ROUNDS || (changes < ROUNDS / 10 && i < 100 * ROUNDS); i++) {
		sleep_for(MS / 2);
	}
	enough = true;
	CHECK(worker_ready(), "for so long");
	CHECK(reads > 0 && changes > 1, "%lu times, %lu states, %lu flags", reads, changes,
	      flags_seen);
	CHECK_EQ(torn, 0, "states that there are");
	CHECK(most - least < (int64_t)MS / 100, "their times add up, within %ld ns", most - least);
	CHECK(!(area->state_entry_time & XEN_RUNSTATE_UPDATE), "and no flag stays");
}

enum verdict guest_main(void)
{
	char *pages = page_alloc();

	if (page_alloc() != pages + PAGE_SIZE) {
		CHECK(false, "two pages side by side");
	}
	if (worker_start(1)) {
		return SKIP; /* a machine of one vCPU */
	}
	CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable,
			VMASST_TYPE_runstate_update_flag),
		 0, "with the flag");
	watched("in one page", pages);
	watched("across two", pages + PAGE_SIZE - sizeof(*area) / 2);
	watched("all but its last word in one",
		pages + PAGE_SIZE - sizeof(*area) + sizeof(uint64_t));
	watched("which begins with its last words", pages + PAGE_SIZE - sizeof(uint64_t));
	return SUCCESS;
}
