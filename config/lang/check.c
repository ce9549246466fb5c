/* See check.h.  Read from check_file() at the bottom upward. */
#include "config/lang/check.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/lang/parse.h"

#define MAX_DEPTH 32		/* of templates and includes */
#define MAX_DOMAINS 1024
#define MAX_FILE (1 << 20)

struct template {
	const char *name;
	const struct stmt *stmt;
	struct expr *params;
	struct template *next;
};

struct check {
	struct lang_file *file;
	struct eval *ev;
	struct scope globals;
	struct template *templates;
	const struct lang_param *params;
	size_t nparams;
	bool *param_used;
	unsigned int depth, domain_count;
};

static void check_statements(struct check *c, const struct stmt *list, const struct source *src);

/* ---- collecting a domain's settings ---- */

struct collect {
	struct check *c;
	const struct scope *scope;
	const struct template *origin;
	enum context in;
	struct setting **list;
};

static void collect(const struct collect *k, const struct stmt *list);

static void unknown_word(struct check *c, enum context in, const struct stmt *s)
{
	const char *known[64], *near;
	size_t n = schema_words(in, known, 64);

	near = diag_nearest(s->word, known, n);
	diag_error(c->ev->diag, s->pos, "unknown word '%s'%s%s%s", s->word, near ? "; did you mean '" : "",
		   near ? near : "", near ? "'?" : "");
}

static struct value value_of(const struct collect *k, const struct expr *e, enum takes takes, const char *word)
{
	struct value v = eval_expr(k->c->ev, k->scope, e);
	enum value_kind kind = takes == TAKES_STRING ? VALUE_STRING : VALUE_NUMBER;
	enum unit unit = takes == TAKES_SIZE ? UNIT_SIZE : UNIT_NONE;

	if (v.kind == VALUE_ERROR) {
		return v;
	}
	if (v.kind != kind || (kind == VALUE_NUMBER && v.unit != unit)) {
		diag_error(k->c->ev->diag, e->pos, "'%s' takes %s, not %s%s", word,
			   takes == TAKES_SIZE ? "a size" : takes == TAKES_COUNT ? "a plain number" : "a string",
			   value_kind_name(v), takes == TAKES_SIZE && v.kind == VALUE_NUMBER && !v.unit ?
			   "; a unit is missing, as in 512MiB" : "");
		v.kind = VALUE_ERROR;
	}
	return v;
}

static bool word_is(const struct expr *e, const char *w)
{
	return e && e->kind == EXPR_WORD && strcmp(e->text, w) == 0;
}

static bool is_event(const char *w)
{
	return strcmp(w, "poweroff") == 0 || strcmp(w, "reboot") == 0 || strcmp(w, "crash") == 0;
}

/* The words after a noun, into a setting. False after saying what is wrong. */
static bool read_values(const struct collect *k, const struct stmt *s, const struct noun *n, struct setting *out)
{
	struct diag *d = k->c->ev->diag;
	const struct expr *e = s->values;

	if (n->takes != TAKES_NOTHING && !e) {
		diag_error(d, s->pos, "'%s' needs a value: %s", s->word, n->help);
		return false;
	}
	switch (n->takes) {
	case TAKES_NAME:
	case TAKES_EVENT:
		if (e->kind != EXPR_WORD || (n->takes == TAKES_EVENT && !is_event(e->text))) {
			diag_error(d, e->pos, n->takes == TAKES_EVENT ? "'on' takes poweroff, reboot or crash" :
				   "a name is due, as in '%s %s'", s->word, strcmp(s->word, "nic") ? "xvda" : "eth0");
			return false;
		}
		out->key = e->text;
		e = e->next;
		break;
	case TAKES_STRING_OR_AUTO:
		if (word_is(e, "auto")) {
			out->value = (struct value){ .kind = VALUE_STRING, .text = "auto" };
			e = e->next;
			break;
		}
		out->value = value_of(k, e, TAKES_STRING, s->word);
		e = e->next;
		break;
	case TAKES_NOTHING: break;
	default:
		out->value = value_of(k, e, n->takes, s->word);
		if (out->value.kind == VALUE_ERROR) {
			return false;
		}
		e = e->next;
		break;
	}
	if (n->keyword && word_is(e, n->keyword)) {
		if (!e->next) {
			diag_error(d, e->pos, "'%s' needs a value", n->keyword);
			return false;
		}
		out->extra = value_of(k, e->next, n->takes, n->keyword);
		e = e->next->next;
	}
	if (e) {
		diag_error(d, e->pos, "'%s' takes no more than this%s%s%s", s->word, n->keyword ? "; '" : "",
			   n->keyword ? n->keyword : "", n->keyword ? "' may follow, with a value" : "");
		return false;
	}
	if (s->has_block && n->block == CTX_NONE) {
		diag_error(d, s->pos, "'%s' has no block", s->word);
		return false;
	}
	return true;
}

static bool same_value(struct value a, struct value b)
{
	return a.kind == b.kind && a.number == b.number && a.unit == b.unit &&
	       (a.kind != VALUE_STRING || strcmp(a.text, b.text) == 0);
}

/* The block's own word wins; of templates, a later one that differs is a conflict until the block decides. */
static void put_setting(struct setting **list, const struct setting *s, struct arena *a)
{
	struct setting **at = list;

	while (*at && !((*at)->noun == s->noun && ((*at)->key == s->key ||
						   (s->key && (*at)->key && strcmp((*at)->key, s->key) == 0)))) {
		at = &(*at)->next;
	}
	if (!*at) {
		*at = arena_alloc(a, sizeof(*s));
		**at = *s;
		(*at)->next = NULL;
		return;
	}
	if ((*at)->origin == NULL && s->origin != NULL) {
		return;
	}
	struct setting *next = (*at)->next;
	const void *rival = NULL;

	if (s->origin && (*at)->origin && (*at)->origin != s->origin && !s->key &&
	    (!same_value((*at)->value, s->value) || !same_value((*at)->extra, s->extra))) {
		rival = (*at)->origin;
	}
	**at = *s;
	(*at)->rival = rival;
	(*at)->next = next;
}

static const struct template *find_template(const struct check *c, const char *name)
{
	for (const struct template *t = c->templates; t; t = t->next) {
		if (strcmp(t->name, name) == 0) {
			return t;
		}
	}
	return NULL;
}

/* Binds a template's parameters from the arguments, given by name or in order. */
static bool bind_arguments(const struct collect *k, const struct template *t, const struct expr *args, struct scope *s)
{
	struct eval *ev = k->c->ev;
	const struct expr *positional = args;
	bool ok = true;

	for (const struct expr *a = args; a; a = a->next) {
		const struct expr *p = t->params;

		while (a->kind == EXPR_NAMED && p && strcmp(p->text, a->text) != 0) {
			p = p->next;
		}
		if (!p) {
			diag_error(ev->diag, a->pos, "template %s has no parameter '%s'", t->name, a->text);
			ok = false;
		}
	}
	for (const struct expr *p = t->params; p; p = p->next) {
		const struct expr *given = NULL;
		struct value v;

		for (const struct expr *a = args; a; a = a->next) {
			if (a->kind == EXPR_NAMED && strcmp(a->text, p->text) == 0) {
				given = a->left;
			}
		}
		if (!given && positional && positional->kind != EXPR_NAMED) {
			given = positional;
			positional = positional->next;
		}
		if (given) {
			v = eval_expr(ev, k->scope, given);
		} else if (p->kind == EXPR_NAMED) {
			v = eval_expr(ev, s, p->left);
		} else {
			diag_error(ev->diag, k->c->ev->diag->chain->pos, "template %s needs '%s'", t->name, p->text);
			ok = false;
			continue;
		}
		ok = ok && v.kind != VALUE_ERROR;
		scope_bind(ev, s, p->text, v);
	}
	if (positional && positional->kind != EXPR_NAMED) {
		diag_error(ev->diag, positional->pos, "template %s takes no more arguments", t->name);
		ok = false;
	}
	return ok;
}

static void use_template(const struct collect *k, const struct stmt *s)
{
	struct check *c = k->c;
	const struct expr *e = s->values;
	const struct template *t;
	struct use_site site = { .pos = s->pos, .outer = c->ev->diag->chain };
	struct scope inner = { NULL, k->scope };
	struct collect in = *k;

	if (!e || e->next || (e->kind != EXPR_WORD && e->kind != EXPR_CALL)) {
		diag_error(c->ev->diag, s->pos, "'use' takes a template, as in: use debian(mem = 1GiB)");
		return;
	}
	t = find_template(c, e->text);
	if (!t) {
		diag_error(c->ev->diag, e->pos, "there is no template '%s'", e->text);
		return;
	}
	if (c->depth >= MAX_DEPTH) {
		diag_error(c->ev->diag, s->pos, "templates use one another too deeply; one must be using itself");
		return;
	}
	c->depth++;
	site.what = arena_printf(c->ev->arena, "template %s", t->name);
	c->ev->diag->chain = &site;
	if (bind_arguments(k, t, e->kind == EXPR_CALL ? e->items : NULL, &inner)) {
		in.scope = &inner;
		in.origin = k->origin ? k->origin : t;
		collect(&in, t->stmt->block);
	}
	c->ev->diag->chain = site.outer;
	c->depth--;
}

static const struct stmt *choose(struct check *c, const struct scope *scope, const struct stmt *s)
{
	struct value v;

	if (!s->values || s->values->kind != EXPR_GROUP || s->values->next || !s->has_block) {
		diag_error(c->ev->diag, s->pos, "'when' is written: when (condition) { ... } else { ... }");
		return NULL;
	}
	v = eval_expr(c->ev, scope, s->values);
	if (v.kind != VALUE_BOOL && v.kind != VALUE_ERROR) {
		diag_error(c->ev->diag, s->values->pos, "a condition is true or false, not %s", value_kind_name(v));
	}
	return v.kind != VALUE_BOOL ? NULL : v.number ? s->block : s->otherwise;
}

static void collect_one(const struct collect *k, const struct stmt *s)
{
	const struct noun *n = schema_find(k->in, s->word);
	struct setting set = { .noun = n, .pos = s->pos, .origin = k->origin };
	struct collect in = *k;

	if (!n) {
		unknown_word(k->c, k->in, s);
		return;
	}
	if (strcmp(s->word, "use") == 0) {
		use_template(k, s);
		return;
	}
	if (strcmp(s->word, "when") == 0) {
		collect(k, choose(k->c, k->scope, s));
		return;
	}
	if (!read_values(k, s, n, &set)) {
		return;
	}
	in.in = n->block;
	in.list = &set.inside;
	in.origin = NULL;
	collect(&in, s->block);
	put_setting(k->list, &set, k->c->ev->arena);
}

static void collect(const struct collect *k, const struct stmt *list)
{
	for (const struct stmt *s = list; s; s = s->next) {
		collect_one(k, s);
	}
}

static void report_rivals(struct check *c, const struct checked_domain *d)
{
	for (const struct setting *s = d->settings; s; s = s->next) {
		if (s->rival) {
			diag_error(c->ev->diag, s->pos, "templates %s and %s both set '%s' of domain %s; set it in the domain itself",
				   ((const struct template *)s->rival)->name,
				   ((const struct template *)s->origin)->name, s->noun->word, d->name);
		}
	}
}

/* ---- statements of a file ---- */

static void add_domain(struct check *c, const struct stmt *s, const char *name, uint64_t index)
{
	struct checked_domain **at = &c->file->domains, *d;
	struct scope scope = { NULL, &c->globals };
	struct collect k = { .c = c, .scope = &scope, .in = CTX_DOMAIN };

	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->name, name) == 0) {
			diag_error(c->ev->diag, s->pos, "domain %s is already described at %s:%d", name,
				   (*at)->pos.src->name, (*at)->pos.line);
			return;
		}
	}
	d = arena_alloc(c->ev->arena, sizeof(*d));
	d->name = name;
	d->pos = s->pos;
	*at = d;
	scope_bind(c->ev, &scope, "name", (struct value){ .kind = VALUE_STRING, .text = name });
	scope_bind(c->ev, &scope, "index", (struct value){ .kind = VALUE_NUMBER, .number = index });
	k.list = &d->settings;
	collect(&k, s->block);
	report_rivals(c, d);
}

static void do_domain(struct check *c, const struct stmt *s)
{
	const struct expr *e = s->values;
	struct value count;

	if (!e || e->next || (e->kind != EXPR_WORD && e->kind != EXPR_INDEX) || !s->has_block) {
		diag_error(c->ev->diag, s->pos, "a domain is written: domain NAME { ... } or domain NAME[COUNT] { ... }");
		return;
	}
	if (e->kind == EXPR_WORD) {
		add_domain(c, s, e->text, 0);
		return;
	}
	count = eval_expr(c->ev, &c->globals, e->left);
	if (count.kind != VALUE_NUMBER || count.unit || count.number > MAX_DOMAINS - c->domain_count) {
		if (count.kind != VALUE_ERROR) {
			diag_error(c->ev->diag, e->left->pos, "a plain number up to %u is due here", MAX_DOMAINS);
		}
		return;
	}
	c->domain_count += (unsigned int)count.number;
	for (uint64_t i = 0; i < count.number; i++) {
		add_domain(c, s, arena_printf(c->ev->arena, "%s%lu", e->text, (unsigned long)i), i);
	}
}

static void do_let(struct check *c, const struct stmt *s)
{
	const struct expr *name = s->values, *eq = name ? name->next : NULL, *value = eq ? eq->next : NULL;

	if (!value || name->kind != EXPR_WORD || eq->kind != EXPR_EQUALS || value->next) {
		diag_error(c->ev->diag, s->pos, "a constant is written: let NAME = VALUE (calculations in parentheses)");
		return;
	}
	if (scope_find(&c->globals, name->text)) {
		diag_error(c->ev->diag, name->pos, "'%s' already has a value", name->text);
		return;
	}
	scope_bind(c->ev, &c->globals, name->text, eval_expr(c->ev, &c->globals, value));
}

struct param_type { const char *name; enum value_kind kind; enum unit unit; };
static const struct param_type param_types[] = {
	{ "int", VALUE_NUMBER, UNIT_NONE }, { "string", VALUE_STRING, UNIT_NONE }, { "size", VALUE_NUMBER, UNIT_SIZE },
	{ "time", VALUE_NUMBER, UNIT_TIME }, { "rate", VALUE_NUMBER, UNIT_RATE }, { "bool", VALUE_BOOL, UNIT_NONE },
};

static const struct param_type *param_type(const struct expr *e)
{
	for (size_t i = 0; e && i < sizeof(param_types) / sizeof(param_types[0]); i++) {
		if ((e->kind == EXPR_WORD || e->kind == EXPR_CALL) && strcmp(e->text, param_types[i].name) == 0) {
			return &param_types[i];
		}
	}
	return NULL;
}

static bool in_range(struct check *c, const struct expr *type, struct value v, struct pos pos)
{
	const struct expr *r = type->kind == EXPR_CALL ? type->items : NULL;
	struct value low, high;

	if (!r || r->kind != EXPR_RANGE) {
		return true;
	}
	low = eval_expr(c->ev, &c->globals, r->left);
	high = eval_expr(c->ev, &c->globals, r->right);
	if (low.kind != VALUE_NUMBER || high.kind != VALUE_NUMBER) {
		return false;
	}
	if (v.number < low.number || v.number > high.number) {
		diag_error(c->ev->diag, pos, "%s is outside %s..%s", value_print(c->ev->arena, v),
			   value_print(c->ev->arena, low), value_print(c->ev->arena, high));
		return false;
	}
	return true;
}

/* -p name=text: for a string the text itself, else an expression. */
static struct value given_param(struct check *c, const struct expr *name, const struct param_type *t, bool *given)
{
	for (size_t i = 0; i < c->nparams; i++) {
		if (strcmp(c->params[i].name, name->text) == 0) {
			struct expr *e;

			*given = true;
			c->param_used[i] = true;
			if (t->kind == VALUE_STRING) {
				return (struct value){ .kind = VALUE_STRING, .text = c->params[i].value };
			}
			e = parse_expr(c->ev->arena, c->ev->diag, name->pos, c->params[i].value);
			return e ? eval_expr(c->ev, &c->globals, e) : (struct value){ .kind = VALUE_ERROR };
		}
	}
	return (struct value){ .kind = VALUE_ERROR };
}

static void do_param(struct check *c, const struct stmt *s)
{
	const struct expr *name = s->values, *colon = name ? name->next : NULL, *type = colon ? colon->next : NULL;
	const struct expr *eq = type ? type->next : NULL, *value = eq ? eq->next : NULL;
	const struct param_type *t = param_type(type);
	bool given = false;
	struct value v;

	if (!type || name->kind != EXPR_WORD || colon->kind != EXPR_COLON || (eq && eq->kind != EXPR_EQUALS) ||
	    (eq && !value) || (value && value->next)) {
		diag_error(c->ev->diag, s->pos, "a parameter is written: param NAME : TYPE = DEFAULT");
		return;
	}
	if (!t) {
		diag_error(c->ev->diag, type->pos, "unknown type: int, string, size, time, rate or bool");
		return;
	}
	v = given_param(c, name, t, &given);
	if (!given && !value) {
		diag_error(c->ev->diag, name->pos, "parameter '%s' has no default: give it with -p %s=VALUE", name->text,
			   name->text);
		return;
	}
	if (!given) {
		v = eval_expr(c->ev, &c->globals, value);
	}
	if (v.kind == VALUE_ERROR) {
		return;
	}
	if (v.kind != t->kind || v.unit != t->unit) {
		diag_error(c->ev->diag, given ? name->pos : value->pos, "parameter '%s' is %s, not a %s", name->text,
			   value_kind_name(v), t->name);
		return;
	}
	if (in_range(c, type, v, given ? name->pos : value->pos)) {
		scope_bind(c->ev, &c->globals, name->text, v);
	}
}

static void do_template(struct check *c, const struct stmt *s)
{
	const struct expr *e = s->values;
	struct template *t;

	if (!e || e->next || (e->kind != EXPR_WORD && e->kind != EXPR_CALL) || !s->has_block) {
		diag_error(c->ev->diag, s->pos, "a template is written: template NAME(parameters) { ... }");
		return;
	}
	if (find_template(c, e->text)) {
		diag_error(c->ev->diag, e->pos, "template '%s' is already there", e->text);
		return;
	}
	for (const struct expr *p = e->items; p; p = p->next) {
		if (p->kind != EXPR_WORD && p->kind != EXPR_NAMED) {
			diag_error(c->ev->diag, p->pos, "a parameter is NAME or NAME = DEFAULT");
			return;
		}
	}
	t = arena_alloc(c->ev->arena, sizeof(*t));
	t->name = e->text;
	t->stmt = s;
	t->params = e->items;
	t->next = c->templates;
	c->templates = t;
}

static void read_source(struct check *c, const char *path, const char *shown, const struct stmt *from);

static void do_include(struct check *c, const struct stmt *s, const struct source *src)
{
	struct value v;

	if (!s->values || s->values->next || s->values->kind != EXPR_STRING) {
		diag_error(c->ev->diag, s->pos, "an include is written: include \"file.pav\"");
		return;
	}
	v = eval_expr(c->ev, &c->globals, s->values);
	if (v.kind == VALUE_STRING) {
		read_source(c, v.text[0] == '/' ? v.text : arena_printf(c->ev->arena, "%s/%s", src->dir, v.text),
			    v.text, s);
	}
}

static void check_statements(struct check *c, const struct stmt *list, const struct source *src)
{
	static const struct {
		const char *word;
		void (*fn)(struct check *, const struct stmt *);
	} handlers[] = { { "let", do_let }, { "param", do_param }, { "template", do_template }, { "domain", do_domain } };

	for (const struct stmt *s = list; s; s = s->next) {
		size_t i = 0, n = sizeof(handlers) / sizeof(handlers[0]);

		while (i < n && strcmp(handlers[i].word, s->word) != 0) {
			i++;
		}
		if (i < n) {
			handlers[i].fn(c, s);
		} else if (strcmp(s->word, "include") == 0) {
			do_include(c, s, src);
		} else if (strcmp(s->word, "when") == 0) {
			check_statements(c, choose(c, &c->globals, s), src);
		} else {
			unknown_word(c, CTX_FILE, s);
		}
	}
}

/* ---- files ---- */

static char *slurp(struct check *c, const char *path, const char **why)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t n;

	*why = NULL;
	if (!f) {
		*why = strerror(errno);
		return NULL;
	}
	text = arena_alloc(c->ev->arena, MAX_FILE + 1);
	n = fread(text, 1, MAX_FILE + 1, f);
	if (ferror(f)) {
		*why = strerror(errno);
	} else if (n > MAX_FILE) {
		*why = "it is larger than 1 MiB";
	} else if (memchr(text, 0, n)) {
		*why = "it is not text";
	}
	fclose(f);
	return *why ? NULL : text;
}

static void cannot_read(struct check *c, const struct stmt *from, const char *shown, const char *why)
{
	if (from) {
		diag_error(c->ev->diag, from->values->pos, "cannot read %s: %s", shown, why);
	} else {
		diag_error(c->ev->diag, (struct pos){ 0 }, "%s: cannot be read: %s", shown, why);
	}
}

static void read_source(struct check *c, const char *path, const char *shown, const struct stmt *from)
{
	char real[PATH_MAX], *slash;
	const char *why = NULL;
	struct source *src;

	if (!realpath(path, real)) {
		cannot_read(c, from, shown, strerror(errno));
		return;
	}
	for (src = c->file->sources; src; src = src->next) {
		if (strcmp(src->dir + strlen(src->dir) + 1, strrchr(real, '/') + 1) == 0 &&
		    strncmp(src->dir, real, (size_t)(strrchr(real, '/') - real)) == 0 &&
		    strlen(src->dir) == (size_t)(strrchr(real, '/') - real)) {
			if (src->next == NULL || c->depth > 0) {
				/* Being read further up: a cycle.  Read before: once is enough. */
				for (const struct use_site *u = c->ev->diag->chain; u; u = u->outer) {
					if (u->pos.src == src) {
						diag_error(c->ev->diag, from->values->pos, "%s includes itself", shown);
						return;
					}
				}
			}
			return;
		}
	}
	src = arena_alloc(c->ev->arena, sizeof(*src));
	src->name = arena_strndup(c->ev->arena, shown, strlen(shown));
	slash = strrchr(real, '/');
	*slash = 0;
	/* dir holds the folder and, behind its terminator, the file's own name. */
	src->dir = arena_alloc(c->ev->arena, strlen(real) + strlen(slash + 1) + 2);
	strcpy(src->dir, real);
	strcpy(src->dir + strlen(real) + 1, slash + 1);
	*slash = '/';
	src->text = slurp(c, real, &why);
	if (!src->text) {
		cannot_read(c, from, shown, why);
		return;
	}
	src->next = c->file->sources;
	c->file->sources = src;
	struct stmt *list = parse_file(c->ev->arena, c->ev->diag, src);
	struct use_site site = { .pos = from ? from->pos : (struct pos){ 0 }, .what = shown,
				 .outer = c->ev->diag->chain };

	if (from) {
		c->ev->diag->chain = &site;
	}
	check_statements(c, list, src);
	c->ev->diag->chain = site.outer;
}

void check_file(struct lang_file *f, struct eval *ev, const char *file, const struct lang_param *params,
		size_t nparams)
{
	struct check c = { .file = f, .ev = ev, .params = params, .nparams = nparams };

	c.param_used = arena_alloc(ev->arena, nparams + 1);
	read_source(&c, file, file, NULL);
	for (size_t i = 0; i < nparams; i++) {
		if (!c.param_used[i] && !ev->diag->errors) {
			diag_error(ev->diag, (struct pos){ 0 }, "%s: no parameter is named '%s'", file, params[i].name);
		}
	}
}
