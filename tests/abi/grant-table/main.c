/*
 * The grant table itself (<xen/grant_table.h>): GNTTABOP_setup_table "comprising at least nr_frames pages" up to the
 * maximum that _query_size tells, of which the last entry works; version 1; _swap_grant_ref; and the operations that
 * are not served: transfer, after which the page is still ours; what is refused of cache_flush.
 */
#include "frontends/rt/test.h"

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/grant.h"
#include "tests/abi/lib/pages.h"

#define MOST 256u

static xen_pfn_t list[MOST], again[MOST];
static char *lent;

static struct gnttab_query_size size_of(domid_t dom)
{
	struct gnttab_query_size q = { .dom = dom, .status = 1 };

	CHECK_EQ(grant_op(GNTTABOP_query_size, &q, 1), 0, "size");
	return q;
}

static void growth(void)
{
	struct gnttab_query_size q = size_of(DOMID_SELF);
	unsigned int most = q.max_nr_frames;
	char *last = page_alloc(), *at = grant_window();
	grant_handle_t h;

	CHECK_EQ(q.status, GNTST_okay, "okay");
	CHECK(q.nr_frames >= 1 && most >= 4 && most <= MOST, "%u frames of %u", q.nr_frames, most);
	CHECK_EQ(grants_frames(DOMID_SELF, list, 0), GNTST_okay, "none asked for");
	CHECK_EQ(grants_frames(DOMID_SELF, list, most + 1), GNTST_general_error, "one too many");
	CHECK_EQ(grants_frames(DOMID_SELF, list, ~0u), GNTST_general_error, "and far too many");
	CHECK_EQ(size_of(DOMID_SELF).nr_frames, q.nr_frames, "no frame more by that");
	CHECK_EQ(grant_map_at(at, most * REFS_PER_FRAME - 1, GNTMAP_host_map, &h), GNTST_bad_gntref,
		 "an entry that is not there yet");
	CHECK_EQ(grants_frames(DOMID_SELF, list, most), GNTST_okay, "all of them");
	CHECK_EQ(size_of(DOMID_SELF).nr_frames, most, "are there");
	CHECK_EQ(list[0], (*pte_of(grants, 1) & PTE_FRAME) >> PAGE_SHIFT,
		 "the first is the one we have");
	CHECK_EQ(grants_frames(DOMID_SELF, again, 2), GNTST_okay, "two asked for again");
	CHECK(again[0] == list[0] && again[1] == list[1] && !again[2],
	      "are the first two, no more");
	CHECK_EQ(update_va_mapping((uint64_t)last, list[most - 1] << PAGE_SHIFT | PTE_USUAL,
				   UVMF_INVLPG),
		 0, "the last one mapped");
	grant_give_frame((grant_entry_v1_t *)last + REFS_PER_FRAME - 1, virt_to_mfn(lent),
			 GTF_permit_access);
	CHECK_EQ(grant_map_at(at, most * REFS_PER_FRAME - 1, GNTMAP_host_map, &h), GNTST_okay,
		 "its last entry");
	CHECK_EQ(*(volatile char *)at, 'l', "is a grant");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	CHECK_EQ(grant_map_at(at, most * REFS_PER_FRAME, GNTMAP_host_map, &h), GNTST_bad_gntref,
		 "and there is none behind it");
}

static void setup_refusals(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	unsigned int frames = size_of(DOMID_SELF).nr_frames;

	CHECK_EQ(grants_frames(1234, list, 1), GNTST_bad_domain, "no such domain");
	CHECK_EQ(size_of(1234).status, GNTST_bad_domain, "nor a size of it");
	set_xen_guest_handle_raw(s.frame_list, NOWHERE);
	CHECK_EQ(grant_op(GNTTABOP_setup_table, &s, 1), -XEN_EFAULT, "a list at a bad address");
	CHECK_EQ(grant_op(GNTTABOP_setup_table, NOWHERE, 1), -XEN_EFAULT, "bad address");
	CHECK_EQ(grant_op(GNTTABOP_query_size, NOWHERE, 1), -XEN_EFAULT, "bad address");
	CHECK_EQ(grant_op(GNTTABOP_setup_table, &s, 2), -XEN_EINVAL, "two at once");
	CHECK_EQ(grant_op(GNTTABOP_query_size, &s, 2), -XEN_EINVAL, "nor two sizes");
	CHECK_EQ(size_of(DOMID_SELF).nr_frames, frames, "the table is as it was");
}

static long set_version(uint32_t version, uint32_t *now)
{
	struct gnttab_set_version v = { .version = version };
	long rc = grant_op(GNTTABOP_set_version, &v, 1);

	*now = v.version;
	return rc;
}

static void versions(void)
{
	struct gnttab_get_version g = { .dom = DOMID_SELF };
	struct gnttab_get_status_frames st = { .dom = DOMID_SELF, .nr_frames = 1 };
	uint32_t now;

	CHECK_EQ(set_version(1, &now), 0, "version 1");
	CHECK_EQ(now, 1, "it is");
	CHECK_EQ(set_version(0, &now), -XEN_EINVAL, "no version 0");
	CHECK_EQ(set_version(3, &now), -XEN_EINVAL, "nor 3");
	CHECK_EQ(set_version(~0u, &now), -XEN_EINVAL, "nor the last number");
	CHECK_EQ(grant_op(GNTTABOP_get_version, &g, 1), 0, "which");
	CHECK_EQ(g.version, 1, "is still 1");
	set_xen_guest_handle_raw(st.frame_list, (uint64_t *)(void *)list);
	CHECK_EQ(grant_op(GNTTABOP_get_status_frames, &st, 1), 0, "status frames");
	CHECK(st.status < 0, "are not of version 1: %d", st.status);
	g.dom = 1234;
	CHECK_EQ(grant_op(GNTTABOP_get_version, &g, 1), -XEN_ESRCH, "of no domain");
	CHECK_EQ(grant_op(GNTTABOP_get_version, NOWHERE, 1), -XEN_EFAULT, "bad address");
	CHECK_EQ(grant_op(GNTTABOP_set_version, NOWHERE, 1), -XEN_EFAULT, "bad address");
}

static int swap(grant_ref_t a, grant_ref_t b)
{
	struct gnttab_swap_grant_ref s = { .ref_a = a, .ref_b = b, .status = 1 };

	return grant_op(GNTTABOP_swap_grant_ref, &s, 1) ? CALL_FAILED : s.status;
}

static void swapping(void)
{
	grant_entry_v1_t a, b;
	char *at = grant_window();
	grant_handle_t h;

	grant_give(60, lent, GTF_permit_access);
	grant_give(61, at - PAGE_SIZE, GTF_permit_access | GTF_readonly);
	grants[61].domid = 5;
	a = grants[60];
	b = grants[61];
	CHECK_EQ(swap(60, 61), GNTST_okay, "swapped");
	CHECK(memcmp(&grants[60], &b, sizeof(b)) == 0 && memcmp(&grants[61], &a, sizeof(a)) == 0,
	      "each where the other was");
	CHECK_EQ(swap(60, 61), GNTST_okay, "and back");
	CHECK_EQ(swap(60, 60), GNTST_okay, "with itself");
	CHECK_EQ(grant_map_at(at, 60, GNTMAP_host_map, &h), GNTST_okay, "one in use");
	CHECK_EQ(swap(60, 61), GNTST_eagain, "is not swapped");
	CHECK_EQ(swap(61, 60), GNTST_eagain, "either way");
	CHECK_EQ(swap(60, 60), GNTST_okay, "but with itself");
	CHECK_EQ(grant_unmap_at(at, h), GNTST_okay, "unmap");
	CHECK_EQ(swap(60, 1u << 31), GNTST_bad_gntref, "nor with one past the end");
	CHECK_EQ(swap(~0u, 60), GNTST_bad_gntref, "either way");
	CHECK(memcmp(&grants[60], &a, sizeof(a)) == 0 && memcmp(&grants[61], &b, sizeof(b)) == 0,
	      "all as it was");
	CHECK_EQ(grant_op(GNTTABOP_swap_grant_ref, NOWHERE, 1), -XEN_EFAULT, "bad address");
}

/* "On a portion of a page": caches are coherent, so there is little to it but what is refused. */
static void caches(void)
{
	const uint64_t own = virt_to_mfn(lent) << PAGE_SHIFT, gap = 0xfee00000;
	const struct {
		uint64_t at;
		uint16_t offset, length;
		uint32_t op;
		long want;
	} cases[] = {
		{ own, 0, 64, GNTTAB_CACHE_CLEAN, 0 },
		{ own, 0, 4096, GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL, 0 },
		{ own, 4095, 1, GNTTAB_CACHE_CLEAN, 0 },
		{ own, 0, 64, GNTTAB_CACHE_INVAL, -XEN_EOPNOTSUPP },
		{ own, 4096, 0, GNTTAB_CACHE_CLEAN, -XEN_EINVAL },
		{ own, 4095, 2, GNTTAB_CACHE_CLEAN, -XEN_EINVAL },
		{ own, 0, 4097, GNTTAB_CACHE_CLEAN, -XEN_EINVAL },
		{ own, 65535, 65535, GNTTAB_CACHE_CLEAN, -XEN_EINVAL },
		{ own, 0, 64, 4, -XEN_EINVAL },
		{ own, 0, 0, 4, -XEN_EINVAL },
		{ own, 0, 64, GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_SOURCE_GREF, -XEN_EINVAL },
		{ own, 0, 0, GNTTAB_CACHE_CLEAN, 0 },
		{ own, 0, 64, 0, 0 },
		{ ~0UL, 0, 0, GNTTAB_CACHE_CLEAN, 0 },
		{ ~0UL, 0, 64, GNTTAB_CACHE_CLEAN, -XEN_EINVAL },
		{ 1UL << 50, 0, 64, GNTTAB_CACHE_CLEAN, -XEN_EINVAL },
		{ gap, 0, 64, GNTTAB_CACHE_CLEAN, -XEN_EINVAL },
		{ 0x100000, 0, 64, GNTTAB_CACHE_CLEAN, -XEN_EPERM }, /* the hypervisor's */
	};
	struct gnttab_cache_flush two[2] = {
		{ .a.dev_bus_addr = own, .length = 64, .op = GNTTAB_CACHE_CLEAN },
		{ .a.dev_bus_addr = own, .length = 9999, .op = GNTTAB_CACHE_CLEAN },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gnttab_cache_flush c = { .a.dev_bus_addr = cases[i].at,
						.offset = cases[i].offset,
						.length = cases[i].length,
						.op = cases[i].op };

		CHECK_EQ(grant_op(GNTTABOP_cache_flush, &c, 1), cases[i].want,
			 "caches: %u bytes at %#lx + %u, %#x", c.length, cases[i].at, c.offset,
			 c.op);
	}
	CHECK_EQ(grant_op(GNTTABOP_cache_flush, two, 2), -XEN_EINVAL, "two, of which one is bad");
	CHECK_EQ(grant_op(GNTTABOP_cache_flush, two, 0), 0, "none");
	CHECK_EQ(grant_op(GNTTABOP_cache_flush, NOWHERE, 1), -XEN_EFAULT, "bad address");
}

static void not_served(void)
{
	struct gnttab_transfer t = { .domid = 0, .ref = 8, .status = 1 };
	struct gnttab_dump_table d = { .dom = 1234, .status = 1 };

	t.mfn = virt_to_mfn(lent);
	CHECK_EQ(grant_op(GNTTABOP_transfer, &t, 1), 0, "a page transferred");
	CHECK_EQ(t.status, GNTST_bad_page,
		 "is refused, with the answer after which it is still ours");
	CHECK_EQ(*(volatile char *)lent, 'l', "it is");
	CHECK(mfn_to_pfn(t.mfn) != ~0UL, "and listed so");
	CHECK_EQ(grant_op(GNTTABOP_transfer, NOWHERE, 1), -XEN_EFAULT, "bad address");
	CHECK_EQ(grant_op(GNTTABOP_dump_table, &d, 1), 0, "dumped");
	CHECK_EQ(d.status, GNTST_bad_domain, "if there is such a domain");
	CHECK_EQ(grant_op(13, &d, 1), -XEN_ENOSYS, "an operation past the last");
	CHECK(grant_op(-1, &d, 1) < 0, "or at the end of numbers");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(grants_setup(), 0, "a table");
	lent = page_alloc();
	memcpy(lent, "lent", 5);
	growth();
	setup_refusals();
	versions();
	swapping();
	caches();
	not_served();
	return SUCCESS;
}
