/*
 * The memory and string functions that the compiler expects and everyone uses.
 * On the host these are the C library's own; the names and meanings are the same.
 */
#ifndef PAVANE_LIB_STRING_H
#define PAVANE_LIB_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *word);

/* A freestanding compiler does not expand these by itself: small constant sizes become moves. */
#if !__STDC_HOSTED__
#define memcpy(to, from, n)  __builtin_memcpy(to, from, n)
#define memmove(to, from, n) __builtin_memmove(to, from, n)
#define memset(to, c, n)     __builtin_memset(to, c, n)
#define memcmp(a, b, n)	     __builtin_memcmp(a, b, n)
#define strlen(s)	     __builtin_strlen(s)
#endif

/* Copies what fits and always ends it; returns strlen(from): >= size means it was cut. */
static inline size_t str_copy(char *to, const char *from, size_t size)
{
	size_t n = strlen(from);
	size_t fits = n < size ? n : size - 1;

	if (size) {
		memcpy(to, from, fits);
		to[fits] = '\0';
	}
	return n;
}

#endif
