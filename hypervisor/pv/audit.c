/*
 * What a paravirtual domain holds, for the audit: its vCPUs' page-table bases and the frames of descriptor tables, and the
 * page that says which interrupts want an end.
 */
#include "arch/guest.h"
#include "mm/audit.h"
#include "pv/guest.h"
#include "pv/pirq.h"
#include "x86/pte.h"

static void audit_base(struct audit *a, uint64_t cr3)
{
	if (cr3) {
		audit_hold(a, paddr_to_mfn(cr3), 1, FRAME_L4);
	}
}

/* One page of a vCPU's window: what the CPU finds there is what is held. */
static void audit_window(struct audit *a, const struct vcpu *v, unsigned int page, mfn_t held)
{
	uint64_t e = v->domain->pv->l1[v->id / 16][(v->id % 16) * 32 + page];
	bool mapped = e & PTE_P, none = mfn_eq(held, MFN_NONE);

	if (!none) {
		audit_hold(a, held, 1, FRAME_SEGDESC);
	}
	if (mapped == none || (mapped && !mfn_eq(PTE_MFN(e), held))) {
		audit_wrong(a, "domain %u vCPU %u: descriptor page %u is %#lx, held %#lx",
			    v->domain->id, v->id, page, (unsigned long)e, (unsigned long)held.n);
	}
}

void guest_audit(const struct domain *d, struct audit *a)
{
	const struct pirq_table *pirqs = d->pv->pirqs;

	if (pirqs && pirqs->eoi_map) {
		audit_hold(a, pirqs->eoi_frame, 1, FRAME_WRITABLE);
	}
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		const struct vcpu *v = d->vcpu[i];
		const struct pv_vcpu *p = v->pv;

		audit_base(a, p->kernel_cr3);
		audit_base(a, p->user_cr3);
		for (unsigned int k = 0; k < ARRAY_SIZE(p->gdt_frame); k++) {
			audit_window(a, v, k, p->gdt_frame[k]);
		}
		for (unsigned int k = 0; k < ARRAY_SIZE(p->ldt_frame); k++) {
			audit_window(a, v, 16 + k, p->ldt_frame[k]);
		}
	}
}
