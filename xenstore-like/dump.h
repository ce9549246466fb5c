/*
 * The daemon's state as bytes, so that a new process can go on where one ended.
 *
 * A dump is a run of records: a snapshot of everything, then what changed, turn by
 * turn.  Each turn ends with a mark, and a reader believes only whole turns.  A turn
 * also says, for every domain's ring it touched, where in the ring it stands and what
 * is half received or not yet sent; requests leave a ring only after their turn is
 * written.  So a request is carried out exactly once and answered exactly once,
 * whenever the process ends.
 *
 * Local clients lose their connection with the process and are not in the dump.
 * Pure: the file is keep.c's.
 */
#ifndef XENSTORE_LIKE_DUMP_H
#define XENSTORE_LIKE_DUMP_H

#include "xenstore-like/access.h"
#include "xenstore-like/buf.h"
#include "xenstore-like/conn.h"
#include "xenstore-like/ring.h"
#include "xenstore-like/watch.h"

/* ---- writing records ---- */

void dump_begin(struct buf *b);
void dump_tree(struct buf *b, struct storage *st);
void dump_change(struct buf *b, const struct change *c);
void dump_special(struct buf *b, enum special_event which, const struct perms *p);
void dump_domain(struct buf *b, unsigned int domid, uint64_t mfn, unsigned int port);
void dump_domain_gone(struct buf *b, unsigned int domid);
void dump_watch(struct buf *b, const struct conn *c, const struct watch *w, bool added);
void dump_transaction(struct buf *b, const struct conn *c, uint32_t id, bool open);
/* Where a ring stands, and what its connection holds. */
void dump_ring(struct buf *b, const struct conn *c, const struct ring *r);
/* Watches, transactions and ring of one connection. */
void dump_conn(struct buf *b, const struct conn *c, const struct ring *r);
void dump_turn(struct buf *b);

/* ---- reading ---- */

struct dump_watch_entry {
	struct path path;
	char token[WATCH_TOKEN_MAX + 1];
};

/* What a dump tells of one domain besides its nodes.  Domain 0 is the control domain's own ring. */
struct dump_domain_state {
	struct dump_domain_state *next;
	unsigned int domid, port;
	uint64_t mfn;
	bool has_ring;
	uint32_t req_cons, rsp_prod;
	bool overflow;
	struct buf in, out;
	size_t watch_count, txn_count;
	struct dump_watch_entry **watch;
	uint32_t *txn;
};

/*
 * Replace the tree in st by the dump's and collect its domains.  0, or -EINVAL if it is not a dump or
 * broken before the end of its first turn: st is untouched then.
 */
int dump_load(const char *bytes, size_t len, struct storage *st,
	      struct dump_domain_state **domains);

/* Give a reopened connection and ring back what they had. */
void dump_resume(const struct dump_domain_state *d, struct conn *c, struct ring *r);

void dump_free_domains(struct dump_domain_state *d);

#endif
