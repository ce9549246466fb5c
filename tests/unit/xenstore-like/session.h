/*
 * A conversation with the store in one process: requests as bytes into a connection,
 * answers as bytes out of it.  Shared by the tests of requests, watches, transactions.
 */
#ifndef TESTS_UNIT_STORE_SESSION_H
#define TESTS_UNIT_STORE_SESSION_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "xenstore-like/conn.h"
#include "xenstore-like/proto.h"

struct answer {
	uint32_t type, req_id, tx_id, len;
	char text[PROTO_PAYLOAD_MAX + 1];
};

/* Take the next message out of what waits for the client; false if there is none. */
static inline bool session_next(struct conn *c, struct answer *a)
{
	struct request r;
	size_t len;
	const char *out = conn_output(c, &len);

	if (!len || proto_parse(out, len, &r) != PROTO_READY) {
		return false;
	}
	*a = (struct answer){ .type = r.type, .req_id = r.req_id, .tx_id = r.tx_id, .len = r.len };
	memcpy(a->text, r.payload, r.len);
	a->text[r.len] = '\0';
	conn_sent(c, PROTO_HEADER + r.len);
	return true;
}

/* Put raw bytes in; all of them must fit. */
static inline void session_feed(struct conn *c, const void *bytes, size_t len)
{
	size_t room;
	char *to = conn_input(c, &room);

	cr_assert_geq(room, len);
	memcpy(to, bytes, len);
	conn_received(c, len);
}

/* One request, handled; its reply (events in front of it are dropped). */
static inline struct answer session_ask(struct conn *c, uint32_t type, uint32_t tx,
					const void *payload, size_t len)
{
	static uint32_t id;
	struct buf b = { 0 };
	struct answer a;

	proto_put(&b, type, ++id, tx, payload, len);
	session_feed(c, buf_bytes(&b), buf_len(&b));
	buf_free(&b);
	cr_assert(conn_step(c));
	do {
		cr_assert(session_next(c, &a), "no reply");
	} while (a.type == XS_WATCH_EVENT);
	cr_assert_eq(a.req_id, id);
	cr_assert_eq(a.tx_id, tx);
	return a;
}

/* The error's name, or NULL if the reply is of the request's own type. */
static inline const char *session_error(const struct answer *a, uint32_t type)
{
	if (a->type == XS_ERROR) {
		return a->text;
	}
	cr_assert_eq(a->type, type);
	return NULL;
}

/* A request of one string; returns "" or the error's name, static. */
static inline const char *session_do(struct conn *c, uint32_t type, uint32_t tx, const char *arg)
{
	static char err[32];
	struct answer a = session_ask(c, type, tx, arg, strlen(arg) + 1);
	const char *e = session_error(&a, type);

	snprintf(err, sizeof(err), "%.31s", e ? e : "");
	return err;
}

static inline const char *session_do2(struct conn *c, uint32_t type, uint32_t tx, const char *one,
				      const char *two)
{
	static char err[32];
	char payload[PROTO_PAYLOAD_MAX];
	size_t n = strlen(one) + 1, m = strlen(two) + 1;
	struct answer a;
	const char *e;

	cr_assert_leq(n + m, sizeof(payload));
	memcpy(payload, one, n);
	memcpy(payload + n, two, m);
	/* A value is not terminated. */
	a = session_ask(c, type, tx, payload, n + m - (type == XS_WRITE));
	e = session_error(&a, type);
	snprintf(err, sizeof(err), "%.31s", e ? e : "");
	return err;
}

static inline const char *session_write(struct conn *c, uint32_t tx, const char *path,
					const char *value)
{
	return session_do2(c, XS_WRITE, tx, path, value);
}

/* The value, or "!" and the error's name. */
static inline const char *session_read(struct conn *c, uint32_t tx, const char *path)
{
	static char text[PROTO_PAYLOAD_MAX + 2];
	struct answer a = session_ask(c, XS_READ, tx, path, strlen(path) + 1);
	const char *e = session_error(&a, XS_READ);

	snprintf(text, sizeof(text), "%s%s", e ? "!" : "", a.text);
	return text;
}

static inline uint32_t session_begin(struct conn *c)
{
	struct answer a = session_ask(c, XS_TRANSACTION_START, 0, "", 1);

	cr_assert_null(session_error(&a, XS_TRANSACTION_START), "%s", a.text);
	return (uint32_t)strtoul(a.text, NULL, 10);
}

/* Waiting events as "path:token path:token ". */
static inline const char *session_events(struct conn *c)
{
	static char text[8192];
	struct answer a;
	size_t n = 0;

	text[0] = '\0';
	while (session_next(c, &a)) {
		cr_assert_eq(a.type, XS_WATCH_EVENT);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s:%s ", a.text,
				      a.text + strlen(a.text) + 1);
		cr_assert_lt(n, sizeof(text));
	}
	return text;
}

#endif
