/*
 * What an unprivileged domain may make the daemon hold.
 *
 * Nodes are counted for their owner, whoever made them; a change first collects
 * its effect in a delta, so that a transaction or a change that fails half way
 * leaves the counts alone.  Limits bind unprivileged domains only, but everybody
 * is counted.
 */
#ifndef XENSTORE_LIKE_QUOTA_H
#define XENSTORE_LIKE_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore-like/perms.h"

struct quota_limits {
	unsigned int nodes;	    /* owned by one domain */
	unsigned int node_size;	    /* bytes: value, child names and permissions */
	unsigned int perms;	    /* entries in one list */
	unsigned int watches;	    /* per connection */
	unsigned int transactions;  /* open at once, per connection */
	unsigned int tx_operations; /* things one transaction remembers */
};

struct quota {
	struct quota_limits limit;
	uint32_t nodes[STORE_DOMID_LIMIT];
};

#define QUOTA_DELTA_INLINE 8

struct quota_delta {
	size_t count, room;
	struct quota_change {
		unsigned int domid;
		int64_t nodes;
	} * change;
	struct quota_change small[QUOTA_DELTA_INLINE];
};

void quota_init(struct quota *q);

void quota_delta_init(struct quota_delta *d);
void quota_delta_free(struct quota_delta *d);
void quota_delta_add(struct quota_delta *d, unsigned int domid, int64_t nodes);
int64_t quota_delta_of(const struct quota_delta *d, unsigned int domid);

/* May `domid` own `more` nodes on top of what is counted and what the delta holds? */
bool quota_nodes_fit(const struct quota *q, const struct quota_delta *d, unsigned int domid,
		     unsigned int more);

/* Make the delta count.  It is empty afterwards. */
void quota_apply(struct quota *q, struct quota_delta *d);

#endif
