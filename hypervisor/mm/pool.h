/* Small objects: a few size classes over whole pages; larger sizes go to the buddy allocator. */
#ifndef PAVANE_MM_POOL_H
#define PAVANE_MM_POOL_H

#include <stddef.h>

void *pool_alloc(size_t size); /* zeroed, 16-byte aligned; NULL when out of memory */
void pool_free(void *p);       /* NULL is fine */

#endif
