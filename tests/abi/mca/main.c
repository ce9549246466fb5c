/*
 * Machine checks, for the control domain (public/arch-x86/xen-mca.h): how many processors there are and which, as much of
 * them as there is room for; fetching and acknowledging reports, of which an emulated machine has none; everything else
 * refused, and nobody else served.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/test.h"

#include <xen/arch-x86/xen-mca.h>
#include <xen/version.h>

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/pages.h"

#define ROOM 8
#define MARK 0x77
#define ID   99

static struct xen_mc mc;
static xen_mc_logical_cpu_t cpus[ROOM], untouched;

static long mca(uint32_t cmd)
{
	mc.cmd = cmd;
	mc.interface_version = XEN_MCA_INTERFACE_VERSION;
	return hcall1(__HYPERVISOR_mca, ptr_arg(&mc));
}

static long describe(void *to, uint32_t room)
{
	memset(&untouched, MARK, sizeof(untouched));
	memset(cpus, MARK, sizeof(cpus));
	memset(&mc, 0, sizeof(mc));
	mc.u.mc_physcpuinfo.ncpus = room;
	set_xen_guest_handle_raw(mc.u.mc_physcpuinfo.info, to);
	return mca(XEN_MC_physcpuinfo);
}

static bool is_untouched(unsigned int n)
{
	return memcmp(&cpus[n], &untouched, sizeof(untouched)) == 0;
}

static void processors(void)
{
	unsigned int there, same_apic = 0, wrong = 0;

	CHECK_EQ(describe(NULL, 0), 0, "how many processors");
	there = mc.u.mc_physcpuinfo.ncpus;
	CHECK(there >= 1 && there < ROOM, "%u", there);
	CHECK_EQ(describe(NULL, 1), 0, "whatever room is said to be nowhere");
	CHECK_EQ(mc.u.mc_physcpuinfo.ncpus, there, "the same");
	CHECK_EQ(describe(cpus, ROOM), 0, "which they are");
	CHECK_EQ(mc.u.mc_physcpuinfo.ncpus, there, "no more than there are");
	for (unsigned int i = 0; i < there; i++) {
		const xen_mc_logical_cpu_t *c = &cpus[i];

		wrong += c->mc_cpunr != i || c->mc_ncores < 1 || c->mc_nthreads < 1 ||
			 c->mc_ncores_active < 1 || c->mc_cpuid_level < 1 || c->mc_family < 6;
		wrong += !(c->mc_cpu_caps[0] & 1); /* leaf 1, EDX: a floating point unit */
		same_apic += i > 0 && c->mc_apicid == cpus[i - 1].mc_apicid;
	}
	CHECK_EQ(wrong, 0, "each with its number, cores, threads, family and features");
	CHECK_EQ(same_apic, 0, "and an APIC of its own");
	CHECK(memcmp(cpus[0].mc_vendorid, cpus[there - 1].mc_vendorid, 12) == 0, "one maker: %.12s",
	      cpus[0].mc_vendorid);
	CHECK(is_untouched(there), "behind the last nothing is written");
	CHECK_EQ(describe(cpus, there), 0, "just as much room as it takes");
	CHECK(mc.u.mc_physcpuinfo.ncpus == there && !is_untouched(there - 1) && is_untouched(there),
	      "is filled");
}

static void refusals(void)
{
	CHECK_EQ(describe(cpus, 0), -XEN_EINVAL, "no room");
	CHECK(is_untouched(0), "nothing is written");
	CHECK_EQ(describe(NOWHERE, ROOM), -XEN_EFAULT, "room where nothing is");
	CHECK_EQ(hcall1(__HYPERVISOR_mca, ptr_arg(NOWHERE)), -XEN_EFAULT, "a bad address");
	mc.cmd = XEN_MC_physcpuinfo;
	mc.interface_version = XEN_MCA_INTERFACE_VERSION + 1;
	CHECK_EQ(hcall1(__HYPERVISOR_mca, ptr_arg(&mc)), -XEN_EACCES, "another version");
	CHECK_EQ(mca(0), -XEN_EINVAL, "the number before the first");
	CHECK_EQ(mca(XEN_MC_notifydomain), -XEN_EINVAL, "notifying a domain, long gone");
	CHECK_EQ(mca(7), -XEN_EINVAL, "the number past the last");
	CHECK_EQ(mca(~0u), -XEN_EINVAL, "the last number");
}

/* The report goes to a buffer that is never written. */
static long fetch(uint32_t flags, void *to)
{
	memset(&mc, 0, sizeof(mc));
	mc.u.mc_fetch.flags = flags;
	mc.u.mc_fetch.fetch_id = ID;
	set_xen_guest_handle_raw(mc.u.mc_fetch.data, to);
	return mca(XEN_MC_fetch);
}

static void reports(void)
{
	static const uint32_t kind[] = { XEN_MC_NONURGENT, XEN_MC_URGENT };
	static char report[32768];

	memset(report, MARK, sizeof(report));
	for (unsigned int i = 0; i < ARRAY_SIZE(kind); i++) {
		CHECK_EQ(fetch(kind[i], report), 0, "reports of kind %u", kind[i]);
		CHECK_EQ(mc.u.mc_fetch.flags, XEN_MC_NODATA, "there are none");
		CHECK(report[0] == MARK && report[sizeof(report) - 1] == MARK, "nor written");
		CHECK_EQ(fetch(kind[i], NULL), -XEN_EINVAL, "to nowhere");
		CHECK_EQ(mc.u.mc_fetch.fetch_id, ID, "nothing is answered");
		CHECK_EQ(fetch(kind[i] | XEN_MC_ACK, NULL), 0, "acknowledged");
	}
	CHECK_EQ(fetch(0, report), -XEN_EINVAL, "of no kind");
	CHECK_EQ(fetch(XEN_MC_NONURGENT | XEN_MC_URGENT, report), -XEN_EINVAL, "of both");
	CHECK_EQ(fetch(XEN_MC_ACK, report), -XEN_EINVAL, "none acknowledged");
}

/* What the peer makes happen would be the end of this machine, or a machine check in it. */
static void injections(void)
{
	xen_changeset_info_t of;

	version_op(XENVER_changeset, of);
	if (memcmp(of, "pavane", 7) != 0) {
		return;
	}
	memset(&mc, 0, sizeof(mc));
	CHECK_EQ(mca(XEN_MC_msrinject), -XEN_ENOSYS, "false registers are not served");
	CHECK_EQ(mca(XEN_MC_mceinject), -XEN_ENOSYS, "nor false machine checks");
	CHECK_EQ(mca(XEN_MC_inject_v2), -XEN_ENOSYS, "of either kind");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		CHECK_EQ(mca(XEN_MC_physcpuinfo), -XEN_EPERM, "not for a guest");
		return SUCCESS;
	}
	processors();
	refusals();
	reports();
	injections();
	return SUCCESS;
}
