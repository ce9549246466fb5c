/*
 * Requests as a client or a guest sends them, and the bytes that come back: what the
 * protocol promises about values, directories, permissions, quota and errors.
 */
#include "xenstore-like/op.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/xenstore-like/session.h"

static struct storage st;
static struct conn *dom0, *dom5, *dom7;

static void setup(void)
{
	storage_init(&st);
	dom0 = conn_new(&st, 0);
	dom5 = conn_new(&st, 5);
	dom7 = conn_new(&st, 7);
	cr_assert_str_eq(session_write(dom0, 0, "/local/domain/5", ""), "");
	cr_assert_str_eq(session_do2(dom0, XS_SET_PERMS, 0, "/local/domain/5", "n5"), "");
}

static void check_counts(void)
{
	struct quota before = st.quota;

	storage_recount(&st);
	cr_assert_arr_eq(before.nodes, st.quota.nodes, sizeof(before.nodes));
}

static void teardown(void)
{
	check_counts();
	while (st.conns) {
		conn_free(st.conns);
	}
	storage_fini(&st);
}

TestSuite(op, .init = setup, .fini = teardown);

/* ---- values ---- */

Test(op, values_are_bytes_of_any_kind)
{
	struct answer a = session_ask(dom0, XS_WRITE, 0, "/v\0a\0b", 6);

	cr_assert_str_eq(a.text, "OK");
	cr_assert_eq(a.len, 3);
	a = session_ask(dom0, XS_READ, 0, "/v", 3);
	cr_assert_eq(a.len, 3);
	cr_assert_arr_eq(a.text, "a\0b", 3);
	cr_assert_str_eq(session_write(dom0, 0, "/v", ""), "");
	a = session_ask(dom0, XS_READ, 0, "/v", 3);
	cr_assert_eq(a.type, XS_READ);
	cr_assert_eq(a.len, 0);
}

Test(op, relative_paths_are_the_callers_own)
{
	cr_assert_str_eq(session_write(dom5, 0, "data/x", "1"), "");
	cr_assert_str_eq(session_read(dom5, 0, "data/x"), "1");
	cr_assert_str_eq(session_read(dom0, 0, "/local/domain/5/data/x"), "1");
	cr_assert_str_eq(session_write(dom0, 0, "mine", "0"), "");
	cr_assert_str_eq(session_read(dom0, 0, "/local/domain/0/mine"), "0");
}

Test(op, mkdir_keeps_what_is_there)
{
	session_write(dom0, 0, "/k", "v");
	cr_assert_str_eq(session_do(dom0, XS_MKDIR, 0, "/k"), "");
	cr_assert_str_eq(session_read(dom0, 0, "/k"), "v");
	cr_assert_str_eq(session_do(dom0, XS_MKDIR, 0, "/k/a/b"), "");
	cr_assert_str_eq(session_read(dom0, 0, "/k/a/b"), "");
}

Test(op, rm_takes_all_below_and_forgives_a_missing_leaf)
{
	session_write(dom0, 0, "/r/a/b", "v");
	cr_assert_str_eq(session_do(dom0, XS_RM, 0, "/r/a"), "");
	cr_assert_str_eq(session_read(dom0, 0, "/r/a/b"), "!ENOENT");
	cr_assert_str_eq(session_do(dom0, XS_RM, 0, "/r/a"), "");
	cr_assert_str_eq(session_do(dom0, XS_RM, 0, "/r/no/such"), "ENOENT");
	cr_assert_str_eq(session_do(dom0, XS_RM, 0, "/"), "EINVAL");
}

/* ---- directories ---- */

Test(op, directory_lists_names)
{
	struct answer a;

	session_write(dom0, 0, "/d/b", "");
	session_write(dom0, 0, "/d/a", "");
	a = session_ask(dom0, XS_DIRECTORY, 0, "/d", 3);
	cr_assert_eq(a.len, 4);
	cr_assert_arr_eq(a.text, "a\0b\0", 4);
	a = session_ask(dom0, XS_DIRECTORY, 0, "/d/a", 5);
	cr_assert_eq(a.type, XS_DIRECTORY);
	cr_assert_eq(a.len, 0);
	cr_assert_str_eq(session_do(dom0, XS_DIRECTORY, 0, "/d/x"), "ENOENT");
}

Test(op, a_long_directory_comes_in_parts)
{
	char name[32], offset[16], expected[32];
	int seen = 0;
	size_t at = 0;

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "/big/child-%04d", i);
		session_write(dom0, 0, name, "");
	}
	cr_assert_str_eq(session_do(dom0, XS_DIRECTORY, 0, "/big"), "E2BIG");
	for (bool last = false; !last;) {
		char payload[32];
		struct answer a;
		size_t n;

		snprintf(offset, sizeof(offset), "%zu", at);
		n = (size_t)snprintf(payload, sizeof(payload), "/big%c%s", 0, offset) + 1;
		a = session_ask(dom0, XS_DIRECTORY_PART, 0, payload, n);
		cr_assert_null(session_error(&a, XS_DIRECTORY_PART));
		n = strlen(a.text) + 1; /* gen */
		while (n < a.len) {
			if (!a.text[n]) {
				cr_assert_eq(n, a.len - 1);
				last = true;
				break;
			}
			snprintf(expected, sizeof(expected), "child-%04d", seen++);
			cr_assert_str_eq(a.text + n, expected);
			at += strlen(a.text + n) + 1;
			n += strlen(a.text + n) + 1;
		}
	}
	cr_assert_eq(seen, 1000);
	cr_assert_str_eq(session_do2(dom0, XS_DIRECTORY_PART, 0, "/big", "99999"), "EINVAL");
	cr_assert_str_eq(session_do2(dom0, XS_DIRECTORY_PART, 0, "/big", "x"), "EINVAL");
}

/* ---- permissions ---- */

Test(op, a_guest_reads_and_writes_only_what_it_may)
{
	session_write(dom0, 0, "/secret/x", "1");
	cr_assert_str_eq(session_read(dom5, 0, "/secret/x"), "!EACCES");
	cr_assert_str_eq(session_read(dom5, 0, "/secret/none"), "!EACCES", "not even its absence");
	cr_assert_str_eq(session_write(dom5, 0, "/secret/x", "2"), "EACCES");
	cr_assert_str_eq(session_write(dom5, 0, "/secret/new", "2"), "EACCES");
	cr_assert_str_eq(session_do(dom5, XS_RM, 0, "/secret/x"), "EACCES");
	cr_assert_str_eq(session_do(dom5, XS_MKDIR, 0, "/secret/y"), "EACCES");
	cr_assert_str_eq(session_do2(dom5, XS_SET_PERMS, 0, "/secret/x", "n5"), "EACCES");
	cr_assert_str_eq(session_do2(dom0, XS_SET_PERMS, 0, "/secret/x", "r0"), "");
	cr_assert_str_eq(session_read(dom5, 0, "/secret/x"), "1");
	cr_assert_str_eq(session_write(dom5, 0, "/secret/x", "2"), "EACCES");
	cr_assert_str_eq(session_read(dom5, 0, "none"), "!ENOENT");
}

Test(op, permissions_are_inherited_and_what_a_guest_makes_is_its_own)
{
	struct answer a;

	session_write(dom5, 0, "mine", "");
	a = session_ask(dom5, XS_GET_PERMS, 0, "mine", 5);
	cr_assert_str_eq(a.text, "n5");
	/* A directory others may write to: what they make there belongs to them. */
	cr_assert_str_eq(session_do2(dom5, XS_SET_PERMS, 0, "mine", "b5"), "");
	cr_assert_str_eq(session_write(dom7, 0, "/local/domain/5/mine/gift", ""), "");
	a = session_ask(dom7, XS_GET_PERMS, 0, "/local/domain/5/mine/gift", 26);
	cr_assert_str_eq(a.text, "b7");
	/* The control domain's work takes the owner of the place. */
	session_write(dom0, 0, "/local/domain/5/from0", "");
	a = session_ask(dom0, XS_GET_PERMS, 0, "/local/domain/5/from0", 22);
	cr_assert_str_eq(a.text, "n5");
}

Test(op, a_guest_cannot_give_nodes_away)
{
	cr_assert_str_eq(session_write(dom5, 0, "x", ""), "");
	cr_assert_str_eq(session_do2(dom5, XS_SET_PERMS, 0, "x", "r7"), "EPERM");
	cr_assert_str_eq(session_do2(dom5, XS_SET_PERMS, 0, "x", "r5"), "");
	cr_assert_str_eq(session_do2(dom0, XS_SET_PERMS, 0, "/local/domain/5/x", "n7"), "");
	cr_assert_eq(st.quota.nodes[7], 1);
}

Test(op, who_may_hear_of_domains_is_the_control_domains_to_say)
{
	struct answer a = session_ask(dom0, XS_GET_PERMS, 0, "@releaseDomain", 15);

	cr_assert_str_eq(a.text, "n0");
	cr_assert_str_eq(session_do2(dom5, XS_SET_PERMS, 0, "@releaseDomain", "r0"), "EACCES");
	cr_assert_str_eq(session_do(dom5, XS_GET_PERMS, 0, "@releaseDomain"), "EACCES");
	cr_assert_str_eq(session_do2(dom0, XS_SET_PERMS, 0, "@releaseDomain", "r0"), "");
	cr_assert_str_eq(session_do(dom5, XS_GET_PERMS, 0, "@releaseDomain"), "");
}

/* ---- quota ---- */

Test(op, nodes_are_limited_and_counted_exactly)
{
	char name[32];
	unsigned int made = 0;

	/* In directories, since a directory's own size is limited too. */
	for (int i = 0; made < 2000; i++) {
		snprintf(name, sizeof(name), "q%d/n%d", i / 50, i);
		if (session_write(dom5, 0, name, "")[0]) {
			break;
		}
		made++;
	}
	cr_assert_str_eq(session_write(dom5, 0, "one/more/node", ""), "ENOSPC");
	cr_assert_eq(st.quota.nodes[5], st.quota.limit.nodes);
	/* The control domain is not bound by the guest's limit. */
	cr_assert_str_eq(session_write(dom0, 0, "/local/domain/5/extra", ""), "");
	cr_assert_eq(st.quota.nodes[5], st.quota.limit.nodes + 1);
	cr_assert_str_eq(session_do(dom0, XS_RM, 0, "/local/domain/5"), "");
	cr_assert_eq(st.quota.nodes[5], 0);
}

Test(op, node_size_is_limited_to_the_byte_for_guests)
{
	char big[2100];
	/* One permission entry counts four bytes. */
	size_t most = st.quota.limit.node_size - 4;

	memset(big, 'x', sizeof(big));
	big[most] = '\0';
	cr_assert_str_eq(session_write(dom5, 0, "v", big), "");
	big[most] = 'x';
	big[most + 1] = '\0';
	cr_assert_str_eq(session_write(dom5, 0, "v", big), "ENOSPC");
	cr_assert_str_eq(session_write(dom0, 0, "/local/domain/5/v", big), "");
}

Test(op, child_names_count_as_size_of_the_directory)
{
	char name[120];
	int made = 0;

	while (made < 100) {
		/* 100 bytes of name with its terminator. */
		snprintf(name, sizeof(name), "dir/%099d", made);
		if (session_write(dom5, 0, name, "")[0]) {
			break;
		}
		made++;
	}
	cr_assert_eq(made, 20);
}

Test(op, permission_lists_of_guests_are_limited)
{
	static const char six[] = "p\0n5\0r1\0r2\0r3\0r4\0r6", five[] = "p\0n5\0r1\0r2\0r3\0r4";
	struct answer a;

	session_write(dom5, 0, "p", "");
	a = session_ask(dom5, XS_SET_PERMS, 0, six, sizeof(six));
	cr_assert_str_eq(a.text, "ENOSPC");
	a = session_ask(dom5, XS_SET_PERMS, 0, five, sizeof(five));
	cr_assert_str_eq(a.text, "OK");
}

Test(op, a_forgotten_domain_owns_and_may_nothing)
{
	session_write(dom5, 0, "a/b", "");
	session_write(dom0, 0, "/shared", "");
	session_do2(dom0, XS_SET_PERMS, 0, "/shared", "n0");
	session_ask(dom0, XS_SET_PERMS, 0, "/shared\0n0\0r5", 14);
	cr_assert_str_eq(session_read(dom5, 0, "/shared"), "");
	cr_assert_eq(st.quota.nodes[5], 3);
	storage_forget_domain(&st, 5);
	cr_assert_eq(st.quota.nodes[5], 0);
	cr_assert_str_eq(session_read(dom5, 0, "/shared"), "!EACCES");
	cr_assert_str_eq(session_read(dom5, 0, "a/b"), "!EACCES");
}

/* ---- malformed and forbidden ---- */

struct row {
	uint32_t type;
	const char *payload;
	size_t len;
	const char *error;
};

Test(op, malformed_requests_are_refused_by_name)
{
	static const struct row rows[] = {
		{ XS_READ, "", 0, "EINVAL" },
		{ XS_READ, "/a", 2, "EINVAL" },
		{ XS_READ, "", 1, "EINVAL" },
		{ XS_READ, "/a//b", 6, "EINVAL" },
		{ XS_READ, "@releaseDomain", 15, "EINVAL" },
		{ XS_DIRECTORY, "/a/", 4, "EINVAL" },
		{ XS_DIRECTORY_PART, "/", 2, "EINVAL" },
		{ XS_WRITE, "", 0, "EINVAL" },
		{ XS_WRITE, "/a", 2, "EINVAL" },
		{ XS_WRITE, "a b\0x", 5, "EINVAL" },
		{ XS_MKDIR, "", 0, "EINVAL" },
		{ XS_SET_PERMS, "/", 2, "EINVAL" },
		{ XS_SET_PERMS, "/\0n0", 4, "EINVAL" },
		{ XS_SET_PERMS, "/\0z0", 5, "EINVAL" },
		{ XS_WATCH, "/a", 3, "EINVAL" },
		{ XS_WATCH, "@what\0t", 8, "EINVAL" },
		{ XS_UNWATCH, "/a\0t", 5, "ENOENT" },
		{ XS_TRANSACTION_END, "T", 2, "ENOENT" },
		{ XS_TRANSACTION_END, "", 0, "EINVAL" },
		{ XS_GET_DOMAIN_PATH, "x", 2, "EINVAL" },
		{ XS_GET_DOMAIN_PATH, "65536", 6, "EINVAL" },
		{ XS_INTRODUCE, "1\0002\0003", 6, "ENOSYS" },
		{ XS_RELEASE, "0", 2, "EINVAL" },
		{ XS_CONTROL, "nonsense", 9, "EINVAL" },
		{ XS_WATCH_EVENT, "/a\0t", 5, "ENOSYS" },
		{ XS_ERROR, "", 0, "ENOSYS" },
		{ XS_SET_TARGET + 1, "", 0, "ENOSYS" },
		{ XS_TYPE_COUNT, "", 0, "ENOSYS" },
		{ XS_INVALID, "", 0, "ENOSYS" },
		{ UINT32_MAX, "", 0, "ENOSYS" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct answer a = session_ask(dom0, r->type, 0, r->payload, r->len);

		cr_expect_eq(a.type, XS_ERROR, "row %zu", i);
		cr_expect_str_eq(a.text, r->error, "row %zu: %s", i, a.text);
		cr_expect_eq(a.len, strlen(r->error) + 1);
	}
}

Test(op, domain_requests_are_the_control_domains)
{
	cr_assert_str_eq(session_do(dom5, XS_CONTROL, 0, "nodes"), "EACCES");
	cr_assert_str_eq(session_do(dom5, XS_INTRODUCE, 0, "6"), "EACCES");
	cr_assert_str_eq(session_do(dom5, XS_RELEASE, 0, "7"), "EACCES");
	cr_assert_str_eq(session_do(dom5, XS_RESUME, 0, "7"), "EACCES");
	cr_assert_str_eq(session_do(dom5, XS_IS_DOMAIN_INTRODUCED, 0, "7"), "EACCES");
	cr_assert_str_eq(session_do2(dom5, XS_SET_TARGET, 0, "5", "0"), "EACCES");
	cr_assert_str_eq(session_do(dom5, XS_GET_DOMAIN_PATH, 0, "7"), "");
}

Test(op, random_bytes_never_change_a_guests_bounds)
{
	char before[16], payload[64];

	srand(5);
	snprintf(before, sizeof(before), "%zu", tree_count(st.root) - st.quota.nodes[5]);
	for (int i = 0; i < 20000; i++) {
		static const char chars[] = "/abn50@T\0\0\0r7";
		size_t len = (size_t)rand() % sizeof(payload);
		struct answer a;

		for (size_t n = 0; n < len; n++) {
			payload[n] = chars[(size_t)rand() % (sizeof(chars) - 1)];
		}
		a = session_ask(dom5, (uint32_t)rand() % (XS_TYPE_COUNT + 1), 0, payload, len);
		cr_assert_leq(a.len, PROTO_PAYLOAD_MAX);
		while (session_next(dom5, &a)) {
		}
	}
	snprintf(payload, sizeof(payload), "%zu", tree_count(st.root) - st.quota.nodes[5]);
	cr_assert_str_eq(before, payload);
}

/* ---- control ---- */

Test(op, control_counts_nodes)
{
	struct answer a = session_ask(dom0, XS_CONTROL, 0, "nodes", 6);

	/* "/", local, local/domain, local/domain/5, tool */
	cr_assert_str_eq(a.text, "5");
	a = session_ask(dom0, XS_CONTROL, 0,
			"quota\0"
			"5",
			8);
	cr_assert_str_eq(a.text, "nodes 1\n");
	a = session_ask(dom0, XS_CONTROL, 0, "help", 5);
	cr_assert(strstr(a.text, "memreport"));
	a = session_ask(dom0, XS_CONTROL, 0, "check", 6);
	cr_assert_str_eq(a.text, "OK");
}

/* ---- domains ---- */

static unsigned int introduced;

static int fake_introduce(void *arg, unsigned int domid, uint64_t mfn, unsigned int port)
{
	(void)arg;
	cr_assert_eq(mfn, 0x123456789);
	cr_assert_eq(port, 17);
	introduced = domid;
	return 0;
}

static bool fake_is_introduced(void *arg, unsigned int domid)
{
	(void)arg;
	return domid == introduced;
}

Test(op, introduce_passes_checked_numbers_on)
{
	static const struct domain_hooks hooks = { .introduce = fake_introduce,
						   .is_introduced = fake_is_introduced };
	static const char good[] = "9\0004886718345\00017", bad[] = "9\0x\00017";
	struct answer a;

	st.domains = &hooks;
	a = session_ask(dom0, XS_INTRODUCE, 0, bad, sizeof(bad));
	cr_assert_str_eq(a.text, "EINVAL");
	cr_assert_eq(introduced, 0);
	a = session_ask(dom0, XS_INTRODUCE, 0, good, sizeof(good));
	cr_assert_str_eq(a.text, "OK");
	a = session_ask(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "9", 2);
	cr_assert_str_eq(a.text, "T");
	a = session_ask(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "8", 2);
	cr_assert_str_eq(a.text, "F");
}

/* ---- a connection that gives up its rights ---- */

#define OWN  "/local/domain/0/backend/vbd/5/1"
#define PEER "/local/domain/5/device/vbd/1"

static const char *restrict_to(struct conn *c, const char *own, const char *peer)
{
	static char err[32];
	char payload[256];
	int n = snprintf(payload, sizeof(payload), "restrict%c%s%c%s", 0, own, 0, peer);
	struct answer a = session_ask(c, XS_CONTROL, 0, payload, (size_t)n + 1);
	const char *e = session_error(&a, XS_CONTROL);

	snprintf(err, sizeof(err), "%.31s", e ? e : "");
	return err;
}

static struct conn *make_fenced(void)
{
	struct conn *c = conn_new(&st, 0);

	session_write(dom0, 0, OWN "/state", "1");
	session_write(dom0, 0, PEER "/state", "1");
	session_write(dom0, 0, OWN "2/state", "1");
	cr_assert_str_eq(restrict_to(c, OWN, PEER), "");
	return c;
}

Test(op, a_fenced_connection_changes_values_of_its_own_nodes)
{
	struct conn *c = make_fenced();

	cr_assert_str_eq(session_write(c, 0, OWN "/state", "4"), "");
	cr_assert_str_eq(session_read(dom0, 0, OWN "/state"), "4");
	cr_assert_str_eq(session_read(c, 0, OWN "/state"), "4");
	cr_assert_str_eq(session_read(c, 0, PEER "/state"), "1");
}

Test(op, a_fenced_connection_reads_and_changes_nothing_else)
{
	struct conn *c = make_fenced();

	cr_assert_str_eq(session_write(c, 0, PEER "/state", "4"), "EACCES");
	cr_assert_str_eq(session_write(c, 0, OWN "2/state", "4"), "EACCES");
	cr_assert_str_eq(session_write(c, 0, "/local/domain/0/backend/vbd/5", ""), "EACCES");
	cr_assert_str_eq(session_read(c, 0, OWN "2/state"), "!EACCES");
	cr_assert_str_eq(session_read(c, 0, "/local/domain/5"), "!EACCES");
	cr_assert_str_eq(session_read(c, 0, "/none"), "!EACCES");
	cr_assert_str_eq(session_do(c, XS_DIRECTORY, 0, "/"), "EACCES");
	cr_assert_str_eq(session_read(dom0, 0, PEER "/state"), "1");
}

Test(op, a_fenced_connection_makes_removes_and_gives_away_nothing)
{
	struct conn *c = make_fenced();
	char big[3000];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	cr_assert_str_eq(session_write(c, 0, OWN "/new", "1"), "ENOENT");
	cr_assert_str_eq(session_do(c, XS_MKDIR, 0, OWN "/new"), "EACCES");
	cr_assert_str_eq(session_do(c, XS_RM, 0, OWN "/state"), "EACCES");
	cr_assert_str_eq(session_do(c, XS_RM, 0, OWN), "EACCES");
	cr_assert_str_eq(session_do2(c, XS_SET_PERMS, 0, OWN "/state", "b5"), "EACCES");
	cr_assert_str_eq(session_write(c, 0, OWN "/state", big), "ENOSPC",
			 "values have the guests' limit");
}

Test(op, a_fenced_connection_is_not_the_control_domain_any_more)
{
	struct conn *c = make_fenced();

	cr_assert_str_eq(session_do(c, XS_RELEASE, 0, "5"), "EACCES");
	cr_assert_str_eq(session_do(c, XS_IS_DOMAIN_INTRODUCED, 0, "5"), "EACCES");
	cr_assert_str_eq(session_do(c, XS_CONTROL, 0, "memreport"), "EACCES");
	cr_assert_str_eq(session_do2(c, XS_SET_PERMS, 0, "@releaseDomain", "r0"), "EACCES");
	cr_assert_str_eq(restrict_to(c, "/", "/"), "EACCES", "there is no way back");
	cr_assert_str_eq(session_do2(c, XS_WATCH, 0, "/local/domain/5", "t"), "EACCES");
	cr_assert_str_eq(session_do2(c, XS_WATCH, 0, "@releaseDomain", "t"), "EACCES");
	cr_assert_str_eq(session_do2(c, XS_WATCH, 0, PEER "/state", "t"), "");
}

Test(op, a_fence_holds_in_transactions_and_at_their_end)
{
	struct conn *c = make_fenced();
	uint32_t tx = session_begin(c);

	cr_assert_str_eq(session_write(c, tx, PEER "/state", "4"), "EACCES");
	cr_assert_str_eq(session_write(c, tx, OWN "/state", "4"), "");
	/* The toolstack takes the device away meanwhile: the change must not bring it back. */
	cr_assert_str_eq(session_do(dom0, XS_RM, 0, OWN), "");
	cr_assert_str_eq(session_do(c, XS_TRANSACTION_END, tx, "T"), "EAGAIN");
	cr_assert_str_eq(session_read(dom0, 0, OWN "/state"), "!ENOENT");
}

Test(op, a_fence_is_refused_where_it_would_not_hold)
{
	struct conn *ring = conn_new(&st, 0), *c = conn_new(&st, 0);

	ring->ring = true;
	cr_assert_str_eq(restrict_to(ring, OWN, PEER), "EINVAL",
			 "a whole kernel speaks through it");
	cr_assert_str_eq(restrict_to(dom5, "/", "/"), "EACCES");
	cr_assert_str_eq(restrict_to(c, "//", PEER), "EINVAL");
	cr_assert_str_eq(session_do(c, XS_CONTROL, 0, "restrict"), "EINVAL");
	cr_assert_str_eq(session_do2(c, XS_WATCH, 0, "/other", "t"), "");
	cr_assert_str_eq(restrict_to(c, OWN, PEER), "EBUSY");
	cr_assert_str_eq(session_do2(c, XS_UNWATCH, 0, "/other", "t"), "");
	session_begin(c);
	cr_assert_str_eq(restrict_to(c, OWN, PEER), "EBUSY");
}
