/* Allocation that can't fail, and the one way sentences about errors are made. */
#include "dom0-tools/libpav/die.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

int fail(char **err, const char *fmt, ...)
{
	va_list ap;
	int saved = errno;

	if (!err || *err) {
		return -1;
	}
	va_start(ap, fmt);
	if (vasprintf(err, fmt, ap) < 0) {
		die("out of memory");
	}
	va_end(ap);
	errno = saved;
	return -1;
}

void *xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p) {
		die("out of memory (%zu bytes)", size);
	}
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p) {
		die("out of memory (%zu times %zu bytes)", n, size);
	}
	return p;
}

void *xrealloc(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);

	if (!q) {
		die("out of memory (%zu bytes)", size);
	}
	return q;
}

char *xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p) {
		die("out of memory");
	}
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0) {
		die("out of memory");
	}
	va_end(ap);
	return s;
}
