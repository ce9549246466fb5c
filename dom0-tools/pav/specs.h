/* Domain specs from a file the user names, in the .pav language or as JSON. */
#ifndef PAVANE_PAV_SPECS_H
#define PAVANE_PAV_SPECS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/lang/lang.h"

struct specs {
	struct domspec *list;
	struct lang_file *file; /* owns the list, unless it came from JSON */
};

/* Reads and checks; false, with the errors on stderr, if there were any. */
bool specs_read(struct specs *s, const char *file, bool json, const struct lang_param *params,
		size_t nparams);
void specs_free(struct specs *s);

/* Takes the "-p name=value" argument apart, in place; false with a message if it isn't one. */
bool specs_parse_param(char *arg, struct lang_param *param);

#endif
