/*
 * System control: the machine as the control domain's tools see it: its size, its load, its log, the list of
 * domains.  As in domctl, arguments are copied in once and a table says who answers.
 */
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/physdev.h>
#include <xen/sysctl.h>

#include "arch/cpu.h"
#include "base/log.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/debugkeys.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/sched/sched.h"
#include "ctl/domctl.h"
#include "mm/alloc.h"
#include "mm/dompages.h"
#include "mm/frame.h"
#include "x86/machine.h"

#define CHUNK		512u
#define MOST_KEYS	32u
#define COMMAND_BITS	16
#define COMMAND_MASK	((1u << COMMAND_BITS) - 1)
#define DOMAINS_AT_ONCE 4u
#define E820_TYPE_RAM	1u
#define LOCAL_DISTANCE	10u /* what ACPI calls it */

static uint64_t ram_pages(void)
{
	uint64_t addr, size, pages = 0;
	uint32_t type;
	unsigned int i;

	for (i = 0; cpu_memory_map(i, &addr, &size, &type); i++) {
		if (type == E820_TYPE_RAM) {
			pages += size >> PAGE_SHIFT;
		}
	}
	return pages;
}

/* --- the log --- */

static long read_console(struct xen_sysctl *op)
{
	struct xen_sysctl_readconsole *r = &op->u.readconsole;
	bool incremental = r->incremental;
	uint32_t room = r->count, got = 0, n;
	char chunk[CHUNK];

	do {
		n = MIN(room - got, CHUNK);
		n = (uint32_t)log_read(chunk, n, &r->index, incremental, false);
		if (n && copy_bytes_out(handle_gva(r->buffer) + got, chunk, n)) {
			return -XEN_EFAULT;
		}
		got += n;
		incremental = true; /* from here on we go on from where we are */
		cpu_preempt_point();
	} while (n && got < room);
	if (r->clear) {
		log_read(chunk, 0, &r->index, true, true);
	}
	r->count = got;
	return 0;
}

static long debug_keys(struct xen_sysctl *op)
{
	const struct xen_sysctl_debug_keys *k = &op->u.debug_keys;
	uint32_t i;

	if (k->nr_keys > MOST_KEYS) {
		return refuse_at(-XEN_E2BIG, REASON_LIST_TOO_LONG, k->nr_keys);
	}
	for (i = 0; i < k->nr_keys; i++) {
		char c;

		if (copy_in_at(&c, handle_gva(k->keys), i)) {
			return -XEN_EFAULT;
		}
		debugkeys_press(c);
	}
	return 0;
}

/* --- size and load --- */

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}

/* The feature words in the order of the ABI: 1d 1c e1d e1c Da1 7b0 7c0 e7d. */
static void fill_features(uint32_t cap[8])
{
	uint32_t r[4], top, etop;

	cpuid(0, 0, r);
	top = r[0];
	cpuid(0x80000000, 0, r);
	etop = r[0];
	cpuid(1, 0, r);
	cap[0] = r[3];
	cap[1] = r[2];
	if (etop >= 0x80000001) {
		cpuid(0x80000001, 0, r);
		cap[2] = r[3];
		cap[3] = r[2];
	}
	if (top >= 0xd) {
		cpuid(0xd, 1, r);
		cap[4] = r[0];
	}
	if (top >= 7) {
		cpuid(7, 0, r);
		cap[5] = r[1];
		cap[6] = r[2];
	}
	if (etop >= 0x80000007) {
		cpuid(0x80000007, 0, r);
		cap[7] = r[3];
	}
}

static long physinfo(struct xen_sysctl *op)
{
	op->u.physinfo = (struct xen_sysctl_physinfo){
		.threads_per_core = 1,
		.cores_per_socket = cpu_count(),
		.nr_cpus = cpu_count(),
		.max_cpu_id = cpu_count() - 1,
		.nr_nodes = 1,
		.cpu_khz = (uint32_t)clock_tsc_khz(),
		.capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 |
				XEN_SYSCTL_PHYSCAP_gnttab_v2,
		.total_pages = ram_pages(),
		.free_pages = alloc_free_count(),
		.scrub_pages = alloc_unscrubbed_count(),
		.outstanding_pages = dompages_claimed(),
		.max_mfn = frame_max - 1,
	};
	fill_features(op->u.physinfo.hw_cap);
	return 0;
}

static long sched_id(struct xen_sysctl *op)
{
	op->u.sched_id.sched_id = CTL_SCHEDULER;
	return 0;
}

/* -ERESTART: again with op as it is now.  The command's high half then says how many are told, num_domains who is next. */
static long domain_list(struct xen_sysctl *op)
{
	struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
	struct xen_domctl_getdomaininfo info;
	uint32_t told = op->cmd >> COMMAND_BITS, n = told;
	uint32_t from = n ? l->num_domains : l->first_domain;
	long rc = 0;

	op->cmd &= COMMAND_MASK;
	while (n < l->max_domains && from < DOMID_FIRST_RESERVED) {
		struct domain *d = domain_get_from((domid_t)from);

		if (!d) {
			break;
		}
		if (n > told && n % DOMAINS_AT_ONCE == 0 && hypercall_preempt()) {
			domain_put(d);
			op->cmd |= n << COMMAND_BITS;
			l->num_domains = from;
			return -XEN_ERESTART;
		}
		domctl_fill_info(d, &info);
		from = d->id + 1u;
		domain_put(d);
		if (copy_out_at(handle_gva(l->buffer), n, &info)) {
			rc = -XEN_EFAULT;
			break;
		}
		n++;
	}
	l->num_domains = n;
	return rc;
}

static long cpu_info(struct xen_sysctl *op)
{
	struct xen_sysctl_getcpuinfo *g = &op->u.getcpuinfo;
	uint32_t i;

	for (i = 0; i < g->max_cpus && i < cpu_count(); i++) {
		struct xen_sysctl_cpuinfo info = { .idletime = (uint64_t)sched_cpu_idle_time(i) };

		if (copy_out_at(handle_gva(g->info), i, &info)) {
			return -XEN_EFAULT;
		}
	}
	g->nr_cpus = i;
	return 0;
}

/* Of all memory: free frames are not counted by address width. */
static long available_heap(struct xen_sysctl *op)
{
	op->u.availheap.avail_bytes = op->u.availheap.node > 0 ? 0
							       : alloc_free_count() << PAGE_SHIFT;
	return 0;
}

/* --- topology: every CPU a core of one socket, on one node --- */

static long cpu_topology(struct xen_sysctl *op)
{
	struct xen_sysctl_cputopoinfo *t = &op->u.cputopoinfo;
	gva_t to = handle_gva(t->cputopo);
	uint32_t i, n = to ? MIN(t->num_cpus, cpu_count()) : 0;

	for (i = 0; i < n; i++) {
		struct xen_sysctl_cputopo topo = { .core = i, .socket = 0, .node = 0 };

		if (copy_out_at(to, i, &topo)) {
			return -XEN_EFAULT;
		}
	}
	t->num_cpus = to ? n : cpu_count();
	return 0;
}

static long numa_info(struct xen_sysctl *op)
{
	struct xen_sysctl_numainfo *n = &op->u.numainfo;
	gva_t memory = handle_gva(n->meminfo), distance = handle_gva(n->distance);

	if (n->num_nodes && memory) {
		struct xen_sysctl_meminfo m = {
			.memsize = ram_pages() << PAGE_SHIFT,
			.memfree = alloc_free_count() << PAGE_SHIFT,
		};

		if (copy_out(memory, &m)) {
			return -XEN_EFAULT;
		}
	}
	if (n->num_nodes && distance) {
		uint32_t self = LOCAL_DISTANCE;

		if (copy_out(distance, &self)) {
			return -XEN_EFAULT;
		}
	}
	n->num_nodes = 1;
	return 0;
}

/* --- CPU pools: there is number 0, with everything in it --- */

static long cpu_pool(struct xen_sysctl *op)
{
	struct xen_sysctl_cpupool_op *p = &op->u.cpupool_op;

	switch (p->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		/* The pool named, or the next above it. */
		if (p->cpupool_id != 0 && p->cpupool_id != XEN_SYSCTL_CPUPOOL_PAR_ANY) {
			return refuse_at(-XEN_ENOENT, REASON_NO_SUCH_POOL, p->cpupool_id);
		}
		p->cpupool_id = 0;
		p->sched_id = CTL_SCHEDULER;
		p->n_dom = (uint32_t)domain_count();
		return domctl_mask_out(&p->cpumap, cpu_online());
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		return domctl_mask_out(&p->cpumap, 0);
	case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
		return p->cpupool_id == 0
			       ? 0
			       : refuse_at(-XEN_ENOENT, REASON_NO_SUCH_POOL, p->cpupool_id);
	default:
		return refuse_at(-XEN_EOPNOTSUPP, REASON_NOT_SERVED, p->op);
	}
}

static long levelling(struct xen_sysctl *op)
{
	op->u.cpu_levelling_caps.caps = 0;
	return 0;
}

/* --- dispatch --- */

static const struct {
	long (*fn)(struct xen_sysctl *op);
	bool goes_on; /* may stop, with how far it came in the command's high half */
} table[] = {
	[XEN_SYSCTL_readconsole] = { read_console },
	[XEN_SYSCTL_physinfo] = { physinfo },
	[XEN_SYSCTL_sched_id] = { sched_id },
	[XEN_SYSCTL_getdomaininfolist] = { domain_list, true },
	[XEN_SYSCTL_debug_keys] = { debug_keys },
	[XEN_SYSCTL_getcpuinfo] = { cpu_info },
	[XEN_SYSCTL_availheap] = { available_heap },
	[XEN_SYSCTL_cputopoinfo] = { cpu_topology },
	[XEN_SYSCTL_numainfo] = { numa_info },
	[XEN_SYSCTL_cpupool_op] = { cpu_pool },
	[XEN_SYSCTL_get_cpu_levelling_caps] = { levelling },
};

/* The answer to what is not served: the errno by which tools go on without it. */
static long refused(uint32_t cmd)
{
	switch (cmd) {
	case XEN_SYSCTL_psr_cmt_op:
	case XEN_SYSCTL_psr_alloc:
		return refuse_at(-XEN_ENODEV, REASON_NOT_SERVED, cmd);
	case XEN_SYSCTL_scheduler_op: /* the policy has nothing to turn yet */
	case XEN_SYSCTL_get_cpu_featureset:
	case XEN_SYSCTL_get_cpu_policy:
	case XEN_SYSCTL_cpu_hotplug:
	case XEN_SYSCTL_page_offline_op:
	case XEN_SYSCTL_coverage_op:
	case XEN_SYSCTL_livepatch_op:
		return refuse_at(-XEN_EOPNOTSUPP, REASON_NOT_SERVED, cmd);
	case XEN_SYSCTL_pm_op:
	case XEN_SYSCTL_get_pmstat:
		return refuse_at(-XEN_EINVAL, REASON_NOT_SERVED, cmd);
	default:
		return refuse_at(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION, cmd);
	}
}

long do_sysctl(uint64_t arg, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct xen_sysctl op;
	uint32_t cmd;
	long rc;

	(void)a2;
	(void)a3;
	(void)a4;
	(void)a5;
	if (copy_in(&op, arg)) {
		return -XEN_EFAULT;
	}
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION) {
		return refuse_at(-XEN_EACCES, REASON_INTERFACE_VERSION, op.interface_version);
	}
	cmd = op.cmd & COMMAND_MASK;
	if (cmd >= ARRAY_SIZE(table) || !table[cmd].fn || (op.cmd != cmd && !table[cmd].goes_on)) {
		return refused(op.cmd);
	}
	rc = table[cmd].fn(&op);
	if (rc == -XEN_ERESTART) {
		return copy_out(arg, &op) ? -XEN_EFAULT
					  : hypercall_restart(__HYPERVISOR_sysctl, arg, 0, 0, 0, 0);
	}
	return !rc && copy_out(arg, &op) ? -XEN_EFAULT : rc;
}
