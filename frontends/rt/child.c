/*
 * See child.h: the smallest builder of a domain that can run C.  The layout is the builders' own, page n of the child's
 * at VIRT_BASE + n * 4096: the image, spare pages, tables, and what rt/mm.c counts on behind those.
 */
#include "frontends/rt/child.h"

#include <xen/sched.h>

#include "hypervisor/lib/string.h"

extern char image_start[], image_end[], stack_top[];

struct child_mail child_mail __attribute__((aligned(4096)));

static struct start_info child_start;
static uint64_t child_list[2048]; /* mfn by pfn: the child's own list */
static void (*child_main)(void);

#define FIRST_PFN   (((uint64_t)image_start & 0x7fffffff) >> PAGE_SHIFT)
#define IMAGE_PAGES ((unsigned int)((image_end - image_start) >> PAGE_SHIFT))
#define SLACK	    (1 + 128u) /* a page left out, and page_alloc()'s: mm.c */

/* The window shows a page of the child's, or again the page of ours that is at home there. */
long child_show(void *window, uint64_t mfn, domid_t owner)
{
	return hcall4(__HYPERVISOR_update_va_mapping_otherdomain, ptr_arg(window),
		      mfn << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG | UVMF_ALL, owner);
}

void *child_spare(unsigned int n)
{
	return image_end + (uint64_t)n * PAGE_SIZE;
}

uint64_t child_spare_frame(const struct child *c, unsigned int n)
{
	return c->frames[IMAGE_PAGES + n];
}

static void tell_unexpected(struct trap_frame *f)
{
	child_mail.word[CHILD_TRAP_RIP] = (long)f->rip;
	child_mail.word[CHILD_TRAP] = (long)f->vector + 1;
	guest_shutdown(SHUTDOWN_watchdog);
}

/* Where the copied image starts to run. */
static void child_entry(void)
{
	start_info = &child_start;
	unexpected_hook = tell_unexpected;
	shared_info = NULL;
	mm_init();
	traps_init();
	events_init();
	child_main();
	guest_shutdown(SHUTDOWN_poweroff);
}

struct tables {
	unsigned int l1s, first, end; /* their place in frames[]: L4, L3, L2, then the L1s */
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

				p[i] = entry_for(c, n, n >= t->first && n < t->end);
			}
		}
	}
}

static long fill_child(const struct child *c, const struct tables *t, void *window)
{
	for (unsigned int n = 0; n < t->end; n++) {
		bool table = n >= t->first;
		long rc = table || n < IMAGE_PAGES ? child_show(window, c->frames[n], c->id) : 0;

		if (rc) {
			return rc;
		}
		if (table) {
			fill_table(c, t, n - t->first, window);
		} else if (n < IMAGE_PAGES) {
			memcpy(window, image_start + (uint64_t)n * PAGE_SIZE, PAGE_SIZE);
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

/* All of it is as it was, and no child is left. */
static long undo(struct child *c, void *window, long rc)
{
	c->mail = NULL;
	child_show(window, virt_to_mfn(window), DOMID_SELF);
	domain_destroy(c->id);
	return rc;
}

static long give_memory(struct child *c)
{
	for (unsigned int i = 0; i < c->pages; i++) {
		c->frames[i] = FIRST_PFN + i;
	}
	return domain_give(c->id, c->frames, c->pages, 0) == (long)c->pages ? 0 : -XEN_ENOMEM;
}

static long build(struct child *c, const struct tables *t, void *window)
{
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE };
	long rc = give_memory(c);

	rc = rc ? rc : domain_info(c->id);
	if (rc) {
		return rc;
	}
	c->top = c->frames[t->first];
	describe(c, t, child_ctl.u.getdomaininfo.shared_info_frame);
	rc = fill_child(c, t, window);
	/* The window shows a table now, which may be mapped writable by nobody. */
	c->mail = window;
	rc = rc ? rc
		: child_show(window, c->frames[((char *)&child_mail - image_start) >> PAGE_SHIFT],
			     c->id);
	pin.arg1.mfn = c->top;
	rc = rc ? rc : mmuext_op(&pin, 1, NULL, c->id);
	return rc ? rc : set_context(c);
}

long child_make(struct child *c, void *window, void (*f)(void))
{
	struct tables t = { .first = IMAGE_PAGES + CHILD_SPARE };
	long rc;

	c->mail = NULL;
	/* The L1s map themselves, too, which are no more than eight. */
	t.l1s = (unsigned int)(FIRST_PFN + t.first + 3 + SLACK + 8 + 511) / 512;
	t.end = t.first + 3 + t.l1s;
	c->pages = t.end + SLACK;
	if (c->pages > ARRAY_SIZE(c->frames) || FIRST_PFN + c->pages > ARRAY_SIZE(child_list)) {
		return -XEN_E2BIG;
	}
	/* It may have a few more: what it is refused is so for another reason. */
	rc = domain_make(2, c->pages + CHILD_SPARE);
	if (rc < 0) {
		return rc;
	}
	c->id = (domid_t)rc;
	child_main = f;
	rc = build(c, &t, window);
	return rc ? undo(c, window, rc) : 0;
}

long child_go(struct child *c)
{
	return child_domctl(XEN_DOMCTL_unpausedomain, c->id);
}

bool child_says(struct child *c, unsigned int n, long value)
{
	uint64_t end = system_time() + CHILD_PATIENCE;

	while (c->mail[n] != value) {
		if (system_time() > end) {
			return false;
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return true;
}

int child_wait(struct child *c)
{
	uint64_t end = system_time() + CHILD_PATIENCE;

	while (domain_info(c->id) == 0 && system_time() < end) {
		uint32_t flags = child_ctl.u.getdomaininfo.flags;

		if (flags & XEN_DOMINF_shutdown) {
			return (int)(flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return -1;
}

int child_run(struct child *c, void *window, void (*f)(void))
{
	long rc = child_make(c, window, f);

	rc = rc ? rc : child_go(c);
	if (rc) {
		print("  a child cannot be made: %ld\n", rc);
		return -1;
	}
	return child_wait(c);
}

bool child_end(struct child *c)
{
	void *window = (void *)c->mail;

	return window && child_show(window, virt_to_mfn(window), DOMID_SELF) == 0 &&
	       domain_destroy(c->id) == 0 && domain_gone(c->id);
}
