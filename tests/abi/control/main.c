/*
 * The control domain's own calls with bad arguments (<xen/domctl.h>, <xen/sysctl.h>, <xen/platform.h>,
 * <xen/physdev.h>): the wrong interface version, no such domain, vCPU or operation, absurd sizes, addresses where
 * nothing is, and every operation with nonsense.  Each is refused with its errno; nothing is used up, and
 * the domain that all this was about is as it was.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

#include "hypervisor/lib/string.h"

#define NOBODY 1234
#define PAGES  20

static domid_t dom; /* a domain with a few pages, that never runs */
static xen_pfn_t frames[PAGES];
static void *hole;

static struct xen_sysctl sys;
static struct xen_platform_op platform;

static long domctl(uint32_t cmd)
{
	return child_domctl(cmd, dom);
}

static long sysctl(uint32_t cmd)
{
	sys.cmd = cmd;
	sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return hcall1(__HYPERVISOR_sysctl, ptr_arg(&sys));
}

static long platform_op(uint32_t cmd)
{
	platform.cmd = cmd;
	platform.interface_version = XENPF_INTERFACE_VERSION;
	return hcall1(__HYPERVISOR_platform_op, ptr_arg(&platform));
}

static void as_it_was(const char *after)
{
	const struct xen_domctl_getdomaininfo *info = &child_ctl.u.getdomaininfo;

	CHECK_EQ(domain_info(dom), 0, "after %s the domain is there", after);
	CHECK(info->tot_pages == PAGES && info->max_pages == PAGES && info->max_vcpu_id == 1 &&
		      (info->flags & XEN_DOMINF_paused) &&
		      !(info->flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown)),
	      "as it was (%lu pages of %lu, flags %#x)", info->tot_pages, info->max_pages,
	      info->flags);
}

/* ---- versions, domains, addresses ---- */

static void versions(void)
{
	static const uint32_t off[] = { 0, 1, ~0U };

	for (unsigned int i = 0; i < ARRAY_SIZE(off); i++) {
		child_ctl.cmd = XEN_DOMCTL_pausedomain;
		child_ctl.domain = dom;
		child_ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION + off[i] + (i == 0);
		CHECK_EQ(hcall1(__HYPERVISOR_domctl, ptr_arg(&child_ctl)), -XEN_EACCES,
			 "domctl of another version");
		sys.cmd = XEN_SYSCTL_physinfo;
		sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION + off[i] + (i == 0);
		CHECK_EQ(hcall1(__HYPERVISOR_sysctl, ptr_arg(&sys)), -XEN_EACCES,
			 "sysctl of another version");
		platform.cmd = XENPF_settime64;
		platform.interface_version = XENPF_INTERFACE_VERSION + off[i] + (i == 0);
		CHECK_EQ(hcall1(__HYPERVISOR_platform_op, ptr_arg(&platform)), -XEN_EACCES,
			 "platform_op of another version");
	}
	CHECK_EQ(hcall1(__HYPERVISOR_domctl, ptr_arg(hole)), -XEN_EFAULT, "domctl of nothing");
	CHECK_EQ(hcall1(__HYPERVISOR_sysctl, ptr_arg(hole)), -XEN_EFAULT, "sysctl of nothing");
	CHECK_EQ(hcall1(__HYPERVISOR_platform_op, ptr_arg(hole)), -XEN_EFAULT,
		 "platform_op of nothing");
	CHECK_EQ(domctl(9999), -XEN_ENOSYS, "domctl that is none");
	CHECK_EQ(sysctl(9999), -XEN_ENOSYS, "sysctl that is none");
	CHECK_EQ(platform_op(9999), -XEN_ENOSYS, "platform_op that is none");
	as_it_was("versions");
}

static void no_domain(void)
{
	static const uint32_t cmds[] = {
		XEN_DOMCTL_destroydomain,    XEN_DOMCTL_pausedomain,
		XEN_DOMCTL_unpausedomain,    XEN_DOMCTL_resumedomain,
		XEN_DOMCTL_getdomaininfo,    XEN_DOMCTL_getvcpuinfo,
		XEN_DOMCTL_max_mem,	     XEN_DOMCTL_max_vcpus,
		XEN_DOMCTL_setdomainhandle,  XEN_DOMCTL_settimeoffset,
		XEN_DOMCTL_setvcpuaffinity,  XEN_DOMCTL_getvcpuaffinity,
		XEN_DOMCTL_setnodeaffinity,  XEN_DOMCTL_getnodeaffinity,
		XEN_DOMCTL_scheduler_op,     XEN_DOMCTL_irq_permission,
		XEN_DOMCTL_iomem_permission, XEN_DOMCTL_ioport_permission,
		XEN_DOMCTL_setvcpucontext,   XEN_DOMCTL_getvcpucontext,
		XEN_DOMCTL_hypercall_init,   XEN_DOMCTL_set_address_size,
		XEN_DOMCTL_get_address_size, XEN_DOMCTL_getpageframeinfo3,
		XEN_DOMCTL_gettscinfo,	     XEN_DOMCTL_settscinfo,
		XEN_DOMCTL_shadow_op,
	};
	static const domid_t ids[] = { NOBODY, DOMID_INVALID, DOMID_IO };

	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
		for (unsigned int k = 0; k < ARRAY_SIZE(ids); k++) {
			long rc;

			memset(&child_ctl.u, 0, sizeof(child_ctl.u));
			rc = child_domctl(cmds[i], ids[k]);
			/* This one names the next domain above, too, so long as there can be one. */
			if (rc !=
			    (cmds[i] == XEN_DOMCTL_getdomaininfo && k ? -XEN_EINVAL : -XEN_ESRCH)) {
				CHECK(false, "operation %u on domain %#x: %ld", cmds[i], ids[k],
				      rc);
			}
		}
	}
	as_it_was("nobody's calls");
}

/* ---- sizes and numbers ---- */

static long create(uint32_t vcpus, int32_t grants, int32_t maptrack, uint32_t opts, uint32_t flags)
{
	memset(&child_ctl, 0, sizeof(child_ctl));
	child_ctl.u.createdomain.max_vcpus = vcpus;
	child_ctl.u.createdomain.max_evtchn_port = 1023;
	child_ctl.u.createdomain.max_grant_frames = grants;
	child_ctl.u.createdomain.max_maptrack_frames = maptrack;
	child_ctl.u.createdomain.grant_opts = opts;
	child_ctl.u.createdomain.flags = flags;
	return child_domctl(XEN_DOMCTL_createdomain, 0);
}

static void creation(void)
{
	CHECK_EQ(create(0, 32, 128, 1, 0), -XEN_EINVAL, "a domain without vCPUs");
	CHECK_EQ(create(1 << 20, 32, 128, 1, 0), -XEN_EINVAL, "with too many");
	CHECK_EQ(create(1, 1 << 30, 128, 1, 0), -XEN_EINVAL, "with too many grants");
	CHECK_EQ(create(1, 32, 1 << 30, 1, 0), -XEN_EINVAL, "that may map too many");
	CHECK_EQ(create(1, 32, 128, 9, 0), -XEN_EINVAL, "with grants of a version that is none");
	CHECK_EQ(create(1, 32, 128, 1, ~0U), -XEN_EINVAL, "with all flags there could be");
	memset(&child_ctl, 0, sizeof(child_ctl));
	child_ctl.u.createdomain.max_vcpus = 1;
	child_ctl.u.createdomain.grant_opts = 1;
	CHECK_EQ(child_domctl(XEN_DOMCTL_createdomain, dom), -XEN_EEXIST, "one that is there");
}

static long context(uint32_t cmd, uint32_t vcpu, void *at)
{
	memset(&child_ctl.u, 0, sizeof(child_ctl.u));
	child_ctl.u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle_raw(child_ctl.u.vcpucontext.ctxt, at);
	return domctl(cmd);
}

static void contexts(void)
{
	static struct vcpu_guest_context c;

	CHECK(context(XEN_DOMCTL_getvcpucontext, 99, &c) < 0, "a context of vCPU 99");
	CHECK_EQ(context(XEN_DOMCTL_getvcpucontext, 0, &c), -XEN_ENODATA, "of one that has none");
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, hole), -XEN_EFAULT, "one from nowhere");
	CHECK(context(XEN_DOMCTL_setvcpucontext, 99, &c) < 0, "for vCPU 99");
	c.flags = VGCF_in_kernel | VGCF_online;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &c), -XEN_EINVAL, "without a base");
	c.ctrlreg[3] = frames[0] << PAGE_SHIFT | 1UL << 51;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &c), -XEN_EINVAL, "with one in no memory");
	c.ctrlreg[3] = frames[0] << PAGE_SHIFT;
	c.gdt_ents = 9999;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &c), -XEN_EINVAL,
		 "with too many descriptors");
	c.gdt_ents = 8;
	c.gdt_frames[0] = 1UL << 39;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &c), -XEN_EINVAL, "with some in no memory");
	c.gdt_ents = 0;
	c.ctrlreg[1] = 1UL << 51;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &c), -XEN_EINVAL, "a user's base in none");
	c.ctrlreg[1] = 0;
	c.ldt_ents = 8;
	c.ldt_base = 0xffff800000000000UL;
	CHECK_EQ(context(XEN_DOMCTL_setvcpucontext, 0, &c), -XEN_EINVAL,
		 "an LDT of the hypervisor's");
	CHECK_EQ(context(XEN_DOMCTL_getvcpucontext, 0, &c), -XEN_ENODATA, "it still has none");
	/* Its first page was said to be the top table: a refusal leaves it what it was. */
	CHECK_EQ(child_show(hole, frames[0], dom), 0, "the page it named can be written");
	CHECK_EQ(update_va_mapping((uint64_t)hole, 0, UVMF_INVLPG | UVMF_ALL), 0, "let go");
	as_it_was("contexts");
}

static void page_infos(void)
{
	static xen_pfn_t list[2];
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L2_TABLE, .arg1.mfn = frames[1] };

	memset(&child_ctl.u, 0, sizeof(child_ctl.u));
	child_ctl.u.getpageframeinfo3.num = 1025;
	CHECK_EQ(domctl(XEN_DOMCTL_getpageframeinfo3), -XEN_E2BIG, "too many pages to ask for");
	child_ctl.u.getpageframeinfo3.num = 2;
	set_xen_guest_handle_raw(child_ctl.u.getpageframeinfo3.array, (xen_pfn_t *)hole);
	CHECK_EQ(domctl(XEN_DOMCTL_getpageframeinfo3), -XEN_EFAULT, "a list that is not there");
	CHECK_EQ(mmuext_op(&op, 1, NULL, dom), 0, "a table");
	list[0] = frames[1];
	list[1] = 1UL << 39;
	set_xen_guest_handle_raw(child_ctl.u.getpageframeinfo3.array, list);
	CHECK_EQ(domctl(XEN_DOMCTL_getpageframeinfo3), 0, "two");
	CHECK_EQ((uint32_t)list[0] & XEN_DOMCTL_PFINFO_LTAB_MASK,
		 XEN_DOMCTL_PFINFO_L2TAB | XEN_DOMCTL_PFINFO_LPINTAB, "a pinned L2");
	CHECK_EQ((uint32_t)list[1] & XEN_DOMCTL_PFINFO_LTAB_MASK, XEN_DOMCTL_PFINFO_XTAB, "none");
	op.cmd = MMUEXT_UNPIN_TABLE;
	CHECK_EQ(mmuext_op(&op, 1, NULL, dom), 0, "unpinned");
	as_it_was("page infos");
}

static void vcpus(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = frames[2] };

	memset(&child_ctl.u, 0, sizeof(child_ctl.u));
	child_ctl.u.getvcpuinfo.vcpu = 2;
	CHECK_EQ(domctl(XEN_DOMCTL_getvcpuinfo), -XEN_EINVAL, "a vCPU that is not there");
	memset(&child_ctl.u, 0, sizeof(child_ctl.u));
	child_ctl.u.vcpuaffinity.vcpu = 2;
	child_ctl.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	CHECK_EQ(domctl(XEN_DOMCTL_setvcpuaffinity), -XEN_EINVAL, "its affinity set");
	CHECK_EQ(domctl(XEN_DOMCTL_getvcpuaffinity), -XEN_EINVAL, "or asked for");
	child_ctl.u.vcpuaffinity.vcpu = 0;
	child_ctl.u.vcpuaffinity.flags = 0;
	CHECK_EQ(domctl(XEN_DOMCTL_setvcpuaffinity), -XEN_EINVAL, "an affinity of no kind");
	child_ctl.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	child_ctl.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	set_xen_guest_handle_raw(child_ctl.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)hole);
	CHECK_EQ(domctl(XEN_DOMCTL_setvcpuaffinity), -XEN_EFAULT, "from nowhere");
	CHECK_EQ(domctl(XEN_DOMCTL_getvcpuaffinity), -XEN_EFAULT, "to nowhere");
	memset(&child_ctl.u, 0, sizeof(child_ctl.u));
	child_ctl.u.max_vcpus.max = 1 << 20;
	CHECK_EQ(domctl(XEN_DOMCTL_max_vcpus), -XEN_EINVAL, "more vCPUs than it was made for");
	child_ctl.u.address_size.size = 17;
	CHECK(domctl(XEN_DOMCTL_set_address_size) < 0, "addresses of 17 bits");
	child_ctl.u.hypercall_init.gmfn = 1UL << 39;
	CHECK_EQ(domctl(XEN_DOMCTL_hypercall_init), -XEN_EINVAL, "a hypercall page in no memory");
	child_ctl.u.hypercall_init.gmfn = virt_to_mfn((void *)start_info->pt_base);
	CHECK_EQ(domctl(XEN_DOMCTL_hypercall_init), -XEN_EINVAL, "in a page of another's");
	CHECK_EQ(mmuext_op(&op, 1, NULL, dom), 0, "a table");
	child_ctl.u.hypercall_init.gmfn = frames[2];
	CHECK_EQ(domctl(XEN_DOMCTL_hypercall_init), -XEN_EPERM, "in a table");
	op.cmd = MMUEXT_UNPIN_TABLE;
	CHECK_EQ(mmuext_op(&op, 1, NULL, dom), 0, "a plain page");
	CHECK_EQ(domctl(XEN_DOMCTL_hypercall_init), 0, "will do");
	child_ctl.u.scheduler_op.sched_id = 77;
	CHECK_EQ(domctl(XEN_DOMCTL_scheduler_op), -XEN_EINVAL, "a scheduler that is none");
	as_it_was("vCPUs");
}

static void ourselves(void)
{
	static const uint32_t cmds[] = { XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain,
					 XEN_DOMCTL_resumedomain, XEN_DOMCTL_setvcpucontext,
					 XEN_DOMCTL_getvcpucontext };

	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
		static struct vcpu_guest_context c;

		memset(&child_ctl.u, 0, sizeof(child_ctl.u));
		set_xen_guest_handle_raw(child_ctl.u.vcpucontext.ctxt, (void *)&c);
		CHECK_EQ(child_domctl(cmds[i], 0), -XEN_EINVAL, "operation %u on ourselves",
			 cmds[i]);
	}
}

static void devices(void)
{
	union {
		struct physdev_map_pirq map;
		struct physdev_unmap_pirq unmap;
		struct physdev_irq irq;
		struct physdev_apic apic;
		struct physdev_set_iopl iopl;
		struct physdev_irq_status_query status;
		struct physdev_eoi eoi;
	} p;
	static const int ops[] = { PHYSDEVOP_eoi,
				   PHYSDEVOP_irq_status_query,
				   PHYSDEVOP_set_iopl,
				   PHYSDEVOP_apic_read,
				   PHYSDEVOP_alloc_irq_vector,
				   PHYSDEVOP_map_pirq,
				   PHYSDEVOP_unmap_pirq,
				   PHYSDEVOP_setup_gsi,
				   PHYSDEVOP_get_free_pirq,
				   PHYSDEVOP_pci_device_add,
				   PHYSDEVOP_pci_mmcfg_reserved };

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		CHECK_EQ(hcall2(__HYPERVISOR_physdev_op, (uint64_t)ops[i], ptr_arg(hole)),
			 -XEN_EFAULT, "physdev_op %d of nothing", ops[i]);
	}
	CHECK_EQ(hcall2(__HYPERVISOR_physdev_op, 999, ptr_arg(&p)), -XEN_ENOSYS,
		 "one that is none");
	memset(&p, 0, sizeof(p));
	p.iopl.iopl = 4;
	CHECK_EQ(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, ptr_arg(&p)), -XEN_EINVAL,
		 "an I/O privilege of 4");
	memset(&p, 0, sizeof(p));
	p.unmap.domid = DOMID_SELF;
	p.unmap.pirq = 1 << 20;
	CHECK_EQ(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, ptr_arg(&p)), -XEN_EINVAL,
		 "an interrupt that is none");
	memset(&p, 0, sizeof(p));
	p.eoi.irq = 1 << 20;
	CHECK_EQ(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_eoi, ptr_arg(&p)), -XEN_EINVAL,
		 "its end");
	p.status.irq = 1 << 20;
	CHECK_EQ(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_irq_status_query, ptr_arg(&p)),
		 -XEN_EINVAL, "its state");
	memset(&p, 0, sizeof(p));
	p.map.domid = DOMID_SELF;
	p.map.type = 55;
	CHECK_EQ(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, ptr_arg(&p)), -XEN_EINVAL,
		 "of a type that is none");
	p.map.type = MAP_PIRQ_TYPE_GSI;
	p.map.index = 1 << 20;
	p.map.pirq = -1;
	CHECK(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, ptr_arg(&p)) < 0,
	      "a line that is none");
}

/* ---- every operation with nonsense; on a domain that may be spoilt ---- */

static bool harmful(uint32_t cmd)
{
	return cmd == XEN_DOMCTL_destroydomain || cmd == XEN_DOMCTL_createdomain;
}

static void nonsense(void)
{
	static const unsigned char fill[] = { 0, 0xff, 0x01, 0x80 };
	unsigned int answered = 0;

	for (unsigned int f = 0; f < ARRAY_SIZE(fill); f++) {
		for (uint32_t cmd = 0; cmd < 100; cmd++) {
			if (harmful(cmd)) {
				continue;
			}
			memset(&child_ctl.u, fill[f], sizeof(child_ctl.u));
			answered += domctl(cmd) == 0;
		}
		for (uint32_t cmd = 0; cmd < 40; cmd++) {
			if (cmd != XEN_SYSCTL_debug_keys) {
				memset(&sys.u, fill[f], sizeof(sys.u));
				answered += sysctl(cmd) == 0;
			}
		}
		for (uint32_t cmd = 0; cmd < 100; cmd++) {
			if (cmd != XENPF_enter_acpi_sleep && cmd != XENPF_settime32 &&
			    cmd != XENPF_settime64) {
				memset(&platform.u, fill[f], sizeof(platform.u));
				answered += platform_op(cmd) == 0;
			}
		}
		for (uint32_t op = 0; op < 40; op++) {
			static uint64_t arg[32];

			memset(arg, fill[f], sizeof(arg));
			hcall2(__HYPERVISOR_physdev_op, op, ptr_arg(arg));
		}
	}
	CHECK(answered > 0, "every operation with nonsense: %u had an answer", answered);
}

/* Domains leave behind what the hypervisor keeps for the next ones, and two at a time is the most there are here. */
static void keep_for_the_next(void)
{
	long a = domain_make(2, PAGES), b = domain_make(2, PAGES);

	CHECK(a > 0 && b > 0, "two domains made");
	CHECK_EQ(domain_destroy((domid_t)a) | domain_destroy((domid_t)b), 0, "and destroyed");
	CHECK(domain_gone((domid_t)a) && domain_gone((domid_t)b), "gone");
}

enum verdict guest_main(void)
{
	uint64_t before;
	long id;

	if (!is_control_domain()) {
		return SKIP;
	}
	hole = page_alloc();
	CHECK_EQ(update_va_mapping((uint64_t)hole, 0, UVMF_INVLPG), 0, "a hole");
	keep_for_the_next();
	before = settled_free_pages();
	id = domain_make(2, PAGES);
	dom = (domid_t)id;
	CHECK(id > 0 && domain_give(dom, frames, PAGES, 0) == PAGES, "a domain");
	versions();
	no_domain();
	creation();
	contexts();
	page_infos();
	vcpus();
	ourselves();
	devices();
	nonsense();
	CHECK_EQ(domain_destroy(dom), 0, "destroyed");
	CHECK(domain_gone(dom), "gone");
	CHECK_EQ(settled_free_pages(), before, "nothing was used up");
	return SUCCESS;
}
