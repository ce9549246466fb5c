/*
 * Grant tables, with ourselves as the other domain: what is granted can be mapped and copied, read-only or not as
 * granted and no more; what is not granted, revoked or out of range is refused with the status the ABI names; a mapped
 * grant shows in its flags until it is unmapped.
 */
#include "frontends/rt/test.h"

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/grant.h"

static int setup(void)
{
	xen_pfn_t frame = 0;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_set_version v = { .version = 1 };
	void *page = page_alloc();

	set_xen_guest_handle_raw(s.frame_list, &frame);
	CHECK_EQ(grant_op(GNTTABOP_set_version, &v, 1), 0, "version 1");
	CHECK_EQ(grant_op(GNTTABOP_query_size, &q, 1), 0, "size");
	CHECK(q.status == GNTST_okay && q.max_nr_frames >= 4, "up to %u frames", q.max_nr_frames);
	CHECK_EQ(grant_op(GNTTABOP_setup_table, &s, 1), 0, "set up");
	CHECK_EQ(s.status, GNTST_okay, "okay");
	CHECK_EQ(update_va_mapping((uint64_t)page, frame << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG), 0,
		 "the table mapped");
	grants = page;
	return s.status;
}

static void write_byte(void *p)
{
	*(volatile char *)p = 9;
}

static void mapping(void)
{
	char *lent = page_alloc(), *at = page_alloc(), *second = page_alloc();
	grant_handle_t h = ~0u, h2 = ~0u;

	memcpy(lent, "lent", 5);
	update_va_mapping((uint64_t)at, 0, UVMF_INVLPG);
	grant_give(20, lent, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, 20, GNTMAP_host_map, &h), GNTST_okay, "map");
	CHECK_EQ(strcmp(at, "lent"), 0, "is the page");
	memcpy(at, "used", 5);
	CHECK_EQ(strcmp(lent, "used"), 0, "writable");
	CHECK_EQ(grants[20].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing,
		 "in use");
	CHECK_EQ(grant_unmap_at(at + PAGE_SIZE, h), GNTST_general_error,
		 "unmap at another address");
	CHECK_EQ(grant_unmap_at(at, 100000), GNTST_bad_handle, "unmap by a bad handle");
	CHECK_EQ(*(volatile char *)at, 'u', "still there");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	CHECK(trap_try(write_byte, at).vector == 14, "gone");
	CHECK_EQ(grants[20].flags & (GTF_reading | GTF_writing), 0, "not in use");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_bad_handle, "unmap again");

	grant_give(21, lent, GTF_permit_access | GTF_readonly);
	CHECK(grant_map_at(at, 21, GNTMAP_host_map, &h) < 0,
	      "a read-only grant is not mapped writable");
	CHECK_EQ(grants[21].flags & (GTF_reading | GTF_writing), 0, "and not marked");
	CHECK_EQ(grant_map_at(at, 21, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay,
		 "but read-only");
	CHECK_EQ(grants[21].flags & (GTF_reading | GTF_writing), GTF_reading, "in use for reading");
	CHECK(trap_try(write_byte, at).vector == 14, "and cannot be written");
	CHECK_EQ(grant_map_at(second, 21, GNTMAP_host_map | GNTMAP_readonly, &h2), GNTST_okay,
		 "and once more elsewhere");
	CHECK(h2 != h, "under another handle");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap one");
	CHECK_EQ(grants[21].flags & (GTF_reading | GTF_writing), GTF_reading, "still in use");
	CHECK_EQ(*(volatile char *)second, 'u', "and there");
	CHECK_EQ(grant_unmap_at(second, h2), GNTST_okay, "unmap the other");
	CHECK_EQ(grants[21].flags & (GTF_reading | GTF_writing), 0, "both gone");
}

static void refusals(void)
{
	char *lent = page_alloc(), *at = page_alloc();
	struct gnttab_map_grant_ref m = {
		.host_addr = (uint64_t)at, .flags = GNTMAP_host_map, .ref = 30, .dom = 1234
	};
	grant_handle_t h;

	update_va_mapping((uint64_t)at, 0, UVMF_INVLPG);
	grants[30].flags = 0;
	CHECK_EQ(grant_map_at(at, 30, GNTMAP_host_map, &h), GNTST_general_error, "an empty entry");
	CHECK_EQ(grant_map_at(at, 10000000, GNTMAP_host_map, &h), GNTST_bad_gntref,
		 "an entry past the end");
	grant_give(30, lent, GTF_permit_access);
	grants[30].domid = 77;
	CHECK_EQ(grant_map_at(at, 30, GNTMAP_host_map, &h), GNTST_general_error,
		 "granted to another");
	grant_give(30, lent, GTF_permit_access);
	grants[30].frame = 0x7fffffff;
	CHECK(grant_map_at(at, 30, GNTMAP_host_map, &h) < 0, "a frame past the end");
	grant_give(30, (void *)start_info->pt_base, GTF_permit_access);
	CHECK(grant_map_at(at, 30, GNTMAP_host_map, &h) < 0, "the top table, writable");
	CHECK_EQ(grants[30].flags & (GTF_reading | GTF_writing), 0, "not marked");
	grant_give(30, lent, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, 30, 0, &h) < 0, 1, "no kind of mapping asked for");
	CHECK(grant_map_at((void *)0x600000000000UL, 30, GNTMAP_host_map, &h) < 0,
	      "where there is no table");
	CHECK(grant_map_at((void *)0xffff830000000000UL, 30, GNTMAP_host_map, &h) < 0,
	      "in the hypervisor");
	CHECK_EQ(grants[30].flags & (GTF_reading | GTF_writing), 0, "not marked");
	CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0, "no such domain");
	CHECK_EQ(m.status, GNTST_bad_domain, "bad domain");
	CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, (void *)16, 1), -XEN_EFAULT,
		 "request at a bad address");
	CHECK_EQ(grant_op(77, &m, 1), -XEN_ENOSYS, "unknown operation");
	grants[30].flags = 0;
}

static void copying(void)
{
	char *lent = page_alloc(), *own = page_alloc();
	struct gnttab_copy c = {
		.source = { .u.ref = 40, .domid = DOMID_SELF, .offset = 100 },
		.dest = { .u.gmfn = virt_to_mfn(own), .domid = DOMID_SELF, .offset = 200 },
		.len = 50,
		.flags = GNTCOPY_source_gref,
	};

	for (unsigned int i = 0; i < PAGE_SIZE; i++) {
		lent[i] = (char)i;
	}
	grant_give(40, lent, GTF_permit_access | GTF_readonly);
	CHECK_EQ(grant_copy_one(&c), GNTST_okay, "copy from a grant");
	CHECK(memcmp(own + 200, lent + 100, 50) == 0, "content");
	CHECK(own[199] == 0 && own[250] == 0, "and no more");
	c.source.offset = 4090;
	CHECK_EQ(grant_copy_one(&c), GNTST_bad_copy_arg, "past the end of the source");
	c.source.offset = 0;
	c.dest.offset = 4090;
	CHECK_EQ(grant_copy_one(&c), GNTST_bad_copy_arg, "past the end of the target");
	CHECK_EQ(own[4095], 0, "nothing copied");
	c.dest.offset = 0;
	c.source.u.ref = 41;
	grants[41].flags = 0;
	CHECK_EQ(grant_copy_one(&c), GNTST_general_error, "from nothing granted");
	c = (struct gnttab_copy){
		.source = { .u.gmfn = virt_to_mfn(own), .domid = DOMID_SELF },
		.dest = { .u.ref = 40, .domid = DOMID_SELF },
		.len = 10,
		.flags = GNTCOPY_dest_gref,
	};
	CHECK(grant_copy_one(&c) < 0, "into a read-only grant");
	CHECK_EQ(lent[5], 5, "nothing copied");
	grant_give(40, lent, GTF_permit_access);
	CHECK_EQ(grant_copy_one(&c), GNTST_okay, "into a writable one");
	CHECK_EQ(lent[5], own[5], "copied");
	CHECK_EQ(grants[40].flags & (GTF_reading | GTF_writing), 0, "not in use after");
	c.source.u.gmfn = virt_to_mfn((void *)start_info->pt_base);
	c.dest.u.gmfn = c.source.u.gmfn;
	c.flags = 0;
	CHECK(grant_copy_one(&c) < 0, "into a page table");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	if (setup() == GNTST_okay) {
		mapping();
		refusals();
		copying();
	}
	return SUCCESS;
}
