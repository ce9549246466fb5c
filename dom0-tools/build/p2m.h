/* Giving a new domain its memory, and writing into it before it runs. */
#ifndef PAVANE_BUILD_P2M_H
#define PAVANE_BUILD_P2M_H

#include <stddef.h>
#include <stdint.h>

#include "dom0-tools/libpav/hcall.h"

/*
 * Populates pfns 0 .. count-1 of domid, in 2 MiB extents as far as they can be
 * had and single frames for the rest; frames[pfn] becomes the machine frame.
 */
int p2m_populate(struct hcall *h, domid_t domid, uint64_t *frames, uint64_t count, char **err);

/*
 * Calls fill(arg, at, chunk, len) on consecutive mapped pieces of pfns
 * first .. first+count-1, in order; at is the byte offset from the first.
 * fill returns 0, or -1 with a sentence in *err.
 */
typedef int p2m_fill_fn(void *arg, uint64_t at, void *chunk, size_t len, char **err);
int p2m_fill(struct hcall *h, domid_t domid, const uint64_t *frames, uint64_t first, uint64_t count,
	     p2m_fill_fn *fill, void *arg, char **err);

/* Copies len bytes to the start of pfn; what remains of the last page becomes zero. */
int p2m_write(struct hcall *h, domid_t domid, const uint64_t *frames, uint64_t first,
	      const void *data, size_t len, char **err);

#endif
