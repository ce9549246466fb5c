/* Domain specs from files. */
#include "dom0-tools/pav/specs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/libpav/buf.h"

static bool check_all(const struct specs *s, const char *file)
{
	bool good = true;

	for (struct domspec *d = s->list; d; d = d->next) {
		char *why = domspec_check(d);

		if (why) {
			fprintf(stderr, "%s: domain %s: %s\n", d->source ? d->source : file,
				d->name, why);
			good = false;
		}
		free(why);
	}
	return good;
}

static bool read_json(struct specs *s, const char *file)
{
	struct buf text = { 0 };
	char *err = NULL;

	if (file_read(file, 1 << 20, &text, &err) < 0) {
		fprintf(stderr, "pav: %s\n", err);
		free(err);
		return false;
	}
	s->list = domspec_from_json(text.data, &err);
	buf_free(&text);
	if (!s->list) {
		fprintf(stderr, "%s: %s\n", file, err);
		free(err);
		return false;
	}
	return true;
}

bool specs_read(struct specs *s, const char *file, bool json, const struct lang_param *params,
		size_t nparams)
{
	*s = (struct specs){ 0 };
	if (json) {
		if (!read_json(s, file)) {
			return false;
		}
	} else {
		s->file = lang_read(file, params, nparams, stderr);
		if (!s->file) {
			return false;
		}
		s->list = lang_domains(s->file);
	}
	if (!check_all(s, file)) {
		specs_free(s);
		return false;
	}
	return true;
}

void specs_free(struct specs *s)
{
	if (s->file) {
		lang_free(s->file);
	} else {
		domspec_free(s->list);
	}
	*s = (struct specs){ 0 };
}

bool specs_parse_param(char *arg, struct lang_param *param)
{
	char *eq = strchr(arg, '=');

	if (!eq || eq == arg) {
		fprintf(stderr, "pav: -p %s: expected name=value\n", arg);
		return false;
	}
	*eq = 0;
	*param = (struct lang_param){ arg, eq + 1 };
	return true;
}
