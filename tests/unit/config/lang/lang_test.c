/*
 * The language from inside: arithmetic, the nearest word, the schema's own consistency, specs from
 * files, and files with bytes changed at random, under the sanitizers.  What a file comes to, and
 * the text of every message, is in tests/golden/lang.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/lang/eval.h"
#include "config/lang/lang.h"
#include "config/lang/parse.h"
#include "config/lang/schema.h"

/* ---- expressions ---- */

struct bench {
	struct arena *arena;
	struct diag diag;
	struct source src;
	char *said;
	size_t said_len;
};

/* What TEXT evaluates to, printed; "!" and the message's first line if it is refused. */
static char *calculate(const char *text)
{
	struct bench b = { .arena = arena_new() };
	struct eval ev = { .arena = b.arena, .diag = &b.diag };
	struct pos at = { &b.src, 1, 1, 1 };
	struct expr *e;
	struct value v = { 0 };
	char *out;

	b.src = (struct source){ .name = (char *)"x", .text = (char *)text };
	b.diag.out = open_memstream(&b.said, &b.said_len);
	e = parse_expr(b.arena, &b.diag, at, text);
	if (e) {
		v = eval_expr(&ev, NULL, e);
	}
	fclose(b.diag.out);
	cr_assert_eq(v.kind == VALUE_ERROR, b.diag.errors > 0, "%s: refused without a word", text);
	out = strdup(v.kind == VALUE_ERROR ? "!" : value_print(b.arena, v));
	free(b.said);
	arena_free(b.arena);
	return out;
}

static void expect_value(const char *text, const char *want)
{
	char *got = calculate(text);

	cr_expect_str_eq(got, want, "%s is %s, not %s", text, got, want);
	free(got);
}

Test(eval, precedence_and_units)
{
	expect_value("1 + 2 * 3", "7");
	expect_value("(1 + 2) * 3", "9");
	expect_value("7 / 2", "3");
	expect_value("10 - 2 - 3", "5");
	expect_value("2 * 512MiB", "1GiB");
	expect_value("1GiB / 1MiB", "1024");
	expect_value("1GiB / 4", "256MiB");
	expect_value("1.5GiB", "1536MiB");
	expect_value("1.25GiB + 0.5KiB", "1342177792B");
	expect_value("90s", "90s");
	expect_value("120s", "2min");
	expect_value("20Mbit/s * 2", "40Mbit/s");
	expect_value("4GiB/2", "2GiB");
	expect_value("80%", "80%");
	expect_value("0MiB", "0B");
	expect_value("\"a\" + \"b\"", "\"ab\"");
	expect_value("\"x${1 + 1}y\"", "\"x2y\"");
	expect_value("1 == 1", "true");
	expect_value("1GiB >= 1025MiB", "false");
	expect_value("\"a\" != \"b\"", "true");
}

Test(eval, what_does_not_fit_is_refused)
{
	static const char *const bad[] = {
		"18446744073709551616",
		"18446744073709551615 + 1",
		"0 - 1",
		"1 / 0",
		"16777216TiB",
		"16777215TiB + 1TiB + 1TiB",
		"4294967296 * 4294967296",
		"1 + 1s",
		"1s * 1s",
		"1 / 1s",
		"1s < 1",
		"\"a\" - \"b\"",
		"true + 1",
		"0.5",
		"0.3KiB",
		"1.0000000001GiB",
		"5m",
		"nothing",
		"1 +",
		"",
		"(1",
		"[1]",
		"f(1)",
		"a[0]",
		"1..2",
		"\"\\q\"",
		"\"${\"",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_value(bad[i], "!");
	}
	expect_value("18446744073709551615", "18446744073709551615");
	expect_value("16777215TiB", "16777215TiB");
	expect_value("1.50", "!");
	expect_value("1.00", "1");
}

/* ---- the nearest word ---- */

Test(diag, nearest_word)
{
	static const char *const known[] = { "memory", "kernel", "disk", "on", "vcpus" };

	cr_expect_str_eq(diag_nearest("memroy", known, 5), "memory");
	cr_expect_str_eq(diag_nearest("kernl", known, 5), "kernel");
	cr_expect_str_eq(diag_nearest("vcpu", known, 5), "vcpus");
	cr_expect_null(diag_nearest("zzzzzz", known, 5));
	cr_expect_null(diag_nearest("x", known, 5), "a single letter is near to nothing");
	cr_expect_null(diag_nearest("", known, 5));
	cr_expect_null(diag_nearest("memory", known, 0));
	cr_expect_null(
		diag_nearest("a-word-that-is-much-longer-than-any-the-table-knows", known, 5));
}

/* ---- the table ---- */

Test(schema, is_consistent)
{
	for (size_t i = 0; i < schema_count; i++) {
		const struct noun *n = &schema[i];

		cr_expect(n->help && n->help[0], "%s has no help", n->word);
		cr_expect(n->in < CTX_NONE, "%s stands nowhere", n->word);
		cr_expect_eq(schema_find(n->in, n->word), n, "%s is there twice", n->word);
		cr_expect(!n->keyword || n->takes == TAKES_SIZE || n->takes == TAKES_COUNT,
			  "%s: a keyword takes a value of the noun's kind", n->word);
	}
	cr_expect_null(schema_find(CTX_DISK, "memory"));
}

Test(schema, every_block_can_be_filled)
{
	const char *words[64];

	for (size_t i = 0; i < schema_count; i++) {
		if (schema[i].block != CTX_NONE) {
			cr_expect(schema_words(schema[i].block, words, 64) > 0, "%s",
				  schema[i].word);
		}
	}
	cr_expect_eq(schema_words(CTX_FILE, words, 2), 2, "no more than there is room for");
}

/* ---- files ---- */

static char *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 16);

	cr_assert(f, "%s", path);
	*len = fread(text, 1, (1 << 16) - 1, f);
	fclose(f);
	return text;
}

static void write_text(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	cr_assert(f, "%s", path);
	cr_assert_eq(fwrite(text, 1, len, f), len);
	cr_assert_eq(fclose(f), 0);
}

Test(lang, example_becomes_specs)
{
	struct lang_param p = { "mem", "1GiB" };
	struct lang_file *f = lang_read("config/examples/debian.pav", &p, 1, stderr);
	struct domspec *d;

	cr_assert(f);
	d = lang_domains(f);
	cr_assert(d && !d->next);
	cr_expect_str_eq(d->name, "debian");
	cr_expect_eq(d->memory, 1ULL << 30);
	cr_expect_eq(d->memory_max, 1ULL << 30);
	cr_expect_eq(d->vcpus, 1);
	cr_expect_str_eq(d->kernel, "/srv/vmlinuz");
	cr_assert(d->disks && d->nics);
	cr_expect_str_eq(d->disks->vdev, "xvda");
	cr_expect_str_eq(d->disks->path, "/dev/vda");
	cr_expect_eq(memcmp(d->nics->mac, "\x00\x16\x3e\x50\x00\x50", 6), 0);
	cr_expect_eq(d->on_crash, DOMSPEC_PRESERVE);
	lang_free(f);
}

/* Reads a text of LEN bytes by way of a file in DIR; refusal needs a message, success none. */
static void read_anything(const char *file, const char *text, size_t len)
{
	struct lang_file *f;
	char *said = NULL;
	size_t said_len;
	FILE *err;

	write_text(file, text, len);
	err = open_memstream(&said, &said_len);
	f = lang_read(file, NULL, 0, err);
	if (f) {
		lang_print_normal(f, err);
	}
	fclose(err);
	cr_assert(f || said_len > 0, "refused without a word");
	lang_free(f);
	free(said);
}

/* A few bytes changed, left out, doubled, or exchanged for signs that mean something. */
static size_t mutate(char *text, size_t len, unsigned int *seed)
{
	static const char signs[] = "{}()[]\"$\\;,=:.\n0159aM%\x80";
	int n = rand_r(seed) % 6 + 1;

	while (n-- && len) {
		size_t at = (size_t)rand_r(seed) % len, run = (size_t)rand_r(seed) % 16;

		run = run < len - at ? run : len - at;
		switch (rand_r(seed) % 4) {
		case 0:
			text[at] = (char)(rand_r(seed) % 256);
			break;
		case 1:
			text[at] = signs[(size_t)rand_r(seed) % (sizeof(signs) - 1)];
			break;
		case 2:
			memmove(text + at, text + at + run, len - at - run);
			len -= run;
			break;
		default:
			memmove(text + at + run, text + at, len - at);
			len += run;
			break;
		}
	}
	return len;
}

/* The text with its includes blunted: a changed path must not make the test read a stranger's file. */
static char *read_seed(const char *path, size_t *len)
{
	char *text = slurp(path, len);

	for (char *at = strstr(text, "include"); at; at = strstr(at, "include")) {
		memcpy(at, "includ_", 7);
	}
	return text;
}

static size_t load_seeds(char **seeds, size_t *lens, size_t max)
{
	DIR *dir = opendir("tests/golden/lang");
	size_t n = 0;

	cr_assert(dir);
	seeds[n] = read_seed("config/examples/debian.pav", &lens[n]);
	n++;
	seeds[n] = read_seed("config/lib/debian.pav", &lens[n]);
	n++;
	for (struct dirent *e = readdir(dir); e && n < max; e = readdir(dir)) {
		size_t k = strlen(e->d_name);
		char path[512];

		if (k > 4 && strcmp(e->d_name + k - 4, ".pav") == 0) {
			snprintf(path, sizeof(path), "tests/golden/lang/%s", e->d_name);
			seeds[n] = read_seed(path, &lens[n]);
			n++;
		}
	}
	closedir(dir);
	return n;
}

Test(lang, changed_bytes_never_end_it, .timeout = 120)
{
	char *seeds[64], *work = malloc(1 << 17), file[] = "/tmp/lang-XXXXXX";
	size_t lens[64], n = load_seeds(seeds, lens, 64);
	unsigned int seed = 20;
	int fd = mkstemp(file);

	cr_assert(fd >= 0 && n > 10);
	close(fd);
	for (int i = 0; i < 4000; i++) {
		size_t s = (size_t)i % n, len = lens[s];

		memcpy(work, seeds[s], len);
		len = mutate(work, len, &seed);
		read_anything(file, work, len);
	}
	unlink(file);
	for (size_t i = 0; i < n; i++) {
		free(seeds[i]);
	}
	free(work);
}
