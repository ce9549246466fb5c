/* The scheduler's framework: per-CPU run queues, block, wake, yield; a policy decides order and slices. */
#ifndef PAVANE_CORE_SCHED_H
#define PAVANE_CORE_SCHED_H

#include "core/vcpu.h"
#include "lib/types.h"

void sched_init(const char *policy);		/* "credit", "rr"; unknown: warns, first one */
void sched_init_cpu(unsigned int cpu, struct vcpu *idle);
struct vcpu *sched_idle(unsigned int cpu);
int sched_vcpu_init(struct vcpu *v);		/* chooses a CPU */
void sched_vcpu_destroy(struct vcpu *v);
void sched_wake(struct vcpu *v);		/* became runnable */
void sched_sleep(struct vcpu *v);		/* stopped being runnable: off the queue, off its CPU soon */
void sched_block(void);				/* current vCPU: unless an event is pending */
void sched_yield(void);
int sched_set_affinity(struct vcpu *v, cpumask_t mask);	/* -EINVAL if no CPU of it is there */
/* SOFTIRQ_SCHEDULE: chooses; if another is to run, guest_switch() and no return. */
void sched_run(void);
/* guest_switch calls this once prev's state is saved and no longer in use by this CPU. */
void sched_context_saved(struct vcpu *prev);
ns_t sched_cpu_idle_time(unsigned int cpu);

#endif
