/* The boot command line, word by word, against the table that also documents it. */
#include "lib/args.h"

#include "lib/string.h"

#define WORD_MAX 160

static bool parse_uint(const char *s, const char **end, uint64_t *value)
{
	unsigned int base = 10, digit;
	uint64_t n = 0;
	const char *start;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	for (start = s;; s++) {
		if (*s >= '0' && *s <= '9') {
			digit = (unsigned int)(*s - '0');
		} else if (base == 16 && (*s | 32) >= 'a' && (*s | 32) <= 'f') {
			digit = (unsigned int)(*s | 32) - 'a' + 10;
		} else {
			break;
		}
		if (__builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, digit, &n)) {
			return false;
		}
	}
	*end = s;
	*value = n;
	return s > start;
}

bool args_size(const char *s, uint64_t *bytes)
{
	unsigned int shift;
	uint64_t n;

	if (!parse_uint(s, &s, &n)) {
		return false;
	}
	switch (*s | 32) {
	case 'b':
		shift = 0;
		break;
	case 'm':
		shift = 20;
		break;
	case 'g':
		shift = 30;
		break;
	case 't':
		shift = 40;
		break;
	case 'k':
	case 32: /* the end: the field counts memory in KiB */
		shift = 10;
		break;
	default:
		return false;
	}
	if ((*s && s[1]) || *s == ' ' || (shift && n >> (64 - shift))) {
		return false;
	}
	*bytes = n << shift;
	return true;
}

/* One element of the list, a string by itself. */
static bool memory_element(const char *s, uint64_t total, struct args_memory *m)
{
	uint64_t bytes, *to = &m->size;
	bool rest;

	if (!strncmp(s, "min:", 4) || !strncmp(s, "max:", 4)) {
		to = s[1] == 'i' ? &m->min : &m->max;
		s += 4;
	}
	rest = *s == '-';
	if (!args_size(s + rest, &bytes) || (rest && bytes >= total)) {
		return false;
	}
	*to = rest ? total - bytes : bytes;
	return *to != 0;
}

bool args_memory(const char *s, uint64_t total, struct args_memory *out)
{
	struct args_memory m = *out;
	char element[ARG_STRING_MAX];

	for (;;) {
		const char *comma = strchr(s, ',');
		size_t length = comma ? (size_t)(comma - s) : strlen(s);

		if (length >= sizeof(element)) {
			return false;
		}
		memcpy(element, s, length);
		element[length] = '\0';
		if (!memory_element(element, total, &m)) {
			return false;
		}
		if (!comma) {
			break;
		}
		s = comma + 1;
	}
	if (m.min > m.max) {
		return false;
	}
	*out = m;
	return true;
}

static bool parse_bool(const char *s, bool *value)
{
	static const char *const yes[] = { "1", "yes", "on", "true", "enable" };
	static const char *const no[] = { "0", "no", "off", "false", "disable" };

	for (unsigned int i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		if (!strcmp(s, yes[i]) || !strcmp(s, no[i])) {
			*value = !strcmp(s, yes[i]);
			return true;
		}
	}
	return false;
}

static bool store(const struct arg *a, const char *text)
{
	const char *end;
	uint64_t n;

	switch (a->kind) {
	case ARG_STRING:
		if (!text || strlen(text) >= ARG_STRING_MAX) {
			return false;
		}
		str_copy(a->value, text, ARG_STRING_MAX);
		return true;
	case ARG_BOOL:
		if (!text) {
			*(bool *)a->value = true;
			return true;
		}
		return parse_bool(text, a->value);
	case ARG_UINT:
		if (!text || !parse_uint(text, &end, &n) || *end || n > UINT32_MAX) {
			return false;
		}
		*(unsigned int *)a->value = (unsigned int)n;
		return true;
	case ARG_SIZE:
		return text && args_size(text, a->value);
	}
	return false;
}

static const struct arg *find(const struct arg *table, size_t n, const char *name, size_t length)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(table[i].name) == length && !strncmp(table[i].name, name, length)) {
			return &table[i];
		}
	}
	return NULL;
}

static void parse_word(const char *word, const struct arg *table, size_t n,
		       void (*unknown)(const char *), void (*bad)(const char *))
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct arg *a = find(table, n, word, length);

	if (!a && !equals && !strncmp(word, "no-", 3)) {
		a = find(table, n, word + 3, length - 3);
		if (a && a->kind == ARG_BOOL) {
			*(bool *)a->value = false;
			return;
		}
		a = NULL;
	}
	if (!a) {
		unknown(word);
	} else if (!store(a, equals ? equals + 1 : NULL)) {
		bad(word);
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *next_word(const char *s)
{
	while (*s && !is_blank(*s)) {
		s++;
	}
	while (is_blank(*s)) {
		s++;
	}
	return s;
}

const char *args_of_loader(const char *s, bool name_first)
{
	static const char stand_in[] = "placeholder";
	const size_t length = sizeof(stand_in) - 1;

	while (is_blank(*s)) {
		s++;
	}
	if (name_first) {
		s = next_word(s);
	}
	if (!strncmp(s, stand_in, length) && (!s[length] || is_blank(s[length]))) {
		s = next_word(s);
	}
	return s;
}

void args_parse(const char *line, const struct arg *table, size_t n, void (*unknown)(const char *),
		void (*bad)(const char *))
{
	char word[WORD_MAX];

	while (*line) {
		size_t length = 0;

		while (is_blank(*line)) {
			line++;
		}
		for (; *line && !is_blank(*line); line++, length++) {
			if (length < sizeof(word) - 1) {
				word[length] = *line;
			}
		}
		word[length < sizeof(word) ? length : sizeof(word) - 1] = '\0';
		if (length >= sizeof(word)) {
			bad(word);
		} else if (length) {
			parse_word(word, table, n, unknown, bad);
		}
	}
}
