/* See child.h.  The layout is the builder's: page n of the child's is at VIRT_BASE + n * 4096. */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"

#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

#include "hypervisor/lib/string.h"

extern char image_start[], image_end[], stack_top[];

struct child_mail child_mail __attribute__((aligned(4096)));
struct xen_domctl child_ctl;

static struct start_info child_start;
static uint64_t child_list[2048]; /* mfn by pfn: the child's own list */
static void (*child_main)(void);

#define FIRST_PFN   (((uint64_t)image_start & 0x7fffffff) >> PAGE_SHIFT)
#define IMAGE_PAGES ((unsigned int)((image_end - image_start) >> PAGE_SHIFT))

long child_domctl(uint32_t cmd, domid_t id)
{
	child_ctl.cmd = cmd;
	child_ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	child_ctl.domain = id;
	return hcall1(__HYPERVISOR_domctl, ptr_arg(&child_ctl));
}

uint64_t free_pages(void)
{
	static struct xen_sysctl s;

	s.cmd = XEN_SYSCTL_physinfo;
	s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return hcall1(__HYPERVISOR_sysctl, ptr_arg(&s)) ? 0 : s.u.physinfo.free_pages;
}

/* The last steps of a domain's end may be put off for a moment. */
uint64_t settled_free_pages(void)
{
	uint64_t pages = free_pages(), since = system_time();

	while (system_time() - since < 50000000UL) {
		uint64_t now = free_pages();

		if (now != pages) {
			pages = now;
			since = system_time();
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return pages;
}

long domain_make(unsigned int vcpus, uint64_t pages)
{
	domid_t id;
	long rc;

	memset(&child_ctl, 0, sizeof(child_ctl));
	child_ctl.u.createdomain.max_vcpus = vcpus;
	child_ctl.u.createdomain.max_evtchn_port = 1023;
	child_ctl.u.createdomain.max_grant_frames = 32;
	child_ctl.u.createdomain.max_maptrack_frames = 128;
	child_ctl.u.createdomain.grant_opts = 1;
	rc = child_domctl(XEN_DOMCTL_createdomain, 0);
	if (rc) {
		return rc;
	}
	id = (domid_t)child_ctl.domain;
	child_ctl.u.max_vcpus.max = vcpus;
	rc = child_domctl(XEN_DOMCTL_max_vcpus, id);
	child_ctl.u.max_mem.max_memkb = pages << (PAGE_SHIFT - 10);
	rc = rc ? rc : child_domctl(XEN_DOMCTL_max_mem, id);
	return rc ? rc : id;
}

long domain_give(domid_t id, xen_pfn_t *list, unsigned int n, unsigned int order)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = id };

	set_xen_guest_handle_raw(r.extent_start, list);
	return memory_op(XENMEM_populate_physmap, &r);
}

long domain_info(domid_t id)
{
	long rc = child_domctl(XEN_DOMCTL_getdomaininfo, id);

	return rc ? rc : child_ctl.domain == id ? 0 : -XEN_ESRCH;
}

bool domain_gone(domid_t id)
{
	uint64_t end = system_time() + 2000000000UL;

	while (domain_info(id) == 0) {
		if (system_time() > end) {
			return false;
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return true;
}

/* The window shows a page of the child's, or again the page of ours that is at home there. */
long child_show(void *window, uint64_t mfn, domid_t owner)
{
	struct mmu_update u = { pte_machine_address(pte_of(window, 1)),
				mfn << PAGE_SHIFT | PTE_USUAL };
	struct mmuext_op flush = { .cmd = MMUEXT_INVLPG_ALL, .arg1.linear_addr = (uint64_t)window };
	long rc = mmu_update(&u, 1, NULL, owner);

	return rc ? rc : mmuext_op(&flush, 1, NULL, DOMID_SELF);
}

void *child_spare(unsigned int n)
{
	return image_end + (uint64_t)n * PAGE_SIZE;
}

uint64_t child_spare_frame(const struct child *c, unsigned int n)
{
	return c->frames[IMAGE_PAGES + n];
}

/* Where the copied image starts to run. */
static void child_entry(void)
{
	start_info = &child_start;
	shared_info = NULL;
	mm_init();
	traps_init();
	events_init();
	child_main();
	guest_shutdown(SHUTDOWN_poweroff);
}

struct tables {
	unsigned int l1s, first; /* their place in frames[]: L4, L3, L2, then the L1s */
};

static uint64_t entry_for(const struct child *c, unsigned int n, bool table)
{
	/* As the ABI's builders do: all but the top table may be said to be writable on the way down. */
	return c->frames[n] << PAGE_SHIFT | (table ? PTE_P | PTE_US | PTE_A : PTE_USUAL);
}

/* One table of the child's, written through the window. */
static void fill_table(const struct child *c, const struct tables *t, unsigned int which,
		       uint64_t *p)
{
	uint64_t at = (uint64_t)image_start;

	memset(p, 0, PAGE_SIZE);
	if (which == 0) {
		p[at >> 39 & 511] = entry_for(c, t->first + 1, false);
	} else if (which == 1) {
		p[at >> 30 & 511] = entry_for(c, t->first + 2, false);
	} else if (which == 2) {
		for (unsigned int i = 0; i < t->l1s; i++) {
			p[(at >> 21 & 511) + i] = entry_for(c, t->first + 3 + i, false);
		}
	} else {
		for (unsigned int i = 0; i < 512; i++) {
			uint64_t pfn = (uint64_t)(which - 3) * 512 + i;

			if (pfn >= FIRST_PFN && pfn < FIRST_PFN + c->pages) {
				unsigned int n = (unsigned int)(pfn - FIRST_PFN);

				p[i] = entry_for(c, n, n >= t->first);
			}
		}
	}
}

static long fill_child(struct child *c, const struct tables *t, void *window)
{
	for (unsigned int n = 0; n < c->pages; n++) {
		long rc = child_show(window, c->frames[n], c->id);

		if (rc) {
			return rc;
		}
		if (n < IMAGE_PAGES) {
			memcpy(window, image_start + (uint64_t)n * PAGE_SIZE, PAGE_SIZE);
		} else if (n >= t->first) {
			fill_table(c, t, n - t->first, window);
		}
	}
	return 0;
}

static void describe(const struct child *c, const struct tables *t, uint64_t shared_frame)
{
	memset(&child_start, 0, sizeof(child_start));
	child_start.nr_pages = FIRST_PFN + c->pages;
	child_start.shared_info = shared_frame << PAGE_SHIFT;
	child_start.pt_base = (uint64_t)image_start + t->first * PAGE_SIZE;
	child_start.nr_pt_frames = 3 + t->l1s;
	child_start.mfn_list = (uint64_t)child_list;
	for (unsigned int i = 0; i < ARRAY_SIZE(child_list); i++) {
		child_list[i] = i >= FIRST_PFN && i < FIRST_PFN + c->pages
					? c->frames[i - FIRST_PFN]
					: ~0UL;
	}
	memset(&child_mail, 0, sizeof(child_mail));
}

static long set_context(const struct child *c)
{
	static struct vcpu_guest_context context;

	memset(&context, 0, sizeof(context));
	context.flags = VGCF_in_kernel | VGCF_online;
	context.user_regs.rip = (uint64_t)child_entry;
	context.user_regs.rsp = (uint64_t)stack_top - 8;
	context.user_regs.cs = FLAT_KERNEL_CS;
	context.user_regs.ss = FLAT_KERNEL_SS;
	context.user_regs.rflags = 0x200;
	context.kernel_ss = FLAT_KERNEL_SS;
	context.kernel_sp = (uint64_t)stack_top;
	context.ctrlreg[3] = c->top << PAGE_SHIFT;
	child_ctl.u.vcpucontext.vcpu = 0;
	set_xen_guest_handle_raw(child_ctl.u.vcpucontext.ctxt, (void *)&context);
	return child_domctl(XEN_DOMCTL_setvcpucontext, c->id);
}

long child_make(struct child *c, void *window, void (*f)(void))
{
	struct tables t = { .first = IMAGE_PAGES + CHILD_SPARE };
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE };
	long rc;

	t.l1s = (unsigned int)(FIRST_PFN + t.first + 8 + 511) / 512;
	c->pages = t.first + 3 + t.l1s;
	if (c->pages > ARRAY_SIZE(c->frames) || FIRST_PFN + c->pages > ARRAY_SIZE(child_list)) {
		return -XEN_E2BIG;
	}
	rc = domain_make(2, c->pages + CHILD_SPARE);
	if (rc < 0) {
		return rc;
	}
	c->id = (domid_t)rc;
	for (unsigned int i = 0; i < c->pages; i++) {
		c->frames[i] = FIRST_PFN + i;
	}
	if (domain_give(c->id, c->frames, c->pages, 0) != (long)c->pages) {
		return -XEN_ENOMEM;
	}
	c->top = c->frames[t.first];
	rc = domain_info(c->id);
	describe(c, &t, child_ctl.u.getdomaininfo.shared_info_frame);
	child_main = f;
	rc = rc ? rc : fill_child(c, &t, window);
	c->mail = window;
	rc = rc ? rc
		: child_show(window, c->frames[((char *)&child_mail - image_start) >> PAGE_SHIFT],
			     c->id);
	pin.arg1.mfn = c->top;
	rc = rc ? rc : mmuext_op(&pin, 1, NULL, c->id);
	return rc ? rc : set_context(c);
}

long child_go(struct child *c)
{
	return child_domctl(XEN_DOMCTL_unpausedomain, c->id);
}

bool child_says(struct child *c, unsigned int n, long value)
{
	uint64_t end = system_time() + 2000000000UL;

	while (c->mail[n] != value) {
		if (system_time() > end) {
			return false;
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return true;
}

bool child_end(struct child *c)
{
	void *window = (void *)c->mail;

	return child_show(window, virt_to_mfn(window), DOMID_SELF) == 0 &&
	       child_domctl(XEN_DOMCTL_destroydomain, c->id) == 0 && domain_gone(c->id);
}
