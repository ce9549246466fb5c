/*
 * Memory and strings without a C library: for the hypervisor and the mini-guest.
 * The string instructions are used where microcode beats a loop; they need no
 * vector registers, which ring 0 must not touch.  Names in parentheses are those that
 * the header also has as macros.
 */
#include "lib/string.h"

#include <stdint.h>

void *(memcpy)(void *restrict to, const void *restrict from, size_t n)
{
	void *d = to;
	size_t words = n / 8, bytes = n % 8;

	__asm__ volatile("rep movsq" : "+D"(d), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(bytes) : : "memory");
	return to;
}

void *(memmove)(void *to, const void *from, size_t n)
{
	const uint8_t *s = (const uint8_t *)from + n - 1;
	uint8_t *d = (uint8_t *)to + n - 1;

	if ((uintptr_t)to - (uintptr_t)from >= n) {
		return memcpy(to, from, n);
	}
	/* The target begins inside the source: from the end down. */
	__asm__ volatile("std; rep movsb; cld" : "+D"(d), "+S"(s), "+c"(n) : : "memory", "cc");
	return to;
}

void *(memset)(void *to, int c, size_t n)
{
	void *d = to;
	uint64_t pattern = (uint8_t)c * 0x0101010101010101ULL;
	size_t words = n / 8, bytes = n % 8;

	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(bytes) : "a"(pattern) : "memory");
	return to;
}

int(memcmp)(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y) {
			return *x - *y;
		}
	}
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	const uint8_t *p = s;

	for (; n; n--, p++) {
		if (*p == (uint8_t)c) {
			return (void *)(uintptr_t)p;
		}
	}
	return NULL;
}

size_t(strlen)(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n]) {
		n++;
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b) {
			return (uint8_t)*a - (uint8_t)*b;
		}
		if (!*a) {
			return 0;
		}
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c) {
			return (char *)(uintptr_t)s;
		}
		if (!*s) {
			return NULL;
		}
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c) {
			last = s;
		}
		if (!*s) {
			return (char *)(uintptr_t)last;
		}
	}
}

char *strstr(const char *s, const char *word)
{
	size_t n = strlen(word);

	for (;; s++) {
		if (!strncmp(s, word, n)) {
			return (char *)(uintptr_t)s;
		}
		if (!*s) {
			return NULL;
		}
	}
}
