/*
 * GNTTABOP_copy: the hypervisor moves bytes between two pages, each named by a grant or by a frame
 * of the caller's own.  Network traffic goes this way, so an end that is the same as in the
 * operation before is kept, pinned and looked up once, until a different one comes or the call ends.
 */
#include <xen/errno.h>

#include "arch/cpu.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/grant_table.h"
#include "core/hypercall.h"
#include "core/vcpu.h"
#include "lib/string.h"
#include "mm/frame.h"

struct copy_end {
	struct domain *granter; /* referenced; NULL if the end is a frame of the caller */
	bool live, by_ref, write;
	domid_t domid;
	uint64_t name; /* the reference or the frame number */
	mfn_t frame;
	uint8_t *page;
};

static void end_release(struct copy_end *e)
{
	if (!e->live) {
		return;
	}
	if (e->granter) {
		grant_release(e->granter, (uint32_t)e->name, !e->write);
		domain_put(e->granter);
	} else if (e->write) {
		frame_put_type(e->frame);
	} else {
		frame_put(e->frame);
	}
	e->live = false;
	e->granter = NULL;
}

static int pin_own_frame(struct copy_end *e, const struct domain *d)
{
	e->frame = mfn(e->name);
	if (e->write) {
		return frame_get_type(e->frame, FRAME_WRITABLE, d) ? GNTST_general_error
								   : GNTST_okay;
	}
	return frame_get(e->frame, d) ? GNTST_okay : GNTST_general_error;
}

static int pin_granted_frame(struct copy_end *e, const struct domain *d)
{
	int rc;

	e->granter = domain_get(e->domid);
	if (!e->granter) {
		return GNTST_bad_domain;
	}
	rc = grant_acquire(e->granter, (uint32_t)e->name, d, !e->write, &e->frame);
	if (rc != GNTST_okay) {
		domain_put(e->granter);
		e->granter = NULL;
	}
	return rc;
}

/* Has the page of one end pinned, unless it still is. GNTST_*. */
static int end_acquire(struct copy_end *e, const struct domain *d, const struct gnttab_copy_ptr *p,
		       bool by_ref)
{
	uint64_t name = by_ref ? p->u.ref : p->u.gmfn;
	int rc;

	if (likely(e->live && e->name == name && e->by_ref == by_ref && e->domid == p->domid)) {
		return GNTST_okay;
	}
	end_release(e);
	if (!by_ref && p->domid != DOMID_SELF) {
		return GNTST_permission_denied;
	}
	e->by_ref = by_ref;
	e->domid = p->domid;
	e->name = name;
	rc = by_ref ? pin_granted_frame(e, d) : pin_own_frame(e, d);
	if (rc == GNTST_okay) {
		e->page = frame_to_virt(e->frame);
		e->live = true;
	}
	return rc;
}

static int16_t copy_one(const struct domain *d, const struct gnttab_copy *op, struct copy_end *src,
			struct copy_end *dst)
{
	int rc;

	if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE) {
		return GNTST_bad_copy_arg;
	}
	rc = end_acquire(src, d, &op->source, op->flags & GNTCOPY_source_gref);
	if (rc != GNTST_okay) {
		return (int16_t)rc;
	}
	rc = end_acquire(dst, d, &op->dest, op->flags & GNTCOPY_dest_gref);
	if (rc != GNTST_okay) {
		return (int16_t)rc;
	}
	if (unlikely(src->page == dst->page)) {
		memmove(dst->page + op->dest.offset, src->page + op->source.offset, op->len);
	} else {
		memcpy(dst->page + op->dest.offset, src->page + op->source.offset, op->len);
	}
	return GNTST_okay;
}

long grant_copy(gva_t uop, unsigned int count)
{
	const struct domain *d = cpu_current()->domain;
	struct copy_end src = { .write = false }, dst = { .write = true };
	struct gnttab_copy op;
	unsigned int i;
	long rc = 0;

	for (i = 0; i < count; i++) {
		if (i && i % GRANT_BATCH == 0) {
			/* While pending work is let in, nothing is kept pinned. */
			end_release(&src);
			end_release(&dst);
			if (hypercall_preempt()) {
				rc = hypercall_restart(__HYPERVISOR_grant_table_op, GNTTABOP_copy,
						       uop + i * sizeof(op), count - i, 0, 0);
				break;
			}
		}
		if (copy_in_at(&op, uop, i)) {
			rc = -XEN_EFAULT;
			break;
		}
		op.status = copy_one(d, &op, &src, &dst);
		if (copy_out(uop + i * sizeof(op) + offsetof(struct gnttab_copy, status),
			     &op.status)) {
			rc = -XEN_EFAULT;
			break;
		}
	}
	end_release(&src);
	end_release(&dst);
	return rc;
}
