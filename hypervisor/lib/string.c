/*
 * Memory and strings without a C library: for the hypervisor and the mini-guest.
 * The string instructions are used where microcode beats a loop; they need no
 * vector registers, which ring 0 must not touch.  Names in parentheses are those that
 * the header also has as macros.
 */
#include "lib/string.h"

#include <stdint.h>

/*
 * Short blocks go by plain words: REP takes long to start.  Long ones go by REP, eight bytes an
 * item: real CPUs move whole cache lines then, and an emulated one, which takes the items one at a
 * time, is still quicker than at the loop.  The empty asm keeps the compiler from making calls to
 * these very functions out of the loops.
 */
#define REP_FROM 512
typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

static void copy_tail(uint8_t *d, const uint8_t *s, size_t n)
{
	while (n--) {
		*d++ = *s++;
		__asm__ volatile("" ::: "memory");
	}
}

static void fill_tail(uint8_t *d, uint8_t c, size_t n)
{
	while (n--) {
		*d++ = c;
		__asm__ volatile("" ::: "memory");
	}
}

void *(memcpy)(void *restrict to, const void *restrict from, size_t n)
{
	word_t *d = to;
	const word_t *s = from;

	if (n >= REP_FROM) {
		size_t words = n / 8;

		__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
		n %= 8;
	}
	for (; n >= 32; n -= 32, d += 4, s += 4) {
		word_t a = s[0], b = s[1], c = s[2], e = s[3];

		d[0] = a;
		d[1] = b;
		d[2] = c;
		d[3] = e;
		__asm__ volatile("" ::: "memory");
	}
	for (; n >= 8; n -= 8) {
		*d++ = *s++;
		__asm__ volatile("" ::: "memory");
	}
	copy_tail((uint8_t *)d, (const uint8_t *)s, n);
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
	word_t *d = to, pattern = (uint8_t)c * 0x0101010101010101ULL;

	for (; n >= 32; n -= 32, d += 4) {
		d[0] = pattern;
		d[1] = pattern;
		d[2] = pattern;
		d[3] = pattern;
		__asm__ volatile("" ::: "memory");
	}
	for (; n >= 8; n -= 8) {
		*d++ = pattern;
		__asm__ volatile("" ::: "memory");
	}
	fill_tail((uint8_t *)d, (uint8_t)c, n);
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
