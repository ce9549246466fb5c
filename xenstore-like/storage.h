/*
 * Everything the daemon knows: the tree, the counts, the connections.
 *
 * The files around it each own one part: access.c (reading and changing the tree on
 * somebody's behalf), txn.c, watch.c, op.c (requests), conn.c.  None of them opens a
 * file; the transports and the hypervisor are reached through struct domain_hooks and
 * struct journal_hooks, which tests replace.
 */
#ifndef XENSTORE_LIKE_STORAGE_H
#define XENSTORE_LIKE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore-like/quota.h"
#include "xenstore-like/tree.h"

struct conn;
struct change;
struct txn;
struct watch;

enum special_event { SPECIAL_INTRODUCE, SPECIAL_RELEASE, SPECIAL_COUNT };

/* Requests about domains: 0 or -errno. */
struct domain_hooks {
	int (*introduce)(void *arg, unsigned int domid, uint64_t mfn, unsigned int port);
	int (*release)(void *arg, unsigned int domid);
	int (*resume)(void *arg, unsigned int domid);
	int (*set_target)(void *arg, unsigned int domid, unsigned int target);
	bool (*is_introduced)(void *arg, unsigned int domid);
};

/* Told of everything that must survive the process, before anyone gets an answer about it. */
struct journal_hooks {
	void (*changed)(void *arg, const struct change *c);
	void (*watched)(void *arg, const struct conn *c, const struct watch *w, bool added);
	void (*transaction)(void *arg, const struct conn *c, uint32_t id, bool open);
	void (*special)(void *arg, enum special_event which, const struct perms *p);
};

struct storage {
	struct node *root;
	uint64_t gen;
	uint32_t last_tx;
	struct quota quota;
	struct perms
		*special[SPECIAL_COUNT]; /* who may hear of "@introduceDomain", "@releaseDomain" */
	struct conn *conns;		 /* in order of arrival */
	const struct domain_hooks *domains; /* NULL: such requests are refused */
	void *domains_arg;
	const struct journal_hooks *journal; /* NULL: nothing is kept */
	void *journal_arg;
	bool verbose;
};

/* An empty tree (but for /local, /local/domain and /tool), owned by domain 0. */
void storage_init(struct storage *st);
/* Connections must be gone. */
void storage_fini(struct storage *st);

/*
 * Domain `domid` is gone for good and its number may come back: whatever it owned becomes domain 0's, and
 * nothing names it any more.
 */
void storage_forget_domain(struct storage *st, unsigned int domid);

/* Count nodes per owner afresh, after the tree was loaded. */
void storage_recount(struct storage *st);

#endif
