/* Looks a function up by address.  Only panics do so: from the front, with no index to the names. */
#include "lib/symbols.h"

#include "lib/string.h"

const char *symbols_find(const struct symbols *t, uint32_t at, uint32_t *offset)
{
	const char *name = (const char *)(t->start + t->count), *found = NULL;

	for (uint32_t i = 0; i < t->count && t->start[i] <= at; i++) {
		found = name;
		*offset = at - t->start[i];
		name += strlen(name) + 1;
	}
	return found;
}
