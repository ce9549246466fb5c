/* The tree: lookup, and changes that copy only what somebody else can still see. */
#include "xenstore-like/tree.h"

#include "xenstore-like/mem.h"
#include "xenstore-like/perms.h"

struct value *value_new(const void *bytes, size_t len)
{
	struct value *v = mem_alloc(sizeof(*v) + len + 1);

	v->refs = 1;
	v->len = len;
	if (len) {
		memcpy(v->bytes, bytes, len);
	}
	return v;
}

struct value *value_get(struct value *v)
{
	if (v) {
		v->refs++;
	}
	return v;
}

void value_put(struct value *v)
{
	if (v && --v->refs == 0) {
		free(v);
	}
}

static struct node *node_new(const char *name, size_t name_len, struct perms *perms, uint64_t gen)
{
	struct node *n = mem_alloc(sizeof(*n) + name_len + 1);

	n->refs = 1;
	n->gen = gen;
	n->perms = perms_get(perms);
	memcpy(n->name, name, name_len);
	return n;
}

struct node *tree_new(struct perms *perms, uint64_t gen)
{
	return node_new("", 0, perms, gen);
}

struct node *node_get(struct node *n)
{
	n->refs++;
	return n;
}

/* Recursion is as deep as the longest path has components: at most half of PATH_ABS_MAX. */
void node_put(struct node *n)
{
	if (!n || --n->refs) {
		return;
	}
	for (unsigned int i = 0; i < n->child_count; i++) {
		node_put(n->child[i]);
	}
	perms_put(n->perms);
	value_put(n->value);
	free(n->child);
	free(n);
}

static struct node *node_clone(const struct node *n)
{
	struct node *c = node_new(n->name, strlen(n->name), n->perms, n->gen);

	c->value = value_get(n->value);
	c->child_bytes = n->child_bytes;
	c->child_count = n->child_count;
	c->child_room = n->child_count;
	if (n->child_count) {
		c->child = mem_alloc(n->child_count * sizeof(c->child[0]));
	}
	for (unsigned int i = 0; i < n->child_count; i++) {
		c->child[i] = node_get(n->child[i]);
	}
	return c;
}

/* Make what *slot holds private to the slot's holder, who is private already. */
static struct node *make_private(struct node **slot)
{
	struct node *old = *slot;

	if (old->refs > 1) {
		*slot = node_clone(old);
		node_put(old);
	}
	return *slot;
}

static int compare_name(const char *name, size_t len, const char *other)
{
	int c = strncmp(name, other, len);

	return c ? c : -(other[len] != '\0');
}

/* Where the child is, or where it would go; *found says which. */
static unsigned int child_index(const struct node *n, const char *name, size_t len, bool *found)
{
	unsigned int low = 0, high = n->child_count;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;
		int c = compare_name(name, len, n->child[mid]->name);

		if (!c) {
			*found = true;
			return mid;
		}
		if (c < 0) {
			high = mid;
		} else {
			low = mid + 1;
		}
	}
	*found = false;
	return low;
}

/* The next component of *path, which is moved past it; 0 at the end. */
static size_t next_component(const char **path, const char **name)
{
	size_t len;

	while (**path == '/') {
		(*path)++;
	}
	*name = *path;
	len = strcspn(*path, "/");
	*path += len;
	return len;
}

struct node *tree_nearest(struct node *root, const char *path, unsigned int *missing)
{
	struct node *n = root;
	const char *name;
	size_t len;

	*missing = 0;
	while ((len = next_component(&path, &name))) {
		bool found = false;
		unsigned int i = *missing ? 0 : child_index(n, name, len, &found);

		if (found) {
			n = n->child[i];
		} else {
			(*missing)++;
		}
	}
	return n;
}

struct node *tree_find(struct node *root, const char *path)
{
	unsigned int missing;
	struct node *n = tree_nearest(root, path, &missing);

	return missing ? NULL : n;
}

static void insert_child(struct node *n, unsigned int at, struct node *child)
{
	if (n->child_count == n->child_room) {
		n->child_room = n->child_room ? n->child_room * 2 : 4;
		n->child = mem_resize(n->child, n->child_room * sizeof(n->child[0]));
	}
	memmove(&n->child[at + 1], &n->child[at], (n->child_count - at) * sizeof(n->child[0]));
	n->child[at] = child;
	n->child_count++;
	n->child_bytes += strlen(child->name) + 1;
}

struct node *tree_create(struct node **root, const char *path, struct perms *perms, uint64_t gen)
{
	struct node *n = make_private(root);
	const char *name;
	size_t len;

	while ((len = next_component(&path, &name))) {
		bool found;
		unsigned int i = child_index(n, name, len, &found);

		if (!found) {
			insert_child(n, i, node_new(name, len, perms, gen));
			n->gen = gen;
		}
		n = make_private(&n->child[i]);
	}
	return n;
}

struct node *tree_edit(struct node **root, const char *path)
{
	/* Nothing is missing, so neither permissions nor gen are used. */
	return tree_create(root, path, NULL, 0);
}

void node_set_value(struct node *n, struct value *v, uint64_t gen)
{
	struct value *old = n->value;

	n->value = value_get(v);
	n->gen = gen;
	value_put(old);
}

void node_set_perms(struct node *n, struct perms *p, uint64_t gen)
{
	struct perms *old = n->perms;

	n->perms = perms_get(p);
	n->gen = gen;
	perms_put(old);
}

/* Take child i of n out; its reference goes to the caller. */
static struct node *detach_child(struct node *n, unsigned int i, uint64_t gen)
{
	struct node *child = n->child[i];

	n->child_count--;
	n->child_bytes -= strlen(child->name) + 1;
	memmove(&n->child[i], &n->child[i + 1], (n->child_count - i) * sizeof(n->child[0]));
	n->gen = gen;
	return child;
}

struct node *tree_remove(struct node **root, const char *path, uint64_t gen)
{
	struct node *n;
	const char *name;
	size_t len;

	if (!tree_find(*root, path)) {
		return NULL;
	}
	n = make_private(root);
	while ((len = next_component(&path, &name))) {
		bool found;
		unsigned int i = child_index(n, name, len, &found);

		if (!*path) {
			return detach_child(n, i, gen);
		}
		n = make_private(&n->child[i]);
	}
	return NULL;
}

void tree_walk(struct node *n, void (*fn)(struct node *n, void *arg), void *arg)
{
	fn(n, arg);
	for (unsigned int i = 0; i < n->child_count; i++) {
		tree_walk(n->child[i], fn, arg);
	}
}

static void count_node(struct node *n, void *arg)
{
	(void)n;
	(*(size_t *)arg)++;
}

size_t tree_count(struct node *n)
{
	size_t count = 0;

	tree_walk(n, count_node, &count);
	return count;
}
