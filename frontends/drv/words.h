/*
 * The guest's command line, which is its .pav file's: each part takes the words it knows, by a table
 * of hypervisor/lib/args.h, and passes over the others' words.
 */
#ifndef PAVANE_DRV_WORDS_H
#define PAVANE_DRV_WORDS_H

#include <stddef.h>

#include "hypervisor/lib/args.h"

/* An ill-formed value is told of on the console, and what it was for stays as it is. */
void words_take(const struct arg *table, size_t count);

#endif
