/* The grant table's pages, put in place of pages of ours, and a list of free entries through them. */
#include "frontends/drv/gnttab.h"

#include "frontends/rt/rt.h"

#define PAGES	   4u
#define PER_PAGE   (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define FIRST_FREE GNTTAB_NR_RESERVED_ENTRIES

static char pages[PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static grant_entry_v1_t *const table = (grant_entry_v1_t *)pages;
static grant_ref_t next_free[PAGES * PER_PAGE]; /* 0 ends the list */
static grant_ref_t first_free;
static unsigned int free_count;

static int map_table(unsigned int count)
{
	xen_pfn_t frames[PAGES];
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = count };
	long rc;

	set_xen_guest_handle_raw(setup.frame_list, frames);
	rc = grant_op(GNTTABOP_setup_table, &setup, 1);
	if (rc || setup.status != GNTST_okay) {
		return rc ? (int)rc : -XEN_ENOSPC;
	}
	for (unsigned int i = 0; i < count && !rc; i++) {
		rc = update_va_mapping((uint64_t)pages[i], frames[i] << PAGE_SHIFT | PTE_USUAL,
				       UVMF_INVLPG);
	}
	return (int)rc;
}

int gnttab_init(void)
{
	struct gnttab_query_size size = { .dom = DOMID_SELF };
	unsigned int count;
	int rc;

	if (first_free) {
		return 0;
	}
	if (grant_op(GNTTABOP_query_size, &size, 1) || size.status != GNTST_okay) {
		return -XEN_ENOSYS;
	}
	count = size.max_nr_frames < PAGES ? size.max_nr_frames : PAGES;
	rc = map_table(count);
	if (rc) {
		return rc;
	}
	for (grant_ref_t ref = count * PER_PAGE - 1; ref >= FIRST_FREE; ref--) {
		next_free[ref] = first_free;
		first_free = ref;
		free_count++;
	}
	return 0;
}

grant_ref_t gnttab_grant(domid_t to, const void *page, bool readonly)
{
	grant_ref_t ref = first_free;

	if (!ref) {
		return 0;
	}
	first_free = next_free[ref];
	free_count--;
	table[ref].domid = to;
	table[ref].frame = (uint32_t)virt_to_mfn(page);
	/* The entry is whole before it says that it is one. */
	__atomic_store_n(&table[ref].flags,
			 (uint16_t)(GTF_permit_access | (readonly ? GTF_readonly : 0)),
			 __ATOMIC_SEQ_CST);
	return ref;
}

bool gnttab_end(grant_ref_t ref)
{
	uint16_t flags = __atomic_load_n(&table[ref].flags, __ATOMIC_RELAXED);

	do {
		if (flags & (GTF_reading | GTF_writing)) {
			return false;
		}
	} while (!__atomic_compare_exchange_n(&table[ref].flags, &flags, 0, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	next_free[ref] = first_free;
	first_free = ref;
	free_count++;
	return true;
}

unsigned int gnttab_free_count(void)
{
	return free_count;
}
