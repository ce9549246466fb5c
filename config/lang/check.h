/*
 * Meaning.  check.c works through a file's statements: constants, parameters, templates, includes
 * and domains.  collect.c gathers a domain's settings from its block and the templates it uses,
 * each checked against the schema; lower.c makes domain specs of them, lang.c the normal form.
 */
#ifndef PAVANE_LANG_CHECK_H
#define PAVANE_LANG_CHECK_H

#include "config/lang/eval.h"
#include "config/lang/lang.h"
#include "config/lang/schema.h"

#define CHECK_MAX_DEPTH	     32 /* of templates and of includes */
#define CHECK_MAX_DOMAINS    1024
#define CHECK_MAX_STATEMENTS 500000 /* after templates are expanded */

struct template
{
	const char *name;
	const struct stmt *stmt;
	struct expr *params;
	bool busy; /* being expanded: a use of it is recursion */
	struct template *next;
};

/* One attribute of a domain (or of a disk, nic, on): who set it, and to what. */
struct setting {
	const struct noun *noun;
	const char *key;	   /* of repeatable nouns: "xvda" */
	struct value value, extra; /* extra: after the keyword, VALUE_ERROR when absent */
	struct pos pos;
	unsigned int block;		  /* which block set it, to find it set twice there */
	const struct template *origin;	  /* used by the block and set it; NULL: the block itself */
	const struct template *rivals[2]; /* two that set it differently, nobody above deciding */
	struct setting *inside;		  /* settings of its block */
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

struct check {
	struct lang_file *file;
	struct eval *ev;
	struct scope globals;
	struct template *templates;
	const struct lang_param *params;
	size_t nparams;
	bool *param_used;
	unsigned int depth, domains, blocks, statements;
};

/* Reads and checks; domains appended to f. Errors are counted in ev->diag. */
void check_file(struct lang_file *f, struct eval *ev, const char *file,
		const struct lang_param *params, size_t nparams);

/* Is S, known as N (NULL: unknown), of the right shape?  Says so if not. */
bool check_shape(struct check *c, enum context in, const struct noun *n, const struct stmt *s);
/* The branch that a `when` takes. */
const struct stmt *check_choose(struct check *c, const struct scope *scope, const struct stmt *s);
struct template *check_find_template(const struct check *c, const char *name);

/* A domain's settings from its block; names are looked up in SCOPE. */
void collect_domain(struct check *c, const struct scope *scope, struct checked_domain *d,
		    const struct stmt *block);

/* Settings -> specs. */
void lower_domains(struct lang_file *f, struct eval *ev);

#endif
