/*
 * Bytes from a guest to the store: the control domain has made a few nodes, two guests talk by turns, in pieces of
 * any size.  Nothing may leave their rights, which the invariant of the last lines looks at.
 */
#include <stdint.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "tests/fuzz/host/target.h"
#include "xenstore-like/conn.h"
#include "xenstore-like/proto.h"

static void feed(struct conn *c, const void *bytes, size_t len)
{
	const char *from = bytes;

	while (len) {
		size_t room, n;
		char *to = conn_input(c, &room);

		if (!room || c->dead) {
			return;
		}
		n = len < room ? len : room;
		memcpy(to, from, n);
		conn_received(c, n);
		from += n;
		len -= n;
		while (conn_step(c)) {
		}
	}
}

static void ask(struct conn *c, uint32_t type, const char *payload, size_t len)
{
	struct buf b = { 0 };
	size_t out;

	proto_put(&b, type, 1, 0, payload, len);
	feed(c, buf_bytes(&b), buf_len(&b));
	buf_free(&b);
	conn_output(c, &out);
	conn_sent(c, out);
}

/* What the control domain keeps to itself is as it was. */
static void secret_is_kept(struct conn *c)
{
	static const char wanted[] = "kept";
	struct request r;
	size_t len;
	const char *out;

	conn_output(c, &len);
	conn_sent(c, len);
	if (c->dead) {
		return;
	}
	ask(c, XS_WRITE, "/fuzz/own\0x", 11);
	{
		struct buf b = { 0 };

		proto_put(&b, XS_READ, 2, 0, "/secret", 8);
		feed(c, buf_bytes(&b), buf_len(&b));
		buf_free(&b);
	}
	out = conn_output(c, &len);
	must(len && proto_parse(out, len, &r) == PROTO_READY);
	must(r.type == XS_READ && r.len == 4 && !memcmp(r.payload, wanted, 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conn *control, *guest[2];
	struct storage st;

	storage_init(&st);
	control = conn_new(&st, 0);
	guest[0] = conn_new(&st, 3);
	guest[1] = conn_new(&st, 4);
	ask(control, XS_WRITE, "/local/domain/3\0", 16);
	ask(control, XS_SET_PERMS, "/local/domain/3\0n3", 19);
	ask(control, XS_WRITE, "/local/domain/4\0", 16);
	ask(control, XS_SET_PERMS, "/local/domain/4\0n4", 19);
	ask(control, XS_WRITE, "/secret\0kept", 12);
	/* Each piece begins with a byte: who sends, how much, and whether he takes answers. */
	while (size > 1) {
		size_t n = (data[0] >> 2 & 31) * 4 + 1;
		struct conn *c = guest[data[0] & 1];
		size_t len;

		n = n < size - 1 ? n : size - 1;
		if (!c->dead) {
			feed(c, data + 1, n);
		}
		if (data[0] & 2) {
			conn_output(c, &len);
			conn_sent(c, len);
		}
		data += n + 1;
		size -= n + 1;
	}
	secret_is_kept(control);
	while (st.conns) {
		conn_free(st.conns);
	}
	storage_fini(&st);
	return 0;
}
