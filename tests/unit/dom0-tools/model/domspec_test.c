/* Domain specs: what is accepted, what is refused and in which words, and the way through JSON and back. */
#include "dom0-tools/model/domspec.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/libpav/die.h"

static struct domspec *make_spec(void)
{
	struct domspec *s = domspec_new("web-0.a_B");

	s->kernel = xstrdup("/boot/vmlinuz");
	return s;
}

static void expect_refusal(struct domspec *s, const char *part)
{
	char *why = domspec_check(s);

	cr_assert_not_null(why, "accepted; expected \"%s\"", part);
	cr_assert(strstr(why, part), "\"%s\" does not say \"%s\"", why, part);
	free(why);
	domspec_free(s);
}

Test(domspec, defaults_need_only_a_kernel)
{
	struct domspec *s = make_spec();

	cr_assert_null(domspec_check(s));
	cr_assert_eq(s->memory, 256u << 20);
	cr_assert_eq(s->on_reboot, DOMSPEC_RESTART);
	cr_assert_eq(s->on_crash, DOMSPEC_PRESERVE);
	domspec_free(s);
	expect_refusal(domspec_new("x"), "no kernel");
}

Test(domspec, names_that_could_be_paths_or_options_are_refused)
{
	static const char *const bad[] = {
		"",    "a/b", "..",
		".a",  "-x",  "a b",
		"a\n", "ä",   "Domain-0",
		"0",   "42",  "0123456789012345678901234567890123456789012345678901234567890123"
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct domspec *s = make_spec();

		free(s->name);
		s->name = xstrdup(bad[i]);
		expect_refusal(s, "name");
	}
}

Test(domspec, memory_and_vcpus_have_bounds)
{
	static const struct {
		uint64_t memory, max;
		const char *part;
	} m[] = {
		{ (32 << 20) - 4096, 256 << 20, "too little" },
		{ (64 << 20) + 1, 256 << 20, "whole number" },
		{ 64 << 20, (64 << 20) + 5, "whole number" },
		{ 64 << 20, 32 << 20, "larger than its maximum" },
		{ 2ull << 40, 2ull << 40, "too much" },
		{ 64 << 20, 2ull << 40, "too much" },
		{ 0, 0, "too little" },
	};
	static const struct {
		unsigned int n, max;
		const char *part;
	} v[] = {
		{ 0, 1, "0 vCPUs" },
		{ 33, 33, "33 vCPUs" },
		{ 1, 99, "99 vCPUs" },
		{ 4, 2, "more than its maximum" },
	};

	for (size_t i = 0; i < sizeof(m) / sizeof(m[0]); i++) {
		struct domspec *s = make_spec();

		s->memory = m[i].memory;
		s->memory_max = m[i].max;
		expect_refusal(s, m[i].part);
	}
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct domspec *s = make_spec();

		s->vcpus = v[i].n;
		s->vcpus_max = v[i].max;
		expect_refusal(s, v[i].part);
	}
}

static struct domspec *with_disks(const char *a, const char *b, const char *path)
{
	struct domspec *s = make_spec();

	s->disks = xcalloc(1, sizeof(*s->disks));
	s->disks->vdev = xstrdup(a);
	s->disks->path = xstrdup(path);
	s->disks->next = xcalloc(1, sizeof(*s->disks));
	s->disks->next->vdev = xstrdup(b);
	s->disks->next->path = xstrdup("/b");
	return s;
}

Test(domspec, disks_are_checked)
{
	struct domspec *s = with_disks("xvda", "xvdb", "/a");

	cr_assert_null(domspec_check(s));
	domspec_free(s);
	expect_refusal(with_disks("xvda", "xvda", "/a"), "twice");
	expect_refusal(with_disks("sda", "xvda", "/a"), "not a disk name");
	expect_refusal(with_disks("xvda", "xvdb", "a"), "absolute");
	expect_refusal(with_disks("xvda", "xvdb", "/a\nb"), "control character");
	expect_refusal(with_disks("xvda", "xvdb", ""), "no file");
}

Test(domspec, disk_names_have_the_numbers_frontends_expect)
{
	static const struct {
		const char *name;
		int id;
	} v[] = {
		{ "xvda", 51712 },
		{ "xvdb", 51728 },
		{ "xvda1", 51713 },
		{ "xvdp15", 51967 },
		{ "xvdq", 1 << 28 | 16 << 8 },
		{ "xvda16", 1 << 28 | 16 },
		{ "xvdaa", 1 << 28 | 26 << 8 },
		{ "xvd", -1 },
		{ "xvdA", -1 },
		{ "xvda01", -1 },
		{ "xvda0", -1 },
		{ "xvda1x", -1 },
		{ "xvdaaa", -1 },
		{ "xvda256", -1 },
		{ "xvda99999999999", -1 },
		{ "", -1 },
		{ NULL, -1 },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		cr_assert_eq(domspec_vdev_id(v[i].name), v[i].id, "%s is %d", v[i].name,
			     domspec_vdev_id(v[i].name));
	}
}

static const char full[] =
	"{\"name\":\"a\",\"uuid\":\"01234567-89ab-cdef-0123-456789abcdef\",\"memory\":67108864,\"memory_max\":134217728,"
	"\"vcpus\":2,\"vcpus_max\":4,\"kernel\":\"/k\",\"ramdisk\":\"/r\",\"cmdline\":\"a \\\"b\\\"\",\"console_log\":\"/l\","
	"\"on_poweroff\":\"restart\",\"on_reboot\":\"destroy\",\"on_crash\":\"restart\","
	"\"disks\":[{\"vdev\":\"xvda\",\"path\":\"/d\",\"readonly\":true}],"
	"\"nics\":[{\"name\":\"eth0\",\"bridge\":\"br0\",\"ip\":\"10.0.0.1/24\",\"mac\":\"00:16:3e:01:02:03\"}],"
	"\"source\":\"x.pav:1\"}";

Test(domspec, json_goes_there_and_back)
{
	char *err = NULL, *text;
	struct domspec *s = domspec_from_json(full, &err);

	cr_assert_not_null(s, "%s", err);
	cr_assert_null(domspec_check(s));
	cr_assert_eq(s->disks->readonly, true);
	cr_assert_eq(s->nics->mac[5], 3);
	cr_assert_eq(s->on_crash, DOMSPEC_RESTART);
	text = domspec_to_json(s);
	cr_assert_str_eq(text, full);
	free(text);
	domspec_free(s);
}

Test(domspec, a_maximum_not_given_follows_the_value)
{
	struct domspec *s = domspec_from_json("{\"name\":\"a\",\"memory\":1073741824,\"vcpus\":3}",
					      NULL);

	cr_assert_eq(s->memory_max, 1073741824);
	cr_assert_eq(s->vcpus_max, 3);
	domspec_free(s);
}

Test(domspec, malformed_json_is_refused_in_words)
{
	static const struct {
		const char *text, *part;
	} v[] = {
		{ "", "ends too early" },
		{ "{", "ends too early" },
		{ "[]", "not a JSON object" },
		{ "{}x", "more text" },
		{ "nonsense", "not JSON" },
		{ "{\"nam\":\"a\"}", "no \"nam\"" },
		{ "{\"name\":1}", "not a string" },
		{ "{\"name\":\"a\\u0000b\"}", "zero byte" },
		{ "{\"memory\":\"1\"}", "not a whole number" },
		{ "{\"memory\":-1}", "out of range" },
		{ "{\"vcpus\":99999999}", "out of range" },
		{ "{\"on_crash\":\"dance\"}", "destroy, restart or preserve" },
		{ "{\"uuid\":\"1\"}", "not a UUID" },
		{ "{\"disks\":{}}", "not a list" },
		{ "{\"disks\":[1]}", "not an object" },
		{ "{\"disks\":[{\"vdef\":\"x\"}]}", "vdef" },
		{ "{\"nics\":[{\"mac\":\"00:11:22:33:44\"}]}", "not a MAC" },
		{ "{\"nics\":[{\"mac\":\"00:11:22:33:44:555\"}]}", "not a MAC" },
		{ "{\"nics\":[{\"speed\":1}]}", "speed" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *err = NULL;

		cr_assert_null(domspec_from_json(v[i].text, &err), "%s was accepted", v[i].text);
		cr_assert(err && strstr(err, v[i].part), "%s: \"%s\" does not say \"%s\"",
			  v[i].text, err, v[i].part);
		free(err);
	}
}

Test(domspec, json_cut_anywhere_is_refused)
{
	for (size_t n = 0; n < sizeof(full) - 1; n++) {
		char *cut = xasprintf("%.*s", (int)n, full), *err = NULL;

		cr_assert_null(domspec_from_json(cut, &err));
		cr_assert_not_null(err);
		free(cut);
		free(err);
	}
}
