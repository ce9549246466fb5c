/*
 * Grant tables: the granter's side, and the way in.
 *
 * A grant entry lives in a page that its owner can write at any moment, also while we look at it.  So an
 * entry is read and marked with one compare-and-swap of flags and domid together, tried a few times;
 * the frame number is read once, after the mark, and from then on only our own copy counts.  An owner
 * who plays with a live entry gets what its last consistent state said, and harms nobody but itself.
 * Mapping is in grant_map.c, copying in grant_copy.c.
 */
#include "core/grant_table.h"

#include <xen/errno.h>
#include <xen/memory.h>

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/log.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "core/vcpu.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/pool.h"

#define MARK_TRIES	       5
#define CONTROL_MAPTRACK_PAGES 16 /* 4096 handles */
#define GROW_AT_ONCE	       8u /* frames, two pages each to be cleared */

static grant_entry_v1_t *shared_entry(const struct grant_table *t, uint32_t ref)
{
	return &t->shared[ref / GRANTS_PER_PAGE][ref % GRANTS_PER_PAGE];
}

static struct grant_active *active_entry(const struct grant_table *t, uint32_t ref)
{
	return &t->active[ref / GRANTS_PER_PAGE][ref % GRANTS_PER_PAGE];
}

/*
 * Checks flags and domid of a shared entry and sets the "in use" bits in one atomic step.
 * A full-page permit to the borrower is all we serve: no transfers, no transitive or sub-page grants.
 */
static int mark_entry(grant_entry_v1_t *e, domid_t borrower, bool readonly)
{
	uint32_t *word = (uint32_t *)(void *)e;
	uint32_t old = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	unsigned int tries;

	for (tries = 0; tries < MARK_TRIES; tries++) {
		uint16_t flags = (uint16_t)old;
		uint32_t new = old | GTF_reading | (readonly ? 0 : GTF_writing);

		if ((flags & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access ||
		    old >> 16 != borrower || (!readonly && (flags & GTF_readonly))) {
			return GNTST_general_error;
		}
		if (new == old || __atomic_compare_exchange_n(word, &old, new, false,
							      __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
			return GNTST_okay;
		}
	}
	return GNTST_general_error; /* the owner keeps changing it */
}

/* Takes the "in use" bits back as far as the counts say so. */
static void unmark_entry(grant_entry_v1_t *e, const struct grant_active *a)
{
	uint16_t clear = (a->writers ? 0 : GTF_writing) |
			 (a->writers || a->readers ? 0 : GTF_reading);

	if (clear) {
		__atomic_fetch_and(&e->flags, (uint16_t)~clear, __ATOMIC_SEQ_CST);
	}
}

static int take_frame(const struct domain *granter, mfn_t m, bool readonly)
{
	if (readonly) {
		return frame_get(m, granter) ? GNTST_okay : GNTST_bad_page;
	}
	switch (frame_get_type(m, FRAME_WRITABLE, granter)) {
	case 0:
		return GNTST_okay;
	case -XEN_EBUSY:
		return GNTST_general_error; /* it is a page table just now */
	default:
		return GNTST_bad_page;
	}
}

static void drop_frame(mfn_t m, bool readonly)
{
	if (readonly) {
		frame_put(m);
	} else {
		frame_put_type(m);
	}
}

/* Puts an entry to use: marked, counted, its frame held.  Under the lock. GNTST_*. */
static int take_up(struct domain *granter, uint32_t ref, const struct domain *borrower,
		   bool readonly, mfn_t *frame)
{
	struct grant_table *t = &granter->grants;
	struct grant_active *a;
	grant_entry_v1_t *e;
	int rc;

	if (ref >= t->frames * GRANTS_PER_PAGE) {
		return GNTST_bad_gntref;
	}
	e = shared_entry(t, ref);
	a = active_entry(t, ref);
	rc = mark_entry(e, borrower->id, readonly);
	if (rc != GNTST_okay) {
		return rc;
	}
	if (!a->readers && !a->writers) {
		a->frame = __atomic_load_n(&e->frame, __ATOMIC_RELAXED);
	}
	if ((readonly ? a->readers : a->writers) == UINT16_MAX) {
		rc = GNTST_no_space;
	} else {
		rc = take_frame(granter, mfn(a->frame), readonly);
	}
	if (rc != GNTST_okay) {
		unmark_entry(e, a);
		return rc;
	}
	if (readonly) {
		a->readers++;
	} else {
		a->writers++;
	}
	*frame = mfn(a->frame);
	return GNTST_okay;
}

/*
 * Under the lock.  The frame returned is the caller's to drop, without it: the last reference
 * frees the frame and may end a dying domain.
 */
static mfn_t let_go(const struct grant_table *t, uint32_t ref, bool readonly)
{
	struct grant_active *a = active_entry(t, ref);

	if (readonly) {
		ASSERT(a->readers);
		a->readers--;
	} else {
		ASSERT(a->writers);
		a->writers--;
	}
	unmark_entry(shared_entry(t, ref), a);
	return mfn(a->frame);
}

int grant_acquire(struct domain *granter, uint32_t ref, const struct domain *borrower,
		  bool readonly, mfn_t *frame)
{
	int rc;

	spin_lock(&granter->grants.lock);
	rc = take_up(granter, ref, borrower, readonly, frame);
	spin_unlock(&granter->grants.lock);
	return rc;
}

void grant_release(struct domain *granter, uint32_t ref, bool readonly)
{
	mfn_t m;

	spin_lock(&granter->grants.lock);
	m = let_go(&granter->grants, ref, readonly);
	spin_unlock(&granter->grants.lock);
	drop_frame(m, readonly);
}

int grant_exchange(struct domain *granter, uint32_t old, uint32_t ref,
		   const struct domain *borrower, bool readonly, mfn_t *frame)
{
	mfn_t m;
	int rc;

	spin_lock(&granter->grants.lock);
	m = let_go(&granter->grants, old, readonly);
	rc = take_up(granter, ref, borrower, readonly, frame);
	spin_unlock(&granter->grants.lock);
	drop_frame(m, readonly);
	return rc;
}

mfn_t grant_frame_of(const struct domain *granter, uint32_t ref)
{
	return mfn(active_entry(&granter->grants, ref)->frame);
}

/* --- the table's size --- */

/* Adds one frame.  Under the lock.  0 or -ENOMEM. */
static int grow_one(struct grant_table *t)
{
	grant_entry_v1_t *s = alloc_page();
	struct grant_active *a = alloc_page();

	if (!s || !a) {
		if (s) {
			free_page(s);
		}
		if (a) {
			free_page(a);
		}
		return -XEN_ENOMEM;
	}
	frame_share(virt_to_frame(s), t->owner);
	t->shared[t->frames] = s;
	t->active[t->frames] = a;
	t->frames++;
	return 0;
}

/* At least 'frames' frames. 0, -EINVAL past the limit, -ENOMEM; -ERESTART: it has grown, but others want their turn. */
static int grow_to(struct grant_table *t, unsigned int frames)
{
	int rc = 0;

	if (frames > t->max_frames) {
		return -XEN_EINVAL;
	}
	while (!rc && t->frames < frames) {
		unsigned int end;

		spin_lock(&t->lock);
		end = MIN(t->frames + GROW_AT_ONCE, frames);
		while (!rc && t->frames < end) {
			rc = grow_one(t);
		}
		spin_unlock(&t->lock);
		if (!rc && t->frames < frames && hypercall_preempt()) {
			return -XEN_ERESTART;
		}
	}
	return rc;
}

int grant_table_frame(struct domain *d, unsigned int idx, mfn_t *m)
{
	int rc = idx >= d->grants.max_frames ? -XEN_EINVAL : grow_to(&d->grants, idx + 1);

	if (!rc) {
		*m = virt_to_frame(d->grants.shared[idx]);
	}
	return rc;
}

int grant_table_init(struct grant_table *t, struct domain *owner, unsigned int max_frames,
		     unsigned int max_maptrack_frames)
{
	spin_init(&t->lock, LOCK_GRANT);
	t->owner = owner;
	t->max_frames = MAX(max_frames, 1u);
	t->max_maptrack_frames = max_maptrack_frames;
	t->maptrack_free = GRANT_NO_HANDLE;
	t->shared = pool_alloc(t->max_frames * sizeof(*t->shared));
	t->active = pool_alloc(t->max_frames * sizeof(*t->active));
	if (!t->shared || !t->active) {
		return -XEN_ENOMEM; /* grant_table_free takes what there is */
	}
	/* The control domain will map: it gets its first handles now, so that later counts of free memory compare. */
	if (owner->privileged && !grant_prepare_handles(t, CONTROL_MAPTRACK_PAGES)) {
		return -XEN_ENOMEM;
	}
	return grow_to(t, 1);
}

bool grant_table_shrink(struct grant_table *t)
{
	ASSERT(t->maps == 0);
	for (unsigned int i = 0; i < GRANT_BATCH; i++) {
		if (t->frames) {
			t->frames--;
			frame_unshare(virt_to_frame(t->shared[t->frames]));
			free_page(t->active[t->frames]);
		} else if (t->maptrack_frames) {
			free_page(t->maptrack[--t->maptrack_frames]);
		} else {
			return true;
		}
	}
	return false;
}

void grant_table_free(struct grant_table *t)
{
	while (!grant_table_shrink(t)) {
	}
	pool_free(t->shared);
	pool_free(t->active);
	pool_free(t->maptrack);
	t->shared = NULL;
	t->active = NULL;
	t->maptrack = NULL;
}

/* --- small operations: one structure each --- */

/* The domain named, referenced, if the caller may ask about it; else NULL and why. */
static struct domain *named_domain(domid_t id, int16_t *why)
{
	struct domain *self = cpu_current()->domain, *d = domain_get(id);

	if (!d) {
		*why = GNTST_bad_domain;
		return NULL;
	}
	if (d != self && !rights_control(self, d)) {
		domain_put(d);
		*why = GNTST_permission_denied;
		return NULL;
	}
	*why = GNTST_okay;
	return d;
}

/* Tells the machine frames of the table's first n frames. */
static long list_frames(const struct grant_table *t, gva_t list, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		xen_pfn_t frame = virt_to_frame(t->shared[i]).n;

		if (copy_out_at(list, i, &frame)) {
			return -XEN_EFAULT;
		}
	}
	return 0;
}

static long setup_table(gva_t uop)
{
	struct gnttab_setup_table op;
	struct domain *d;
	long rc = 0;

	if (copy_in(&op, uop)) {
		return -XEN_EFAULT;
	}
	d = named_domain(op.dom, &op.status);
	if (d) {
		rc = grow_to(&d->grants, op.nr_frames);
		if (!rc) {
			rc = list_frames(&d->grants, handle_gva(op.frame_list), op.nr_frames);
		} else if (rc != -XEN_ERESTART) {
			op.status = GNTST_general_error;
			rc = 0;
		}
		domain_put(d);
	}
	if (rc == -XEN_ERESTART) {
		return hypercall_restart(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, uop, 1,
					 0, 0);
	}
	return !rc && copy_out(uop, &op) ? -XEN_EFAULT : rc;
}

static long query_size(gva_t uop)
{
	struct gnttab_query_size op;
	struct domain *d;

	if (copy_in(&op, uop)) {
		return -XEN_EFAULT;
	}
	d = named_domain(op.dom, &op.status);
	if (d) {
		op.nr_frames = d->grants.frames;
		op.max_nr_frames = d->grants.max_frames;
		domain_put(d);
	}
	return copy_out(uop, &op) ? -XEN_EFAULT : 0;
}

/* Version 1 is what there is; asked for 2 we answer as if the question were unknown. */
static long set_version(gva_t uop)
{
	struct gnttab_set_version op;
	long rc;

	if (copy_in(&op, uop)) {
		return -XEN_EFAULT;
	}
	rc = op.version == 1 ? 0 : op.version == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
	op.version = 1;
	return copy_out(uop, &op) ? -XEN_EFAULT : rc;
}

static long get_version(gva_t uop)
{
	struct gnttab_get_version op;
	struct domain *d;
	int16_t why;

	if (copy_in(&op, uop)) {
		return -XEN_EFAULT;
	}
	d = named_domain(op.dom, &why);
	if (!d) {
		return why == GNTST_bad_domain ? -XEN_ESRCH : -XEN_EPERM;
	}
	domain_put(d);
	op.version = 1;
	return copy_out(uop, &op) ? -XEN_EFAULT : 0;
}

/* Status frames belong to version 2. */
static long get_status_frames(gva_t uop)
{
	struct gnttab_get_status_frames op;
	struct domain *d;

	if (copy_in(&op, uop)) {
		return -XEN_EFAULT;
	}
	d = named_domain(op.dom, &op.status);
	if (d) {
		op.status = GNTST_general_error;
		domain_put(d);
	}
	return copy_out(uop, &op) ? -XEN_EFAULT : 0;
}

/* One line to the log, for `pav census` to read there: nobody waits for it on the console. */
static void log_table(struct domain *d)
{
	struct grant_table *t = &d->grants;
	unsigned int granted = 0, used = 0;

	spin_lock(&t->lock);
	for (uint32_t ref = 0; ref < t->frames * GRANTS_PER_PAGE; ref++) {
		const struct grant_active *a = active_entry(t, ref);

		granted += (__atomic_load_n(&shared_entry(t, ref)->flags, __ATOMIC_RELAXED) &
			    GTF_type_mask) != GTF_invalid;
		used += a->readers || a->writers;
	}
	log_debug("d%u: grant table of %u/%u frames, %u entries granted, %u in use, %u mappings held",
		  d->id, t->frames, t->max_frames, granted, used, t->maps);
	spin_unlock(&t->lock);
}

/* GNTTABOP_dump_table, for whoever controls the domain. */
static long dump_table(gva_t uop)
{
	struct gnttab_dump_table op;
	struct domain *d;

	if (copy_in(&op, uop)) {
		return -XEN_EFAULT;
	}
	d = named_domain(op.dom, &op.status);
	if (d) {
		if (rights_control(cpu_current()->domain, d)) {
			log_table(d);
		} else {
			op.status = GNTST_permission_denied;
		}
		domain_put(d);
	}
	return copy_out(uop, &op) ? -XEN_EFAULT : 0;
}

static int16_t swap_entries(struct grant_table *t, uint32_t ra, uint32_t rb)
{
	struct grant_active *aa, *ab;
	grant_entry_v1_t *ea, *eb, e;
	int16_t rc = GNTST_okay;

	spin_lock(&t->lock);
	if (ra >= t->frames * GRANTS_PER_PAGE || rb >= t->frames * GRANTS_PER_PAGE) {
		rc = GNTST_bad_gntref;
		goto out;
	}
	aa = active_entry(t, ra);
	ab = active_entry(t, rb);
	if (ra == rb) {
		goto out; /* nothing moves, so it may be in use */
	}
	if (aa->readers || aa->writers || ab->readers || ab->writers) {
		rc = GNTST_eagain;
		goto out;
	}
	ea = shared_entry(t, ra);
	eb = shared_entry(t, rb);
	e = *ea;
	*ea = *eb;
	*eb = e;
out:
	spin_unlock(&t->lock);
	return rc;
}

static long swap_grant_ref(gva_t uop)
{
	struct gnttab_swap_grant_ref op;

	if (copy_in(&op, uop)) {
		return -XEN_EFAULT;
	}
	op.status = swap_entries(&cpu_current()->domain->grants, op.ref_a, op.ref_b);
	return copy_out(uop, &op) ? -XEN_EFAULT : 0;
}

/* Not served.  The one answer after which the caller still owns its page is bad_page. */
static long transfer(gva_t uop)
{
	int16_t refused = GNTST_bad_page;

	return copy_out(uop + offsetof(struct gnttab_transfer, status), &refused) ? -XEN_EFAULT : 0;
}

/* --- dispatch --- */

static const struct {
	long (*one)(gva_t uop);
	uint16_t size;
	bool single; /* the ABI allows only one per call */
} small_ops[] = {
	[GNTTABOP_setup_table] = { setup_table, sizeof(struct gnttab_setup_table), true },
	[GNTTABOP_dump_table] = { dump_table, sizeof(struct gnttab_dump_table), true },
	[GNTTABOP_transfer] = { transfer, sizeof(struct gnttab_transfer), false },
	[GNTTABOP_query_size] = { query_size, sizeof(struct gnttab_query_size), true },
	[GNTTABOP_set_version] = { set_version, sizeof(struct gnttab_set_version), true },
	[GNTTABOP_get_status_frames] = { get_status_frames, sizeof(struct gnttab_get_status_frames),
					 true },
	[GNTTABOP_get_version] = { get_version, sizeof(struct gnttab_get_version), true },
	[GNTTABOP_swap_grant_ref] = { swap_grant_ref, sizeof(struct gnttab_swap_grant_ref), false },
};

static long small_op(unsigned int cmd, gva_t uop, unsigned int count)
{
	unsigned int i;

	if (cmd >= ARRAY_SIZE(small_ops) || !small_ops[cmd].one) {
		return -XEN_ENOSYS;
	}
	if (small_ops[cmd].single && count != 1) {
		return -XEN_EINVAL;
	}
	for (i = 0; i < count; i++) {
		long rc;

		if (i && i % GRANT_BATCH == 0 && hypercall_preempt()) {
			return hypercall_restart(__HYPERVISOR_grant_table_op, cmd, uop, count - i,
						 0, 0);
		}
		rc = small_ops[cmd].one(uop);
		if (rc) {
			return rc;
		}
		uop += small_ops[cmd].size;
	}
	return 0;
}

long grant_table_op(unsigned int cmd, gva_t uop, unsigned int count)
{
	if ((int)count < 0) {
		return -XEN_EINVAL;
	}
	switch (cmd) {
	case GNTTABOP_map_grant_ref:
		return grant_map(uop, count);
	case GNTTABOP_unmap_grant_ref:
		return grant_unmap(uop, count);
	case GNTTABOP_unmap_and_replace:
		return grant_unmap_and_replace(uop, count);
	case GNTTABOP_copy:
		return grant_copy(uop, count);
	case GNTTABOP_cache_flush:
		return -XEN_EOPNOTSUPP; /* caches are coherent here */
	default:
		return small_op(cmd, uop, count);
	}
}

long do_grant_table_op(uint64_t cmd, uint64_t uop, uint64_t count, uint64_t a4, uint64_t a5)
{
	(void)a4;
	(void)a5;
	return grant_table_op((unsigned int)cmd, uop, (unsigned int)count);
}
