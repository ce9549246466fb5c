/*
 * Text out of values.  The format is parsed into one struct spec per
 * conversion; each kind of value then has its own small writer.
 */
#include "lib/fmt.h"

#include <stdbool.h>
#include <stdint.h>

#include "lib/string.h"

struct out {
	char *to;
	size_t size;
	size_t length; /* of the whole text, written or not */
};

struct spec {
	bool left, plus, space, zero, alternate;
	int width;
	int precision; /* -1: none given */
	int length;    /* -2 hh, -1 h, 0, 1 l, 2 ll and the like */
	char conversion;
};

static void put_char(struct out *o, char c)
{
	if (o->length + 1 < o->size) {
		o->to[o->length] = c;
	}
	o->length++;
}

static void put_text(struct out *o, const char *s, size_t n)
{
	while (n--) {
		put_char(o, *s++);
	}
}

static void put_pad(struct out *o, char c, int n)
{
	while (n-- > 0) {
		put_char(o, c);
	}
}

/* Prefix (sign or 0x), zeroes, digits, in a field. */
static void put_field(struct out *o, const struct spec *s, const char *prefix, int zeroes,
		      const char *digits, int n)
{
	int prefix_length = (int)strlen(prefix);
	int pad = s->width - prefix_length - zeroes - n;

	if (!s->left) {
		put_pad(o, ' ', pad);
	}
	put_text(o, prefix, (size_t)prefix_length);
	put_pad(o, '0', zeroes);
	put_text(o, digits, (size_t)n);
	if (s->left) {
		put_pad(o, ' ', pad);
	}
}

static void put_number(struct out *o, const struct spec *s, uint64_t value, const char *prefix)
{
	const char *alphabet = s->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned int base = s->conversion == 'x' || s->conversion == 'X' ? 16
			    : s->conversion == 'o'			 ? 8
									 : 10;
	char digits[24];
	int n = 0, zeroes = 0;

	for (uint64_t v = value; v || (!n && s->precision != 0); v /= base) {
		digits[sizeof(digits) - ++n] = alphabet[v % base];
	}
	if (s->alternate && base == 16 && value) {
		prefix = s->conversion == 'X' ? "0X" : "0x";
	}
	if (s->precision >= 0) {
		zeroes = s->precision - n;
	} else if (s->zero && !s->left) {
		zeroes = s->width - (int)strlen(prefix) - n;
	}
	if (s->alternate && base == 8 && zeroes < 1 && (value || !n)) {
		zeroes = 1;
	}
	put_field(o, s, prefix, zeroes > 0 ? zeroes : 0, digits + sizeof(digits) - n, n);
}

static void put_signed(struct out *o, const struct spec *s, int64_t value)
{
	const char *sign = value < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";

	put_number(o, s, value < 0 ? -(uint64_t)value : (uint64_t)value, sign);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	size_t limit = s->precision >= 0 ? (size_t)s->precision : INT32_MAX;

	if (!text) {
		text = "(null)";
	}
	put_field(o, s, "", 0, text, (int)strnlen(text, limit));
}

static const char *parse_flags(const char *f, struct spec *s)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			s->left = true;
			break;
		case '+':
			s->plus = true;
			break;
		case ' ':
			s->space = true;
			break;
		case '0':
			s->zero = true;
			break;
		case '#':
			s->alternate = true;
			break;
		default:
			return f;
		}
	}
}

static const char *parse_int(const char *f, int *value)
{
	int n = 0;

	for (; *f >= '0' && *f <= '9'; f++) {
		n = n < 1000000 ? n * 10 + (*f - '0') : n;
	}
	*value = n;
	return f;
}

static const char *parse_length(const char *f, struct spec *s)
{
	if (*f == 'z' || *f == 't' || *f == 'j') {
		s->length = 2;
		return f + 1;
	}
	for (; *f == 'l'; f++) {
		s->length++;
	}
	for (; *f == 'h'; f++) {
		s->length--;
	}
	return f;
}

static int64_t get_signed(int length, int64_t wide, int narrow)
{
	switch (length) {
	case 0:
		return narrow;
	case -1:
		return (short)narrow;
	default:
		return length < 0 ? (signed char)narrow : wide;
	}
}

static uint64_t get_unsigned(int length, uint64_t wide, unsigned int narrow)
{
	switch (length) {
	case 0:
		return narrow;
	case -1:
		return (unsigned short)narrow;
	default:
		return length < 0 ? (unsigned char)narrow : wide;
	}
}

/* What a va_list is passed as differs when it is a parameter: a struct hides that. */
struct args {
	va_list list;
};

static void convert(struct out *o, struct spec *s, struct args *a)
{
	char c;

	switch (s->conversion) {
	case 'd':
	case 'i':
		if (s->length > 0) {
			put_signed(o, s, get_signed(s->length, va_arg(a->list, int64_t), 0));
		} else {
			put_signed(o, s, get_signed(s->length, 0, va_arg(a->list, int)));
		}
		break;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		if (s->length > 0) {
			put_number(o, s, get_unsigned(s->length, va_arg(a->list, uint64_t), 0), "");
		} else {
			put_number(o, s, get_unsigned(s->length, 0, va_arg(a->list, unsigned int)),
				   "");
		}
		break;
	case 'p':
		s->conversion = 'x';
		put_number(o, s, (uintptr_t)va_arg(a->list, void *), "0x");
		break;
	case 'c':
		c = (char)va_arg(a->list, int);
		put_field(o, s, "", 0, &c, 1);
		break;
	case 's':
		put_string(o, s, va_arg(a->list, const char *));
		break;
	default: /* %% and what we do not know: as it stands */
		put_char(o, s->conversion);
		break;
	}
}

int fmt_vsnprintf(char *to, size_t size, const char *format, va_list args)
{
	struct out o = { .to = to, .size = size };
	struct args a;

	va_copy(a.list, args);
	for (const char *f = format; *f; f++) {
		struct spec s = { .precision = -1 };

		if (*f != '%') {
			put_char(&o, *f);
			continue;
		}
		f = parse_flags(f + 1, &s);
		if (*f == '*') {
			f++;
			s.width = va_arg(a.list, int);
			if (s.width < 0) {
				s.left = true;
				s.width = s.width == INT32_MIN ? 0 : -s.width;
			}
		} else {
			f = parse_int(f, &s.width);
		}
		if (f[0] == '.' && f[1] == '*') {
			f += 2;
			s.precision = va_arg(a.list, int);
		} else if (*f == '.') {
			f = parse_int(f + 1, &s.precision);
		}
		f = parse_length(f, &s);
		if (!*f) {
			break;
		}
		s.conversion = *f;
		convert(&o, &s, &a);
	}
	va_end(a.list);
	if (size) {
		to[o.length < size ? o.length : size - 1] = '\0';
	}
	return (int)o.length;
}

int fmt_snprintf(char *to, size_t size, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = fmt_vsnprintf(to, size, format, args);
	va_end(args);
	return n;
}
