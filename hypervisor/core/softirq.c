/*
 * Softirqs: how a handler, or another CPU, leaves work for later.  One word of
 * bits per CPU; whoever is about to enter a guest or to halt looks at its own
 * word and does what is there.  Choosing another vCPU comes last, because the
 * choice may depend on all the rest and because it may not return.
 */
#include "core/softirq.h"

#include "arch/cpu.h"
#include "arch/upcall.h"
#include "base/bug.h"
#include "lib/types.h"

struct softirq_cpu softirq_cpus[MAX_CPUS];

static void (*handlers[SOFTIRQS])(void);

void softirq_register(enum softirq s, void (*handler)(void))
{
	handlers[s] = handler;
}

void softirq_raise(enum softirq s)
{
	atomic_fetch_or(&softirq_cpus[cpu_id()].pending, 1u << s);
}

void softirq_raise_on(unsigned int cpu, enum softirq s)
{
	uint32_t old = atomic_fetch_or(&softirq_cpus[cpu].pending, 1u << s);

	/*
	 * A bit that was set already has either been announced by a kick, or was set
	 * by that CPU itself, which looks before it leaves the hypervisor.
	 */
	if (cpu != cpu_id() && !(old & 1u << s)) {
		cpu_kick(cpu);
	}
}

/* Takes one kind of pending work, the lowest number first except that scheduling is last. */
static int take_next(void)
{
	_Atomic uint32_t *pending = &softirq_cpus[cpu_id()].pending;
	uint32_t bits = atomic_load_explicit(pending, memory_order_acquire);
	unsigned int s;

	if (bits == 0) {
		return -1;
	}
	if (bits & ~(1u << SOFTIRQ_SCHEDULE)) {
		bits &= ~(1u << SOFTIRQ_SCHEDULE);
	}
	s = (unsigned int)__builtin_ctz(bits);
	atomic_fetch_and(pending, ~(1u << s));
	return (int)s;
}

void softirq_run(void)
{
	int s;

	while ((s = take_next()) >= 0) {
		if (handlers[s]) {
			handlers[s]();
		}
	}
}

void upcall_timer(void)
{
	softirq_raise(SOFTIRQ_TIMER);
}
