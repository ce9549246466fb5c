/*
 * The scheduler's framework.  Each CPU has a queue of vCPUs that could run; the
 * policy orders it; an idle CPU helps itself from the others' queues, and a
 * busy one does so at the end of a slice if someone elsewhere has had much less time than its own.
 *
 * Locking: a vCPU's scheduling state is under the lock of the queue of v->cpu, which
 * is found by locking and looking again.  v->cpu changes only under that lock.  No two queues are
 * ever locked together: a vCPU on its way between two is in neither and "not queued",
 * and whoever moves it looks again, at the end, whether it still should.
 *
 * Wake-ups are not lost because every change of pause_flags is followed by a
 * look at the vCPU under its lock (sched_wake, sched_sleep), and because a CPU
 * that saves a vCPU's state looks once more afterwards (sched_context_saved).
 */
#include "core/sched/sched.h"

#include <xen/errno.h>
#include <xen/vcpu.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/refuse.h"
#include "core/domain.h"
#include "core/sched/policy.h"
#include "core/softirq.h"
#include "core/time.h"
#include "lib/string.h"

static const struct sched_policy *const policies[] = { &sched_policy_credit, &sched_policy_rr };
static const struct sched_policy *policy = &sched_policy_credit;

static struct runq runqs[MAX_CPUS];
static _Atomic cpumask_t idle_cpus; /* a hint; set under the queue's lock */
static _Atomic uint32_t waiting;    /* queued on all CPUs */

static cpumask_t cpu_bit(unsigned int cpu)
{
	return (cpumask_t)1 << cpu;
}

static bool allowed_on(const struct vcpu *v, unsigned int cpu)
{
	return (v->affinity & cpu_bit(cpu)) != 0;
}

static struct runq *lock_queue_of(struct vcpu *v)
{
	for (;;) {
		unsigned int cpu = atomic_load(&v->cpu);
		struct runq *q = &runqs[cpu];

		spin_lock(&q->lock);
		if (atomic_load(&v->cpu) == cpu) {
			return q;
		}
		spin_unlock(&q->lock);
	}
}

/* The run state of one that does not run. */
static int resting_state(struct vcpu *v)
{
	uint32_t flags = atomic_load(&v->pause_flags);

	if (v->queued || flags == 0) {
		return RUNSTATE_runnable;
	}
	return flags & ~(VPF_BLOCKED | VPF_POLLING) ? RUNSTATE_offline : RUNSTATE_blocked;
}

/* --- the queue itself; all under its lock --- */

static void queue_insert(struct runq *q, struct vcpu *v)
{
	struct vcpu *after = q->tail;

	while (after && after->sched_key > v->sched_key) {
		after = after->rq_prev;
	}
	v->rq_prev = after;
	v->rq_next = after ? after->rq_next : q->head;
	*(v->rq_next ? &v->rq_next->rq_prev : &q->tail) = v;
	*(after ? &after->rq_next : &q->head) = v;
	v->queued = true;
	atomic_fetch_add(&q->count, 1);
	atomic_fetch_add(&waiting, 1);
}

static void queue_remove(struct runq *q, struct vcpu *v)
{
	*(v->rq_next ? &v->rq_next->rq_prev : &q->tail) = v->rq_prev;
	*(v->rq_prev ? &v->rq_prev->rq_next : &q->head) = v->rq_next;
	v->rq_next = v->rq_prev = NULL;
	v->queued = false;
	atomic_fetch_sub(&q->count, 1);
	atomic_fetch_sub(&waiting, 1);
}

static void enqueue(struct runq *q, struct vcpu *v, enum sched_why why, ns_t now)
{
	policy->enqueue(q, v, why, now);
	queue_insert(q, v);
	if (q->curr != v && v->runstate.state != RUNSTATE_runnable) {
		vcpu_runstate_set(v, RUNSTATE_runnable, now);
	}
}

static void charge_current(struct runq *q, ns_t now)
{
	struct vcpu *v = q->curr;

	if (v != q->idle && now > v->slice_start) {
		policy->charge(q, v, now - v->slice_start);
		v->slice_start = now;
	}
}

/* Tells an idle CPU that may run v to come and look. */
static bool tell_idle_cpu(const struct vcpu *v)
{
	cpumask_t idle = atomic_load(&idle_cpus) & v->affinity;

	if (idle == 0) {
		return false;
	}
	softirq_raise_on((unsigned int)__builtin_ctzll(idle), SOFTIRQ_SCHEDULE);
	return true;
}

/* Makes the CPU look no later than then who should run.  The timer is never put off: it finds out when it
 * fires whether it still matters. */
static void look_by(struct runq *q, ns_t when)
{
	if (!q->slice_at || when < q->slice_at) {
		q->slice_at = when;
		timer_set(&q->slice, when);
	}
}

/*
 * Has curr run for the least time that the policy grants?  Without it a guest and the backend that serves
 * it would take the CPU from each other at every request.
 */
static bool had_least(const struct runq *q, ns_t now)
{
	return now - q->picked_at >= policy->least;
}

/* v was queued on q: makes the CPU look if it should run v now or soon. */
static void tickle(struct runq *q, struct vcpu *v, ns_t now)
{
	if (q->curr == q->idle) {
		atomic_fetch_and(&idle_cpus, ~cpu_bit(q->cpu));
		softirq_raise_on(q->cpu, SOFTIRQ_SCHEDULE);
		return;
	}
	charge_current(q, now);
	if (policy->preempts(q, v, q->curr)) {
		if (had_least(q, now)) {
			softirq_raise_on(q->cpu, SOFTIRQ_SCHEDULE);
			return;
		}
		look_by(q, q->picked_at + policy->least);
	}
	if (!atomic_load(&v->running)) {
		/* One that became idle while we chose has not seen v; it looks at 'waiting' after it says it is idle. */
		tell_idle_cpu(v);
	}
}

/* --- where a vCPU goes --- */

static unsigned int choose_cpu(const struct vcpu *v, unsigned int here)
{
	cpumask_t may = v->affinity & cpu_online(), idle = atomic_load(&idle_cpus) & may;
	unsigned int best = here, least = ~0u;

	if (idle & cpu_bit(here)) {
		return here;
	}
	if (idle) {
		return (unsigned int)__builtin_ctzll(idle);
	}
	if (may & cpu_bit(here)) {
		return here;
	}
	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++) {
		uint32_t count = atomic_load(&runqs[cpu].count);

		if ((may & cpu_bit(cpu)) && count < least) {
			least = count;
			best = cpu;
		}
	}
	return best;
}

/* Should v be in a queue, but is in none? */
static bool wants_queue(const struct runq *q, struct vcpu *v)
{
	return vcpu_runnable(v) && !v->queued && q->curr != v;
}

/* v is in no queue; its v->cpu has just been set to q's, under the lock of its former one. */
static void arrive(struct runq *q, struct vcpu *v, enum sched_why why)
{
	spin_lock(&q->lock);
	if (atomic_load(&v->cpu) == q->cpu && wants_queue(q, v)) {
		ns_t now = cpu_time_now();

		enqueue(q, v, why, now);
		tickle(q, v, now);
	}
	spin_unlock(&q->lock);
}

void sched_wake(struct vcpu *v)
{
	struct runq *q = lock_queue_of(v);
	unsigned int target;
	ns_t now;

	if (!wants_queue(q, v)) {
		/* Running: its CPU was told to look when the flag was set, and will find it runnable. */
		spin_unlock(&q->lock);
		return;
	}
	target = choose_cpu(v, q->cpu);
	if (atomic_load(&v->running)) {
		/* Its registers are still on their way to memory here; sched_context_saved() moves it if need be. */
		if (allowed_on(v, q->cpu)) {
			now = cpu_time_now();
			enqueue(q, v, SCHED_WOKEN, now);
			tickle(q, v, now);
		}
		spin_unlock(&q->lock);
		return;
	}
	if (target != q->cpu) {
		atomic_store(&v->cpu, target);
		spin_unlock(&q->lock);
		arrive(&runqs[target], v, SCHED_WOKEN);
		return;
	}
	now = cpu_time_now();
	enqueue(q, v, SCHED_WOKEN, now);
	tickle(q, v, now);
	spin_unlock(&q->lock);
}

void sched_sleep(struct vcpu *v)
{
	struct runq *q = lock_queue_of(v);

	if (!vcpu_runnable(v)) {
		if (v->queued) {
			queue_remove(q, v);
		}
		if (q->curr == v) {
			softirq_raise_on(q->cpu, SOFTIRQ_SCHEDULE);
		} else {
			vcpu_runstate_set(v, resting_state(v), cpu_time_now());
		}
	}
	spin_unlock(&q->lock);
}

void sched_block(void)
{
	struct vcpu *v = cpu_current();

	atomic_fetch_or(&v->pause_flags, VPF_BLOCKED);
	if (vcpu_event_pending(v)) {
		sched_go_on(v, VPF_BLOCKED);
		return;
	}
	softirq_raise(SOFTIRQ_SCHEDULE);
}

/* Who raised another flag meanwhile found this one set, and so left it to us to look: vcpu_set_flag(). */
void sched_go_on(struct vcpu *v, uint32_t flag)
{
	if (atomic_fetch_and(&v->pause_flags, ~flag) & ~flag) {
		softirq_raise(SOFTIRQ_SCHEDULE);
	}
}

void sched_yield(void)
{
	struct runq *q = &runqs[cpu_id()];

	spin_lock(&q->lock);
	q->yielding = true;
	spin_unlock(&q->lock);
	softirq_raise(SOFTIRQ_SCHEDULE);
}

int sched_set_affinity(struct vcpu *v, cpumask_t mask)
{
	struct runq *q;
	bool moves;

	if (!(mask & cpu_online())) {
		return refuse_at(-XEN_EINVAL, REASON_NO_CPU_IN_MASK, mask);
	}
	q = lock_queue_of(v);
	v->affinity = mask;
	moves = !allowed_on(v, q->cpu);
	if (moves && q->curr == v) {
		softirq_raise_on(q->cpu, SOFTIRQ_SCHEDULE);
	} else if (moves && v->queued) {
		queue_remove(q, v);
	}
	spin_unlock(&q->lock);
	if (moves) {
		sched_wake(v);
	}
	return 0;
}

/* --- choosing --- */

/* Takes someone from q whom 'cpu' may run and whose key is below limit. */
static struct vcpu *take_from(struct runq *q, unsigned int cpu, int64_t limit)
{
	struct vcpu *v;

	spin_lock(&q->lock);
	for (v = q->head; v && v->sched_key < limit; v = v->rq_next) {
		if (!atomic_load(&v->running) && allowed_on(v, cpu)) {
			queue_remove(q, v);
			atomic_store(&v->cpu, cpu);
			spin_unlock(&q->lock);
			return v;
		}
	}
	spin_unlock(&q->lock);
	return NULL;
}

/* Brings one vCPU from another CPU's queue to ours if it should rather run here. No lock is held. */
static void steal(struct runq *q, int64_t limit)
{
	unsigned int n = cpu_count();

	for (unsigned int i = 1; i < n; i++) {
		struct runq *other = &runqs[(q->cpu + i) % n];
		struct vcpu *v;

		if (atomic_load(&other->count) == 0) {
			continue;
		}
		v = take_from(other, q->cpu, limit);
		if (v) {
			spin_lock(&q->lock);
			if (atomic_load(&v->cpu) == q->cpu && wants_queue(q, v)) {
				enqueue(q, v, SCHED_MOVED, cpu_time_now());
			}
			spin_unlock(&q->lock);
			return;
		}
	}
}

/* May curr go on without a comparison with those that wait? */
static bool may_go_on(struct runq *q, ns_t now)
{
	struct vcpu *v = q->curr;

	if (v == q->idle || !vcpu_runnable(v) || !allowed_on(v, q->cpu) || q->yielding) {
		return false;
	}
	if (!had_least(q, now)) {
		return true;
	}
	return now - q->picked_at < policy->slice && !(q->head && policy->preempts(q, q->head, v));
}

/* Looks at other CPUs' queues when our own choice would leave someone there behind. */
static void balance(struct runq *q)
{
	int64_t limit;
	ns_t now;

	if (atomic_load(&waiting) == atomic_load(&q->count)) {
		return;
	}
	spin_lock(&q->lock);
	now = cpu_time_now();
	charge_current(q, now);
	if (may_go_on(q, now)) {
		spin_unlock(&q->lock);
		return;
	}
	limit = q->head ? q->head->sched_key : INT64_MAX;
	if (q->curr != q->idle && vcpu_runnable(q->curr)) {
		limit = MIN(limit, q->curr->sched_key);
	}
	if (limit != INT64_MAX) {
		limit -= policy->slice / 2; /* less is not worth the move */
	}
	spin_unlock(&q->lock);
	steal(q, limit);
}

static void slice_ended(void *arg)
{
	struct runq *q = arg;

	spin_lock(&q->lock);
	q->slice_at = 0;
	spin_unlock(&q->lock);
	if (q->curr != q->idle) {
		softirq_raise(SOFTIRQ_SCHEDULE);
	}
}

static void arm_slice(struct runq *q)
{
	bool pressed = q->head && policy->preempts(q, q->head, q->curr);

	if (q->curr != q->idle) {
		look_by(q, q->picked_at + (pressed ? policy->least : policy->slice));
	}
}

/* Decides under the lock who runs from now on. */
static struct vcpu *pick(struct runq *q, ns_t now)
{
	struct vcpu *prev = q->curr, *next;

	charge_current(q, now);
	if (may_go_on(q, now)) {
		return prev;
	}
	if (prev != q->idle && vcpu_runnable(prev) && !prev->queued && allowed_on(prev, q->cpu)) {
		enqueue(q, prev, q->yielding ? SCHED_YIELDED : SCHED_PREEMPTED, now);
	}
	q->yielding = false;
	q->picked_at = now;
	next = q->head;
	if (!next) {
		return q->idle;
	}
	queue_remove(q, next);
	return next;
}

static void note_idle(struct runq *q, struct vcpu *prev, struct vcpu *next, ns_t now)
{
	if (next == q->idle) {
		q->idle_since = now;
		atomic_fetch_or(&idle_cpus, cpu_bit(q->cpu));
		/* Pairs with tickle(): who queued someone before this line is seen here, who did after it sees us. */
		if (atomic_load(&waiting)) {
			softirq_raise(SOFTIRQ_SCHEDULE);
		}
	} else if (prev == q->idle) {
		q->idle_total += now - q->idle_since;
		atomic_fetch_and(&idle_cpus, ~cpu_bit(q->cpu));
	}
}

void sched_run(void)
{
	struct runq *q = &runqs[cpu_id()];
	struct vcpu *prev, *next;
	ns_t now;

	balance(q);
	spin_lock(&q->lock);
	now = cpu_time_now();
	prev = q->curr;
	next = pick(q, now);
	if (next == prev) {
		if (prev == q->idle) {
			atomic_fetch_or(&idle_cpus, cpu_bit(q->cpu));
		}
		arm_slice(q);
		spin_unlock(&q->lock);
		if (prev != q->idle) {
			time_refresh_vcpu(prev);
		}
		return;
	}
	q->curr = next;
	atomic_store(&next->running, true);
	next->slice_start = now;
	if (prev != q->idle) {
		vcpu_runstate_set(prev, resting_state(prev), now);
	}
	if (next != q->idle) {
		vcpu_runstate_set(next, RUNSTATE_running, now);
	}
	note_idle(q, prev, next, now);
	arm_slice(q);
	spin_unlock(&q->lock);
	if (next != q->idle) {
		time_refresh_vcpu(next);
	}
	guest_switch(prev, next);
}

void sched_context_saved(struct vcpu *prev)
{
	struct runq *q;
	bool homeless;

	if (!prev->domain) {
		return;
	}
	atomic_store(&prev->running, false);
	if (!vcpu_runnable(prev)) {
		return;
	}
	/* Runnable, but not chosen: it may be that only another CPU can or will run it. */
	q = lock_queue_of(prev);
	homeless = wants_queue(q, prev);
	if (prev->queued) {
		tell_idle_cpu(prev);
	}
	spin_unlock(&q->lock);
	if (homeless) {
		sched_wake(prev);
	}
}

/* --- life of queues and vCPUs --- */

void sched_init(const char *name)
{
	bool known = !name || !*name;

	for (size_t i = 0; !known && i < ARRAY_SIZE(policies); i++) {
		if (strcmp(policies[i]->name, name) == 0) {
			policy = policies[i];
			known = true;
		}
	}
	if (!known) {
		log_warn("sched=%s: no such policy, using %s\n", name, policy->name);
	}
	for (unsigned int i = 0; i < MAX_CPUS; i++) {
		runqs[i].cpu = i;
		spin_init(&runqs[i].lock, LOCK_RUNQUEUE);
		timer_init(&runqs[i].slice, slice_ended, &runqs[i], i);
	}
	softirq_register(SOFTIRQ_SCHEDULE, sched_run);
}

void sched_init_cpu(unsigned int cpu, struct vcpu *idle)
{
	struct runq *q = &runqs[cpu];

	atomic_store(&idle->cpu, cpu);
	atomic_store(&idle->running, true);
	q->idle = q->curr = idle;
	q->idle_since = cpu_time_now();
	atomic_fetch_or(&idle_cpus, cpu_bit(cpu));
}

struct vcpu *sched_idle(unsigned int cpu)
{
	return runqs[cpu].idle;
}

const char *sched_policy_name(void)
{
	return policy->name;
}

int sched_vcpu_init(struct vcpu *v)
{
	static _Atomic unsigned int turn;

	v->affinity = CPUMASK_ALL;
	atomic_store(&v->cpu, atomic_fetch_add(&turn, 1) % cpu_count());
	policy->init(v);
	return 0;
}

void sched_vcpu_destroy(struct vcpu *v)
{
	BUG_ON(v->queued || atomic_load(&v->running));
}

ns_t sched_cpu_idle_time(unsigned int cpu)
{
	struct runq *q = &runqs[cpu];
	ns_t total;

	spin_lock(&q->lock);
	total = q->idle_total;
	if (q->curr && q->curr == q->idle) {
		total += cpu_time_now() - q->idle_since;
	}
	spin_unlock(&q->lock);
	return total;
}

void sched_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	struct runq *q = lock_queue_of(v);
	ns_t spent = cpu_time_now() - (ns_t)v->runstate.state_entry_time;

	*out = v->runstate;
	spin_unlock(&q->lock);
	if (spent > 0) {
		out->time[out->state] += (uint64_t)spent;
	}
}

int sched_register_runstate_area(struct vcpu *v, gva_t gva)
{
	struct guest_area fresh, old;
	int rc = guest_area_map(&fresh, gva, sizeof(struct vcpu_runstate_info));
	struct runq *q;

	if (rc) {
		return rc;
	}
	q = lock_queue_of(v);
	old = v->runstate_area;
	v->runstate_area = fresh;
	vcpu_runstate_set(v, v->runstate.state, cpu_time_now());
	spin_unlock(&q->lock);
	guest_area_unmap(&old);
	return 0;
}

void sched_release_runstate_area(struct vcpu *v)
{
	struct runq *q = lock_queue_of(v);
	struct guest_area old = v->runstate_area;

	v->runstate_area = (struct guest_area){ 0 };
	spin_unlock(&q->lock);
	guest_area_unmap(&old);
}
