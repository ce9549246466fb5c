/*
 * No request holds the CPU for long, however much it asks for: the guest's own timer, which is due again and
 * again meanwhile, is heard between the steps of each, and each ends as if done at once.  The longest wait for it is
 * printed; counted in instructions (QEMU -icount shift=0) that is what the steps are bounded by.
 */
#include "frontends/rt/test.h"

#include <xen/memory.h>

#include "tests/abi/lib/calls.h"

#define TABLES	64u /* L1 tables under one L2, all full */
#define ENTRIES 512u
#define SOME	240u /* of a table that one step is enough for */
#define PINS	16u
#define PAGES	4096u /* given back and got again in one request */
#define PERIOD	50000u
#define SYSCALL 0x050f /* the instruction's bytes */
#define ROUNDS	20
#define CALLS	1024u

static uint64_t due, longest;
static unsigned int
	within; /* so often the timer was heard with a request stopped, to be issued again */
static uint64_t *window; /* through which pages that are mapped nowhere are written */
static uint64_t l1[TABLES], *l2, target;
static uint64_t thin[TABLES],
	*in_use; /* L1 tables of SOME entries; an L2 that is pinned, and empty at first */
static xen_pfn_t list[PAGES], given[PAGES];

static void again(struct trap_frame *f)
{
	static unsigned int seen;
	uint64_t now = system_time();

	if (timer_count == seen) {
		return;
	}
	seen = timer_count;
	within += *(const uint16_t *)f->rip == SYSCALL;
	if (now > due && now - due > longest) {
		longest = now - due;
	}
	due = now + PERIOD;
	timer_arm(due);
}

/* Times a request, and counts how often the timer is heard during it. */
struct request {
	const char *name;
	unsigned int heard; /* times, in the best round: once may be before it begins */
	uint64_t took, wait;
};
static struct request pinning = { .name = "pin" }, unpinning = { .name = "unpin" },
		      refused = { .name = "refused_pin" }, setting = { .name = "entry_set" },
		      clearing = { .name = "entry_cleared" }, giving = { .name = "give_back" },
		      populating = { .name = "populate" }, calling = { .name = "multicall" },
		      linking = { .name = "tables_set" }, extent = { .name = "give_back_2m" },
		      many_pins = { .name = "multicall_pins" };
static struct request *const requests[] = { &pinning,  &unpinning, &refused,	&setting,
					    &clearing, &giving,	   &populating, &calling,
					    &linking,  &extent,	   &many_pins };

static long watched(struct request *r, long (*f)(void))
{
	uint64_t begin = rdtsc();
	long rc;

	longest = 0;
	within = 0;
	due = system_time() + PERIOD;
	timer_arm(due);
	rc = f();
	timer_arm(0);
	r->took = rdtsc() - begin;
	r->wait = longest;
	r->heard = within > r->heard ? within : r->heard;
	return rc;
}

static void fill_table(uint64_t mfn, unsigned int n)
{
	update_va_mapping((uint64_t)window, mfn << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG);
	for (unsigned int i = 0; i < ENTRIES; i++) {
		window[i] = i < n ? target << PAGE_SHIFT | PTE_USUAL : 0;
	}
}

static void spoil_last_entry(uint64_t value)
{
	CHECK_EQ(update_va_mapping((uint64_t)window, l1[TABLES - 1] << PAGE_SHIFT | PTE_USUAL,
				   UVMF_INVLPG),
		 0, "the last table is an ordinary page");
	window[ENTRIES - 1] = value;
	update_va_mapping((uint64_t)window, 0, UVMF_INVLPG);
}

static void make_tables(void)
{
	l2 = page_alloc();
	window = page_alloc();
	target = virt_to_mfn(page_alloc());
	for (unsigned int i = 0; i < TABLES; i++) {
		l1[i] = pfn_to_mfn(pfn_take());
		thin[i] = pfn_to_mfn(pfn_take());
		fill_table(l1[i], ENTRIES);
		fill_table(thin[i], SOME);
		l2[i] = l1[i] << PAGE_SHIFT | PTE_USUAL;
	}
	update_va_mapping((uint64_t)window, 0, UVMF_INVLPG);
	update_va_mapping((uint64_t)l2, virt_to_mfn(l2) << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW),
			  UVMF_INVLPG);
}

static long ext(unsigned int cmd)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = virt_to_mfn(l2) };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static long pin(void)
{
	return ext(MMUEXT_PIN_L2_TABLE);
}

static long unpin(void)
{
	return ext(MMUEXT_UNPIN_TABLE);
}

static void pins(void)
{
	CHECK_EQ(watched(&pinning, pin), 0, "pin");
	CHECK_EQ(pin(), -XEN_EINVAL, "it is pinned");
	CHECK_EQ(update_va_mapping((uint64_t)window, l1[3] << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG),
		 -XEN_EBUSY, "a table of it can't be mapped writable");
	CHECK_EQ(watched(&unpinning, unpin), 0, "unpin");
	CHECK_EQ(unpin(), -XEN_EINVAL, "it is not pinned");
	spoil_last_entry(0x7ffffffffUL << PAGE_SHIFT | PTE_P);
	CHECK(watched(&refused, pin) < 0, "one bad entry, the last, and all of it is refused");
	spoil_last_entry(target << PAGE_SHIFT | PTE_USUAL);
}

/* ---- the same tree below an entry of a table in use ---- */

static struct mmu_update set_entry;

static long write_entry(void)
{
	return mmu_update(&set_entry, 1, NULL, DOMID_SELF);
}

static void entries(void)
{
	static uint64_t *l3;
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L3_TABLE, .arg1.mfn = 0 };

	l3 = l3 ? l3 : page_alloc();
	op.arg1.mfn = virt_to_mfn(l3);
	update_va_mapping((uint64_t)l3, op.arg1.mfn << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW),
			  UVMF_INVLPG);
	CHECK_EQ(mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "an empty L3");
	set_entry.ptr = op.arg1.mfn << PAGE_SHIFT | 8;
	set_entry.val = virt_to_mfn(l2) << PAGE_SHIFT | PTE_USUAL;
	CHECK_EQ(watched(&setting, write_entry), 0, "an entry set to the tree");
	CHECK_EQ(l3[1], set_entry.val, "reads as written");
	set_entry.val = 0;
	CHECK_EQ(watched(&clearing, write_entry), 0, "and cleared");
	op.cmd = MMUEXT_UNPIN_TABLE;
	CHECK_EQ(mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "unpin");
	spoil_last_entry(target << PAGE_SHIFT |
			 PTE_USUAL); /* fails if anything of the tree is left */
}

/* ---- many tables, each little enough for one step ---- */

static struct mmu_update links[TABLES];

static long write_links(void)
{
	return mmu_update(links, TABLES, NULL, DOMID_SELF);
}

static void make_in_use(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L2_TABLE };

	in_use = page_alloc();
	op.arg1.mfn = virt_to_mfn(in_use);
	update_va_mapping((uint64_t)in_use, op.arg1.mfn << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW),
			  UVMF_INVLPG);
	CHECK_EQ(mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "an empty L2");
}

static void many_tables(void)
{
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < TABLES; i++) {
		links[i].ptr = virt_to_mfn(in_use) << PAGE_SHIFT | i * 8;
		links[i].val = thin[i] << PAGE_SHIFT | PTE_USUAL;
	}
	CHECK_EQ(watched(&linking, write_links), 0, "as many entries set to as many tables");
	for (unsigned int i = 0; i < TABLES; i++) {
		wrong += in_use[i] != links[i].val;
		links[i].val = 0;
	}
	CHECK_EQ(wrong, 0, "each reads as written");
	CHECK_EQ(write_links(), 0, "and cleared");
}

/* ---- memory, and many calls in one ---- */

static long reservation(int cmd, xen_pfn_t *pfns)
{
	struct xen_memory_reservation r = { .nr_extents = PAGES, .domid = DOMID_SELF };

	set_xen_guest_handle_raw(r.extent_start, pfns);
	return memory_op(cmd, &r);
}

static long give_back(void)
{
	return reservation(XENMEM_decrease_reservation, list);
}

static long get_again(void)
{
	return reservation(XENMEM_populate_physmap, list);
}

static void memory(void)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		given[i] = given[i] ? given[i] : pfn_take();
		list[i] = pfn_to_mfn(given[i]);
	}
	CHECK_EQ(watched(&giving, give_back), PAGES, "pages given back");
	for (unsigned int i = 0; i < PAGES; i++) {
		list[i] = given[i];
	}
	CHECK_EQ(watched(&populating, get_again), PAGES, "and got again");
	for (unsigned int i = 0; i < PAGES; i++) {
		p2m_set(given[i], list[i]);
	}
}

static long one_extent(int cmd, xen_pfn_t *first)
{
	struct xen_memory_reservation r = { .nr_extents = 1,
					    .extent_order = 9,
					    .domid = DOMID_SELF };

	set_xen_guest_handle_raw(r.extent_start, first);
	return memory_op(cmd, &r);
}

static long give_back_extent(void)
{
	return one_extent(XENMEM_decrease_reservation, list);
}

/* Pages are given up for one piece of as much, which goes back in turn, and they are had again. */
static void large_extent(void)
{
	struct xen_memory_reservation r = { .nr_extents = 512, .domid = DOMID_SELF };
	unsigned int n = 512;

	for (unsigned int i = 0; i < n; i++) {
		list[i] = pfn_to_mfn(given[i]);
	}
	set_xen_guest_handle_raw(r.extent_start, list);
	CHECK_EQ(memory_op(XENMEM_decrease_reservation, &r), n, "room for 2 MiB");
	list[0] = given[n - 1];
	CHECK_EQ(one_extent(XENMEM_populate_physmap, list), 1, "2 MiB in one piece");
	CHECK_EQ(watched(&extent, give_back_extent), 1, "and given back");
	for (unsigned int i = 0; i < n; i++) {
		list[i] = given[i];
	}
	CHECK_EQ(memory_op(XENMEM_populate_physmap, &r), n, "and page by page again");
	for (unsigned int i = 0; i < n; i++) {
		p2m_set(given[i], list[i]);
	}
}

static void pins_in_multicall(void)
{
	static struct mmuext_op ops[PINS];

	call_count = PINS;
	for (unsigned int i = 0; i < PINS; i++) {
		ops[i] = (struct mmuext_op){ .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = thin[i] };
		calls[i] = (struct multicall_entry){
			.op = __HYPERVISOR_mmuext_op, .args = { ptr_arg(&ops[i]), 1, 0, DOMID_SELF }
		};
	}
	CHECK_EQ(watched(&many_pins, calls_issue), 0, "several pins in one");
	CHECK_EQ(calls_failed(), 0, "each done");
	for (unsigned int i = 0; i < PINS; i++) {
		ops[i].cmd = MMUEXT_UNPIN_TABLE;
	}
	CHECK_EQ(mmuext_op(ops, PINS, NULL, DOMID_SELF), 0, "unpinned");
}

static void multicall(void)
{
	call_count = CALLS;
	for (unsigned int i = 0; i < CALLS; i++) {
		uint64_t flags = i & 1 ? PTE_USUAL : PTE_USUAL & ~PTE_RW;

		calls[i] = (struct multicall_entry){ .op = __HYPERVISOR_update_va_mapping,
						     .args = { (uint64_t)window,
							       target << PAGE_SHIFT | flags,
							       UVMF_TLB_FLUSH | UVMF_ALL } };
	}
	CHECK_EQ(watched(&calling, calls_issue), 0, "a thousand calls in one");
	CHECK_EQ(calls_failed(), 0, "each with its result");
}

static bool all_heard(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		if (requests[i]->heard < 2) {
			return false;
		}
	}
	return true;
}

enum verdict guest_main(void)
{
	event_hook = again;
	make_tables();
	make_in_use();
	/* An emulator's timer may itself be late: then once more. */
	for (unsigned int round = 0; round < ROUNDS && !all_heard(); round++) {
		pins();
		entries();
		many_tables();
		memory();
		large_extent();
		multicall();
		pins_in_multicall();
	}
	event_hook = NULL;
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		struct request *r = requests[i];

		print("metric %s %lu ticks\nmetric %s_wait %lu ns\n", r->name, r->took, r->name,
		      r->wait);
		CHECK(r->heard >= 2, "%s: the timer is heard meanwhile, %u times", r->name,
		      r->heard);
	}
	return SUCCESS;
}
