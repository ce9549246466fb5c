/*
 * What a scheduling policy is: how it orders those that wait.  The framework
 * keeps each CPU's queue sorted by v->sched_key, least first, and runs the first;
 * a policy sets the keys.  Keys of different CPUs are compared when work is moved between
 * them, so they are in one unit: nanoseconds, more or less.
 */
#ifndef PAVANE_CORE_SCHED_POLICY_H
#define PAVANE_CORE_SCHED_POLICY_H

#include "base/lock.h"
#include "core/timer.h"
#include "core/vcpu.h"
#include "lib/types.h"

struct runq {
	unsigned int cpu;
	struct vcpu *idle;
	struct spinlock lock;
	/* under lock: */
	struct vcpu *curr;	  /* runs, or is about to */
	struct vcpu *head, *tail; /* wait here, least key first */
	_Atomic uint32_t count;	  /* how many; read by others without the lock, as a hint */
	int64_t floor;		  /* the policy's: key of whoever was served last, never falls */
	ns_t picked_at;		  /* when curr was chosen */
	bool yielding;		  /* curr asked to be passed over once */
	struct timer slice;
	ns_t slice_at; /* when it fires, 0: not armed */
	ns_t idle_since, idle_total;
} __attribute__((aligned(64)));

enum sched_why { SCHED_WOKEN, SCHED_PREEMPTED, SCHED_YIELDED, SCHED_MOVED };

struct sched_policy {
	const char *name;
	ns_t slice; /* how long before others are considered */
	ns_t least; /* how long one that was chosen runs before one that preempts it may */
	void (*init)(struct vcpu *v);
	/* v, the current one of q, has run for so long. */
	void (*charge)(struct runq *q, struct vcpu *v, ns_t ran);
	/* Sets the key of v, about to be queued on q. */
	void (*enqueue)(struct runq *q, struct vcpu *v, enum sched_why why, ns_t now);
	/* Should v, which waits, run now rather than at the end of curr's slice? */
	bool (*preempts)(const struct runq *q, const struct vcpu *v, const struct vcpu *curr);
};

extern const struct sched_policy sched_policy_credit, sched_policy_rr;

#endif
