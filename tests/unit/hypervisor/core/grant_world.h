/*
 * Two guests and a control domain that lend one another frames: the grants' tests in a line each.
 */
#ifndef PAVANE_TESTS_GRANT_WORLD_H
#define PAVANE_TESTS_GRANT_WORLD_H

#include <criterion/criterion.h>

#include "core/grant_entry.h"
#include "core/hypercall.h"
#include "tests/fake/guest_fake.h"
#include "tests/unit/hypervisor/core/memory_world.h"

extern struct domain *d0, *d1, *d2;
extern mfn_t page; /* of d1 */

/* d1 gets so many vCPUs, the others have what is usual. */
void grant_world_start(unsigned int vcpus);
/* Fails the test unless all is as it was: nothing mapped, nothing in use, no domain referenced. */
void grant_world_end(void);
/* Fails the test unless all counts equal all references. */
void grant_world_audit(void);

static inline long op(struct domain *as, unsigned int cmd, void *arg, unsigned int count)
{
	world_enter(as);
	return do_grant_table_op(cmd, WORLD_GVA(arg), count, 0, 0);
}

/* An entry of version 1, and what its owner writes there. */
static inline grant_entry_v1_t *entry(struct domain *d, uint32_t ref)
{
	return &d->grants.shared[ref / GRANTS_PER_PAGE][ref % GRANTS_PER_PAGE];
}

static inline void grant(struct domain *d, uint32_t ref, domid_t to, mfn_t m, uint16_t flags)
{
	*entry(d, ref) = (grant_entry_v1_t){ .flags = flags, .domid = to, .frame = (uint32_t)m.n };
}

static inline struct gnttab_map_grant_ref map(struct domain *as, domid_t dom, uint32_t ref,
					      uint32_t flags)
{
	struct gnttab_map_grant_ref m = {
		.dom = dom, .ref = ref, .flags = flags, .host_addr = 0x1000
	};

	cr_assert_eq(op(as, GNTTABOP_map_grant_ref, &m, 1), 0);
	return m;
}

static inline int unmap(struct domain *as, grant_handle_t handle, uint64_t host, uint64_t bus)
{
	struct gnttab_unmap_grant_ref u = { .handle = handle,
					    .host_addr = host,
					    .dev_bus_addr = bus };

	cr_assert_eq(op(as, GNTTABOP_unmap_grant_ref, &u, 1), 0);
	return u.status;
}

#endif
