/* The arena and the tree's nodes. */
#include "config/lang/ast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
	struct chunk *next;
	max_align_t data[];
};
struct arena {
	struct chunk *chunks;
};

struct arena *arena_new(void)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (!a) {
		abort();
	}
	return a;
}

void arena_free(struct arena *a)
{
	struct chunk *next;

	if (!a) {
		return;
	}
	for (struct chunk *c = a->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct chunk *c = calloc(1, sizeof(*c) + n);

	if (!c) {
		fputs("out of memory\n", stderr);
		exit(1);
	}
	c->next = a->chunks;
	a->chunks = c;
	return c->data;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	memcpy(p, s, n);
	return p;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list args)
{
	va_list again;
	char *p;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	char *p;

	va_start(args, fmt);
	p = arena_vprintf(a, fmt, args);
	va_end(args);
	return p;
}

struct expr *expr_new(struct arena *a, enum expr_kind kind, struct pos pos)
{
	struct expr *e = arena_alloc(a, sizeof(*e));

	e->kind = kind;
	e->pos = pos;
	return e;
}
