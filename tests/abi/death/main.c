/*
 * The end of domains (XEN_DOMCTL_destroydomain), each with something in the way: vCPUs that run, tables that are
 * pinned, loaded or given up, pages that others map, grants mapped both ways, event channels bound.  What others hold of a
 * dying domain stays as it is, and keeps it known as dying; nothing new is given to it; when the last is let go, it
 * is gone, and to the page as much memory is free as before.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>

#include "hypervisor/lib/string.h"

enum { READY = 1, FRAME, PORT, ANSWER }; /* words of the mail */
#define REF 8

static struct child child;
static char *window, *page;
static grant_entry_v1_t *our_grants;

/* ---- in the child: it gets into a state, says so, and stays ---- */

static void stay(void)
{
	child_mail.word[READY] = 1;
	for (;;) {
		sched_op(SCHEDOP_yield, NULL);
	}
}

static void idles(void)
{
	child_mail.word[READY] = 1;
	for (;;) {
		sched_op(SCHEDOP_block, NULL);
	}
}

static void shuts_down(void)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_crash };

	child_mail.word[READY] = 1;
	sched_op(SCHEDOP_shutdown, &s);
}

static volatile bool second_runs;

static void second(unsigned int vcpu)
{
	(void)vcpu;
	second_runs = true;
	for (;;) {
	}
}

static void runs_on_two(void)
{
	if (second_start(1, second)) {
		return;
	}
	while (!second_runs) {
	}
	stay();
}

static long give_up(const void *p)
{
	xen_pfn_t list[1] = { virt_to_mfn(p) };
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle_raw(r.extent_start, list);
	return memory_op(XENMEM_decrease_reservation, &r);
}

static long read_only(void *p)
{
	return update_va_mapping((uint64_t)p, virt_to_mfn(p) << PAGE_SHIFT | PTE_P | PTE_US,
				 UVMF_INVLPG);
}

/* Pins tables of three levels in spare pages, loads one of its own as the user's, gives all up. */
static void gives_up_tables(void)
{
	static const unsigned int cmd[] = { MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
					    MMUEXT_PIN_L4_TABLE };
	struct mmuext_op op = { .cmd = MMUEXT_NEW_USER_BASEPTR };
	long rc = 0;

	for (unsigned int i = 0; i < 3; i++) {
		struct mmuext_op pin = { .cmd = cmd[i], .arg1.mfn = virt_to_mfn(child_spare(i)) };

		memset(child_spare(i), 0, PAGE_SIZE);
		rc |= read_only(child_spare(i));
		rc |= mmuext_op(&pin, 1, NULL, DOMID_SELF);
	}
	op.arg1.mfn = virt_to_mfn(child_spare(2));
	rc |= mmuext_op(&op, 1, NULL, DOMID_SELF);
	for (unsigned int i = 0; i < 3; i++) {
		rc |= give_up(child_spare(i)) != 1;
		rc |= update_va_mapping((uint64_t)child_spare(i), 0, UVMF_INVLPG);
	}
	rc |= give_up((void *)start_info->pt_base) != 1;
	child_mail.word[ANSWER] = rc;
	stay();
}

static grant_entry_v1_t *grants_at(void *at)
{
	xen_pfn_t frame = 0;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };

	set_xen_guest_handle_raw(s.frame_list, &frame);
	if (grant_op(GNTTABOP_setup_table, &s, 1) || s.status != GNTST_okay ||
	    update_va_mapping((uint64_t)at, frame << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG)) {
		return NULL;
	}
	return at;
}

static void grant(grant_entry_v1_t *table, domid_t to, const void *p)
{
	table[REF].domid = to;
	table[REF].frame = (uint32_t)virt_to_mfn(p);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	table[REF].flags = GTF_permit_access;
}

static int map_grant(void *at, domid_t from, grant_handle_t *handle)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = (uint64_t)at, .flags = GNTMAP_host_map, .ref = REF, .dom = from
	};

	if (grant_op(GNTTABOP_map_grant_ref, &m, 1)) {
		return -1000;
	}
	*handle = m.handle;
	return m.status;
}

static void grants_a_page(void)
{
	grant_entry_v1_t *table = grants_at(child_spare(0));

	if (table) {
		memset(child_spare(1), 0x3c, PAGE_SIZE);
		grant(table, 0, child_spare(1));
		stay();
	}
}

static void maps_a_grant(void)
{
	grant_handle_t h;

	child_mail.word[ANSWER] = map_grant(child_spare(0), 0, &h);
	if (child_mail.word[ANSWER] == GNTST_okay) {
		*(volatile char *)child_spare(0) = 0x77;
	}
	stay();
}

static void offers_a_port(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };

	event_op(EVTCHNOP_alloc_unbound, &a);
	child_mail.word[PORT] = a.port;
	idles();
}

/* ---- here ---- */

static bool alive(void (*f)(void), const char *what)
{
	long rc = child_make(&child, window, f);

	rc = rc ? rc : child_go(&child);
	CHECK(rc == 0 && child_says(&child, READY, 1), "a domain that %s (%ld)", what, rc);
	return rc == 0;
}

/* Whether what is left of it is counted right, too. */
static void counted(void)
{
	CHECK(audit_machine() != AUDIT_FAILED, "the hypervisor counts right");
}

/* A domain with the state and nothing of ours in the way: destroyed, it is gone at once. */
static void alone(void (*f)(void), const char *what)
{
	uint64_t before = settled_free_pages();

	if (alive(f, what)) {
		CHECK_EQ(child.mail[ANSWER], 0, "is as it should be");
		counted();
		CHECK(child_end(&child), "is destroyed and gone");
	}
	CHECK_EQ(settled_free_pages(), before, "as many pages are free");
}

/* Nothing but the vCPU holds its tables. */
static void unpinned(void)
{
	uint64_t before = settled_free_pages();
	struct mmuext_op unpin = { .cmd = MMUEXT_UNPIN_TABLE };
	long rc = child_make(&child, window, stay);

	unpin.arg1.mfn = child.top;
	rc = rc ? rc : mmuext_op(&unpin, 1, NULL, child.id);
	rc = rc ? rc : child_go(&child);
	CHECK_EQ(rc, 0, "a domain whose tables are not pinned");
	if (rc == 0) {
		CHECK(child_says(&child, READY, 1), "runs");
		counted();
		CHECK(child_end(&child), "is destroyed and gone");
	}
	CHECK_EQ(settled_free_pages(), before, "as many pages are free");
}

static bool dying(void)
{
	return domain_info(child.id) == 0 && (child_ctl.u.getdomaininfo.flags & XEN_DOMINF_dying);
}

/* A dying domain gets nothing any more. */
static void gets_nothing(uint64_t held)
{
	xen_pfn_t list[1] = { 5 };
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = held };
	struct evtchn_bind_interdomain b = { .remote_dom = child.id,
					     .remote_port = (evtchn_port_t)child.mail[PORT] };
	grant_handle_t h;

	CHECK(domain_give(child.id, list, 1, 0) <= 0, "no memory for it");
	CHECK(mmuext_op(&pin, 1, NULL, child.id) < 0,
	      "no page of it that is still there made a table");
	CHECK(child_domctl(XEN_DOMCTL_unpausedomain, child.id) < 0, "it does not run again");
	CHECK(event_op(EVTCHNOP_bind_interdomain, &b) < 0, "no event channel to it");
	CHECK(map_grant(page, child.id, &h) < 0, "no grant of it mapped");
	CHECK(child_show(page, child_spare_frame(&child, 4), child.id) < 0,
	      "no page of it, either");
	CHECK_EQ(domain_destroy(child.id), 0, "destroyed once more");
}

/* Mapped by us, writable and read-only. */
static void page_abroad(void)
{
	uint64_t before = settled_free_pages();
	char *second_page = page_alloc(), *third_page = page_alloc();
	struct mmu_update u = { pte_machine_address(pte_of(second_page, 1)), 0 };
	struct mmuext_op flush = { .cmd = MMUEXT_INVLPG_ALL,
				   .arg1.linear_addr = (uint64_t)second_page };

	if (!alive(idles, "has pages that we map")) {
		return;
	}
	CHECK_EQ(child_show(page, child_spare_frame(&child, 1), child.id), 0, "one of them");
	u.val = child_spare_frame(&child, 1) << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW);
	CHECK_EQ(mmu_update(&u, 1, NULL, child.id), 0, "read-only, too");
	u.ptr = pte_machine_address(pte_of(third_page, 1));
	u.val = child_spare_frame(&child, 2) << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW);
	CHECK_EQ(mmu_update(&u, 1, NULL, child.id), 0, "another, which nobody may write");
	CHECK_EQ(mmuext_op(&flush, 1, NULL, DOMID_SELF), 0, "seen");
	memset(page, 0x99, PAGE_SIZE);
	CHECK_EQ(domain_destroy(child.id), 0, "destroyed");
	CHECK(dying(), "it is dying");
	CHECK_EQ(child_ctl.u.getdomaininfo.tot_pages, 3, "of its pages there are three");
	CHECK_EQ((unsigned char)page[77] + (unsigned char)second_page[77], 2 * 0x99,
		 "what is mapped stays");
	gets_nothing(child_spare_frame(&child, 2));
	counted();
	page[0] = 1;
	CHECK_EQ(second_page[0], 1, "it is one page");
	CHECK_EQ(child_show(third_page, virt_to_mfn(third_page), DOMID_SELF), 0, "one let go");
	CHECK_EQ(child_show(second_page, virt_to_mfn(second_page), DOMID_SELF), 0, "another");
	CHECK(dying(), "still dying");
	CHECK_EQ(child_show(page, virt_to_mfn(page), DOMID_SELF), 0, "the other");
	CHECK(dying(), "its mail is still here");
	CHECK_EQ(child_show(window, virt_to_mfn(window), DOMID_SELF), 0, "let go");
	CHECK(domain_gone(child.id), "gone");
	CHECK_EQ(settled_free_pages(), before, "as many pages are free");
}

static void grant_from_it(void)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = (uint64_t)page };
	uint64_t before = settled_free_pages();
	int rc;

	if (!alive(grants_a_page, "granted us a page")) {
		return;
	}
	rc = map_grant(page, child.id, &u.handle);
	CHECK_EQ(rc, GNTST_okay, "mapped");
	CHECK_EQ(page[100], 0x3c, "seen");
	CHECK_EQ(child_show(window, virt_to_mfn(window), DOMID_SELF), 0, "its mail let go");
	CHECK_EQ(domain_destroy(child.id), 0, "destroyed");
	CHECK(dying(), "it is dying");
	CHECK_EQ(page[100], 0x3c, "the page stays");
	counted();
	page[100] = 1;
	CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0, "unmapped");
	CHECK_EQ(u.status, GNTST_okay, "indeed");
	CHECK(domain_gone(child.id), "gone");
	CHECK_EQ(child_show(page, virt_to_mfn(page), DOMID_SELF), 0, "as it was");
	CHECK_EQ(settled_free_pages(), before, "as many pages are free");
}

static void grant_to_it(void)
{
	uint64_t before;

	memset(page, 0, PAGE_SIZE);
	before = settled_free_pages();
	if (child_make(&child, window, maps_a_grant)) {
		CHECK(false, "a child");
		return;
	}
	grant(our_grants, child.id, page);
	CHECK_EQ(child_go(&child), 0, "a domain");
	CHECK(child_says(&child, READY, 1), "that maps a page of ours");
	CHECK_EQ(child.mail[ANSWER], GNTST_okay, "mapped");
	CHECK_EQ(page[0], 0x77, "and written");
	counted();
	CHECK_EQ(our_grants[REF].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing,
		 "in use");
	CHECK(child_end(&child), "destroyed and gone");
	CHECK_EQ(our_grants[REF].flags & (GTF_reading | GTF_writing), 0, "not in use any more");
	our_grants[REF].flags = 0;
	CHECK_EQ(settled_free_pages(), before, "as many pages are free");
}

static void events(void)
{
	struct evtchn_bind_interdomain b = { 0 };
	struct evtchn_status s = { .dom = DOMID_SELF };
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF };
	struct evtchn_close c = { 0 };
	uint64_t before = settled_free_pages();

	if (!alive(offers_a_port, "offers a port")) {
		return;
	}
	b.remote_dom = child.id;
	b.remote_port = (evtchn_port_t)child.mail[PORT];
	CHECK_EQ(event_op(EVTCHNOP_bind_interdomain, &b), 0, "bound");
	a.remote_dom = child.id;
	CHECK_EQ(event_op(EVTCHNOP_alloc_unbound, &a), 0, "one for it");
	CHECK(child_end(&child), "destroyed and gone");
	s.port = b.local_port;
	CHECK_EQ(event_op(EVTCHNOP_status, &s), 0, "our end");
	CHECK_EQ(s.status, EVTCHNSTAT_unbound, "waits for it again");
	CHECK(event_op(EVTCHNOP_send, &(struct evtchn_send){ .port = b.local_port }) <= 0,
	      "an event to nobody");
	c.port = b.local_port;
	CHECK_EQ(event_op(EVTCHNOP_close, &c), 0, "closed");
	c.port = a.port;
	CHECK_EQ(event_op(EVTCHNOP_close, &c), 0, "both");
	CHECK_EQ(settled_free_pages(), before, "as many pages are free");
}

/* Domains nobody finished: no vCPU has a context, some have memory, tables pinned by us. */
static void unfinished(void)
{
	uint64_t before = settled_free_pages();
	static xen_pfn_t list[600];
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE };

	for (unsigned int n = 0; n <= 600; n += 300) {
		long id = domain_make(1 + n / 300, 600);

		for (unsigned int i = 0; i < n; i++) {
			list[i] = i;
		}
		CHECK(id > 0 && domain_give((domid_t)id, list, n, 0) == (long)n,
		      "a domain of %u pages", n);
		pin.arg1.mfn = list[5];
		CHECK_EQ(n ? mmuext_op(&pin, 1, NULL, (domid_t)id) : 0, 0, "one a table");
		CHECK_EQ(domain_destroy((domid_t)id), 0, "destroyed");
		CHECK(domain_gone((domid_t)id), "gone");
		CHECK_EQ(domain_destroy((domid_t)id), -XEN_ESRCH, "only once");
	}
	CHECK_EQ(settled_free_pages(), before, "as many pages are free");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	window = page_alloc();
	page = page_alloc();
	our_grants = grants_at(page_alloc());
	/* What the hypervisor keeps for the next domain is not lost: it is there from the first on. */
	if (alive(idles, "is the first")) {
		CHECK(child_end(&child), "gone");
	}
	unfinished();
	alone(idles, "waits");
	alone(stay, "runs");
	alone(runs_on_two, "runs on two vCPUs");
	alone(shuts_down, "has crashed");
	alone(gives_up_tables, "gave its tables up");
	unpinned();
	page_abroad();
	grant_from_it();
	grant_to_it();
	events();
	return SUCCESS;
}
