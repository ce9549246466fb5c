/* See source.h.  What tells two files apart is the path without links. */
#include "config/lang/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of F, of at most SOURCE_MAX bytes without a NUL among them. */
static char *read_text(struct arena *a, FILE *f, const char **why)
{
	char *text = malloc(SOURCE_MAX + 1), *out = NULL;
	size_t n;

	if (!text) {
		*why = strerror(ENOMEM);
		return NULL;
	}
	n = fread(text, 1, SOURCE_MAX + 1, f);
	if (ferror(f)) {
		*why = strerror(errno);
	} else if (n > SOURCE_MAX) {
		*why = "it is larger than 1 MiB";
	} else if (memchr(text, 0, n)) {
		*why = "it is not text";
	} else {
		out = arena_strndup(a, text, n);
	}
	free(text);
	return out;
}

static char *slurp(struct arena *a, const char *path, const char **why)
{
	FILE *f = fopen(path, "re");
	char *text;

	if (!f) {
		*why = strerror(errno);
		return NULL;
	}
	text = read_text(a, f, why);
	fclose(f);
	return text;
}

static struct source *find(struct source *list, const char *path)
{
	while (list && strcmp(list->path, path) != 0) {
		list = list->next;
	}
	return list;
}

struct source *source_read(struct arena *a, struct source **list, const char *path,
			   const char *name, const char **why)
{
	char *real = realpath(path, NULL), *text;
	struct source *src;

	if (!real) {
		*why = strerror(errno);
		return NULL;
	}
	src = find(*list, real);
	text = src ? src->text : slurp(a, real, why);
	if (!src && text) {
		src = arena_alloc(a, sizeof(*src));
		src->name = arena_strndup(a, name, strlen(name));
		src->path = arena_strndup(a, real, strlen(real));
		src->dir = arena_strndup(a, real, (size_t)(strrchr(real, '/') - real));
		src->text = text;
		src->next = *list;
		*list = src;
	}
	free(real);
	return src;
}
