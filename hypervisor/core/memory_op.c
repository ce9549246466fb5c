/*
 * XENMEM_*: questions about a domain's memory, where the tables about it are, its map, and what builders need.  Its
 * operations over many frames are in memory_reserve.c and memory_exchange.c.
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
#include "core/memory_op.h"
#include "core/rights.h"
#include "core/vcpu.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/dompages.h"
#include "mm/frame.h"
#include "mm/m2p.h"
#include "mm/pool.h"

#define E820_MAX	  128u
#define M2P_VIRT_START	  0xffff800000000000UL
#define M2P_VIRT_END	  0xffff804000000000UL
#define M2P_EXTENT_FRAMES 512u /* the list of the M2P's own frames is by 2 MiB */

struct e820_entry {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));

int memory_named_domain(domid_t id, struct domain **out)
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
	rc = memory_named_domain(req.domid, &d);
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
	rc = memory_named_domain(req.domid, &d);
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
	rc = memory_named_domain(req.domid, &d);
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

/* From item 'start' on.  -ERESTART: from *start on, later; or all of it again, as the table grows in steps. */
static long tell_grant_frames(struct domain *d, const struct xen_mem_acquire_resource *req,
			      uint64_t *start)
{
	bool status = req->id == XENMEM_resource_grant_table_id_status;
	mfn_t m;
	/* The last first: it makes the table large enough for all. */
	long rc = grant_frame(d, status, req->frame + req->nr_frames - 1, &m);

	for (uint64_t i = *start; !rc && i < req->nr_frames; i++) {
		rc = grant_frame(d, status, req->frame + i, &m);
		if (!rc && copy_out_at(handle_gva(req->frame_list), i, &m.n)) {
			rc = -XEN_EFAULT;
		}
		if (!rc && i % MEMORY_STRETCH == MEMORY_STRETCH - 1 && hypercall_preempt()) {
			*start = i + 1;
			rc = -XEN_ERESTART;
		}
	}
	return rc;
}

static long acquire_grant_frames(struct domain *d, struct xen_mem_acquire_resource *req,
				 uint64_t *start)
{
	bool status = req->id == XENMEM_resource_grant_table_id_status;
	unsigned int most = status ? grant_status_frames(d->grants.max_frames)
				   : d->grants.max_frames;

	if (!status && req->id != XENMEM_resource_grant_table_id_shared) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req->id);
	}
	if (!req->nr_frames) {
		if (handle_gva(req->frame_list)) {
			return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req->nr_frames);
		}
		req->nr_frames = most;
		return 0;
	}
	if (req->frame >= most || req->nr_frames > most - req->frame) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req->frame);
	}
	return tell_grant_frames(d, req, start);
}

static long acquire_resource(uint64_t cmd, gva_t arg)
{
	uint64_t start = cmd >> MEMORY_EXTENT_SHIFT;
	struct xen_mem_acquire_resource req;
	struct domain *d;
	long rc;

	if (copy_in(&req, arg)) {
		return -XEN_EFAULT;
	}
	if (req.pad) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_FLAGS, req.pad);
	}
	rc = memory_named_domain(req.domid, &d);
	if (rc) {
		return rc;
	}
	if (!rights_control(cpu_current()->domain, d)) {
		rc = refuse_at(-XEN_EPERM, REASON_NOT_CONTROLLED, req.domid);
	} else if (req.type != XENMEM_resource_grant_table) {
		rc = refuse_at(-XEN_EOPNOTSUPP, REASON_NOT_SERVED, req.type);
	} else {
		rc = acquire_grant_frames(d, &req, &start);
	}
	domain_put(d);
	if (rc == -XEN_ERESTART) {
		cmd = XENMEM_acquire_resource | start << MEMORY_EXTENT_SHIFT;
		return hypercall_restart(__HYPERVISOR_memory_op, cmd, arg, 0, 0, 0);
	}
	return !rc && copy_out(arg, &req) ? -XEN_EFAULT : rc;
}

long do_memory_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
	unsigned int op = cmd & MEMORY_COMMAND_MASK;

	(void)a3;
	(void)a4;
	(void)a5;
	/* Only the operations over extents know where to go on. */
	if (cmd >> MEMORY_EXTENT_SHIFT && op != XENMEM_increase_reservation &&
	    op != XENMEM_decrease_reservation && op != XENMEM_populate_physmap &&
	    op != XENMEM_acquire_resource) {
		return refuse(-XEN_EINVAL, REASON_STARTS_IN_THE_MIDDLE);
	}
	switch (op) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return memory_reservation(cmd, arg);
	case XENMEM_exchange:
		return memory_exchange(arg);
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
		return acquire_resource(cmd, arg);
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
