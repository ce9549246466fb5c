/* `pav create` and `pav check`: from a file to domains, or to the list of its errors. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/pav/ask.h"
#include "dom0-tools/pav/attach.h"
#include "dom0-tools/pav/cmd.h"
#include "dom0-tools/pav/specs.h"

#define MAX_PARAMS 64

struct options {
	struct lang_param params[MAX_PARAMS];
	size_t nparams;
	bool json, console, expand, usage;
};

static bool parse_options(int argc, char **argv, const char *letters, struct options *o)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "expand", no_argument, NULL, 'x' },
		{ 0 },
	};
	int opt;

	*o = (struct options){ 0 };
	optind = 1;
	while ((opt = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		switch (opt) {
		case 'p':
			if (o->nparams == MAX_PARAMS ||
			    !specs_parse_param(optarg, &o->params[o->nparams])) {
				return false;
			}
			o->nparams++;
			break;
		case 'j':
			o->json = true;
			break;
		case 'c':
			o->console = true;
			break;
		case 'x':
			o->expand = true;
			break;
		default:
			o->usage = true;
			return false;
		}
	}
	return true;
}

static int create_one(const struct domspec *spec)
{
	struct json_object *req = ask_new("create", NULL);
	char *text = domspec_to_json(spec);
	int rc;

	json_object_object_add(req, "spec", json_tokener_parse(text));
	free(text);
	rc = ask_plain(req);
	if (rc == 0) {
		printf("created %s\n", spec->name);
		fflush(stdout);
	}
	return rc;
}

/* All domains of the file, or the ones named; stops at the first that fails. */
static int create_named(struct specs *s, int count, char **names)
{
	for (int i = 0; i < count; i++) {
		if (!domspec_find(s->list, names[i])) {
			fprintf(stderr, "pav: the file declares no domain %s\n", names[i]);
			return CMD_FAILED;
		}
	}
	for (struct domspec *d = s->list; d; d = d->next) {
		bool wanted = count == 0;

		for (int i = 0; i < count; i++) {
			wanted |= !strcmp(names[i], d->name);
		}
		if (wanted && create_one(d) != 0) {
			return CMD_FAILED;
		}
	}
	return 0;
}

int cmd_create(int argc, char **argv)
{
	struct options o;
	struct specs s;
	const char *name;
	int rc;

	if (!parse_options(argc, argv, "p:c", &o)) {
		return o.usage ? CMD_USAGE : CMD_FAILED;
	}
	if (argc - optind < 1 || o.expand) {
		return CMD_USAGE;
	}
	if (!specs_read(&s, argv[optind], o.json, o.params, o.nparams)) {
		return CMD_FAILED;
	}
	if (!s.list) {
		fprintf(stderr, "pav: %s declares no domain\n", argv[optind]);
		specs_free(&s);
		return CMD_FAILED;
	}
	rc = create_named(&s, argc - optind - 1, argv + optind + 1);
	name = argc - optind > 1 ? argv[optind + 1] : s.list->name;
	if (rc == 0 && o.console) {
		rc = attach_console(name);
	}
	specs_free(&s);
	return rc;
}

int cmd_check(int argc, char **argv)
{
	struct options o;
	struct specs s;
	size_t count = 0;

	if (!parse_options(argc, argv, "p:", &o)) {
		return o.usage ? CMD_USAGE : CMD_FAILED;
	}
	if (argc - optind != 1) {
		return CMD_USAGE;
	}
	if (!specs_read(&s, argv[optind], o.json, o.params, o.nparams)) {
		return CMD_FAILED;
	}
	for (struct domspec *d = s.list; d; d = d->next) {
		count++;
		if (o.expand && !s.file) {
			char *text = domspec_to_json(d);

			puts(text);
			free(text);
		}
	}
	if (o.expand && s.file) {
		lang_print_normal(s.file, stdout);
	}
	if (!o.expand) {
		printf("%s: %zu domain%s, no errors\n", argv[optind], count, count == 1 ? "" : "s");
	}
	specs_free(&s);
	return 0;
}
