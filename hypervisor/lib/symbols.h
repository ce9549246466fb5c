/*
 * Names for addresses: the table of functions that the build puts into the image, so that a panic can be
 * read where it is printed.
 */
#ifndef PAVANE_LIB_SYMBOLS_H
#define PAVANE_LIB_SYMBOLS_H

#include "lib/types.h"

/* Ascending lower halves of addresses; behind them, as many names, each ended by a zero byte. */
struct symbols {
	uint32_t count;
	uint32_t start[];
};

/* The function that 'at' lies in, and how far; NULL in front of the first. */
const char *symbols_find(const struct symbols *t, uint32_t at, uint32_t *offset);

#endif
