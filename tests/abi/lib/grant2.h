/*
 * Grants of version 2 in a line each: entries of sixteen bytes, which only their owner writes, and status frames, which only
 * the hypervisor has to.
 */
#ifndef PAVANE_ABI_GRANT2_H
#define PAVANE_ABI_GRANT2_H

#include "tests/abi/lib/grant.h"

#define REFS2_PER_FRAME	 (PAGE_SIZE / sizeof(grant_entry_v2_t))
#define STATUS_PER_FRAME (PAGE_SIZE / sizeof(grant_status_t))

/* The same page as grants, and the first status frame, mapped by grants2_setup(). */
static grant_entry_v2_t *grants2;
static volatile grant_status_t *statuses;

/* The hypercall's answer; *now: what version there is after it, if asked. */
static inline long grants_version(uint32_t version, uint32_t *now)
{
	struct gnttab_set_version v = { .version = version };
	long rc = grant_op(GNTTABOP_set_version, &v, 1);

	if (now) {
		*now = v.version;
	}
	return rc;
}

static inline uint32_t grants_version_now(void)
{
	struct gnttab_get_version g = { .dom = DOMID_SELF };

	return grant_op(GNTTABOP_get_version, &g, 1) ? 0 : g.version;
}

/* GNTST_*. */
static inline int grants_status_frames(domid_t dom, uint64_t *list, uint32_t n)
{
	struct gnttab_get_status_frames s = { .dom = dom, .nr_frames = n, .status = 1 };

	set_xen_guest_handle_raw(s.frame_list, list);
	return grant_op(GNTTABOP_get_status_frames, &s, 1) ? CALL_FAILED : s.status;
}

static inline long statuses_map(void)
{
	uint64_t frame = 0;

	return grants_status_frames(DOMID_SELF, &frame, 1)
		       ? CALL_FAILED
		       : update_va_mapping((uint64_t)statuses, frame << PAGE_SHIFT | PTE_USUAL,
					   UVMF_INVLPG);
}

static inline void statuses_unmap(void)
{
	update_va_mapping((uint64_t)statuses, 0, UVMF_INVLPG);
}

static inline long grants2_setup(void)
{
	long rc = grants_setup();

	grants2 = (grant_entry_v2_t *)grants;
	statuses = page_alloc();
	rc = rc ? rc : grants_version(2, NULL);
	return rc ? rc : statuses_map();
}

/* An entry with its type: the last thing written, as the header asks. */
static inline void grant2_write(grant_entry_v2_t *e, grant_entry_v2_t value)
{
	uint16_t flags = value.hdr.flags;

	*(volatile uint16_t *)&e->hdr.flags = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	value.hdr.flags = 0;
	*e = value;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*(volatile uint16_t *)&e->hdr.flags = flags;
}

static inline void grant2_page(grant_ref_t ref, domid_t to, uint64_t frame, uint16_t flags)
{
	grant2_write(&grants2[ref],
		     (grant_entry_v2_t){ .full_page = { .hdr = { flags, to }, .frame = frame } });
}

static inline void grant2_part(grant_ref_t ref, domid_t to, uint64_t frame, uint16_t flags,
			       unsigned int first, unsigned int length)
{
	grant2_write(&grants2[ref],
		     (grant_entry_v2_t){ .sub_page = { .hdr = { flags | GTF_sub_page, to },
						       .page_off = (uint16_t)first,
						       .length = (uint16_t)length,
						       .frame = frame } });
}

static inline void grant2_link(grant_ref_t ref, domid_t to, domid_t next, grant_ref_t next_ref,
			       uint16_t flags)
{
	grant2_write(&grants2[ref],
		     (grant_entry_v2_t){ .transitive = { .hdr = { flags | GTF_transitive, to },
							 .trans_domid = next,
							 .gref = next_ref } });
}

static inline unsigned int grant2_use(grant_ref_t ref)
{
	return statuses[ref] & IN_USE;
}

#endif
