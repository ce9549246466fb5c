/*
 * Memory for the store daemon: allocation that does not fail.
 *
 * What one guest can make the daemon hold is bounded by its quota, so running out
 * means the control domain itself is out of memory.  Nothing sensible can be
 * answered then; we stop with a message, and a restarted daemon takes its state
 * from the journal.
 */
#ifndef XENSTORE_LIKE_MEM_H
#define XENSTORE_LIKE_MEM_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *mem_check(void *p)
{
	if (!p) {
		fputs("pavstored: out of memory\n", stderr);
		abort();
	}
	return p;
}

/* Zeroed. */
static inline void *mem_alloc(size_t size)
{
	return mem_check(calloc(1, size ? size : 1));
}

static inline void *mem_resize(void *p, size_t size)
{
	return mem_check(realloc(p, size ? size : 1));
}

static inline char *mem_string(const char *s)
{
	return mem_check(strdup(s));
}

#endif
