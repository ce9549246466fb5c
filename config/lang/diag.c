/* See diag.h. */
#include "config/lang/diag.h"

#include <stdarg.h>
#include <string.h>

/* The line with the place marked; tabs are kept so that the mark lines up. */
static void show_line(FILE *out, struct pos pos)
{
	const char *p = pos.src->text, *end;
	int width = pos.width > 0 ? pos.width : 1;

	for (int line = 1; line < pos.line; line++) {
		p = strchr(p, '\n');
		if (!p) {
			return;
		}
		p++;
	}
	end = strchrnul(p, '\n');
	fprintf(out, "    %.*s\n    ", (int)(end - p), p);
	for (int i = 1; i < pos.col && p + i - 1 < end; i++) {
		fputc(p[i - 1] == '\t' ? '\t' : ' ', out);
	}
	fputc('^', out);
	for (int i = 1; i < width && p + pos.col - 1 + i < end; i++) {
		fputc('~', out);
	}
	fputc('\n', out);
}

void diag_error(struct diag *d, struct pos pos, const char *fmt, ...)
{
	va_list args;

	d->errors++;
	if (d->errors > 20) {
		return;
	}
	if (pos.src) {
		fprintf(d->out, "%s:%d:%d: ", pos.src->name, pos.line, pos.col);
	}
	va_start(args, fmt);
	vfprintf(d->out, fmt, args);
	va_end(args);
	fputc('\n', d->out);
	if (pos.src) {
		show_line(d->out, pos);
	}
	for (const struct use_site *u = d->chain; u; u = u->outer) {
		fprintf(d->out, "    from %s, used at %s:%d:%d\n", u->what, u->pos.src->name, u->pos.line, u->pos.col);
	}
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
		unsigned int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = last[j] + 1 < best ? last[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best) {
				best = before[j - 2] + 1;
			}
			now[j] = best;
		}
	}
	return row[n % 3][m];
}

const char *diag_nearest(const char *word, const char *const *known, size_t n)
{
	const char *best = NULL;
	unsigned int least = 3;

	for (size_t i = 0; i < n; i++) {
		unsigned int d = distance(word, known[i]);

		if (d < least && d < strlen(word)) {
			least = d;
			best = known[i];
		}
	}
	return best;
}
