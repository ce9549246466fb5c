/*
 * XENMEM_exchange: frames of a domain for others, as many, in larger blocks or lower down; what was at a place is
 * then at the same place by another number.
 *
 * A chunk is done or not, and may be of 512 frames: more than a vCPU should do without making room for others.  So
 * it is done item by item, and when the vCPU has to stop in between, what it has so far waits in v->exchange
 * until the request is made again.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/memory.h>

#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/memory_op.h"
#include "core/vcpu.h"
#include "mm/alloc.h"
#include "mm/dompages.h"
#include "mm/frame.h"
#include "mm/m2p.h"
#include "mm/pool.h"

struct exchange {
	struct domain *d; /* whose frames: referenced */
	gva_t arg;	  /* where the request stands */
	unsigned int in_order, out_order, bits;
	unsigned int frames; /* in a chunk: the larger of the two extents */
	gva_t in, out;
	uint64_t chunk, chunks;
	/* Lists for one chunk, in one piece of memory. */
	uint64_t *taken; /* frames that d gives */
	uint64_t *place; /* their M2P entries, should they go back */
	uint64_t *given; /* first frames of the extents that d gets */
	uint64_t *pfn;	 /* and where they are to be */
	/* How far the chunk is; what was done is undone in reverse once rc is set. */
	unsigned int phase, item;
	long rc;
	unsigned int *limbo; /* the vCPU's */
	bool orphan;	     /* its vCPU is being taken apart: there is nobody to tell */
};

static unsigned int chunk_in(const struct exchange *x)
{
	return x->frames >> x->in_order;
}

static unsigned int chunk_out(const struct exchange *x)
{
	return x->frames >> x->out_order;
}

static unsigned int all_frames(const struct exchange *x)
{
	return x->frames;
}

/* --- items: of each phase, what is done for one extent or frame, and undone --- */

static long read_in(struct exchange *x, unsigned int i)
{
	uint64_t first;

	if (copy_in_at(&first, x->in, x->chunk * chunk_in(x) + i)) {
		return -XEN_EFAULT;
	}
	for (unsigned int j = 0; j < 1u << x->in_order; j++) {
		x->taken[(i << x->in_order) + j] = first + j;
	}
	return 0;
}

/* Written back as it is: that the answer can't go there is found out before anything is done. */
static long read_out(struct exchange *x, unsigned int i)
{
	uint64_t at = x->chunk * chunk_out(x) + i;

	return copy_in_at(&x->pfn[i], x->out, at) || copy_out_at(x->out, at, &x->pfn[i])
		       ? -XEN_EFAULT
		       : 0;
}

static long allocate(struct exchange *x, unsigned int i)
{
	mfn_t m;

	if (!alloc_prepare(x->out_order, x->bits)) {
		return -XEN_ERESTART;
	}
	m = alloc_frames(x->out_order, x->bits);
	if (mfn_eq(m, MFN_NONE)) {
		return refuse(-XEN_ENOMEM, REASON_NO_FREE_FRAMES);
	}
	x->given[i] = m.n;
	return 0;
}

static void free_given(struct exchange *x, unsigned int i)
{
	free_frames(mfn(x->given[i]), x->out_order);
}

static long take(struct exchange *x, unsigned int i)
{
	mfn_t m = mfn(x->taken[i]);
	int rc;

	x->place[i] = m2p_get(m);
	rc = frame_valid(m) ? dompages_swap_out(x->d, m)
			    : refuse_at(-XEN_EINVAL, REASON_NO_SUCH_FRAME, m.n);
	*x->limbo += !rc;
	return rc ? refuse_as(-XEN_EINVAL) : 0; /* also for one in use */
}

static void put_back(struct exchange *x, unsigned int i)
{
	mfn_t m = mfn(x->taken[i]);

	--*x->limbo;
	if (dompages_swap_in(x->d, m, 0)) {
		free_frames(m, 0);
	} else {
		dompages_place(x->d, m, x->place[i]);
	}
}

static long let_go(struct exchange *x, unsigned int i)
{
	free_frames(mfn(x->taken[i]), 0); /* without a place since it was taken */
	return 0;
}

/* Can't fail, unless the domain is being killed meanwhile. */
static long give(struct exchange *x, unsigned int i)
{
	mfn_t m = mfn(x->given[i]);

	*x->limbo -= 1u << x->out_order;
	if (dompages_swap_in(x->d, m, x->out_order)) {
		free_frames(m, x->out_order);
		return 0;
	}
	for (unsigned int j = 0; j < 1u << x->out_order; j++) {
		dompages_place(x->d, mfn(m.n + j), x->pfn[i] + j);
		memory_breathe(j);
	}
	return 0;
}

/* The chunk is done even if another vCPU has taken the list away meanwhile. */
static long tell(struct exchange *x, unsigned int i)
{
	if (!x->orphan && copy_out_at(x->out, x->chunk * chunk_out(x) + i, &x->given[i])) {
		x->rc = -XEN_EFAULT;
	}
	return 0;
}

/* --- a chunk --- */

#define EXCHANGE_STRETCH 16u /* frames between two looks: each may have to be scrubbed first */

/* Nothing changes unless all of it can: the new frames are had before the old are let go. */
enum { READ_IN, READ_OUT, ALLOCATE, TAKE, LET_GO, GIVE, TELL, PHASES };

static const struct phase {
	unsigned int (*items)(const struct exchange *x);
	long (*item)(struct exchange *x, unsigned int i); /* 0; -ERESTART: not yet; an error */
	void (*undo)(struct exchange *x, unsigned int i);
} phases[PHASES] = {
	[READ_IN] = { chunk_in, read_in, NULL },
	[READ_OUT] = { chunk_out, read_out, NULL },
	[ALLOCATE] = { chunk_out, allocate, free_given },
	[TAKE] = { all_frames, take, put_back },
	[LET_GO] = { all_frames, let_go, NULL },
	[GIVE] = { chunk_out, give, NULL },
	[TELL] = { chunk_out, tell, NULL },
};

static bool undoing(const struct exchange *x)
{
	return x->rc && x->phase < LET_GO;
}

static void undo_one(struct exchange *x)
{
	if (!x->item) {
		x->phase--;
		x->item = phases[x->phase].undo ? phases[x->phase].items(x) : 0;
	} else if (x->item--, phases[x->phase].undo) {
		phases[x->phase].undo(x, x->item);
	}
}

static void do_one(struct exchange *x)
{
	long rc = phases[x->phase].item(x, x->item);

	if (rc == -XEN_ERESTART) {
		return;
	}
	if (rc) {
		x->rc = rc;
	} else if (++x->item == phases[x->phase].items(x)) {
		x->phase++;
		x->item = 0;
	}
}

static bool half_done(const struct exchange *x)
{
	return x->phase || x->item;
}

/* Up to the end of the chunk, done or undone.  False: the vCPU should make room first. */
static bool exchange_chunk(struct exchange *x)
{
	unsigned int work = 0;

	while (x->phase < PHASES && (half_done(x) || !undoing(x))) {
		work += x->frames / phases[x->phase].items(x);
		if (undoing(x)) {
			undo_one(x);
		} else {
			do_one(x);
		}
		if (work >= EXCHANGE_STRETCH && x->phase < PHASES) {
			if (hypercall_preempt()) {
				return false;
			}
			work = 0;
		}
	}
	x->chunk += x->phase == PHASES;
	x->phase = x->item = 0;
	return true;
}

/* --- the request --- */

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

static long exchange_fill(struct exchange *x, const struct xen_memory_exchange *req, gva_t arg)
{
	x->arg = arg;
	x->in_order = req->in.extent_order;
	x->out_order = req->out.extent_order;
	x->frames = 1u << MAX(x->in_order, x->out_order);
	x->in = handle_gva(req->in.extent_start);
	x->out = handle_gva(req->out.extent_start);
	x->bits = XENMEMF_get_address_bits(req->out.mem_flags);
	x->chunk = req->nr_exchanged / chunk_in(x);
	x->chunks = req->in.nr_extents / chunk_in(x);
	if (x->bits && x->bits <= PAGE_SHIFT + x->out_order) {
		/* Nothing is that low; callers try again with one bit more. */
		return refuse(-XEN_ENOMEM, REASON_NO_FREE_FRAMES);
	}
	if (req->nr_exchanged % chunk_in(x) || req->in.nr_extents % chunk_in(x)) {
		return refuse(-XEN_EINVAL, REASON_UNEVEN_EXCHANGE);
	}
	x->taken = pool_alloc(4 * x->frames * sizeof(*x->taken));
	if (!x->taken) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	x->place = x->taken + x->frames;
	x->given = x->place + x->frames;
	x->pfn = x->given + x->frames;
	return 0;
}

static void exchange_free(struct exchange *x)
{
	domain_put(x->d);
	pool_free(x->taken);
	pool_free(x);
}

/* From nr_exchanged on. */
static long exchange_begin(gva_t arg, struct exchange **out)
{
	struct xen_memory_exchange req;
	struct exchange *x;
	struct domain *d;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	rc = exchange_check(&req);
	rc = rc ? rc : memory_named_domain(req.in.domid, &d);
	if (rc) {
		return rc;
	}
	x = pool_alloc(sizeof(*x));
	if (!x) {
		domain_put(d);
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	x->d = d;
	x->limbo = &cpu_current()->limbo;
	rc = exchange_fill(x, &req, arg);
	if (rc) {
		exchange_free(x);
		return rc;
	}
	*out = x;
	return 0;
}

/* What it came to is written where it was asked for. */
static long exchange_end(struct exchange *x)
{
	xen_ulong_t exchanged = x->chunk * chunk_in(x);
	long rc = copy_out(x->arg + offsetof(struct xen_memory_exchange, nr_exchanged), &exchanged)
			  ? -XEN_EFAULT
			  : x->rc;

	exchange_free(x);
	return rc;
}

static long exchange_again(gva_t arg)
{
	return hypercall_restart(__HYPERVISOR_memory_op, XENMEM_exchange, arg, 0, 0, 0);
}

/* Only a chunk that is half done is kept while the vCPU makes room; between chunks the guest's request says it all. */
static long exchange_run(struct vcpu *v, struct exchange *x)
{
	gva_t arg = x->arg;
	bool preempted = false;
	long rc;

	while (half_done(x) || (!x->rc && x->chunk < x->chunks && !preempted)) {
		v->exchange = x;
		if (!exchange_chunk(x)) {
			return exchange_again(arg);
		}
		v->exchange = NULL;
		preempted = !x->rc && x->chunk < x->chunks && hypercall_preempt();
	}
	rc = exchange_end(x);
	return !rc && preempted ? exchange_again(arg) : rc;
}

long memory_exchange(gva_t arg)
{
	struct vcpu *v = cpu_current();
	struct exchange *x = v->exchange;
	long rc = 0;

	if (x && x->arg != arg) {
		/* The guest left it for another: that one's turn is when this chunk is over. */
		if (!exchange_chunk(x)) {
			return exchange_again(arg);
		}
		v->exchange = NULL;
		exchange_end(x);
		x = NULL;
	}
	rc = x ? 0 : exchange_begin(arg, &x);
	return rc ? rc : exchange_run(v, x);
}

int memory_exchange_abandon(struct vcpu *v)
{
	struct exchange *x = v->exchange;

	if (!x) {
		return 0;
	}
	x->orphan = true;
	if (x->phase < LET_GO) {
		x->rc = -XEN_EINVAL;
	}
	if (!exchange_chunk(x)) {
		return -XEN_ERESTART;
	}
	v->exchange = NULL;
	exchange_free(x);
	return 0;
}
