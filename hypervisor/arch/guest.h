/*
 * What the core asks of a guest's personality.  Implemented by pv/, and on the
 * host by tests/fake/guest_fake.c.
 */
#ifndef PAVANE_ARCH_GUEST_H
#define PAVANE_ARCH_GUEST_H

#include "lib/types.h"

struct audit;
struct domain;
struct vcpu;

/* Allocates d->pv / v->pv. 0 or -ENOMEM.  destroy is the reverse and accepts half-made ones. */
int guest_domain_create(struct domain *d);
void guest_domain_destroy(struct domain *d);
int guest_vcpu_create(struct vcpu *v);
void guest_vcpu_destroy(struct vcpu *v);

/*
 * Drops what a dying domain's vCPUs hold (page-table bases, descriptor-table frames).
 * All its vCPUs are off every CPU.  0, or -ERESTART to be called again.
 */
int guest_relinquish(struct domain *d);

/* Tells the audit (mm/audit.h) of every frame that d's vCPUs hold by themselves. */
void guest_audit(const struct domain *d, struct audit *a);

/* Leaves prev, enters next and does not return: the stack starts anew. */
__attribute__((noreturn)) void guest_switch(struct vcpu *prev, struct vcpu *next);

/* VCPUOP_initialise / domctl setvcpucontext. 0, -errno, or -ERESTART: again with the same, later. */
struct vcpu_guest_context;
int guest_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c);
void guest_vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c); /* v is paused */

/* VCPUOP_send_nmi: its NMI handler, if it has one, is called when it next runs; it wakes for it. */
void guest_send_nmi(struct vcpu *v);

/* The L4 that maps the guest kernel of v (not the user half's), for software walks. */
mfn_t guest_kernel_table(const struct vcpu *v);

/* Physical interrupts for event channels: 0 or -errno (implemented in pv/pirq.c). */
int guest_pirq_bind(struct domain *d, unsigned int pirq, bool share);
void guest_pirq_unbind(struct domain *d, unsigned int pirq);
void guest_pirq_unmasked(struct domain *d,
			 unsigned int pirq); /* the event channel was unmasked: EOI if due */

/*
 * Hypercall continuation: makes the current guest issue the same hypercall again with
 * these arguments when it next runs (or, inside a multicall, rewrites the entry).
 */
void guest_hypercall_restart(unsigned int nr, unsigned int nargs, const uint64_t *args);

/* What the current guest is in the middle of: a hypercall, within a multicall or not, and its first argument; or PAVANE_NO_CALL. */
void guest_call_name(uint32_t *call, uint32_t *op);

/* Grant mappings inside the current guest's page tables (pv/grant_pte.c); 0 or GNTST_*. */
int guest_grant_map_pte(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t frame,
			bool readonly);
int guest_grant_unmap_pte(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t frame,
			  bool readonly);
/* Replaces a grant mapping by another PTE (GNTTABOP_unmap_and_replace); 0 or GNTST_*. */
int guest_grant_replace_pte(struct domain *d, uint64_t host_addr, uint64_t new_addr, mfn_t frame,
			    bool readonly);

/*
 * Waits until no CPU holds a stale translation of d's page tables: before a frame that d had mapped
 * goes back to whoever lent it.
 */
void guest_tlb_flush(struct domain *d);

/* Writes the hypercall stubs of the ABI, 32 bytes each, into a page of a guest. */
void guest_fill_hypercall_page(void *page);

/* The wall clock and per-vCPU time pages, written on wake, switch and clock change (core/time.c calls). */
struct vcpu_time_info;
void guest_time_scale(
	struct vcpu_time_info *t); /* fills tsc_timestamp, system_time, mul, shift, flags for now */

#endif
