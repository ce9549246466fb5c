/* Framing: whole messages, pieces, and lies about sizes. */
#include "xenstore-like/proto.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <xen/io/xs_wire.h>

Test(proto, a_message_is_ready_at_its_last_byte)
{
	struct buf b = { 0 };
	struct request r;

	proto_put(&b, XS_READ, 7, 9, "/a", 3);
	for (size_t n = 0; n < buf_len(&b); n++) {
		/* An exact copy, so that reading past it is noticed. */
		char *part = malloc(n ? n : 1);

		memcpy(part, buf_bytes(&b), n);
		cr_assert_eq(proto_parse(part, n, &r), PROTO_MORE);
		free(part);
	}
	cr_assert_eq(proto_parse(buf_bytes(&b), buf_len(&b), &r), PROTO_READY);
	cr_assert_eq(r.type, XS_READ);
	cr_assert_eq(r.req_id, 7);
	cr_assert_eq(r.tx_id, 9);
	cr_assert_eq(r.len, 3);
	cr_assert_arr_eq(r.payload, "/a", 3);
	buf_free(&b);
}

Test(proto, sizes_beyond_the_limit_break_the_stream)
{
	struct xsd_sockmsg m = { .type = XS_WRITE, .len = PROTO_PAYLOAD_MAX };
	struct request r;

	cr_assert_eq(proto_parse((char *)&m, sizeof(m), &r), PROTO_MORE);
	m.len = PROTO_PAYLOAD_MAX + 1;
	cr_assert_eq(proto_parse((char *)&m, sizeof(m), &r), PROTO_BROKEN);
	m.len = UINT32_MAX;
	cr_assert_eq(proto_parse((char *)&m, sizeof(m), &r), PROTO_BROKEN);
}

Test(proto, strings_are_split_at_their_ends)
{
	const char *arg[2];

	cr_assert_eq(proto_strings("a\0bc\0\0d", 8, arg, 2), 4);
	cr_assert_str_eq(arg[0], "a");
	cr_assert_str_eq(arg[1], "bc");
	cr_assert_eq(proto_strings("", 0, arg, 2), 0);
	cr_assert_eq(proto_strings("ab", 2, arg, 2), -EINVAL);
}

Test(proto, errors_have_the_names_of_the_abi)
{
	cr_assert_str_eq(proto_error_name(ENOENT), "ENOENT");
	cr_assert_str_eq(proto_error_name(EAGAIN), "EAGAIN");
	cr_assert_str_eq(proto_error_name(E2BIG), "E2BIG");
	cr_assert_str_eq(proto_error_name(EXDEV), "EINVAL");
}

Test(proto, numbers_are_whole_strings_within_a_limit)
{
	uint64_t v;

	cr_assert(proto_number("32751", 32751, &v));
	cr_assert_eq(v, 32751);
	cr_assert(proto_number("18446744073709551615", UINT64_MAX, &v));
	cr_assert_eq(v, UINT64_MAX);
	cr_assert_not(proto_number("18446744073709551616", UINT64_MAX, &v));
	cr_assert_not(proto_number("32752", 32751, &v));
	cr_assert_not(proto_number("", 10, &v));
	cr_assert_not(proto_number("-1", 10, &v));
	cr_assert_not(proto_number("1 ", 10, &v));
	cr_assert_not(proto_number("9", 5, &v));
}
