/* Counting all references anew: the proof that the counts are right (architecture.md section 4, (e)). */
#ifndef PAVANE_MM_AUDIT_H
#define PAVANE_MM_AUDIT_H

#include "lib/types.h"

struct domain;

/*
 * Recounts what validated tables, pins and allocations hold on the frames of d, or of all domains if d is NULL, and
 * compares.  Returns how many frames are wrong: too few references, a broken invariant, a total that does not agree.
 * The first is described in msg.  *extra (may be NULL) gets the references that are held by something else: vCPUs,
 * grants, and with one domain audited, other domains' tables.  -ENOMEM if there is no room to count in.
 * Nothing may change meanwhile: all domains paused, or in tests.
 */
long frame_audit(const struct domain *d, uint64_t *extra, char *msg, size_t size);

#endif
