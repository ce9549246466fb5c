/*
 * mmuext_op (<xen/xen.h>): every operation, each kind of refusal, lists of them; which tables may be pinned,
 * which may point where; and that a refusal leaves the frame as it was: it can be written again, and become a table
 * again.
 *
 * A table that points to another of its own level, or to itself (a "linear" page table), is the hypervisor's to allow
 * or not; writable it is never allowed, and read-only it must show the tables and nothing else.
 */
#include "frontends/rt/test.h"

#include <xen/memory.h>

#include "hypervisor/lib/string.h"

#define PTE_PS 0x80UL

static const unsigned int pin_cmd[5] = { 0, MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
					 MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE };

static char *hole;
static uint64_t data; /* a frame that is mapped read-only, and nothing else */

static long ext(unsigned int cmd, uint64_t arg)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static long ext2(unsigned int cmd, uint64_t arg, uint64_t src)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg, .arg2.src_mfn = src };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static long update(const uint64_t *pte, uint64_t val)
{
	struct mmu_update u = { pte_machine_address(pte), val };

	return mmu_update(&u, 1, NULL, DOMID_SELF);
}

static long map(const void *va, uint64_t mfn, uint64_t flags)
{
	return update_va_mapping((uint64_t)va, mfn << PAGE_SHIFT | flags, UVMF_INVLPG);
}

/* Writable or not, as a plain page. */
static void writable(const void *page, bool yes)
{
	if (map(page, virt_to_mfn(page), PTE_P | PTE_US | (yes ? PTE_RW : 0))) {
		CHECK(false, "a page %s", yes ? "that can be written" : "that can only be read");
	}
}

/* A table with one entry is refused, and nothing of it stays. */
static void not_pinned(uint64_t *t, int level, unsigned int slot, uint64_t entry, const char *what)
{
	long rc;

	writable(t, true);
	memset(t, 0, PAGE_SIZE);
	t[slot] = entry;
	writable(t, false);
	rc = ext(pin_cmd[level], virt_to_mfn(t));
	CHECK(rc == -XEN_EINVAL || rc == -XEN_EBUSY || rc == -XEN_EPERM, "L%d with %s: %ld", level,
	      what, rc);
	CHECK_EQ(t[slot], entry, "nothing changed");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, virt_to_mfn(t)), -XEN_EINVAL, "not pinned");
	writable(t, true);
	memset(t, 0, PAGE_SIZE);
	writable(t, false);
	CHECK_EQ(ext(pin_cmd[level], virt_to_mfn(t)), 0, "without it, it is");
	CHECK_EQ(update(&t[slot], entry) < 0, 1, "and the entry is refused there, too");
	CHECK_EQ(t[slot], 0, "nothing changed");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, virt_to_mfn(t)), 0, "unpinned");
	writable(t, true);
}

static void bad_entries(void)
{
	uint64_t *t = page_alloc(), *plain = page_alloc(), own = virt_to_mfn(t);
	uint64_t w = virt_to_mfn(plain), none = 1UL << 39 /* past any memory */;

	not_pinned(t, 1, 0, own << PAGE_SHIFT | PTE_USUAL, "itself, writable");
	not_pinned(t, 1, 511, virt_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT | PTE_USUAL,
		   "the top table, writable");
	not_pinned(t, 1, 3, none << PAGE_SHIFT | PTE_USUAL, "no memory");
	for (int level = 2; level <= 4; level++) {
		not_pinned(t, level, 0, w << PAGE_SHIFT | PTE_USUAL, "a page that is written");
		not_pinned(t, level, 100, own << PAGE_SHIFT | PTE_USUAL, "itself, writable");
		not_pinned(t, level, 511, none << PAGE_SHIFT | PTE_USUAL, "no memory");
		/* Superpages are nobody's: only the hypervisor has them (XENFEAT and headers name none for us). */
		not_pinned(t, level, 7, PTE_USUAL | PTE_PS, "a superpage");
		not_pinned(t, level, 7, (data & ~511UL) << PAGE_SHIFT | PTE_P | PTE_PS,
			   "a read-only superpage");
	}
}

/* Every table at every level, pinned and not, in every order. */
static void levels(void)
{
	uint64_t *t = page_alloc(), m = virt_to_mfn(t);

	for (int level = 1; level <= 4; level++) {
		writable(t, true);
		CHECK(ext(pin_cmd[level], m) < 0, "L%d: not while it is writable", level);
		t[5] = 0xabc0;
		writable(t, false);
		CHECK_EQ(ext(pin_cmd[level], m), 0, "read-only, it is");
		CHECK_EQ(ext(pin_cmd[level], m), -XEN_EINVAL, "once");
		for (int other = 1; other <= 4; other++) {
			if (other != level && ext(pin_cmd[other], m) >= 0) {
				CHECK(false, "as L%d as well", other);
			}
		}
		CHECK(map(t, m, PTE_USUAL) < 0, "it is not writable");
		CHECK_EQ(update(&t[5], 0), 0, "but by request");
		CHECK_EQ(t[5], 0, "indeed");
		CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, m), 0, "unpinned");
		CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, m), -XEN_EINVAL, "once");
		CHECK_EQ(t[256] | t[271], 0, "nothing of the hypervisor's stays in it");
	}
	writable(t, true);
	CHECK_EQ(ext(MMUEXT_PIN_L1_TABLE, 1UL << 39), -XEN_EINVAL, "no memory");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, 1UL << 39), -XEN_EINVAL, "no memory");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, m), -XEN_EINVAL, "a page that is no table");
}

/* A table of the same level below: if it is allowed, what it shows can only be read. */
static void linear(void)
{
	uint64_t *top = (uint64_t *)start_info->pt_base, m = virt_to_mfn(top);
	const unsigned int slot = 200;
	const char *self = (const char *)((uint64_t)slot << 39 | (uint64_t)slot << 30 |
					  (uint64_t)slot << 21 | (uint64_t)slot << 12);
	long rc;

	CHECK(update(&top[slot], m << PAGE_SHIFT | PTE_USUAL) < 0, "itself, writable, is refused");
	CHECK_EQ(top[slot], 0, "nothing changed");
	rc = update(&top[slot], m << PAGE_SHIFT | PTE_P | PTE_US | PTE_A);
	if (rc) {
		CHECK(rc == -XEN_EINVAL || rc == -XEN_EBUSY, "read-only, too: %ld", rc);
		CHECK_EQ(top[slot], 0, "nothing changed");
		return;
	}
	CHECK_EQ(*(const volatile uint64_t *)(self + 511 * 8), top[511], "read-only: shows itself");
	CHECK(map(self, m, PTE_USUAL) < 0, "but not to be written");
	CHECK_EQ(update(&top[slot], 0), 0, "taken out");
	CHECK_EQ(ext(MMUEXT_TLB_FLUSH_ALL, 0), 0, "flushed");
}

static void base_refusals(void)
{
	uint64_t *t = page_alloc(), m = virt_to_mfn(t);

	CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, m), -XEN_EINVAL, "a base that is written");
	writable(t, false);
	CHECK_EQ(ext(pin_cmd[1], m), 0, "an L1");
	CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, m), -XEN_EINVAL, "as a base");
	CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, m), -XEN_EINVAL, "or the user's");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, m), 0, "unpinned");
	CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, 1UL << 39), -XEN_EINVAL, "no memory");
	CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, 1UL << 39), -XEN_EINVAL, "no memory");
	CHECK_EQ(ext(MMUEXT_NEW_BASEPTR, 0), -XEN_EINVAL, "frame zero");
	CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, m), 0, "an empty table for the user");
	CHECK(map(t, m, PTE_USUAL) < 0, "is a table while it is loaded");
	CHECK_EQ(ext(MMUEXT_NEW_USER_BASEPTR, 0), 0, "none");
	writable(t, true);
}

static void whole_pages(void)
{
	uint64_t *a = page_alloc(), *b = page_alloc(), ma = virt_to_mfn(a), mb = virt_to_mfn(b);
	uint64_t table = virt_to_mfn((void *)start_info->pt_base), before;

	memset(a, 0x5c, PAGE_SIZE);
	CHECK_EQ(ext2(MMUEXT_COPY_PAGE, mb, ma), 0, "a page copied");
	CHECK(!memcmp(a, b, PAGE_SIZE), "all of it");
	CHECK_EQ(ext(MMUEXT_CLEAR_PAGE, ma), 0, "a page cleared");
	CHECK_EQ(a[0] | a[511], 0, "all of it");
	before = *(uint64_t *)(start_info->pt_base + 511 * 8);
	CHECK(ext(MMUEXT_CLEAR_PAGE, table) < 0, "a table is not cleared");
	CHECK(ext2(MMUEXT_COPY_PAGE, table, ma) < 0, "nor copied over");
	CHECK_EQ(*(uint64_t *)(start_info->pt_base + 511 * 8), before, "nothing changed");
	CHECK_EQ(ext2(MMUEXT_COPY_PAGE, ma, table), 0, "but copied from");
	CHECK_EQ(a[511] & PTE_FRAME, before & PTE_FRAME, "as it is");
	CHECK_EQ(ext(MMUEXT_CLEAR_PAGE, 1UL << 39), -XEN_EINVAL, "no memory");
	CHECK_EQ(ext2(MMUEXT_COPY_PAGE, ma, 1UL << 39), -XEN_EINVAL, "from no memory");
	CHECK_EQ(ext2(MMUEXT_COPY_PAGE, 1UL << 39, ma), -XEN_EINVAL, "to no memory");
	writable(a, false);
	CHECK_EQ(ext(MMUEXT_CLEAR_PAGE, ma), 0, "one that is mapped read-only");
	CHECK_EQ(a[511], 0, "is ours all the same");
	writable(a, true);
}

static void descriptors(void)
{
	uint64_t *ldt = page_alloc();
	const uint64_t code = 0x00affb000000ffffUL; /* 64-bit code, ring 3 */

	ldt[0] = code;
	writable(ldt, false);
	CHECK_EQ(ext2(MMUEXT_SET_LDT, (uint64_t)ldt, 8193), -XEN_EINVAL, "too many descriptors");
	CHECK_EQ(ext2(MMUEXT_SET_LDT, (uint64_t)ldt + 8, 8), -XEN_EINVAL, "not a page");
	CHECK_EQ(ext2(MMUEXT_SET_LDT, 0xffff800000000000UL, 8), -XEN_EINVAL, "the hypervisor's");
	CHECK_EQ(ext2(MMUEXT_SET_LDT, (uint64_t)ldt, 8), 0, "an LDT");
	CHECK_EQ(ext2(MMUEXT_SET_LDT, 0, 0), 0, "none");
	writable(ldt, true);
	CHECK_EQ(ldt[0], code, "a plain page again");
}

static void flushes(void)
{
	uint64_t mask = 1;
	struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_MULTI };

	CHECK_EQ(ext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0, "flush here");
	CHECK_EQ(ext(MMUEXT_TLB_FLUSH_ALL, 0), 0, "everywhere");
	CHECK_EQ(ext(MMUEXT_INVLPG_LOCAL, 0x0000900000000000UL), 0, "an address that is none");
	CHECK_EQ(ext(MMUEXT_INVLPG_ALL, 0xffff830000000000UL), 0, "one of the hypervisor's");
	set_xen_guest_handle_raw(op.arg2.vcpumask, (void *)&mask);
	CHECK_EQ(mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "where a bitmap says");
	set_xen_guest_handle_raw(op.arg2.vcpumask, (void *)hole);
	CHECK(mmuext_op(&op, 1, NULL, DOMID_SELF) < 0, "a bitmap that is not there");
	op.cmd = MMUEXT_INVLPG_MULTI;
	CHECK(mmuext_op(&op, 1, NULL, DOMID_SELF) < 0, "for a page, too");
	CHECK_EQ(ext(MMUEXT_FLUSH_CACHE, 0), is_control_domain() ? 0 : -XEN_EACCES, "the cache");
	CHECK_EQ(ext(MMUEXT_MARK_SUPER, 0), -XEN_EOPNOTSUPP, "superpages are not marked");
	CHECK_EQ(ext(MMUEXT_UNMARK_SUPER, 0), -XEN_EOPNOTSUPP, "nor unmarked");
	CHECK_EQ(ext(21, 0), -XEN_ENOSYS, "an operation that is none");
	CHECK_EQ(ext(~0U, 0), -XEN_ENOSYS, "nor this");
}

#define LIST 200

static void lists(void)
{
	static struct mmuext_op list[LIST];
	unsigned int done = 77;

	for (unsigned int i = 0; i < LIST; i++) {
		list[i].cmd = MMUEXT_TLB_FLUSH_LOCAL;
	}
	CHECK_EQ(mmuext_op(list, 0, &done, DOMID_SELF), 0, "a list of none");
	CHECK_EQ(done, 0, "none done");
	CHECK_EQ(mmuext_op(list, LIST, &done, DOMID_SELF), 0, "a list");
	CHECK_EQ(done, LIST, "all done");
	list[7].cmd = 99;
	CHECK_EQ(mmuext_op(list, LIST, &done, DOMID_SELF), -XEN_ENOSYS, "its eighth is none");
	CHECK_EQ(done, 7, "seven done");
	CHECK_EQ(mmuext_op(list, 7, (unsigned int *)hole, DOMID_SELF), 0, "a count nobody can see");
	CHECK_EQ(mmuext_op((void *)hole, 1, &done, DOMID_SELF), -XEN_EFAULT,
		 "a list that is not there");
	CHECK_EQ(done, 0, "none done");
	CHECK_EQ(mmuext_op((void *)0xffff830000000000UL, 0x7fffffff, NULL, DOMID_SELF), -XEN_EFAULT,
		 "a long one, in the hypervisor's range");
	CHECK_EQ(mmuext_op(list, 1, &done, 1234), -XEN_ESRCH, "no such domain");
	done = 500;
	CHECK_EQ(mmuext_op(list, 7 | 1U << 31, &done, DOMID_SELF), 0, "a list that goes on");
	CHECK_EQ(done, 507, "adds up");
}

/* A table that is given up while it is pinned is freed by the unpin, and not before. */
static void given_up(void)
{
	uint64_t *t = page_alloc();
	xen_pfn_t list[1] = { virt_to_mfn(t) };
	uint64_t pfn = mfn_to_pfn(list[0]), m = list[0];
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	domid_t self = DOMID_SELF;
	long total = memory_op(XENMEM_current_reservation, &self);

	set_xen_guest_handle_raw(r.extent_start, list);
	t[0] = data << PAGE_SHIFT | PTE_P | PTE_US;
	writable(t, false);
	CHECK_EQ(ext(MMUEXT_PIN_L1_TABLE, m), 0, "a table");
	CHECK_EQ(memory_op(XENMEM_decrease_reservation, &r), 1, "given up");
	CHECK_EQ(update_va_mapping((uint64_t)t, 0, UVMF_INVLPG), 0, "mapped nowhere");
	CHECK_EQ(memory_op(XENMEM_current_reservation, &self), total, "still counts");
	CHECK(ext(MMUEXT_PIN_L1_TABLE, m) < 0, "not to be pinned again");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, m), 0, "unpinned");
	CHECK_EQ(memory_op(XENMEM_current_reservation, &self), total - 1, "it is gone");
	CHECK_EQ(ext(MMUEXT_UNPIN_TABLE, m), -XEN_EINVAL, "for good");
	list[0] = pfn;
	CHECK_EQ(memory_op(XENMEM_populate_physmap, &r), 1, "another");
	p2m_set(pfn, list[0]);
	writable(t, true);
}

enum verdict guest_main(void)
{
	char *d = page_alloc();

	hole = page_alloc();
	data = virt_to_mfn(d);
	writable(d, false);
	CHECK_EQ(update_va_mapping((uint64_t)hole, 0, UVMF_INVLPG), 0, "a hole");
	levels();
	bad_entries();
	linear();
	base_refusals();
	whole_pages();
	descriptors();
	flushes();
	lists();
	given_up();
	return SUCCESS;
}
