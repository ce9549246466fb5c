/*
 * Entries of version 2, read and marked.  Called by grant_entry.c under the table's lock.
 */
#ifndef PAVANE_CORE_GRANT_V2_H
#define PAVANE_CORE_GRANT_V2_H

#include "core/grant_entry.h"

/*
 * Reads the entry, marks its status as in use, and reads it again: GNTST_*.  On success *b is what it gives, on failure
 * the marks are as they were.
 */
int grant_v2_mark(const struct grant_table *t, uint32_t ref, domid_t borrower, bool readonly,
		  enum grant_want want, struct grant_bytes *b);
/* Takes the marks back as far as the counts say so. */
void grant_v2_unmark(const struct grant_table *t, uint32_t ref, const struct grant_active *a);
/* The marks that the counts ask for. */
uint16_t grant_marks(const struct grant_active *a);

#endif
