/*
 * memory_op (<xen/memory.h>): every operation that a guest may name, with good and bad arguments.
 * Extents are counted: what could not be done is not, what was done stays; totals and the machine-to-physical table
 * follow at once; an operation for translated guests or for sharing is refused, and nothing changes.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/test.h"

#include <xen/memory.h>

#include "hypervisor/lib/string.h"

#define M2P	((volatile uint64_t *)0xffff800000000000UL)
#define INVALID (~0UL)
#define ORDER_9 512

static unsigned long total;
static char *hole; /* a page that is mapped nowhere */

static long figure(int cmd, domid_t id)
{
	return memory_op(cmd, &id);
}

static void unchanged(const char *what)
{
	CHECK_EQ(figure(XENMEM_current_reservation, DOMID_SELF), total, "%s: as many pages", what);
}

static long reservation(int cmd, const void *list, unsigned long n, unsigned int order, domid_t id)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = id };

	set_xen_guest_handle_raw(r.extent_start, (xen_pfn_t *)(uintptr_t)list);
	return memory_op(cmd, &r);
}

static void questions(void)
{
	domid_t self = DOMID_SELF;
	struct xen_machphys_mapping m = { 0 };
	static const int figures[] = { XENMEM_current_reservation, XENMEM_maximum_reservation,
				       XENMEM_maximum_gpfn };

	for (unsigned int i = 0; i < ARRAY_SIZE(figures); i++) {
		CHECK(memory_op(figures[i], &self) >= 0, "figure %d", figures[i]);
		CHECK_EQ(figure(figures[i], 1234), -XEN_ESRCH, "of no domain");
		CHECK_EQ(memory_op(figures[i], hole), -XEN_EFAULT, "at a bad address");
	}
	CHECK(figure(XENMEM_maximum_reservation, DOMID_SELF) >= (long)total, "a limit above it");
	CHECK_EQ(figure(XENMEM_current_reservation, 0), total, "by our number, too");
	CHECK(memory_op(XENMEM_maximum_ram_page, NULL) >
			      (long)virt_to_mfn((void *)start_info->pt_base) &&
		      memory_op(XENMEM_maximum_ram_page, NULL) < 1 << 24,
	      "the highest frame");
	CHECK_EQ(memory_op(XENMEM_machphys_mapping, &m), 0, "where the table is");
	CHECK_EQ(m.v_start, 0xffff800000000000UL, "as the ABI has it");
	CHECK(m.v_end > m.v_start && m.v_end <= 0xffff880000000000UL, "to its end");
	CHECK(m.max_mfn + 1 >= (xen_ulong_t)memory_op(XENMEM_maximum_ram_page, NULL),
	      "for all of RAM");
	CHECK_EQ(memory_op(XENMEM_machphys_mapping, hole), -XEN_EFAULT, "at a bad address");
}

static void table_frames(void)
{
	xen_pfn_t list[4] = { 7, 7, 7, 7 };
	struct xen_machphys_mfn_list l = { .max_extents = 1 };

	set_xen_guest_handle_raw(l.extent_start, list);
	CHECK_EQ(memory_op(XENMEM_machphys_mfn_list, &l), 0, "the table's own frames");
	CHECK_EQ(l.nr_extents, 1, "as many as there is room for");
	CHECK(list[0] != 7 && list[1] == 7, "and no more");
	l.max_extents = 0;
	CHECK_EQ(memory_op(XENMEM_machphys_mfn_list, &l), 0, "none");
	CHECK_EQ(l.nr_extents, 0, "is none");
	l.max_extents = 1;
	set_xen_guest_handle_raw(l.extent_start, (xen_pfn_t *)hole);
	CHECK_EQ(memory_op(XENMEM_machphys_mfn_list, &l), -XEN_EFAULT, "a list at a bad address");
	CHECK_EQ(memory_op(XENMEM_machphys_mfn_list, hole), -XEN_EFAULT, "or the request");
}

static void decrease(void)
{
	xen_pfn_t list[4];
	uint64_t pfns[4];

	for (unsigned int i = 0; i < 4; i++) {
		pfns[i] = pfn_take();
		list[i] = pfn_to_mfn(pfns[i]);
	}
	CHECK_EQ(reservation(XENMEM_decrease_reservation, list, 0, 0, DOMID_SELF), 0, "none");
	unchanged("none");
	CHECK_EQ(reservation(XENMEM_decrease_reservation, list, 4, 0, 1234), 0, "of no domain");
	CHECK_EQ(reservation(XENMEM_decrease_reservation, hole, 4, 0, DOMID_SELF), 0, "no list");
	CHECK_EQ(memory_op(XENMEM_decrease_reservation, hole), 0, "no request");
	CHECK_EQ(reservation(XENMEM_decrease_reservation, list, 1UL << 60, 0, DOMID_SELF), 0,
		 "more than there can be");
	CHECK_EQ(reservation(XENMEM_decrease_reservation, list, 4, 30, DOMID_SELF), 0, "huge ones");
	unchanged("all refused");
	list[2] = 1UL << 50;
	CHECK_EQ(reservation(XENMEM_decrease_reservation, list, 4, 0, DOMID_SELF), 2,
		 "two, then one that is none");
	total -= 2;
	unchanged("two given back");
	CHECK_EQ(M2P[list[0]], INVALID, "nobody's number");
	CHECK(M2P[list[3]] == pfns[3], "the fourth is still ours");
	CHECK_EQ(reservation(XENMEM_decrease_reservation, list, 1, 0, DOMID_SELF), 0,
		 "no page twice");
	list[0] = pfns[0], list[1] = pfns[1];
	CHECK_EQ(reservation(XENMEM_populate_physmap, list, 2, 0, DOMID_SELF), 2, "two others");
	total += 2;
	unchanged("and two taken");
	CHECK(M2P[list[0]] == pfns[0] && M2P[list[1]] == pfns[1], "with our numbers");
	p2m_set(pfns[0], list[0]);
	p2m_set(pfns[1], list[1]);
}

static void populate(void)
{
	xen_pfn_t one = pfn_take(), first;
	unsigned int wrong = 0;

	CHECK_EQ(reservation(XENMEM_populate_physmap, &one, 0, 0, DOMID_SELF), 0, "none");
	CHECK_EQ(reservation(XENMEM_populate_physmap, &one, 1, 0, 1234), 0, "for no domain");
	CHECK_EQ(reservation(XENMEM_populate_physmap, &one, 1, 0, DOMID_IO), 0, "nor for that");
	CHECK_EQ(reservation(XENMEM_populate_physmap, hole, 1, 0, DOMID_SELF), 0, "no list");
	CHECK_EQ(reservation(XENMEM_populate_physmap, &one, 1, 25, DOMID_SELF), 0, "huge ones");
	unchanged("all refused");
	/* Room under the limit: a whole 2 MiB is given back first. */
	for (unsigned int i = 0; i < ORDER_9; i++) {
		xen_pfn_t m = pfn_to_mfn(pfn_take());

		wrong += reservation(XENMEM_decrease_reservation, &m, 1, 0, DOMID_SELF) != 1;
	}
	CHECK_EQ(wrong, 0, "512 pages given back");
	total -= ORDER_9;
	unchanged("given back");
	first = 0x700000;
	CHECK_EQ(reservation(XENMEM_populate_physmap, &first, 1, 9, DOMID_SELF), 1,
		 "2 MiB in a row");
	total += ORDER_9;
	unchanged("taken");
	CHECK_EQ(first % ORDER_9, 0, "aligned");
	for (unsigned int i = 0; i < ORDER_9; i++) {
		wrong += M2P[first + i] != 0x700000 + i;
	}
	CHECK_EQ(wrong, 0, "numbered in a row");
	CHECK_EQ(reservation(XENMEM_decrease_reservation, &first, 1, 9, DOMID_SELF), 1,
		 "given back in one piece");
	total -= ORDER_9;
	for (unsigned int i = 0; i < ORDER_9; i++) {
		wrong += M2P[first + i] != INVALID;
	}
	CHECK_EQ(wrong, 0, "nobody's numbers");
	CHECK_EQ(reservation(XENMEM_increase_reservation, &one, 1, 0, DOMID_SELF), 1,
		 "one without a number");
	total++;
	unchanged("taken");
	CHECK_EQ(M2P[one], INVALID, "it has none");
	CHECK_EQ(reservation(XENMEM_increase_reservation, NULL, 3, 0, DOMID_SELF), 3,
		 "three that nobody names");
	total += 3;
	unchanged("taken");
}

static struct xen_memory_exchange swap(xen_pfn_t *in, unsigned int n, unsigned int in_order,
				       xen_pfn_t *out, unsigned int m, unsigned int out_order)
{
	struct xen_memory_exchange x = {
		.in = { .nr_extents = n, .extent_order = in_order, .domid = DOMID_SELF },
		.out = { .nr_extents = m, .extent_order = out_order, .domid = DOMID_SELF },
	};

	set_xen_guest_handle_raw(x.in.extent_start, in);
	set_xen_guest_handle_raw(x.out.extent_start, out);
	return x;
}

static void swap_refused(struct xen_memory_exchange x, long rc, const char *what)
{
	CHECK_EQ(memory_op(XENMEM_exchange, &x), rc, "exchange of %s", what);
	unchanged(what);
}

static void exchange(void)
{
	uint64_t pfn[8];
	xen_pfn_t in[8], out[8];
	struct xen_memory_exchange x;
	char *used = page_alloc();

	for (unsigned int i = 0; i < 8; i++) {
		pfn[i] = out[i] = pfn_take();
		in[i] = pfn_to_mfn(pfn[i]);
	}
	CHECK_EQ(memory_op(XENMEM_exchange, hole), -XEN_EFAULT, "no request");
	x = swap(in, 8, 0, out, 4, 0);
	swap_refused(x, -XEN_EINVAL, "eight for four");
	x = swap(in, 8, 30, out, 8, 30);
	swap_refused(x, -XEN_EPERM, "huge ones");
	x = swap(in, 8, 0, out, 8, 0);
	x.out.domid = 1234;
	swap_refused(x, -XEN_EINVAL, "two domains' pages");
	x.in.domid = 1234;
	swap_refused(x, -XEN_ESRCH, "no domain's");
	x = swap(in, 8, 0, out, 8, 0);
	x.nr_exchanged = 9;
	swap_refused(x, -XEN_EINVAL, "less than nothing");
	x = swap((xen_pfn_t *)hole, 8, 0, out, 8, 0);
	swap_refused(x, -XEN_EFAULT, "what nobody says");
	in[7] = virt_to_mfn(used);
	x = swap(in, 8, 0, out, 1, 3);
	swap_refused(x, -XEN_EINVAL, "a page that is mapped");
	in[7] = in[6];
	swap_refused(x, -XEN_EINVAL, "a page twice");
	in[7] = 1UL << 50;
	swap_refused(x, -XEN_EINVAL, "no page");
	for (unsigned int i = 0; i < 7; i++) {
		if (M2P[in[i]] != pfn[i]) {
			CHECK(false, "page %u has another number", i);
		}
	}
	in[7] = pfn_to_mfn(pfn[7]);
	out[0] = 0x600000;
	CHECK_EQ(memory_op(XENMEM_exchange, &x), 0, "eight for one of eight");
	CHECK_EQ(x.nr_exchanged, 8, "all");
	unchanged("exchanged");
	CHECK(out[0] % 8 == 0 && M2P[out[0]] == 0x600000 && M2P[out[0] + 7] == 0x600007,
	      "numbered in a row");
	for (unsigned int i = 0; i < 8; i++) {
		if (M2P[in[i]] < 0x600000 && M2P[in[i]] == pfn[i]) {
			CHECK(false, "page %u still has its number", i);
		}
	}
	x = swap(out, 1, 3, in, 8, 0);
	for (unsigned int i = 0; i < 8; i++) {
		in[i] = pfn[i];
	}
	CHECK_EQ(memory_op(XENMEM_exchange, &x), 0, "and back");
	CHECK_EQ(x.nr_exchanged, 1, "one");
	for (unsigned int i = 0; i < 8; i++) {
		p2m_set(pfn[i], in[i]);
		if (M2P[in[i]] != pfn[i]) {
			CHECK(false, "number of page %u", i);
		}
	}
	unchanged("exchanged");
}

static void maps(void)
{
	static char buffer[32 * 20];
	struct xen_memory_map m = { .nr_entries = 32 };

	set_xen_guest_handle_raw(m.buffer, buffer);
	CHECK_EQ(memory_op(XENMEM_machine_memory_map, &m), 0, "the machine's map");
	CHECK(m.nr_entries > 2 && m.nr_entries < 32, "%u entries", m.nr_entries);
	set_xen_guest_handle_raw(m.buffer, hole);
	CHECK_EQ(memory_op(XENMEM_machine_memory_map, &m), -XEN_EFAULT, "into nothing");
	CHECK_EQ(memory_op(XENMEM_machine_memory_map, hole), -XEN_EFAULT, "no request");
	CHECK_EQ(memory_op(XENMEM_memory_map, &m), -XEN_ENOSYS, "we have no map of our own");
}

/* What is not for guests like us, or not for anybody here. */
static void not_served(void)
{
	static const int ops[] = { XENMEM_add_to_physmap,      XENMEM_add_to_physmap_batch,
				   XENMEM_remove_from_physmap, XENMEM_set_pod_target,
				   XENMEM_get_pod_target,      XENMEM_paging_op,
				   XENMEM_access_op,	       XENMEM_sharing_op,
				   XENMEM_get_vnumainfo };
	static uint64_t request[32];
	struct xen_memory_reservation claim = { .nr_extents = 1UL << 50, .domid = 0 };

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		long rc;

		((domid_t *)request)[0] = DOMID_SELF;
		rc = memory_op(ops[i], request);
		CHECK(rc < 0, "operation %d: %ld", ops[i], rc);
		CHECK(memory_op(ops[i], hole) < 0, "at a bad address");
		CHECK(memory_op(ops[i], NULL) < 0, "at none");
	}
	for (int op = XENMEM_get_vnumainfo; op < 64; op++) {
		long rc = op == XENMEM_reserved_device_memory_map ? -1 : memory_op(op, hole);

		if (rc >= 0) {
			CHECK(false, "operation %d of a bad address: %ld", op, rc);
		}
	}
	CHECK_EQ(memory_op(63, request), -XEN_ENOSYS, "unknown operation");
	CHECK_EQ(memory_op(XENMEM_claim_pages, &claim), -XEN_EINVAL, "a claim beyond any limit");
	claim.extent_order = 1;
	CHECK_EQ(memory_op(XENMEM_claim_pages, &claim), -XEN_EINVAL, "a claim by order");
	CHECK_EQ(memory_op(XENMEM_claim_pages, hole), -XEN_EFAULT, "no claim");
	claim = (struct xen_memory_reservation){ .nr_extents = 10, .domid = 1234 };
	CHECK_EQ(memory_op(XENMEM_claim_pages, &claim), -XEN_EINVAL, "a claim of no domain");
	/* How far an operation got is in its number's high bits: most get nowhere. */
	CHECK_EQ(memory_op(XENMEM_maximum_gpfn | 1 << 6, request), -XEN_EINVAL,
		 "a question half answered");
	CHECK_EQ(memory_op(XENMEM_exchange | 1 << 6, request), -XEN_EINVAL, "likewise");
	unchanged("all refused");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	hole = page_alloc();
	if (update_va_mapping((uint64_t)hole, 0, UVMF_INVLPG)) {
		CHECK(false, "a hole");
	}
	total = (unsigned long)figure(XENMEM_current_reservation, DOMID_SELF);
	questions();
	table_frames();
	decrease();
	populate();
	exchange();
	maps();
	not_served();
	return SUCCESS;
}
