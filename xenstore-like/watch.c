/* Watches: registration, and matching them with what changed. */
#include "xenstore-like/watch.h"

#include <errno.h>

#include "xenstore-like/access.h"
#include "xenstore-like/conn.h"
#include "xenstore-like/mem.h"

static const char *const special_path[SPECIAL_COUNT] = {
	[SPECIAL_INTRODUCE] = PATH_INTRODUCE,
	[SPECIAL_RELEASE] = PATH_RELEASE,
};

static void note_journal(const struct conn *c, const struct watch *w, bool added)
{
	if (c->st->journal) {
		c->st->journal->watched(c->st->journal_arg, c, w, added);
	}
}

static bool same(const struct watch *w, const struct path *path, const char *token)
{
	return !strcmp(w->path, path->text) && w->relative_skip == path->relative_skip &&
	       !strcmp(w->token, token);
}

int watch_add(struct conn *c, const struct path *path, const char *token, struct watch **out)
{
	struct watch *w, **end = &c->watches;

	for (; *end; end = &(*end)->next) {
		if (same(*end, path, token)) {
			return -EEXIST;
		}
	}
	if (!access_is_inside(&c->who, path->text, PERM_READ)) {
		return -EACCES;
	}
	if (strlen(token) > WATCH_TOKEN_MAX ||
	    (!actor_is_trusted(&c->who) && c->watch_count >= c->st->quota.limit.watches)) {
		return -E2BIG;
	}
	w = mem_alloc(sizeof(*w));
	w->path = mem_string(path->text);
	w->token = mem_string(token);
	w->relative_skip = path->relative_skip;
	*end = w;
	c->watch_count++;
	note_journal(c, w, true);
	*out = w;
	return 0;
}

static void unlink_watch(struct conn *c, struct watch **at)
{
	struct watch *w = *at;

	*at = w->next;
	c->watch_count--;
	note_journal(c, w, false);
	free(w->path);
	free(w->token);
	free(w);
}

int watch_remove(struct conn *c, const struct path *path, const char *token)
{
	for (struct watch **at = &c->watches; *at; at = &(*at)->next) {
		if (same(*at, path, token)) {
			unlink_watch(c, at);
			return 0;
		}
	}
	return -ENOENT;
}

void watch_remove_all(struct conn *c)
{
	while (c->watches) {
		unlink_watch(c, &c->watches);
	}
}

void watch_queue_initial(struct conn *c, const struct watch *w)
{
	conn_queue_event(c, w->path + w->relative_skip, w->token);
}

/* May the watcher hear of this node? He may if he could read it before or can now. */
static bool may_hear(const struct conn *c, const struct node *n, const struct perms *old)
{
	return perms_allow(n->perms, &c->who, PERM_READ) ||
	       (old && perms_allow(old, &c->who, PERM_READ));
}

/* The watch names something below a removed node: find what it was. */
static struct node *removed_below(const struct change *change, const char *watched)
{
	return tree_find(change->node, watched + strlen(change->path));
}

static void consider(struct conn *c, const struct watch *w, const struct change *change)
{
	if (path_is_at_or_below(change->path, w->path)) {
		if (may_hear(c, change->node, change->old_perms)) {
			conn_queue_event(c, change->path + w->relative_skip, w->token);
		}
	} else if (change->kind == CHANGE_RM && path_is_at_or_below(w->path, change->path)) {
		struct node *n = removed_below(change, w->path);

		if (n && may_hear(c, n, NULL)) {
			watch_queue_initial(c, w);
		}
	}
}

void watch_fire(struct storage *st, const struct change *change)
{
	for (struct conn *c = st->conns; c; c = c->next) {
		for (struct watch *w = c->watches; w; w = w->next) {
			consider(c, w, change);
		}
	}
}

void watch_fire_special(struct storage *st, enum special_event which)
{
	for (struct conn *c = st->conns; c; c = c->next) {
		for (struct watch *w = c->watches; w; w = w->next) {
			if (!strcmp(w->path, special_path[which]) &&
			    perms_allow(st->special[which], &c->who, PERM_READ)) {
				watch_queue_initial(c, w);
			}
		}
	}
}
