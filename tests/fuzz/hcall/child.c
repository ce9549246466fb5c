/*
 * A child: a plain guest that is made of ourselves.  Its image is a copy of ours as it is in memory, started from the
 * entry point anew; so whoever has statics sets them up at its start and not where they are defined.  It has its own tables,
 * list of frames and start-of-day page, as a builder makes them, and after the mapped part as many frames to play with.
 */
#define __XEN_TOOLS__ 1
#include <stdint.h>

#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>

#include "hypervisor/lib/fmt.h"
#include "hypervisor/lib/string.h"
#include "tests/fuzz/hcall/fuzz.h"

#define VIRT_BASE 0xffffffff80000000UL
#define PAGES	  2560u /* of a child, of which the first MAPPED are in its initial mapping */
#define MAPPED	  2048u
#define TABLES	  (3 + MAPPED / 512)
#define RO	  (PTE_P | PTE_US | PTE_A)

extern char image_start[], image_end[], rt_entry[];

static xen_pfn_t frames[PAGES]; /* the child's, by its own numbers */
static struct xen_domctl ctl;
static struct vcpu_guest_context context;
static char *page; /* through which we see one of its frames */
static domid_t child;
static uint64_t next_seed, calls_before, born;
static unsigned int next_vcpus, born_count;

static long domctl(uint32_t cmd)
{
	ctl.cmd = cmd;
	ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	ctl.domain = child;
	return hcall1(__HYPERVISOR_domctl, ptr_arg(&ctl));
}

static bool see(uint64_t pfn)
{
	return !hcall4(__HYPERVISOR_update_va_mapping_otherdomain, ptr_arg(page),
		       frames[pfn] << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG | UVMF_ALL, child);
}

static void look_away(void)
{
	update_va_mapping(ptr_arg(page), virt_to_mfn(page) << PAGE_SHIFT | PTE_USUAL,
			  UVMF_INVLPG | UVMF_ALL);
}

static bool create(void)
{
	memset(&ctl, 0, sizeof(ctl));
	child = 0;
	ctl.u.createdomain.max_vcpus = 4;
	ctl.u.createdomain.max_evtchn_port = 1023;
	ctl.u.createdomain.max_grant_frames = 4;
	ctl.u.createdomain.max_maptrack_frames = 4;
	ctl.u.createdomain.grant_opts = 2;
	if (domctl(XEN_DOMCTL_createdomain)) {
		return false;
	}
	child = (domid_t)ctl.domain;
	ctl.u.max_mem.max_memkb = PAGES * 4;
	return !domctl(XEN_DOMCTL_max_mem);
}

static bool populate(void)
{
	struct xen_memory_reservation r = { .nr_extents = PAGES, .domid = child };

	for (unsigned int i = 0; i < PAGES; i++) {
		frames[i] = i;
	}
	set_xen_guest_handle_raw(r.extent_start, frames);
	return memory_op(XENMEM_populate_physmap, &r) == PAGES;
}

static bool copy_in_page(uint64_t pfn, const void *from)
{
	if (!see(pfn)) {
		return false;
	}
	memcpy(page, from, PAGE_SIZE);
	return true;
}

static bool copy_image(void)
{
	for (char *at = image_start; at < image_end; at += PAGE_SIZE) {
		if (!copy_in_page(((uint64_t)at - VIRT_BASE) >> PAGE_SHIFT, at)) {
			return false;
		}
	}
	return true;
}

/* After the image: the list of frames, the start-of-day page, the tables. */
struct layout {
	uint64_t list, start, tables;
};

static struct layout lay_out(void)
{
	uint64_t list = ((uint64_t)image_end - VIRT_BASE) >> PAGE_SHIFT;
	uint64_t start = list + (PAGES * 8 + PAGE_SIZE - 1) / PAGE_SIZE;

	return (struct layout){ list, start, start + 1 };
}

static bool copy_list(uint64_t pfn)
{
	for (unsigned int i = 0; i < PAGES; i += 512, pfn++) {
		if (!copy_in_page(pfn, &frames[i])) {
			return false;
		}
	}
	return true;
}

static uint64_t entry(uint64_t pfn, uint64_t flags)
{
	return frames[pfn] << PAGE_SHIFT | flags;
}

/* Table 0 is the L4, 1 the L3, 2 the L2, the rest L1s; tables are mapped read-only. */
static bool write_table(unsigned int i, uint64_t first)
{
	uint64_t *t = (uint64_t *)page;

	if (!see(first + i)) {
		return false;
	}
	memset(t, 0, PAGE_SIZE);
	if (i < 2) {
		t[511 - i] = entry(first + i + 1, PTE_USUAL);
	}
	for (unsigned int k = 0; i == 2 && k < MAPPED / 512; k++) {
		t[k] = entry(first + 3 + k, PTE_USUAL);
	}
	for (unsigned int k = 0; i > 2 && k < 512; k++) {
		uint64_t pfn = (i - 3) * 512 + k;

		t[k] = entry(pfn, pfn >= first && pfn < first + TABLES ? RO : PTE_USUAL);
	}
	return true;
}

static bool write_start(struct layout l)
{
	struct start_info *si = (struct start_info *)page;

	if (domctl(XEN_DOMCTL_getdomaininfo) || !see(l.start)) {
		return false;
	}
	memset(si, 0, PAGE_SIZE);
	memcpy(si->magic, "xen-3.0-x86_64", 15);
	si->nr_pages = PAGES;
	si->shared_info = ctl.u.getdomaininfo.shared_info_frame << PAGE_SHIFT;
	si->pt_base = VIRT_BASE + (l.tables << PAGE_SHIFT);
	si->nr_pt_frames = TABLES;
	si->mfn_list = VIRT_BASE + (l.list << PAGE_SHIFT);
	fmt_snprintf((char *)si->cmd_line, sizeof(si->cmd_line), "self=%u seed=%lu vcpus=%u", child,
		     next_seed, next_vcpus);
	return true;
}

static bool start(struct layout l)
{
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = frames[l.tables] };

	if (mmuext_op(&pin, 1, NULL, child)) {
		return false;
	}
	context = (struct vcpu_guest_context){ .flags = VGCF_in_kernel | VGCF_online };
	context.user_regs.rip = ptr_arg(rt_entry);
	context.user_regs.rsi = VIRT_BASE + (l.start << PAGE_SHIFT);
	context.user_regs.cs = FLAT_KERNEL_CS;
	context.user_regs.ss = context.kernel_ss = FLAT_KERNEL_SS;
	context.user_regs.rflags = 0x200;
	context.ctrlreg[3] = frames[l.tables] << PAGE_SHIFT;
	memset(&ctl, 0, sizeof(ctl));
	set_xen_guest_handle_raw(ctl.u.vcpucontext.ctxt, (vcpu_guest_context_t *)&context);
	return !domctl(XEN_DOMCTL_setvcpucontext) && !domctl(XEN_DOMCTL_unpausedomain);
}

static bool build(void)
{
	struct layout l = lay_out();
	bool ok = create() && populate() && copy_image() && copy_list(l.list) && write_start(l);

	for (unsigned int i = 0; ok && i < TABLES; i++) {
		ok = write_table(i, l.tables);
	}
	look_away();
	return ok && start(l);
}

bool child_start(uint64_t seed, unsigned int vcpus)
{
	if (!page) {
		page = page_alloc();
	}
	next_seed = seed;
	next_vcpus = vcpus;
	born = system_time();
	if (!build()) {
		print("no child: domain %u\n", child);
		return false;
	}
	born_count++;
	play.other = child;
	return true;
}

/* What it has told so far, read out of its memory. */
static uint64_t its_calls(void)
{
	uint64_t at = ptr_arg(&worker_calls[0]) - VIRT_BASE, n = 0;

	if (see(at >> PAGE_SHIFT)) {
		const uint64_t *told = (const uint64_t *)(page + (at & (PAGE_SIZE - 1)));

		n = told[0] + told[1];
	}
	look_away();
	return n;
}

uint64_t child_calls(void)
{
	return calls_before + (play.other != DOMID_INVALID ? its_calls() : 0);
}

void child_stop(void)
{
	uint64_t calls;

	if (play.other == DOMID_INVALID) {
		return;
	}
	calls = its_calls();
	print("child %u: domain %u made %lu calls in %lu ms\n", born_count, child, calls,
	      (system_time() - born) / 1000000);
	calls_before += calls;
	domctl(XEN_DOMCTL_destroydomain);
	play.other = DOMID_INVALID;
}

void child_watch(void)
{
	if (play.other == DOMID_INVALID) {
		return;
	}
	if (domctl(XEN_DOMCTL_getdomaininfo) || ctl.domain != child ||
	    (ctl.u.getdomaininfo.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) ||
	    system_time() - born > 4000000000UL) {
		child_stop();
		child_start(next_seed + 1, next_vcpus);
	}
}
