/* Messages for people: place, line, mark, the chain of expansion, the nearest known word. */
#ifndef PAVANE_LANG_DIAG_H
#define PAVANE_LANG_DIAG_H

#include <stdio.h>

#include "config/lang/ast.h"

#define DIAG_SHOWN 20 /* more errors than this are only counted */

struct use_site {
	struct pos pos;
	const char *what; /* "template debian" */
	const struct use_site *outer;
};

struct diag {
	FILE *out;
	unsigned int errors;
	bool incomplete;	      /* a statement was lost: a name not found proves nothing */
	const struct use_site *chain; /* innermost template use or include being expanded */
	uint64_t said[DIAG_SHOWN];    /* hashes: the members of an array say the same thing once */
};

/* Says it, with the line, unless exactly this was said before. */
void diag_error(struct diag *d, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The known word nearest to a misspelt one, or NULL if none is near. */
const char *diag_nearest(const char *word, const char *const *known, size_t n);

#endif
