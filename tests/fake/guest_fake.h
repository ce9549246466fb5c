/*
 * A small world for the hypervisor's core on the host: domains, vCPUs and the guest seam (arch/guest.h),
 * with a memory of what was asked of them.  One CPU, nothing ever runs; "guest addresses" are pointers.
 */
#ifndef PAVANE_TESTS_FAKE_GUEST_FAKE_H
#define PAVANE_TESTS_FAKE_GUEST_FAKE_H

#include "core/domain.h"
#include "core/vcpu.h"

#define WORLD_DOMAINS 8
#define WORLD_VCPUS   4

struct world_vcpu {
	struct vcpu v;
	unsigned int marked; /* vcpu_mark_event() calls */
	unsigned int woken;  /* vcpu_wake() calls */
};

struct world {
	struct domain *domain[WORLD_DOMAINS]; /* by id */
	unsigned int freed;		      /* domains whose last reference went */
	bool fault_reads, fault_writes;	      /* copies from and to guests fail */
	int fault_writes_after;		      /* so many may succeed first */
	uintptr_t unreadable_from;	      /* 0, or where readable memory ends */
	/* pirqs of the domain that owns them */
	int pirq_bind_answer;
	void (*during_pirq_bind)(unsigned int pirq);
	bool pirq_bound[64];
	unsigned int pirq_unmasked;
	/* grants */
	int map_answer; /* GNTST_* of the next mappings */
	unsigned int maps, unmaps, replaces, tlb_flushes;
	void (*during_flush)(void);
	/* preemption */
	unsigned int preempt_every; /* hypercall_preempt() says yes each so many times; 0 never */
	unsigned int preempt_asked;
	bool restarted;
	unsigned int restart_nr;
	uint64_t restart_args[5];
	unsigned int crashes;
};
extern struct world world;

void world_start(void); /* empty; domain 0 with two vCPUs, privileged */
void world_stop(void);	/* frees everything */
struct domain *world_domain(domid_t id, unsigned int vcpus);
void world_enter(struct domain *d); /* becomes the current domain, on its vCPU 0 */
struct world_vcpu *world_vcpu(struct domain *d, unsigned int id);
/* The domain's own shared page, as its guest sees it. */
bool world_pending(const struct domain *d, unsigned int port);
void world_clear_pending(struct domain *d, unsigned int port);
void world_mask(struct domain *d, unsigned int port, bool masked);
#define WORLD_GVA(p) ((gva_t)(uintptr_t)(p))

#endif
