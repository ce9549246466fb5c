/* A connection as its transport sees it: pieces, limits, and clients that do not listen. */
#include "xenstore-like/conn.h"

#include "tests/unit/xenstore-like/session.h"

static struct storage st;
static struct conn *c, *guest;

static void setup(void)
{
	storage_init(&st);
	c = conn_new(&st, 0);
	guest = conn_new(&st, 3);
	session_write(c, 0, "/local/domain/3", "");
	session_do2(c, XS_SET_PERMS, 0, "/local/domain/3", "n3");
}

static void teardown(void)
{
	while (st.conns) {
		conn_free(st.conns);
	}
	storage_fini(&st);
}

TestSuite(conn, .init = setup, .fini = teardown);

Test(conn, a_request_may_arrive_byte_by_byte)
{
	struct buf b = { 0 };
	struct answer a;

	proto_put(&b, XS_WRITE, 1, 0, "/a\0value", 8);
	for (size_t i = 0; i < buf_len(&b); i++) {
		cr_assert_not(conn_step(c));
		session_feed(c, buf_bytes(&b) + i, 1);
	}
	cr_assert(conn_step(c));
	cr_assert(session_next(c, &a));
	cr_assert_str_eq(a.text, "OK");
	cr_assert_str_eq(session_read(c, 0, "/a"), "value");
	buf_free(&b);
}

Test(conn, several_requests_in_one_piece_are_answered_in_order)
{
	struct buf b = { 0 };
	struct answer a;

	proto_put(&b, XS_WRITE, 1, 0, "/a\0x", 4);
	proto_put(&b, XS_READ, 2, 0, "/a", 3);
	proto_put(&b, XS_RM, 3, 0, "/a", 3);
	session_feed(c, buf_bytes(&b), buf_len(&b));
	while (conn_step(c)) {
	}
	for (uint32_t i = 1; i <= 3; i++) {
		cr_assert(session_next(c, &a));
		cr_assert_eq(a.req_id, i);
	}
	cr_assert_not(session_next(c, &a));
	buf_free(&b);
}

Test(conn, an_impossible_size_ends_this_connection_only)
{
	struct xsd_sockmsg m = { .type = XS_READ, .len = 5000 };
	size_t room;

	session_feed(guest, &m, sizeof(m));
	cr_assert(conn_step(guest));
	cr_assert(guest->dead);
	cr_assert_not(conn_step(guest));
	conn_input(guest, &room);
	cr_assert_eq(room, 0);
	cr_assert_not(c->dead);
	cr_assert_str_eq(session_read(c, 0, "/local"), "");
}

Test(conn, requests_wait_while_answers_are_not_taken)
{
	struct buf b = { 0 };
	size_t room, queued;
	int handled = 0;

	for (int i = 0; i < 5000; i++) {
		char *to = conn_input(guest, &room);

		proto_put(&b, XS_READ, 1, 0, "/none", 6);
		if (room < buf_len(&b)) {
			break;
		}
		memcpy(to, buf_bytes(&b), buf_len(&b));
		conn_received(guest, buf_len(&b));
		buf_consume(&b, buf_len(&b));
		while (conn_step(guest)) {
			handled++;
		}
	}
	conn_output(guest, &queued);
	cr_assert_geq(queued, CONN_OUT_PAUSE);
	cr_assert_leq(queued, CONN_OUT_PAUSE + PROTO_HEADER + PROTO_PAYLOAD_MAX);
	conn_sent(guest, queued);
	cr_assert(conn_step(guest), "what waited goes on");
	buf_free(&b);
}

Test(conn, a_watcher_that_does_not_listen_costs_a_bounded_buffer_and_learns_in_the_end)
{
	struct answer a;
	size_t queued;
	int events = 0;

	session_do2(guest, XS_WATCH, 0, "x", "t1");
	session_do2(guest, XS_WATCH, 0, "y", "t2");
	while (session_next(guest, &a)) {
	}
	for (int i = 0; i < 20000; i++) {
		session_write(c, 0, "/local/domain/3/x", "v");
	}
	conn_output(guest, &queued);
	cr_assert_leq(queued, CONN_EVENTS_GUEST);
	cr_assert(guest->overflow);
	session_write(c, 0, "/local/domain/3/y", "missed");
	while (session_next(guest, &a)) {
		cr_assert_eq(a.type, XS_WATCH_EVENT);
		events++;
	}
	cr_assert_gt(events, 100);
	cr_assert_not(guest->overflow);
	/* The last word is about y, whose own event was dropped. */
	cr_assert_str_eq(a.text, "y");
	cr_assert_str_eq(session_read(guest, 0, "y"), "missed");
}

Test(conn, a_reset_forgets_watches_transactions_and_bytes)
{
	size_t len;

	session_begin(guest);
	session_do2(guest, XS_WATCH, 0, "x", "t");
	session_feed(guest, "abc", 3);
	conn_reset(guest);
	cr_assert_eq(guest->watch_count, 0);
	cr_assert_eq(guest->txn_count, 0);
	conn_output(guest, &len);
	cr_assert_eq(len, 0);
	cr_assert_str_eq(session_read(guest, 0, "/local/domain/3"), "");
}
