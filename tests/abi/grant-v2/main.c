/*
 * Version 2 of grant entries (<xen/grant_table.h>): sixteen bytes that the hypervisor does not write, with a 64-bit
 * frame, and a status of its own for each.  Mapping, unmapping and swapping as in version 1; what is no permit
 * to the whole page is not mapped.  The status frames are given by GNTTABOP_get_status_frames and _acquire_resource,
 * grow with the table, and are the guest's to map, like the table's.
 */
#include "frontends/rt/test.h"

#include <xen/memory.h>

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/grant2.h"
#include "tests/abi/lib/pages.h"

#define REF  20u
#define MANY 9u /* frames, whose entries have their status in two */

static char *lent, *other, *at, *at2;
static uint64_t frame;

static bool untouched(grant_ref_t ref, uint16_t flags)
{
	return *(volatile uint16_t *)&grants2[ref].hdr.flags == flags;
}

static void mapping(void)
{
	grant_handle_t h, h2;

	grant2_page(REF, 0, frame, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, REF, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay, "read");
	CHECK_EQ(*(volatile char *)at, 'l', "the page");
	CHECK_EQ(statuses[REF], GTF_reading, "in use for reading");
	CHECK_EQ(grant_map_at(at2, REF, GNTMAP_host_map, &h2), GNTST_okay, "and written");
	*(volatile char *)(at2 + 8) = 'w';
	CHECK_EQ(lent[8], 'w', "the page");
	CHECK_EQ(statuses[REF], IN_USE, "in use for both");
	CHECK(untouched(REF, GTF_permit_access), "nothing is written in the entry");
	CHECK_EQ(grant_unmap_at(at2, h2), GNTST_okay, "the writer leaves");
	CHECK_EQ(statuses[REF], GTF_reading, "the reader is there");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "the reader leaves");
	CHECK_EQ(statuses[REF], 0, "not in use");
	CHECK(!statuses[REF - 1] && !statuses[REF + 1], "nor the neighbours");
}

/* A permit ends while it is used: its user stays, there is no other. */
static void revoked(void)
{
	grant_handle_t h;

	grant2_page(REF, 0, frame, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, REF, GNTMAP_host_map, &h), GNTST_okay, "map");
	*(volatile uint16_t *)&grants2[REF].hdr.flags = 0;
	CHECK_EQ(statuses[REF], IN_USE, "the owner sees that it is used");
	CHECK_EQ(*(volatile char *)at, 'l', "still there");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	CHECK_EQ(statuses[REF], 0, "and that it no longer is");
	CHECK_EQ(grant_map_at(at, REF, GNTMAP_host_map, &h), GNTST_general_error, "no more");
}

static void refused(grant_entry_v2_t e, uint32_t flags, int want, const char *what)
{
	grant_handle_t h;
	int rc;

	grant2_write(&grants2[REF], e);
	rc = grant_map_at(at, REF, flags, &h);
	CHECK(want ? rc == want : rc < 0 && rc != CALL_FAILED, "%s: %d", what, rc);
	CHECK(!statuses[REF] && !(*pte_of(at, 1) & PTE_P), "%s: nothing happened", what);
}

static void not_mapped(void)
{
	const uint32_t rw = GNTMAP_host_map, ro = GNTMAP_host_map | GNTMAP_readonly;
	grant_entry_v2_t good = { .full_page = { .hdr = { GTF_permit_access, 0 },
						 .frame = frame } },
			 e = good;
	grant_handle_t h;

	e.hdr.flags = 0;
	refused(e, ro, GNTST_general_error, "an empty entry");
	e.hdr.flags = GTF_accept_transfer;
	refused(e, ro, GNTST_general_error, "a transfer");
	e.hdr.flags = GTF_permit_access | GTF_readonly;
	refused(e, rw, GNTST_general_error, "written what is read-only");
	e = good;
	e.hdr.domid = 77;
	refused(e, ro, GNTST_general_error, "another's");
	e = good;
	e.full_page.frame = 0x7fffffff;
	refused(e, ro, 0, "a frame past the end");
	e.full_page.frame = frame | 1UL << 32;
	refused(e, ro, 0, "a frame of which only the lower half is right");
	refused(e, rw, 0, "the same, written");
	e.full_page.frame = ~0UL;
	refused(e, ro, 0, "the last number");
	e.full_page.frame = 0xffffffff;
	refused(e, ro, 0, "the last of 32 bits");
	e.full_page.frame = virt_to_mfn((void *)start_info->pt_base);
	refused(e, rw, 0, "a page table, written");
	e = (grant_entry_v2_t){ .sub_page = { .hdr = { GTF_permit_access | GTF_sub_page, 0 },
					      .length = PAGE_SIZE - 1,
					      .frame = frame } };
	refused(e, ro, GNTST_general_error, "a part of a page");
	e.sub_page.page_off = 0;
	e.sub_page.length = PAGE_SIZE;
	refused(e, ro, GNTST_general_error, "even if that is all of it");
	e = (grant_entry_v2_t){
		.transitive = { .hdr = { GTF_transitive, 0 }, .trans_domid = 1, .gref = REF + 1 }
	};
	refused(e, ro, GNTST_general_error, "a transitive one");
	CHECK_EQ(grant_map_at(at, REFS2_PER_FRAME, ro, &h), GNTST_bad_gntref,
		 "the first entry past the end, which version 1 had");
	grant2_page(REFS2_PER_FRAME - 1, 0, frame, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, REFS2_PER_FRAME - 1, ro, &h), GNTST_okay, "the last entry");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
}

/* The status is the owner's to write as well: it only deceives itself. */
static void scribbled(void)
{
	grant_handle_t h;

	grant2_page(REF, 0, frame, GTF_permit_access);
	statuses[REF] = 0xffff;
	CHECK_EQ(grant_map_at(at, REF, GNTMAP_host_map, &h), GNTST_okay, "map");
	statuses[REF] = 0;
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	CHECK_EQ(statuses[REF], 0, "not in use");
	statuses[REF] = 0xffff;
	CHECK_EQ(grant_map_at(at, REF, GNTMAP_host_map, &h), GNTST_okay, "map");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	CHECK_EQ(statuses[REF], (uint16_t)~IN_USE, "only our two bits are taken");
	statuses[REF] = 0;
}

static int swap(grant_ref_t a, grant_ref_t b)
{
	struct gnttab_swap_grant_ref s = { .ref_a = a, .ref_b = b, .status = 1 };

	return grant_op(GNTTABOP_swap_grant_ref, &s, 1) ? CALL_FAILED : s.status;
}

static void swapping(void)
{
	grant_entry_v2_t a, b;
	grant_handle_t h;

	grant2_page(REF, 0, frame, GTF_permit_access | GTF_readonly);
	grant2_part(REF + 1, 5, frame + 1, GTF_permit_access, 3, 77);
	a = grants2[REF];
	b = grants2[REF + 1];
	CHECK_EQ(swap(REF, REF + 1), GNTST_okay, "swapped");
	CHECK(!memcmp(&grants2[REF], &b, sizeof(b)) && !memcmp(&grants2[REF + 1], &a, sizeof(a)),
	      "all sixteen bytes of each");
	CHECK_EQ(grant_map_at(at, REF + 1, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay,
		 "one is mapped");
	CHECK_EQ(swap(REF, REF + 1), GNTST_eagain, "and not swapped");
	CHECK_EQ(swap(REF + 1, REF), GNTST_eagain, "either way");
	CHECK_EQ(swap(REF + 1, REF + 1), GNTST_okay, "but with itself");
	CHECK_EQ(statuses[REF + 1], GTF_reading, "it is in use");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	CHECK_EQ(swap(REF, REFS2_PER_FRAME), GNTST_bad_gntref, "nor with one past the end");
	CHECK(!memcmp(&grants2[REF], &b, sizeof(b)) && !memcmp(&grants2[REF + 1], &a, sizeof(a)),
	      "all as it was");
	CHECK_EQ(swap(REF, REF + 1), GNTST_okay, "and back");
}

/* ---- status frames ---- */

static unsigned int table_frames(void)
{
	struct gnttab_query_size q = { .dom = DOMID_SELF };

	grant_op(GNTTABOP_query_size, &q, 1);
	return q.nr_frames;
}

static long acquire(unsigned int id, uint64_t first, uint32_t n, xen_pfn_t *list)
{
	struct xen_mem_acquire_resource r = { .domid = DOMID_SELF,
					      .type = XENMEM_resource_grant_table,
					      .id = id,
					      .nr_frames = n,
					      .frame = first };
	long rc;

	set_xen_guest_handle_raw(r.frame_list, list);
	rc = memory_op(XENMEM_acquire_resource, &r);
	return rc ? rc : r.nr_frames;
}

static void list_refusals(void)
{
	struct gnttab_get_status_frames s = { .dom = DOMID_SELF, .nr_frames = 1 };
	uint64_t list[3] = { 1, 2, 3 };

	CHECK_EQ(grants_status_frames(DOMID_SELF, list, 2), GNTST_general_error, "one too many");
	CHECK_EQ(grants_status_frames(DOMID_SELF, list, ~0u), GNTST_general_error, "far too many");
	CHECK_EQ(grants_status_frames(1234, list, 1), GNTST_bad_domain, "no such domain");
	CHECK_EQ(grants_status_frames(DOMID_SELF, list, 0), GNTST_okay, "none");
	CHECK(list[0] == 1 && list[1] == 2 && list[2] == 3, "nothing was told");
	CHECK_EQ(grants_status_frames(DOMID_SELF, NOWHERE, 1), GNTST_bad_virt_addr,
		 "a list at a bad address");
	CHECK_EQ(grant_op(GNTTABOP_get_status_frames, NOWHERE, 1), -XEN_EFAULT, "bad address");
	CHECK_EQ(grant_op(GNTTABOP_get_status_frames, &s, 2), -XEN_EINVAL, "two at once");
}

static void growth(void)
{
	xen_pfn_t shared[MANY];
	const grant_ref_t ref = STATUS_PER_FRAME; /* the first of the last frame */
	grant_entry_v2_t *last = page_alloc();
	volatile grant_status_t *second = page_alloc();
	uint64_t list[3] = { 0 };
	grant_handle_t h;

	CHECK_EQ(table_frames(), 1, "one frame");
	CHECK_EQ(grant_map_at(at, ref, GNTMAP_host_map, &h), GNTST_bad_gntref, "no entry yet");
	CHECK_EQ(grants_frames(DOMID_SELF, shared, MANY - 1), GNTST_okay, "eight frames");
	CHECK_EQ(grants_status_frames(DOMID_SELF, list, 2), GNTST_general_error,
		 "have one of status");
	CHECK_EQ(grants_frames(DOMID_SELF, shared, MANY), GNTST_okay, "nine");
	CHECK_EQ(grants_status_frames(DOMID_SELF, list, 2), GNTST_okay, "have two");
	CHECK_EQ(list[0], (*pte_of((void *)statuses, 1) & PTE_FRAME) >> PAGE_SHIFT,
		 "the first is the one we have");
	CHECK_EQ(update_va_mapping((uint64_t)second, list[1] << PAGE_SHIFT | PTE_USUAL,
				   UVMF_INVLPG),
		 0, "the second mapped");
	update_va_mapping((uint64_t)last, shared[MANY - 1] << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG);
	grant2_write(last, (grant_entry_v2_t){ .full_page = { .hdr = { GTF_permit_access, 0 },
							      .frame = frame } });
	CHECK_EQ(grant_map_at(at, ref, GNTMAP_host_map, &h), GNTST_okay, "an entry of the last");
	CHECK(second[0] == IN_USE && !statuses[0], "has its status in the second");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	CHECK_EQ(second[0], 0, "not in use");
	update_va_mapping((uint64_t)second, 0, UVMF_INVLPG);
	update_va_mapping((uint64_t)last, 0, UVMF_INVLPG);
}

/* Of our own table; elsewhere they may be had of others' only. */
static void resources(void)
{
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	uint64_t known[2];
	xen_pfn_t list[8];
	unsigned int most;

	if (acquire(XENMEM_resource_grant_table_id_shared, 0, 1, list) == -XEN_ESRCH) {
		return;
	}
	CHECK_EQ(grants_status_frames(DOMID_SELF, known, 2), GNTST_okay, "two status frames");
	CHECK_EQ(acquire(XENMEM_resource_grant_table_id_status, 0, 2, list), 2, "as resources");
	CHECK(list[0] == known[0] && list[1] == known[1], "are the same");
	grant_op(GNTTABOP_query_size, &q, 1);
	most = (q.max_nr_frames + 7) / 8;
	CHECK_EQ(acquire(XENMEM_resource_grant_table_id_status, 0, 0, NULL), most,
		 "so many status frames there can be");
	CHECK_EQ(acquire(XENMEM_resource_grant_table_id_status, most, 1, list), -XEN_EINVAL,
		 "none behind them");
	CHECK_EQ(acquire(XENMEM_resource_grant_table_id_status, 2, 1, list), 1,
		 "one that there was not yet");
	CHECK(table_frames() > 16, "made the table grow: %u frames", table_frames());
	CHECK_EQ(acquire(7, 0, 1, list), -XEN_EINVAL, "no other kind");
}

/* That is for guests whose memory is translated. */
static void physmap(void)
{
	struct xen_add_to_physmap p = { .domid = DOMID_SELF,
					.space = XENMAPSPACE_grant_table,
					.idx = XENMAPIDX_grant_table_status,
					.gpfn = 5 };
	unsigned int frames = table_frames();
	long rc = memory_op(XENMEM_add_to_physmap, &p);

	CHECK(rc == -XEN_EACCES || rc == -XEN_ENOSYS, "add_to_physmap is not for us: %ld", rc);
	p.idx = 0;
	rc = memory_op(XENMEM_add_to_physmap, &p);
	CHECK(rc == -XEN_EACCES || rc == -XEN_ENOSYS, "nor for the table: %ld", rc);
	CHECK_EQ(table_frames(), frames, "nothing grew");
}

/* Only in version 2; what there is grows with the table, whatever the version was then. */
static void in_version_1(void)
{
	uint64_t list[3] = { 0 };
	xen_pfn_t pfns[1];
	unsigned int n = (table_frames() + 7) / 8;

	statuses_unmap();
	CHECK_EQ(grants_version(1, NULL), 0, "to version 1");
	CHECK_EQ(grants_status_frames(DOMID_SELF, list, 1), GNTST_general_error,
		 "no status frames");
	CHECK_EQ(grants_status_frames(DOMID_SELF, list, 0), GNTST_okay, "which is as many as none");
	CHECK(acquire(XENMEM_resource_grant_table_id_status, 0, 1, pfns) < 0,
	      "nor by acquire_resource");
	CHECK_EQ(grants_version(2, NULL), 0, "to version 2");
	CHECK(n >= 2, "%u frames of status", n);
	CHECK_EQ(grants_status_frames(DOMID_SELF, list, n), GNTST_okay, "are there at once");
	CHECK_EQ(statuses_map(), 0, "mapped");
	CHECK_EQ(statuses[REF], 0, "and clear");
}

static void not_served(void)
{
	struct gnttab_transfer t = { .domid = 0, .ref = 8, .status = 1 };
	struct gnttab_dump_table d = { .dom = DOMID_SELF, .status = 1 };

	t.mfn = virt_to_mfn(lent);
	grant2_page(8, 0, 77, GTF_accept_transfer);
	if (grant_op(GNTTABOP_dump_table, &d, 1) == 0) { /* another hypervisor may not have it */
		CHECK_EQ(d.status, GNTST_okay, "dumped");
		CHECK_EQ(grant_op(GNTTABOP_transfer, &t, 1), 0, "a page transferred");
		CHECK_EQ(t.status, GNTST_bad_page,
			 "is refused, with the answer after which it is still ours");
		CHECK_EQ(*(volatile char *)lent, 'l', "it is");
		CHECK(untouched(8, GTF_accept_transfer), "and who would take it learns nothing");
	}
}

/* All of it once more by unmap_and_replace. */
static void replacing(void)
{
	struct gnttab_unmap_and_replace u = { .host_addr = (uint64_t)at,
					      .new_addr = (uint64_t)other,
					      .status = 1 };

	*other = 'o';
	grant2_page(REF, 0, frame, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, REF, GNTMAP_host_map, &u.handle), GNTST_okay, "map");
	CHECK_EQ(grant_op(GNTTABOP_unmap_and_replace, &u, 1), 0, "replaced");
	CHECK_EQ(u.status, GNTST_okay, "okay");
	CHECK_EQ(*(volatile char *)at, 'o', "the other page is here");
	CHECK_EQ(statuses[REF], 0, "not in use");
	update_va_mapping((uint64_t)at, 0, UVMF_INVLPG);
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(grants2_setup(), 0, "a table of version 2");
	lent = page_alloc();
	memcpy(lent, "lent", 5);
	frame = virt_to_mfn(lent);
	other = page_alloc();
	at = grant_window();
	at2 = grant_window();
	mapping();
	revoked();
	not_mapped();
	scribbled();
	swapping();
	list_refusals();
	growth();
	resources();
	physmap();
	in_version_1();
	replacing();
	not_served();
	return SUCCESS;
}
