/*
 * Grants in a line each, for the tests that need them; the borrower is the control domain, which such a test runs as,
 * and mostly it borrows from itself.
 */
#ifndef PAVANE_ABI_GRANT_H
#define PAVANE_ABI_GRANT_H

#include "frontends/rt/rt.h"

#include <xen/grant_table.h>

#define IN_USE	       (GTF_reading | GTF_writing)
#define CALL_FAILED    (-1000) /* the hypercall itself, not the operation */
#define REFS_PER_FRAME (PAGE_SIZE / sizeof(grant_entry_v1_t))

/* Our own table, mapped page after page by grants_setup(). */
static grant_entry_v1_t *grants;

/* Writes the machine frames of the first n to list; a GNTST_*. */
static inline int grants_frames(domid_t dom, xen_pfn_t *list, uint32_t n)
{
	struct gnttab_setup_table s = { .dom = dom, .nr_frames = n };

	set_xen_guest_handle_raw(s.frame_list, list);
	return grant_op(GNTTABOP_setup_table, &s, 1) ? CALL_FAILED : s.status;
}

static inline int grants_setup(void)
{
	struct gnttab_set_version v = { .version = 1 };
	xen_pfn_t frame = 0;
	int rc;

	grant_op(GNTTABOP_set_version, &v, 1);
	rc = grants_frames(DOMID_SELF, &frame, 1);
	grants = page_alloc();
	return rc ? rc
		  : (int)update_va_mapping((uint64_t)grants, frame << PAGE_SHIFT | PTE_USUAL,
					   UVMF_INVLPG);
}

static inline void grant_give_frame(grant_entry_v1_t *e, uint64_t frame, uint16_t flags)
{
	e->domid = 0;
	e->frame = (uint32_t)frame;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*(volatile uint16_t *)&e->flags = flags;
}

static inline void grant_give(grant_ref_t ref, const void *page, uint16_t flags)
{
	grant_give_frame(&grants[ref], virt_to_mfn(page), flags);
}

static inline unsigned int grant_use(grant_ref_t ref)
{
	return *(volatile uint16_t *)&grants[ref].flags & IN_USE;
}

/* GNTST_*. */
static inline int grant_map_full(struct gnttab_map_grant_ref *m)
{
	m->status = 1;
	return grant_op(GNTTABOP_map_grant_ref, m, 1) ? CALL_FAILED : m->status;
}

static inline int grant_map_at(const void *at, grant_ref_t ref, uint32_t flags,
			       grant_handle_t *handle)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = (uint64_t)at, .flags = flags, .ref = ref, .dom = 0
	};
	int rc = grant_map_full(&m);

	*handle = m.handle;
	return rc;
}

static inline int grant_unmap_full(uint64_t host_addr, uint64_t bus_addr, grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref u = {
		.host_addr = host_addr, .dev_bus_addr = bus_addr, .handle = handle, .status = 1
	};

	return grant_op(GNTTABOP_unmap_grant_ref, &u, 1) ? CALL_FAILED : u.status;
}

static inline int grant_unmap_at(const void *at, grant_handle_t handle)
{
	return grant_unmap_full((uint64_t)at, 0, handle);
}

/* From one's own grant to another, each from an offset on. */
static inline struct gnttab_copy grant_copy_parts(grant_ref_t from_ref, unsigned int from,
						  grant_ref_t to_ref, unsigned int to,
						  unsigned int len)
{
	return (struct gnttab_copy){
		.source = { .u.ref = from_ref, .domid = DOMID_SELF, .offset = (uint16_t)from },
		.dest = { .u.ref = to_ref, .domid = DOMID_SELF, .offset = (uint16_t)to },
		.len = (uint16_t)len,
		.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
	};
}

static inline int grant_copy_one(struct gnttab_copy *c)
{
	c->status = 1;
	return grant_op(GNTTABOP_copy, c, 1) ? CALL_FAILED : c->status;
}

/* A page of address space with nothing there. */
static inline char *grant_window(void)
{
	char *at = page_alloc();

	update_va_mapping((uint64_t)at, 0, UVMF_INVLPG);
	return at;
}

#endif
