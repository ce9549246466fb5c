/*
 * The page tables that a vCPU runs on: one L4 for its guest's kernel and one for that kernel's
 * processes, each held by a reference of its type for as long as it is a base.
 */
#include <xen/errno.h>

#include "arch/cpu.h"
#include "base/refuse.h"
#include "mm/pagetype.h"
#include "pv/guest.h"
#include "x86/tlb.h"

void guest_load_cr3(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;

	tlb_load_cr3(p->kernel_mode ? p->kernel_cr3 : p->user_cr3);
}

void guest_drop_base(struct domain *d, uint64_t *cr3)
{
	if (*cr3) {
		uint64_t old = *cr3;

		*cr3 = 0;
		pagetype_put(d, paddr_to_mfn(old));
	}
}

/* In use as something else is no other answer than being none. */
static int get_top_table(struct domain *d, mfn_t l4)
{
	int rc = pagetype_get(d, l4, FRAME_L4);

	return rc && rc != -XEN_ERESTART ? refuse_as(-XEN_EINVAL) : rc;
}

int guest_set_base(struct vcpu *v, mfn_t l4, bool user)
{
	struct domain *d = v->domain;
	struct pv_vcpu *p = v->pv;
	uint64_t *cr3 = user ? &p->user_cr3 : &p->kernel_cr3, old;
	int rc = 0;

	if (!l4.n && !user) {
		return refuse(-XEN_EINVAL, REASON_NO_BASE); /* a guest kernel always has tables */
	}
	spin_lock(&d->pages.pt_lock);
	if (d->pages.dying) {
		rc = refuse(-XEN_EINVAL,
			    REASON_DOMAIN_DYING); /* guest_relinquish() may have been here already */
	} else if (!pagetype_settled(d) && !pagetype_settle(d)) {
		rc = -XEN_ERESTART;
	} else if (l4.n) {
		rc = get_top_table(d, l4);
	}
	if (rc == 0) {
		old = *cr3;
		*cr3 = mfn_to_paddr(l4);
		if (v == cpu_current() && (l4.n || !user)) {
			guest_load_cr3(v);
		}
		if (old) {
			pagetype_put(d, paddr_to_mfn(old));
		}
	}
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

int guest_hold_bases(struct domain *d, uint64_t kernel, uint64_t user)
{
	int rc;

	spin_lock(&d->pages.pt_lock);
	if (d->pages.dying) {
		rc = refuse(-XEN_EINVAL, REASON_DOMAIN_DYING);
	} else if (!pagetype_settled(d) && !pagetype_settle(d)) {
		rc = -XEN_ERESTART;
	} else {
		rc = get_top_table(d, paddr_to_mfn(kernel));
	}
	if (rc == 0 && user) {
		rc = get_top_table(d, paddr_to_mfn(user));
		if (rc) {
			pagetype_put(d, paddr_to_mfn(kernel));
		}
	}
	spin_unlock(&d->pages.pt_lock);
	return rc;
}
