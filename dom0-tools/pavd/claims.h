/*
 * Who uses which disk image.  A file or block device is written by one guest at
 * a time, and never written while another reads it.  pavd knows its own guests;
 * a lock on the file (flock) keeps a second pavd or any other careful program
 * away.  The same device under two names counts as the same.
 */
#ifndef PAVANE_PAVD_CLAIMS_H
#define PAVANE_PAVD_CLAIMS_H

#include <stdbool.h>

struct claim;

/*
 * Claims path for a guest.  NULL and a sentence if it is missing, neither a
 * regular file nor a block device, empty, or in use in a way that excludes this one.
 */
struct claim *claim_take(const char *path, bool readonly, const char *guest, char **err);
/* NULL is fine. */
void claim_drop(struct claim *c);

#endif
