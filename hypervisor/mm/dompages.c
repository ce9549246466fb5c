/*
 * How many frames a domain has and may have, and taking them all back when it
 * dies.  Domids map to their dom_pages by a two-level table that grows on demand,
 * so a frame's last reference, dropped by anyone, finds whose total to lower.
 */
#include "mm/dompages.h"

#include <xen/errno.h>

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/refuse.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/m2p.h"
#include "mm/pagetype.h"

#define DOMID_LIMIT	0x7ff0u
#define IDS_PER_PAGE	(PAGE_SIZE / sizeof(struct dom_pages *))
#define RELINQUISH_STEP 2048u

static _Atomic(struct dom_pages **) by_id[DOMID_LIMIT / IDS_PER_PAGE + 1];
static _Atomic uint64_t claimed; /* sum of outstanding */

static struct domain *domain_of(struct dom_pages *p)
{
	return (struct domain *)p;
}

int dompages_init(struct dom_pages *p, uint16_t owner, uint64_t max)
{
	_Atomic(struct dom_pages **) *row = &by_id[owner / IDS_PER_PAGE];
	struct dom_pages **page, **none = NULL;

	*p = (struct dom_pages){ .owner = owner, .max = max, .low = UINT64_MAX };
	spin_init(&p->pt_lock, LOCK_PAGETABLE);
	spin_init(&p->lock, LOCK_PAGES);
	if (owner >= DOMID_LIMIT) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_DOMAIN_ID, owner);
	}
	if (!atomic_load(row)) {
		page = alloc_page();
		if (!page) {
			return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
		}
		if (!atomic_compare_exchange_strong(row, &none, page)) {
			free_page(page);
		}
	}
	page = atomic_load(row);
	if (page[owner % IDS_PER_PAGE]) {
		return refuse_at(-XEN_EEXIST, REASON_DOMAIN_EXISTS, owner);
	}
	page[owner % IDS_PER_PAGE] = p;
	return 0;
}

struct dom_pages *dompages_find(uint16_t owner)
{
	struct dom_pages **page;

	if (owner >= DOMID_LIMIT) {
		return NULL;
	}
	page = atomic_load_explicit(&by_id[owner / IDS_PER_PAGE], memory_order_acquire);
	return page ? page[owner % IDS_PER_PAGE] : NULL;
}

void dompages_destroy(struct dom_pages *p)
{
	if (dompages_find(p->owner) != p) {
		return;
	}
	BUG_ON(p->total != 0);
	dompages_claim(domain_of(p), 0);
	by_id[p->owner / IDS_PER_PAGE][p->owner % IDS_PER_PAGE] = NULL;
}

/* Room for n more frames, claims of others respected: total rises. */
static int reserve(struct dom_pages *p, uint64_t n, bool from_heap)
{
	uint64_t own;
	int rc = 0;

	spin_lock(&p->lock);
	own = MIN(p->outstanding, n);
	if (p->dying) {
		rc = refuse(-XEN_EINVAL, REASON_DOMAIN_DYING);
	} else if (p->total + n > p->max || p->total + n < n) {
		rc = refuse_at(-XEN_ENOMEM, REASON_MEMORY_LIMIT, n);
	} else if (from_heap && alloc_free_count() + p->outstanding < atomic_load(&claimed) + n) {
		rc = refuse_at(-XEN_ENOMEM, REASON_NO_FREE_FRAMES, n);
	} else {
		p->total += n;
		p->outstanding -= own;
		atomic_fetch_sub(&claimed, own);
	}
	spin_unlock(&p->lock);
	return rc;
}

static void unreserve(struct dom_pages *p, uint64_t n)
{
	bool gone = false;

	spin_lock(&p->lock);
	BUG_ON(p->total < n);
	p->total -= n;
	if (p->relinquished && !p->total && !p->gone) {
		p->gone = gone = true;
	}
	spin_unlock(&p->lock);
	if (gone) {
		domain_pages_gone(domain_of(p));
	}
}

/* False if the domain began to die meanwhile: teardown may have passed these frames, so they are released here. */
static bool own(struct dom_pages *p, mfn_t m, unsigned int order)
{
	uint64_t end = m.n + (1ULL << order);
	bool dying;

	spin_lock(&p->lock);
	p->low = MIN(p->low, m.n);
	p->high = MAX(p->high, end);
	spin_unlock(&p->lock);
	for (uint64_t i = m.n; i < end; i++) {
		struct frame *f = &frame_table[i];

		f->flags = 0;
		f->stamp = 0;
		atomic_store_explicit(&f->type, 0, memory_order_relaxed);
		f->owner = p->owner;
		/* Published last: with a reference it can be found. */
		atomic_store_explicit(&f->ref, FR_ALLOCATED | 1, memory_order_release);
	}
	spin_lock(&p->lock);
	dying = p->dying;
	spin_unlock(&p->lock);
	for (uint64_t i = m.n; dying && i < end; i++) {
		dompages_release(domain_of(p), mfn(i)); /* refused where teardown was here first */
	}
	return !dying;
}

mfn_t dompages_alloc(struct domain *d, unsigned int order, unsigned int bits)
{
	struct dom_pages *p = dom_pages_of(d);
	mfn_t m;

	if (order > ALLOC_MAX_ORDER || reserve(p, 1ULL << order, true)) {
		return MFN_NONE;
	}
	m = alloc_frames(order, bits);
	if (mfn_eq(m, MFN_NONE)) {
		unreserve(p, 1ULL << order);
		return m;
	}
	return own(p, m, order) ? m : MFN_NONE;
}

/* The hypervisor's own frames become p's, room for them being there. */
static void assign(struct dom_pages *p, mfn_t m, unsigned int order)
{
	for (uint64_t i = m.n; i < m.n + (1ULL << order); i++) {
		struct frame *f = &frame_table[i];

		BUG_ON(i >= frame_max || f->owner != FRAME_OWNER_XEN || f->ref != 0);
		/* Stolen from a guest, it may still be in a TLB. */
		if (f->stamp) {
			tlb_flush_older(CPUMASK_ALL, f->stamp);
		}
	}
	own(p, m, order); /* if it is dying now, they were its own and are released with the rest */
}

int dompages_assign(struct domain *d, mfn_t m, unsigned int order)
{
	struct dom_pages *p = dom_pages_of(d);
	int rc = reserve(p, 1ULL << order, false);

	if (!rc) {
		assign(p, m, order);
	}
	return rc;
}

int dompages_swap_in(struct domain *d, mfn_t m, unsigned int order)
{
	struct dom_pages *p = dom_pages_of(d);
	bool dying;

	atomic_fetch_sub(&p->limbo, 1ULL << order);
	spin_lock(&p->lock);
	dying = p->dying;
	spin_unlock(&p->lock);
	if (dying) {
		unreserve(p, 1ULL << order);
		return refuse(-XEN_EINVAL, REASON_DOMAIN_DYING);
	}
	assign(p, m, order);
	return 0;
}

int dompages_swap_out(struct domain *d, mfn_t m)
{
	uint32_t only = FR_ALLOCATED | 1;
	struct frame *f;

	/* Our own reference keeps the owner from changing while we look. */
	if (!frame_get(m, d)) {
		return refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, m.n);
	}
	f = frame_of(m);
	if (!(atomic_load(&f->ref) & FR_ALLOCATED)) {
		frame_put(m);
		return refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, m.n);
	}
	only++;
	if (!atomic_compare_exchange_strong(&f->ref, &only, 0)) {
		frame_put(m);
		return refuse_at(-XEN_EBUSY, REASON_FRAME_IN_USE, m.n);
	}
	f->owner = FRAME_OWNER_XEN;
	frame_type_settled(f);
	atomic_store(&f->type, 0);
	f->stamp = tlb_stamp();
	m2p_set(m, M2P_INVALID);
	atomic_fetch_add(&dom_pages_of(d)->limbo, 1);
	return 0;
}

int dompages_steal(struct domain *d, mfn_t m)
{
	int rc = dompages_swap_out(d, m);

	if (!rc) {
		atomic_fetch_sub(&dom_pages_of(d)->limbo, 1);
		unreserve(dom_pages_of(d), 1);
	}
	return rc;
}

int dompages_release(struct domain *d, mfn_t m)
{
	struct frame *f;
	uint32_t r;

	if (!frame_get(m, d)) {
		return refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, m.n);
	}
	f = frame_of(m);
	r = atomic_fetch_and(&f->ref, ~FR_ALLOCATED);
	if (r & FR_ALLOCATED) {
		m2p_set(m, M2P_INVALID); /* it may live on while it is mapped, but nowhere in d */
		frame_put(m);
	}
	frame_put(m);
	return r & FR_ALLOCATED ? 0 : refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, m.n);
}

bool dompages_place(const struct domain *d, mfn_t m, uint64_t pfn)
{
	struct frame *f;

	if (!frame_get(m, d)) {
		return false;
	}
	f = frame_of(m);
	m2p_set(m, pfn);
	/* Pairs with the clearing of the bit in dompages_release(): one of us sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!(atomic_load(&f->ref) & FR_ALLOCATED) && frame_type_of(f) != FRAME_SHARED) {
		m2p_set(m, M2P_INVALID);
	}
	frame_put(m);
	return true;
}

/* No table any more, if it was one.  False: again, later. */
static bool give_up_table(struct dom_pages *p, mfn_t m)
{
	bool done;

	if (!is_table(frame_type_of(frame_of(m)))) {
		return true;
	}
	spin_lock(&p->pt_lock);
	done = pagetype_give_up(domain_of(p), m);
	spin_unlock(&p->pt_lock);
	return done;
}

static void begin_relinquish(struct dom_pages *p)
{
	spin_lock(&p->pt_lock);
	spin_lock(&p->lock);
	p->dying = true;
	p->relinquish_next = p->low;
	spin_unlock(&p->lock);
	spin_unlock(&p->pt_lock);
	dompages_claim(domain_of(p), 0);
	p->relinquish_pass = 1;
}

/*
 * Pass 1 unpins, pass 2 releases: a table goes only after what pins it.  The work of
 * one step is bounded by frames looked at, and less by frames that had something to do.
 */
int dompages_relinquish(struct domain *d)
{
	struct dom_pages *p = dom_pages_of(d);
	unsigned int budget = RELINQUISH_STEP;

	if (!p->relinquish_pass) {
		begin_relinquish(p);
	}
	for (; p->relinquish_pass <= 2; p->relinquish_pass++, p->relinquish_next = p->low) {
		for (; p->relinquish_next < p->high; p->relinquish_next++) {
			mfn_t m = mfn(p->relinquish_next);

			if (!budget--) {
				return -XEN_ERESTART;
			}
			if (!frame_of(m)->ref || frame_of(m)->owner != p->owner) {
				continue;
			}
			if (p->relinquish_pass == 2) {
				dompages_release(d, m);
			} else if (!give_up_table(p, m)) {
				return -XEN_ERESTART;
			}
			budget -= MIN(budget, 15);
		}
	}
	spin_lock(&p->lock);
	p->relinquished = true;
	spin_unlock(&p->lock);
	unreserve(p, 0);
	return 0;
}

int dompages_claim(struct domain *d, uint64_t pages)
{
	struct dom_pages *p = dom_pages_of(d);
	uint64_t want = 0;
	int rc = 0;

	spin_lock(&p->lock);
	if (pages) {
		want = pages > p->total ? pages - p->total : 0;
	}
	if (pages && (p->dying || pages > p->max || pages <= p->total)) {
		rc = refuse_at(-XEN_EINVAL, REASON_BAD_CLAIM, pages);
	} else if (want > p->outstanding &&
		   alloc_free_count() < atomic_load(&claimed) + want - p->outstanding) {
		rc = refuse_at(-XEN_ENOMEM, REASON_NO_FREE_FRAMES, want);
	} else {
		atomic_fetch_add(&claimed, want - p->outstanding);
		p->outstanding = want;
	}
	spin_unlock(&p->lock);
	return rc;
}

uint64_t dompages_claimed(void)
{
	return atomic_load(&claimed);
}

void dompages_frame_freed(uint16_t owner)
{
	struct dom_pages *p = dompages_find(owner);

	BUG_ON(!p);
	unreserve(p, 1);
}
