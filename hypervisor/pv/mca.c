/*
 * Machine checks, as far as a control domain asks: which processors there are.  No
 * banks are offered, so there is nothing to fetch (public/arch-x86/xen-mca.h).
 */
#include "arch/cpu.h"
#include "base/refuse.h"
#include "core/copy.h"
#include "core/hypercall.h"
#include "pv/guest.h"
#include "x86/io.h"
#include "x86/machine.h"

#include <xen/arch-x86/xen-mca.h>

static void describe_cpu(xen_mc_logical_cpu_t *c, unsigned int cpu)
{
	uint32_t a, b, d;

	__builtin_memset(c, 0, sizeof(*c));
	c->mc_cpunr = cpu;
	c->mc_chipid = cpu;
	c->mc_apicid = apic_id_of(cpu);
	c->mc_clusterid = c->mc_apicid;
	c->mc_ncores = c->mc_ncores_active = 1;
	c->mc_nthreads = 1;
	cpuid(0, 0, (uint32_t *)&c->mc_cpuid_level, (uint32_t *)&c->mc_vendorid[0],
	      (uint32_t *)&c->mc_vendorid[8], (uint32_t *)&c->mc_vendorid[4]);
	cpuid(1, 0, &a, &b, &d, &c->mc_cpu_caps[0]);
	c->mc_step = a;
	c->mc_family = (c->mc_step >> 8 & 0xf) + (c->mc_step >> 20 & 0xff);
	c->mc_model = (c->mc_step >> 4 & 0xf) | (c->mc_step >> 12 & 0xf0);
	c->mc_step &= 0xf;
}

/* How many there are; with room for their descriptions, how many were described. */
static long physcpuinfo(xen_mc_physcpuinfo_t *p)
{
	uint32_t room = p->ncpus;
	xen_mc_logical_cpu_t c;

	p->ncpus = cpu_count();
	if (!handle_gva(p->info)) {
		return 0;
	}
	if (room == 0) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, room);
	}
	p->ncpus = MIN(room, p->ncpus);
	for (uint32_t i = 0; i < p->ncpus; i++) {
		describe_cpu(&c, i);
		if (copy_out_at(handle_gva(p->info), i, &c)) {
			return -XEN_EFAULT;
		}
	}
	return 0;
}

/* Reports of one of the two kinds, to be fetched or, once handled, acknowledged: of which there are none. */
static long fetch(xen_mc_fetch_t *f)
{
	uint32_t kind = f->flags & (XEN_MC_NONURGENT | XEN_MC_URGENT);

	if (kind != XEN_MC_NONURGENT && kind != XEN_MC_URGENT) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_FLAGS, f->flags);
	}
	if (f->flags & XEN_MC_ACK) {
		return 0;
	}
	if (!handle_gva(f->data)) {
		return refuse(-XEN_EINVAL, REASON_BAD_ADDRESS);
	}
	f->flags = XEN_MC_NODATA;
	f->fetch_id = 0;
	return 0;
}

long do_mca(uint64_t arg, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct xen_mc mc;
	long rc;

	(void)a2, (void)a3, (void)a4, (void)a5;
	if (copy_in(&mc, arg)) {
		return -XEN_EFAULT;
	}
	if (mc.interface_version != XEN_MCA_INTERFACE_VERSION) {
		return refuse_at(-XEN_EACCES, REASON_INTERFACE_VERSION, mc.interface_version);
	}
	switch (mc.cmd) {
	case XEN_MC_fetch:
		rc = fetch(&mc.u.mc_fetch);
		break;
	case XEN_MC_physcpuinfo:
		rc = physcpuinfo(&mc.u.mc_physcpuinfo);
		break;
	case XEN_MC_msrinject:
	case XEN_MC_mceinject:
	case XEN_MC_inject_v2:
		return refuse_at(-XEN_ENOSYS, REASON_NOT_SERVED, mc.cmd);
	default:
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_OPERATION, mc.cmd);
	}
	return rc == 0 && copy_out(arg, &mc) ? -XEN_EFAULT : rc;
}
