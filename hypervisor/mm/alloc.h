/*
 * The buddy allocator: all RAM that is neither the hypervisor's image, a boot
 * module, nor reserved.
 */
#ifndef PAVANE_MM_ALLOC_H
#define PAVANE_MM_ALLOC_H

#include "lib/types.h"

#define ALLOC_MAX_ORDER 18 /* 1 GiB */

/* Boot: the machine makes room for the frame table, says what is not RAM, then hands over free RAM. */
void frame_table_init(uint64_t max_frame, void *table); /* table: zeroed, max_frame entries */
/* Gives [start, end) frames to the heap. */
void alloc_add_range(uint64_t start, uint64_t end);

/*
 * 2^order contiguous, naturally aligned frames whose addresses fit in 'bits' (0: any).
 * The frames are the hypervisor's (owner XEN, ref 0) until dompages_assign() or frame_share() gives them away.
 * Zeroed content is NOT promised but never another domain's: what waits to be scrubbed is scrubbed now.
 * MFN_NONE when there are none.  Stale TLB entries to them are flushed before return.
 */
mfn_t alloc_frames(unsigned int order, unsigned int bits);
/*
 * For whoever would wait too long for the scrubbing of a large block, and can stop in between: scrubs some frames of the
 * block that would be given.  False: to be called again before alloc_frames().
 */
bool alloc_prepare(unsigned int order, unsigned int bits);
/* Takes back frames that the hypervisor holds; guests may have had them, so they are stamped, and scrubbed later. */
void free_frames(mfn_t m, unsigned int order);
uint64_t alloc_free_count(void); /* frames */

/* For a CPU with nothing else to do: scrubs one free frame that waits for it.  False: none waits. */
bool alloc_scrub_step(void);
uint64_t alloc_unscrubbed_count(void); /* free frames that wait */

/* One zeroed page for the hypervisor itself, as a pointer; NULL when there is none. */
void *alloc_page(void);
void free_page(void *p);
void *alloc_pages(unsigned int order); /* zeroed */
void free_pages(void *p, unsigned int order);

#endif
