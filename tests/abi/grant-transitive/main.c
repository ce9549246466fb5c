/*
 * Transitive grants (<xen/grant_table.h>, version 2): who is granted one "is allowed to use the grant gref in domain
 * trans_domid, as if it was the local domain", to copy and not to map, within what both allow.  It leads to an
 * entry that is none itself, of another domain than its own; when the copy is done neither is in use.  The third domain
 * may be dying or gone.  Ours is one of the two tables, a child's the other.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sched.h>

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/grant2.h"
#include "tests/abi/lib/pages.h"

enum { READY = 1, ANSWER }; /* words of the mail */
/* Entries of the child's, granted to us: all of a page, bytes 100 to 299, back to BACK of ours, ... */
enum { PAGE = 8, PART, LOOP, RO, NOT_OURS, TABLE };
/* Of ours. */
enum { LINK = 30, BACK, OWN, SECOND };

static struct child child;
static char *window, *status_window, *own, *back, *at;

/* ---- in the child ---- */

static void lends(void)
{
	char *table = child_spare(0), *page = child_spare(1);
	xen_pfn_t frame = 0;
	long rc;

	for (unsigned int i = 0; i < PAGE_SIZE; i++) {
		page[i] = (char)(i * 3 + i / 256);
	}
	grants2 = (grant_entry_v2_t *)table;
	rc = grants_version(2, NULL);
	rc = rc ? rc : grants_frames(DOMID_SELF, &frame, 1);
	rc = rc ? rc
		: update_va_mapping((uint64_t)table, frame << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG);
	if (!rc) {
		grant2_page(PAGE, 0, virt_to_mfn(page), GTF_permit_access);
		grant2_part(PART, 0, virt_to_mfn(page), GTF_permit_access, 100, 200);
		grant2_link(LOOP, 0, 0, BACK, 0);
		grant2_page(RO, 0, virt_to_mfn(page), GTF_permit_access | GTF_readonly);
		grant2_page(NOT_OURS, 77, virt_to_mfn(page), GTF_permit_access);
		grant2_page(TABLE, 0, virt_to_mfn((void *)start_info->pt_base), GTF_permit_access);
	}
	child_mail.word[ANSWER] = rc;
	child_mail.word[READY] = 1;
	for (;;) {
		sched_op(SCHEDOP_block, NULL);
	}
}

/* ---- ours ---- */

/* From a grant into our own page, or the other way. */
static int copy(bool out, domid_t domid, grant_ref_t ref, unsigned int offset, unsigned int len)
{
	struct gnttab_copy_ptr grant = { .u.ref = ref, .domid = domid, .offset = (uint16_t)offset },
			       page = { .u.gmfn = virt_to_mfn(own),
					.domid = DOMID_SELF,
					.offset = (uint16_t)offset };
	struct gnttab_copy c = { .source = out ? page : grant,
				 .dest = out ? grant : page,
				 .len = (uint16_t)len,
				 .flags = out ? GNTCOPY_dest_gref : GNTCOPY_source_gref };

	return grant_copy_one(&c);
}

static bool in_use(grant_ref_t theirs)
{
	return ((volatile grant_status_t *)status_window)[theirs] || grant2_use(LINK) ||
	       grant2_use(BACK) || grant2_use(SECOND);
}

static void refused(bool out, grant_ref_t theirs, int want, const char *what)
{
	int rc;

	memset(own, 0x77, PAGE_SIZE);
	rc = copy(out, 0, LINK, 0, 16);
	CHECK(want ? rc == want : rc < 0 && rc != CALL_FAILED, "%s: refused, %d", what, rc);
	CHECK(own[0] == 0x77 && !in_use(theirs), "%s: nothing happened", what);
}

static void through(void)
{
	grant2_link(LINK, 0, child.id, PAGE, 0);
	memset(own, 0, PAGE_SIZE);
	CHECK_EQ(copy(false, 0, LINK, 0, PAGE_SIZE), GNTST_okay, "all of the child's page");
	CHECK(own[5] == 15 && own[1000] == (char)3003, "is what it wrote");
	CHECK(!in_use(PAGE), "nothing stays in use");
	memset(own, 0x5a, PAGE_SIZE);
	CHECK_EQ(copy(true, 0, LINK, 2000, 96), GNTST_okay, "and into it");
	memset(own, 0, PAGE_SIZE);
	CHECK_EQ(copy(false, child.id, PAGE, 0, PAGE_SIZE), GNTST_okay, "read directly");
	CHECK(own[2000] == 0x5a && own[2095] == 0x5a && own[1999] != 0x5a, "it is there");
	CHECK(!in_use(PAGE), "nothing stays in use");
}

static void part(void)
{
	static const struct {
		unsigned int at, len;
		bool good;
	} cases[] = { { 100, 200, true }, { 100, 1, true }, { 299, 1, true },  { 300, 0, true },
		      { 99, 1, false },	  { 99, 2, false }, { 300, 1, false }, { 299, 2, false },
		      { 0, 4096, false }, { 0, 0, false },  { 301, 0, false } };

	grant2_link(LINK, 0, child.id, PART, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(own, 0x77, PAGE_SIZE);
		CHECK_EQ(copy(false, 0, LINK, cases[i].at, cases[i].len),
			 cases[i].good ? GNTST_okay : GNTST_general_error,
			 "to a part: %u bytes at %u", cases[i].len, cases[i].at);
		CHECK((own[cases[i].at] != 0x77) == (cases[i].good && cases[i].len != 0) &&
			      !in_use(PART),
		      "copied or not, and not in use");
	}
}

/* The child's table leads back to ours: to the one that borrows. */
static void back_again(void)
{
	grant2_page(BACK, child.id, virt_to_mfn(back), GTF_permit_access | GTF_readonly);
	memcpy(back, "back", 5);
	CHECK_EQ(copy(false, child.id, LOOP, 0, 16), GNTST_okay, "through the child to ourselves");
	CHECK_EQ(strcmp(own, "back"), 0, "it is ours");
	CHECK(!in_use(LOOP), "nothing stays in use");
	CHECK(copy(true, child.id, LOOP, 0, 16) < 0, "read-only where it ends");
	CHECK_EQ(strcmp(back, "back"), 0, "nothing written");
	CHECK(!in_use(LOOP), "nothing stays in use");
	grant2_page(BACK, 77, virt_to_mfn(back), GTF_permit_access);
	CHECK_EQ(copy(false, child.id, LOOP, 0, 16), GNTST_general_error, "not lent to the child");
	grant2_page(BACK, 0, virt_to_mfn(back), GTF_permit_access);
	CHECK_EQ(copy(false, child.id, LOOP, 0, 16), GNTST_general_error, "but to ourselves");
	CHECK(!in_use(LOOP), "nothing stays in use");
	grant2_page(BACK, child.id, virt_to_mfn(back), GTF_permit_access);
}

static void refusals(void)
{
	static const domid_t nobody[] = { 1234, 0, DOMID_SELF, DOMID_XEN, DOMID_IO, DOMID_INVALID };
	grant_handle_t h;

	for (unsigned int i = 0; i < ARRAY_SIZE(nobody); i++) {
		grant2_link(LINK, 0, nobody[i], OWN, 0);
		refused(false, PAGE, GNTST_general_error, "a domain that cannot be the third");
	}
	grant2_link(LINK, 0, child.id, LOOP, 0);
	refused(false, LOOP, GNTST_general_error, "a transitive one to a transitive one");
	refused(true, LOOP, GNTST_general_error, "the same, written");
	grant2_link(LINK, 0, child.id, REFS2_PER_FRAME, 0);
	refused(false, PAGE, GNTST_bad_gntref, "an entry past the end of the third's");
	grant2_link(LINK, 0, child.id, ~0u, 0);
	refused(false, PAGE, GNTST_bad_gntref, "the last number");
	grant2_link(LINK, 0, child.id, NOT_OURS, 0);
	refused(false, NOT_OURS, GNTST_general_error, "what was not lent to us");
	grant2_link(LINK, 0, child.id, 100, 0);
	refused(false, 100, GNTST_general_error, "an empty entry");
	grant2_link(LINK, 0, child.id, RO, 0);
	refused(true, RO, GNTST_general_error, "read-only in the third's table");
	CHECK_EQ(copy(false, 0, LINK, 0, 16), GNTST_okay, "read");
	grant2_link(LINK, 0, child.id, TABLE, 0);
	refused(true, TABLE, 0, "the third's page table");
	grant2_link(LINK, 0, child.id, PAGE, GTF_readonly);
	refused(true, PAGE, GNTST_general_error, "read-only in ours");
	CHECK_EQ(copy(false, 0, LINK, 0, 16), GNTST_okay, "read");
	grant2_link(LINK, 77, child.id, PAGE, 0);
	refused(false, PAGE, GNTST_general_error, "another's");
	grant2_link(LINK, 0, child.id, PAGE, 0);
	CHECK_EQ(grant_map_at(at, LINK, GNTMAP_host_map, &h), GNTST_general_error, "mapped");
	CHECK_EQ(grant_map_at(at, LINK, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_general_error,
		 "mapped for reading");
	CHECK(!in_use(PAGE), "nothing happened");
}

/* Links and others by turns, at both ends, the same several times over. */
static void lists(void)
{
	static const grant_ref_t from[] = { LINK, LINK, SECOND, BACK, LINK, 100, SECOND, SECOND };
	static struct gnttab_copy ops[40];
	unsigned int good = 0;

	grant2_link(LINK, 0, child.id, PAGE, 0);
	grant2_link(SECOND, 0, child.id, PART, 0);
	grant2_page(BACK, 0, virt_to_mfn(back), GTF_permit_access);
	grant2_page(OWN, 0, virt_to_mfn(own), GTF_permit_access);
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		ops[i] = (struct gnttab_copy){
			.source = { .u.ref = from[i % 8], .domid = DOMID_SELF, .offset = 200 },
			.dest = { .u.ref = i % 16 < 8 ? OWN : LINK,
				  .domid = DOMID_SELF,
				  .offset = (uint16_t)(3000 + i) },
			.len = 1,
			.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
			.status = 1
		};
	}
	CHECK_EQ(grant_op(GNTTABOP_copy, ops, ARRAY_SIZE(ops)), 0, "a list");
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		good += ops[i].status == (i % 8 == 5 ? GNTST_general_error : GNTST_okay);
	}
	CHECK_EQ(good, ARRAY_SIZE(ops), "each has its status");
	CHECK(!in_use(PAGE) && !in_use(PART) && !grant2_use(OWN), "nothing stays in use");
}

/* The table of another that we control. */
static void as_resource(void)
{
	struct xen_mem_acquire_resource r = { .domid = child.id,
					      .type = XENMEM_resource_grant_table,
					      .id = XENMEM_resource_grant_table_id_status,
					      .nr_frames = 1 };
	xen_pfn_t frame = 0;
	uint64_t listed = 1;

	set_xen_guest_handle_raw(r.frame_list, &frame);
	CHECK_EQ(memory_op(XENMEM_acquire_resource, &r), 0, "the child's status frame");
	CHECK_EQ(grants_status_frames(child.id, &listed, 1), GNTST_okay, "and by the other call");
	CHECK_EQ(frame, listed, "are one");
	CHECK_EQ(child_show(status_window, frame, child.id), 0, "and can be mapped");
}

/* As long as we have a page of it, the child is not gone; nor can it be a third any more, or it can: no harm is done. */
static void third_dies(void)
{
	grant_handle_t h = 0;
	struct gnttab_map_grant_ref m = {
		.host_addr = (uint64_t)at, .flags = GNTMAP_host_map, .ref = PAGE, .dom = child.id
	};
	int rc;

	grant2_link(LINK, 0, child.id, PAGE, 0);
	CHECK_EQ(grant_map_full(&m), GNTST_okay, "the child's page mapped");
	h = m.handle;
	CHECK_EQ(((volatile grant_status_t *)status_window)[PAGE], IN_USE, "the child's status");
	CHECK_EQ(child_show(status_window, virt_to_mfn(status_window), DOMID_SELF), 0, "given up");
	CHECK_EQ(child_show(window, virt_to_mfn(window), DOMID_SELF), 0, "its mail as well");
	child_domctl(XEN_DOMCTL_destroydomain, child.id);
	rc = copy(false, 0, LINK, 0, 16);
	CHECK(rc <= 0 && rc != CALL_FAILED, "through one that dies: %d", rc);
	CHECK(!grant2_use(LINK), "nothing stays in use");
	CHECK_EQ(*(volatile char *)(at + 5), 15, "what we have of it is as it was");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmapped");
	CHECK(domain_gone(child.id), "with that it is gone");
	CHECK_EQ(copy(false, 0, LINK, 0, 16), GNTST_general_error, "through one that is gone");
	CHECK(!grant2_use(LINK), "nothing stays in use");
}

enum verdict guest_main(void)
{
	uint64_t before;

	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(grants2_setup(), 0, "a table of version 2");
	window = page_alloc();
	status_window = page_alloc();
	own = page_alloc();
	back = page_alloc();
	at = grant_window();
	before = settled_free_pages();
	CHECK_EQ(child_make(&child, window, lends), 0, "a child");
	CHECK_EQ(child_go(&child), 0, "runs");
	CHECK(child_says(&child, READY, 1) && !child.mail[ANSWER], "it has lent: %ld",
	      child.mail[ANSWER]);
	as_resource();
	through();
	part();
	back_again();
	refusals();
	lists();
	third_dies();
	CHECK_EQ(settled_free_pages(), before, "as much memory is free as before");
	return SUCCESS;
}
