/* A growable list of owned strings, NULL-terminated so that it serves as an argv. */
#ifndef PAVANE_LIBPAV_STRLIST_H
#define PAVANE_LIBPAV_STRLIST_H

#include <stddef.h>

struct strlist {
	char **items; /* items[count] is NULL; NULL itself while empty */
	size_t count;
};

void strlist_add(struct strlist *l, const char *s);
void strlist_addf(struct strlist *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strlist_free(struct strlist *l);

#endif
