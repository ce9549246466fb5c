/*
 * Meaning: statements become bindings, templates and domains; each domain's settings are
 * collected from its block and the templates it uses, checked against the schema, and kept in a list
 * from which lower.c makes domain specs and print.c the normal form.
 */
#ifndef PAVANE_LANG_CHECK_H
#define PAVANE_LANG_CHECK_H

#include "config/lang/eval.h"
#include "config/lang/lang.h"
#include "config/lang/schema.h"

/* One attribute of a domain (or of a disk, nic, on): who set it, and to what. */
struct setting {
	const struct noun *noun;
	const char *key;		/* of repeatable nouns: "xvda" */
	struct value value, extra;	/* extra: after the keyword, VALUE_ERROR when absent */
	struct pos pos;
	const void *origin;		/* the template that set it, NULL: the block itself */
	const void *rival;		/* another template that set it differently */
	struct setting *inside;		/* settings of its block */
	struct setting *next;
};

struct checked_domain {
	const char *name;
	struct pos pos;
	struct setting *settings;
	struct checked_domain *next;
};

struct lang_file {
	struct arena *arena;
	struct source *sources;
	struct checked_domain *domains;
	struct domspec *specs;
};

/* Reads and checks; domains appended to f. Errors are counted in ev->diag. */
void check_file(struct lang_file *f, struct eval *ev, const char *file, const struct lang_param *params,
		size_t nparams);
/* Settings -> specs. */
void lower_domains(struct lang_file *f, struct eval *ev);

#endif
