/*
 * XENMEM_exchange: frames of a domain for others, as many, in larger blocks or lower down; what was at a place is
 * then at the same place by another number.
 *
 * A chunk is done or not, so its frames can't wait for another call; but interrupts are let in between.
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
#include "mm/alloc.h"
#include "mm/dompages.h"
#include "mm/frame.h"
#include "mm/m2p.h"
#include "mm/pool.h"

struct exchange {
	struct domain *d;
	unsigned int in_order, out_order, bits;
	unsigned int frames; /* in a chunk: the larger of the two extents */
	gva_t in, out;
	uint64_t *taken; /* frames of the chunk that d gives */
	uint64_t *place; /* their M2P entries, should they go back */
	uint64_t *given; /* first frames of the extents that d gets, then their pfns */
	uint64_t *pfn;
};

static unsigned int chunk_in(const struct exchange *x)
{
	return x->frames >> x->in_order;
}

static unsigned int chunk_out(const struct exchange *x)
{
	return x->frames >> x->out_order;
}

static int exchange_lists_in(struct exchange *x, uint64_t chunk)
{
	unsigned int i, j;

	for (i = 0; i < chunk_in(x); i++) {
		uint64_t first;

		if (copy_in_at(&first, x->in, chunk * chunk_in(x) + i)) {
			return -XEN_EFAULT;
		}
		for (j = 0; j < 1u << x->in_order; j++) {
			x->taken[(i << x->in_order) + j] = first + j;
		}
		memory_breathe(i);
	}
	/* Written back as they are: where the answer can't go is found out before anything is done. */
	for (i = 0; i < chunk_out(x); i++) {
		if (copy_in_at(&x->pfn[i], x->out, chunk * chunk_out(x) + i) ||
		    copy_out_at(x->out, chunk * chunk_out(x) + i, &x->pfn[i])) {
			return -XEN_EFAULT;
		}
		memory_breathe(i);
	}
	return 0;
}

static void give_back(const struct exchange *x, unsigned int taken)
{
	while (taken-- > 0) {
		mfn_t m = mfn(x->taken[taken]);

		if (dompages_swap_in(x->d, m, 0)) {
			free_frames(m, 0);
		} else {
			dompages_place(x->d, m, x->place[taken]);
		}
		memory_breathe(taken);
	}
}

/* All frames of the chunk become ours, or none. */
static int take_all(const struct exchange *x)
{
	unsigned int i;

	for (i = 0; i < x->frames; i++) {
		mfn_t m = mfn(x->taken[i]);
		int rc;

		x->place[i] = m2p_get(m);
		rc = frame_valid(m) ? dompages_swap_out(x->d, m)
				    : refuse_at(-XEN_EINVAL, REASON_NO_SUCH_FRAME, m.n);
		if (rc) {
			give_back(x, i);
			return refuse_as(-XEN_EINVAL); /* also for one in use */
		}
		memory_breathe(i);
	}
	return 0;
}

static void free_given(const struct exchange *x, unsigned int n)
{
	while (n-- > 0) {
		free_frames(mfn(x->given[n]), x->out_order);
		memory_breathe(n);
	}
}

static int allocate_all(const struct exchange *x)
{
	unsigned int i;

	for (i = 0; i < chunk_out(x); i++) {
		mfn_t m = alloc_frames(x->out_order, x->bits);

		if (mfn_eq(m, MFN_NONE)) {
			free_given(x, i);
			return refuse(-XEN_ENOMEM, REASON_NO_FREE_FRAMES);
		}
		x->given[i] = m.n;
		memory_breathe(i);
	}
	return 0;
}

/* The step that can't fail, unless the domain is being killed meanwhile. */
static void exchange_commit(const struct exchange *x)
{
	unsigned int i, j;

	for (i = 0; i < x->frames; i++) {
		m2p_set(mfn(x->taken[i]), M2P_INVALID);
		free_frames(mfn(x->taken[i]), 0);
		memory_breathe(i);
	}
	for (i = 0; i < chunk_out(x); i++) {
		if (dompages_swap_in(x->d, mfn(x->given[i]), x->out_order)) {
			free_frames(mfn(x->given[i]), x->out_order);
			continue;
		}
		for (j = 0; j < 1u << x->out_order; j++) {
			dompages_place(x->d, mfn(x->given[i] + j), x->pfn[i] + j);
			memory_breathe(j);
		}
		memory_breathe(i);
	}
}

/* One chunk: nothing changes unless all of it can. The new frames are had before the old are let go. */
static int exchange_chunk(struct exchange *x, uint64_t chunk)
{
	int rc = exchange_lists_in(x, chunk);

	if (!rc) {
		rc = allocate_all(x);
	}
	if (rc) {
		return rc;
	}
	rc = take_all(x);
	if (rc) {
		free_given(x, chunk_out(x));
		return rc;
	}
	exchange_commit(x);
	return 0;
}

/* What a chunk that is done was given; it is done even if another vCPU has taken the list away meanwhile. */
static int exchange_tell(const struct exchange *x, uint64_t chunk)
{
	for (unsigned int i = 0; i < chunk_out(x); i++) {
		if (copy_out_at(x->out, chunk * chunk_out(x) + i, &x->given[i])) {
			return -XEN_EFAULT;
		}
	}
	return 0;
}

static int exchange_check(const struct xen_memory_exchange *req)
{
	const struct xen_memory_reservation *in = &req->in, *out = &req->out;

	if (in->extent_order > MEMORY_MOST_ORDER || out->extent_order > MEMORY_MOST_ORDER) {
		return refuse_at(-XEN_EPERM, REASON_EXTENT_TOO_LARGE,
				 MAX(in->extent_order, out->extent_order));
	}
	if (in->nr_extents > UINT32_MAX || out->nr_extents > UINT32_MAX ||
	    in->domid != out->domid ||
	    in->nr_extents << in->extent_order != out->nr_extents << out->extent_order ||
	    req->nr_exchanged > in->nr_extents || !handle_gva(in->extent_start) ||
	    !handle_gva(out->extent_start)) {
		return refuse(-XEN_EINVAL, REASON_UNEVEN_EXCHANGE);
	}
	return 0;
}

/* Goes on where nr_exchanged says, and leaves there how far it came. */
static long exchange_run(struct exchange *x, struct xen_memory_exchange *req, gva_t arg)
{
	uint64_t chunk = req->nr_exchanged / chunk_in(x), chunks = req->in.nr_extents / chunk_in(x);
	bool preempted = false;
	long rc = 0;

	if (req->nr_exchanged % chunk_in(x) || req->in.nr_extents % chunk_in(x)) {
		return refuse(-XEN_EINVAL, REASON_UNEVEN_EXCHANGE);
	}
	while (chunk < chunks && !rc && !preempted) {
		if (!alloc_prepare(x->out_order, x->bits)) {
			preempted = hypercall_preempt();
			continue;
		}
		cpu_preempt_point();
		rc = exchange_chunk(x, chunk);
		if (!rc) {
			rc = exchange_tell(x, chunk++);
			preempted = !rc && chunk < chunks && hypercall_preempt();
		}
	}
	req->nr_exchanged = chunk * chunk_in(x);
	if (copy_out(arg + offsetof(struct xen_memory_exchange, nr_exchanged),
		     &req->nr_exchanged)) {
		return -XEN_EFAULT;
	}
	return preempted ? hypercall_restart(__HYPERVISOR_memory_op, XENMEM_exchange, arg, 0, 0, 0)
			 : rc;
}

long memory_exchange(gva_t arg)
{
	struct xen_memory_exchange req;
	struct exchange x;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	rc = exchange_check(&req);
	if (rc) {
		return rc;
	}
	x.in_order = req.in.extent_order;
	x.out_order = req.out.extent_order;
	x.frames = 1u << MAX(x.in_order, x.out_order);
	x.in = handle_gva(req.in.extent_start);
	x.out = handle_gva(req.out.extent_start);
	x.bits = XENMEMF_get_address_bits(req.out.mem_flags);
	if (x.bits && x.bits <= PAGE_SHIFT + x.out_order) {
		return refuse(-XEN_ENOMEM,
			      REASON_NO_FREE_FRAMES); /* nothing is that low; callers try again with one bit more */
	}
	rc = memory_named_domain(req.in.domid, &x.d);
	if (rc) {
		return rc;
	}
	x.taken = pool_alloc(4 * x.frames * sizeof(*x.taken));
	if (x.taken) {
		x.place = x.taken + x.frames;
		x.given = x.place + x.frames;
		x.pfn = x.given + x.frames;
		rc = exchange_run(&x, &req, arg);
		pool_free(x.taken);
	} else {
		rc = refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	domain_put(x.d);
	return rc;
}
