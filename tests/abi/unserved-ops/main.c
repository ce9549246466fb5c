/*
 * Operations that the headers define and we do not serve, and numbers that are none: each of the calls with operations
 * answers every such number with -ENOSYS or -EOPNOTSUPP (a few with the errno by which tools go on without), whatever is in
 * its argument; the argument is left as it was, nothing is used up, and the domain that it names is as before
 * (<xen/domctl.h>, <xen/sysctl.h>, <xen/platform.h>, <xen/physdev.h>, <xen/memory.h>, <xen/vcpu.h>, <xen/xen.h>).
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>

#include "hypervisor/lib/string.h"

#define PAGES 4

static domid_t dom; /* a domain with a few pages, that never runs */

struct numbers {
	const uint32_t *list;
	unsigned int count;
};
#define NUMBERS(a) ((struct numbers){ a, ARRAY_SIZE(a) })

static bool among(uint32_t nr, struct numbers n)
{
	for (unsigned int i = 0; i < n.count; i++) {
		if (n.list[i] == nr) {
			return true;
		}
	}
	return false;
}

static bool not_served(long rc)
{
	return rc == -XEN_ENOSYS || rc == -XEN_EOPNOTSUPP;
}

static const unsigned char fills[] = { 0, 0xff, 0x5a };

/* ---- the control domain's calls: the operation is a word of the structure ---- */

/* What of the structure is its head: the operation and the version, for domctl the domain. */
static const struct call {
	const char *name;
	unsigned int nr, size, version, head;
} domctl = { "domctl", __HYPERVISOR_domctl, sizeof(struct xen_domctl), XEN_DOMCTL_INTERFACE_VERSION,
	     offsetof(struct xen_domctl, u) },
  sysctl = { "sysctl", __HYPERVISOR_sysctl, sizeof(struct xen_sysctl), XEN_SYSCTL_INTERFACE_VERSION,
	     offsetof(struct xen_sysctl, u) },
  platform = { "platform_op", __HYPERVISOR_platform_op, sizeof(struct xen_platform_op),
	       XENPF_INTERFACE_VERSION, offsetof(struct xen_platform_op, u) };

static union {
	uint32_t word[2];
	struct xen_domctl domctl;
	struct xen_sysctl sysctl;
	struct xen_platform_op platform;
} op, before;

static long ask(const struct call *c, uint32_t cmd, unsigned char fill)
{
	memset(&op, fill, sizeof(op));
	memset(&op, 0, c->head);
	op.word[0] = cmd;
	op.word[1] = c->version;
	if (c == &domctl) {
		op.domctl.domain = dom;
	}
	before = op;
	return hcall1(c->nr, ptr_arg(&op));
}

static void one(const struct call *c, uint32_t cmd, long tools)
{
	for (unsigned int f = 0; f < ARRAY_SIZE(fills); f++) {
		long rc = ask(c, cmd, fills[f]);

		if (tools ? rc != tools : !not_served(rc)) {
			CHECK(false, "%s %u, filled with %#x: %ld", c->name, cmd, fills[f], rc);
		}
		if (memcmp(&op, &before, sizeof(op)) != 0) {
			CHECK(false, "%s %u writes its argument", c->name, cmd);
		}
	}
}

/* All numbers below end, but for those that are served. */
static void all(const struct call *c, uint32_t end, struct numbers served, struct numbers otherwise,
		long tools)
{
	unsigned int n = 0;

	for (uint32_t cmd = 0; cmd < end; cmd++) {
		if (!among(cmd, served)) {
			one(c, cmd, among(cmd, otherwise) ? tools : 0);
			n++;
		}
	}
	CHECK_EQ(n, end - served.count, "%s: %u of %u numbers are not served", c->name, n, end);
	one(c, 1000, 0);
	one(c, 1U << 16 | 9999, 0);
	one(c, ~0U, 0);
}

static const struct numbers none;

static void domctls(void)
{
	static const uint32_t served[] = {
		XEN_DOMCTL_createdomain,      XEN_DOMCTL_destroydomain,
		XEN_DOMCTL_pausedomain,	      XEN_DOMCTL_unpausedomain,
		XEN_DOMCTL_getdomaininfo,     XEN_DOMCTL_setvcpuaffinity,
		XEN_DOMCTL_shadow_op,	      XEN_DOMCTL_max_mem,
		XEN_DOMCTL_setvcpucontext,    XEN_DOMCTL_getvcpucontext,
		XEN_DOMCTL_getvcpuinfo,	      XEN_DOMCTL_max_vcpus,
		XEN_DOMCTL_scheduler_op,      XEN_DOMCTL_setdomainhandle,
		XEN_DOMCTL_setdebugging,      XEN_DOMCTL_irq_permission,
		XEN_DOMCTL_iomem_permission,  XEN_DOMCTL_ioport_permission,
		XEN_DOMCTL_hypercall_init,    XEN_DOMCTL_settimeoffset,
		XEN_DOMCTL_getvcpuaffinity,   XEN_DOMCTL_resumedomain,
		XEN_DOMCTL_set_address_size,  XEN_DOMCTL_get_address_size,
		XEN_DOMCTL_gettscinfo,	      XEN_DOMCTL_settscinfo,
		XEN_DOMCTL_getpageframeinfo3, XEN_DOMCTL_set_virq_handler,
		XEN_DOMCTL_setnodeaffinity,   XEN_DOMCTL_getnodeaffinity,
		XEN_DOMCTL_get_vcpu_msrs,     XEN_DOMCTL_set_vcpu_msrs,
	};

	all(&domctl, 120, NUMBERS(served), none, 0);
	one(&domctl, XEN_DOMCTL_gdbsx_guestmemio, 0);
	one(&domctl, XEN_DOMCTL_gdbsx_pausevcpu, 0);
	one(&domctl, XEN_DOMCTL_gdbsx_domstatus, 0);
}

static void sysctls(void)
{
	static const uint32_t served[] = {
		XEN_SYSCTL_readconsole,
		XEN_SYSCTL_physinfo,
		XEN_SYSCTL_sched_id,
		XEN_SYSCTL_getdomaininfolist,
		XEN_SYSCTL_debug_keys,
		XEN_SYSCTL_getcpuinfo,
		XEN_SYSCTL_availheap,
		XEN_SYSCTL_cputopoinfo,
		XEN_SYSCTL_numainfo,
		XEN_SYSCTL_cpupool_op,
		XEN_SYSCTL_get_cpu_levelling_caps,
		XEN_SYSCTL_get_pmstat,
		XEN_SYSCTL_pm_op,
	};
	/* What tools ask of any machine, to be told that it has no such devices. */
	static const uint32_t no_device[] = { XEN_SYSCTL_psr_cmt_op, XEN_SYSCTL_psr_alloc };

	all(&sysctl, 40, NUMBERS(served), NUMBERS(no_device), -XEN_ENODEV);
	one(&sysctl, XEN_SYSCTL_get_pmstat, -XEN_EINVAL);
	one(&sysctl, XEN_SYSCTL_pm_op, -XEN_EINVAL);
}

static void platform_ops(void)
{
	static const uint32_t served[] = {
		XENPF_settime32,   XENPF_settime64,	  XENPF_firmware_info,
		XENPF_get_cpuinfo, XENPF_get_cpu_version, XENPF_enter_acpi_sleep,
		XENPF_getidletime,
	};

	all(&platform, 80, NUMBERS(served), none, 0);
}

/* ---- calls whose operation is their first argument ---- */

static uint64_t arg[64];

static void first_argument(unsigned int nr, const char *name, uint32_t end, struct numbers served,
			   bool second)
{
	unsigned int n = 0;

	for (uint32_t cmd = 0; cmd < end + 2; cmd++) {
		/* Behind the last one, a large number and the largest. */
		uint32_t op_nr = cmd < end ? cmd : cmd == end ? 9999u : ~0U;

		if (among(op_nr, served)) {
			continue;
		}
		for (unsigned int f = 0; f < ARRAY_SIZE(fills); f++) {
			unsigned int changed = 0;
			long rc;

			memset(arg, fills[f], sizeof(arg));
			rc = second ? hcall3(nr, op_nr, 0, ptr_arg(arg))
				    : hcall2(nr, op_nr, ptr_arg(arg));
			for (unsigned int i = 0; i < sizeof(arg); i++) {
				changed += ((unsigned char *)arg)[i] != fills[f];
			}
			if (!not_served(rc) || changed) {
				CHECK(false, "%s %u, filled with %#x: %ld, %u bytes changed", name,
				      op_nr, fills[f], rc, changed);
			}
		}
		n++;
	}
	CHECK_EQ(n, end + 2 - served.count, "%s: %u numbers are not served", name, n);
}

static void physdev_ops(void)
{
	static const uint32_t served[] = {
		PHYSDEVOP_eoi,
		PHYSDEVOP_irq_status_query,
		PHYSDEVOP_set_iopl,
		PHYSDEVOP_set_iobitmap,
		PHYSDEVOP_apic_read,
		PHYSDEVOP_apic_write,
		PHYSDEVOP_alloc_irq_vector,
		PHYSDEVOP_free_irq_vector,
		PHYSDEVOP_map_pirq,
		PHYSDEVOP_unmap_pirq,
		PHYSDEVOP_manage_pci_add,
		PHYSDEVOP_manage_pci_remove,
		PHYSDEVOP_restore_msi,
		PHYSDEVOP_manage_pci_add_ext,
		PHYSDEVOP_setup_gsi,
		PHYSDEVOP_get_free_pirq,
		PHYSDEVOP_pci_mmcfg_reserved,
		PHYSDEVOP_pci_device_add,
		PHYSDEVOP_pci_device_remove,
		PHYSDEVOP_restore_msi_ext,
		PHYSDEVOP_pirq_eoi_gmfn_v2,
		PHYSDEVOP_prepare_msix,
		PHYSDEVOP_release_msix,
	};

	first_argument(__HYPERVISOR_physdev_op, "physdev_op", 50, NUMBERS(served), false);
}

static void vcpu_ops(void)
{
	static const uint32_t served[] = {
		VCPUOP_initialise,
		VCPUOP_up,
		VCPUOP_down,
		VCPUOP_is_up,
		VCPUOP_get_runstate_info,
		VCPUOP_register_runstate_memory_area,
		VCPUOP_set_periodic_timer,
		VCPUOP_stop_periodic_timer,
		VCPUOP_set_singleshot_timer,
		VCPUOP_stop_singleshot_timer,
		VCPUOP_register_vcpu_info,
		VCPUOP_send_nmi,
		VCPUOP_get_physid,
		VCPUOP_register_vcpu_time_memory_area,
	};

	first_argument(__HYPERVISOR_vcpu_op, "vcpu_op", 40, NUMBERS(served), true);
}

/* Of the ABI of other kinds of guest, and of what is not built in; the rest are in tests/abi/reserve. */
static void memory_ops(void)
{
	static const uint32_t served[] = {
		XENMEM_increase_reservation,
		XENMEM_decrease_reservation,
		XENMEM_maximum_ram_page,
		XENMEM_current_reservation,
		XENMEM_maximum_reservation,
		XENMEM_machphys_mfn_list,
		XENMEM_populate_physmap,
		XENMEM_memory_map,
		XENMEM_machine_memory_map,
		XENMEM_exchange,
		XENMEM_machphys_mapping,
		XENMEM_set_memory_map,
		XENMEM_maximum_gpfn,
		XENMEM_get_sharing_freed_pages,
		XENMEM_get_sharing_shared_pages,
		XENMEM_claim_pages,
		XENMEM_reserved_device_memory_map,
		XENMEM_acquire_resource,
	};
	unsigned int n = 0;

	for (unsigned int cmd = 0; cmd < 64; cmd++) {
		if (among(cmd, NUMBERS(served))) {
			continue;
		}
		for (unsigned int f = 0; f < ARRAY_SIZE(fills); f++) {
			memset(arg, fills[f], sizeof(arg));
			if (!not_served(memory_op((int)cmd, arg))) {
				CHECK(false, "memory_op %u, filled with %#x: %ld", cmd, fills[f],
				      memory_op((int)cmd, arg));
			}
			n++;
		}
	}
	CHECK_EQ(n, (64 - ARRAY_SIZE(served)) * ARRAY_SIZE(fills), "memory_op: the other numbers");
	CHECK_EQ(memory_op(XENMEM_get_sharing_freed_pages, NULL), 0, "no page is shared");
	CHECK_EQ(memory_op(XENMEM_get_sharing_shared_pages, NULL), 0, "nor was");
}

/* ---- calls that are none ---- */

/* Numbers of the table whose calls belong to another age: their names are in the headers, for old callers. */
static void no_calls(void)
{
	static const struct {
		unsigned int nr;
		const char *name;
	} calls[] = { { 11, "number 11, never given" },
		      { __HYPERVISOR_xenoprof_op, "xenoprof_op" },
		      { __HYPERVISOR_physdev_op_compat, "physdev_op_compat" } };

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		unsigned int good = 0;

		for (unsigned int f = 0; f < ARRAY_SIZE(fills); f++) {
			memset(arg, fills[f], sizeof(arg));
			good += not_served(hcall2(calls[i].nr, ptr_arg(arg), 0));
			good += not_served(hcall2(calls[i].nr, f, ptr_arg(arg)));
		}
		CHECK_EQ(good, 2 * ARRAY_SIZE(fills), "%s", calls[i].name);
	}
}

static void as_it_was(void)
{
	const struct xen_domctl_getdomaininfo *info = &child_ctl.u.getdomaininfo;

	CHECK_EQ(domain_info(dom), 0, "the domain is there");
	CHECK(info->tot_pages == PAGES && info->max_pages == PAGES && info->max_vcpu_id == 0 &&
		      (info->flags & XEN_DOMINF_paused) &&
		      !(info->flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown)),
	      "as it was (%lu pages of %lu, flags %#x)", info->tot_pages, info->max_pages,
	      info->flags);
}

enum verdict guest_main(void)
{
	static xen_pfn_t list[PAGES];
	uint64_t pages;
	long id;

	if (!is_control_domain()) {
		return SKIP;
	}
	id = domain_make(1, PAGES);
	dom = (domid_t)id;
	CHECK(id > 0 && domain_give(dom, list, PAGES, 0) == PAGES, "a domain");
	pages = settled_free_pages();
	domctls();
	sysctls();
	platform_ops();
	physdev_ops();
	vcpu_ops();
	memory_ops();
	no_calls();
	CHECK_EQ(settled_free_pages(), pages, "nothing was used up");
	as_it_was();
	CHECK_EQ(domain_destroy(dom), 0, "destroyed");
	CHECK(domain_gone(dom), "and gone");
	return SUCCESS;
}
