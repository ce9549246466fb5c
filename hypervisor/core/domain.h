/*
 * Domains: what a guest is, apart from being paravirtual.  Each subsystem
 * keeps its own state in its own struct, embedded here.
 *
 * Life: created paused -> (un)paused -> shut down (reason kept) -> dying, torn down in
 * steps that may stop and go on -> gone when the last reference is dropped.
 */
#ifndef PAVANE_CORE_DOMAIN_H
#define PAVANE_CORE_DOMAIN_H

#include <stdatomic.h>

#include <stdint.h>

#include <xen/xen.h>

#include "base/lock.h"
#include "core/evtchn.h"
#include "core/grant_table.h"
#include "core/refusals.h"
#include "core/watchdog.h"
#include "lib/types.h"
#include "mm/dompages.h"

#define MAX_VCPUS 32 /* the legacy vcpu_info array; more needs register_vcpu_info only */

struct vcpu;
struct pv_domain; /* pv/guest.h */

struct domain {
	struct dom_pages pages; /* first: mm/dompages.h relies on it */
	domid_t id;
	bool privileged; /* the control domain */
	bool hardware;	 /* owns the devices (the control domain) */
	uint8_t uuid[16];
	_Atomic uint32_t refs;
	struct domain *deferred; /* next with work for the end of this trip through the hypervisor */
	_Atomic uint32_t defer;	 /* which work: DEFER_* in domain.c */

	struct spinlock lock;
	/* under lock: */
	bool dying;
	unsigned int pause_count; /* by the control domain */
	unsigned int stop_count;  /* by ourselves: not for the control domain to undo */
	bool shutdown;
	bool shutdown_code_given; /* by SCHEDOP_shutdown_code: it replaces any later reason */
	unsigned int shutdown_code;
	unsigned int kill_stage;
	_Atomic bool relinquished; /* teardown has run to its end */
	_Atomic bool released;	   /* ... and the last frame is gone too */
	bool half_freed;	   /* nobody knows it any more, but parts of it are there */
	struct watchdog watchdog[WATCHDOGS];

	unsigned int max_vcpus;
	struct vcpu *vcpu[MAX_VCPUS];

	struct shared_info *shared; /* one hypervisor frame, FRAME_SHARED, owner d */
	struct evtchn_table evtchn;
	struct grant_table grants;
	struct pv_domain *pv;

	uint32_t sched_weight; /* share of CPU time, 256 is usual */
	uint32_t sched_cap;    /* reserved: per cent of one CPU, 0 none */
	uint32_t vm_assist;    /* VMASST bits */
	int64_t time_offset;   /* seconds added to the wall clock */
	/* XENMEM_set_memory_map: */
	void *e820; /* struct e820entry array from the pool */
	unsigned int e820_count;
	uint32_t ssidref;
	uint32_t max_evtchn_port;
	ns_t created;
	struct refusals refusals; /* what it was refused lately, and why */
};

extern struct domain *dom0;
extern bool
	domain_noreboot; /* boot option: a crash of the control domain leaves the machine halted */
void domains_init(void); /* before the first domain */

/*
 * Lookup by id takes a reference; NULL if there is none. domid DOMID_SELF means the current domain.
 * Takes no lock, so it may be called with any held; so may domain_put().
 */
struct domain *domain_get(domid_t id);
bool domain_get_again(struct domain *d);
void domain_put(struct domain *d);
/* First domain with an id >= given, referenced, or NULL. */
struct domain *domain_get_from(domid_t id);
uint64_t domain_count(void);
/* Is any being freed at the moment?  Then counts of what is held do not compare. */
bool domain_half_freed(void);

struct domain_config {
	unsigned int max_vcpus;
	uint64_t max_pages;
	uint32_t max_evtchn_port, max_grant_version, max_grant_frames, max_maptrack_frames;
	uint32_t ssidref;
	uint8_t uuid[16];
	bool privileged;
};
/* Makes a domain, paused once, vCPUs allocated but down. id 0 for the control domain, else the next free one when
 * *id is DOMID_INVALID. 0, -EEXIST, -ENOMEM, -EINVAL. */
int domain_create(domid_t *id, const struct domain_config *c, struct domain **out);
void domain_pause(
	struct domain *d); /* and waits until no vCPU of d runs; never call for the current domain */
int domain_unpause(struct domain *d); /* -EINVAL if it is not paused, or is dying */
/* The same for ourselves, while we look at or change what a vCPU that runs would use. */
void domain_stop(struct domain *d);
void domain_go_on(struct domain *d);
/* All vCPUs stop; VIRQ_DOM_EXC to the control domain (for the control domain: machine powers off, reboots or halts). */
void domain_shutdown(struct domain *d, unsigned int reason);
void domain_resume(struct domain *d); /* after a shutdown(suspend) that was cancelled */
/* Kills in steps: 0 when gone from view, -ERESTART when to be called again. */
int domain_kill(struct domain *d);
/* The guest's state is beyond answering. From any context; takes effect at the next exit to guest. */
__attribute__((format(printf, 2, 3))) void domain_crash(struct domain *d, const char *fmt, ...);

_Static_assert(offsetof(struct domain, pages) == 0, "mm/dompages.h: dom_pages_of()");
/* domain_pages_gone(), declared in mm/dompages.h, is implemented in core/domain.c. */

#endif
