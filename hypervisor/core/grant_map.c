/*
 * Grant mappings: another domain's frame in one's own page tables, under a handle.
 *
 * Unmapping goes in batches: first the page-table entries of the whole batch, then one TLB flush, and only
 * then are the granters told (their "in use" bits cleared) and the frames' references dropped: a granter that
 * sees its page free again must be right.
 */
#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/bug.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/grant_entry.h"
#include "core/grant_handle.h"
#include "core/vcpu.h"

#define KEPT_FLAGS                                                                        \
	(GNTMAP_device_map | GNTMAP_host_map | GNTMAP_readonly | GNTMAP_application_map | \
	 GNTMAP_contains_pte)
#define PARTS (GNTMAP_device_map | GNTMAP_host_map)

/* --- map --- */

/* The granter named by an operation, referenced.  A run of operations names the same one: no lookup then. */
static struct domain *granter_get(domid_t id, struct domain *last)
{
	struct domain *d;

	if (last && last->id == id && domain_get_again(last)) {
		return last;
	}
	d = domain_get(id);
	if (d && d->dying) {
		domain_put(d);
		d = NULL;
	}
	return d;
}

static int16_t map_one(struct domain *d, struct gnttab_map_grant_ref *op, struct domain *granter)
{
	bool readonly = op->flags & GNTMAP_readonly;
	struct grant_mapping *m;
	uint32_t handle;
	mfn_t frame;
	int rc;

	handle = grant_handle_take(&d->grants, &m);
	if (handle == GRANT_NO_HANDLE) {
		return (int16_t)refuse(GNTST_no_space, REASON_GRANT_TABLE_FULL);
	}
	rc = grant_acquire(granter, op->ref, d, readonly, &frame);
	if (rc != GNTST_okay) {
		goto out_handle;
	}
	if (op->flags & GNTMAP_host_map) {
		rc = guest_grant_map_pte(d, op->host_addr, op->flags, frame, readonly);
		if (rc != GNTST_okay) {
			goto out_release;
		}
	}
	m->granter = granter;
	m->ref = op->ref;
	grant_handle_publish(m, op->flags & KEPT_FLAGS);
	op->handle = handle;
	op->dev_bus_addr = mfn_to_paddr(frame);
	return GNTST_okay;

out_release:
	grant_release(granter, op->ref, readonly);
out_handle:
	grant_handle_drop(&d->grants, handle, m);
	return (int16_t)rc;
}

/* One operation, of which only the status is missing.  *last: the granter of the one before, referenced, or NULL. */
static int16_t map_next(struct domain *d, struct gnttab_map_grant_ref *op, struct domain **last)
{
	struct domain *granter;
	int16_t status;

	if (!(op->flags & PARTS)) {
		return (int16_t)refuse_at(GNTST_bad_gntref, REASON_BAD_FLAGS, op->flags);
	}
	granter = granter_get(op->dom, *last);
	if (!granter) {
		return (int16_t)refuse_at(GNTST_bad_domain, REASON_NO_SUCH_DOMAIN, op->dom);
	}
	status = map_one(d, op, granter);
	/* The handle keeps its own reference; one more carries the granter to the next round. */
	if (granter != *last) {
		if (*last) {
			domain_put(*last);
		}
		*last = domain_get_again(granter) ? granter : NULL;
	}
	if (status != GNTST_okay) {
		domain_put(granter);
	}
	return status;
}

static long map_some(gva_t uop, unsigned int n, unsigned int *done)
{
	struct domain *d = cpu_current()->domain, *last = NULL;
	struct gnttab_map_grant_ref op;
	long rc = 0;

	for (; !rc && *done < n; ++*done) {
		if (copy_in_at(&op, uop, *done)) {
			rc = -XEN_EFAULT;
			break;
		}
		op.status = map_next(d, &op, &last);
		rc = copy_out_at(uop, *done, &op) ? -XEN_EFAULT : 0;
	}
	if (last) {
		domain_put(last);
	}
	return rc;
}

long grant_map(gva_t uop, unsigned int count)
{
	return grant_each_batch(GNTTABOP_map_grant_ref, uop, count,
				sizeof(struct gnttab_map_grant_ref), map_some);
}

/* --- unmap --- */

struct unmap { /* one operation of a batch, between its two halves */
	struct grant_mapping *m;
	uint32_t handle;
	uint16_t done; /* parts taken down */
	int16_t status;
};

/* The page-table entry goes, or becomes the one that maps new_addr. GNTST_*. */
static int take_down(struct domain *d, const struct grant_mapping *m, uint64_t host_addr,
		     uint64_t new_addr)
{
	mfn_t frame = grant_frame_of(m->granter, m->ref);
	bool readonly = m->flags & GNTMAP_readonly;

	if (!new_addr) {
		return guest_grant_unmap_pte(d, host_addr, m->flags & KEPT_FLAGS, frame, readonly);
	}
	if (m->flags & GNTMAP_contains_pte) {
		return refuse_at(GNTST_general_error, REASON_GRANT_MAP_PLACE,
				 host_addr); /* new_addr is of a page, host_addr is not */
	}
	return guest_grant_replace_pte(d, host_addr, new_addr, frame, readonly);
}

/*
 * First half: the page-table entry goes (new_addr: is replaced), the handle stays busy.  What can be refused comes
 * before the first part is taken down.
 */
static void unmap_begin(struct domain *d, struct unmap *u, uint32_t handle, uint64_t host_addr,
			uint64_t bus_addr, uint64_t new_addr)
{
	struct grant_mapping *m = grant_handle_claim(&d->grants, handle);
	bool device;

	u->m = m;
	u->handle = handle;
	u->done = 0;
	u->status = GNTST_okay;
	if (!m) {
		u->status = (int16_t)refuse_at(GNTST_bad_handle, REASON_BAD_HANDLE, handle);
		return;
	}
	device = bus_addr && (m->flags & GNTMAP_device_map);
	if (device && bus_addr != mfn_to_paddr(grant_frame_of(m->granter, m->ref))) {
		u->status = (int16_t)refuse_at(GNTST_bad_dev_addr, REASON_GRANT_MAP_PLACE,
					       bus_addr);
		return;
	}
	if (host_addr && (m->flags & GNTMAP_host_map)) {
		u->status = (int16_t)take_down(d, m, host_addr, new_addr);
		if (u->status != GNTST_okay) {
			return;
		}
		u->done |= GNTMAP_host_map;
	}
	if (device) {
		u->done |= GNTMAP_device_map;
	}
}

/* Second half, after the TLB flush: with its last part the mapping ends. */
static void unmap_finish(struct domain *d, struct unmap *u)
{
	struct grant_mapping *m = u->m;
	uint16_t flags;

	if (!m) {
		return;
	}
	flags = m->flags & KEPT_FLAGS & ~u->done;
	if (flags & PARTS) {
		grant_handle_publish(m, flags);
		return;
	}
	grant_release(m->granter, m->ref, flags & GNTMAP_readonly);
	domain_put(m->granter);
	grant_handle_drop(&d->grants, u->handle, m);
}

static void unmap_finish_all(struct domain *d, struct unmap *u, unsigned int n)
{
	unsigned int i;
	bool flush = false;

	for (i = 0; i < n; i++) {
		flush |= (u[i].done & GNTMAP_host_map) != 0;
	}
	if (flush) {
		guest_tlb_flush(d);
	}
	for (i = 0; i < n; i++) {
		unmap_finish(d, &u[i]);
	}
}

/* Both operations are one structure; they differ in what its second address means. */
_Static_assert(sizeof(struct gnttab_unmap_and_replace) == sizeof(struct gnttab_unmap_grant_ref) &&
		       offsetof(struct gnttab_unmap_and_replace, host_addr) ==
			       offsetof(struct gnttab_unmap_grant_ref, host_addr) &&
		       offsetof(struct gnttab_unmap_and_replace, new_addr) ==
			       offsetof(struct gnttab_unmap_grant_ref, dev_bus_addr) &&
		       offsetof(struct gnttab_unmap_and_replace, handle) ==
			       offsetof(struct gnttab_unmap_grant_ref, handle) &&
		       offsetof(struct gnttab_unmap_and_replace, status) ==
			       offsetof(struct gnttab_unmap_grant_ref, status),
	       "<xen/grant_table.h>: unmap_grant_ref and unmap_and_replace");

static long end_some(gva_t uop, unsigned int n, unsigned int *done, bool replace)
{
	struct domain *d = cpu_current()->domain;
	struct gnttab_unmap_grant_ref op;
	struct unmap u[GRANT_BATCH];
	long rc = 0;

	for (; !rc && *done < n; ++*done) {
		if (copy_in_at(&op, uop, *done)) {
			rc = -XEN_EFAULT;
			break;
		}
		unmap_begin(d, &u[*done], op.handle, op.host_addr, replace ? 0 : op.dev_bus_addr,
			    replace ? op.dev_bus_addr : 0);
		rc = copy_out(uop + *done * sizeof(op) + offsetof(typeof(op), status),
			      &u[*done].status)
			     ? -XEN_EFAULT
			     : 0;
	}
	unmap_finish_all(d, u, *done);
	return rc;
}

static long unmap_some(gva_t uop, unsigned int n, unsigned int *done)
{
	return end_some(uop, n, done, false);
}

static long replace_some(gva_t uop, unsigned int n, unsigned int *done)
{
	return end_some(uop, n, done, true);
}

long grant_unmap(gva_t uop, unsigned int count)
{
	return grant_each_batch(GNTTABOP_unmap_grant_ref, uop, count,
				sizeof(struct gnttab_unmap_grant_ref), unmap_some);
}

long grant_unmap_and_replace(gva_t uop, unsigned int count)
{
	return grant_each_batch(GNTTABOP_unmap_and_replace, uop, count,
				sizeof(struct gnttab_unmap_and_replace), replace_some);
}

/* --- end of a domain --- */

int grant_table_release_mappings(struct domain *d)
{
	struct grant_table *t = &d->grants;
	uint32_t start = t->release_next;

	/* Its page tables are going or gone; no translation through them may outlive the references. */
	if (t->maps) {
		guest_tlb_flush(d);
	}
	while (t->maps) {
		uint32_t handle = t->release_next;
		struct grant_mapping *m = grant_handle_find(t, handle);

		/* Whichever handles are live: the guest chose them. */
		if (handle != start && handle % GRANT_BATCH == 0 && hypercall_preempt()) {
			return -XEN_ERESTART;
		}
		BUG_ON(!m);
		t->release_next++;
		if (!m->granter) {
			continue;
		}
		grant_release(m->granter, m->ref, m->flags & GNTMAP_readonly);
		domain_put(m->granter);
		grant_handle_drop(t, handle, m);
	}
	return 0;
}
