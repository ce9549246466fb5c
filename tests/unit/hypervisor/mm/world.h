/*
 * What mm's tests stand on: a fake machine, a few domains that are nothing but
 * their memory, and ways to build tables and to see that nothing has changed.
 */
#ifndef PAVANE_TESTS_MM_WORLD_H
#define PAVANE_TESTS_MM_WORLD_H

#include <signal.h>

#include "lib/types.h"
#include "mm/alloc.h"
#include "mm/audit.h"
#include "mm/dompages.h"
#include "mm/frame.h"
#include "mm/m2p.h"
#include "mm/pagetype.h"
#include "tests/fake/cpu_fake.h"
#include "x86/pte.h"

/* mm asks of a domain only that it begins with this. */
struct domain {
	struct dom_pages pages;
	bool may_map_devices;
	unsigned int gone; /* domain_pages_gone() calls */
};

#define WORLD_FRAMES 2048
#define WORLD_HEAP   64 /* first frame of the heap */
#define WORLD_IO     32 /* frames [32, 64) are not RAM; [0, 32) the hypervisor's image */

extern struct domain *d1, *d2; /* domids 1 and 2, a limit of 1024 frames each */

void world_start(void);
void world_stop(void);

uint64_t *table_of(mfn_t m);
mfn_t new_frame(struct domain *d); /* allocated to d */
uint32_t refs_of(mfn_t m);
uint32_t types_of(mfn_t m);

/* Under the pt_lock of d. */
int pin(struct domain *d, mfn_t m, enum frame_type level);
int unpin(struct domain *d, mfn_t m);
int write_entry(struct domain *d, mfn_t table, unsigned int i, uint64_t e, struct domain *foreign);

#define RO (PTE_P | PTE_US | PTE_A)
#define RW (RO | PTE_RW | PTE_D)
static inline uint64_t entry(mfn_t m, uint64_t flags)
{
	return mfn_to_paddr(m) | flags;
}
/* A tree of one table each, L4 pinned; the L1 maps a page at index 5, writable. */
struct tree {
	mfn_t l4, l3, l2, l1, page;
};
struct tree make_tree(struct domain *d);

/*
 * Every count agrees with every reference, those counted that a test has said it holds: a number of references (0: none any
 * more), with the type unless that is NONE; or the hypervisor's own on a page that is lent to d.
 */
void check_counts(void);
void world_hold(mfn_t m, uint32_t n, enum frame_type t);
void world_lent(mfn_t m, struct domain *d); /* d NULL: no more */
/* The same audit for those who expect findings: their number, and the first one in first[200] if given. */
long count_wrong(char *first);

/* Frame table and memory as they are now; has anything changed since? (flags and stamps do not count) */
struct snapshot;
struct snapshot *snapshot_take(void);
bool snapshot_same(const struct snapshot *s);
void snapshot_free(struct snapshot *s);

/* Teardown of d from start to end. */
void relinquish(struct domain *d);

uint32_t rnd(uint32_t below);
void rnd_seed(uint64_t seed);

#endif
