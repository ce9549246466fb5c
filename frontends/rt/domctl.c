/* See domctl.h.  First the requests, then the smallest builder of a domain that can run C. */
#include "frontends/rt/domctl.h"

#include <xen/sched.h>

#include "hypervisor/lib/string.h"

struct xen_domctl ctl;

long domctl(uint32_t cmd, domid_t id)
{
	ctl.cmd = cmd;
	ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	ctl.domain = id;
	return hcall1(__HYPERVISOR_domctl, ptr_arg(&ctl));
}

long domctl_create(unsigned int vcpus)
{
	memset(&ctl, 0, sizeof(ctl));
	ctl.u.createdomain.max_vcpus = vcpus;
	ctl.u.createdomain.max_evtchn_port = 1023;
	ctl.u.createdomain.max_grant_frames = 32;
	ctl.u.createdomain.max_maptrack_frames = 128;
	ctl.u.createdomain.grant_opts = 1;
	return domctl(XEN_DOMCTL_createdomain, 0);
}

long domctl_limit(domid_t id, uint64_t kib)
{
	ctl.u.max_mem.max_memkb = kib;
	return domctl(XEN_DOMCTL_max_mem, id);
}

long domctl_give(domid_t id, xen_pfn_t *list, unsigned int n, unsigned int order)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = id };

	set_xen_guest_handle_raw(r.extent_start, list);
	return memory_op(XENMEM_populate_physmap, &r);
}

long domctl_info(domid_t id)
{
	long rc = domctl(XEN_DOMCTL_getdomaininfo, id);

	return rc ? rc : ctl.domain == id ? 0 : -XEN_ESRCH;
}

/* The call is continued until it is done. */
long domctl_destroy(domid_t id)
{
	return domctl(XEN_DOMCTL_destroydomain, id);
}

/* ---- a child ---- */

#define FIRST_PFN (0x100000 >> PAGE_SHIFT) /* of the image: rt.lds */
#define TABLES	  5u	     /* L4 L3 L2 and two L1s, behind the image; then a page left out */
#define SLACK	  128u	     /* what mm.c counts on behind them */
#define MOST	  (2 * 512u) /* pages that two L1s map */

extern char image_start[], image_end[];
void child_main(void);

volatile uint64_t child_said[512] __attribute__((aligned(4096)));
static char stack[16384] __attribute__((aligned(16)));
static struct start_info info;
static xen_pfn_t p2m[MOST], list[MOST];
static void (*run)(uint64_t arg);
static uint64_t run_arg;
static domid_t child = DOMID_INVALID;
static uint64_t said_mfn;
static char *window;

static void tell_unexpected(struct trap_frame *f)
{
	child_said[510] = f->vector + 1;
	child_said[511] = f->rip;
	guest_shutdown(SHUTDOWN_watchdog);
}

/* Where a child begins. */
void child_main(void)
{
	start_info = &info;
	unexpected_hook = tell_unexpected;
	mm_init();
	traps_init();
	events_init();
	run(run_arg);
	guest_shutdown(SHUTDOWN_poweroff);
}

static unsigned int image_pages(void)
{
	return (unsigned int)((uint64_t)(image_end - image_start) >> PAGE_SHIFT);
}

static long show(uint64_t mfn, domid_t id)
{
	return hcall4(__HYPERVISOR_update_va_mapping_otherdomain, ptr_arg(window),
		      mfn << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG, id);
}

static long copy_to(uint64_t mfn, const void *from)
{
	long rc = show(mfn, child);

	if (rc == 0) {
		memcpy(window, from, PAGE_SIZE);
	}
	return rc;
}

static long give_memory(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		list[i] = FIRST_PFN + i;
	}
	if (domctl_limit(child, n * 4UL) || domctl_give(child, list, n, 0) != (long)n) {
		return -XEN_ENOMEM;
	}
	memcpy(&p2m[FIRST_PFN], list, n * sizeof(list[0]));
	return 0;
}

static void describe(unsigned int n)
{
	char *tables = image_end;

	info = (struct start_info){ .nr_pages = FIRST_PFN + n,
				    .shared_info = ctl.u.getdomaininfo.shared_info_frame
						   << PAGE_SHIFT,
				    .pt_base = (unsigned long)tables,
				    .nr_pt_frames = TABLES,
				    .mfn_list = (unsigned long)p2m };
}

static long copy_image(void)
{
	long rc = 0;

	for (unsigned int i = 0; rc == 0 && i < image_pages(); i++) {
		const char *page = image_start + i * PAGE_SIZE;

		rc = copy_to(list[i], page);
		if (page == (const char *)child_said) {
			said_mfn = list[i];
		}
	}
	return rc;
}

/* L1s map pfn after pfn where the image's addresses are; the tables themselves may only be read. */
static long make_tables(unsigned int n)
{
	static uint64_t table[512] __attribute__((aligned(4096)));
	const xen_pfn_t *t = &list[image_pages()];
	long rc = 0;

	for (unsigned int l1 = 0; rc == 0 && l1 < 2; l1++) {
		for (unsigned int i = 0; i < 512; i++) {
			unsigned int page = l1 * 512 + i - FIRST_PFN;
			uint64_t flags = page - image_pages() < TABLES ? PTE_USUAL & ~PTE_RW
								       : PTE_USUAL;

			table[i] = l1 * 512 + i >= FIRST_PFN && page < n
					   ? list[page] << PAGE_SHIFT | flags
					   : 0;
		}
		rc = copy_to(t[3 + l1], table);
	}
	memset(table, 0, sizeof(table));
	table[0] = t[3] << PAGE_SHIFT | PTE_USUAL;
	table[1] = t[4] << PAGE_SHIFT | PTE_USUAL;
	rc = rc ? rc : copy_to(t[2], table);
	memset(table, 0, sizeof(table));
	table[510] = t[2] << PAGE_SHIFT | PTE_USUAL;
	rc = rc ? rc : copy_to(t[1], table);
	memset(table, 0, sizeof(table));
	table[511] = t[1] << PAGE_SHIFT | PTE_USUAL;
	return rc ? rc : copy_to(t[0], table);
}

static long set_context(void)
{
	static struct vcpu_guest_context c;

	c = (struct vcpu_guest_context){ .flags = VGCF_in_kernel | VGCF_online };
	c.user_regs.rip = (uint64_t)child_main;
	c.user_regs.rsp = (uint64_t)stack + sizeof(stack) - 8;
	c.user_regs.cs = FLAT_KERNEL_CS;
	c.user_regs.ss = FLAT_KERNEL_SS;
	c.user_regs.rflags = 0x200;
	c.kernel_ss = FLAT_KERNEL_SS;
	c.kernel_sp = (uint64_t)stack + sizeof(stack);
	c.ctrlreg[3] = list[image_pages()] << PAGE_SHIFT;
	ctl.u.vcpucontext.vcpu = 0;
	set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &c);
	return domctl(XEN_DOMCTL_setvcpucontext, child);
}

static long build(void)
{
	unsigned int n = image_pages() + TABLES + 1 + SLACK;
	long rc;

	ctl.u.max_vcpus.max = 1;
	if (FIRST_PFN + n > MOST || domctl(XEN_DOMCTL_max_vcpus, child)) {
		return -XEN_EINVAL;
	}
	rc = give_memory(n);
	rc = rc ? rc : domctl_info(child);
	if (rc) {
		return rc;
	}
	describe(n);
	rc = copy_image();
	rc = rc ? rc : make_tables(n);
	/* A page table may not be mapped writable anywhere. */
	show(virt_to_mfn(window), DOMID_SELF);
	rc = rc ? rc : set_context();
	return rc ? rc : domctl(XEN_DOMCTL_unpausedomain, child);
}

long child_begin(void (*f)(uint64_t arg), uint64_t arg)
{
	long rc;

	if (!window) {
		window = page_alloc();
	}
	rc = domctl_create(1);
	if (rc) {
		return rc;
	}
	child = (domid_t)ctl.domain;
	run = f;
	run_arg = arg;
	memset((void *)child_said, 0, PAGE_SIZE);
	rc = build();
	if (rc) {
		domctl_destroy(child);
	}
	return rc;
}

int child_wait(void)
{
	uint64_t end = system_time() + 5000000000UL;

	while (system_time() < end) {
		if (domctl_info(child)) {
			return -1;
		}
		if (ctl.u.getdomaininfo.flags & XEN_DOMINF_shutdown) {
			return (int)(ctl.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift &
				     XEN_DOMINF_shutdownmask);
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return -1;
}

void child_finish(void)
{
	if (show(said_mfn, child) == 0) {
		memcpy((void *)child_said, window, PAGE_SIZE);
	}
	show(virt_to_mfn(window), DOMID_SELF);
	domctl_destroy(child);
}

int child_run(void (*f)(uint64_t arg), uint64_t arg)
{
	long rc = child_begin(f, arg);
	int reason;

	if (rc) {
		print("  a child cannot be made: %ld\n", rc);
		return -1;
	}
	reason = child_wait();
	child_finish();
	return reason;
}
