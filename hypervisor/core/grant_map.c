/*
 * Grant mappings: another domain's frame in one's own page tables, under a handle.
 *
 * A handle that is being made or unmade is marked busy, so two vCPUs can't do it twice.  Unmapping goes in
 * batches: first the page-table entries of the whole batch, then one TLB flush, and only then are the
 * granters told (their "in use" bits cleared) and the frames' references dropped: a granter that sees
 * its page free again must be right.
 */
#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/bug.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/grant_table.h"
#include "core/hypercall.h"
#include "core/vcpu.h"
#include "mm/alloc.h"
#include "mm/pool.h"

#define KEPT_FLAGS                                                                        \
	(GNTMAP_device_map | GNTMAP_host_map | GNTMAP_readonly | GNTMAP_application_map | \
	 GNTMAP_contains_pte)
#define PARTS (GNTMAP_device_map | GNTMAP_host_map)

/* --- handles --- */

static struct grant_mapping *mapping_of(const struct grant_table *t, uint32_t handle)
{
	if (handle >= t->maptrack_frames * GRANT_MAPPINGS_PER_PAGE) {
		return NULL;
	}
	return &t->maptrack[handle / GRANT_MAPPINGS_PER_PAGE][handle % GRANT_MAPPINGS_PER_PAGE];
}

/* One more page of free handles, in order.  Under the lock. */
static bool grow_maptrack(struct grant_table *t)
{
	uint32_t first = t->maptrack_frames * GRANT_MAPPINGS_PER_PAGE, i;
	struct grant_mapping *page;

	if (t->maptrack_frames >= t->max_maptrack_frames) {
		return false;
	}
	if (!t->maptrack) {
		t->maptrack = pool_alloc(t->max_maptrack_frames * sizeof(*t->maptrack));
	}
	page = t->maptrack ? alloc_page() : NULL;
	if (!page) {
		return false;
	}
	for (i = 0; i < GRANT_MAPPINGS_PER_PAGE; i++) {
		page[i].ref = first + i + 1;
	}
	page[i - 1].ref = t->maptrack_free;
	t->maptrack[t->maptrack_frames++] = page;
	t->maptrack_free = first;
	return true;
}

bool grant_prepare_handles(struct grant_table *t, unsigned int pages)
{
	bool ok = true;

	spin_lock(&t->lock);
	while (ok && t->maptrack_frames < MIN(pages, t->max_maptrack_frames)) {
		ok = grow_maptrack(t);
	}
	spin_unlock(&t->lock);
	return ok;
}

/* A busy handle, or GRANT_NO_HANDLE. */
static uint32_t take_handle(struct grant_table *t, struct grant_mapping **out)
{
	struct grant_mapping *m = NULL;
	uint32_t handle;

	spin_lock(&t->lock);
	if (t->maptrack_free == GRANT_NO_HANDLE && !grow_maptrack(t)) {
		spin_unlock(&t->lock);
		return GRANT_NO_HANDLE;
	}
	handle = t->maptrack_free;
	m = mapping_of(t, handle);
	t->maptrack_free = m->ref;
	m->flags = GRANT_MAPPING_BUSY;
	t->maps++;
	spin_unlock(&t->lock);
	*out = m;
	return handle;
}

static void drop_handle(struct grant_table *t, uint32_t handle, struct grant_mapping *m)
{
	spin_lock(&t->lock);
	m->granter = NULL;
	m->flags = 0;
	m->ref = t->maptrack_free;
	t->maptrack_free = handle;
	t->maps--;
	spin_unlock(&t->lock);
}

/* A live handle, made busy; NULL if it is not live or someone is at it. */
static struct grant_mapping *claim_handle(struct grant_table *t, uint32_t handle)
{
	struct grant_mapping *m;

	spin_lock(&t->lock);
	m = mapping_of(t, handle);
	if (!m || !m->granter || (m->flags & GRANT_MAPPING_BUSY)) {
		m = NULL;
	} else {
		m->flags |= GRANT_MAPPING_BUSY;
	}
	spin_unlock(&t->lock);
	return m;
}

/* Ends busy: what is stored before is seen by whoever claims it next. */
static void publish(struct grant_mapping *m, uint16_t flags)
{
	__atomic_store_n(&m->flags, flags, __ATOMIC_RELEASE);
}

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

	handle = take_handle(&d->grants, &m);
	if (handle == GRANT_NO_HANDLE) {
		return GNTST_no_space;
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
	publish(m, op->flags & KEPT_FLAGS);
	op->handle = handle;
	op->dev_bus_addr = mfn_to_paddr(frame);
	return GNTST_okay;

out_release:
	grant_release(granter, op->ref, readonly);
out_handle:
	drop_handle(&d->grants, handle, m);
	return (int16_t)rc;
}

long grant_map(gva_t uop, unsigned int count)
{
	struct domain *d = cpu_current()->domain, *granter, *last = NULL;
	struct gnttab_map_grant_ref op;
	unsigned int i;
	long rc = 0;

	for (i = 0; i < count; i++) {
		if (i && i % GRANT_BATCH == 0 && hypercall_preempt()) {
			rc = hypercall_restart(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref,
					       uop + i * sizeof(op), count - i, 0, 0);
			break;
		}
		if (copy_in_at(&op, uop, i)) {
			rc = -XEN_EFAULT;
			break;
		}
		granter = NULL;
		if (!(op.flags & PARTS)) {
			op.status = GNTST_bad_gntref;
		} else if (!(granter = granter_get(op.dom, last))) {
			op.status = GNTST_bad_domain;
		} else {
			op.status = map_one(d, &op, granter);
		}
		/* The handle keeps its own reference; one more carries the granter to the next round. */
		if (granter && granter != last) {
			if (last) {
				domain_put(last);
			}
			last = domain_get_again(granter) ? granter : NULL;
		}
		if (granter && op.status != GNTST_okay) {
			domain_put(granter);
		}
		if (copy_out_at(uop, i, &op)) {
			rc = -XEN_EFAULT;
			break;
		}
	}
	if (last) {
		domain_put(last);
	}
	return rc;
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
		return GNTST_general_error; /* new_addr is of a page, host_addr is not */
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
	struct grant_mapping *m = claim_handle(&d->grants, handle);
	bool device;

	u->m = m;
	u->handle = handle;
	u->done = 0;
	u->status = GNTST_okay;
	if (!m) {
		u->status = GNTST_bad_handle;
		return;
	}
	device = bus_addr && (m->flags & GNTMAP_device_map);
	if (device && bus_addr != mfn_to_paddr(grant_frame_of(m->granter, m->ref))) {
		u->status = GNTST_bad_dev_addr;
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
		publish(m, flags);
		return;
	}
	grant_release(m->granter, m->ref, flags & GNTMAP_readonly);
	domain_put(m->granter);
	drop_handle(&d->grants, u->handle, m);
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

/* Begins up to a batch of GNTTABOP_unmap_grant_ref.  Returns how many; *rc tells of a fault. */
static unsigned int unmap_batch(struct domain *d, gva_t uop, unsigned int n, struct unmap *u,
				long *rc)
{
	struct gnttab_unmap_grant_ref op;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (copy_in_at(&op, uop, i)) {
			*rc = -XEN_EFAULT;
			return i;
		}
		unmap_begin(d, &u[i], op.handle, op.host_addr, op.dev_bus_addr, 0);
		if (copy_out(uop + i * sizeof(op) + offsetof(struct gnttab_unmap_grant_ref, status),
			     &u[i].status)) {
			*rc = -XEN_EFAULT;
			return i + 1;
		}
	}
	return n;
}

static unsigned int replace_batch(struct domain *d, gva_t uop, unsigned int n, struct unmap *u,
				  long *rc)
{
	struct gnttab_unmap_and_replace op;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (copy_in_at(&op, uop, i)) {
			*rc = -XEN_EFAULT;
			return i;
		}
		unmap_begin(d, &u[i], op.handle, op.host_addr, 0, op.new_addr);
		if (copy_out(uop + i * sizeof(op) +
				     offsetof(struct gnttab_unmap_and_replace, status),
			     &u[i].status)) {
			*rc = -XEN_EFAULT;
			return i + 1;
		}
	}
	return n;
}

static long unmap_all(unsigned int cmd, gva_t uop, unsigned int count, size_t size,
		      unsigned int (*batch)(struct domain *, gva_t, unsigned int, struct unmap *,
					    long *))
{
	struct domain *d = cpu_current()->domain;
	struct unmap u[GRANT_BATCH];
	long rc = 0;

	while (count) {
		unsigned int n = MIN(count, GRANT_BATCH);

		unmap_finish_all(d, u, batch(d, uop, n, u, &rc));
		if (rc) {
			return rc;
		}
		uop += n * size;
		count -= n;
		if (count && hypercall_preempt()) {
			return hypercall_restart(__HYPERVISOR_grant_table_op, cmd, uop, count, 0,
						 0);
		}
	}
	return 0;
}

long grant_unmap(gva_t uop, unsigned int count)
{
	return unmap_all(GNTTABOP_unmap_grant_ref, uop, count,
			 sizeof(struct gnttab_unmap_grant_ref), unmap_batch);
}

long grant_unmap_and_replace(gva_t uop, unsigned int count)
{
	return unmap_all(GNTTABOP_unmap_and_replace, uop, count,
			 sizeof(struct gnttab_unmap_and_replace), replace_batch);
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
		struct grant_mapping *m = mapping_of(t, handle);

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
		drop_handle(t, handle, m);
	}
	return 0;
}
