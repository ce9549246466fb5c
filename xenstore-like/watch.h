/*
 * Watches: who wants to hear of changes where.
 *
 * A watch fires when the node it names, or one below, is written, created, removed or
 * given other permissions, and when one above it is removed and took it along.  The
 * event names the node that changed (for the last case: the watched one), in the form
 * the watcher used: relative if he registered a relative path.  Somebody who may not
 * read a node hears nothing of it.
 *
 * Firing looks at every watch there is; with some thousand of them that is some
 * microseconds for a change.  An index by first path components would be the cure.
 */
#ifndef XENSTORE_LIKE_WATCH_H
#define XENSTORE_LIKE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "xenstore-like/path.h"
#include "xenstore-like/storage.h"

struct watch {
	struct watch *next;
	char *path; /* absolute, or special */
	char *token;
	size_t relative_skip; /* bytes of path the watcher does not see */
};

/* Longest token: an event with the longest path must fit into a message. */
#define WATCH_TOKEN_MAX (4096 - PATH_ABS_MAX - 2)

/* Register; the first event is not queued here.  -EEXIST, -E2BIG (quota, or token too long). */
int watch_add(struct conn *c, const struct path *path, const char *token, struct watch **out);

/* -ENOENT. */
int watch_remove(struct conn *c, const struct path *path, const char *token);
void watch_remove_all(struct conn *c);

/* Queue the event that says "look at the watched node itself". */
void watch_queue_initial(struct conn *c, const struct watch *w);

/* Tell all watchers that may know. */
void watch_fire(struct storage *st, const struct change *change);
void watch_fire_special(struct storage *st, enum special_event which);

#endif
