/* See eval.h. */
#include "config/lang/eval.h"

#include <inttypes.h>
#include <string.h>

#include "config/lang/parse.h"
#include <config/lang/parse.tab.h>

static const struct value error_value = { .kind = VALUE_ERROR };

void scope_bind(struct eval *ev, struct scope *s, const char *name, struct value v)
{
	struct binding *b = arena_alloc(ev->arena, sizeof(*b));

	*b = (struct binding){ name, v, s->bindings };
	s->bindings = b;
}

const struct value *scope_find(const struct scope *s, const char *name)
{
	for (; s; s = s->outer) {
		for (const struct binding *b = s->bindings; b; b = b->next) {
			if (strcmp(b->name, name) == 0) {
				return &b->value;
			}
		}
	}
	return NULL;
}

static const char *nearest_name(const struct scope *s, const char *name)
{
	const char *known[128];
	size_t n = 0;

	for (; s; s = s->outer) {
		for (const struct binding *b = s->bindings; b && n < 128; b = b->next) {
			known[n++] = b->name;
		}
	}
	return diag_nearest(name, known, n);
}

const char *value_kind_name(struct value v)
{
	static const char *const units[] = { "a plain number", "a size", "a time", "a rate",
					     "a percentage" };

	return v.kind == VALUE_NUMBER	? units[v.unit]
	       : v.kind == VALUE_STRING ? "a string"
	       : v.kind == VALUE_BOOL	? "true or false"
					: "nothing";
}

static struct value number(uint64_t n, enum unit u)
{
	return (struct value){ .kind = VALUE_NUMBER, .number = n, .unit = u };
}

static struct value string(const char *s)
{
	return (struct value){ .kind = VALUE_STRING, .text = s };
}

/* A value as it appears inside "${}". */
static const char *plain(struct arena *a, struct value v)
{
	return v.kind == VALUE_STRING ? v.text : value_print(a, v);
}

static const char *quote(struct arena *a, const char *s)
{
	char *out = arena_alloc(a, 2 * strlen(s) + 3), *o = out;

	*o++ = '"';
	for (; *s; s++) {
		if (strchr("\"\\$\n\t", *s)) {
			*o++ = '\\';
		}
		*o++ = *s == '\n' ? 'n' : *s == '\t' ? 't' : *s;
	}
	*o = '"';
	return out;
}

const char *value_print(struct arena *a, struct value v)
{
	static const struct {
		enum unit unit;
		uint64_t size;
		const char *name;
	} units[] = {
		{ UNIT_SIZE, 1ULL << 40, "TiB" },
		{ UNIT_SIZE, 1ULL << 30, "GiB" },
		{ UNIT_SIZE, 1ULL << 20, "MiB" },
		{ UNIT_SIZE, 1ULL << 10, "KiB" },
		{ UNIT_SIZE, 1, "B" },
		{ UNIT_TIME, 3600000000000, "h" },
		{ UNIT_TIME, 60000000000, "min" },
		{ UNIT_TIME, 1000000000, "s" },
		{ UNIT_TIME, 1000000, "ms" },
		{ UNIT_TIME, 1000, "us" },
		{ UNIT_TIME, 1, "ns" },
		{ UNIT_RATE, 1000000000, "Gbit/s" },
		{ UNIT_RATE, 1000000, "Mbit/s" },
		{ UNIT_RATE, 1000, "kbit/s" },
		{ UNIT_RATE, 1, "bit/s" },
		{ UNIT_PERCENT, 1, "%" },
		{ UNIT_NONE, 1, "" },
	};

	switch (v.kind) {
	case VALUE_STRING:
		return quote(a, v.text);
	case VALUE_BOOL:
		return v.number ? "true" : "false";
	case VALUE_NUMBER:
		break;
	default:
		return "?";
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		bool fits = v.number ? v.number % units[i].size == 0 : units[i].size == 1;

		if (units[i].unit == v.unit && fits) {
			return arena_printf(a, "%" PRIu64 "%s", v.number / units[i].size,
					    units[i].name);
		}
	}
	return "?";
}

/* A string being put together, never longer than EVAL_MAX_STRING. */
struct text {
	char *bytes;
	size_t len, room;
};

static bool add_text(struct eval *ev, struct pos pos, struct text *t, const char *s, size_t n)
{
	if (n > EVAL_MAX_STRING - t->len) {
		diag_error(ev->diag, pos, "a string has at most %d bytes", EVAL_MAX_STRING);
		return false;
	}
	if (t->len + n + 1 > t->room) {
		char *more;

		t->room = 2 * (t->len + n + 1);
		more = arena_alloc(ev->arena, t->room);
		if (t->len) {
			memcpy(more, t->bytes, t->len);
		}
		t->bytes = more;
	}
	memcpy(t->bytes + t->len, s, n);
	t->len += n;
	return true;
}

/* The part of string E that begins at P, for messages: its text stands behind a quote. */
static struct pos pos_within(const struct expr *e, const char *p, int width)
{
	struct pos at = e->pos;

	at.col += (int)(p - e->text) + 1;
	at.width = width;
	return at;
}

static bool add_escape(struct eval *ev, const struct expr *e, const char *p, struct text *t)
{
	static const char from[] = "nt\"\\$", to[] = "\n\t\"\\$";
	const char *f = strchr(from, p[1]);

	if (!f) {
		diag_error(ev->diag, pos_within(e, p, 2),
			   "'\\%c' is no escape: \\n \\t \\\" \\\\ \\$", p[1]);
		return false;
	}
	return add_text(ev, e->pos, t, &to[f - from], 1);
}

/* "${expression}" at P; moves P behind it. */
static bool add_inserted(struct eval *ev, const struct scope *s, const struct expr *e,
			 const char **p, struct text *t)
{
	const char *end = strchr(*p, '}'), *shown;
	struct expr *inner;
	struct value v;

	if (!end) {
		diag_error(ev->diag, pos_within(e, *p, 2), "'${' without its '}'");
		return false;
	}
	inner = parse_expr(ev->arena, ev->diag, pos_within(e, *p + 2, 1),
			   arena_strndup(ev->arena, *p + 2, (size_t)(end - *p - 2)));
	if (!inner) {
		return false;
	}
	v = eval_expr(ev, s, inner);
	if (v.kind == VALUE_ERROR) {
		return false;
	}
	*p = end + 1;
	shown = plain(ev->arena, v);
	return add_text(ev, e->pos, t, shown, strlen(shown));
}

/* A string's escapes and its "${expression}" parts. */
static struct value eval_string(struct eval *ev, const struct scope *s, const struct expr *e)
{
	struct text t = { 0 };
	const char *p = e->text;
	bool good = add_text(ev, e->pos, &t, "", 0);

	while (good && *p) {
		if (p[0] == '\\' && p[1]) {
			good = add_escape(ev, e, p, &t);
			p += 2;
		} else if (p[0] == '$' && p[1] == '{') {
			good = add_inserted(ev, s, e, &p, &t);
		} else {
			size_t n = strcspn(p + 1, "\\$") + 1;

			good = add_text(ev, e->pos, &t, p, n);
			p += n;
		}
	}
	return good ? string(t.bytes) : error_value;
}

static struct value join(struct eval *ev, const struct expr *e, const char *l, const char *r)
{
	struct text t = { 0 };
	bool good = add_text(ev, e->pos, &t, l, strlen(l)) &&
		    add_text(ev, e->pos, &t, r, strlen(r));

	return good ? string(t.bytes) : error_value;
}

/* The unit of L op R; false if the two units do not go together. */
static bool unit_of(int op, enum unit l, enum unit r, enum unit *out)
{
	switch (op) {
	case '*':
		*out = l ? l : r;
		return !l || !r;
	case '/':
		*out = r ? UNIT_NONE : l;
		return !r || l == r;
	default:
		*out = l;
		return l == r;
	}
}

/* False if the result does not fit; R is not 0 in a division. */
static bool calculate(int op, uint64_t l, uint64_t r, uint64_t *out)
{
	switch (op) {
	case '*':
		return !__builtin_mul_overflow(l, r, out);
	case '/':
		*out = l / r;
		return true;
	case '+':
		return !__builtin_add_overflow(l, r, out);
	default:
		return !__builtin_sub_overflow(l, r, out);
	}
}

static struct value arithmetic(struct eval *ev, const struct expr *e, struct value l,
			       struct value r)
{
	enum unit unit;
	uint64_t n;

	if (l.kind == VALUE_STRING && r.kind == VALUE_STRING && e->op == '+') {
		return join(ev, e, l.text, r.text);
	}
	if (l.kind != VALUE_NUMBER || r.kind != VALUE_NUMBER) {
		diag_error(ev->diag, e->pos, "cannot calculate with %s and %s", value_kind_name(l),
			   value_kind_name(r));
	} else if (!unit_of(e->op, l.unit, r.unit, &unit)) {
		diag_error(ev->diag, e->pos, "the units do not fit: %s and %s", value_kind_name(l),
			   value_kind_name(r));
	} else if (e->op == '/' && r.number == 0) {
		diag_error(ev->diag, e->pos, "division by zero");
	} else if (!calculate(e->op, l.number, r.number, &n)) {
		diag_error(ev->diag, e->pos, "the result is out of range");
	} else {
		return number(n, unit);
	}
	return error_value;
}

static struct value compare(struct eval *ev, const struct expr *e, struct value l, struct value r)
{
	int order;
	bool truth;

	if (l.kind != r.kind || l.unit != r.unit) {
		diag_error(ev->diag, e->pos, "cannot compare %s with %s", value_kind_name(l),
			   value_kind_name(r));
		return error_value;
	}
	order = l.kind == VALUE_STRING ? strcmp(l.text, r.text)
				       : (l.number > r.number) - (l.number < r.number);
	switch (e->op) {
	case EQ:
		truth = order == 0;
		break;
	case NE:
		truth = order != 0;
		break;
	case '<':
		truth = order < 0;
		break;
	case '>':
		truth = order > 0;
		break;
	case LE:
		truth = order <= 0;
		break;
	default:
		truth = order >= 0;
		break;
	}
	return (struct value){ .kind = VALUE_BOOL, .number = truth };
}

static struct value eval_binary(struct eval *ev, const struct scope *s, const struct expr *e)
{
	struct value l = eval_expr(ev, s, e->left), r;

	r = l.kind == VALUE_ERROR ? error_value : eval_expr(ev, s, e->right);
	if (r.kind == VALUE_ERROR) {
		return error_value;
	}
	switch (e->op) {
	case '+':
	case '-':
	case '*':
	case '/':
		return arithmetic(ev, e, l, r);
	default:
		return compare(ev, e, l, r);
	}
}

static struct value eval_word(struct eval *ev, const struct scope *s, const struct expr *e)
{
	const struct value *v = scope_find(s, e->text);
	const char *near;

	if (strcmp(e->text, "true") == 0 || strcmp(e->text, "false") == 0) {
		return (struct value){ .kind = VALUE_BOOL, .number = e->text[0] == 't' };
	}
	if (v) {
		return *v;
	}
	near = nearest_name(s, e->text);
	if (!ev->diag->incomplete) {
		diag_error(ev->diag, e->pos, "nothing is named '%s'%s%s%s", e->text,
			   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	return error_value;
}

struct value eval_expr(struct eval *ev, const struct scope *s, const struct expr *e)
{
	struct value v = error_value;

	if (ev->depth >= EVAL_MAX_DEPTH) {
		diag_error(ev->diag, e->pos, "more than %d operators in one expression",
			   EVAL_MAX_DEPTH);
		return v;
	}
	ev->depth++;
	switch (e->kind) {
	case EXPR_NUMBER:
		v = number(e->number, e->unit);
		break;
	case EXPR_STRING:
		v = eval_string(ev, s, e);
		break;
	case EXPR_GROUP:
		v = eval_expr(ev, s, e->left);
		break;
	case EXPR_BINARY:
		v = eval_binary(ev, s, e);
		break;
	case EXPR_WORD:
		v = eval_word(ev, s, e);
		break;
	default:
		diag_error(ev->diag, e->pos, "this cannot stand where a value is due");
		break;
	}
	ev->depth--;
	return v;
}
