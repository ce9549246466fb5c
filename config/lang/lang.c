/* The face of the language (lang.h): read, check, lower; and the expanded normal form. */
#include "config/lang/lang.h"

#include <stdlib.h>
#include <string.h>

#include "config/lang/check.h"

struct lang_file *lang_read(const char *file, const struct lang_param *params, size_t nparams,
			    FILE *err)
{
	struct lang_file *f = calloc(1, sizeof(*f));
	struct diag diag = { .out = err };
	struct eval ev;

	if (!f) {
		return NULL;
	}
	f->arena = arena_new();
	ev = (struct eval){ .arena = f->arena, .diag = &diag };
	check_file(f, &ev, file, params, nparams);
	if (!diag.errors) {
		lower_domains(f, &ev);
	}
	if (diag.errors) {
		if (diag.errors > DIAG_SHOWN) {
			fprintf(err, "%s: %u more errors\n", file, diag.errors - DIAG_SHOWN);
		}
		lang_free(f);
		return NULL;
	}
	return f;
}

void lang_free(struct lang_file *f)
{
	if (f) {
		domspec_free(f->specs);
		arena_free(f->arena);
		free(f);
	}
}

struct domspec *lang_domains(struct lang_file *f)
{
	return f->specs;
}

static int by_word(const void *a, const void *b)
{
	const struct setting *x = *(const struct setting *const *)a,
			     *y = *(const struct setting *const *)b;
	int c = strcmp(x->noun->word, y->noun->word);

	return c ? c : strcmp(x->key ? x->key : "", y->key ? y->key : "");
}

static void print_settings(const struct lang_file *f, const struct setting *list, int indent,
			   FILE *out)
{
	const struct setting **sorted;
	size_t n = 0, i = 0;

	for (const struct setting *s = list; s; s = s->next) {
		n++;
	}
	sorted = arena_alloc(f->arena, (n + 1) * sizeof(const struct setting *));
	for (const struct setting *s = list; s; s = s->next) {
		sorted[i++] = s;
	}
	qsort(sorted, n, sizeof(sorted[0]), by_word);
	for (i = 0; i < n; i++) {
		const struct setting *s = sorted[i];

		fprintf(out, "%*s%s", indent, "", s->noun->word);
		if (s->key) {
			fprintf(out, " %s", s->key);
		}
		if (s->value.kind == VALUE_STRING && s->noun->takes == TAKES_STRING_OR_AUTO &&
		    strcmp(s->value.text, "auto") == 0) {
			fputs(" auto", out);
		} else if (s->value.kind != VALUE_ERROR) {
			fprintf(out, " %s", value_print(f->arena, s->value));
		}
		if (s->extra.kind != VALUE_ERROR) {
			fprintf(out, " %s %s", s->noun->keyword, value_print(f->arena, s->extra));
		}
		if (s->noun->block != CTX_NONE && s->inside) {
			fputs(" {\n", out);
			print_settings(f, s->inside, indent + 2, out);
			fprintf(out, "%*s}", indent, "");
		}
		fputc('\n', out);
	}
}

void lang_print_normal(const struct lang_file *f, FILE *out)
{
	for (const struct checked_domain *d = f->domains; d; d = d->next) {
		fprintf(out, "domain %s {\n", d->name);
		print_settings(f, d->settings, 2, out);
		fputs("}\n", out);
	}
}
