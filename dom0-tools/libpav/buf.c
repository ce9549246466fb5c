/* Byte buffers and whole files. */
#include "dom0-tools/libpav/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dom0-tools/libpav/die.h"

static void reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 64;

	while (cap < b->len + more + 1) {
		cap *= 2;
	}
	if (cap != b->cap) {
		b->data = xrealloc(b->data, cap);
		b->cap = cap;
	}
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	reserve(b, len);
	if (len) {
		memcpy(b->data + b->len, data, len);
	}
	b->len += len;
	b->data[b->len] = 0;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n > 0) {
		reserve(b, (size_t)n);
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
	if (n) {
		memmove(b->data, b->data + n, b->len - n);
		b->len -= n;
		b->data[b->len] = 0;
	}
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

/* size is a hint; a file that grows or shrinks meanwhile is read as it is found. */
static int read_to_end(int fd, size_t size, size_t max, struct buf *b)
{
	reserve(b, size + 1);
	for (;;) {
		ssize_t n;

		reserve(b, 65536);
		n = read(fd, b->data + b->len, b->cap - b->len - 1);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -1;
		}
		if (n == 0) {
			b->data[b->len] = 0;
			return 0;
		}
		b->len += (size_t)n;
		if (b->len > max) {
			errno = EFBIG;
			return -1;
		}
	}
}

int file_read(const char *path, size_t max, struct buf *b, char **err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		return fail(err, "%s: %s", path, strerror(errno));
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return fail(err, "%s: not a regular file", path);
	}
	if ((uintmax_t)st.st_size > max) {
		close(fd);
		return fail(err, "%s: larger than %zu MiB", path, max >> 20);
	}
	if (read_to_end(fd, (size_t)st.st_size, max, b) < 0) {
		fail(err, "%s: %s", path, strerror(errno));
		close(fd);
		buf_free(b);
		return -1;
	}
	close(fd);
	return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR) {
			return -1;
		}
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int file_write(const char *path, const void *data, size_t len, unsigned int mode, char **err)
{
	char *temp = xasprintf("%s.%ld.part", path, (long)getpid());
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	int rc = -1;

	if (fd < 0) {
		fail(err, "%s: can't create it: %s", path, strerror(errno));
		goto out_free;
	}
	if (write_all(fd, data, len) < 0) {
		fail(err, "%s: can't write it: %s", path, strerror(errno));
		close(fd);
		goto out_unlink;
	}
	if (close(fd) < 0) {
		fail(err, "%s: can't write it: %s", path, strerror(errno));
		goto out_unlink;
	}
	if (rename(temp, path) < 0) {
		fail(err, "%s: can't create it: %s", path, strerror(errno));
		goto out_unlink;
	}
	rc = 0;
	goto out_free;
out_unlink:
	unlink(temp);
out_free:
	free(temp);
	return rc;
}

int file_mkdirs(const char *path, unsigned int mode)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != 0) {
			continue;
		}
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, mode) < 0 && errno != EEXIST) {
			return -1;
		}
	}
	return 0;
}
