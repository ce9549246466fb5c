/*
 * How much memory a domain has: more of it, at places of its choice or not, and less.
 *
 * The operations stop between two extents when work is pending, and within a large one; how far they got goes into
 * the high bits of the command, as the ABI says, so the guest's structure stays as it was; how far within an extent,
 * above that.
 */
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/memory.h>

#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/memory_op.h"
#include "core/rights.h"
#include "core/vcpu.h"
#include "mm/alloc.h"
#include "mm/dompages.h"
#include "mm/frame.h"
#include "mm/m2p.h"

#define PART_SHIFT 54 /* how much of the next extent is done */
#define DONE_MASK  ((1ULL << (PART_SHIFT - MEMORY_EXTENT_SHIFT)) - 1)

struct reservation {
	struct domain *d;
	gva_t list; /* 0: none given */
	uint64_t count, done;
	uint64_t part; /* of the extent after those: frames of it that are done */
	unsigned int order, bits;
	bool preempted;
	bool moved; /* in this call: it may not stop before */
};

static bool one_in(const struct reservation *r, uint64_t *frame)
{
	return !copy_in_at(frame, r->list, r->done);
}

static bool one_out(const struct reservation *r, uint64_t frame)
{
	return !copy_out_at(r->list, r->done, &frame);
}

static bool should_stop(struct reservation *r)
{
	r->preempted = r->preempted || (r->moved && hypercall_preempt());
	return r->preempted;
}

/* Between extents: should the rest wait?  Small ones are looked at in groups. */
static bool stop_between(struct reservation *r)
{
	return r->done && (r->order || r->done % 16 == 0) && should_stop(r);
}

/* The next extent's frames: MFN_NONE also if they can't be had before others get their turn. */
static mfn_t next_extent(struct reservation *r)
{
	while (!alloc_prepare(r->order, r->bits)) {
		r->moved = true;
		if (should_stop(r)) {
			return MFN_NONE;
		}
	}
	r->moved = true;
	return dompages_alloc(r->d, r->order, r->bits);
}

static void increase(struct reservation *r)
{
	for (; r->done < r->count && !stop_between(r); r->done++) {
		mfn_t m = next_extent(r);

		if (mfn_eq(m, MFN_NONE)) {
			return;
		}
		if (r->list && !one_out(r, m.n)) {
			return;
		}
	}
}

static void populate(struct reservation *r)
{
	for (; r->done < r->count && !stop_between(r); r->done++) {
		uint64_t at, i;
		mfn_t m;

		if (!one_in(r, &at)) {
			return;
		}
		m = next_extent(r);
		if (mfn_eq(m, MFN_NONE)) {
			return;
		}
		for (i = 0; i < 1UL << r->order; i++) {
			dompages_place(r->d, mfn(m.n + i), at + i);
		}
		if (!one_out(r, m.n)) {
			return;
		}
	}
}

static void decrease(struct reservation *r)
{
	for (; r->done < r->count && !stop_between(r); r->done++, r->part = 0) {
		uint64_t first;

		if (!one_in(r, &first)) {
			return;
		}
		for (; r->part < 1UL << r->order; r->part++) {
			if (r->part && r->part % MEMORY_STRETCH == 0 && should_stop(r)) {
				return;
			}
			if (dompages_release(r->d, mfn(first + r->part))) {
				return;
			}
			r->moved = true;
		}
	}
}

/* Returns the number of extents done; or restarts with that number in the command. */
long memory_reservation(uint64_t cmd, gva_t arg)
{
	unsigned int op = cmd & MEMORY_COMMAND_MASK;
	struct xen_memory_reservation req;
	struct reservation r = { .done = cmd >> MEMORY_EXTENT_SHIFT & DONE_MASK,
				 .part = cmd >> PART_SHIFT };

	if (copy_in(&req, arg)) {
		return (long)r.done;
	}
	if (req.nr_extents > DONE_MASK || r.done >= req.nr_extents) {
		return (long)r.done;
	}
	r.count = req.nr_extents;
	r.order = req.extent_order;
	r.bits = XENMEMF_get_address_bits(req.mem_flags);
	r.list = handle_gva(req.extent_start);
	if ((r.bits && r.bits <= PAGE_SHIFT) || (req.mem_flags & XENMEMF_populate_on_demand) ||
	    r.order > MEMORY_MOST_ORDER || (!r.list && op != XENMEM_increase_reservation) ||
	    memory_named_domain(req.domid, &r.d)) {
		return (long)r.done;
	}
	if (op == XENMEM_increase_reservation) {
		increase(&r);
	} else if (op == XENMEM_populate_physmap) {
		populate(&r);
	} else {
		decrease(&r);
	}
	domain_put(r.d);
	if (r.preempted) {
		return hypercall_restart(__HYPERVISOR_memory_op,
					 op | r.done << MEMORY_EXTENT_SHIFT | r.part << PART_SHIFT,
					 arg, 0, 0, 0);
	}
	return (long)r.done;
}
