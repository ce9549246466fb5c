/*
 * Domain control: what only the control domain may ask about other domains.
 *
 * The arguments are one big structure: copied in once, acted upon, and copied out if the operation
 * has an answer.  One table says for each operation what does it, whether it answers, and whether it must
 * be alone.  No lock is held in any of them when they begin.
 */
#include "ctl/domctl.h"

#include <stdatomic.h>

#include <xen/errno.h>

#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/rights.h"
#include "core/sched/sched.h"
#include "core/time.h"
#include "core/vcpu.h"
#include "lib/string.h"

#define DEFAULT_GRANT_FRAMES	64
#define DEFAULT_MAPTRACK_FRAMES 1024
#define MOST_GRANT_FRAMES	1024
#define MOST_MAPTRACK_FRAMES	4096
#define MOST_BITS		(1u << 16) /* of a bitmap of CPUs or nodes to be filled in */

/*
 * Set while an operation that must be alone runs.  Not a spin lock: such an operation may wait for a domain
 * to stop, and whoever finds it set doesn't wait but has its guest call again.
 */
static atomic_bool busy;

struct vcpu *domctl_vcpu(const struct domain *d, uint32_t id)
{
	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

/* --- create and destroy --- */

static long config_from(const struct xen_domctl_createdomain *req, struct domain_config *c)
{
	/* Only plain paravirtual guests: no hardware assistance, no IOMMU, no tracing buffers. */
	if (req->flags & ~(uint32_t)XEN_DOMCTL_CDF_xs_domain || req->iommu_opts ||
	    req->vmtrace_size || req->arch.emulation_flags) {
		return refuse_at(-XEN_EINVAL, REASON_NOT_PARAVIRTUAL, req->flags);
	}
	if (req->grant_opts < 1 || req->grant_opts > 2) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req->grant_opts);
	}
	if (req->max_vcpus < 1 || req->max_vcpus > MAX_VCPUS) {
		return refuse_at(-XEN_EINVAL, REASON_TOO_MANY_VCPUS, req->max_vcpus);
	}
	if (req->max_grant_frames > MOST_GRANT_FRAMES ||
	    req->max_maptrack_frames > MOST_MAPTRACK_FRAMES) {
		return refuse_at(-XEN_EINVAL, REASON_GRANT_LIMITS,
				 MAX(req->max_grant_frames, req->max_maptrack_frames));
	}
	if (req->cpupool_id != 0) {
		return refuse_at(-XEN_ESRCH, REASON_NO_SUCH_POOL, req->cpupool_id);
	}
	c->max_vcpus = req->max_vcpus;
	c->max_pages = 0; /* until max_mem */
	c->max_evtchn_port = MIN(req->max_evtchn_port, EVTCHN_PORTS - 1);
	c->max_grant_version = XEN_DOMCTL_GRANT_version(req->grant_opts);
	c->max_grant_frames = req->max_grant_frames < 0 ? DEFAULT_GRANT_FRAMES
							: (uint32_t)req->max_grant_frames;
	c->max_maptrack_frames = req->max_maptrack_frames < 0 ? DEFAULT_MAPTRACK_FRAMES
							      : (uint32_t)req->max_maptrack_frames;
	c->ssidref = req->ssidref;
	memcpy(c->uuid, req->handle, sizeof(c->uuid));
	c->privileged = false;
	return 0;
}

static long create(struct domain *none, struct xen_domctl *op)
{
	struct domain_config c;
	struct domain *d;
	domid_t id = op->domain;
	long rc = config_from(&op->u.createdomain, &c);

	(void)none;
	if (rc) {
		return rc;
	}
	if (id == 0 || id >= DOMID_FIRST_RESERVED) {
		id = DOMID_INVALID; /* any that is free */
	}
	rc = domain_create(&id, &c, &d);
	if (!rc) {
		op->domain = id;
	}
	return rc;
}

static long destroy(struct domain *d, struct xen_domctl *op)
{
	(void)op;
	return d == cpu_current()->domain ? refuse(-XEN_EINVAL, REASON_NOT_UPON_ITSELF)
					  : domain_kill(d);
}

static long pause(struct domain *d, struct xen_domctl *op)
{
	(void)op;
	if (d == cpu_current()->domain) {
		return refuse(-XEN_EINVAL, REASON_NOT_UPON_ITSELF);
	}
	domain_pause(d);
	return 0;
}

static long unpause(struct domain *d, struct xen_domctl *op)
{
	(void)op;
	return domain_unpause(d);
}

static long resume(struct domain *d, struct xen_domctl *op)
{
	(void)op;
	if (d == cpu_current()->domain) {
		return refuse(-XEN_EINVAL, REASON_NOT_UPON_ITSELF);
	}
	domain_resume(d);
	return 0;
}

/* --- information --- */

/* Nanoseconds a vCPU has run, up to now. */
static uint64_t vcpu_ran(struct vcpu *v)
{
	struct vcpu_runstate_info r;

	sched_runstate_get(v, &r);
	return r.time[RUNSTATE_running];
}

/* A domain is running if a vCPU runs, blocked if all that are up wait. */
static void fill_vcpus(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	unsigned int i;

	info->flags |= XEN_DOMINF_blocked;
	info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	for (i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];
		uint32_t pf;

		if (!v) {
			continue;
		}
		info->max_vcpu_id = i;
		info->cpu_time += vcpu_ran(v);
		pf = atomic_load(&v->pause_flags);
		if (pf & VPF_DOWN) {
			continue;
		}
		info->nr_online_vcpus++;
		if (!(pf & (VPF_BLOCKED | VPF_POLLING))) {
			info->flags &= ~(uint32_t)XEN_DOMINF_blocked;
		}
		if (atomic_load(&v->running)) {
			info->flags |= XEN_DOMINF_running;
		}
	}
}

void domctl_fill_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = d->id;
	fill_vcpus(d, info);
	if (d->dying) {
		info->flags |= XEN_DOMINF_dying;
	}
	if (d->shutdown) {
		info->flags |= XEN_DOMINF_shutdown;
	}
	if (d->pause_count) {
		info->flags |= XEN_DOMINF_paused;
	}
	info->flags |= (d->shutdown_code & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
	info->tot_pages = d->pages.total;
	info->max_pages = d->pages.max;
	info->outstanding_pages = d->pages.outstanding;
	info->shared_info_frame = d->shared ? virt_to_frame(d->shared).n : ~0UL;
	info->ssidref = d->ssidref;
	memcpy(info->handle, d->uuid, sizeof(info->handle));
}

/* Of the domain named, or the next above it. */
static long get_info(struct domain *none, struct xen_domctl *op)
{
	struct domain *d = domain_get_from(op->domain);

	(void)none;
	if (op->domain >= DOMID_FIRST_RESERVED) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_DOMAIN_ID, op->domain);
	}
	if (!d) {
		return refuse_at(-XEN_ESRCH, REASON_NO_SUCH_DOMAIN, op->domain);
	}
	domctl_fill_info(d, &op->u.getdomaininfo);
	op->domain = d->id;
	domain_put(d);
	return 0;
}

static long get_vcpu_info(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
	struct vcpu *v = domctl_vcpu(d, info->vcpu);
	uint32_t pf;

	if (!v) {
		return info->vcpu >= d->max_vcpus
			       ? refuse_at(-XEN_EINVAL, REASON_NO_SUCH_VCPU, info->vcpu)
			       : refuse_at(-XEN_ESRCH, REASON_NO_SUCH_VCPU, info->vcpu);
	}
	pf = atomic_load(&v->pause_flags);
	info->online = !(pf & VPF_DOWN);
	info->blocked = (pf & (VPF_BLOCKED | VPF_POLLING)) != 0;
	info->running = atomic_load(&v->running);
	info->cpu_time = vcpu_ran(v);
	info->cpu = atomic_load(&v->cpu);
	return 0;
}

/* --- limits and properties --- */

static long max_mem(struct domain *d, struct xen_domctl *op)
{
	spin_lock(&d->pages.lock);
	d->pages.max = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);
	spin_unlock(&d->pages.lock);
	return 0;
}

/* vCPUs come with the domain; the operation remains to confirm their number. */
static long max_vcpus(struct domain *d, struct xen_domctl *op)
{
	return op->u.max_vcpus.max == d->max_vcpus
		       ? 0
		       : refuse_at(-XEN_EINVAL, REASON_TOO_MANY_VCPUS, op->u.max_vcpus.max);
}

static long set_handle(struct domain *d, struct xen_domctl *op)
{
	memcpy(d->uuid, op->u.setdomainhandle.handle, sizeof(d->uuid));
	return 0;
}

static long set_time_offset(struct domain *d, struct xen_domctl *op)
{
	d->time_offset = op->u.settimeoffset.time_offset_seconds;
	time_update_domain(d);
	return 0;
}

/* --- affinity --- */

int domctl_mask_in(uint64_t *mask, const struct xenctl_bitmap *from)
{
	size_t bytes = MIN((from->nr_bits + 7) / 8, sizeof(*mask));

	*mask = 0;
	if (bytes && copy_bytes_in(mask, handle_gva(from->bitmap), bytes)) {
		return -XEN_EFAULT;
	}
	if (from->nr_bits < 64) {
		*mask &= ((uint64_t)1 << from->nr_bits) - 1;
	}
	return 0;
}

int domctl_mask_out(const struct xenctl_bitmap *to, uint64_t mask)
{
	size_t bytes = ((size_t)to->nr_bits + 7) / 8, head = MIN(bytes, sizeof(mask));
	gva_t at = handle_gva(to->bitmap);

	if (to->nr_bits > MOST_BITS) {
		return refuse_at(-XEN_E2BIG, REASON_LIST_TOO_LONG,
				 to->nr_bits); /* to clear it all would take too long */
	}
	if (to->nr_bits < 64) {
		mask &= ((uint64_t)1 << to->nr_bits) - 1;
	}
	if (head && copy_bytes_out(at, &mask, head)) {
		return -XEN_EFAULT;
	}
	return bytes > head && copy_zeros_out(at + head, bytes - head) ? -XEN_EFAULT : 0;
}

/* Hard affinity is what we have; soft is taken note of by answering what it comes to: the hard one. */
static long set_affinity(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	struct vcpu *v = domctl_vcpu(d, a->vcpu);
	uint64_t mask;
	long rc = 0;

	if (!v) {
		return a->vcpu >= d->max_vcpus
			       ? refuse_at(-XEN_EINVAL, REASON_NO_SUCH_VCPU, a->vcpu)
			       : refuse_at(-XEN_ESRCH, REASON_NO_SUCH_VCPU, a->vcpu);
	}
	if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT))) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_FLAGS, a->flags);
	}
	if (a->cpumap_hard.nr_bits > MOST_BITS || a->cpumap_soft.nr_bits > MOST_BITS) {
		return refuse(-XEN_E2BIG, REASON_LIST_TOO_LONG); /* could not be answered */
	}
	if (a->flags & XEN_VCPUAFFINITY_HARD) {
		rc = domctl_mask_in(&mask, &a->cpumap_hard);
		if (!rc) {
			rc = sched_set_affinity(v, mask);
		}
		if (!rc) {
			rc = domctl_mask_out(&a->cpumap_hard, v->affinity & cpu_online());
		}
	}
	if (!rc && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
		rc = domctl_mask_out(&a->cpumap_soft, v->affinity & cpu_online());
	}
	return rc;
}

static long get_affinity(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	struct vcpu *v = domctl_vcpu(d, a->vcpu);
	long rc = 0;

	if (!v) {
		return a->vcpu >= d->max_vcpus
			       ? refuse_at(-XEN_EINVAL, REASON_NO_SUCH_VCPU, a->vcpu)
			       : refuse_at(-XEN_ESRCH, REASON_NO_SUCH_VCPU, a->vcpu);
	}
	if (a->flags & XEN_VCPUAFFINITY_HARD) {
		rc = domctl_mask_out(&a->cpumap_hard, v->affinity);
	}
	if (!rc && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
		rc = domctl_mask_out(&a->cpumap_soft, CPUMASK_ALL);
	}
	return rc;
}

/* There is one node. */
static long set_node_affinity(struct domain *d, struct xen_domctl *op)
{
	uint64_t nodes;
	long rc = domctl_mask_in(&nodes, &op->u.nodeaffinity.nodemap);

	(void)d;
	return rc ? rc : nodes ? 0 : refuse_at(-XEN_EINVAL, REASON_NO_CPU_IN_MASK, nodes);
}

static long get_node_affinity(struct domain *d, struct xen_domctl *op)
{
	(void)d;
	return domctl_mask_out(&op->u.nodeaffinity.nodemap, 1);
}

/* A weight can be set; caps are not enforced, so only "none" is accepted.  All ones: leave the cap as it is. */
static long set_weight(struct domain *d, const struct xen_domctl_sched_credit *c)
{
	if (c->cap != 0 && c->cap != UINT16_MAX) {
		return refuse_at(-XEN_EOPNOTSUPP, REASON_NO_SUCH_POLICY, c->cap);
	}
	if (c->weight) {
		__atomic_store_n(&d->sched_weight, c->weight, __ATOMIC_RELAXED);
	}
	return 0;
}

static long scheduler(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;

	if (s->sched_id != CTL_SCHEDULER) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_POLICY, s->sched_id);
	}
	switch (s->cmd) {
	case XEN_DOMCTL_SCHEDOP_getinfo:
		s->u.credit.weight = (uint16_t)d->sched_weight;
		s->u.credit.cap = 0;
		return 0;
	case XEN_DOMCTL_SCHEDOP_putinfo:
		return set_weight(d, &s->u.credit);
	default:
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_OPERATION, s->cmd);
	}
}

/* --- devices --- */

/* No guest but the owner of the devices has any; taking away what it does not have is fine. */
static long permission(const struct domain *d, bool allow)
{
	return !allow || d->hardware ? 0 : refuse(-XEN_EOPNOTSUPP, REASON_NO_DEVICES);
}

static long irq_permission(struct domain *d, struct xen_domctl *op)
{
	return permission(d, op->u.irq_permission.allow_access);
}

static long iomem_permission(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_iomem_permission *p = &op->u.iomem_permission;

	if (p->first_mfn + p->nr_mfns < p->first_mfn || !p->nr_mfns) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, p->nr_mfns);
	}
	return permission(d, p->allow_access);
}

static long ioport_permission(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_ioport_permission *p = &op->u.ioport_permission;

	if (!p->nr_ports || p->first_port >= 0x10000 || p->nr_ports > 0x10000 - p->first_port) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, p->nr_ports);
	}
	return permission(d, p->allow_access);
}

/* Global VIRQs go to the control domain, and can't be sent elsewhere. */
static long set_virq_handler(struct domain *d, struct xen_domctl *op)
{
	(void)op;
	return d == dom0 ? 0 : refuse(-XEN_EOPNOTSUPP, REASON_NOT_SERVED);
}

static long accept(struct domain *d, struct xen_domctl *op)
{
	(void)d;
	(void)op;
	return 0;
}

/* --- the table --- */

enum {
	ANSWERS = 1,   /* the structure is copied out on success */
	ALONE = 2,     /* one at a time */
	NO_DOMAIN = 4, /* op.domain need not name one */
};

static const struct {
	domctl_fn fn;
	unsigned int how;
} table[] = {
	[XEN_DOMCTL_createdomain] = { create, ANSWERS | NO_DOMAIN },
	[XEN_DOMCTL_destroydomain] = { destroy, ALONE },
	[XEN_DOMCTL_pausedomain] = { pause, 0 },
	[XEN_DOMCTL_unpausedomain] = { unpause, 0 },
	[XEN_DOMCTL_resumedomain] = { resume, 0 },
	[XEN_DOMCTL_getdomaininfo] = { get_info, ANSWERS | NO_DOMAIN },
	[XEN_DOMCTL_getvcpuinfo] = { get_vcpu_info, ANSWERS },
	[XEN_DOMCTL_max_mem] = { max_mem, ALONE },
	[XEN_DOMCTL_max_vcpus] = { max_vcpus, 0 },
	[XEN_DOMCTL_setdomainhandle] = { set_handle, ALONE },
	[XEN_DOMCTL_settimeoffset] = { set_time_offset, ALONE },
	[XEN_DOMCTL_setvcpuaffinity] = { set_affinity, ALONE | ANSWERS },
	[XEN_DOMCTL_getvcpuaffinity] = { get_affinity, ANSWERS },
	[XEN_DOMCTL_setnodeaffinity] = { set_node_affinity, 0 },
	[XEN_DOMCTL_getnodeaffinity] = { get_node_affinity, ANSWERS },
	[XEN_DOMCTL_scheduler_op] = { scheduler, ANSWERS },
	[XEN_DOMCTL_setdebugging] = { accept, 0 },
	[XEN_DOMCTL_irq_permission] = { irq_permission, 0 },
	[XEN_DOMCTL_iomem_permission] = { iomem_permission, 0 },
	[XEN_DOMCTL_ioport_permission] = { ioport_permission, 0 },
	[XEN_DOMCTL_set_virq_handler] = { set_virq_handler, 0 },
	[XEN_DOMCTL_setvcpucontext] = { domctl_set_context, ALONE },
	[XEN_DOMCTL_getvcpucontext] = { domctl_get_context, ALONE | ANSWERS },
	[XEN_DOMCTL_hypercall_init] = { domctl_hypercall_init, 0 },
	[XEN_DOMCTL_set_address_size] = { domctl_set_address_size, 0 },
	[XEN_DOMCTL_get_address_size] = { domctl_get_address_size, ANSWERS },
	[XEN_DOMCTL_getpageframeinfo3] = { domctl_page_info, 0 },
	[XEN_DOMCTL_gettscinfo] = { domctl_get_tsc, ANSWERS },
	[XEN_DOMCTL_settscinfo] = { domctl_set_tsc, 0 },
	[XEN_DOMCTL_shadow_op] = { domctl_shadow_op, ANSWERS },
	[XEN_DOMCTL_get_vcpu_msrs] = { domctl_get_msrs, ANSWERS },
	[XEN_DOMCTL_set_vcpu_msrs] = { domctl_set_msrs, ANSWERS },
};

/* Known to the ABI, not served for want of a user: extended contexts, policies, tracing, introspection. */
static bool known(uint32_t cmd)
{
	switch (cmd) {
	case XEN_DOMCTL_set_ext_vcpucontext:
	case XEN_DOMCTL_get_ext_vcpucontext:
	case XEN_DOMCTL_setvcpuextstate:
	case XEN_DOMCTL_getvcpuextstate:
	case XEN_DOMCTL_get_cpu_policy:
	case XEN_DOMCTL_set_cpu_policy:
	case XEN_DOMCTL_subscribe:
	case XEN_DOMCTL_vm_event_op:
	case XEN_DOMCTL_monitor_op:
	case XEN_DOMCTL_setvnumainfo:
	case XEN_DOMCTL_vmtrace_op:
	case XEN_DOMCTL_soft_reset:
	case XEN_DOMCTL_get_paging_mempool_size:
	case XEN_DOMCTL_set_paging_mempool_size:
		return true;
	default:
		return false;
	}
}

static long run(struct xen_domctl *op, unsigned int i)
{
	struct domain *d = NULL;
	long rc;

	if (!(table[i].how & NO_DOMAIN)) {
		d = domain_get(op->domain);
		if (!d) {
			return refuse_at(-XEN_ESRCH, REASON_NO_SUCH_DOMAIN, op->domain);
		}
		if (!rights_control(cpu_current()->domain, d)) {
			domain_put(d);
			return refuse_at(-XEN_EPERM, REASON_NOT_CONTROLLED, op->domain);
		}
	}
	rc = table[i].fn(d, op);
	if (d) {
		domain_put(d);
	}
	return rc;
}

long do_domctl(uint64_t arg, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct xen_domctl op;
	unsigned int how;
	long rc;

	(void)a2;
	(void)a3;
	(void)a4;
	(void)a5;
	if (copy_in(&op, arg)) {
		return -XEN_EFAULT;
	}
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION) {
		return refuse_at(-XEN_EACCES, REASON_INTERFACE_VERSION, op.interface_version);
	}
	if (op.cmd >= ARRAY_SIZE(table) || !table[op.cmd].fn) {
		return known(op.cmd) ? refuse_at(-XEN_EOPNOTSUPP, REASON_NOT_SERVED, op.cmd)
				     : refuse_at(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION, op.cmd);
	}
	how = table[op.cmd].how;
	if (how & ALONE && atomic_exchange_explicit(&busy, true, memory_order_acquire)) {
		/* Someone is at it on another CPU: let work in and come again. */
		hypercall_preempt();
		return hypercall_restart(__HYPERVISOR_domctl, arg, 0, 0, 0, 0);
	}
	rc = run(&op, op.cmd);
	if (how & ALONE) {
		atomic_store_explicit(&busy, false, memory_order_release);
	}
	if (rc == -XEN_ERESTART) {
		return hypercall_restart(__HYPERVISOR_domctl, arg, 0, 0, 0, 0);
	}
	return !rc && how & ANSWERS && copy_out(arg, &op) ? -XEN_EFAULT : rc;
}
