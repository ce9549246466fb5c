/*
 * The journal's file.
 *
 * Everything that must survive is collected during a turn and written by keep_turn(),
 * which the loop calls before it lets answers out.  The file is in memory (a tmpfs):
 * it outlives this process, not the control domain's kernel.  When it has grown well
 * beyond what a fresh snapshot takes, it is replaced by one.
 */
#ifndef XENSTORE_LIKE_KEEP_H
#define XENSTORE_LIKE_KEEP_H

#include "xenstore-like/domains.h"
#include "xenstore-like/storage.h"

struct keep;

/* Collect what happens in st from now on. `path` is the file; nothing is written yet. */
struct keep *keep_new(struct storage *st, const char *path);

/* Take over what the file tells, if there is one and it is sound.  Before keep_start(). */
void keep_load(struct keep *k, struct domains *ds);

/* From now on changes count: write a first snapshot. */
void keep_start(struct keep *k, struct domains *ds);

/* Make the turn safe. */
void keep_turn(struct keep *k, struct domains *ds);

/* A fresh snapshot, now. */
void keep_snapshot(struct keep *k, struct domains *ds);

/* For struct domains_listener. */
void keep_introduced(struct keep *k, unsigned int domid, uint64_t mfn, unsigned int port);
void keep_released(struct keep *k, unsigned int domid);

/* Stop collecting; the file stays. */
void keep_free(struct keep *k);

#endif
