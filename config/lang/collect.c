/*
 * A domain's settings: those of its own block, then those of the templates it uses.  A template is
 * gathered like a block of its own and then merged, so the rules are the same at every level: what
 * a block says itself wins; two of its templates that differ need its decision.
 */
#include <string.h>

#include "config/lang/check.h"

/* One block being gathered. */
struct collect {
	struct check *c;
	const struct scope *scope;  /* where names are looked up */
	const struct scope *domain; /* the same without parameters of templates */
	enum context in;
	unsigned int block;
	struct setting **list;
};

static void collect(struct collect k, const struct stmt *list);

/* ---- the values of one statement ---- */

static const char *takes_what(enum takes takes)
{
	return takes == TAKES_SIZE    ? "a size"
	       : takes == TAKES_COUNT ? "a plain number"
				      : "a string";
}

static struct value value_of(const struct collect *k, const struct expr *e, enum takes takes,
			     const char *word)
{
	struct value v = eval_expr(k->c->ev, k->scope, e);
	bool is_number = takes == TAKES_SIZE || takes == TAKES_COUNT;
	enum value_kind kind = is_number ? VALUE_NUMBER : VALUE_STRING;
	enum unit unit = takes == TAKES_SIZE ? UNIT_SIZE : UNIT_NONE;

	if (v.kind == VALUE_ERROR) {
		return v;
	}
	if (v.kind != kind || v.unit != unit) {
		bool bare = takes == TAKES_SIZE && v.kind == VALUE_NUMBER && !v.unit;

		diag_error(k->c->ev->diag, e->pos, "'%s' takes %s, not %s%s", word,
			   takes_what(takes), value_kind_name(v),
			   bare ? "; a unit is missing, as in 512MiB" : "");
		v.kind = VALUE_ERROR;
	}
	/* Relative paths are relative to the file that says them. */
	if (v.kind == VALUE_STRING && takes == TAKES_PATH && v.text[0] != '/') {
		v.text = arena_printf(k->c->ev->arena, "%s/%s", e->pos.src->dir, v.text);
	}
	return v;
}

static bool word_is(const struct expr *e, const char *w)
{
	return e && e->kind == EXPR_WORD && strcmp(e->text, w) == 0;
}

static bool read_key(const struct collect *k, const struct stmt *s, const struct expr *e,
		     struct setting *out)
{
	bool event = s->values && out->noun->takes == TAKES_EVENT;

	if (event && !word_is(e, "poweroff") && !word_is(e, "reboot") && !word_is(e, "crash")) {
		diag_error(k->c->ev->diag, e->pos, "'on' takes poweroff, reboot or crash");
		return false;
	}
	if (e->kind != EXPR_WORD) {
		diag_error(k->c->ev->diag, e->pos, "a name is due, as in '%s %s'", s->word,
			   strcmp(s->word, "nic") ? "xvda" : "eth0");
		return false;
	}
	out->key = e->text;
	return true;
}

/* The first value after the noun. */
static bool read_first(const struct collect *k, const struct stmt *s, const struct expr *e,
		       struct setting *out)
{
	switch (out->noun->takes) {
	case TAKES_NAME:
	case TAKES_EVENT:
		return read_key(k, s, e, out);
	case TAKES_STRING_OR_AUTO:
		if (word_is(e, "auto")) {
			out->value = (struct value){ .kind = VALUE_STRING, .text = "auto" };
			return true;
		}
		break;
	default:
		break;
	}
	out->value = value_of(k, e, out->noun->takes, s->word);
	return out->value.kind != VALUE_ERROR;
}

/* "max 1GiB" behind it; moves E past it. */
static bool read_keyword(const struct collect *k, const struct expr **e, struct setting *out)
{
	const struct noun *n = out->noun;

	if (!n->keyword || !word_is(*e, n->keyword)) {
		return true;
	}
	if (!(*e)->next) {
		diag_error(k->c->ev->diag, (*e)->pos, "'%s' needs a value", n->keyword);
		return false;
	}
	out->extra = value_of(k, (*e)->next, n->takes, n->keyword);
	*e = (*e)->next->next;
	return out->extra.kind != VALUE_ERROR;
}

/* The words after a noun, into a setting. False after saying what is wrong. */
static bool read_values(const struct collect *k, const struct stmt *s, struct setting *out)
{
	const struct noun *n = out->noun;
	const struct expr *e = s->values;

	if (n->takes != TAKES_NOTHING) {
		if (!e) {
			diag_error(k->c->ev->diag, s->pos, "'%s' needs a value: %s", s->word,
				   n->help);
			return false;
		}
		if (!read_first(k, s, e, out)) {
			return false;
		}
		e = e->next;
	}
	if (!read_keyword(k, &e, out)) {
		return false;
	}
	if (e) {
		diag_error(k->c->ev->diag, e->pos, "'%s' takes no more than this%s%s%s", s->word,
			   n->keyword ? "; '" : "", n->keyword ? n->keyword : "",
			   n->keyword ? "' may follow, with a value" : "");
		return false;
	}
	return true;
}

/* ---- putting settings together ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_value(struct value a, struct value b)
{
	return a.kind == b.kind && a.number == b.number && a.unit == b.unit &&
	       (a.kind != VALUE_STRING || strcmp(a.text, b.text) == 0);
}

static bool same_setting(const struct setting *a, const struct setting *b)
{
	const struct setting *x = a->inside, *y = b->inside;

	while (x && y && x->noun == y->noun && same_value(x->value, y->value)) {
		x = x->next;
		y = y->next;
	}
	return !x && !y && same_value(a->value, b->value) && same_value(a->extra, b->extra);
}

/* S, from a template, where WAS is from another: the block must decide unless they agree. */
static void note_rivals(struct setting *s, const struct setting *was)
{
	if (was->rivals[0]) {
		memcpy(s->rivals, was->rivals, sizeof(s->rivals));
	} else if (!s->rivals[0] && s->origin != was->origin && !same_setting(s, was)) {
		s->rivals[0] = was->origin;
		s->rivals[1] = s->origin;
	}
}

static void put_setting(struct check *c, struct setting **list, struct setting s)
{
	struct setting **at = list;

	while (*at && !((*at)->noun == s.noun && same_text((*at)->key, s.key))) {
		at = &(*at)->next;
	}
	if (!*at) {
		s.next = NULL;
		*at = arena_alloc(c->ev->arena, sizeof(s));
		**at = s;
		return;
	}
	if (!(*at)->origin && s.origin) {
		return;
	}
	if (!s.origin && !(*at)->origin && (*at)->block == s.block) {
		diag_error(c->ev->diag, s.pos,
			   "'%s%s%s' is set twice in this block, first in line %d", s.noun->word,
			   s.key ? " " : "", s.key ? s.key : "", (*at)->pos.line);
	}
	if (s.origin) {
		note_rivals(&s, *at);
	}
	s.next = (*at)->next;
	**at = s;
}

/* ---- templates ---- */

/* The parameter a named argument means, and its place among them; NULL if there is none. */
static const struct expr *find_param(const struct template *t, const char *name, size_t *place)
{
	const struct expr *p = t->params;

	for (*place = 0; p && strcmp(p->text, name) != 0; p = p->next) {
		++*place;
	}
	return p;
}

static bool named_before(const struct expr *args, const struct expr *a)
{
	while (args != a && !(args->kind == EXPR_NAMED && strcmp(args->text, a->text) == 0)) {
		args = args->next;
	}
	return args != a;
}

/* Arguments in order come first, then named ones; each has a parameter, and none is given twice. */
static bool check_arguments(struct diag *d, const struct template *t, const struct expr *args)
{
	const struct expr *in_order = t->params;
	size_t given = 0, left, place;

	for (const struct expr *a = args; a && a->kind != EXPR_NAMED; a = a->next, given++) {
		if (!in_order) {
			diag_error(d, a->pos, "template %s takes no more arguments", t->name);
			return false;
		}
		in_order = in_order->next;
	}
	left = given;
	for (const struct expr *a = args; a; a = a->next) {
		if (a->kind != EXPR_NAMED) {
			if (left-- == 0) {
				diag_error(d, a->pos, "arguments without a name come first");
				return false;
			}
			continue;
		}
		if (!find_param(t, a->text, &place)) {
			diag_error(d, a->pos, "template %s has no parameter '%s'", t->name,
				   a->text);
			return false;
		}
		if (place < given || named_before(args, a)) {
			diag_error(d, a->pos, "'%s' is given twice", a->text);
			return false;
		}
	}
	return true;
}

/* The argument for parameter P, the NTH of its template, or NULL. */
static const struct expr *find_argument(const struct expr *args, const struct expr *p, size_t nth)
{
	for (const struct expr *a = args; a; a = a->next) {
		if (a->kind == EXPR_NAMED ? strcmp(a->text, p->text) == 0 : nth == 0) {
			return a->kind == EXPR_NAMED ? a->left : a;
		}
		nth -= a->kind != EXPR_NAMED && nth;
	}
	return NULL;
}

/* Binds a template's parameters, given by name or in order. */
static bool bind_arguments(const struct collect *k, const struct stmt *use,
			   const struct template *t, struct scope *s)
{
	struct eval *ev = k->c->ev;
	const struct expr *args = use->values->kind == EXPR_CALL ? use->values->items : NULL;
	bool good = check_arguments(ev->diag, t, args);
	size_t nth = 0;

	for (const struct expr *p = t->params; p && good; p = p->next, nth++) {
		const struct expr *given = find_argument(args, p, nth);
		struct value v = { .kind = VALUE_ERROR };

		if (given) {
			v = eval_expr(ev, k->scope, given);
		} else if (p->kind == EXPR_NAMED) {
			v = eval_expr(ev, s, p->left);
		} else {
			diag_error(ev->diag, use->pos, "template %s needs '%s'", t->name, p->text);
		}
		good = v.kind != VALUE_ERROR;
		scope_bind(ev, s, p->text, v);
	}
	return good;
}

/* The template's settings, gathered on their own, become settings of K's block with origin T. */
static void merge_template(const struct collect *k, struct template *t, const struct scope *scope)
{
	struct setting *inside = NULL;
	struct collect in = *k;

	in.scope = scope;
	in.list = &inside;
	t->busy = true;
	k->c->depth++;
	collect(in, t->stmt->block);
	k->c->depth--;
	t->busy = false;
	for (const struct setting *s = inside; s; s = s->next) {
		struct setting copy = *s;

		copy.origin = t;
		copy.block = k->block;
		put_setting(k->c, k->list, copy);
	}
}

static struct template *template_used(struct check *c, const struct stmt *s)
{
	const struct expr *e = s->values;
	struct template *t;

	if (!e || e->next || (e->kind != EXPR_WORD && e->kind != EXPR_CALL)) {
		diag_error(c->ev->diag, s->pos,
			   "'use' takes a template, as in: use debian(mem = 1GiB)");
		return NULL;
	}
	t = check_find_template(c, e->text);
	if (!t && !c->ev->diag->incomplete) {
		diag_error(c->ev->diag, e->pos, "there is no template '%s'", e->text);
	} else if (t && t->busy) {
		diag_error(c->ev->diag, e->pos, "template %s uses itself", e->text);
		return NULL;
	} else if (c->depth >= CHECK_MAX_DEPTH) {
		diag_error(c->ev->diag, e->pos, "templates use one another more than %d deep",
			   CHECK_MAX_DEPTH);
		return NULL;
	}
	return t;
}

static void use_template(const struct collect *k, const struct stmt *s)
{
	struct diag *d = k->c->ev->diag;
	struct template *t = template_used(k->c, s);
	struct scope inner = { NULL, k->domain };
	struct use_site site = { .pos = s->pos, .outer = d->chain };

	if (!t || !bind_arguments(k, s, t, &inner)) {
		return;
	}
	site.what = arena_printf(k->c->ev->arena, "template %s", t->name);
	d->chain = &site;
	merge_template(k, t, &inner);
	d->chain = site.outer;
}

/* ---- blocks ---- */

static void collect_noun(const struct collect *k, const struct stmt *s, const struct noun *n)
{
	struct setting set = { .noun = n, .pos = s->pos, .block = k->block };
	struct collect in = *k;

	if (!read_values(k, s, &set)) {
		return;
	}
	in.in = n->block;
	in.list = &set.inside;
	collect(in, s->block);
	put_setting(k->c, k->list, set);
}

/* Templates that use templates can grow without measure; a file that does is stopped. */
static bool too_many(struct check *c, const struct stmt *s)
{
	if (c->statements++ < CHECK_MAX_STATEMENTS) {
		return false;
	}
	if (c->statements == CHECK_MAX_STATEMENTS + 1) {
		diag_error(c->ev->diag, s->pos,
			   "more than %d statements when templates are expanded",
			   CHECK_MAX_STATEMENTS);
	}
	return true;
}

static void collect(struct collect k, const struct stmt *list)
{
	k.block = ++k.c->blocks;
	for (const struct stmt *s = list; s && !too_many(k.c, s); s = s->next) {
		const struct noun *n = schema_find(k.in, s->word);

		if (!check_shape(k.c, k.in, n, s)) {
			continue;
		}
		if (strcmp(s->word, "use") == 0) {
			use_template(&k, s);
		} else if (strcmp(s->word, "when") == 0) {
			collect(k, check_choose(k.c, k.scope, s));
		} else {
			collect_noun(&k, s, n);
		}
	}
}

void collect_domain(struct check *c, const struct scope *scope, struct checked_domain *d,
		    const struct stmt *block)
{
	struct collect k = { .c = c, .scope = scope, .domain = scope, .in = CTX_DOMAIN };

	k.list = &d->settings;
	collect(k, block);
	for (const struct setting *s = d->settings; s; s = s->next) {
		if (s->rivals[0]) {
			diag_error(c->ev->diag, d->pos,
				   "templates %s and %s both set '%s%s%s'; set it in the domain itself",
				   s->rivals[0]->name, s->rivals[1]->name, s->noun->word,
				   s->key ? " " : "", s->key ? s->key : "");
		}
	}
}
