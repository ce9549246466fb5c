/*
 * The face of the .pav language: text in, checked domain specs out.  Reading a
 * file has no side effect but reading the files it names.
 */
#ifndef PAVANE_CONFIG_LANG_H
#define PAVANE_CONFIG_LANG_H

#include <stdio.h>

#include "dom0-tools/model/domspec.h"

/* One -p name=value from the command line. */
struct lang_param {
	const char *name;
	const char *value;
};

struct lang_file; /* a parsed, expanded and checked file */

/*
 * Reads, expands and checks FILE.  Every error of the file goes to ERR, one per
 * message, as file:line:col with the line shown.  Returns NULL if there was any.
 */
struct lang_file *lang_read(const char *file, const struct lang_param *params, size_t nparams,
			    FILE *err);
void lang_free(struct lang_file *f);

/* The domains it declares, in order; owned by the file. */
struct domspec *lang_domains(struct lang_file *f);

/* Writes the expanded, sorted normal form. */
void lang_print_normal(const struct lang_file *f, FILE *out);

#endif
