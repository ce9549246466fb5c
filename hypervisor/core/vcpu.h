/*
 * Virtual CPUs: states, the run-state clock, and what the scheduler needs.
 */
#ifndef PAVANE_CORE_VCPU_H
#define PAVANE_CORE_VCPU_H

#include <stdint.h>

#include <xen/xen.h>
#include <xen/vcpu.h>

#include "core/timer.h"
#include "lib/types.h"

struct domain;
struct pv_vcpu;

/* Why a vCPU is not to run: any bit set means not runnable. */
#define VPF_DOWN	1u	/* not up yet, or VCPUOP_down */
#define VPF_BLOCKED	2u	/* waits for an event */
#define VPF_POLLING	4u	/* SCHEDOP_poll: waits for given ports or time-out */
#define VPF_SHUTDOWN	8u	/* its domain shut down */
#define VPF_PAUSED	16u	/* its domain is paused (pause_count > 0), or it is */

struct vcpu {
	struct domain *domain;		/* NULL for idle vCPUs */
	unsigned int id;
	bool initialised;		/* has a context */
	_Atomic uint32_t pause_flags;	/* VPF_* */
	unsigned int pause_count;	/* domctl and internal, under domain->lock */

	/* scheduling (core/sched) */
	_Atomic uint32_t cpu;		/* where it runs or will */
	_Atomic bool running;		/* its state is loaded on v->cpu */
	bool queued;
	cpumask_t affinity;
	struct vcpu *rq_next, *rq_prev;
	ns_t slice_start;
	uint64_t sched_data[4];		/* the policy's own */

	/* events: where its vcpu_info is, always valid */
	struct vcpu_info *info;		/* hypervisor mapping */
	mfn_t info_frame;		/* MFN_NONE while in shared_info (or the dummy) */
	uint32_t poll_port;		/* while VPF_POLLING: the port, or 0 for several */
	uint64_t evtchn_virq[24];	/* VIRQ -> port, 0 none; under the event lock */

	/* time */
	struct timer singleshot, periodic, poll_timer;
	ns_t period;
	struct vcpu_runstate_info runstate;	/* times up to state_entry_time */
	gva_t runstate_area;		/* registered by the guest, 0 none */
	gva_t time_area;		/* secondary vcpu_time_info, 0 none */

	struct pv_vcpu *pv;
};

static inline bool vcpu_runnable(struct vcpu *v)
{
	return atomic_load(&v->pause_flags) == 0;
}

/* Are events waiting and not masked? */
bool vcpu_event_pending(const struct vcpu *v);
/* Sets evtchn_upcall_pending and wakes: called by evtchn.c under its lock. */
void vcpu_mark_event(struct vcpu *v);
void vcpu_wake(struct vcpu *v);			/* VPF_BLOCKED and VPF_POLLING cleared; runs if runnable */
void vcpu_clear_flag(struct vcpu *v, uint32_t flag);	/* and lets it run if nothing else holds it */
void vcpu_set_flag(struct vcpu *v, uint32_t flag);	/* and takes it off its CPU soon */
void vcpu_sleep_sync(struct vcpu *v);		/* flag already set: wait until it is off its CPU */
void vcpu_runstate_set(struct vcpu *v, int state);
/* Writes the registered run-state area; called with the vCPU's page tables loaded. */
void vcpu_runstate_publish(struct vcpu *v);

#endif
