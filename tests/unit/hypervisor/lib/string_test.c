/* Our own string functions against the C library's, under other names. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#define F(ret, name, ...) extern ret our_##name(__VA_ARGS__)
F(void *, memcpy, void *, const void *, size_t);
F(void *, memmove, void *, const void *, size_t);
F(void *, memset, void *, int, size_t);
F(int, memcmp, const void *, const void *, size_t);
F(void *, memchr, const void *, int, size_t);
F(size_t, strlen, const char *);
F(size_t, strnlen, const char *, size_t);
F(int, strcmp, const char *, const char *);
F(int, strncmp, const char *, const char *, size_t);
F(char *, strchr, const char *, int);
F(char *, strrchr, const char *, int);
F(char *, strstr, const char *, const char *);

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

Test(string, memory_functions_agree_with_the_library)
{
	unsigned char a[80], b[80], c[40];

	for (size_t n = 0; n < 40; n++) {
		for (size_t at = 0; at < 20; at++) {
			for (size_t i = 0; i < sizeof(a); i++) {
				a[i] = b[i] = (unsigned char)(i * 7);
			}
			cr_assert_eq(our_memmove(a + at, a + 10, n), a + at);
			memmove(b + at, b + 10, n);
			cr_assert(!memcmp(a, b, sizeof(a)), "move %zu bytes to %zu", n, at);
			memcpy(c, b + 33, sizeof(c));
			cr_assert_eq(our_memcpy(a + at, c, n), a + at);
			memcpy(b + at, c, n);
			cr_assert(!memcmp(a, b, sizeof(a)));
			our_memset(a + at, (int)n - 300, n);
			memset(b + at, (int)n - 300, n);
			cr_assert(!memcmp(a, b, sizeof(a)));
			b[at] ^= 0x80;
			cr_assert_eq(sign(our_memcmp(a, b, 80)), sign(memcmp(a, b, 80)));
			cr_assert_eq(our_memchr(a, (int)n * 7, 80), memchr(a, (int)n * 7, 80));
		}
	}
}

/* Long blocks are moved by other means: around the size where that begins, at odd places. */
Test(string, long_blocks_arrive_whole_and_nothing_beside_them)
{
	static unsigned char a[4200], b[4200], from[4200];

	for (size_t i = 0; i < sizeof(from); i++) {
		from[i] = (unsigned char)(i * 31 + i / 256);
	}
	for (size_t n = 480; n < 4150; n += n < 560 ? 1 : 97) {
		size_t at = n % 13 + 1;

		memset(a, 0xee, sizeof(a));
		memset(b, 0xee, sizeof(b));
		cr_assert_eq(our_memcpy(a + at, from + n % 7, n), a + at);
		memcpy(b + at, from + n % 7, n);
		cr_assert(!memcmp(a, b, sizeof(a)), "%zu bytes to %zu", n, at);
	}
}

Test(string, string_functions_agree_with_the_library)
{
	static const char *const s[] = { "",	"a",	"ab",	 "abc",	  "abcabd", "b",
					 "abd", "\xff", "a\xff", "zzabd", "aabaab" };
	const size_t count = sizeof(s) / sizeof(*s);

	for (size_t i = 0; i < count; i++) {
		cr_assert_eq(our_strlen(s[i]), strlen(s[i]));
		cr_assert_eq(our_strnlen(s[i], 2), strnlen(s[i], 2));
		for (const char *c = "ab\xff"; c < "ab\xff" + 4 && *c; c++) {
			cr_assert_eq(our_strchr(s[i], *c), strchr(s[i], *c));
			cr_assert_eq(our_strrchr(s[i], *c), strrchr(s[i], *c));
		}
		cr_assert_eq(our_strchr(s[i], 0), s[i] + strlen(s[i]));
		for (size_t k = 0; k < count; k++) {
			cr_assert_eq(sign(our_strcmp(s[i], s[k])), sign(strcmp(s[i], s[k])));
			cr_assert_eq(our_strstr(s[i], s[k]), strstr(s[i], s[k]));
			for (size_t n = 0; n < 5; n++) {
				cr_assert_eq(sign(our_strncmp(s[i], s[k], n)),
					     sign(strncmp(s[i], s[k], n)));
			}
		}
	}
}
