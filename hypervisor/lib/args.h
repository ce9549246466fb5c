/* The boot command line: words "name=value" or "name" / "no-name". */
#ifndef PAVANE_LIB_ARGS_H
#define PAVANE_LIB_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arg {
	const char *name; /* "dom0_mem" */
	enum { ARG_STRING, ARG_BOOL, ARG_UINT, ARG_SIZE } kind;
	void *value; /* char[ARG_STRING_MAX], bool, unsigned int, uint64_t (bytes) */
	const char *help;
};
#define ARG_STRING_MAX 64
/* Parses; calls unknown() for each word that names no row, bad() for each ill-formed value.  Later words win. */
void args_parse(const char *line, const struct arg *table, size_t n,
		void (*unknown)(const char *word), void (*bad)(const char *word));
/*
 * The arguments in a boot loader's string.  Some put the file's name in front; with those that do not, people
 * (and the field's scripts) write "placeholder" for the sake of the others.
 */
const char *args_of_loader(const char *s, bool name_first);

/* "512M", "1G", "4096K"; bare numbers are KiB as the field's dom0_mem.  False if ill-formed. */
bool args_size(const char *s, uint64_t *bytes);

/*
 * The field's dom0_mem: a list of SIZE, min:SIZE and max:SIZE, in any order; a size with a minus sign is what
 * to leave of 'total'.  What is not named stays as it is.  False if ill-formed, and then all stays.
 */
struct args_memory {
	uint64_t size, min, max; /* bytes */
};
bool args_memory(const char *s, uint64_t total, struct args_memory *out);

#endif
