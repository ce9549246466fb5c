/* Which names are accepted, and what relative ones mean. */
#include "xenstore-like/path.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const char *resolved(const char *text, unsigned int domid)
{
	static struct path p;

	return path_resolve(&p, text, domid) ? NULL : p.text;
}

Test(path, absolute_paths_are_taken_as_they_are)
{
	cr_assert_str_eq(resolved("/", 3), "/");
	cr_assert_str_eq(resolved("/local/domain/0/a-b_C@9", 3), "/local/domain/0/a-b_C@9");
}

Test(path, relative_paths_are_below_the_callers_own_directory)
{
	struct path p;

	cr_assert_str_eq(resolved("device/vbd", 7), "/local/domain/7/device/vbd");
	cr_assert_eq(path_resolve(&p, "device", 12), 0);
	cr_assert_str_eq(p.text + p.relative_skip, "device");
	cr_assert_eq(path_resolve(&p, "/device", 12), 0);
	cr_assert_eq(p.relative_skip, 0);
}

Test(path, malformed_names_are_refused)
{
	static const char *const bad[] = { "",	   "//",   "/a/",  "/a//b", "a/",    "a//b", "/a b",
					   "/a\n", "/a.b", "/a:b", "@x",    "/\xc3", "/a\\b" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_null(resolved(bad[i], 1), "\"%s\"", bad[i]);
	}
}

Test(path, lengths_are_limited_to_the_byte)
{
	char text[PATH_ABS_MAX + 3];

	memset(text, 'a', sizeof(text));
	text[0] = '/';
	text[PATH_ABS_MAX] = '\0';
	cr_assert_not_null(resolved(text, 1));
	text[PATH_ABS_MAX] = 'a';
	text[PATH_ABS_MAX + 1] = '\0';
	cr_assert_null(resolved(text, 1));

	memset(text, 'a', sizeof(text));
	text[PATH_REL_MAX] = '\0';
	cr_assert_not_null(resolved(text, 32751));
	text[PATH_REL_MAX] = 'a';
	text[PATH_REL_MAX + 1] = '\0';
	cr_assert_null(resolved(text, 1));
}

Test(path, the_part_in_a_domains_directory_has_the_relative_limit)
{
	char text[PATH_ABS_MAX] = "/local/domain/5/";
	size_t head = strlen(text);

	memset(text + head, 'a', PATH_REL_MAX);
	cr_assert_not_null(resolved(text, 0));
	text[head + PATH_REL_MAX] = 'a';
	cr_assert_null(resolved(text, 0));
}

Test(path, only_known_special_names_can_be_watched)
{
	struct path p;

	cr_assert_eq(path_resolve_watch(&p, "@releaseDomain", 1), 0);
	cr_assert_eq(path_resolve_watch(&p, "@introduceDomain", 1), 0);
	cr_assert_eq(path_resolve_watch(&p, "@other", 1), -EINVAL);
	cr_assert_eq(path_resolve(&p, "@releaseDomain", 1), -EINVAL);
}

Test(path, below_means_whole_components)
{
	cr_assert(path_is_at_or_below("/a/b", "/a"));
	cr_assert(path_is_at_or_below("/a", "/a"));
	cr_assert(path_is_at_or_below("/a", "/"));
	cr_assert_not(path_is_at_or_below("/ab", "/a"));
	cr_assert_not(path_is_at_or_below("/a", "/a/b"));
	cr_assert_not(path_is_at_or_below("@x", "/"));
}
