/*
 * Two vCPUs at the same page tables: entries, pins, bases, frames given up, tables taken out while others write to
 * them.  Any order of the two may come out, but nothing in between: each request is done or refused, a frame is never
 * a table and writable, and when both are through, every count is right: a frame can become a table again, and
 * can be exchanged, which takes that nothing else refers to it.
 */
#include "frontends/rt/test.h"

#include <xen/memory.h>

#include "hypervisor/lib/string.h"

#define ROUNDS	  3000
#define RACE_TIME 400000000UL
#define DEADLOCK  "the second vCPU is through as well"

static char *va,
	*frame_page[2]; /* a place to map at; two pages that are mapped nowhere else but read-only */
static uint64_t frame[2], pte;
static volatile unsigned int both; /* so that they begin together */
static volatile unsigned int surprises;

static long update(uint64_t ptr, uint64_t val)
{
	struct mmu_update u = { ptr, val };

	return mmu_update(&u, 1, NULL, DOMID_SELF);
}

static long ext(unsigned int cmd, uint64_t mfn)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static long map(const void *at, uint64_t mfn, uint64_t flags)
{
	return update_va_mapping((uint64_t)at, mfn << PAGE_SHIFT | flags, UVMF_INVLPG | UVMF_ALL);
}

static void surprise(bool is)
{
	if (is) {
		__atomic_fetch_add(&surprises, 1, __ATOMIC_RELAXED);
	}
}

/*
 * How often is bounded twice: where the machine's CPUs are slow to answer one another, a flush everywhere takes
 * thousands of times as long.
 */
static uint64_t race_ends;

static bool enough(unsigned int round)
{
	return round >= ROUNDS || (round % 8 == 0 && system_time() > race_ends);
}

/* Both vCPUs call it; on one CPU they take turns anyway. */
static void begin_together(void)
{
	__atomic_fetch_add(&both, 1, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; both < 2 && i < 100000; i++) {
		__asm__ volatile("pause");
	}
}

static void race(void (*ours)(void), void (*theirs)(void), const char *what)
{
	both = surprises = 0;
	race_ends = system_time() + RACE_TIME;
	worker_begin(theirs);
	ours();
	CHECK(worker_ready(), "%s: " DEADLOCK, what);
	CHECK_EQ(surprises, 0, "no surprise");
}

/* The page: exchanged for another, which only a page with no use at all can be. */
static void exchange_page(unsigned int n)
{
	xen_pfn_t in[1] = { frame[n] }, out[1] = { mfn_to_pfn(frame[n]) };
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .domid = DOMID_SELF },
	};
	uint64_t pfn = out[0];

	set_xen_guest_handle_raw(x.in.extent_start, in);
	set_xen_guest_handle_raw(x.out.extent_start, out);
	CHECK_EQ(update_va_mapping((uint64_t)frame_page[n], 0, UVMF_INVLPG | UVMF_ALL), 0,
		 "page %u in no table", n);
	CHECK_EQ(memory_op(XENMEM_exchange, &x), 0, "has no use left");
	frame[n] = out[0];
	p2m_set(pfn, frame[n]);
	CHECK_EQ(map(frame_page[n], frame[n], PTE_P | PTE_US), 0, "and another in its place");
}

static void counts_are_right(void)
{
	CHECK(audit_machine() != AUDIT_FAILED, "the hypervisor counts right");
	CHECK_EQ(update(pte, 0), 0, "nothing is mapped");
	for (unsigned int n = 0; n < 2; n++) {
		CHECK_EQ(ext(MMUEXT_PIN_L1_TABLE, frame[n]), 0, "page %u is a table", n);
		CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, frame[n]), 0, "and none");
		exchange_page(n);
	}
}

/* ---- one entry, two frames ---- */

static void write_entry(unsigned int n)
{
	static const uint64_t flags[] = { PTE_USUAL, PTE_USUAL & ~PTE_RW, 0 };

	begin_together();
	for (unsigned int i = 0; !enough(i); i++) {
		uint64_t bits = flags[(i + n) % 3];

		surprise(update(pte | (i & 8 ? MMU_PT_UPDATE_PRESERVE_AD : 0),
				bits ? frame[(i + n) & 1] << PAGE_SHIFT | bits : 0) != 0);
		surprise(update_va_mapping((uint64_t)va, frame[n] << PAGE_SHIFT | bits,
					   i % 16 ? UVMF_NONE : UVMF_INVLPG | UVMF_ALL) != 0);
	}
}

static void entry_ours(void)
{
	write_entry(0);
}

static void entry_theirs(void)
{
	write_entry(1);
}

/* ---- a page is written by one, a table to the other ---- */

static void maps_and_writes(void)
{
	begin_together();
	for (unsigned int i = 0; !enough(i); i++) {
		long rc = map(va, frame[0], PTE_USUAL);

		surprise(rc != 0 && rc != -XEN_EBUSY && rc != -XEN_EINVAL);
		if (rc == 0) {
			*(volatile uint64_t *)va = 2 * (i + 1); /* no entry that is present */
			surprise(update(pte, 0) != 0);
		}
	}
}

static void pins_and_reads(void)
{
	begin_together();
	for (unsigned int i = 0; !enough(i); i++) {
		long rc = ext(MMUEXT_PIN_L1_TABLE, frame[0]);
		volatile uint64_t *p = (volatile uint64_t *)frame_page[0];

		surprise(rc != 0 && rc != -XEN_EBUSY && rc != -XEN_EINVAL);
		if (rc == 0) {
			uint64_t is = *p;

			for (unsigned int k = 0; k < 50; k++) {
				surprise(*p != is);
			}
			surprise(ext(MMUEXT_UNPIN_TABLE, frame[0]) != 0);
		}
	}
}

/* ---- pins ---- */

static volatile unsigned int pinned, unpinned;

static void pins_and_unpins(void)
{
	begin_together();
	for (unsigned int i = 0; !enough(i); i++) {
		if (ext(MMUEXT_PIN_L1_TABLE, frame[i & 1]) == 0) {
			__atomic_fetch_add(&pinned, 1, __ATOMIC_RELAXED);
		}
		if (ext(MMUEXT_UNPIN_TABLE, frame[(i / 3) & 1]) == 0) {
			__atomic_fetch_add(&unpinned, 1, __ATOMIC_RELAXED);
		}
	}
}

static void pins(void)
{
	unsigned int left = 0;

	pinned = unpinned = 0;
	race(pins_and_unpins, pins_and_unpins, "pins");
	for (unsigned int n = 0; n < 2; n++) {
		left += ext(MMUEXT_UNPIN_TABLE, frame[n]) == 0;
	}
	CHECK(pinned > 0, "%u pinned", pinned);
	CHECK_EQ(pinned - unpinned, left, "as many as are left and were unpinned");
}

/* ---- a table taken out and put back, while the other writes to it ---- */

static uint64_t l2_entry, l2_value, window_pte;
static char *window = (char *)0x680000000000UL;

static void takes_out(void)
{
	begin_together();
	for (unsigned int i = 0; !enough(i); i++) {
		surprise(update(l2_entry, 0) != 0);
		surprise(update(l2_entry, l2_value) != 0);
	}
}

static void writes_into(void)
{
	begin_together();
	for (unsigned int i = 0; !enough(i); i++) {
		long rc = update(window_pte, frame[i & 1] << PAGE_SHIFT | PTE_USUAL);

		/* While nobody uses it, it is a page that may only be read, so a plain write is fine too. */
		surprise(rc != 0 && rc != -XEN_EBUSY && rc != -XEN_EINVAL);
		rc = map(window + PAGE_SIZE, frame[i & 1], PTE_USUAL);
		surprise(rc != 0 && rc != -XEN_EINVAL);
	}
}

static void tables(void)
{
	uint64_t *t[3];
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L3_TABLE };

	for (unsigned int i = 0; i < 3; i++) {
		t[i] = page_alloc();
		if (i) {
			t[i][0] = virt_to_mfn(t[i - 1]) << PAGE_SHIFT | PTE_USUAL;
		}
		CHECK_EQ(map(t[i], virt_to_mfn(t[i]), PTE_P | PTE_US), 0, "table %u", i);
	}
	pin.arg1.mfn = virt_to_mfn(t[2]);
	CHECK_EQ(mmuext_op(&pin, 1, NULL, DOMID_SELF), 0, "pinned");
	CHECK_EQ(update(pte_machine_address(pte_of(window, 4)),
			pin.arg1.mfn << PAGE_SHIFT | PTE_USUAL),
		 0, "and in use");
	l2_entry = pte_machine_address(t[1]);
	l2_value = t[1][0];
	window_pte = pte_machine_address(t[0]);
	race(takes_out, writes_into, "a table in and out");
	CHECK_EQ(update(l2_entry, 0), 0, "out");
	CHECK_EQ(update(pte_machine_address(pte_of(window, 4)), 0), 0, "all out");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, pin.arg1.mfn), 0, "unpinned");
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(map(t[i], virt_to_mfn(t[i]), PTE_USUAL), 0, "a plain page");
		memset(t[i], 0, PAGE_SIZE);
	}
}

/* ---- bases ---- */

static uint64_t tops[2];

static void switches(void)
{
	begin_together();
	for (unsigned int i = 0; !enough(i); i++) {
		surprise(ext(MMUEXT_NEW_BASEPTR, tops[i & 1]) != 0);
		surprise(ext(MMUEXT_NEW_USER_BASEPTR, i % 3 ? tops[1] : 0) != 0);
	}
	surprise(ext(MMUEXT_NEW_BASEPTR, tops[0]) != 0);
	surprise(ext(MMUEXT_NEW_USER_BASEPTR, 0) != 0);
}

static void pins_bases(void)
{
	begin_together();
	for (unsigned int i = 0; !enough(i); i++) {
		surprise(ext(MMUEXT_UNPIN_TABLE, tops[1]) != 0);
		surprise(ext(MMUEXT_PIN_L4_TABLE, tops[1]) != 0);
	}
}

static void bases(void)
{
	uint64_t *top = page_alloc();

	memcpy(top, (void *)start_info->pt_base, PAGE_SIZE);
	memset(&top[256], 0, 16 * sizeof(*top));
	tops[0] = virt_to_mfn((void *)start_info->pt_base);
	tops[1] = virt_to_mfn(top);
	CHECK_EQ(map(top, tops[1], PTE_P | PTE_US), 0, "a second top table");
	CHECK_EQ(ext(MMUEXT_PIN_L4_TABLE, tops[1]), 0, "pinned");
	race(pins_bases, switches, "bases loaded and pinned");
	race(switches, switches, "bases loaded twice");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, tops[1]), 0, "unpinned");
	CHECK_EQ(map(top, tops[1], PTE_USUAL), 0, "a plain page");
}

/* ---- given up while the other maps it ---- */

static void gives_up(void)
{
	begin_together();
	for (unsigned int i = 0; !enough(10 * i); i++) {
		xen_pfn_t list[1] = { frame[1] }, pfn = mfn_to_pfn(frame[1]);
		unsigned int tries = 0;
		struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

		set_xen_guest_handle_raw(r.extent_start, list);
		/* Our read-only view goes first, so that only the other's mappings keep it. */
		surprise(map(frame_page[1], 0, 0) != 0);
		surprise(memory_op(XENMEM_decrease_reservation, &r) != 1);
		list[0] = pfn;
		/* It counts until the other lets go of it, too. */
		while (memory_op(XENMEM_populate_physmap, &r) != 1 && tries++ < 1000000) {
			sched_op(0 /* SCHEDOP_yield */, NULL);
		}
		p2m_set(pfn, list[0]);
		surprise(map(frame_page[1], list[0], PTE_P | PTE_US) != 0);
		__atomic_store_n(&frame[1], list[0], __ATOMIC_SEQ_CST);
	}
}

static void maps_it(void)
{
	begin_together();
	for (unsigned int i = 0; !enough(i); i++) {
		long rc = map(va, __atomic_load_n(&frame[1], __ATOMIC_SEQ_CST), PTE_USUAL);

		surprise(rc != 0 && rc != -XEN_EINVAL && rc != -XEN_EBUSY);
		surprise(update(pte, 0) != 0);
	}
}

static unsigned long pages(void)
{
	domid_t self = DOMID_SELF;

	return (unsigned long)memory_op(XENMEM_current_reservation, &self);
}

enum verdict guest_main(void)
{
	unsigned long before;

	CHECK_EQ(worker_start(1), 0, "a second vCPU");
	va = page_alloc();
	pte = pte_machine_address(pte_of(va, 1));
	CHECK_EQ(map(va, 0, 0), 0, "a place to map at");
	for (unsigned int n = 0; n < 2; n++) {
		frame_page[n] = page_alloc();
		frame[n] = virt_to_mfn(frame_page[n]);
		CHECK_EQ(map(frame_page[n], frame[n], PTE_P | PTE_US), 0, "a page to map");
	}
	before = pages();
	race(entry_ours, entry_theirs, "one entry");
	counts_are_right();
	race(maps_and_writes, pins_and_reads, "writable and a table");
	counts_are_right();
	pins();
	counts_are_right();
	tables();
	counts_are_right();
	bases();
	race(gives_up, maps_it, "given up and mapped");
	counts_are_right();
	CHECK_EQ(pages(), before, "as many pages as before");
	return SUCCESS;
}
