/*
 * Round robin: whoever waits longest runs next, for one slice.  No weights and no
 * favour for those that sleep; what one wants for measuring, or for vCPUs that
 * are pinned one to a CPU.  Between CPUs it only fills idle ones: who shares a CPU with
 * another gets half of it, even if a third has one alone.
 */
#include "arch/cpu.h"
#include "core/sched/policy.h"

static void rr_init(struct vcpu *v)
{
	v->sched_key = 0;
}

static void rr_charge(struct runq *q, struct vcpu *v, ns_t ran)
{
	(void)q, (void)ran;
	/* If it were queued now, it would be the last. */
	v->sched_key = cpu_time_now();
}

static void rr_enqueue(struct runq *q, struct vcpu *v, enum sched_why why, ns_t now)
{
	(void)q;
	if (why != SCHED_MOVED) {
		v->sched_key = now;
	}
}

static bool rr_preempts(const struct runq *q, const struct vcpu *v, const struct vcpu *curr)
{
	(void)q, (void)v, (void)curr;
	return false;
}

const struct sched_policy sched_policy_rr = {
	.name = "rr",
	.slice = 10000000,
	.init = rr_init,
	.charge = rr_charge,
	.enqueue = rr_enqueue,
	.preempts = rr_preempts,
};
