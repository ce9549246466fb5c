/* What scanner and grammar share. */
#ifndef PAVANE_LANG_PARSE_H
#define PAVANE_LANG_PARSE_H

#include "config/lang/ast.h"
#include "config/lang/diag.h"

struct parse {
	struct arena *arena;
	struct diag *diag;
	const struct source *src;
	int line, col;			 /* of the next character */
	int depth, braces;		 /* of () and [], and of {} */
	bool ended;			 /* given up on the rest */
	bool quiet_newline;		 /* the last token lets the statement go on */
	int word_end_line, word_end_col; /* where the last word ended, for adjacency */
	int start;			 /* a token that chooses what is parsed, given once */
	struct stmt *file;		 /* results */
	struct expr *expr;
};

/* A whole file; NULL with errors counted in d. */
struct stmt *parse_file(struct arena *a, struct diag *d, const struct source *src);
/* One expression, as inside "${...}"; its place is that of the string. */
struct expr *parse_expr(struct arena *a, struct diag *d, struct pos at, const char *text);

#endif
