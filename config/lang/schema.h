/*
 * The one table of the language: every noun, where it stands, what it takes, and what
 * changing it costs.  The checker works from it; so do messages; the manual, pav.conf(5), follows it.
 */
#ifndef PAVANE_LANG_SCHEMA_H
#define PAVANE_LANG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

/* Where a noun stands. */
enum context { CTX_FILE, CTX_DOMAIN, CTX_DISK, CTX_NIC, CTX_ON, CTX_CONSOLE, CTX_NONE };

enum takes {
	TAKES_NOTHING,
	TAKES_SIZE,
	TAKES_COUNT,
	TAKES_STRING,
	TAKES_PATH,	      /* a string; relative to the file that says it */
	TAKES_STRING_OR_AUTO, /* a string, or the word auto */
	TAKES_NAME,	      /* a word that keys a repeatable noun */
	TAKES_EVENT,	      /* poweroff, reboot, crash */
	TAKES_SPECIAL,	      /* the checker knows its shape: include, let, ... */
};

/* What changing it costs: nothing, a restart of the domain, another domain in its place. */
enum change { CHANGE_LIVE, CHANGE_RESTART, CHANGE_REPLACE };

struct noun {
	enum context in;
	const char *word;
	enum takes takes;
	const char *keyword; /* "max": may follow, with a value of the same kind */
	enum context block;  /* what its block may hold, CTX_NONE: it has none */
	enum change change;
	const char *help;
};

extern const struct noun schema[];
extern const size_t schema_count;

const struct noun *schema_find(enum context in, const char *word);
/* Words known in a context; returns how many, at most max. */
size_t schema_words(enum context in, const char **words, size_t max);

#endif
