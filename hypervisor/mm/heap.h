/* Between alloc.c and frame.c: giving back a frame whose last reference fell. */
#ifndef PAVANE_MM_HEAP_H
#define PAVANE_MM_HEAP_H

#include "lib/types.h"

/* Frames are held by the hypervisor; their content is scrubbed later. stale: a guest mapping may be left in some TLB. */
void heap_free(mfn_t m, unsigned int order, bool stale);

#endif
