/*
 * The hypercall, and those of its operations that are one structure each: sizes, versions, swapping.
 */
#include <xen/errno.h>

#include "arch/cpu.h"
#include "base/log.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/grant_entry.h"
#include "core/grant_version.h"
#include "core/rights.h"
#include "core/vcpu.h"
#include "lib/string.h"
#include "mm/frame.h"

/* The domain named, referenced, if the caller may ask about it; else NULL and why. */
static struct domain *named_domain(domid_t id, int16_t *why)
{
	struct domain *self = cpu_current()->domain, *d = domain_get(id);

	if (!d) {
		*why = (int16_t)refuse_at(GNTST_bad_domain, REASON_NO_SUCH_DOMAIN, id);
		return NULL;
	}
	if (d != self && !rights_control(self, d)) {
		domain_put(d);
		*why = (int16_t)refuse_at(GNTST_permission_denied, REASON_NOT_CONTROLLED, id);
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

/*
 * An operation on the domain it names: its structure is copied in, the domain found, 'act' done, the answer copied out.
 * What act returns other than 0 is the call's end, with no answer.
 */
static long on_named(gva_t uop, void *op, size_t size, domid_t *id, int16_t *status,
		     long (*act)(struct domain *d, void *op))
{
	struct domain *d;
	long rc = 0;

	if (copy_bytes_in(op, uop, size)) {
		return -XEN_EFAULT;
	}
	d = named_domain(*id, status);
	if (d) {
		rc = act(d, op);
		domain_put(d);
	}
	return !rc && copy_bytes_out(uop, op, size) ? -XEN_EFAULT : rc;
}
#define ON_NAMED(uop, op, act) on_named(uop, &(op), sizeof(op), &(op).dom, &(op).status, act)

static long grow_table(struct domain *d, void *arg)
{
	struct gnttab_setup_table *op = arg;
	long rc = grant_table_grow(&d->grants, op->nr_frames);

	if (!rc) {
		return list_frames(&d->grants, handle_gva(op->frame_list), op->nr_frames);
	}
	if (rc != -XEN_ERESTART) {
		op->status = (int16_t)refuse_as(GNTST_general_error);
		rc = 0;
	}
	return rc;
}

static long setup_table(gva_t uop)
{
	struct gnttab_setup_table op;
	long rc = ON_NAMED(uop, op, grow_table);

	return rc == -XEN_ERESTART ? hypercall_restart(__HYPERVISOR_grant_table_op,
						       GNTTABOP_setup_table, uop, 1, 0, 0)
				   : rc;
}

static long tell_size(struct domain *d, void *arg)
{
	struct gnttab_query_size *op = arg;

	op->nr_frames = d->grants.frames;
	op->max_nr_frames = d->grants.max_frames;
	return 0;
}

static long query_size(gva_t uop)
{
	struct gnttab_query_size op;

	return ON_NAMED(uop, op, tell_size);
}

static long set_version(gva_t uop)
{
	struct grant_table *t = &cpu_current()->domain->grants;
	struct gnttab_set_version op;
	long rc;

	if (copy_in(&op, uop)) {
		return -XEN_EFAULT;
	}
	if (op.version != 1 && op.version != 2) {
		rc = refuse_at(-XEN_EINVAL, REASON_GRANT_VERSION, op.version);
	} else if (op.version > t->max_version) {
		rc = refuse_at(-XEN_ENOSYS, REASON_GRANT_VERSION,
			       op.version); /* as if the question were unknown */
	} else {
		rc = grant_version_change(t, op.version);
	}
	if (rc == -XEN_ERESTART) {
		return hypercall_restart(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, uop, 1,
					 0, 0);
	}
	op.version = t->version;
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
		return refuse_as(why == GNTST_bad_domain ? -XEN_ESRCH : -XEN_EPERM);
	}
	op.version = d->grants.version;
	domain_put(d);
	return copy_out(uop, &op) ? -XEN_EFAULT : 0;
}

/* Tells the first n status frames.  GNTST_*: one is missing, the list cannot be written. */
static int16_t list_status_frames(struct domain *d, gva_t list, unsigned int n)
{
	if (n > d->grants.status_frames) {
		return (int16_t)refuse_at(GNTST_general_error, REASON_BAD_ARGUMENT, n);
	}
	for (unsigned int i = 0; i < n; i++) {
		uint64_t frame;
		mfn_t m;

		/* It may be gone by now: nobody asked another vCPU to keep the version. */
		if (grant_table_status_frame(d, i, &m)) {
			return (int16_t)refuse_as(GNTST_general_error);
		}
		frame = m.n;
		if (copy_out_at(list, i, &frame)) {
			return (int16_t)refuse_as(GNTST_bad_virt_addr);
		}
	}
	return GNTST_okay;
}

static long tell_status_frames(struct domain *d, void *arg)
{
	struct gnttab_get_status_frames *op = arg;

	op->status = list_status_frames(d, handle_gva(op->frame_list), op->nr_frames);
	return 0;
}

static long get_status_frames(gva_t uop)
{
	struct gnttab_get_status_frames op;

	return ON_NAMED(uop, op, tell_status_frames);
}

static uint16_t flags_of(const struct grant_table *t, uint32_t ref)
{
	const uint16_t *flags = t->version == 1 ? &grant_shared_entry(t, ref)->flags
						: &grant_shared_v2_entry(t, ref)->hdr.flags;

	return __atomic_load_n(flags, __ATOMIC_RELAXED);
}

/* One line to the log, for `pav census` to read there: nobody waits for it on the console. */
static void log_table(struct domain *d)
{
	struct grant_table *t = &d->grants;
	unsigned int granted = 0, used = 0;

	spin_lock(&t->lock);
	for (uint32_t ref = 0; ref < t->refs; ref++) {
		granted += (flags_of(t, ref) & GTF_type_mask) != GTF_invalid;
		used += grant_in_use(grant_active_entry(t, ref));
	}
	log_debug("d%u: grant table of %u/%u frames, %u entries granted, %u in use, %u mappings held, version %u, %u status frames",
		  d->id, t->frames, t->max_frames, granted, used, t->maps, t->version,
		  t->status_frames);
	spin_unlock(&t->lock);
}

/* For whoever controls the domain: not for itself. */
static long log_controlled(struct domain *d, void *arg)
{
	struct gnttab_dump_table *op = arg;

	if (rights_control(cpu_current()->domain, d)) {
		log_table(d);
	} else {
		op->status = (int16_t)refuse_at(GNTST_permission_denied, REASON_NOT_CONTROLLED,
						op->dom);
	}
	return 0;
}

static long dump_table(gva_t uop)
{
	struct gnttab_dump_table op;

	return ON_NAMED(uop, op, log_controlled);
}

static void swap_bytes(void *a, void *b, size_t size)
{
	uint8_t kept[sizeof(grant_entry_v2_t)];

	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

static int16_t swap_entries(struct grant_table *t, uint32_t ra, uint32_t rb)
{
	int16_t rc = GNTST_okay;

	spin_lock(&t->lock);
	if (ra >= t->refs || rb >= t->refs) {
		rc = (int16_t)refuse_at(GNTST_bad_gntref, REASON_BAD_GRANT, MAX(ra, rb));
	} else if (ra == rb) {
		/* nothing moves, so it may be in use */
	} else if (grant_in_use(grant_active_entry(t, ra)) ||
		   grant_in_use(grant_active_entry(t, rb))) {
		rc = (int16_t)refuse_at(GNTST_eagain, REASON_GRANT_IN_USE, ra);
	} else if (t->version == 1) {
		swap_bytes(grant_shared_entry(t, ra), grant_shared_entry(t, rb),
			   sizeof(grant_entry_v1_t));
	} else {
		swap_bytes(grant_shared_v2_entry(t, ra), grant_shared_v2_entry(t, rb),
			   sizeof(grant_entry_v2_t));
	}
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
	int16_t refused = (int16_t)refuse(GNTST_bad_page, REASON_NO_GRANT_TRANSFER);

	return copy_out(uop + offsetof(struct gnttab_transfer, status), &refused) ? -XEN_EFAULT : 0;
}

/*
 * Nothing has to be done, and nothing can be undone: caches are coherent here, with devices too.  What would be wrong
 * anywhere is refused all the same.  Another's frame is, even if it is mapped: to find that out would take a walk
 * through all handles.
 */
static long cache_flush(gva_t uop)
{
	const uint32_t known = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL;
	struct gnttab_cache_flush op;
	mfn_t m;

	if (copy_in(&op, uop)) {
		return -XEN_EFAULT;
	}
	m = mfn(op.a.dev_bus_addr >> PAGE_SHIFT);
	if (op.offset >= PAGE_SIZE || op.offset + op.length > PAGE_SIZE || (op.op & ~known)) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, op.op);
	}
	if (!op.length || !op.op) {
		return 0;
	}
	if (!frame_valid(m) || frame_of(m)->owner == FRAME_OWNER_IO) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_FRAME, m.n); /* not memory */
	}
	if (!frame_get(m, cpu_current()->domain)) {
		return refuse_at(-XEN_EPERM, REASON_FRAME_NOT_OWNED, m.n);
	}
	frame_put(m);
	return op.op & GNTTAB_CACHE_CLEAN ? 0 : refuse(-XEN_EOPNOTSUPP, REASON_NOT_SERVED);
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
	[GNTTABOP_cache_flush] = { cache_flush, sizeof(struct gnttab_cache_flush), false },
};

static long small_op(unsigned int cmd, gva_t uop, unsigned int count)
{
	unsigned int i;

	if (cmd >= ARRAY_SIZE(small_ops) || !small_ops[cmd].one) {
		return refuse_at(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION, cmd);
	}
	if (small_ops[cmd].single && count != 1) {
		return refuse_at(-XEN_EINVAL, REASON_LIST_TOO_LONG, count);
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

long do_grant_table_op(uint64_t cmd32, uint64_t uop, uint64_t count32, uint64_t a4, uint64_t a5)
{
	unsigned int cmd = (unsigned int)cmd32, count = (unsigned int)count32;

	(void)a4;
	(void)a5;
	if ((int)count < 0) {
		return refuse_at(-XEN_EINVAL, REASON_LIST_TOO_LONG, count);
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
	default:
		return small_op(cmd, uop, count);
	}
}
