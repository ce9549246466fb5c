/*
 * The scheduler's framework: per-CPU run queues, block, wake, yield; a policy decides order and slices.
 *
 * A vCPU is in one of these states: running (runq->curr of its CPU), queued on
 * its CPU's queue, or neither because something in pause_flags holds it.  v->running
 * stays set after it was descheduled until its registers are saved: till then no other CPU takes it.
 */
#ifndef PAVANE_CORE_SCHED_H
#define PAVANE_CORE_SCHED_H

#include "core/vcpu.h"
#include "lib/types.h"

void sched_init(const char *policy); /* "credit", "rr"; unknown: warns, first one; NULL: first one */
void sched_init_cpu(unsigned int cpu, struct vcpu *idle);
struct vcpu *sched_idle(unsigned int cpu);
const char *sched_policy_name(void);
int sched_vcpu_init(struct vcpu *v); /* chooses a CPU */
void sched_vcpu_destroy(struct vcpu *v);
void sched_wake(struct vcpu *v);  /* became runnable */
void sched_sleep(struct vcpu *v); /* stopped being runnable: off the queue, off its CPU soon */
void sched_block(void);		  /* current vCPU: unless an event is pending */
/* The current vCPU set this flag to wait, and need not: it goes on, unless it is held by another. */
void sched_go_on(struct vcpu *v, uint32_t flag);
void sched_yield(void);
int sched_set_affinity(struct vcpu *v, cpumask_t mask); /* -EINVAL if no CPU of it is there */
/* SOFTIRQ_SCHEDULE: chooses; if another is to run, guest_switch() and no return. */
void sched_run(void);
/* guest_switch calls this once prev's state is saved and no longer in use by this CPU. */
void sched_context_saved(struct vcpu *prev);
ns_t sched_cpu_idle_time(unsigned int cpu);

/* Copy of the run-state clock with the present state's time added. */
void sched_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
/* Where the guest wants its run state written from now on: address in its kernel's space, 0 none. 0 or -errno. */
int sched_register_runstate_area(struct vcpu *v, gva_t gva);
void sched_release_runstate_area(struct vcpu *v);

#endif
