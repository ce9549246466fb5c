/* Between alloc.c and its neighbours: giving back a frame whose last reference fell, and showing the free lists. */
#ifndef PAVANE_MM_HEAP_H
#define PAVANE_MM_HEAP_H

#include "lib/types.h"

/* Frames are held by the hypervisor; their content is scrubbed later. stale: a guest mapping may be left in some TLB. */
void heap_free(mfn_t m, unsigned int order, bool stale);

/* Names every free frame to the audit, and checks that lists, blocks and figures agree. */
struct audit;
void heap_audit(struct audit *a);

#endif
