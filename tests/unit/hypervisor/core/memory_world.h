/* Real frames under the fake world: an arena of memory with the hypervisor's own mm/ on top. */
#ifndef PAVANE_TESTS_MEMORY_WORLD_H
#define PAVANE_TESTS_MEMORY_WORLD_H

#include "core/domain.h"
#include "mm/frame.h"

#define ARENA_FRAMES 4096u
#define ARENA_FIRST  256u /* frames below are not RAM */

/* After world_start(), and before more domains are made: frames, and room for each domain's pages. */
void memory_start(void);
struct domain *memory_domain(domid_t id, unsigned int vcpus, uint64_t max_pages);
/* Gives d a shared page of real memory, lent as core/domain.c does: for who audits. */
void memory_lend_shared(struct domain *d);
/* The audit of all that is here: its findings, and the first of them. */
long memory_audit(char first[200]);
/* One frame of d, filled with a byte. */
mfn_t memory_frame(struct domain *d, int fill);
uint8_t *memory_bytes(mfn_t m);
/* General references on a frame, the allocation's own included. */
unsigned int memory_refs(mfn_t m);
/* Makes the frame a page table as far as types go, or an ordinary one again. */
void memory_as_table(mfn_t m, bool table);

#endif
