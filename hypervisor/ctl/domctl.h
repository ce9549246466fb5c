/* What the parts of the domain-control hypercall share. */
#ifndef PAVANE_CTL_DOMCTL_H
#define PAVANE_CTL_DOMCTL_H

#include <stdint.h>

#include <xen/xen.h>
#include <xen/domctl.h>

#include "lib/types.h"

struct domain;
struct vcpu;

/* One operation: d is referenced and the caller controls it. op is our copy of the arguments. */
typedef long (*domctl_fn)(struct domain *d, struct xen_domctl *op);

/* domctl.c */
struct vcpu *domctl_vcpu(const struct domain *d, uint32_t id); /* NULL if there is none */
void domctl_fill_info(struct domain *d, struct xen_domctl_getdomaininfo *info);
/* The first bits of a mask into a tool's bitmap, and back. 0 or -EFAULT. */
int domctl_mask_out(const struct xenctl_bitmap *to, uint64_t mask);
int domctl_mask_in(uint64_t *mask, const struct xenctl_bitmap *from);

/* domctl_pv.c: what concerns registers, tables and frames of a paravirtual guest */
long domctl_set_context(struct domain *d, struct xen_domctl *op);
long domctl_get_context(struct domain *d, struct xen_domctl *op);
long domctl_hypercall_init(struct domain *d, struct xen_domctl *op);
long domctl_set_address_size(struct domain *d, struct xen_domctl *op);
long domctl_get_address_size(struct domain *d, struct xen_domctl *op);
long domctl_page_info(struct domain *d, struct xen_domctl *op);
long domctl_get_tsc(struct domain *d, struct xen_domctl *op);
long domctl_set_tsc(struct domain *d, struct xen_domctl *op);
long domctl_shadow_op(struct domain *d, struct xen_domctl *op);
long domctl_get_msrs(struct domain *d, struct xen_domctl *op);
long domctl_set_msrs(struct domain *d, struct xen_domctl *op);

/* The one scheduling policy the ABI knows that ours resembles. */
#define CTL_SCHEDULER XEN_SCHEDULER_CREDIT

#endif
