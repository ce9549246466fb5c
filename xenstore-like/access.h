/*
 * The tree as somebody sees and changes it: permissions and quota applied.
 *
 * A view is a root to work on (the store's, or a transaction's own) with a place for
 * what the work does to the node counts and a list of what changed.  Every function
 * checks all before it changes anything: on error the view is as it was.
 */
#ifndef XENSTORE_LIKE_ACCESS_H
#define XENSTORE_LIKE_ACCESS_H

#include "xenstore-like/storage.h"

enum change_kind { CHANGE_SET, CHANGE_RM };

/* One thing that happened. */
struct change {
	enum change_kind kind;
	char *path;
	struct node *node;	 /* as it is now, or what was removed; a reference */
	struct perms *old_perms; /* before a change of permissions, or NULL; a reference */
};

struct changes {
	size_t count, room;
	struct change *list;
};

struct view {
	struct storage *st;
	struct node **root;
	struct quota_delta *delta;
	struct changes *changes; /* NULL: not wanted */
};

/* Is this path on the inside of his fence, if he has one: to read, or to write? */
bool access_is_inside(const struct actor *who, const char *path, unsigned int want);

/* The node, if `who` may do `want`.  0, -ENOENT, or -EACCES (also for missing nodes in places he may not read). */
int access_find(const struct view *v, const struct actor *who, const char *path, unsigned int want,
		struct node **out);

/* Set a value, creating nodes as needed.  -EACCES, -ENOSPC. */
int access_write(struct view *v, const struct actor *who, const char *path, struct value *value);

/* Make sure a node exists; its value is left alone. */
int access_mkdir(struct view *v, const struct actor *who, const char *path);

/* Remove with all below.  Fine if it is missing but its parent is there.  -EINVAL for "/". */
int access_rm(struct view *v, const struct actor *who, const char *path);

/* Replace permissions; -EPERM if an unprivileged caller would give the node away, -ENOSPC too many entries. */
int access_set_perms(struct view *v, const struct actor *who, const char *path,
		     struct perms *perms);

void changes_free(struct changes *c);

/* Journal what changed, count it, tell watchers.  Empties both lists. */
void access_publish(struct storage *st, struct quota_delta *delta, struct changes *changes);

#endif
