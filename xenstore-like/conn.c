/* A connection: bytes in, requests handled one at a time, bytes out. */
#include "xenstore-like/conn.h"

#include <errno.h>

#include <xen/io/xs_wire.h>

#include "xenstore-like/access.h"
#include "xenstore-like/mem.h"
#include "xenstore-like/op.h"
#include "xenstore-like/proto.h"
#include "xenstore-like/txn.h"
#include "xenstore-like/watch.h"

struct conn *conn_new(struct storage *st, unsigned int domid)
{
	struct conn *c = mem_alloc(sizeof(*c));
	struct conn **end = &st->conns;

	c->st = st;
	c->who = (struct actor){ .domid = (uint16_t)domid,
				 .target = (uint16_t)domid,
				 .privileged = domid == 0 };
	while (*end) {
		end = &(*end)->next;
	}
	*end = c;
	return c;
}

void conn_free(struct conn *c)
{
	struct conn **at = &c->st->conns;

	while (*at != c) {
		at = &(*at)->next;
	}
	*at = c->next;
	conn_reset(c);
	buf_free(&c->in);
	buf_free(&c->out);
	free(c->fence.own);
	free(c->fence.peer);
	free(c);
}

int conn_restrict(struct conn *c, const char *own, const char *peer)
{
	struct fence fence = { (char *)own, (char *)peer };
	struct actor then = c->who;

	if (c->ring || c->who.fence) {
		return -EINVAL;
	}
	then.fence = &fence;
	for (const struct watch *w = c->watches; w; w = w->next) {
		if (!access_is_inside(&then, w->path, PERM_READ)) {
			return -EBUSY;
		}
	}
	if (c->txns) {
		return -EBUSY;
	}
	c->fence = (struct fence){ mem_string(own), mem_string(peer) };
	c->who.fence = &c->fence;
	return 0;
}

void conn_reset(struct conn *c)
{
	txn_abort_all(c);
	watch_remove_all(c);
	buf_consume(&c->in, buf_len(&c->in));
	buf_consume(&c->out, buf_len(&c->out));
	c->overflow = false;
}

char *conn_input(struct conn *c, size_t *room)
{
	const size_t most = PROTO_HEADER + PROTO_PAYLOAD_MAX;

	*room = 0;
	if (c->dead || buf_len(&c->in) >= most) {
		return NULL;
	}
	*room = most - buf_len(&c->in);
	return buf_reserve(&c->in, *room);
}

void conn_received(struct conn *c, size_t len)
{
	c->in.end += len;
	c->touched = true;
}

bool conn_step(struct conn *c)
{
	struct request req;

	if (c->dead || buf_len(&c->out) >= CONN_OUT_PAUSE) {
		return false;
	}
	switch (proto_parse(buf_bytes(&c->in), buf_len(&c->in), &req)) {
	case PROTO_MORE:
		return false;
	case PROTO_BROKEN:
		c->dead = true;
		return true;
	case PROTO_READY:
		break;
	}
	op_handle(c, &req);
	buf_consume(&c->in, PROTO_HEADER + req.len);
	c->touched = true;
	return true;
}

const char *conn_output(struct conn *c, size_t *len)
{
	*len = buf_len(&c->out);
	return *len ? buf_bytes(&c->out) : NULL;
}

/* There is room again after events were dropped: one for each watch says as much as they did. */
static void queue_missed(struct conn *c)
{
	c->overflow = false;
	c->touched = true;
	for (struct watch *w = c->watches; w; w = w->next) {
		watch_queue_initial(c, w);
	}
}

void conn_sent(struct conn *c, size_t len)
{
	buf_consume(&c->out, len);
	if (c->overflow && buf_len(&c->out) < CONN_OUT_PAUSE) {
		queue_missed(c);
	}
}

void conn_queue_reply(struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id,
		      const void *payload, size_t len)
{
	proto_put(&c->out, type, req_id, tx_id, payload, len);
	c->touched = true;
}

void conn_queue_event(struct conn *c, const char *path, const char *token)
{
	size_t limit = actor_is_trusted(&c->who) ? CONN_EVENTS_PRIVILEGED : CONN_EVENTS_GUEST;
	size_t path_len = strlen(path) + 1, token_len = strlen(token) + 1;
	char payload[PROTO_PAYLOAD_MAX];

	if (c->overflow || path_len + token_len > sizeof(payload)) {
		return;
	}
	if (buf_len(&c->out) + PROTO_HEADER + path_len + token_len > limit) {
		c->overflow = true;
		c->touched = true;
		return;
	}
	memcpy(payload, path, path_len);
	memcpy(payload + path_len, token, token_len);
	proto_put(&c->out, XS_WATCH_EVENT, 0, 0, payload, path_len + token_len);
	c->touched = true;
}
