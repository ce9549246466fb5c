/*
 * Allocation that can't fail, and error sentences.
 *
 * A function that may be refused by the world returns -1 (or NULL) and leaves
 * one malloc'd English sentence, without a final full stop, in *err; only the
 * level that talks to the user prints it.  Running out of memory in a tool is
 * not worth a recovery path: it ends the program with a message.
 */
#ifndef PAVANE_LIBPAV_DIE_H
#define PAVANE_LIBPAV_DIE_H

#include <stddef.h>

/* Prints "program: message" on stderr and ends with status 1. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Sets *err to a new sentence unless it already holds one (the first cause is
 * the one to tell).  err may be NULL.  Always returns -1.
 */
int fail(char **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As malloc, calloc, realloc, strdup, asprintf, but they end the program instead of failing. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
