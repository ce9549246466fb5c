/* Counting nodes per owner, with changes held back until they are certain. */
#include "xenstore-like/quota.h"

#include "xenstore-like/mem.h"

/* The figures that guests' drivers have lived with for years. */
static const struct quota_limits default_limits = {
	.nodes = 1000,
	.node_size = 2048,
	.perms = 5,
	.watches = 128,
	.transactions = 10,
	.tx_operations = 1024,
};

void quota_init(struct quota *q)
{
	memset(q, 0, sizeof(*q));
	q->limit = default_limits;
}

void quota_delta_init(struct quota_delta *d)
{
	d->count = 0;
	d->room = QUOTA_DELTA_INLINE;
	d->change = d->small;
}

void quota_delta_free(struct quota_delta *d)
{
	if (d->change != d->small) {
		free(d->change);
	}
	quota_delta_init(d);
}

static void grow(struct quota_delta *d)
{
	struct quota_change *more = mem_alloc(d->room * 2 * sizeof(*more));

	memcpy(more, d->change, d->count * sizeof(*more));
	if (d->change != d->small) {
		free(d->change);
	}
	d->change = more;
	d->room *= 2;
}

void quota_delta_add(struct quota_delta *d, unsigned int domid, int64_t nodes)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->change[i].domid == domid) {
			d->change[i].nodes += nodes;
			return;
		}
	}
	if (d->count == d->room) {
		grow(d);
	}
	d->change[d->count++] = (struct quota_change){ .domid = domid, .nodes = nodes };
}

int64_t quota_delta_of(const struct quota_delta *d, unsigned int domid)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->change[i].domid == domid) {
			return d->change[i].nodes;
		}
	}
	return 0;
}

bool quota_nodes_fit(const struct quota *q, const struct quota_delta *d, unsigned int domid,
		     unsigned int more)
{
	return (int64_t)q->nodes[domid] + quota_delta_of(d, domid) + more <=
	       (int64_t)q->limit.nodes;
}

void quota_apply(struct quota *q, struct quota_delta *d)
{
	for (size_t i = 0; i < d->count; i++) {
		int64_t n = (int64_t)q->nodes[d->change[i].domid] + d->change[i].nodes;

		q->nodes[d->change[i].domid] = (uint32_t)(n < 0 ? 0 : n);
	}
	quota_delta_free(d);
}
