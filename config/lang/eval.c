/* See eval.h. */
#include "config/lang/eval.h"

#include <inttypes.h>
#include <string.h>

#include "config/lang/parse.h"
#include "config/lang/parse.tab.h"

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
	static const char *const units[] = { "a plain number", "a size", "a time", "a rate", "a percentage" };

	return v.kind == VALUE_NUMBER ? units[v.unit] : v.kind == VALUE_STRING ? "a string" :
	       v.kind == VALUE_BOOL ? "true or false" : "nothing";
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
	static const struct { uint64_t size; const char *unit; } sizes[] = {
		{ 1ULL << 40, "TiB" }, { 1ULL << 30, "GiB" }, { 1ULL << 20, "MiB" }, { 1ULL << 10, "KiB" },
		{ 1, "B" },
	};

	switch (v.kind) {
	case VALUE_STRING: return quote(a, v.text);
	case VALUE_BOOL: return v.number ? "true" : "false";
	case VALUE_NUMBER: break;
	default: return "?";
	}
	if (v.unit == UNIT_SIZE && v.number) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			if (v.number % sizes[i].size == 0) {
				return arena_printf(a, "%" PRIu64 "%s", v.number / sizes[i].size, sizes[i].unit);
			}
		}
	}
	return arena_printf(a, "%" PRIu64 "%s", v.number,
			    v.unit == UNIT_TIME ? "ns" : v.unit == UNIT_RATE ? "bit/s" :
			    v.unit == UNIT_PERCENT ? "%" : v.unit == UNIT_SIZE ? "B" : "");
}

/* A string's escapes and its "${expression}" parts. */
static struct value eval_string(struct eval *ev, const struct scope *s, const struct expr *e)
{
	const char *p = e->text;
	char *out = arena_strndup(ev->arena, "", 0);

	while (*p) {
		if (p[0] == '\\' && p[1]) {
			const char *from = "nt\"\\$", *to = "\n\t\"\\$", *f = strchr(from, p[1]);

			if (!f) {
				diag_error(ev->diag, e->pos, "'\\%c' is no escape: \\n \\t \\\" \\\\ \\$", p[1]);
				return error_value;
			}
			out = arena_printf(ev->arena, "%s%c", out, to[f - from]);
			p += 2;
		} else if (p[0] == '$' && p[1] == '{') {
			const char *end = strchr(p, '}');
			struct pos at = e->pos;
			struct expr *inner;
			struct value v;

			if (!end) {
				diag_error(ev->diag, e->pos, "'${' without its '}'");
				return error_value;
			}
			at.col += (int)(p - e->text) + 3;
			inner = parse_expr(ev->arena, ev->diag, at, arena_strndup(ev->arena, p + 2, (size_t)(end - p - 2)));
			if (!inner) {
				return error_value;
			}
			v = eval_expr(ev, s, inner);
			if (v.kind == VALUE_ERROR) {
				return v;
			}
			out = arena_printf(ev->arena, "%s%s", out, plain(ev->arena, v));
			p = end + 1;
		} else {
			size_t n = strcspn(p, "\\$");

			n = n ? n : 1;
			out = arena_printf(ev->arena, "%s%.*s", out, (int)n, p);
			p += n;
		}
	}
	return string(out);
}

static struct value arithmetic(struct eval *ev, const struct expr *e, struct value l, struct value r)
{
	enum unit unit = l.unit;
	uint64_t n = 0;
	bool bad = false;

	if (l.kind == VALUE_STRING && r.kind == VALUE_STRING && e->op == '+') {
		return string(arena_printf(ev->arena, "%s%s", l.text, r.text));
	}
	if (l.kind != VALUE_NUMBER || r.kind != VALUE_NUMBER) {
		diag_error(ev->diag, e->pos, "cannot calculate with %s and %s", value_kind_name(l), value_kind_name(r));
		return error_value;
	}
	switch (e->op) {
	case '*':
		bad = l.unit && r.unit;
		unit = l.unit ? l.unit : r.unit;
		if (!bad && __builtin_mul_overflow(l.number, r.number, &n)) {
			goto overflow;
		}
		break;
	case '/':
		bad = r.unit && r.unit != l.unit;
		unit = r.unit ? UNIT_NONE : l.unit;
		if (!bad && r.number == 0) {
			diag_error(ev->diag, e->pos, "division by zero");
			return error_value;
		}
		n = bad ? 0 : l.number / r.number;
		break;
	default:
		bad = l.unit != r.unit;
		if (!bad && (e->op == '+' ? __builtin_add_overflow(l.number, r.number, &n) :
					    __builtin_sub_overflow(l.number, r.number, &n))) {
			goto overflow;
		}
		break;
	}
	if (bad) {
		diag_error(ev->diag, e->pos, "the units do not fit: %s and %s", value_kind_name(l), value_kind_name(r));
		return error_value;
	}
	return number(n, unit);
overflow:
	diag_error(ev->diag, e->pos, "the result is out of range");
	return error_value;
}

static struct value compare(struct eval *ev, const struct expr *e, struct value l, struct value r)
{
	int order;
	bool truth;

	if (l.kind != r.kind || l.unit != r.unit) {
		diag_error(ev->diag, e->pos, "cannot compare %s with %s", value_kind_name(l), value_kind_name(r));
		return error_value;
	}
	order = l.kind == VALUE_STRING ? strcmp(l.text, r.text) : (l.number > r.number) - (l.number < r.number);
	switch (e->op) {
	case EQ: truth = order == 0; break;
	case NE: truth = order != 0; break;
	case '<': truth = order < 0; break;
	case '>': truth = order > 0; break;
	case LE: truth = order <= 0; break;
	default: truth = order >= 0; break;
	}
	return (struct value){ .kind = VALUE_BOOL, .number = truth };
}

static struct value eval_binary(struct eval *ev, const struct scope *s, const struct expr *e)
{
	struct value l = eval_expr(ev, s, e->left), r = eval_expr(ev, s, e->right);

	if (l.kind == VALUE_ERROR || r.kind == VALUE_ERROR) {
		return error_value;
	}
	return strchr("+-*/", e->op) && e->op < 128 ? arithmetic(ev, e, l, r) : compare(ev, e, l, r);
}

struct value eval_expr(struct eval *ev, const struct scope *s, const struct expr *e)
{
	const struct value *v;
	const char *near;

	switch (e->kind) {
	case EXPR_NUMBER: return number(e->number, e->unit);
	case EXPR_STRING: return eval_string(ev, s, e);
	case EXPR_GROUP: return eval_expr(ev, s, e->left);
	case EXPR_BINARY: return eval_binary(ev, s, e);
	case EXPR_WORD:
		if (strcmp(e->text, "true") == 0 || strcmp(e->text, "false") == 0) {
			return (struct value){ .kind = VALUE_BOOL, .number = e->text[0] == 't' };
		}
		v = scope_find(s, e->text);
		if (v) {
			return *v;
		}
		near = nearest_name(s, e->text);
		diag_error(ev->diag, e->pos, "nothing is named '%s'%s%s%s", e->text, near ? "; did you mean '" : "",
			   near ? near : "", near ? "'?" : "");
		return error_value;
	default:
		diag_error(ev->diag, e->pos, "this cannot stand where a value is due");
		return error_value;
	}
}
