/*
 * A file's statements, in order.  Read from check_file() at the bottom upward; what a domain's
 * block means is in collect.c.
 */
#include "config/lang/check.h"

#include <stdio.h>
#include <string.h>

#include "config/lang/parse.h"
#include "config/lang/source.h"

static void check_statements(struct check *c, const struct stmt *list);

static void unknown_word(struct check *c, enum context in, const struct stmt *s)
{
	const char *known[64], *near;
	size_t n = schema_words(in, known, 64);

	near = diag_nearest(s->word, known, n);
	diag_error(c->ev->diag, s->pos, "unknown word '%s'%s%s%s", s->word,
		   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

bool check_shape(struct check *c, enum context in, const struct noun *n, const struct stmt *s)
{
	if (!n) {
		unknown_word(c, in, s);
	} else if (s->has_block && n->block == CTX_NONE) {
		diag_error(c->ev->diag, s->pos, "'%s' has no block", s->word);
	} else if (s->has_else && strcmp(s->word, "when") != 0) {
		diag_error(c->ev->diag, s->pos, "'%s' has no else; only 'when' has", s->word);
	} else {
		return true;
	}
	return false;
}

const struct stmt *check_choose(struct check *c, const struct scope *scope, const struct stmt *s)
{
	struct value v;

	if (!s->values || s->values->kind != EXPR_GROUP || s->values->next || !s->has_block) {
		diag_error(c->ev->diag, s->pos,
			   "'when' is written: when (condition) { ... } else { ... }");
		return NULL;
	}
	v = eval_expr(c->ev, scope, s->values);
	if (v.kind != VALUE_BOOL && v.kind != VALUE_ERROR) {
		diag_error(c->ev->diag, s->values->pos, "a condition is true or false, not %s",
			   value_kind_name(v));
	}
	return v.kind != VALUE_BOOL ? NULL : v.number ? s->block : s->otherwise;
}

struct template *check_find_template(const struct check *c, const char *name)
{
	struct template *t = c->templates;

	while (t && strcmp(t->name, name) != 0) {
		t = t->next;
	}
	return t;
}

/* ---- domains ---- */

static void add_domain(struct check *c, const struct stmt *s, const char *name, uint64_t index)
{
	struct checked_domain **at = &c->file->domains, *d;
	struct scope scope = { NULL, &c->globals };

	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->name, name) == 0) {
			diag_error(c->ev->diag, s->pos, "domain %s is already described at %s:%d",
				   name, (*at)->pos.src->name, (*at)->pos.line);
			return;
		}
	}
	d = arena_alloc(c->ev->arena, sizeof(*d));
	d->name = name;
	d->pos = s->pos;
	*at = d;
	scope_bind(c->ev, &scope, "name", (struct value){ .kind = VALUE_STRING, .text = name });
	scope_bind(c->ev, &scope, "index", (struct value){ .kind = VALUE_NUMBER, .number = index });
	collect_domain(c, &scope, d, s->block);
}

/* Room for that many more? */
static bool count_domains(struct check *c, struct pos pos, uint64_t n)
{
	if (n > CHECK_MAX_DOMAINS - c->domains) {
		diag_error(c->ev->diag, pos, "more than %d domains", CHECK_MAX_DOMAINS);
		return false;
	}
	c->domains += (unsigned int)n;
	return true;
}

static void add_array(struct check *c, const struct stmt *s, const struct expr *e)
{
	struct value count = eval_expr(c->ev, &c->globals, e->left);

	if (count.kind == VALUE_ERROR) {
		return;
	}
	if (count.kind != VALUE_NUMBER || count.unit) {
		diag_error(c->ev->diag, e->left->pos, "how many is a plain number, not %s",
			   value_kind_name(count));
		return;
	}
	if (!count_domains(c, e->left->pos, count.number)) {
		return;
	}
	for (uint64_t i = 0; i < count.number; i++) {
		add_domain(c, s, arena_printf(c->ev->arena, "%s%lu", e->text, (unsigned long)i), i);
	}
}

static void do_domain(struct check *c, const struct stmt *s)
{
	const struct expr *e = s->values;

	if (!e || e->next || (e->kind != EXPR_WORD && e->kind != EXPR_INDEX) || !s->has_block) {
		diag_error(c->ev->diag, s->pos,
			   "a domain is written: domain NAME { ... } or domain NAME[COUNT] { ... }");
	} else if (e->kind == EXPR_INDEX) {
		add_array(c, s, e);
	} else if (count_domains(c, e->pos, 1)) {
		add_domain(c, s, e->text, 0);
	}
}

/* ---- names ---- */

static bool may_bind(struct check *c, const struct expr *name)
{
	if (strcmp(name->text, "true") == 0 || strcmp(name->text, "false") == 0) {
		diag_error(c->ev->diag, name->pos, "'%s' is a value, not a name", name->text);
		return false;
	}
	if (scope_find(&c->globals, name->text)) {
		diag_error(c->ev->diag, name->pos, "'%s' already has a value", name->text);
		return false;
	}
	return true;
}

static void do_let(struct check *c, const struct stmt *s)
{
	const struct expr *name = s->values, *eq = name ? name->next : NULL,
			  *value = eq ? eq->next : NULL;

	if (!value || name->kind != EXPR_WORD || eq->kind != EXPR_EQUALS || value->next) {
		diag_error(c->ev->diag, s->pos,
			   "a constant is written: let NAME = VALUE (calculations in parentheses)");
	} else if (may_bind(c, name)) {
		scope_bind(c->ev, &c->globals, name->text, eval_expr(c->ev, &c->globals, value));
	}
}

struct param_type {
	const char *name;
	enum value_kind kind;
	enum unit unit;
	const char *what; /* for people */
};
static const struct param_type param_types[] = {
	{ "int", VALUE_NUMBER, UNIT_NONE, "a plain number, such as 4" },
	{ "string", VALUE_STRING, UNIT_NONE, "a string" },
	{ "size", VALUE_NUMBER, UNIT_SIZE, "a size, such as 512MiB" },
	{ "time", VALUE_NUMBER, UNIT_TIME, "a time, such as 10s" },
	{ "rate", VALUE_NUMBER, UNIT_RATE, "a rate, such as 100Mbit/s" },
	{ "bool", VALUE_BOOL, UNIT_NONE, "true or false" },
};

static const struct param_type *param_type(const struct expr *e)
{
	for (size_t i = 0; e && i < sizeof(param_types) / sizeof(param_types[0]); i++) {
		if ((e->kind == EXPR_WORD || e->kind == EXPR_CALL) &&
		    strcmp(e->text, param_types[i].name) == 0) {
			return &param_types[i];
		}
	}
	return NULL;
}

/* The two ends of int(1..64): false after saying what is wrong with them. */
static bool read_range(struct check *c, const struct param_type *t, const struct expr *type,
		       struct value *low, struct value *high)
{
	const struct expr *r = type->items;

	if (!r || r->kind != EXPR_RANGE || r->next || t->kind != VALUE_NUMBER) {
		diag_error(c->ev->diag, type->pos,
			   "a range is written: int(1..64), and only numbers have one");
		return false;
	}
	*low = eval_expr(c->ev, &c->globals, r->left);
	*high = eval_expr(c->ev, &c->globals, r->right);
	if (low->kind == VALUE_ERROR || high->kind == VALUE_ERROR) {
		return false;
	}
	if (low->kind != t->kind || low->unit != t->unit || high->kind != t->kind ||
	    high->unit != t->unit) {
		diag_error(c->ev->diag, r->pos, "the ends of this range are not both of type %s",
			   t->name);
		return false;
	}
	if (low->number > high->number) {
		diag_error(c->ev->diag, r->pos, "there is nothing in this range");
		return false;
	}
	return true;
}

static bool in_range(struct check *c, const struct param_type *t, const struct expr *type,
		     struct value v, struct pos pos)
{
	struct value low, high;

	if (type->kind != EXPR_CALL) {
		return true;
	}
	if (!read_range(c, t, type, &low, &high)) {
		return false;
	}
	if (v.number < low.number || v.number > high.number) {
		diag_error(c->ev->diag, pos, "%s is outside %s..%s", value_print(c->ev->arena, v),
			   value_print(c->ev->arena, low), value_print(c->ev->arena, high));
		return false;
	}
	return true;
}

/* -p name=text, or NULL. */
static const struct lang_param *find_given(struct check *c, const char *name)
{
	for (size_t i = 0; i < c->nparams; i++) {
		if (strcmp(c->params[i].name, name) == 0) {
			c->param_used[i] = true;
			return &c->params[i];
		}
	}
	return NULL;
}

/* A parameter's checked value: AT is where it comes from. */
static struct value check_param(struct check *c, const struct expr *name, const struct expr *type,
				struct value v, struct pos at)
{
	const struct param_type *t = param_type(type);

	if (v.kind == VALUE_ERROR) {
		return v;
	}
	if (v.kind != t->kind || v.unit != t->unit) {
		diag_error(c->ev->diag, at, "parameter '%s' is %s, not of type %s", name->text,
			   value_kind_name(v), t->name);
		v.kind = VALUE_ERROR;
	} else if (!in_range(c, t, type, v, at)) {
		v.kind = VALUE_ERROR;
	}
	return v;
}

/* A word that stands for nothing was not meant as a name, but as a value of the wrong form. */
static bool is_no_name(const struct check *c, const struct expr *e)
{
	return e && e->kind == EXPR_WORD && strcmp(e->text, "true") != 0 &&
	       strcmp(e->text, "false") != 0 && !scope_find(&c->globals, e->text);
}

/* From the command line: for a string the text itself, else an expression. */
static struct value given_param(struct check *c, const struct expr *name, const struct expr *type,
				const struct lang_param *p)
{
	struct diag *d = c->ev->diag;
	struct use_site site = { .pos = name->pos, .outer = d->chain };
	struct value v = { .kind = VALUE_STRING, .text = p->value };
	const struct param_type *t = param_type(type);
	struct expr *e = NULL;

	site.what = arena_printf(c->ev->arena, "-p %s=%s", p->name, p->value);
	d->chain = &site;
	if (t->kind != VALUE_STRING) {
		if (*p->value) {
			e = parse_expr(c->ev->arena, d, name->pos, p->value);
		}
		if (!*p->value || is_no_name(c, e)) {
			diag_error(d, name->pos, "'%s' is not %s", p->value, t->what);
			e = NULL;
		}
		v = e ? eval_expr(c->ev, &c->globals, e) : (struct value){ .kind = VALUE_ERROR };
	}
	v = check_param(c, name, type, v, name->pos);
	d->chain = site.outer;
	return v;
}

static void bind_param(struct check *c, const struct expr *name, const struct expr *type,
		       const struct expr *value)
{
	const struct lang_param *given = find_given(c, name->text);
	struct value v = { .kind = VALUE_ERROR };

	if (!may_bind(c, name)) {
		return;
	}
	if (!param_type(type)) {
		diag_error(c->ev->diag, type->pos,
			   "unknown type: int, string, size, time, rate or bool");
	} else if (given) {
		v = given_param(c, name, type, given);
	} else if (value) {
		v = check_param(c, name, type, eval_expr(c->ev, &c->globals, value), value->pos);
	} else {
		diag_error(c->ev->diag, name->pos,
			   "parameter '%s' has no default: give it with -p %s=VALUE", name->text,
			   name->text);
	}
	scope_bind(c->ev, &c->globals, name->text, v);
}

static void do_param(struct check *c, const struct stmt *s)
{
	const struct expr *name = s->values, *colon = name ? name->next : NULL,
			  *type = colon ? colon->next : NULL;
	const struct expr *eq = type ? type->next : NULL, *value = eq ? eq->next : NULL;

	if (!type || name->kind != EXPR_WORD || colon->kind != EXPR_COLON ||
	    (eq && eq->kind != EXPR_EQUALS) || (eq && !value) || (value && value->next)) {
		diag_error(c->ev->diag, s->pos,
			   "a parameter is written: param NAME : TYPE = DEFAULT");
	} else {
		bind_param(c, name, type, value);
	}
}

/* NAME or NAME = DEFAULT, each once. */
static bool check_template_params(struct diag *d, const struct expr *params)
{
	for (const struct expr *p = params; p; p = p->next) {
		if (p->kind != EXPR_WORD && p->kind != EXPR_NAMED) {
			diag_error(d, p->pos, "a parameter is NAME or NAME = DEFAULT");
			return false;
		}
		for (const struct expr *q = params; q != p; q = q->next) {
			if (strcmp(p->text, q->text) == 0) {
				diag_error(d, p->pos, "there are two parameters '%s'", p->text);
				return false;
			}
		}
	}
	return true;
}

static void do_template(struct check *c, const struct stmt *s)
{
	const struct expr *e = s->values;
	struct template *t;

	if (!e || e->next || (e->kind != EXPR_WORD && e->kind != EXPR_CALL) || !s->has_block) {
		diag_error(c->ev->diag, s->pos,
			   "a template is written: template NAME(parameters) { ... }");
		return;
	}
	if (check_find_template(c, e->text)) {
		diag_error(c->ev->diag, e->pos, "template '%s' is already there", e->text);
		return;
	}
	if (!check_template_params(c->ev->diag, e->items)) {
		return;
	}
	t = arena_alloc(c->ev->arena, sizeof(*t));
	*t = (struct template){
		.name = e->text, .stmt = s, .params = e->items, .next = c->templates
	};
	c->templates = t;
}

/* ---- files ---- */

static void check_source(struct check *c, struct source *src)
{
	src->reading = true;
	src->done = true;
	check_statements(c, parse_file(c->ev->arena, c->ev->diag, src));
	src->reading = false;
}

static void include_file(struct check *c, const struct stmt *s, const char *path, const char *shown)
{
	struct diag *d = c->ev->diag;
	struct use_site site = { .pos = s->pos, .what = shown, .outer = d->chain };
	const char *why = NULL;
	struct source *src = source_read(c->ev->arena, &c->file->sources, path, shown, &why);

	if (!src) {
		diag_error(d, s->values->pos, "cannot read %s: %s", shown, why);
	} else if (src->reading) {
		diag_error(d, s->values->pos, "%s includes itself", shown);
	} else if (c->depth >= CHECK_MAX_DEPTH) {
		diag_error(d, s->values->pos, "files include one another more than %d deep",
			   CHECK_MAX_DEPTH);
	} else if (!src->done) {
		d->chain = &site;
		c->depth++;
		check_source(c, src);
		c->depth--;
		d->chain = site.outer;
	}
	d->incomplete = d->incomplete || !src;
}

static void do_include(struct check *c, const struct stmt *s)
{
	struct value v;

	if (!s->values || s->values->next || s->values->kind != EXPR_STRING) {
		diag_error(c->ev->diag, s->pos, "an include is written: include \"file.pav\"");
		return;
	}
	v = eval_expr(c->ev, &c->globals, s->values);
	if (v.kind == VALUE_STRING) {
		include_file(c, s,
			     v.text[0] == '/'
				     ? v.text
				     : arena_printf(c->ev->arena, "%s/%s", s->pos.src->dir, v.text),
			     v.text);
	}
}

static void do_when(struct check *c, const struct stmt *s)
{
	check_statements(c, check_choose(c, &c->globals, s));
}

static void check_statements(struct check *c, const struct stmt *list)
{
	static const struct {
		const char *word;
		void (*fn)(struct check *, const struct stmt *);
	} handlers[] = { { "let", do_let },	      { "param", do_param },
			 { "template", do_template }, { "domain", do_domain },
			 { "include", do_include },   { "when", do_when } };

	for (const struct stmt *s = list; s; s = s->next) {
		if (!check_shape(c, CTX_FILE, schema_find(CTX_FILE, s->word), s)) {
			continue;
		}
		for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
			if (strcmp(handlers[i].word, s->word) == 0) {
				handlers[i].fn(c, s);
			}
		}
	}
}

/* Every -p is of a parameter, and given once. */
static void check_given(struct check *c, const char *file)
{
	for (size_t i = 0; i < c->nparams; i++) {
		const char *name = c->params[i].name;

		for (size_t j = 0; j < i; j++) {
			if (strcmp(c->params[j].name, name) == 0) {
				diag_error(c->ev->diag, (struct pos){ 0 }, "-p %s is given twice",
					   name);
				c->param_used[i] = true;
			}
		}
		if (!c->param_used[i] && !c->ev->diag->errors) {
			diag_error(c->ev->diag, (struct pos){ 0 }, "%s: no parameter is named '%s'",
				   file, name);
		}
	}
}

void check_file(struct lang_file *f, struct eval *ev, const char *file,
		const struct lang_param *params, size_t nparams)
{
	struct check c = { .file = f, .ev = ev, .params = params, .nparams = nparams };
	const char *why = NULL;
	struct source *src = source_read(ev->arena, &f->sources, file, file, &why);

	if (!src) {
		diag_error(ev->diag, (struct pos){ 0 }, "%s: cannot be read: %s", file, why);
		return;
	}
	c.param_used = arena_alloc(ev->arena, nparams + 1);
	check_source(&c, src);
	check_given(&c, file);
}
