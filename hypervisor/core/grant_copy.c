/*
 * GNTTABOP_copy: the hypervisor moves bytes between two pages, each named by a grant or by a frame
 * of the caller's own.  Network traffic goes this way, so what two operations in a row have in
 * common is looked up once: an end that is the same is kept pinned, another grant of the same domain
 * is exchanged for the one before, and the operations come in and go out many at a time.
 */
#include <xen/errno.h>

#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/grant_entry.h"
#include "core/vcpu.h"
#include "lib/string.h"
#include "mm/frame.h"

struct copy_end {
	struct domain *granter; /* referenced; NULL if the last end was a frame of the caller */
	bool live, by_ref, write;
	domid_t domid;
	uint64_t name;		  /* the reference or the frame number */
	struct grant_bytes bytes; /* of a frame of the caller's own: only which */
	uint8_t *page;
};

static void end_init(struct copy_end *e, bool write)
{
	e->granter = NULL;
	e->live = false;
	e->write = write;
}

static void end_unpin(struct copy_end *e)
{
	if (!e->live) {
		return;
	}
	e->live = false;
	if (e->by_ref) {
		grant_release_bytes(e->granter, (uint32_t)e->name, !e->write, &e->bytes);
	} else if (e->write) {
		frame_put_type(e->bytes.frame);
	} else {
		frame_put(e->bytes.frame);
	}
}

static void end_release(struct copy_end *e)
{
	end_unpin(e);
	if (e->granter) {
		domain_put(e->granter);
		e->granter = NULL;
	}
}

static int pin_own_frame(struct copy_end *e, const struct domain *d, uint64_t name)
{
	end_release(e);
	e->bytes.frame = mfn(name);
	e->bytes.kind = GRANT_WHOLE;
	if (e->write) {
		return frame_get_type(mfn(name), FRAME_WRITABLE, d) ? refuse_as(GNTST_general_error)
								    : GNTST_okay;
	}
	return frame_get(mfn(name), d)
		       ? GNTST_okay
		       : refuse_at(GNTST_general_error, REASON_FRAME_NOT_OWNED, name);
}

static int pin_granted_frame(struct copy_end *e, const struct domain *d, domid_t domid,
			     uint32_t ref)
{
	if (e->granter && e->domid == domid) {
		if (e->live) {
			return grant_exchange_bytes(e->granter, (uint32_t)e->name, ref, d,
						    !e->write, &e->bytes);
		}
	} else {
		end_release(e);
		e->granter = domain_get(domid);
		if (!e->granter) {
			return refuse_at(GNTST_bad_domain, REASON_NO_SUCH_DOMAIN, domid);
		}
	}
	return grant_acquire_bytes(e->granter, ref, d, !e->write, &e->bytes);
}

/* Has the page of one end pinned, unless it still is. GNTST_*. */
static int end_acquire(struct copy_end *e, const struct domain *d, const struct gnttab_copy_ptr *p,
		       bool by_ref)
{
	uint64_t name = by_ref ? p->u.ref : p->u.gmfn;
	int rc;

	if (e->live && e->name == name && e->by_ref == by_ref && e->domid == p->domid) {
		return GNTST_okay;
	}
	if (!by_ref && p->domid != DOMID_SELF) {
		return refuse_at(GNTST_permission_denied, REASON_NOT_CONTROLLED, p->domid);
	}
	rc = by_ref ? pin_granted_frame(e, d, p->domid, (uint32_t)name) : pin_own_frame(e, d, name);
	e->live = rc == GNTST_okay;
	e->by_ref = by_ref;
	e->domid = p->domid;
	e->name = name;
	e->page = e->live ? frame_to_virt(e->bytes.frame) : NULL;
	return rc;
}

/* Are these bytes of the page the caller's to have? */
static inline bool within(const struct copy_end *e, unsigned int offset, unsigned int len)
{
	return likely(e->bytes.kind == GRANT_WHOLE) ||
	       (offset >= e->bytes.first && offset + len <= e->bytes.end);
}

static int16_t copy_one(const struct domain *d, const struct gnttab_copy *op, struct copy_end *src,
			struct copy_end *dst)
{
	int rc;

	if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE) {
		return (int16_t)refuse_at(GNTST_bad_copy_arg, REASON_BAD_COPY_AREA,
					  (uint64_t)op->len << 32 |
						  MAX(op->source.offset, op->dest.offset));
	}
	rc = end_acquire(src, d, &op->source, op->flags & GNTCOPY_source_gref);
	if (rc != GNTST_okay) {
		return (int16_t)rc;
	}
	rc = end_acquire(dst, d, &op->dest, op->flags & GNTCOPY_dest_gref);
	if (rc != GNTST_okay) {
		return (int16_t)rc;
	}
	if (!within(src, op->source.offset, op->len) || !within(dst, op->dest.offset, op->len)) {
		return (int16_t)refuse_at(GNTST_general_error, REASON_BAD_COPY_AREA,
					  (uint64_t)op->len << 32 |
						  MAX(op->source.offset, op->dest.offset));
	}
	if (unlikely(src->page == dst->page)) {
		memmove(dst->page + op->dest.offset, src->page + op->source.offset, op->len);
	} else {
		memcpy(dst->page + op->dest.offset, src->page + op->source.offset, op->len);
	}
	return GNTST_okay;
}

/* The next operations, as many as can be had, at most n. */
static unsigned int ops_in(struct gnttab_copy *ops, gva_t uop, unsigned int n)
{
	if (!cpu_copy_from_guest(ops, uop, n * sizeof(*ops))) {
		return n;
	}
	return copy_in(ops, uop) ? 0 : 1; /* the array runs into a hole: up to there, one by one */
}

static long copy_some(gva_t uop, unsigned int count, unsigned int *done)
{
	const struct domain *d = cpu_current()->domain;
	struct copy_end src, dst;
	struct gnttab_copy ops[GRANT_BATCH];
	unsigned int i, n = ops_in(ops, uop, count);

	end_init(&src, false);
	end_init(&dst, true);
	for (i = 0; i < n; i++) {
		ops[i].status = copy_one(d, &ops[i], &src, &dst);
	}
	end_release(&src);
	end_release(&dst);
	*done = n;
	return !n || copy_bytes_out(uop, ops, n * sizeof(*ops)) ? -XEN_EFAULT : 0;
}

long grant_copy(gva_t uop, unsigned int count)
{
	return grant_each_batch(GNTTABOP_copy, uop, count, sizeof(struct gnttab_copy), copy_some);
}
