/* Transactions: a saved root, a memory of what was seen, and a list of changes to repeat. */
#include "xenstore-like/txn.h"

#include <errno.h>

#include "xenstore-like/conn.h"
#include "xenstore-like/mem.h"

enum step_kind { STEP_WRITE, STEP_MKDIR, STEP_RM, STEP_SET_PERMS };

struct txn_step {
	enum step_kind kind;
	char *path;
	struct value *value;
	struct perms *perms;
};

static struct view view_of(struct conn *c, struct txn *t)
{
	return (struct view){ .st = c->st, .root = &t->root, .delta = &t->delta };
}

/* ---- what was seen: an open-addressed set of paths ---- */

static size_t hash_path(const char *p)
{
	uint64_t h = 14695981039346656037ull;

	for (; *p; p++) {
		h = (h ^ (unsigned char)*p) * 1099511628211ull;
	}
	return (size_t)(h ^ (h >> 32));
}

static char **seen_slot(char **table, size_t room, const char *path)
{
	size_t i = hash_path(path) & (room - 1);

	while (table[i] && strcmp(table[i], path)) {
		i = (i + 1) & (room - 1);
	}
	return &table[i];
}

static void grow_seen(struct txn *t)
{
	size_t room = t->seen_room ? t->seen_room * 2 : 16;
	char **table = mem_alloc(room * sizeof(*table));

	for (size_t i = 0; i < t->seen_room; i++) {
		if (t->seen[i]) {
			*seen_slot(table, room, t->seen[i]) = t->seen[i];
		}
	}
	free(t->seen);
	t->seen = table;
	t->seen_room = room;
}

static bool is_full(const struct conn *c, const struct txn *t)
{
	return !actor_is_trusted(&c->who) &&
	       t->seen_count + t->step_count >= c->st->quota.limit.tx_operations;
}

static int note_seen(struct conn *c, struct txn *t, const char *path)
{
	char **slot;

	if (t->seen_count * 2 >= t->seen_room) {
		grow_seen(t);
	}
	slot = seen_slot(t->seen, t->seen_room, path);
	if (*slot) {
		return 0;
	}
	if (is_full(c, t)) {
		return -ENOSPC;
	}
	*slot = mem_string(path);
	t->seen_count++;
	return 0;
}

/* ---- what to repeat ---- */

static void free_step(struct txn_step *s)
{
	free(s->path);
	value_put(s->value);
	perms_put(s->perms);
}

static void note_step(struct txn *t, enum step_kind kind, const char *path, struct value *value,
		      struct perms *perms)
{
	struct txn_step *last = t->step_count ? &t->step[t->step_count - 1] : NULL;

	if (last && kind == STEP_WRITE && last->kind == kind && !strcmp(last->path, path)) {
		value_put(last->value);
		last->value = value_get(value);
		return;
	}
	if (t->step_count == t->step_room) {
		t->step_room = t->step_room ? t->step_room * 2 : 8;
		t->step = mem_resize(t->step, t->step_room * sizeof(t->step[0]));
	}
	t->step[t->step_count++] = (struct txn_step){
		.kind = kind,
		.path = mem_string(path),
		.value = value_get(value),
		.perms = perms ? perms_get(perms) : NULL,
	};
}

static int apply(struct view *v, const struct actor *who, const struct txn_step *s)
{
	switch (s->kind) {
	case STEP_WRITE:
		return access_write(v, who, s->path, s->value);
	case STEP_MKDIR:
		return access_mkdir(v, who, s->path);
	case STEP_RM:
		return access_rm(v, who, s->path);
	case STEP_SET_PERMS:
		return access_set_perms(v, who, s->path, s->perms);
	}
	return -EINVAL;
}

/* Do it in the transaction's own tree; a refusal is an answer too, and depends on what was there. */
static int do_step(struct conn *c, struct txn *t, const struct txn_step *s)
{
	struct view v = view_of(c, t);
	int err;

	if (is_full(c, t)) {
		return -ENOSPC;
	}
	err = apply(&v, &c->who, s);
	if (err) {
		note_seen(c, t, s->path);
		return err;
	}
	note_step(t, s->kind, s->path, s->value, s->perms);
	return 0;
}

int txn_write(struct conn *c, struct txn *t, const char *path, struct value *value)
{
	return do_step(c, t,
		       &(struct txn_step){
			       .kind = STEP_WRITE, .path = (char *)path, .value = value });
}

int txn_mkdir(struct conn *c, struct txn *t, const char *path)
{
	return do_step(c, t, &(struct txn_step){ .kind = STEP_MKDIR, .path = (char *)path });
}

int txn_rm(struct conn *c, struct txn *t, const char *path)
{
	return do_step(c, t, &(struct txn_step){ .kind = STEP_RM, .path = (char *)path });
}

int txn_set_perms(struct conn *c, struct txn *t, const char *path, struct perms *perms)
{
	return do_step(c, t,
		       &(struct txn_step){
			       .kind = STEP_SET_PERMS, .path = (char *)path, .perms = perms });
}

int txn_find_node(struct conn *c, struct txn *t, const char *path, unsigned int want,
		  struct node **out)
{
	struct view v = view_of(c, t);
	int err = note_seen(c, t, path);

	return err ? err : access_find(&v, &c->who, path, want, out);
}

/* ---- begin and end ---- */

static void note_journal(const struct conn *c, uint32_t id, bool open)
{
	if (c->st->journal) {
		c->st->journal->transaction(c->st->journal_arg, c, id, open);
	}
}

static struct txn *new_txn(struct conn *c, uint32_t id)
{
	struct txn *t = mem_alloc(sizeof(*t));

	t->id = id;
	t->base = node_get(c->st->root);
	t->root = node_get(c->st->root);
	quota_delta_init(&t->delta);
	t->next = c->txns;
	c->txns = t;
	c->txn_count++;
	return t;
}

int txn_start(struct conn *c, struct txn **out)
{
	struct storage *st = c->st;

	if (!actor_is_trusted(&c->who) && c->txn_count >= st->quota.limit.transactions) {
		return -ENOSPC;
	}
	do {
		st->last_tx++;
	} while (!st->last_tx || txn_find(c, st->last_tx));
	*out = new_txn(c, st->last_tx);
	note_journal(c, st->last_tx, true);
	return 0;
}

void txn_restore_doomed(struct conn *c, uint32_t id)
{
	if (!txn_find(c, id)) {
		new_txn(c, id)->doomed = true;
	}
	if (c->st->last_tx < id) {
		c->st->last_tx = id;
	}
}

struct txn *txn_find(struct conn *c, uint32_t id)
{
	for (struct txn *t = c->txns; t; t = t->next) {
		if (t->id == id) {
			return t;
		}
	}
	return NULL;
}

void txn_abort(struct conn *c, struct txn *t)
{
	struct txn **at = &c->txns;

	while (*at != t) {
		at = &(*at)->next;
	}
	*at = t->next;
	c->txn_count--;
	note_journal(c, t->id, false);
	for (size_t i = 0; i < t->seen_room; i++) {
		free(t->seen[i]);
	}
	for (size_t i = 0; i < t->step_count; i++) {
		free_step(&t->step[i]);
	}
	free(t->seen);
	free(t->step);
	quota_delta_free(&t->delta);
	node_put(t->root);
	node_put(t->base);
	free(t);
}

void txn_abort_all(struct conn *c)
{
	while (c->txns) {
		txn_abort(c, c->txns);
	}
}

/* Is every node we looked at still what it was? */
static bool still_valid(const struct storage *st, const struct txn *t)
{
	if (st->root == t->base) {
		return true;
	}
	for (size_t i = 0; i < t->seen_room; i++) {
		struct node *then, *now;

		if (!t->seen[i]) {
			continue;
		}
		then = tree_find(t->base, t->seen[i]);
		now = tree_find(st->root, t->seen[i]);
		if (!then != !now || (then && then->gen != now->gen)) {
			return false;
		}
	}
	return true;
}

/* Repeat all steps on a private copy of the store's tree, and make that the store's. */
static int merge(struct conn *c, struct txn *t)
{
	struct storage *st = c->st;
	struct node *root = node_get(st->root);
	struct quota_delta delta;
	struct changes changes = { 0 };
	struct view v = { .st = st, .root = &root, .delta = &delta, .changes = &changes };
	int err = 0;

	quota_delta_init(&delta);
	for (size_t i = 0; i < t->step_count && !err; i++) {
		err = apply(&v, &c->who, &t->step[i]);
	}
	if (err) {
		changes_free(&changes);
		quota_delta_free(&delta);
		node_put(root);
		return err == -ENOSPC ? err : -EAGAIN;
	}
	node_put(st->root);
	st->root = root;
	access_publish(st, &delta, &changes);
	return 0;
}

int txn_commit(struct conn *c, struct txn *t)
{
	int err = -EAGAIN;

	if (!t->doomed && still_valid(c->st, t)) {
		err = merge(c, t);
	}
	txn_abort(c, t);
	return err;
}
