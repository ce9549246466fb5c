/*
 * The areas a vCPU may register (<xen/vcpu.h>): its run states, whose times "are guaranteed not to drift from system
 * time", and a second copy of its time page, "updated whenever the master copy is".  Each may lie across two pages and be
 * registered again elsewhere; where it can't be written it is refused, and the old one stays.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/pages.h"

#define MS 1000000UL

static char *pages; /* two, one after the other */

static long runstate_at(unsigned int vcpu, const void *where)
{
	struct vcpu_register_runstate_memory_area r = { .addr.p = (uint64_t)where };

	return vcpu_op(VCPUOP_register_runstate_memory_area, vcpu, &r);
}

static long time_at(const void *where)
{
	struct vcpu_register_time_memory_area r = { .addr.p = (uint64_t)where };

	return vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &r);
}

static uint64_t sum(const volatile struct vcpu_runstate_info *r)
{
	return r->time[0] + r->time[1] + r->time[2] + r->time[3];
}

static void sleep_for(uint64_t ns)
{
	/* Closed before it is armed: it shall not come and go before we block. */
	upcalls_off();
	timer_arm(system_time() + ns);
	sched_op(SCHEDOP_block, NULL);
}

/*
 * Sleeps until so much of it was told: on a busy machine the timer may be over before the vCPU blocks, and then it does
 * not.
 */
static bool told_of_sleep(const volatile struct vcpu_runstate_info *r, uint64_t ns)
{
	uint64_t from = r->time[RUNSTATE_blocked];

	for (unsigned int i = 0; i < 200 && r->time[RUNSTATE_blocked] < from + ns; i++) {
		sleep_for(2 * ns);
	}
	return r->time[RUNSTATE_blocked] >= from + ns;
}

/* All of the area is written, in one page or two, and nothing beside it. */
static void one_runstate(const char *what, char *where)
{
	volatile struct vcpu_runstate_info *r = (void *)where;

	memset(pages, 0x55, 2 * PAGE_SIZE);
	CHECK_EQ(runstate_at(0, where), 0, "run states %s", what);
	CHECK_EQ(r->state, RUNSTATE_running, "running");
	CHECK(told_of_sleep(r, 5 * MS), "was blocked for 5 ms");
	CHECK_EQ(r->state, RUNSTATE_running, "running again");
	CHECK(r->state_entry_time <= system_time(), "has run since the past");
	CHECK((where == pages || where[-1] == 0x55) && where[sizeof(*r)] == 0x55,
	      "nothing beside it");
}

static void drift(void)
{
	struct vcpu_runstate_info before, after;
	uint64_t start, mid, end;

	start = system_time();
	vcpu_op(VCPUOP_get_runstate_info, 0, &before);
	mid = system_time();
	for (unsigned int i = 0; i < 20; i++) {
		sleep_for(MS);
		sched_op(SCHEDOP_yield, NULL);
	}
	end = system_time();
	vcpu_op(VCPUOP_get_runstate_info, 0, &after);
	CHECK(sum(&after) - sum(&before) >= end - mid, "the times add up to what passed");
	CHECK(sum(&after) - sum(&before) <= system_time() - start, "and no more");
}

static void runstate_refusals(void)
{
	volatile struct vcpu_runstate_info *r = (void *)pages;
	char *ro = read_only("x", 2);

	CHECK_EQ(runstate_at(0, pages), 0, "registered");
	CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, NOWHERE), -XEN_EFAULT,
		 "request at a bad address");
	CHECK_EQ(runstate_at(9999, pages + 512), -XEN_ENOENT, "no such vCPU");
	CHECK_EQ(runstate_at(0, NOWHERE), -XEN_EFAULT, "an area where nothing is");
	CHECK_EQ(runstate_at(0, ro), -XEN_EFAULT, "or where nothing can be written");
	CHECK_EQ(runstate_at(0, ro - 8), -XEN_EFAULT, "nor its end");
	CHECK_EQ(runstate_at(0, (void *)start_info->pt_base), -XEN_EFAULT, "or in a page table");
	CHECK_EQ(runstate_at(0, (void *)0xffff830000000000UL), -XEN_EFAULT, "or in the hypervisor");
	CHECK_EQ(runstate_at(0, (void *)0x800000000000UL), -XEN_EFAULT, "or at no address");
	CHECK(runstate_at(0, (void *)~7UL) < 0, "or around the end of addresses");
	CHECK(told_of_sleep(r, 2 * MS), "the one before is still kept");
	CHECK_EQ(runstate_at(0, NULL), 0, "given up");
	memset(pages, 0x55, PAGE_SIZE);
	sleep_for(5 * MS);
	CHECK_EQ(pages[16], 0x55, "is written no more");
}

/* While it is registered its page is the guest's to write: it can't become a page table behind our back. */
static void kept_writable(void)
{
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE };
	char *page = page_alloc();

	pin.arg1.mfn = virt_to_mfn(page);
	CHECK_EQ(runstate_at(0, page), 0, "registered");
	page_protect(page, PTE_USUAL & ~PTE_RW);
	CHECK(mmuext_op(&pin, 1, NULL, DOMID_SELF) < 0, "not pinned as a page table meanwhile");
	CHECK(told_of_sleep((void *)page, 2 * MS), "though read-only to us now, still written");
	CHECK_EQ(runstate_at(0, NULL), 0, "given up");
	page_protect(page, PTE_USUAL);
	memset(page, 0, PAGE_SIZE);
	page_protect(page, PTE_USUAL & ~PTE_RW);
	CHECK_EQ(mmuext_op(&pin, 1, NULL, DOMID_SELF), 0, "pinned");
	pin.cmd = MMUEXT_UNPIN_TABLE;
	mmuext_op(&pin, 1, NULL, DOMID_SELF);
}

static bool same_time(const volatile struct vcpu_time_info *t)
{
	const volatile struct vcpu_time_info *master = &vcpu_info()->time;
	uint32_t version;
	bool same;

	do {
		version = master->version;
		same = t->version == version && t->tsc_timestamp == master->tsc_timestamp &&
		       t->system_time == master->system_time &&
		       t->tsc_to_system_mul == master->tsc_to_system_mul &&
		       t->tsc_shift == master->tsc_shift && t->flags == master->flags;
	} while (version != master->version);
	return same;
}

static void second_copy(const char *what, char *where)
{
	memset(pages, 0x55, 2 * PAGE_SIZE);
	CHECK_EQ(time_at(where), 0, "the time %s", what);
	CHECK(same_time((void *)where), "as on the master page");
	/* Long enough for the master to be written anew. */
	sleep_for(1200 * MS);
	CHECK(same_time((void *)where), "and so later");
	CHECK(where[sizeof(struct vcpu_time_info)] == 0x55, "nothing behind it");
}

enum verdict guest_main(void)
{
	pages = page_alloc();
	page_alloc();
	drift();
	one_runstate("in a page", pages);
	one_runstate("at its end", pages + PAGE_SIZE - sizeof(struct vcpu_runstate_info));
	one_runstate("across two", pages + PAGE_SIZE - 24);
	runstate_refusals();
	kept_writable();
	second_copy("in a page", pages + 64);
	second_copy("across two", pages + PAGE_SIZE - 16);
	CHECK_EQ(time_at(NOWHERE), -XEN_EFAULT, "the time where nothing is");
	CHECK_EQ(time_at((void *)start_info->pt_base), -XEN_EFAULT, "or in a page table");
	CHECK(same_time((void *)(pages + PAGE_SIZE - 16)), "the one before stays");
	CHECK_EQ(time_at(NULL), 0, "given up");
	return SUCCESS;
}
