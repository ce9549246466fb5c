/*
 * Names in the store.
 *
 * A canonical path starts with '/', has no empty component and no '/' at its end
 * (but "/" itself is one).  A relative path means below the caller's own
 * directory, /local/domain/N/.  "@name" is not in the tree: it names an event.
 */
#ifndef XENSTORE_LIKE_PATH_H
#define XENSTORE_LIKE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define PATH_ABS_MAX   3072
#define PATH_REL_MAX   2048

/* Events that are watched by name. */
#define PATH_INTRODUCE "@introduceDomain"
#define PATH_RELEASE   "@releaseDomain"

/* A nul-terminated canonical path, or a special name. */
struct path {
	size_t relative_skip; /* leading bytes that the caller did not write; 0 for absolute */
	char text[PATH_ABS_MAX + 1];
};

/* Check and complete what a caller in domain `domid` wrote.  0 or -EINVAL. */
int path_resolve(struct path *out, const char *text, unsigned int domid);

/* As path_resolve(), and the two special names are fine too. */
int path_resolve_watch(struct path *out, const char *text, unsigned int domid);

/* `path` is `top` or something below it. */
bool path_is_at_or_below(const char *path, const char *top);

/* Length of the parent's path: of "/a/b" 2, of "/a" 1. "/" is its own parent. */
size_t path_parent_len(const char *path);

static inline bool path_is_special(const char *path)
{
	return path[0] == '@';
}

#endif
