/* Reading and changing the tree on somebody's behalf, and the store's own set-up. */
#include "xenstore-like/access.h"

#include <errno.h>

#include "xenstore-like/mem.h"
#include "xenstore-like/path.h"
#include "xenstore-like/watch.h"

void storage_init(struct storage *st)
{
	struct perms *perms = perms_new(0, PERM_NONE);

	memset(st, 0, sizeof(*st));
	quota_init(&st->quota);
	st->root = tree_new(perms, ++st->gen);
	tree_create(&st->root, "/local/domain", perms, ++st->gen);
	tree_create(&st->root, "/tool", perms, ++st->gen);
	st->special[SPECIAL_INTRODUCE] = perms_get(perms);
	st->special[SPECIAL_RELEASE] = perms_get(perms);
	perms_put(perms);
	storage_recount(st);
}

void storage_fini(struct storage *st)
{
	node_put(st->root);
	for (int i = 0; i < SPECIAL_COUNT; i++) {
		perms_put(st->special[i]);
	}
	memset(st, 0, sizeof(*st));
}

static void count_owner(struct node *n, void *arg)
{
	struct quota *q = arg;

	q->nodes[perms_owner(n->perms)]++;
}

void storage_recount(struct storage *st)
{
	memset(st->quota.nodes, 0, sizeof(st->quota.nodes));
	tree_walk(st->root, count_owner, &st->quota);
}

/* ---- changes ---- */

static void note_change(struct view *v, enum change_kind kind, const char *path, struct node *node,
			struct perms *old_perms)
{
	struct changes *c = v->changes;

	if (!c) {
		return;
	}
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 4;
		c->list = mem_resize(c->list, c->room * sizeof(c->list[0]));
	}
	c->list[c->count++] = (struct change){
		.kind = kind,
		.path = mem_string(path),
		.node = node_get(node),
		.old_perms = old_perms ? perms_get(old_perms) : NULL,
	};
}

void changes_free(struct changes *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->list[i].path);
		node_put(c->list[i].node);
		perms_put(c->list[i].old_perms);
	}
	free(c->list);
	*c = (struct changes){ 0 };
}

void access_publish(struct storage *st, struct quota_delta *delta, struct changes *changes)
{
	quota_apply(&st->quota, delta);
	for (size_t i = 0; i < changes->count; i++) {
		if (st->journal) {
			st->journal->changed(st->journal_arg, &changes->list[i]);
		}
		watch_fire(st, &changes->list[i]);
	}
	changes_free(changes);
}

/* ---- checks ---- */

bool access_is_inside(const struct actor *who, const char *path, unsigned int want)
{
	const struct fence *f = who->fence;

	return !f || path_is_at_or_below(path, f->own) ||
	       (!(want & PERM_WRITE) && path_is_at_or_below(path, f->peer));
}

/* Somebody who may not read where a node would be is not told that it is missing. */
static int missing_error(const struct node *nearest, const struct actor *who)
{
	return perms_allow(nearest->perms, who, PERM_READ) ? -ENOENT : -EACCES;
}

int access_find(const struct view *v, const struct actor *who, const char *path, unsigned int want,
		struct node **out)
{
	unsigned int missing;
	struct node *n = tree_nearest(*v->root, path, &missing);

	if (!access_is_inside(who, path, want)) {
		return -EACCES;
	}
	if (missing) {
		return missing_error(n, who);
	}
	if (!perms_allow(n->perms, who, want)) {
		return -EACCES;
	}
	*out = n;
	return 0;
}

/* What a node takes of the size limit. */
static size_t node_size(size_t value_len, size_t child_bytes, unsigned int perm_count)
{
	return value_len + child_bytes + perm_count * sizeof(uint32_t);
}

/* Length of the first of the missing components, terminator included. */
static size_t first_missing_len(const char *path, unsigned int missing)
{
	const char *end = path + strlen(path);
	const char *p = end;

	for (; missing; missing--) {
		end = p;
		while (p[-1] != '/') {
			p--;
		}
		if (missing > 1) {
			p--;
		}
	}
	return (size_t)(end - p) + 1;
}

/* May `who` create the missing nodes below `parent`? */
static int check_create(const struct view *v, const struct actor *who, const struct node *parent,
			const char *path, unsigned int missing)
{
	const struct quota *q = &v->st->quota;
	size_t name_len = first_missing_len(path, missing);

	if (!perms_allow(parent->perms, who, PERM_WRITE)) {
		return -EACCES;
	}
	if (who->privileged) {
		return 0;
	}
	if (!quota_nodes_fit(q, v->delta, who->domid, missing)) {
		return -ENOSPC;
	}
	if (node_size(parent->value ? parent->value->len : 0, parent->child_bytes + name_len,
		      parent->perms->count) > q->limit.node_size) {
		return -ENOSPC;
	}
	return 0;
}

/* Make path exist, already checked; what an unprivileged domain makes is its own. */
static struct node *create_nodes(struct view *v, const struct actor *who, const char *path,
				 const struct node *parent, unsigned int missing)
{
	struct perms *perms;
	struct node *n;

	if (who->privileged || perms_owner(parent->perms) == who->domid) {
		perms = perms_get(parent->perms);
	} else {
		perms = perms_with_owner(parent->perms, who->domid);
	}
	quota_delta_add(v->delta, perms_owner(perms), missing);
	n = tree_create(v->root, path, perms, ++v->st->gen);
	perms_put(perms);
	return n;
}

/* ---- the four changes ---- */

int access_write(struct view *v, const struct actor *who, const char *path, struct value *value)
{
	unsigned int missing;
	struct node *n = tree_nearest(*v->root, path, &missing);
	size_t other = missing ? 0 : n->child_bytes;
	int err = 0;

	if (!access_is_inside(who, path, PERM_WRITE)) {
		err = -EACCES;
	} else if (missing) {
		err = who->fence ? -ENOENT : check_create(v, who, n, path, missing);
	} else if (!perms_allow(n->perms, who, PERM_WRITE)) {
		err = -EACCES;
	}
	if (err) {
		return err;
	}
	if (!actor_is_trusted(who) &&
	    node_size(value->len, other, n->perms->count) > v->st->quota.limit.node_size) {
		return -ENOSPC;
	}
	n = missing ? create_nodes(v, who, path, n, missing) : tree_edit(v->root, path);
	node_set_value(n, value, ++v->st->gen);
	note_change(v, CHANGE_SET, path, n, NULL);
	return 0;
}

int access_mkdir(struct view *v, const struct actor *who, const char *path)
{
	unsigned int missing;
	struct node *n = tree_nearest(*v->root, path, &missing);
	int err;

	if (who->fence) {
		return -EACCES;
	}
	if (!missing) {
		return perms_allow(n->perms, who, PERM_WRITE) ? 0 : -EACCES;
	}
	err = check_create(v, who, n, path, missing);
	if (err) {
		return err;
	}
	n = create_nodes(v, who, path, n, missing);
	note_change(v, CHANGE_SET, path, n, NULL);
	return 0;
}

static void uncount_owner(struct node *n, void *arg)
{
	quota_delta_add(arg, perms_owner(n->perms), -1);
}

int access_rm(struct view *v, const struct actor *who, const char *path)
{
	unsigned int missing;
	struct node *n = tree_nearest(*v->root, path, &missing);

	if (who->fence) {
		return -EACCES;
	}
	if (!strcmp(path, "/")) {
		return -EINVAL;
	}
	if (missing) {
		int err = missing_error(n, who);

		return err == -ENOENT && missing == 1 ? 0 : err;
	}
	if (!perms_allow(n->perms, who, PERM_WRITE)) {
		return -EACCES;
	}
	n = tree_remove(v->root, path, ++v->st->gen);
	tree_walk(n, uncount_owner, v->delta);
	note_change(v, CHANGE_RM, path, n, NULL);
	node_put(n);
	return 0;
}

int access_set_perms(struct view *v, const struct actor *who, const char *path, struct perms *perms)
{
	struct perms *old;
	struct node *n;
	int err = access_find(v, who, path, PERM_NONE, &n);

	if (err) {
		return err;
	}
	if (who->fence || !perms_owned_by(n->perms, who)) {
		return -EACCES;
	}
	if (!who->privileged) {
		if (perms_owner(perms) != perms_owner(n->perms)) {
			return -EPERM;
		}
		if (perms->count > v->st->quota.limit.perms) {
			return -ENOSPC;
		}
	}
	old = perms_get(n->perms);
	n = tree_edit(v->root, path);
	node_set_perms(n, perms, ++v->st->gen);
	quota_delta_add(v->delta, perms_owner(old), -1);
	quota_delta_add(v->delta, perms_owner(perms), 1);
	note_change(v, CHANGE_SET, path, n, old);
	perms_put(old);
	return 0;
}

/* ---- a domain is gone ---- */

/* What forgetting has to touch: found first, because a tree must not change under a walk. */
struct stale {
	unsigned int domid;
	struct changes found; /* path and node only */
};

static void find_stale(struct node *n, const char *path, struct stale *s)
{
	struct perms *clean = perms_without(n->perms, s->domid);
	struct view collect = { .changes = &s->found };

	if (clean) {
		perms_put(clean);
		note_change(&collect, CHANGE_SET, path, n, NULL);
	}
	for (unsigned int i = 0; i < n->child_count; i++) {
		char *below;

		if (asprintf(&below, "%s/%s", path[1] ? path : "", n->child[i]->name) < 0) {
			mem_check(NULL);
		}
		find_stale(n->child[i], below, s);
		free(below);
	}
}

void storage_forget_domain(struct storage *st, unsigned int domid)
{
	static const struct actor nobody_less = { .privileged = true };
	struct stale stale = { .domid = domid };
	struct quota_delta delta;
	struct changes changes = { 0 };
	struct view v = { .st = st, .root = &st->root, .delta = &delta, .changes = &changes };

	quota_delta_init(&delta);
	find_stale(st->root, "/", &stale);
	for (size_t i = 0; i < stale.found.count; i++) {
		struct perms *clean = perms_without(stale.found.list[i].node->perms, domid);

		access_set_perms(&v, &nobody_less, stale.found.list[i].path, clean);
		perms_put(clean);
	}
	changes_free(&stale.found);
	/* Journalled and counted, but no news for watchers: nothing they may see has changed. */
	quota_apply(&st->quota, &delta);
	for (size_t i = 0; st->journal && i < changes.count; i++) {
		st->journal->changed(st->journal_arg, &changes.list[i]);
	}
	changes_free(&changes);
	for (int i = 0; i < SPECIAL_COUNT; i++) {
		struct perms *clean = perms_without(st->special[i], domid);

		if (clean) {
			perms_put(st->special[i]);
			st->special[i] = clean;
			if (st->journal) {
				st->journal->special(st->journal_arg, (enum special_event)i, clean);
			}
		}
	}
}
