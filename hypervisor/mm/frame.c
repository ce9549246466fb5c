/*
 * References and types of frames.  General references are counted with compare
 * and exchange, so any CPU may take one on any frame; a type is taken while its
 * count is zero, or shared when it is the same.
 *
 * When the last writable reference goes, a TLB somewhere may still allow writes.
 * The frame's stamp says since when that can be; whoever gives the frame another
 * type flushes the TLBs that have not been flushed since.
 */
#include "mm/frame.h"

#include <xen/errno.h>

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/refuse.h"
#include "mm/alloc.h"
#include "mm/dompages.h"
#include "mm/heap.h"
#include "mm/m2p.h"
#include "mm/pagetype.h"
#include "mm/segdesc.h"

#define REF_LIMIT (FR_COUNT - 4096) /* no wrap even if every CPU tries at once */

struct frame *frame_table;
uint64_t frame_max;
uint64_t frame_limit = 1ULL << (40 - PAGE_SHIFT);

/* One more reference unless there is none or there are too many. */
static bool ref_up(struct frame *f, uint32_t *seen)
{
	uint32_t r = atomic_load_explicit(&f->ref, memory_order_relaxed);

	do {
		if (!(r & FR_COUNT) || (r & FR_COUNT) >= REF_LIMIT) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(&f->ref, &r, r + 1, memory_order_acquire,
							memory_order_relaxed));
	*seen = r;
	return true;
}

static bool get_owned(mfn_t m, const struct domain *d, bool given_up_too)
{
	uint16_t id = dom_pages_of(d)->owner;
	struct frame *f;
	uint32_t r;

	if (!frame_valid(m)) {
		return false;
	}
	f = frame_of(m);
	if (f->owner != id || !ref_up(f, &r)) {
		return false;
	}
	/* Only now is the owner certain; and what its owner gave up gains no new users. */
	if (likely(f->owner == id &&
		   ((r & FR_ALLOCATED) || given_up_too || frame_type_of(f) == FRAME_SHARED))) {
		return true;
	}
	frame_put(m);
	return false;
}

bool frame_get(mfn_t m, const struct domain *d)
{
	return get_owned(m, d, false);
}

bool frame_get_given_up(mfn_t m, const struct domain *d)
{
	return get_owned(m, d, true);
}

bool frame_get_again(mfn_t m)
{
	uint32_t r;

	return ref_up(frame_of(m), &r);
}

/* The last reference has gone: back to the heap. */
static void frame_release(mfn_t m, struct frame *f)
{
	enum frame_type type = frame_type_of(f);
	uint16_t owner = f->owner;

	BUG_ON(type == FRAME_SHARED ? frame_type_count(f) != 1 : frame_type_count(f) != 0);
	atomic_store_explicit(&f->type, 0, memory_order_relaxed);
	f->owner = FRAME_OWNER_XEN;
	m2p_set(m, M2P_INVALID);
	heap_free(m, 0, true);
	if (type != FRAME_SHARED) {
		dompages_frame_freed(owner);
	}
}

void frame_put(mfn_t m)
{
	struct frame *f = frame_of(m);
	uint32_t old = atomic_fetch_sub_explicit(&f->ref, 1, memory_order_acq_rel);

	ASSERT(old & FR_COUNT);
	if ((old & FR_COUNT) == 1) {
		BUG_ON(old & FR_ALLOCATED);
		frame_release(m, f);
	}
}

/*
 * WRITABLE and SEGDESC with count 0 and FT_VALIDATED: a CPU is between dropping the last
 * reference and storing the stamp.  It is a few instructions away from done.
 */
uint32_t frame_type_settled(struct frame *f)
{
	uint32_t x;

	while (x = atomic_load_explicit(&f->type, memory_order_acquire),
	       (x & FT_VALIDATED) && !(x & FT_COUNT)) {
		cpu_relax();
	}
	return x;
}

static bool segdesc_check_frame(mfn_t m)
{
	uint64_t *desc = frame_to_virt(m);
	uint64_t copy;

	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*desc); i++) {
		copy = desc[i];
		if (!segdesc_fix(&copy)) {
			return false;
		}
	}
	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*desc); i++) {
		segdesc_fix(&desc[i]);
	}
	return true;
}

cpumask_t frame_cpus(const struct frame *f)
{
	return f->flags & FRAME_ABROAD ? CPUMASK_ALL : cpu_domain_cpus(f->owner);
}

/* The type is ours, count 1: make it true before anyone else may have it. */
static int settle_new_type(mfn_t m, struct frame *f, enum frame_type t, uint32_t before)
{
	enum frame_type old = before >> FT_TYPE_SHIFT;

	if (old != FRAME_NONE) {
		tlb_flush_older(frame_cpus(f), f->stamp);
	}
	if (t != FRAME_SEGDESC) {
		return 0;
	}
	if (!segdesc_check_frame(m)) {
		atomic_store_explicit(&f->type, before, memory_order_release);
		return refuse_at(-XEN_EINVAL, REASON_BAD_DESCRIPTOR, m.n);
	}
	atomic_fetch_or_explicit(&f->type, FT_VALIDATED, memory_order_release);
	return 0;
}

int frame_take_type_slow(mfn_t m, enum frame_type t)
{
	struct frame *f = frame_of(m);
	uint32_t x = frame_type_settled(f);

	for (;;) {
		bool fresh = !(x & FT_COUNT) && (enum frame_type)(x >> FT_TYPE_SHIFT) != t;
		uint32_t want = fresh ? (uint32_t)t << FT_TYPE_SHIFT | 1 : x + 1;

		if (!(x & FT_COUNT) && t == FRAME_SEGDESC) {
			fresh = true; /* checked anew each time: its frame may have been written */
			want = (uint32_t)t << FT_TYPE_SHIFT | 1;
		}
		if (!fresh && ((enum frame_type)(x >> FT_TYPE_SHIFT) != t ||
			       (x & FT_COUNT) >= FRAME_TYPE_LIMIT)) {
			return refuse_at(-XEN_EBUSY, REASON_FRAME_OTHER_USE, m.n);
		}
		if (!fresh && t == FRAME_SEGDESC && !(x & FT_VALIDATED)) {
			cpu_relax(); /* another CPU is checking it */
			x = frame_type_settled(f);
			continue;
		}
		if (atomic_compare_exchange_strong_explicit(&f->type, &x, want,
							    memory_order_acq_rel,
							    memory_order_relaxed)) {
			return fresh ? settle_new_type(m, f, t, x) : 0;
		}
		x = frame_type_settled(f);
	}
}

void frame_drop_type_slow(mfn_t m)
{
	struct frame *f = frame_of(m);
	uint32_t x = atomic_load_explicit(&f->type, memory_order_relaxed);
	uint32_t empty = x & ~(FT_COUNT | FT_VALIDATED);

	for (;;) {
		bool last = (x & FT_COUNT) == 1;

		ASSERT(x & FT_COUNT);
		empty = x & ~(FT_COUNT | FT_VALIDATED);
		if (atomic_compare_exchange_weak_explicit(&f->type, &x,
							  last ? empty | FT_VALIDATED : x - 1,
							  memory_order_acq_rel,
							  memory_order_relaxed)) {
			if (last) {
				/* Nobody touches the word until it is settled: plain stores will do. */
				f->stamp = tlb_stamp();
				atomic_store_explicit(&f->type, empty, memory_order_release);
			}
			return;
		}
	}
}

int frame_get_type(mfn_t m, enum frame_type t, const struct domain *d)
{
	int rc;

	BUG_ON(t != FRAME_WRITABLE && t != FRAME_SHARED && t != FRAME_SEGDESC);
	if (!frame_get(m, d)) {
		return refuse_at(-XEN_EINVAL, REASON_FRAME_NOT_OWNED, m.n);
	}
	/* A frame becomes shared by frame_share() only. */
	rc = t == FRAME_SHARED && frame_type_of(frame_of(m)) != FRAME_SHARED
		     ? refuse_at(-XEN_EBUSY, REASON_FRAME_OTHER_USE, m.n)
		     : frame_take_type(m, t);
	if (rc) {
		frame_put(m);
	}
	return rc;
}

void frame_put_type(mfn_t m)
{
	struct frame *f = frame_of(m);
	enum frame_type t = frame_type_of(f);

	if (t >= FRAME_L1 && t <= FRAME_L4) {
		pagetype_put((struct domain *)dompages_find(f->owner), m);
	} else {
		frame_drop_type(m);
		frame_put(m);
	}
}

void frame_share(mfn_t m, const struct domain *d)
{
	struct frame *f = frame_of(m);

	BUG_ON(f->owner != FRAME_OWNER_XEN || f->ref != 0);
	f->flags = 0;
	f->stamp = 0;
	atomic_store_explicit(&f->type, (uint32_t)FRAME_SHARED << FT_TYPE_SHIFT | 1,
			      memory_order_relaxed);
	f->owner = dom_pages_of(d)->owner;
	/* Published last: with a reference it can be found. */
	atomic_store_explicit(&f->ref, 1, memory_order_release);
}

void frame_unshare(mfn_t m)
{
	frame_of(m)->owner = FRAME_OWNER_NONE;
	m2p_set(m, M2P_INVALID);
	frame_put(m);
}

bool frame_lent_in_use(mfn_t m)
{
	return (atomic_load_explicit(&frame_of(m)->ref, memory_order_relaxed) & FR_COUNT) != 1;
}
