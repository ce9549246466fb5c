/*
 * The tree of names.
 *
 * Nodes are reference counted and never change while more than one reference
 * leads to them, so that a reference to a root is a snapshot of everything below:
 * a transaction is a saved root.  A change copies the nodes on the way from the
 * root that are shared and leaves the rest shared between old and new.  When
 * nobody holds an old root nothing is copied at all.
 *
 * `gen` is given anew whenever a node's own value, permissions or list of child
 * names changes, but not when something deeper does: two snapshots agree about a
 * node exactly if both hold it with the same gen.
 *
 * Paths here are canonical (path.h).  Children are sorted by name.
 */
#ifndef XENSTORE_LIKE_TREE_H
#define XENSTORE_LIKE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct perms;

/* The bytes held by a node; immutable, shared. */
struct value {
	unsigned int refs;
	size_t len;
	char bytes[];
};

struct node {
	unsigned int refs;
	unsigned int child_count;
	unsigned int child_room;
	uint64_t gen;
	struct perms *perms;
	struct value *value; /* NULL: empty */
	struct node **child;
	size_t child_bytes; /* of all child names, with their terminators */
	char name[];
};

struct value *value_new(const void *bytes, size_t len);
struct value *value_get(struct value *v); /* NULL is fine */
void value_put(struct value *v);	  /* NULL is fine */

/* A root: a node without a name.  Takes its own reference to perms. */
struct node *tree_new(struct perms *perms, uint64_t gen);
struct node *node_get(struct node *n);
void node_put(struct node *n); /* NULL is fine */

/* NULL if there is no such node.  Borrowed from the root. */
struct node *tree_find(struct node *root, const char *path);

/*
 * The deepest existing node on the way to path; *missing is the number of nodes that would have to be
 * created to have path (0: it exists).  Never NULL.
 */
struct node *tree_nearest(struct node *root, const char *path, unsigned int *missing);

/* Make path exist, giving new nodes `perms`; returns the node, private to *root and ready for change. */
struct node *tree_create(struct node **root, const char *path, struct perms *perms, uint64_t gen);

/* The node, private to *root and ready for change.  The path exists. */
struct node *tree_edit(struct node **root, const char *path);

/* Change a node got from tree_create() or tree_edit().  References are taken. */
void node_set_value(struct node *n, struct value *v, uint64_t gen);
void node_set_perms(struct node *n, struct perms *p, uint64_t gen);

/* Cut path (not "/") off; the reference to what was there is the caller's.  NULL if not there. */
struct node *tree_remove(struct node **root, const char *path, uint64_t gen);

/* Call fn for n and everything below, parents first.  Nothing may change meanwhile. */
void tree_walk(struct node *n, void (*fn)(struct node *n, void *arg), void *arg);

/* Nodes at and below n. */
size_t tree_count(struct node *n);

#endif
