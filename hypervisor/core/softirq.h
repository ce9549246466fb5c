/* Work put off to the next exit to a guest or turn of the idle loop, one bit per kind and CPU. */
#ifndef PAVANE_CORE_SOFTIRQ_H
#define PAVANE_CORE_SOFTIRQ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/cpu.h"

enum softirq {
	SOFTIRQ_TIMER,
	SOFTIRQ_SCHEDULE,
	SOFTIRQ_CONSOLE,
	SOFTIRQ_RCU,
	SOFTIRQ_NMI,
	SOFTIRQ_REST,
	SOFTIRQ_AUDIT,
	SOFTIRQS
};

void softirq_raise(enum softirq s);			 /* this CPU */
void softirq_raise_on(unsigned int cpu, enum softirq s); /* and kicks it */
extern struct softirq_cpu {
	_Atomic uint32_t pending; /* bit per kind; use the functions */
} __attribute__((aligned(64))) softirq_cpus[MAX_CPUS];
/* On this CPU; inline because every way back into a guest asks. */
static inline bool softirq_pending(void)
{
	return atomic_load_explicit(&softirq_cpus[cpu_id()].pending, memory_order_acquire) != 0;
}
void softirq_register(enum softirq s, void (*handler)(void));
/* Runs what is pending. SOFTIRQ_SCHEDULE comes last and may not return. Called with interrupts off. */
void softirq_run(void);

#endif
