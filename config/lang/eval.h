/* Values of expressions: numbers with units, strings, truth.  Names are looked up in nested scopes. */
#ifndef PAVANE_LANG_EVAL_H
#define PAVANE_LANG_EVAL_H

#include "config/lang/diag.h"

enum value_kind { VALUE_ERROR, VALUE_NUMBER, VALUE_STRING, VALUE_BOOL };

struct value {
	enum value_kind kind;
	uint64_t number; /* bytes, nanoseconds, bits a second, percent, or plain */
	enum unit unit;
	const char *text;
};

struct binding {
	const char *name;
	struct value value;
	struct binding *next;
};

struct scope {
	struct binding *bindings;
	const struct scope *outer;
};

#define EVAL_MAX_STRING 65536
#define EVAL_MAX_DEPTH	400 /* of operators within one expression */

struct eval {
	struct arena *arena;
	struct diag *diag;
	unsigned int depth;
};

void scope_bind(struct eval *ev, struct scope *s, const char *name, struct value v);
const struct value *scope_find(const struct scope *s, const char *name);
/* VALUE_ERROR after saying why. */
struct value eval_expr(struct eval *ev, const struct scope *s, const struct expr *e);
const char *value_kind_name(struct value v); /* "a size", "a string" */
/* As it would be written: "512MiB", "\"text\"". */
const char *value_print(struct arena *a, struct value v);

#endif
