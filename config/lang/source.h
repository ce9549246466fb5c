/* Files of the language, each read once: its text, and the folder relative paths start from. */
#ifndef PAVANE_LANG_SOURCE_H
#define PAVANE_LANG_SOURCE_H

#include "config/lang/ast.h"

#define SOURCE_MAX (1 << 20) /* bytes of one file */

/*
 * The source at PATH, shown to people as NAME: the one of LIST if it is there already, else read
 * and put into it.  NULL with *WHY, a static sentence, if it cannot be read or is not text.
 */
struct source *source_read(struct arena *a, struct source **list, const char *path,
			   const char *name, const char **why);

#endif
