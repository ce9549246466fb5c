/*
 * XENMEM_*: how much memory a domain has, which frames, and where the tables about them are.
 *
 * The operations over many extents stop between two of them when work is pending; how far they got
 * goes into the high bits of the command, as the ABI says, so the guest's structure stays as it was; how far within
 * an extent, above that.
 */
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/memory.h>

#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/grant_table.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "core/vcpu.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/dompages.h"
#include "mm/frame.h"
#include "mm/m2p.h"
#include "mm/pool.h"

#define EXTENT_SHIFT	  6 /* the command proper is under this bit */
#define COMMAND_MASK	  ((1u << EXTENT_SHIFT) - 1)
#define PART_SHIFT	  54 /* how much of the next extent is done */
#define DONE_MASK	  ((1ULL << (PART_SHIFT - EXTENT_SHIFT)) - 1)
#define MOST_ORDER	  9u /* 2 MiB: what anyone may ask for in one piece; more would take too long */
#define STRETCH		  32u /* frames between two looks at pending work */
#define E820_MAX	  128u
#define M2P_VIRT_START	  0xffff800000000000UL
#define M2P_VIRT_END	  0xffff804000000000UL
#define M2P_EXTENT_FRAMES 512u /* the list of the M2P's own frames is by 2 MiB */

struct e820_entry {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));

/* The domain named, referenced, if the caller may change its memory. */
static int memory_domain(domid_t id, struct domain **out)
{
	struct domain *self = cpu_current()->domain, *d = domain_get(id);

	if (!d) {
		return refuse_at(-XEN_ESRCH, REASON_NO_SUCH_DOMAIN, id);
	}
	if (d != self && !rights_control(self, d)) {
		domain_put(d);
		return refuse_at(-XEN_EPERM, REASON_NOT_CONTROLLED, id);
	}
	*out = d;
	return 0;
}

/* After item i of many that can't wait for another call: interrupts are let in now and then. */
static void breathe(unsigned int i)
{
	if (i % STRETCH == STRETCH - 1) {
		cpu_preempt_point();
	}
}

/* --- reservations --- */

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
			if (r->part && r->part % STRETCH == 0 && should_stop(r)) {
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
static long reservation_op(uint64_t cmd, gva_t arg)
{
	unsigned int op = cmd & COMMAND_MASK;
	struct xen_memory_reservation req;
	struct reservation r = { .done = cmd >> EXTENT_SHIFT & DONE_MASK,
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
	    r.order > MOST_ORDER || (!r.list && op != XENMEM_increase_reservation) ||
	    memory_domain(req.domid, &r.d)) {
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
					 op | r.done << EXTENT_SHIFT | r.part << PART_SHIFT, arg, 0,
					 0, 0);
	}
	return (long)r.done;
}

/*
 * --- exchange ---
 *
 * A chunk is done or not, so its frames can't wait for another call; but interrupts are let in between.
 */

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
		breathe(i);
	}
	/* Written back as they are: where the answer can't go is found out before anything is done. */
	for (i = 0; i < chunk_out(x); i++) {
		if (copy_in_at(&x->pfn[i], x->out, chunk * chunk_out(x) + i) ||
		    copy_out_at(x->out, chunk * chunk_out(x) + i, &x->pfn[i])) {
			return -XEN_EFAULT;
		}
		breathe(i);
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
		breathe(taken);
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
		breathe(i);
	}
	return 0;
}

static void free_given(const struct exchange *x, unsigned int n)
{
	while (n-- > 0) {
		free_frames(mfn(x->given[n]), x->out_order);
		breathe(n);
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
		breathe(i);
	}
	return 0;
}

/* The step that can't fail, unless the domain is being killed meanwhile. */
static int exchange_commit(const struct exchange *x)
{
	unsigned int i, j;

	for (i = 0; i < x->frames; i++) {
		m2p_set(mfn(x->taken[i]), M2P_INVALID);
		free_frames(mfn(x->taken[i]), 0);
		breathe(i);
	}
	for (i = 0; i < chunk_out(x); i++) {
		if (dompages_swap_in(x->d, mfn(x->given[i]), x->out_order)) {
			free_frames(mfn(x->given[i]), x->out_order);
			continue;
		}
		for (j = 0; j < 1u << x->out_order; j++) {
			dompages_place(x->d, mfn(x->given[i] + j), x->pfn[i] + j);
			breathe(j);
		}
		breathe(i);
	}
	return 0;
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
	return exchange_commit(x);
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

	if (in->extent_order > MOST_ORDER || out->extent_order > MOST_ORDER) {
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

static long exchange_op(gva_t arg)
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
	rc = memory_domain(req.in.domid, &x.d);
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

/* --- questions --- */

static long domain_figure(unsigned int op, gva_t arg)
{
	struct xen_memory_domain req;
	struct domain *d;
	unsigned long top;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	rc = memory_domain(req.domid, &d);
	if (rc) {
		return rc;
	}
	switch (op) {
	case XENMEM_current_reservation:
		rc = (long)d->pages.total;
		break;
	case XENMEM_maximum_reservation:
		rc = (long)d->pages.max;
		break;
	default:
		/* The guest keeps this figure itself; it is for its own savers, so it may lie as it likes. */
		top = __atomic_load_n(&d->shared->arch.max_pfn, __ATOMIC_RELAXED);
		rc = (long)((top ? top : 1) - 1);
		break;
	}
	domain_put(d);
	return rc;
}

static long machphys_mapping(gva_t arg)
{
	struct xen_machphys_mapping m = {
		.v_start = M2P_VIRT_START,
		.v_end = M2P_VIRT_END,
		.max_mfn = m2p_entries - 1,
	};

	return copy_out(arg, &m) ? -XEN_EFAULT : 0;
}

/* The M2P's own frames, for a domain's saver to map: it is one piece in the direct map. */
static long machphys_mfn_list(gva_t arg)
{
	uint64_t extents = ROUND_UP(m2p_entries * sizeof(uint64_t), M2P_EXTENT_FRAMES * PAGE_SIZE) /
			   (M2P_EXTENT_FRAMES * PAGE_SIZE);
	struct xen_machphys_mfn_list req;
	unsigned int i;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	for (i = 0; i < req.max_extents && i < extents; i++) {
		xen_pfn_t first = virt_to_frame(m2p_table).n + (uint64_t)i * M2P_EXTENT_FRAMES;

		if (copy_out_at(handle_gva(req.extent_start), i, &first)) {
			return -XEN_EFAULT;
		}
	}
	req.nr_extents = i;
	return copy_out(arg, &req) ? -XEN_EFAULT : 0;
}

/* --- memory maps --- */

/* What the control domain, or the caller, has laid down for it; a copy, since it may be replaced meanwhile. */
static long memory_map(gva_t arg)
{
	struct domain *d = cpu_current()->domain;
	struct xen_memory_map req;
	struct e820_entry map[16];
	unsigned int n;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	spin_lock(&d->lock);
	n = MIN(d->e820_count, (unsigned int)ARRAY_SIZE(map));
	if (n) {
		memcpy(map, d->e820, n * sizeof(map[0]));
	}
	spin_unlock(&d->lock);
	if (!n) {
		return refuse(-XEN_ENOSYS,
			      REASON_NO_MEMORY_MAP); /* none was set: the guest makes its own */
	}
	n = MIN(n, req.nr_entries);
	req.nr_entries = n;
	if (copy_bytes_out(handle_gva(req.buffer), map, n * sizeof(map[0]))) {
		return -XEN_EFAULT;
	}
	return copy_out(arg, &req) ? -XEN_EFAULT : 0;
}

static long set_memory_map(gva_t arg)
{
	struct xen_foreign_memory_map req;
	struct e820_entry *map;
	struct domain *d;
	void *old;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	/* More entries than memory_map tells in one go make no sense for a paravirtual guest. */
	if (req.map.nr_entries > 16) {
		return refuse_at(-XEN_EINVAL, REASON_LIST_TOO_LONG, req.map.nr_entries);
	}
	rc = memory_domain(req.domid, &d);
	if (rc) {
		return rc;
	}
	map = req.map.nr_entries ? pool_alloc(req.map.nr_entries * sizeof(*map)) : NULL;
	if (req.map.nr_entries && !map) {
		rc = refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	} else if (req.map.nr_entries && copy_bytes_in(map, handle_gva(req.map.buffer),
						       req.map.nr_entries * sizeof(*map))) {
		pool_free(map);
		rc = -XEN_EFAULT;
	} else {
		spin_lock(&d->lock);
		old = d->e820;
		d->e820 = map;
		d->e820_count = req.map.nr_entries;
		spin_unlock(&d->lock);
		pool_free(old);
	}
	domain_put(d);
	return rc;
}

static long machine_memory_map(gva_t arg)
{
	struct xen_memory_map req;
	struct e820_entry e;
	uint64_t addr, size;
	uint32_t type;
	unsigned int i;

	if (!cpu_current()->domain->privileged) {
		return refuse(-XEN_EPERM, REASON_NOT_PRIVILEGED);
	}
	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	for (i = 0; i < req.nr_entries && i < E820_MAX && cpu_memory_map(i, &addr, &size, &type);
	     i++) {
		e = (struct e820_entry){ .addr = addr, .size = size, .type = type };
		if (copy_out_at(handle_gva(req.buffer), i, &e)) {
			return -XEN_EFAULT;
		}
	}
	req.nr_entries = i;
	return copy_out(arg, &req) ? -XEN_EFAULT : 0;
}

static long reserved_device_memory_map(gva_t arg)
{
	struct xen_reserved_device_memory_map req;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	req.nr_entries = 0;
	return copy_out(arg, &req) ? -XEN_EFAULT : 0;
}

/* --- for builders --- */

/* Memory set aside at once for a domain about to be built, so that two builders can't both count on it. */
static long claim_pages(gva_t arg)
{
	struct xen_memory_reservation req;
	struct domain *d;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (handle_gva(req.extent_start) || req.extent_order || req.mem_flags) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_FLAGS, req.mem_flags);
	}
	rc = memory_domain(req.domid, &d);
	if (rc) {
		return rc == -XEN_ESRCH ? refuse_as(-XEN_EINVAL)
					: rc; /* as only this operation has it */
	}
	rc = rights_control(cpu_current()->domain, d)
		     ? dompages_claim(d, req.nr_extents)
		     : refuse_at(-XEN_EPERM, REASON_NOT_CONTROLLED, req.domid);
	domain_put(d);
	return rc;
}

static int grant_frame(struct domain *d, bool status, uint64_t idx, mfn_t *m)
{
	return status ? grant_table_status_frame(d, (unsigned int)idx, m)
		      : grant_table_frame(d, (unsigned int)idx, m);
}

static long acquire_grant_frames(struct domain *d, struct xen_mem_acquire_resource *req)
{
	bool status = req->id == XENMEM_resource_grant_table_id_status;
	unsigned int most = status ? grant_status_frames(d->grants.max_frames)
				   : d->grants.max_frames;
	gva_t list = handle_gva(req->frame_list);
	uint32_t i;
	mfn_t m;
	int rc;

	if (!status && req->id != XENMEM_resource_grant_table_id_shared) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req->id);
	}
	if (!req->nr_frames) {
		if (list) {
			return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req->nr_frames);
		}
		req->nr_frames = most;
		return 0;
	}
	if (req->frame >= most || req->nr_frames > most - req->frame) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req->frame);
	}
	/* The last first: the table grows in steps, and this may have to be done again. */
	rc = grant_frame(d, status, req->frame + req->nr_frames - 1, &m);
	for (i = 0; !rc && i < req->nr_frames; i++) {
		rc = grant_frame(d, status, req->frame + i, &m);
		if (!rc && copy_out_at(list, i, &m.n)) {
			rc = -XEN_EFAULT;
		}
		breathe(i);
	}
	return rc;
}

static long acquire_resource(gva_t arg)
{
	struct xen_mem_acquire_resource req;
	struct domain *d;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (req.pad) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_FLAGS, req.pad);
	}
	rc = memory_domain(req.domid, &d);
	if (rc) {
		return rc;
	}
	if (!rights_control(cpu_current()->domain, d)) {
		rc = refuse_at(-XEN_EPERM, REASON_NOT_CONTROLLED, req.domid);
	} else if (req.type != XENMEM_resource_grant_table) {
		rc = refuse_at(-XEN_EOPNOTSUPP, REASON_NOT_SERVED, req.type);
	} else {
		rc = acquire_grant_frames(d, &req);
	}
	domain_put(d);
	if (rc == -XEN_ERESTART) {
		return hypercall_restart(__HYPERVISOR_memory_op, XENMEM_acquire_resource, arg, 0, 0,
					 0);
	}
	return !rc && copy_out(arg, &req) ? -XEN_EFAULT : rc;
}

long do_memory_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
	unsigned int op = cmd & COMMAND_MASK;

	(void)a3;
	(void)a4;
	(void)a5;
	/* Only the operations over extents know where to go on. */
	if (cmd >> EXTENT_SHIFT && op != XENMEM_increase_reservation &&
	    op != XENMEM_decrease_reservation && op != XENMEM_populate_physmap) {
		return refuse(-XEN_EINVAL, REASON_STARTS_IN_THE_MIDDLE);
	}
	switch (op) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return reservation_op(cmd, arg);
	case XENMEM_exchange:
		return exchange_op(arg);
	case XENMEM_maximum_ram_page:
		return (long)frame_max - 1;
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn:
		return domain_figure(op, arg);
	case XENMEM_machphys_mapping:
		return machphys_mapping(arg);
	case XENMEM_machphys_mfn_list:
		return machphys_mfn_list(arg);
	case XENMEM_memory_map:
		return memory_map(arg);
	case XENMEM_set_memory_map:
		return set_memory_map(arg);
	case XENMEM_machine_memory_map:
		return machine_memory_map(arg);
	case XENMEM_claim_pages:
		return claim_pages(arg);
	case XENMEM_acquire_resource:
		return acquire_resource(arg);
	case XENMEM_get_sharing_freed_pages:
	case XENMEM_get_sharing_shared_pages:
		return 0;
	case XENMEM_get_vnumainfo:
		return refuse(-XEN_EOPNOTSUPP, REASON_NOT_SERVED);
	case XENMEM_reserved_device_memory_map:
		return reserved_device_memory_map(arg);
	default:
		/* Physmap operations are for translated guests; no sharing, paging or populate-on-demand here. */
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
}
