/* A first-in first-out run of bytes that grows. */
#ifndef XENSTORE_LIKE_BUF_H
#define XENSTORE_LIKE_BUF_H

#include <stddef.h>

#include "xenstore-like/mem.h"

struct buf {
	char *data;
	size_t start, end, room; /* valid bytes are data[start, end) */
};

static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}

static inline const char *buf_bytes(const struct buf *b)
{
	/* Before anything was added there is no data, and no sum with it either. */
	return b->start ? b->data + b->start : b->data;
}

/* Room for n more bytes at the end; they are valid after b->end += n. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
	if (b->start && b->room - b->end < n) {
		memmove(b->data, b->data + b->start, buf_len(b));
		b->end -= b->start;
		b->start = 0;
	}
	if (b->room - b->end < n) {
		b->room = (b->end + n) * 2;
		b->data = mem_resize(b->data, b->room);
	}
	return b->end ? b->data + b->end : b->data;
}

static inline void buf_append(struct buf *b, const void *bytes, size_t n)
{
	char *to = buf_reserve(b, n);

	if (n) {
		memcpy(to, bytes, n);
	}
	b->end += n;
}

/* Forget the first n bytes; a large buffer that became empty is given back. */
static inline void buf_consume(struct buf *b, size_t n)
{
	b->start += n;
	if (b->start == b->end) {
		b->start = b->end = 0;
		if (b->room > 65536) {
			free(b->data);
			b->data = NULL;
			b->room = 0;
		}
	}
}

static inline void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

#endif
