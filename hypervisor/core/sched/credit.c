/*
 * Proportional share.  A vCPU's key is the CPU time it has had, divided by its
 * domain's weight: serving the least key first gives everyone that wants it time
 * in proportion to weight.
 *
 * One that slept is behind in its key.  It may keep a little of that, so that a vCPU which
 * works in short bursts (a backend, an interactive guest) gets in front of those that
 * compute; but not so much that it could starve them for longer than BOOST.
 */
#include "core/domain.h"
#include "core/sched/policy.h"

#define SLICE ((ns_t)10000000)
#define LEAST \
	((ns_t)200000) /* at least: what a guest asks of a backend, or answers, gathers meanwhile */
#define BOOST ((ns_t)10000000) /* how far behind the floor a sleeper may come back */
#define SPREAD_MAX \
	((ns_t)50000000) /* how far from the floor, either way, one may arrive from another CPU */
#define GRANULARITY  ((ns_t)1000000) /* less difference than this is not worth a switch */
#define WEIGHT_USUAL 256

static int64_t clamp_key(int64_t key, int64_t low, int64_t high)
{
	return key < low ? low : key > high ? high : key;
}

static void credit_init(struct vcpu *v)
{
	v->sched_key = 0;
}

static void credit_charge(struct runq *q, struct vcpu *v, ns_t ran)
{
	uint32_t weight = v->domain->sched_weight;
	int64_t least;

	v->sched_key += ran * WEIGHT_USUAL / (weight ? weight : WEIGHT_USUAL);
	least = q->head ? MIN(q->head->sched_key, v->sched_key) : v->sched_key;
	q->floor = MAX(q->floor, least);
}

static void credit_enqueue(struct runq *q, struct vcpu *v, enum sched_why why, ns_t now)
{
	(void)now;
	switch (why) {
	case SCHED_WOKEN:
		v->sched_key = clamp_key(v->sched_key, q->floor - BOOST, q->floor + SPREAD_MAX);
		break;
	case SCHED_MOVED:
		/* It waited, it did not sleep: what it lacks is owed to it, unless the CPUs have drifted far apart. */
		v->sched_key = clamp_key(v->sched_key, q->floor - SPREAD_MAX,
					 q->floor + SPREAD_MAX);
		break;
	case SCHED_YIELDED:
		/* Behind whoever is first now, without losing more than that. */
		if (q->head && v->sched_key < q->head->sched_key) {
			v->sched_key = q->head->sched_key;
		}
		break;
	case SCHED_PREEMPTED:
		break;
	}
}

static bool credit_preempts(const struct runq *q, const struct vcpu *v, const struct vcpu *curr)
{
	(void)q;
	return v->sched_key + GRANULARITY < curr->sched_key;
}

const struct sched_policy sched_policy_credit = {
	.name = "credit",
	.slice = SLICE,
	.least = LEAST,
	.init = credit_init,
	.charge = credit_charge,
	.enqueue = credit_enqueue,
	.preempts = credit_preempts,
};
