/*
 * Memory reservations: giving pages back, getting others, exchanging them for contiguous
 * ones; the totals follow; a page that is in use somewhere is not lost; what cannot be is refused.
 */
#include "frontends/rt/test.h"

#include <xen/memory.h>

#include "hypervisor/lib/string.h"

static unsigned long current(void)
{
	domid_t self = DOMID_SELF;

	return (unsigned long)memory_op(XENMEM_current_reservation, &self);
}

static long reservation(int cmd, xen_pfn_t *list, unsigned long n, unsigned int order)
{
	struct xen_memory_reservation r = { .nr_extents = n,
					    .extent_order = order,
					    .domid = DOMID_SELF };

	set_xen_guest_handle_raw(r.extent_start, list);
	return memory_op(cmd, &r);
}

static void balloon(void)
{
	xen_pfn_t list[16], gone[16];
	unsigned long before = current();
	char *page = page_alloc();

	for (unsigned int i = 0; i < 16; i++) {
		gone[i] = pfn_take();
		list[i] = pfn_to_mfn(gone[i]);
	}
	CHECK_EQ(reservation(XENMEM_decrease_reservation, list, 16, 0), 16,
		 "sixteen pages given back");
	CHECK_EQ(current(), before - 16, "the total falls");
	CHECK_EQ(reservation(XENMEM_decrease_reservation, list, 1, 0), 0,
		 "no page is given back twice");
	memcpy(list, gone, sizeof(list));
	CHECK_EQ(reservation(XENMEM_populate_physmap, list, 16, 0), 16, "sixteen others");
	CHECK_EQ(current(), before, "the total is as before");
	for (unsigned int i = 0; i < 16; i++) {
		p2m_set(gone[i], list[i]);
		if (mfn_to_pfn(list[i]) != gone[i]) {
			CHECK(false, "machine-to-physical entry of %#lx", list[i]);
		}
	}
	CHECK_EQ(update_va_mapping((uint64_t)page, list[0] << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG),
		 0, "mapped");
	{
		unsigned int dirty = 0;

		for (unsigned int i = 0; i < PAGE_SIZE; i++) {
			dirty += page[i] != 0 && (unsigned char)page[i] != 0xc2;
		}
		CHECK(dirty == 0, "nobody's old data in it");
	}
	memset(page, 0x77, PAGE_SIZE);
	/* Given back while mapped: the mapping keeps it. */
	CHECK_EQ(reservation(XENMEM_decrease_reservation, list, 1, 0), 1,
		 "a mapped page given back");
	CHECK_EQ(page[100], 0x77, "is still readable through the mapping");
	CHECK_EQ(update_va_mapping((uint64_t)page, 0, UVMF_INVLPG), 0, "unmapped");
	list[0] = gone[0];
	CHECK_EQ(reservation(XENMEM_populate_physmap, list, 1, 0), 1, "another in its place");
	p2m_set(gone[0], list[0]);
	CHECK_EQ(current(), before, "the total is as before");
}

static void refusals(void)
{
	xen_pfn_t list[4];
	unsigned long before = current();
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	list[0] = 0x3ffffffffUL;
	CHECK_EQ(reservation(XENMEM_decrease_reservation, list, 1, 0), 0, "a frame past the end");
	list[0] = virt_to_mfn((void *)start_info->pt_base);
	CHECK(reservation(XENMEM_decrease_reservation, list, 1, 0) <= 1, "the top table");
	CHECK(system_time() > 0, "and we live");
	list[0] = pfn_take();
	CHECK_EQ(reservation(XENMEM_populate_physmap, list, 1, 40), 0, "an absurd order");
	set_xen_guest_handle_raw(r.extent_start, (xen_pfn_t *)16);
	CHECK(memory_op(XENMEM_populate_physmap, &r) <= 0, "list at a bad address");
	CHECK(memory_op(XENMEM_populate_physmap, (void *)16) <= 0, "request at a bad address");
	CHECK_EQ(memory_op(63, &r), -XEN_ENOSYS, "unknown operation");
	CHECK(current() <= before, "nothing was given");
}

static void exchange(void)
{
	xen_pfn_t in[16], out[1], pfns[16];
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 16, .extent_order = 0, .domid = DOMID_SELF },
		.out = { .nr_extents = 1,
			 .extent_order = 4,
			 .mem_flags = XENMEMF_address_bits(32),
			 .domid = DOMID_SELF },
	};
	unsigned long before = current();

	for (unsigned int i = 0; i < 16; i++) {
		pfns[i] = pfn_take();
		in[i] = pfn_to_mfn(pfns[i]);
	}
	/* They come out as one extent under the last one's number, growing upwards. */
	out[0] = pfns[15];
	set_xen_guest_handle_raw(x.in.extent_start, in);
	set_xen_guest_handle_raw(x.out.extent_start, out);
	CHECK_EQ(memory_op(XENMEM_exchange, &x), 0, "sixteen pages for sixteen in a row");
	CHECK_EQ(x.nr_exchanged, 16, "all of them");
	CHECK_EQ(out[0] & 15, 0, "aligned");
	CHECK(out[0] < 1UL << 20, "below 4 GiB");
	CHECK_EQ(current(), before, "the total is as before");
	for (unsigned int i = 0; i < 16; i++) {
		p2m_set(pfns[15] + i, out[0] + i);
		if (mfn_to_pfn(out[0] + i) != pfns[15] + i) {
			CHECK(false, "machine-to-physical entry %u", i);
		}
	}
	x.nr_exchanged = 0;
	in[0] = virt_to_mfn((void *)start_info->pt_base);
	x.in.nr_extents = x.out.nr_extents = 1;
	x.out.extent_order = 0;
	CHECK(memory_op(XENMEM_exchange, &x) < 0, "a table in use is not exchanged");
	x.out.extent_order = 4;
	CHECK_EQ(memory_op(XENMEM_exchange, &x), -XEN_EINVAL, "sizes must match");
}

static void maps(void)
{
	static char buffer[4096];
	struct xen_memory_map m = { .nr_entries = 32 };
	struct xen_machphys_mapping range;
	domid_t self = DOMID_SELF;
	unsigned long ram;

	set_xen_guest_handle_raw(m.buffer, buffer);
	CHECK_EQ(memory_op(XENMEM_machphys_mapping, &range), 0,
		 "where the machine-to-physical table is");
	CHECK_EQ(range.v_start, 0xffff800000000000UL, "at its ABI address");
	CHECK(range.max_mfn >= virt_to_mfn((void *)start_info->pt_base), "and its end");
	ram = (unsigned long)memory_op(XENMEM_maximum_ram_page, NULL);
	CHECK(ram >= virt_to_mfn((void *)start_info->pt_base), "highest frame %#lx", ram);
	CHECK(memory_op(XENMEM_maximum_reservation, &self) != 0, "a limit");
	if (is_control_domain()) {
		CHECK_EQ(memory_op(XENMEM_machine_memory_map, &m), 0, "the machine's memory map");
		CHECK(m.nr_entries > 2, "%u entries", m.nr_entries);
		m.nr_entries = 1;
		CHECK(memory_op(XENMEM_machine_memory_map, &m) == -XEN_EINVAL || m.nr_entries == 1,
		      "cut to what fits");
	}
}

enum verdict guest_main(void)
{
	maps();
	balloon();
	exchange();
	refusals();
	return SUCCESS;
}
