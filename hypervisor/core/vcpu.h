/*
 * Virtual CPUs: states, the run-state clock, and what the scheduler needs.
 */
#ifndef PAVANE_CORE_VCPU_H
#define PAVANE_CORE_VCPU_H

#include <stdint.h>

#include <stdatomic.h>

#include <xen/xen.h>
#include <xen/vcpu.h>

#include "core/timer.h"
#include "lib/types.h"

struct domain;
struct pv_vcpu;

/* Why a vCPU is not to run: any bit set means not runnable. */
#define VPF_DOWN     1u	 /* not up yet, or VCPUOP_down */
#define VPF_BLOCKED  2u	 /* waits for an event */
#define VPF_POLLING  4u	 /* SCHEDOP_poll: waits for given ports or time-out */
#define VPF_SHUTDOWN 8u	 /* its domain shut down */
#define VPF_PAUSED   16u /* its domain is paused or stopped */

/*
 * A piece of guest memory that the hypervisor writes at any time: the guest registers an address, we
 * find the frames behind it, hold them writable, and write through our own mapping.  So no write can
 * fault, and it matters not whose page tables are loaded.
 */
struct guest_area {
	gva_t address;	    /* as the guest registered it, 0: none */
	size_t size, first; /* bytes in all, and in part[0] */
	mfn_t frame[2];
	void *part[2];
};

struct vcpu {
	struct domain *domain; /* NULL for idle vCPUs */
	unsigned int id;
	bool initialised;	      /* has a context */
	_Atomic uint32_t pause_flags; /* VPF_* */
	uint64_t refusal; /* number of its last one's record, 0 none; under its domain's refusals.lock */

	/* scheduling (core/sched) */
	_Atomic uint32_t cpu; /* where it runs or will */
	_Atomic bool running; /* its state is loaded on v->cpu */
	bool queued;
	cpumask_t affinity;
	struct vcpu *rq_next, *rq_prev;
	ns_t slice_start;
	int64_t sched_key;	/* order in the queue, least first; the policy's */
	uint64_t sched_data[4]; /* the policy's own */

	/* events: where its vcpu_info is, always valid */
	struct vcpu_info *info;	  /* hypervisor mapping */
	mfn_t info_frame;	  /* MFN_NONE while in shared_info (or the dummy) */
	uint32_t poll_port;	  /* while VPF_POLLING: the port, or 0 for several */
	uint64_t evtchn_virq[24]; /* VIRQ -> port, 0 none; under the event lock */

	/* time */
	struct timer singleshot, periodic, poll_timer;
	ns_t period;
	struct vcpu_runstate_info
		runstate; /* times up to state_entry_time; under its run queue's lock */
	struct guest_area runstate_area; /* under its run queue's lock */
	struct guest_area time_area;	 /* secondary vcpu_time_info, under the time lock */
	ns_t time_written;		 /* when and where its time page was last written */
	unsigned int time_cpu;

	/* memory_exchange.c */
	struct exchange *exchange; /* half done, the vCPU had to make room */
	unsigned int limbo;	   /* frames that it has, and that count as the domain's */

	struct pv_vcpu *pv;
};

static inline bool vcpu_runnable(struct vcpu *v)
{
	return atomic_load(&v->pause_flags) == 0;
}

/* A vCPU of d, down and without a context; its vcpu_info is the one in shared_info. NULL: no memory. */
struct vcpu *vcpu_create(struct domain *d, unsigned int id);
/* Stops its timers and lets go of the guest's memory. It runs nowhere and no event leads here; may be repeated. */
void vcpu_relinquish(struct vcpu *v);
void vcpu_destroy(struct vcpu *v);
/* A CPU's idle vCPU: no domain, always runnable. NULL: no memory. */
struct vcpu *vcpu_create_idle(unsigned int cpu);

/* Are events waiting and not masked?  Inline: every way back into a guest asks. */
static inline bool vcpu_event_pending(const struct vcpu *v)
{
	return __atomic_load_n(&v->info->evtchn_upcall_pending, __ATOMIC_SEQ_CST) &&
	       !__atomic_load_n(&v->info->evtchn_upcall_mask, __ATOMIC_RELAXED);
}
/* Sets evtchn_upcall_pending and wakes: called by evtchn.c under its lock. */
void vcpu_mark_event(struct vcpu *v);
void vcpu_wake(struct vcpu *v); /* VPF_BLOCKED and VPF_POLLING cleared; runs if runnable */
void vcpu_clear_flag(struct vcpu *v, uint32_t flag); /* and lets it run if nothing else holds it */
void vcpu_set_flag(struct vcpu *v, uint32_t flag);   /* and takes it off its CPU soon */
void vcpu_sleep_sync(struct vcpu *v); /* flag already set: wait until it is off its CPU */

/* Enters a RUNSTATE_* now, and tells the guest if it asked; under the run queue's lock. */
void vcpu_runstate_set(struct vcpu *v, int state, ns_t now);

/* Finds and holds the frames behind [gva, gva + size) of the current guest; 0 clears. 0 or -EFAULT, -EINVAL. */
int guest_area_map(struct guest_area *a, gva_t gva, size_t size);
void guest_area_unmap(struct guest_area *a);
void guest_area_write(const struct guest_area *a, size_t offset, const void *from, size_t n);

#endif
