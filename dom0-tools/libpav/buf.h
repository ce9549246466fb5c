/* A growing byte buffer; data is always followed by a zero byte that len does not count. */
#ifndef PAVANE_LIBPAV_BUF_H
#define PAVANE_LIBPAV_BUF_H

#include <stddef.h>

struct buf {
	char *data; /* NULL until something is added */
	size_t len;
	size_t cap;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);
void buf_free(struct buf *b);

/*
 * Reads a whole regular file into b.  A file that is missing, unreadable, not
 * regular or larger than max bytes is refused: -1 and a sentence naming it.
 */
int file_read(const char *path, size_t max, struct buf *b, char **err);

/*
 * Writes data to path through a temporary file beside it and a rename: either
 * all of it is there or nothing is.  mode as for open(2), before the umask.
 */
int file_write(const char *path, const void *data, size_t len, unsigned int mode, char **err);

/* mkdir -p; 0 or -1 with errno. */
int file_mkdirs(const char *path, unsigned int mode);

#endif
