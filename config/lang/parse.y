/*
 * The grammar: one statement shape.  Nouns are rows of schema.c, not rules, so this file
 * rarely changes.
 */
%code requires {
#include "config/lang/parse.h"
typedef void *yyscan_t;
#define YYLLOC_DEFAULT(cur, rhs, n) ((cur) = (n) ? YYRHSLOC(rhs, 1) : YYRHSLOC(rhs, 0))
}
%code {
#include <string.h>
int lang_lex(YYSTYPE *v, YYLTYPE *l, struct parse *p, yyscan_t scanner);
static void lang_error(YYLTYPE *l, struct parse *p, yyscan_t scanner, const char *why);
static struct expr *binary(struct parse *p, struct pos pos, int op, struct expr *l, struct expr *r);
static struct expr *push(struct expr *list, struct expr *e);
static struct expr *args_in_order(struct expr *list);
static struct stmt *in_order(struct stmt *list);
static struct stmt *statement(struct parse *p, struct pos pos, char *word, struct expr *values);
}
%define api.pure full
%define api.prefix {lang_}
%define parse.error custom
%define lr.default-reduction consistent
%define api.location.type {struct pos}
%locations
%expect 0
%param { struct parse *p } { yyscan_t scanner }
%union { char *text; struct expr *expr; struct stmt *stmt; }
%token START_FILE "a file" START_EXPR "an expression"
%token <text> WORD "a word" STRING "a string"
%token <expr> NUMBER "a number"
%token CALL "'('" INDEX "'['" DOTS "'..'" EQ "'=='" NE "'!='" LE "'<='" GE "'>='" ELSE "'else'"
%token ';' "the end of the statement"
%token END 0 "the end"
%type <stmt> statements stmt block
%type <expr> values value primary expr args arg
%left EQ NE '<' '>' LE GE
%left '+' '-'
%left '*' '/'
%%
start: START_FILE statements { p->file = in_order($2); }
     | START_EXPR expr { p->expr = $2; }
     ;
/* Lists grow at their head here and are turned round when they are complete. */
statements: stmt
	  | statements ';' { yyerrok; } stmt {
		$$ = $4 ? $4 : $1;
		if ($4) { $4->next = $1; }
	  }
	  ;
stmt: %empty { $$ = NULL; }
    | WORD values { $$ = statement(p, @1, $1, $2); }
    | WORD values block {
		$$ = statement(p, @1, $1, $2);
		$$->has_block = true;
		$$->block = $3;
	}
    | WORD values block ELSE block {
		$$ = statement(p, @1, $1, $2);
		$$->has_block = $$->has_else = true;
		$$->block = $3;
		$$->otherwise = $5;
	}
    | error { $$ = NULL; }
    | error block { $$ = NULL; }
    ;
block: '{' statements '}' { $$ = in_order($2); }
     ;
values: %empty { $$ = NULL; }
      | values value { $$ = push($1, $2); }
      ;
value: primary
     | '=' { $$ = expr_new(p->arena, EXPR_EQUALS, @1); }
     | ':' { $$ = expr_new(p->arena, EXPR_COLON, @1); }
     ;
primary: NUMBER
       | STRING { $$ = expr_new(p->arena, EXPR_STRING, @1); $$->text = $1; }
       | WORD { $$ = expr_new(p->arena, EXPR_WORD, @1); $$->text = $1; }
       | WORD CALL args ')' { $$ = expr_new(p->arena, EXPR_CALL, @1); $$->text = $1; $$->items = args_in_order($3); }
       | WORD INDEX expr ']' { $$ = expr_new(p->arena, EXPR_INDEX, @1); $$->text = $1; $$->left = $3; }
       | '(' expr ')' { $$ = expr_new(p->arena, EXPR_GROUP, @1); $$->left = $2; }
       | '[' args ']' { $$ = expr_new(p->arena, EXPR_LIST, @1); $$->items = args_in_order($2); }
       ;
args: %empty { $$ = NULL; }
    | arg
    | args ',' arg { $$ = push($1, $3); }
    ;
arg: expr
   | expr DOTS expr { $$ = expr_new(p->arena, EXPR_RANGE, @1); $$->left = $1; $$->right = $3; }
   | WORD '=' expr { $$ = expr_new(p->arena, EXPR_NAMED, @1); $$->text = $1; $$->left = $3; }
   ;
expr: primary
    | expr '+' expr { $$ = binary(p, @2, '+', $1, $3); }
    | expr '-' expr { $$ = binary(p, @2, '-', $1, $3); }
    | expr '*' expr { $$ = binary(p, @2, '*', $1, $3); }
    | expr '/' expr { $$ = binary(p, @2, '/', $1, $3); }
    | expr EQ expr { $$ = binary(p, @2, EQ, $1, $3); }
    | expr NE expr { $$ = binary(p, @2, NE, $1, $3); }
    | expr '<' expr { $$ = binary(p, @2, '<', $1, $3); }
    | expr '>' expr { $$ = binary(p, @2, '>', $1, $3); }
    | expr LE expr { $$ = binary(p, @2, LE, $1, $3); }
    | expr GE expr { $$ = binary(p, @2, GE, $1, $3); }
    ;
%%
static struct expr *binary(struct parse *p, struct pos pos, int op, struct expr *l, struct expr *r)
{
	struct expr *e = expr_new(p->arena, EXPR_BINARY, pos);

	e->op = op;
	e->left = l;
	e->right = r;
	return e;
}

static struct expr *push(struct expr *list, struct expr *e)
{
	e->next = list;
	return e;
}

static struct expr *args_in_order(struct expr *list)
{
	struct expr *out = NULL, *next;

	for (; list; list = next) {
		next = list->next;
		list->next = out;
		out = list;
	}
	return out;
}

static struct stmt *in_order(struct stmt *list)
{
	struct stmt *out = NULL, *next;

	for (; list; list = next) {
		next = list->next;
		list->next = out;
		out = list;
	}
	return out;
}

static struct stmt *statement(struct parse *p, struct pos pos, char *word, struct expr *values)
{
	struct stmt *s = arena_alloc(p->arena, sizeof(*s));

	s->pos = pos;
	s->word = word;
	s->values = args_in_order(values);
	return s;
}

/* What was expected, in words, when the choice is small. */
static int yyreport_syntax_error(const yypcontext_t *c, struct parse *p, yyscan_t scanner)
{
	yysymbol_kind_t want[6];
	int n = yypcontext_expected_tokens(c, want, 6);
	char list[160] = "";
	const char *got = yypcontext_token(c) == YYSYMBOL_YYEMPTY ? "nothing" : yysymbol_name(yypcontext_token(c));

	(void)scanner;
	p->depth = 0;
	p->diag->incomplete = true;
	for (int i = 0; i < n; i++) {
		strncat(list, i ? " or " : "; expected ", sizeof(list) - strlen(list) - 1);
		strncat(list, yysymbol_name(want[i]), sizeof(list) - strlen(list) - 1);
	}
	if (yypcontext_token(c) != YYSYMBOL_YYerror) {
		diag_error(p->diag, *yypcontext_location(c), "%s is not expected here%s", got, list);
	}
	return 0;
}

static void lang_error(YYLTYPE *l, struct parse *p, yyscan_t scanner, const char *why)
{
	(void)scanner;
	p->diag->incomplete = true;
	diag_error(p->diag, *l, "%s", why);
}
