/*
 * The tree the grammar builds: statements of one shape, `word values... { block }`, and
 * expressions.  It carries no meaning; check.c and the schema give it one.  Everything lives in
 * one arena per read and goes with it.
 */
#ifndef PAVANE_LANG_AST_H
#define PAVANE_LANG_AST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source {	    /* one file's text, kept for messages */
	char *name; /* as the user knows it */
	char *path; /* absolute, without links: what tells files apart */
	char *dir;  /* its folder, for relative paths */
	char *text;
	bool reading; /* its statements are being worked on: an include of it is a cycle */
	bool done;    /* they are, or have been: once is enough */
	struct source *next;
};

struct pos {
	const struct source *src;
	int line, col; /* from 1; col counts bytes */
	int width;     /* of what is marked */
};

enum unit { UNIT_NONE, UNIT_SIZE, UNIT_TIME, UNIT_RATE, UNIT_PERCENT };

enum expr_kind {
	EXPR_NUMBER,
	EXPR_STRING,
	EXPR_WORD,
	EXPR_LIST,
	EXPR_GROUP,
	EXPR_CALL,
	EXPR_INDEX,
	EXPR_BINARY,
	EXPR_RANGE,
	EXPR_NAMED, /* name = value, in arguments */
	EXPR_EQUALS,
	EXPR_COLON, /* the bare signs of let and param */
};

struct expr {
	enum expr_kind kind;
	struct pos pos;
	char *text; /* word, string (raw, with ${}), callee */
	uint64_t number;
	enum unit unit;
	int op;			   /* of EXPR_BINARY */
	struct expr *left, *right; /* operands; range ends; group, index and named value in left */
	struct expr *items;	   /* list items, arguments */
	struct expr *next;
};

struct stmt {
	struct pos pos;
	char *word;
	struct expr *values;
	bool has_block, has_else;
	struct stmt *block, *otherwise;
	struct stmt *next;
};

/* Memory that is freed all at once. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *a);
void *arena_alloc(struct arena *a, size_t n); /* zeroed; ends the program when out of memory */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_vprintf(struct arena *a, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct expr *expr_new(struct arena *a, enum expr_kind kind, struct pos pos);

#endif
