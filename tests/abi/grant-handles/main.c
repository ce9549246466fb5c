/*
 * As many mappings of one grant as there can be.  Each has a handle of its own; when there is no room for another it is
 * refused as such, and those that are there stand; all can be given back, in any order, and had again.
 */
#include "frontends/rt/test.h"

#include "tests/abi/lib/grant.h"

#define REF   20u
#define BATCH 64u
#define MOST  70000u /* an entry counts to 65535 */

static grant_handle_t handles[MOST];
static uint8_t seen[MOST * 2];
static struct gnttab_map_grant_ref maps[BATCH];
static struct gnttab_unmap_grant_ref unmaps[BATCH];
static uint64_t bus;

/* Maps for a device to read, which needs no place in our tables.  How many; *why: what ended it. */
static unsigned int map_all(int *why)
{
	unsigned int n = 0;

	*why = GNTST_okay;
	while (n + BATCH <= MOST) {
		for (unsigned int i = 0; i < BATCH; i++) {
			maps[i] = (struct gnttab_map_grant_ref){
				.flags = GNTMAP_device_map | GNTMAP_readonly, .ref = REF
			};
		}
		if (grant_op(GNTTABOP_map_grant_ref, maps, BATCH)) {
			*why = CALL_FAILED;
			return n;
		}
		for (unsigned int i = 0; i < BATCH; i++) {
			if (maps[i].status != GNTST_okay) {
				*why = maps[i].status;
				return n;
			}
			handles[n++] = maps[i].handle;
			bus = maps[i].dev_bus_addr;
		}
	}
	return n;
}

/* Every second first, so that the free ones are not in order. */
static unsigned int unmap_half(unsigned int first, unsigned int n)
{
	unsigned int good = 0;

	for (unsigned int k = first; k < n;) {
		unsigned int i = 0;

		for (; i < BATCH && k < n; i++, k += 2) {
			unmaps[i] = (struct gnttab_unmap_grant_ref){ .dev_bus_addr = bus,
								     .handle = handles[k] };
		}
		grant_op(GNTTABOP_unmap_grant_ref, unmaps, i);
		while (i--) {
			good += unmaps[i].status == GNTST_okay;
		}
	}
	return good;
}

static bool all_differ(unsigned int n)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(seen); i++) {
		seen[i] = 0;
	}
	for (unsigned int i = 0; i < n; i++) {
		if (handles[i] < ARRAY_SIZE(seen) && seen[handles[i]]++) {
			return false;
		}
	}
	return true;
}

enum verdict guest_main(void)
{
	unsigned int n, again;
	int why;

	if (!is_control_domain()) {
		return SKIP;
	}
	CHECK_EQ(grants_setup(), 0, "a table");
	grant_give(REF, page_alloc(), GTF_permit_access);
	n = map_all(&why);
	CHECK(n >= 100 && n < MOST, "%u mappings of one entry", n);
	CHECK(why == GNTST_no_space || why == GNTST_general_error, "and no more: %d", why);
	CHECK(all_differ(n), "each has its own handle");
	CHECK_EQ(grant_use(REF), GTF_reading, "in use");
	CHECK_EQ(unmap_half(0, n), (n + 1) / 2, "every second given back");
	CHECK_EQ(grant_use(REF), GTF_reading, "still in use");
	CHECK_EQ(unmap_half(1, n), n / 2, "and the others");
	CHECK_EQ(grant_use(REF), 0, "not any more");
	CHECK_EQ(unmap_half(0, n), 0, "none twice");
	again = map_all(&why);
	CHECK_EQ(again, n, "as many again");
	CHECK(all_differ(n), "each with its own handle");
	CHECK_EQ(unmap_half(0, n) + unmap_half(1, n), n, "all given back");
	CHECK_EQ(grant_use(REF), 0, "not in use");
	return SUCCESS;
}
