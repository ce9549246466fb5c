/*
 * GNTTABOP_set_version (<xen/grant_table.h>): the table goes from version 1 to 2 and back "while no grants are active",
 * but for the first entries, which "will be preserved across grant table version changes": they may be mapped all the
 * while, and say so in whichever place the version has for it.  All others are lost.  While one of those is
 * mapped, or a status frame, or a reserved entry cannot be said in version 1, nothing changes.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/grant2.h"
#include "tests/abi/lib/pages.h"

#define KEPT   3u  /* a reserved entry */
#define LOST   20u /* one that is not */
#define ENOUGH 30u /* changes in a race */

static char *lent, *at, *at2;
static uint64_t frame;

static void expect_version(uint32_t want, const char *what)
{
	CHECK_EQ(grants_version_now(), want, "%s: version", what);
}

static void numbers(void)
{
	static const uint32_t none[] = { 0, 3, 4, 0x10001, ~0u };
	struct gnttab_get_version g = { .dom = 1234 };
	uint32_t now;

	expect_version(1, "at first");
	for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
		CHECK_EQ(grants_version(none[i], &now), -XEN_EINVAL, "no version %#x", none[i]);
		CHECK_EQ(now, 1, "the answer says which there is");
	}
	CHECK_EQ(grants_version(1, &now), 0, "version 1 again");
	CHECK_EQ(now, 1, "it is");
	CHECK_EQ(grant_op(GNTTABOP_set_version, NOWHERE, 1), -XEN_EFAULT, "bad address");
	CHECK_EQ(grant_op(GNTTABOP_get_version, NOWHERE, 1), -XEN_EFAULT, "bad address");
	CHECK_EQ(grant_op(GNTTABOP_get_version, &g, 1), -XEN_ESRCH, "of no domain");
	expect_version(1, "after refusals");
}

/* In all of the first frame but the reserved entries. */
static bool rest_is_empty(void)
{
	size_t kept = GNTTAB_NR_RESERVED_ENTRIES *
		      (grants_version_now() == 1 ? sizeof(*grants) : sizeof(*grants2));
	const char *p = (const char *)grants;

	while (kept < PAGE_SIZE && !p[kept]) {
		kept++;
	}
	return kept == PAGE_SIZE;
}

static void entries(void)
{
	static const uint16_t flags[] = { GTF_permit_access, GTF_permit_access | GTF_readonly, 0,
					  GTF_permit_access | GTF_PCD };
	uint32_t now;

	for (unsigned int i = 0; i < GNTTAB_NR_RESERVED_ENTRIES; i++) {
		grant_give_frame(&grants[i], frame + i, flags[i % 4]);
		grants[i].domid = (domid_t)(100 + i);
	}
	grant_give(GNTTAB_NR_RESERVED_ENTRIES, lent, GTF_permit_access);
	grant_give(LOST, lent, GTF_permit_access);
	grant_give(REFS_PER_FRAME - 1, lent, GTF_permit_access);
	CHECK_EQ(grants_version(2, &now), 0, "to version 2");
	CHECK_EQ(now, 2, "it is");
	expect_version(2, "after that");
	for (unsigned int i = 0; i < GNTTAB_NR_RESERVED_ENTRIES; i++) {
		CHECK(grants2[i].hdr.flags == flags[i % 4] && grants2[i].hdr.domid == 100 + i &&
			      grants2[i].full_page.frame == frame + i,
		      "reserved entry %u is there", i);
	}
	CHECK(rest_is_empty(), "and no other");
	grant2_page(LOST, 0, frame, GTF_permit_access);
	CHECK_EQ(grants_version(2, &now), 0, "to version 2 again");
	CHECK_EQ(grants2[LOST].full_page.frame, frame, "changes nothing");
	CHECK_EQ(grants_version(7, &now), -XEN_EINVAL, "no version 7");
	CHECK_EQ(now, 2, "the answer says 2");
	grants2[2].hdr.flags = GTF_accept_transfer;
	CHECK_EQ(grants_version(1, &now), 0, "back to version 1");
	CHECK_EQ(now, 1, "it is");
	for (unsigned int i = 0; i < GNTTAB_NR_RESERVED_ENTRIES; i++) {
		bool kept = i % 4 != 2;

		CHECK(grants[i].flags == (kept ? flags[i % 4] : 0) &&
			      grants[i].domid == (kept ? 100 + i : 0) &&
			      grants[i].frame == (kept ? frame + i : 0),
		      "entry %u is %s", i, kept ? "there" : "not, as it was no permit");
	}
	CHECK(rest_is_empty(), "and no other");
	memset(grants, 0, GNTTAB_NR_RESERVED_ENTRIES * sizeof(*grants));
}

static void refused(uint32_t version, long want, const char *what)
{
	static char before[PAGE_SIZE];
	uint32_t was = grants_version_now(), now = 0;

	memcpy(before, grants, PAGE_SIZE);
	CHECK_EQ(grants_version(version, &now), want, "%s: refused", what);
	CHECK(now == was && grants_version_now() == was, "%s: still version %u", what, was);
	CHECK(memcmp(before, grants, PAGE_SIZE) == 0, "%s: all as it was", what);
}

static void in_use(void)
{
	grant_handle_t h, h2;

	grant_give(LOST, lent, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, LOST, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay,
		 "an entry is mapped");
	refused(2, -XEN_EBUSY, "to 2 with a mapping");
	CHECK_EQ(*(volatile char *)at, 'l', "it is still mapped");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmapped");
	CHECK_EQ(grants_version(2, NULL), 0, "to version 2");
	grant2_page(LOST, 0, frame, GTF_permit_access);
	grant2_page(LOST + 1, 0, frame, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, LOST, GNTMAP_host_map, &h), GNTST_okay, "mapped");
	CHECK_EQ(grant_map_at(at2, LOST + 1, GNTMAP_host_map, &h2), GNTST_okay, "and another");
	refused(1, -XEN_EBUSY, "to 1 with mappings");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap one");
	refused(1, -XEN_EBUSY, "to 1 with one mapping");
	CHECK_EQ(grant_unmap_at(at2, h2), GNTST_okay, "unmap the other");
	CHECK_EQ(grants_version(1, NULL), 0, "to version 1");
}

static void not_in_version_1(void)
{
	CHECK_EQ(grants_version(2, NULL), 0, "to version 2");
	grant2_link(KEPT, 0, 1, 20, 0);
	refused(1, -XEN_ERANGE, "a reserved entry is transitive");
	grant2_page(KEPT, 0, frame | 1UL << 32, GTF_permit_access);
	refused(1, -XEN_ERANGE, "the frame of one is too large");
	grant2_page(KEPT, 0, frame, GTF_permit_access);
	CHECK_EQ(statuses_map(), 0, "a status frame is mapped");
	refused(1, -XEN_EBUSY, "to 1 with that");
	statuses[LOST] = 0x55;
	CHECK_EQ(statuses[LOST], 0x55, "still mapped");
	statuses[LOST] = 0;
	statuses_unmap();
	CHECK_EQ(grants_version(1, NULL), 0, "and when it is not: to version 1");
	CHECK(grants[KEPT].flags == GTF_permit_access && grants[KEPT].frame == frame,
	      "with the reserved entry");
}

/* A reserved entry mapped for reading, writing, across changes in both directions. */
static void kept_in_use(uint32_t flags, uint16_t marks)
{
	grant_handle_t h, h2;

	grant_give(KEPT, lent, GTF_permit_access);
	CHECK_EQ(grant_map_at(at, KEPT, GNTMAP_host_map | flags, &h), GNTST_okay, "mapped in 1");
	CHECK_EQ(grant_use(KEPT), marks, "marked");
	CHECK_EQ(grants_version(2, NULL), 0, "to version 2");
	statuses_map();
	CHECK_EQ(grants2[KEPT].hdr.flags, GTF_permit_access, "the entry has no marks");
	CHECK_EQ(grant2_use(KEPT), marks, "the status has them");
	CHECK_EQ(*(volatile char *)at, 'l', "still mapped");
	CHECK_EQ(grant_map_at(at2, KEPT, GNTMAP_host_map | GNTMAP_readonly, &h2), GNTST_okay,
		 "once more in 2");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap the first");
	CHECK_EQ(grant2_use(KEPT), GTF_reading, "the second reads");
	statuses_unmap();
	CHECK_EQ(grants_version(1, NULL), 0, "to version 1");
	CHECK_EQ(grants[KEPT].flags, GTF_permit_access | GTF_reading, "marked in the entry");
	CHECK_EQ(grant_unmap_at(at2, h2), GNTST_okay, "unmap the second");
	CHECK_EQ(grants[KEPT].flags, GTF_permit_access, "no marks");
}

/* Marks that the owner made up go for nothing. */
static void false_marks(void)
{
	grant_give(KEPT, lent, GTF_permit_access | IN_USE);
	CHECK_EQ(grants_version(2, NULL), 0, "to version 2, an entry marked that nobody uses");
	grant2_page(KEPT, 0, frame, GTF_permit_access);
	CHECK_EQ(grants_version(1, NULL), 0, "and back");
	CHECK_EQ(grants[KEPT].flags & GTF_type_mask, GTF_permit_access, "it is a permit");
}

/* ---- one vCPU changes the version as the other maps ---- */

static volatile bool stop;
static volatile unsigned int maps, failures, reads;

/* Of the device's kind, for which no TLB is flushed: so it is fast. */
static int map_once(grant_ref_t ref, bool slowly)
{
	struct gnttab_map_grant_ref m = { .flags = GNTMAP_device_map, .ref = ref };
	int rc = grant_map_full(&m);

	if (slowly) {
		sched_op(SCHEDOP_yield, NULL);
	}
	if (rc == GNTST_okay && (m.dev_bus_addr != frame << PAGE_SHIFT ||
				 grant_unmap_full(0, m.dev_bus_addr, m.handle) != GNTST_okay)) {
		rc = CALL_FAILED;
	}
	return rc;
}

/* Reserved: there whatever the version, so never refused.  The other: there or not, as it happens. */
static void map_and_unmap(void)
{
	while (!stop) {
		/* Now and then the other finds it mapped, also where both share a CPU. */
		int rc = map_once(LOST, maps % 64 == 0);

		failures += rc == CALL_FAILED || map_once(KEPT, false) != GNTST_okay;
		reads += rc == GNTST_okay;
		maps++;
	}
}

static void offer_lost(uint32_t version)
{
	if (version == 1) {
		grant_give(LOST, lent, GTF_permit_access);
	} else {
		grant2_page(LOST, 0, frame, GTF_permit_access);
	}
}

static void race(void)
{
	uint64_t end = system_time() + 20000000000UL;
	unsigned int changes = 0, busy = 0, other = 0;
	uint32_t version = 1;

	grant_give(KEPT, lent, GTF_permit_access);
	CHECK_EQ(worker_start(1), 0, "another vCPU");
	worker_begin(map_and_unmap);
	while ((changes < ENOUGH || !busy || maps < ENOUGH || !reads) && system_time() < end) {
		uint32_t now;
		long rc = grants_version(3 - version, &now);

		changes += rc == 0;
		busy += rc == -XEN_EBUSY;
		other += (rc != 0 && rc != -XEN_EBUSY) || now != (rc ? version : 3 - version);
		version = now;
		offer_lost(version);
	}
	stop = true;
	CHECK(worker_ready(), "it ends");
	CHECK(changes >= ENOUGH && busy && maps >= ENOUGH && reads,
	      "%u changes, %u times busy, against %u maps and %u of an entry that comes and goes",
	      changes, busy, maps, reads);
	CHECK_EQ(other, 0, "each done or refused as busy, and told so");
	CHECK_EQ(failures, 0, "the reserved entry could always be mapped");
	CHECK_EQ(grants_version(2, NULL), 0, "to version 2");
	statuses_map();
	CHECK(!grant2_use(KEPT) && !grant2_use(LOST), "nothing stays in use");
	statuses_unmap();
	CHECK_EQ(grants_version(1, NULL), 0, "to version 1");
	CHECK(!grant_use(KEPT) && !grant_use(LOST), "nothing stays in use");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(grants_setup(), 0, "a table");
	grants2 = (grant_entry_v2_t *)grants;
	statuses = page_alloc();
	statuses_unmap();
	lent = page_alloc();
	memcpy(lent, "lent", 5);
	frame = virt_to_mfn(lent);
	at = grant_window();
	at2 = grant_window();
	numbers();
	entries();
	in_use();
	not_in_version_1();
	kept_in_use(0, IN_USE);
	kept_in_use(GNTMAP_readonly, GTF_reading);
	false_marks();
	race();
	return SUCCESS;
}
