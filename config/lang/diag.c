/* See diag.h.  What a file holds goes to a terminal here, so control bytes become '?'. */
#include "config/lang/diag.h"

#include <stdarg.h>
#include <string.h>

#define LINE_SHOWN 120 /* bytes of a long line */

static int printable(char c)
{
	return c == '\t' || (unsigned char)c >= ' ' ? (c == 0x7f ? '?' : c) : '?';
}

/* Blanks of the same width: tabs stay, the later bytes of a UTF-8 character take no place. */
static void put_mark(FILE *out, const char *p, size_t n, char mark)
{
	for (size_t i = 0; i < n; i++) {
		if (((unsigned char)p[i] & 0xc0) != 0x80) {
			fputc(mark == ' ' && p[i] == '\t' ? '\t' : mark, out);
		}
	}
}

/* One line with a place in it marked; of a long line the part around the place. */
static void show_part(FILE *out, const char *line, size_t len, size_t at, size_t width)
{
	size_t from = len > LINE_SHOWN && at > LINE_SHOWN / 2 ? at - LINE_SHOWN / 2 : 0;
	size_t shown = len - from > LINE_SHOWN ? LINE_SHOWN : len - from;

	fputs(from ? "    ..." : "    ", out);
	for (size_t i = from; i < from + shown; i++) {
		fputc(printable(line[i]), out);
	}
	fputs(from + shown < len ? "...\n" : "\n", out);
	fputs(from ? "       " : "    ", out);
	put_mark(out, line + from, at - from, ' ');
	fputc('^', out);
	if (at + 1 < from + shown && width > 1) {
		size_t room = from + shown - at - 1;

		put_mark(out, line + at + 1, width - 1 < room ? width - 1 : room, '~');
	}
	fputc('\n', out);
}

static void show_line(FILE *out, struct pos pos)
{
	const char *p = pos.src->text;
	size_t len, at = pos.col > 0 ? (size_t)pos.col - 1 : 0;

	for (int line = 1; line < pos.line; line++) {
		p = strchr(p, '\n');
		if (!p) {
			return;
		}
		p++;
	}
	len = strcspn(p, "\n");
	if (len && p[len - 1] == '\r') {
		len--;
	}
	show_part(out, p, len, at < len ? at : len, pos.width > 0 ? (size_t)pos.width : 1);
}

/* FNV-1a over everything that makes the message what it is. */
static uint64_t hash_message(struct pos pos, const char *text)
{
	uint64_t h = 14695981039346656037ULL ^ (uint64_t)pos.line << 32 ^ (uint64_t)pos.col;

	for (const char *p = pos.src ? pos.src->name : ""; *p; p++) {
		h = (h ^ (unsigned char)*p) * 1099511628211ULL;
	}
	for (; *text; text++) {
		h = (h ^ (unsigned char)*text) * 1099511628211ULL;
	}
	return h;
}

static bool said_before(const struct diag *d, uint64_t hash)
{
	for (unsigned int i = 0; i < d->errors && i < DIAG_SHOWN; i++) {
		if (d->said[i] == hash) {
			return true;
		}
	}
	return false;
}

void diag_error(struct diag *d, struct pos pos, const char *fmt, ...)
{
	char text[1024];
	uint64_t hash;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	hash = hash_message(pos, text);
	if (said_before(d, hash)) {
		return;
	}
	if (d->errors >= DIAG_SHOWN) {
		d->errors++;
		return;
	}
	d->said[d->errors++] = hash;
	if (pos.src) {
		fprintf(d->out, "%s:%d:%d: ", pos.src->name, pos.line, pos.col);
	}
	for (const char *p = text; *p; p++) {
		fputc(printable(*p), d->out);
	}
	fputc('\n', d->out);
	if (pos.src) {
		show_line(d->out, pos);
	}
	for (const struct use_site *u = d->chain; u; u = u->outer) {
		fprintf(d->out, "    from %s, used at %s:%d:%d\n", u->what, u->pos.src->name,
			u->pos.line, u->pos.col);
	}
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Edit distance, a swap of neighbours counting once; words are short. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[3][40];
	size_t n = strlen(a), m = strlen(b);

	if (n >= 40 || m >= 40) {
		return 99;
	}
	for (size_t j = 0; j <= m; j++) {
		row[0][j] = (unsigned int)j;
	}
	for (size_t i = 1; i <= n; i++) {
		unsigned int *now = row[i % 3], *last = row[(i + 2) % 3],
			     *before = row[(i + 1) % 3];

		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]),
				       least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
				now[j] = least(now[j], before[j - 2] + 1);
			}
		}
	}
	return row[n % 3][m];
}

const char *diag_nearest(const char *word, const char *const *known, size_t n)
{
	const char *best = NULL;
	unsigned int nearest = 3;

	for (size_t i = 0; i < n; i++) {
		unsigned int d = distance(word, known[i]);

		if (d < nearest && d < strlen(word)) {
			nearest = d;
			best = known[i];
		}
	}
	return best;
}
