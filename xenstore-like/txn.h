/*
 * Transactions.
 *
 * One starts by saving the root: whatever others do, it sees the tree of that
 * moment with its own changes on top.  It remembers which nodes its answers came
 * from, and its changes in order.  At commit, if each of those nodes is in the
 * store as it was at the start (tree.h, gen), the changes are done again on the
 * store's tree, all or none; so two transactions that touch different nodes both
 * succeed.  Otherwise the answer is EAGAIN and nothing has happened.
 */
#ifndef XENSTORE_LIKE_TXN_H
#define XENSTORE_LIKE_TXN_H

#include "xenstore-like/access.h"

struct txn_step;

struct txn {
	struct txn *next;
	uint32_t id;
	bool doomed; /* was open when the daemon was restarted: can only answer EAGAIN */
	struct node *base;
	struct node *root;
	struct quota_delta delta;
	char **seen; /* hash table of paths, seen_room a power of two */
	size_t seen_count, seen_room;
	struct txn_step *step;
	size_t step_count, step_room;
};

/* -ENOSPC: too many open. */
int txn_start(struct conn *c, struct txn **out);
struct txn *txn_find(struct conn *c, uint32_t id);

/* Ends it either way.  0, -EAGAIN, -ENOSPC. */
int txn_commit(struct conn *c, struct txn *t);
void txn_abort(struct conn *c, struct txn *t);
void txn_abort_all(struct conn *c);

/* After a restart: what was open before is known again by its number. */
void txn_restore_doomed(struct conn *c, uint32_t id);

/* Reads and changes within t; errors as in access.h, and -ENOSPC if it has to remember too much. */
int txn_find_node(struct conn *c, struct txn *t, const char *path, unsigned int want,
		  struct node **out);
int txn_write(struct conn *c, struct txn *t, const char *path, struct value *value);
int txn_mkdir(struct conn *c, struct txn *t, const char *path);
int txn_rm(struct conn *c, struct txn *t, const char *path);
int txn_set_perms(struct conn *c, struct txn *t, const char *path, struct perms *perms);

#endif
