/*
 * Every CPU looks at its softirqs before it enters a guest or halts, with nothing in its hands; there it is
 * held until whoever asked for it is done.  Held CPUs answer TLB flushes, as all who wait do.
 */
#include "core/standstill.h"

#include <stdatomic.h>

#include "arch/cpu.h"
#include "core/softirq.h"

static _Atomic bool held;	     /* CPUs that arrive stay */
static _Atomic unsigned int resting; /* CPUs that have arrived */

static void rest(void)
{
	atomic_fetch_add(&resting, 1);
	while (atomic_load(&held)) {
		cpu_relax();
	}
	atomic_fetch_sub(&resting, 1);
}

void standstill_init(void)
{
	softirq_register(SOFTIRQ_REST, rest);
}

bool standstill_begin(ns_t patience)
{
	ns_t end = cpu_time_now() + patience;

	atomic_store(&held, true);
	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++) {
		if (cpu != cpu_id()) {
			softirq_raise_on(cpu, SOFTIRQ_REST);
		}
	}
	while (atomic_load(&resting) != cpu_count() - 1) {
		if (cpu_time_now() > end) {
			standstill_end();
			return false;
		}
		cpu_relax();
	}
	return true;
}

void standstill_end(void)
{
	atomic_store(&held, false);
	while (atomic_load(&resting)) {
		cpu_relax();
	}
}
