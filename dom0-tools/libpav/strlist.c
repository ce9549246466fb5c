/* Lists of strings. */
#include "dom0-tools/libpav/strlist.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dom0-tools/libpav/die.h"

static void add_owned(struct strlist *l, char *s)
{
	l->items = xrealloc(l->items, (l->count + 2) * sizeof(*l->items));
	l->items[l->count++] = s;
	l->items[l->count] = NULL;
}

void strlist_add(struct strlist *l, const char *s)
{
	add_owned(l, xstrdup(s));
}

void strlist_addf(struct strlist *l, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0) {
		die("out of memory");
	}
	va_end(ap);
	add_owned(l, s);
}

void strlist_free(struct strlist *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i]);
	}
	free(l->items);
	*l = (struct strlist){ 0 };
}
