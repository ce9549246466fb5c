/*
 * pav-store: the store for people and scripts.
 *
 * One table of commands; each is a few calls of the client library.  Exit status: 0
 * done, 1 the store said no (a sentence on stderr; `exists` says nothing), 2 wrong use.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore-like/client/client.h"

enum { EXIT_NO = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	const char *args;
	const char *help;
	int min, max; /* arguments; max -1: any number */
	int (*run)(struct store *s, int argc, char **argv);
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "pav-store: %s: %s\n", what, strerror(err < 0 ? -err : err));
	return EXIT_NO;
}

/* Value with anything that is not plain text shown as \xNN. */
static void print_value(const char *v, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)v[i];

		if (c < ' ' || c == '\\' || c >= 0x7f) {
			printf("\\x%02x", c);
		} else {
			putchar(c);
		}
	}
}

static int run_read(struct store *s, int argc, char **argv)
{
	int status = 0;

	for (int i = 0; i < argc; i++) {
		size_t len;
		char *v = store_read_bytes(s, STORE_NO_TX, &len, "%s", argv[i]);

		if (!v) {
			status = fail(argv[i], errno);
			continue;
		}
		fwrite(v, 1, len, stdout);
		putchar('\n');
		free(v);
	}
	return status;
}

/* All pairs or none of them. */
static int write_pairs(struct store *s, int argc, char **argv)
{
	store_tx_t tx;
	int err = store_tx_begin(s, &tx);

	for (int i = 0; i < argc && !err; i += 2) {
		err = store_write_bytes(s, tx, argv[i + 1], strlen(argv[i + 1]), "%s", argv[i]);
		if (err) {
			store_tx_abort(s, tx);
			fail(argv[i], err);
			return err;
		}
	}
	return err ? err : store_tx_commit(s, tx);
}

static int run_write(struct store *s, int argc, char **argv)
{
	int err;

	if (argc % 2) {
		fputs("pav-store: write: paths and values come in pairs\n", stderr);
		return EXIT_USAGE;
	}
	do {
		err = write_pairs(s, argc, argv);
	} while (err == -EAGAIN);
	return err ? EXIT_NO : 0;
}

static int run_list(struct store *s, int argc, char **argv)
{
	char **names;
	int n = store_ls(s, STORE_NO_TX, &names, "%s", argc ? argv[0] : "/");

	if (n < 0) {
		return fail(argc ? argv[0] : "/", n);
	}
	for (int i = 0; i < n; i++) {
		puts(names[i]);
	}
	free(names);
	return 0;
}

/* Print what is below path, one line per node, by depth. */
static int print_tree(struct store *s, const char *path, int depth)
{
	char **names;
	int n = store_ls(s, STORE_NO_TX, &names, "%s", path);

	if (n < 0) {
		/* Gone meanwhile is no error. */
		return n == -ENOENT && depth ? 0 : fail(path, n);
	}
	for (int i = 0; i < n; i++) {
		char *below;
		size_t len;
		char *v;

		if (asprintf(&below, "%s/%s", path[1] ? path : "", names[i]) < 0) {
			free(names);
			return fail(path, ENOMEM);
		}
		v = store_read_bytes(s, STORE_NO_TX, &len, "%s", below);
		if (v) {
			printf("%*s%s = \"", depth * 2, "", names[i]);
			print_value(v, len);
			puts("\"");
			free(v);
			print_tree(s, below, depth + 1);
		}
		free(below);
	}
	free(names);
	return 0;
}

static int run_ls(struct store *s, int argc, char **argv)
{
	return print_tree(s, argc ? argv[0] : "/", 0);
}

static int run_rm(struct store *s, int argc, char **argv)
{
	int status = 0;

	for (int i = 0; i < argc; i++) {
		int err = store_rm(s, STORE_NO_TX, "%s", argv[i]);

		if (err) {
			status = fail(argv[i], err);
		}
	}
	return status;
}

static int run_exists(struct store *s, int argc, char **argv)
{
	int there = store_exists(s, STORE_NO_TX, "%s", argv[0]);

	(void)argc;
	if (there < 0) {
		fail(argv[0], there);
	}
	return there == 1 ? 0 : EXIT_NO;
}

static int run_count(struct store *s, int argc, char **argv)
{
	char *n = store_control(s, "nodes");

	(void)argc;
	(void)argv;
	if (!n) {
		return fail("count", errno);
	}
	puts(n);
	free(n);
	return 0;
}

/* One of n5 r5 w5 b5; false if it is not. */
static int parse_perm(const char *text, int *domid, enum store_perm *perm)
{
	static const char letters[] = "nrwb";
	const char *at = text[0] ? strchr(letters, text[0]) : NULL;
	char *end;
	long v;

	if (!at || !text[1]) {
		return 0;
	}
	v = strtol(text + 1, &end, 10);
	if (*end || v < 0 || v > 0x7fef) {
		return 0;
	}
	*domid = (int)v;
	*perm = (enum store_perm)(at - letters);
	return 1;
}

static int run_chmod(struct store *s, int argc, char **argv)
{
	enum store_perm others, reader_perm = STORE_PERM_NONE;
	int owner, reader = STORE_NO_READER, err;

	if (!parse_perm(argv[1], &owner, &others) ||
	    (argc > 2 && !parse_perm(argv[2], &reader, &reader_perm))) {
		fputs("pav-store: chmod: a permission is one of n r w b and a domain number, like r3\n",
		      stderr);
		return EXIT_USAGE;
	}
	err = store_set_perms(s, STORE_NO_TX, argv[0], (unsigned int)owner, others, reader,
			      reader_perm);
	return err ? fail(argv[0], err) : 0;
}

/* "-n COUNT" in front of the paths: end after so many events. */
static int run_watch(struct store *s, int argc, char **argv)
{
	struct pollfd p = { .events = POLLIN };
	long left = -1;
	int err;

	if (argc > 2 && !strcmp(argv[0], "-n")) {
		left = strtol(argv[1], NULL, 10);
		argc -= 2;
		argv += 2;
	}
	for (int i = 0; i < argc; i++) {
		err = store_watch(s, argv[i], "w");
		if (err && err != -EEXIST) {
			return fail(argv[i], err);
		}
	}
	for (p.fd = store_fd(s); left && poll(&p, 1, -1) >= 0;) {
		char *path, *token;

		while (left && !(err = store_next_event(s, &path, &token))) {
			puts(path);
			free(path);
			free(token);
			left -= left > 0;
		}
		fflush(stdout);
		if (left && err != -EAGAIN) {
			return fail("watch", err);
		}
	}
	return 0;
}

static const struct command commands[] = {
	{ "read", "PATH...", "print values", 1, -1, run_read },
	{ "write", "PATH VALUE [PATH VALUE]...", "set values, all at once", 2, -1, run_write },
	{ "list", "[PATH]", "names of the children", 0, 1, run_list },
	{ "ls", "[PATH]", "everything below, with values", 0, 1, run_ls },
	{ "rm", "PATH...", "remove with all below", 1, -1, run_rm },
	{ "watch", "[-n COUNT] PATH...", "print what changes, until interrupted", 1, -1,
	  run_watch },
	{ "chmod", "PATH OWNER-PERM [PERM]", "set permissions: n r w b and a domain, as in n0 r3",
	  2, 3, run_chmod },
	{ "exists", "PATH", "exit status 0 if it is there", 1, 1, run_exists },
	{ "count", "", "number of nodes in the whole store", 0, 0, run_count },
};

static void print_usage(FILE *to)
{
	fputs("usage: pav-store COMMAND ...\n", to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		fprintf(to, "  %-6s %-28s %s\n", commands[i].name, commands[i].args,
			commands[i].help);
	}
}

static int run_command(const struct command *c, int argc, char **argv)
{
	struct store *s;
	int status;

	if (argc < c->min || (c->max >= 0 && argc > c->max)) {
		fprintf(stderr, "usage: pav-store %s %s\n", c->name, c->args);
		return EXIT_USAGE;
	}
	s = store_open();
	if (!s) {
		return fail("cannot reach the store daemon", errno);
	}
	status = c->run(s, argc, argv);
	store_close(s);
	return status;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
		print_usage(stdout);
		return 0;
	}
	for (size_t i = 0; argc >= 2 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].name, argv[1])) {
			return run_command(&commands[i], argc - 2, argv + 2);
		}
	}
	print_usage(stderr);
	return EXIT_USAGE;
}
