/*
 * Who uses which disk image.  A file or block device is written by one guest at
 * a time, and never written while another reads it.  pavd knows its own guests'
 * images, the same one under two names counting as the same.  The helper of a
 * disk holds a lock on the file (flock) as long as it lives, even if pavd dies;
 * claiming looks whether some other program holds one.
 */
#ifndef PAVANE_PAVD_CLAIMS_H
#define PAVANE_PAVD_CLAIMS_H

#include <stdbool.h>

struct claim;

/*
 * Claims path for a guest.  NULL and a sentence if it is missing, neither a
 * regular file nor a block device, empty, or in use in a way that excludes this one.
 * helper_runs: its own helper holds the lock already, so don't look at it.
 */
struct claim *claim_take(const char *path, bool readonly, const char *guest, bool helper_runs,
			 char **err);
/* NULL is fine. */
void claim_drop(struct claim *c);

#endif
