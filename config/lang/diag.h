/* Messages for people: place, line, mark, the chain of expansion, the nearest known word. */
#ifndef PAVANE_LANG_DIAG_H
#define PAVANE_LANG_DIAG_H

#include <stdio.h>

#include "config/lang/ast.h"

struct diag {
	FILE *out;
	unsigned int errors;
	const struct use_site *chain;	/* innermost template use being expanded */
};

struct use_site {
	struct pos pos;
	const char *what;		/* "template debian" */
	const struct use_site *outer;
};

void diag_error(struct diag *d, struct pos pos, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The known word nearest to a misspelt one, or NULL if none is near. */
const char *diag_nearest(const char *word, const char *const *known, size_t n);

#endif
