/* The formatter says what the C library says, for every conversion that it knows. */
#include "lib/fmt.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-zero-length"

#define SAME(...)                                                \
	do {                                                     \
		char a[200], b[200];                             \
		int n = fmt_snprintf(a, sizeof(a), __VA_ARGS__); \
		int m = snprintf(b, sizeof(b), __VA_ARGS__);     \
		cr_assert_str_eq(a, b);                          \
		cr_assert_eq(n, m);                              \
	} while (0)

Test(fmt, numbers_look_as_the_library_prints_them)
{
	static const long long v[] = {
		0,   1,	   -1,	    42,	     -42,	255,	   65536,
		123, 4096, INT_MAX, INT_MIN, LLONG_MAX, LLONG_MIN, 0xdeadbeef
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		SAME("%d %i %u %x %X %o", (int)v[i], (int)v[i], (unsigned)v[i], (unsigned)v[i],
		     (unsigned)v[i], (unsigned)v[i]);
		SAME("%ld %lu %lx %lld %llu %llx %#llx", (long)v[i], (long)v[i], (long)v[i], v[i],
		     v[i], v[i], v[i]);
		SAME("%zu %zd %jd %tx", (size_t)v[i], (ssize_t)v[i], (intmax_t)v[i],
		     (ptrdiff_t)v[i]);
		SAME("%hd %hhd %hu %hhu %hx %hhx", (int)v[i], (int)v[i], (int)v[i], (int)v[i],
		     (int)v[i], (int)v[i]);
		SAME("[%8d] [%-8d] [%08d] [%+d] [% d]", (int)v[i], (int)v[i], (int)v[i], (int)v[i],
		     (int)v[i]);
		SAME("[%16llx] [%-20llx] [%016llx] [%#18llx] [%#018llx]", v[i], v[i], v[i], v[i],
		     v[i]);
		SAME("[%.5d] [%8.5d] [%-8.5d] [%.0d] [%#o] [%#X]", (int)v[i], (int)v[i], (int)v[i],
		     (int)v[i], (unsigned)v[i], (unsigned)v[i]);
		SAME("[%*d] [%-*d] [%*d] [%.*d]", 9, (int)v[i], 9, (int)v[i], -9, (int)v[i], 4,
		     (int)v[i]);
	}
}

Test(fmt, text_and_characters)
{
	SAME("%s|%10s|%-10s|%.2s|%10.3s|%c|%5c|%-5c|%%", "abc", "abc", "abc", "abc", "abcdef", 'x',
	     'y', 'z');
	SAME("%.*s|%*s|%-*s|", 2, "abcdef", 8, "ab", 8, "ab");
	SAME("%s", (char *)(uintptr_t) "");
	SAME("");
	SAME("%p", (void *)0x1234abcd);
}

Test(fmt, precision_keeps_it_from_reading_past_unterminated_text)
{
	char raw[4] = { 'a', 'b', 'c', 'd' }, to[16];

	fmt_snprintf(to, sizeof(to), "%.*s", 4, raw);
	cr_assert_str_eq(to, "abcd");
}

Test(fmt, never_writes_past_the_end_and_returns_the_full_length)
{
	for (size_t size = 0; size < 24; size++) {
		char a[32];

		memset(a, '#', sizeof(a));
		cr_assert_eq(fmt_snprintf(a, size, "hello %d %s", 12345, "world"), 17);
		if (size) {
			cr_assert_eq(strlen(a), size > 17 ? 17 : size - 1);
		}
		for (size_t i = size; i < sizeof(a); i++) {
			cr_assert_eq(a[i], '#');
		}
	}
}

Test(fmt, survives_a_null_string_and_a_broken_format)
{
	char a[32];
	char *volatile none = NULL;

	fmt_snprintf(a, sizeof(a), "%s", none);
	cr_assert_str_eq(a, "(null)");
	fmt_snprintf(a, sizeof(a), "ab%");
	cr_assert_str_eq(a, "ab");
	fmt_snprintf(a, sizeof(a), "%l");
	cr_assert_str_eq(a, "");
	cr_assert_geq(fmt_snprintf(a, sizeof(a), "%99999999d", 1), 1000000,
		      "a width is cut, not obeyed");
}
