/*
 * One connection: a state machine between two byte buffers, without descriptors.
 *
 * A transport puts received bytes in, calls conn_step() while that does something, and
 * takes bytes to send out.  Nothing is read for somebody who does not take his answers:
 * requests wait once conn_output() holds CONN_OUT_PAUSE bytes.  Events cannot wait, so
 * they have a limit of their own; beyond it they are replaced by one event for each
 * watch once there is room again, which tells the watcher to look for himself.
 */
#ifndef XENSTORE_LIKE_CONN_H
#define XENSTORE_LIKE_CONN_H

#include "xenstore-like/buf.h"
#include "xenstore-like/storage.h"

#define CONN_OUT_PAUSE	       32768u
/* Queued bytes at which events give up. */
#define CONN_EVENTS_GUEST      (256u * 1024)
#define CONN_EVENTS_PRIVILEGED (16u * 1024 * 1024)
/* Requests a transport handles in one turn before others get theirs. */
#define CONN_TURN	       8

struct conn {
	struct conn *next;
	struct storage *st;
	struct actor who;
	struct fence fence; /* who.fence, once it is set */
	bool dead;	    /* cannot be talked to any more; the transport frees it */
	bool ring;	    /* belongs to a domain's ring, and so outlives this process */
	bool overflow;	    /* events were dropped */
	bool touched;	    /* bytes came or were queued since the journal last looked */
	struct buf in, out;
	struct watch *watches;
	unsigned int watch_count;
	struct txn *txns;
	unsigned int txn_count;
};

/* Joins the storage's list. */
struct conn *conn_new(struct storage *st, unsigned int domid);
/* Leaves it; watches and transactions go. */
void conn_free(struct conn *c);

/*
 * From now on `who` is fenced in (perms.h), for good.  -EINVAL for a ring, which a whole domain
 * shares; -EBUSY if there is a transaction, or a watch on something outside.
 */
int conn_restrict(struct conn *c, const char *own, const char *peer);

/* Room for received bytes; *room is 0 while requests have to wait.  Then say how many came. */
char *conn_input(struct conn *c, size_t *room);
void conn_received(struct conn *c, size_t len);

/* Handle one request if there is a whole one and answers are being taken.  True if it did something. */
bool conn_step(struct conn *c);

/* Bytes to send; then say how many went. */
const char *conn_output(struct conn *c, size_t *len);
void conn_sent(struct conn *c, size_t len);

/* For op.c and watch.c. */
void conn_queue_reply(struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id,
		      const void *payload, size_t len);
void conn_queue_event(struct conn *c, const char *path, const char *token);

/* The domain starts over: no watches, no transactions, nothing half received or half sent. */
void conn_reset(struct conn *c);

#endif
