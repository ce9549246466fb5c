/* The tree: lookup, snapshots that stay what they were, counts. */
#include "xenstore-like/tree.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore-like/perms.h"

static struct perms *perms;
static struct node *root;
static uint64_t gen;

static void setup(void)
{
	perms = perms_new(0, PERM_NONE);
	root = tree_new(perms, ++gen);
}

static void teardown(void)
{
	node_put(root);
	cr_assert_eq(perms->refs, 1, "a node was lost with its permissions");
	perms_put(perms);
}

static void put(struct node **r, const char *path, const char *text)
{
	struct value *v = value_new(text, strlen(text));

	gen++;
	node_set_value(tree_create(r, path, perms, gen), v, gen);
	value_put(v);
}

static const char *get(struct node *r, const char *path)
{
	struct node *n = tree_find(r, path);

	return !n ? NULL : n->value ? n->value->bytes : "";
}

TestSuite(tree, .init = setup, .fini = teardown);

Test(tree, creation_makes_all_nodes_on_the_way)
{
	put(&root, "/a/b/c", "x");
	cr_assert_str_eq(get(root, "/a/b/c"), "x");
	cr_assert_str_eq(get(root, "/a"), "");
	cr_assert_null(get(root, "/a/b/c/d"));
	cr_assert_null(get(root, "/a/bb"));
	cr_assert_eq(tree_count(root), 4);
}

Test(tree, nearest_counts_what_is_missing)
{
	unsigned int missing;

	put(&root, "/a/b", "x");
	cr_assert_str_eq(tree_nearest(root, "/a/b/c/d", &missing)->name, "b");
	cr_assert_eq(missing, 2);
	cr_assert_eq(tree_nearest(root, "/", &missing), root);
	cr_assert_eq(missing, 0);
	/* A name that exists further up must not be taken for a missing one. */
	cr_assert_str_eq(tree_nearest(root, "/x/a", &missing)->name, "");
	cr_assert_eq(missing, 2);
}

Test(tree, children_are_sorted_and_their_bytes_known)
{
	put(&root, "/b", "");
	put(&root, "/a", "");
	put(&root, "/ab", "");
	put(&root, "/a-", "");
	cr_assert_eq(root->child_count, 4);
	cr_assert_str_eq(root->child[0]->name, "a");
	cr_assert_str_eq(root->child[1]->name, "a-");
	cr_assert_str_eq(root->child[2]->name, "ab");
	cr_assert_str_eq(root->child[3]->name, "b");
	cr_assert_eq(root->child_bytes, 2 + 2 + 3 + 3);
	node_put(tree_remove(&root, "/ab", ++gen));
	cr_assert_eq(root->child_bytes, 7);
}

Test(tree, a_snapshot_does_not_see_later_changes)
{
	struct node *old;

	put(&root, "/a/b", "1");
	put(&root, "/c", "2");
	old = node_get(root);
	put(&root, "/a/b", "changed");
	put(&root, "/a/new", "");
	node_put(tree_remove(&root, "/c", ++gen));
	cr_assert_str_eq(get(old, "/a/b"), "1");
	cr_assert_null(get(old, "/a/new"));
	cr_assert_str_eq(get(old, "/c"), "2");
	cr_assert_str_eq(get(root, "/a/b"), "changed");
	cr_assert_null(get(root, "/c"));
	node_put(old);
}

Test(tree, unshared_nodes_are_changed_in_place_and_untouched_ones_stay_shared)
{
	struct node *b, *old;

	put(&root, "/a/b", "1");
	put(&root, "/z/y", "1");
	b = tree_find(root, "/a/b");
	put(&root, "/a/b", "2");
	cr_assert_eq(tree_find(root, "/a/b"), b);
	old = node_get(root);
	put(&root, "/a/b", "3");
	cr_assert_neq(tree_find(root, "/a/b"), b);
	cr_assert_eq(tree_find(root, "/z/y"), tree_find(old, "/z/y"));
	node_put(old);
}

Test(tree, gen_changes_with_the_node_itself_but_not_with_deeper_ones)
{
	uint64_t a, b;

	put(&root, "/a/b", "1");
	a = tree_find(root, "/a")->gen;
	b = tree_find(root, "/a/b")->gen;
	put(&root, "/a/b", "2");
	cr_assert_eq(tree_find(root, "/a")->gen, a);
	cr_assert_neq(tree_find(root, "/a/b")->gen, b);
	put(&root, "/a/c", "1");
	cr_assert_neq(tree_find(root, "/a")->gen, a);
	a = tree_find(root, "/a")->gen;
	node_put(tree_remove(&root, "/a/c", ++gen));
	cr_assert_neq(tree_find(root, "/a")->gen, a);
}

Test(tree, removal_hands_over_the_whole_branch)
{
	struct node *cut;

	put(&root, "/a/b/c", "x");
	put(&root, "/a/d", "y");
	cut = tree_remove(&root, "/a/b", ++gen);
	cr_assert_eq(tree_count(cut), 2);
	cr_assert_str_eq(get(cut, "/c"), "x");
	cr_assert_eq(tree_count(root), 3);
	node_put(cut);
	cr_assert_null(tree_remove(&root, "/a/b", ++gen));
	cr_assert_null(tree_remove(&root, "/nowhere/b", ++gen));
}

/* Random changes with random snapshots, against a flat table of paths. */
#define NAMES 40
struct model {
	int value[NAMES]; /* -1: absent */
};

static const char *model_path(int i)
{
	static char path[32];

	snprintf(path, sizeof(path), "/n%d/m%d", i % 7, i);
	return path;
}

static void compare(struct node *r, const struct model *m)
{
	for (int i = 0; i < NAMES; i++) {
		const char *v = get(r, model_path(i));

		cr_assert_eq(v ? atoi(v) : -1, m->value[i]);
	}
}

Test(tree, random_changes_leave_every_snapshot_as_its_model)
{
	struct model now, kept[8];
	struct node *snap[8] = { 0 };

	srand(1);
	memset(&now, 0xff, sizeof(now));
	for (int step = 0; step < 4000; step++) {
		int i = rand() % NAMES, k = rand() % 8;
		char text[16];

		switch (rand() % 4) {
		case 0:
			node_put(tree_remove(&root, model_path(i), ++gen));
			now.value[i] = -1;
			break;
		case 1:
			node_put(snap[k]);
			snap[k] = node_get(root);
			kept[k] = now;
			break;
		default:
			snprintf(text, sizeof(text), "%d", step);
			put(&root, model_path(i), text);
			now.value[i] = step;
		}
		compare(root, &now);
		if (snap[k]) {
			compare(snap[k], &kept[k]);
		}
	}
	for (int k = 0; k < 8; k++) {
		node_put(snap[k]);
	}
}
