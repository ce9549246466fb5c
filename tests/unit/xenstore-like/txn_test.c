/* Transactions: isolation, conflict, merging, and random ones against a serial model. */
#include "xenstore-like/txn.h"

#include <stdlib.h>

#include "tests/unit/xenstore-like/session.h"
#include "xenstore-like/watch.h"

static struct storage st;
static struct conn *a, *b, *guest;

static void setup(void)
{
	storage_init(&st);
	a = conn_new(&st, 0);
	b = conn_new(&st, 0);
	guest = conn_new(&st, 3);
	session_write(a, 0, "/local/domain/3", "");
	session_do2(a, XS_SET_PERMS, 0, "/local/domain/3", "n3");
}

static void teardown(void)
{
	struct quota before = st.quota;

	while (st.conns) {
		conn_free(st.conns);
	}
	storage_recount(&st);
	cr_assert_arr_eq(before.nodes, st.quota.nodes, sizeof(before.nodes));
	storage_fini(&st);
}

static const char *commit(struct conn *c, uint32_t tx)
{
	return session_do(c, XS_TRANSACTION_END, tx, "T");
}

TestSuite(txn, .init = setup, .fini = teardown);

Test(txn, its_changes_are_its_own_until_commit)
{
	uint32_t tx = session_begin(a);

	session_write(a, tx, "/x", "1");
	cr_assert_str_eq(session_read(a, tx, "/x"), "1");
	cr_assert_str_eq(session_read(a, 0, "/x"), "!ENOENT");
	cr_assert_str_eq(session_read(b, 0, "/x"), "!ENOENT");
	cr_assert_str_eq(commit(a, tx), "");
	cr_assert_str_eq(session_read(b, 0, "/x"), "1");
	cr_assert_str_eq(session_read(a, tx, "/x"), "!ENOENT", "the transaction is over");
}

Test(txn, it_sees_the_tree_of_its_beginning)
{
	uint32_t tx;

	session_write(a, 0, "/x", "old");
	tx = session_begin(a);
	session_write(b, 0, "/x", "new");
	session_write(b, 0, "/y", "new");
	cr_assert_str_eq(session_read(a, tx, "/x"), "old");
	cr_assert_str_eq(session_read(a, tx, "/y"), "!ENOENT");
	cr_assert_str_eq(commit(a, tx), "EAGAIN");
}

Test(txn, abandoning_leaves_nothing)
{
	uint32_t tx = session_begin(a);
	size_t nodes = tree_count(st.root);

	session_write(a, tx, "/x/y/z", "1");
	session_do(a, XS_RM, tx, "/tool");
	cr_assert_str_eq(session_do(a, XS_TRANSACTION_END, tx, "F"), "");
	cr_assert_eq(tree_count(st.root), nodes);
	cr_assert_str_eq(commit(a, tx), "ENOENT");
}

Test(txn, disjoint_ones_both_succeed)
{
	uint32_t one = session_begin(a), two = session_begin(b);

	/* New siblings: the common parent is not what they looked at. */
	session_write(a, one, "/dir/a", "1");
	session_write(b, two, "/dir/b", "2");
	cr_assert_str_eq(commit(a, one), "");
	cr_assert_str_eq(commit(b, two), "");
	cr_assert_str_eq(session_read(a, 0, "/dir/a"), "1");
	cr_assert_str_eq(session_read(a, 0, "/dir/b"), "2");
}

Test(txn, what_was_read_must_not_have_changed)
{
	static const struct {
		uint32_t type;
		const char *path;
	} look[] = { { XS_READ, "/d/x" },
		     { XS_DIRECTORY, "/d" },
		     { XS_GET_PERMS, "/d/x" },
		     { XS_READ, "/d/absent" },
		     { XS_DIRECTORY, "/d" } };
	static const struct {
		const char *path, *value;
	} change[] = { { "/d/x", "2" },
		       { "/d/new", "" },
		       { "/d/x", "3" },
		       { "/d/absent", "1" },
		       { NULL, NULL } };

	session_write(a, 0, "/d/x", "1");
	session_write(a, 0, "/d/z", "1");
	for (size_t i = 0; i < 5; i++) {
		uint32_t tx = session_begin(a);

		session_do(a, look[i].type, tx, look[i].path);
		session_write(a, tx, "/out", "1");
		if (change[i].path) {
			session_write(b, 0, change[i].path, change[i].value);
		} else {
			session_do(b, XS_RM, 0, "/d/z");
		}
		cr_expect_str_eq(commit(a, tx), "EAGAIN", "row %zu", i);
	}
}

Test(txn, a_change_deeper_down_is_no_conflict)
{
	uint32_t tx;

	session_write(a, 0, "/d/x/deep", "1");
	tx = session_begin(a);
	session_do(a, XS_DIRECTORY, tx, "/d");
	session_write(b, 0, "/d/x/deep", "2");
	session_write(a, tx, "/out", "1");
	cr_assert_str_eq(commit(a, tx), "");
}

Test(txn, a_refusal_depends_on_what_was_there)
{
	uint32_t tx = session_begin(guest);

	cr_assert_str_eq(session_write(guest, tx, "/gate", "x"), "EACCES");
	session_write(a, 0, "/gate", "");
	session_do2(a, XS_SET_PERMS, 0, "/gate", "b0");
	cr_assert_str_eq(commit(guest, tx), "EAGAIN");
}

Test(txn, rights_lost_meanwhile_are_noticed)
{
	uint32_t tx;

	session_write(a, 0, "/gate", "");
	session_do2(a, XS_SET_PERMS, 0, "/gate", "b0");
	tx = session_begin(guest);
	cr_assert_str_eq(session_write(guest, tx, "/gate", "x"), "");
	session_do2(a, XS_SET_PERMS, 0, "/gate", "n0");
	cr_assert_str_eq(commit(guest, tx), "EAGAIN");
	cr_assert_str_eq(session_read(a, 0, "/gate"), "");
}

Test(txn, commit_is_all_or_nothing)
{
	uint32_t tx;

	session_write(a, 0, "/one", "old");
	session_write(a, 0, "/two/x", "");
	tx = session_begin(a);
	session_write(a, tx, "/one", "new");
	session_do(a, XS_RM, tx, "/two/x/y");
	session_do(b, XS_RM, 0, "/two");
	/* Removing below a node that is not there any more fails now; so must the write before it. */
	cr_assert_str_eq(commit(a, tx), "EAGAIN");
	cr_assert_str_eq(session_read(a, 0, "/one"), "old");
}

Test(txn, watchers_hear_at_commit_and_each_change_once)
{
	uint32_t tx;

	session_do2(b, XS_WATCH, 0, "/w", "t");
	session_events(b);
	tx = session_begin(a);
	session_write(a, tx, "/w/1", "1");
	session_write(a, tx, "/w/1", "2");
	session_do(a, XS_MKDIR, tx, "/w/2");
	session_do(a, XS_RM, tx, "/w/1");
	cr_assert_str_eq(session_events(b), "");
	cr_assert_str_eq(commit(a, tx), "");
	cr_assert_str_eq(session_events(b), "/w/1:t /w/2:t /w/1:t ");
	tx = session_begin(a);
	session_write(a, tx, "/w/3", "1");
	session_do(a, XS_TRANSACTION_END, tx, "F");
	cr_assert_str_eq(session_events(b), "");
}

Test(txn, guests_have_limited_numbers_of_them_and_in_them)
{
	uint32_t tx[10];
	char name[32];
	int done = 0;

	for (int i = 0; i < 10; i++) {
		tx[i] = session_begin(guest);
	}
	cr_assert_str_eq(session_do(guest, XS_TRANSACTION_START, 0, ""), "ENOSPC");
	cr_assert_str_eq(session_do(guest, XS_TRANSACTION_START, tx[0], ""), "EBUSY");
	for (; done < 5000; done++) {
		snprintf(name, sizeof(name), "no%d", done);
		if (!strcmp(session_read(guest, tx[0], name), "!ENOSPC")) {
			break;
		}
	}
	cr_assert_eq(done, 1024);
	cr_assert_str_eq(session_read(guest, tx[0], "no5"), "!ENOENT", "seen before");
	cr_assert_str_eq(session_write(guest, tx[0], "x", ""), "ENOSPC");
}

Test(txn, quota_binds_inside_and_at_commit)
{
	uint32_t tx = session_begin(guest), two = session_begin(guest);
	char name[32];
	int made = 0;

	for (; made < 1200; made++) {
		snprintf(name, sizeof(name), "q%d/n%d", made / 50, made);
		if (session_write(guest, tx, name, "")[0]) {
			break;
		}
	}
	cr_assert_gt(made, 900);
	cr_assert_eq(st.quota.nodes[3], 1);
	session_write(guest, two,
		      "r1/r2/r3/r4/r5/r6/r7/r8/r9/r10/r11/r12/r13/r14/r15/r16/r17/r18/r19", "");
	session_write(guest, two,
		      "s1/s2/s3/s4/s5/s6/s7/s8/s9/s10/s11/s12/s13/s14/s15/s16/s17/s18/s19", "");
	cr_assert_str_eq(commit(guest, tx), "");
	cr_assert_str_eq(commit(guest, two), "ENOSPC");
	cr_assert_leq(st.quota.nodes[3], st.quota.limit.nodes);
}

Test(txn, what_was_open_at_a_restart_can_be_ended_once_with_eagain)
{
	txn_restore_doomed(guest, 77);
	cr_assert_str_eq(session_write(guest, 77, "x", "1"), "");
	cr_assert_str_eq(session_read(guest, 77, "x"), "1");
	cr_assert_str_eq(commit(guest, 77), "EAGAIN");
	cr_assert_str_eq(session_read(guest, 0, "x"), "!ENOENT");
	cr_assert_gt(session_begin(guest), 77);
}

/*
 * Several transactions interleave at random over a few cells.  Each reads some cells and writes sums
 * into others; we remember what each read.  When one commits, its reads must equal the cells of that very
 * moment (so it might as well have run then), and the model takes its writes.  When it is refused,
 * something it read must have been written since it began.
 */
#define CELLS  6
#define ACTORS 4

struct play {
	struct conn *c;
	uint32_t tx;
	int seen[CELLS];   /* -1: not read */
	int put[CELLS];	   /* -1: not written */
	bool stale[CELLS]; /* written by others since the beginning */
};

static int cell[CELLS];

static const char *cell_path(int i)
{
	static char path[32];

	snprintf(path, sizeof(path), "/cells/%d", i);
	return path;
}

static void play_begin(struct play *p)
{
	p->tx = session_begin(p->c);
	memset(p->seen, 0xff, sizeof(p->seen));
	memset(p->put, 0xff, sizeof(p->put));
	memset(p->stale, 0, sizeof(p->stale));
}

static void play_commit(struct play *all, struct play *p)
{
	bool ok = !commit(p->c, p->tx)[0];
	bool clash = false;

	for (int i = 0; i < CELLS; i++) {
		clash = clash || (p->seen[i] >= 0 && p->stale[i]);
		if (ok && p->seen[i] >= 0) {
			cr_assert_eq(p->seen[i], cell[i]);
		}
	}
	cr_assert_eq(ok, !clash);
	for (int i = 0; ok && i < CELLS; i++) {
		if (p->put[i] >= 0) {
			cell[i] = p->put[i];
			for (int k = 0; k < ACTORS; k++) {
				all[k].stale[i] = true;
			}
		}
	}
	p->tx = 0;
}

Test(txn, random_interleavings_are_serial)
{
	struct play play[ACTORS] = { 0 };
	int commits = 0;

	srand(6);
	for (int i = 0; i < CELLS; i++) {
		session_write(a, 0, cell_path(i), "0");
	}
	for (int k = 0; k < ACTORS; k++) {
		play[k].c = conn_new(&st, 0);
	}
	for (int step = 0; step < 30000; step++) {
		struct play *p = &play[rand() % ACTORS];
		int i = rand() % CELLS;
		char text[16];

		if (!p->tx) {
			play_begin(p);
			continue;
		}
		switch (rand() % 5) {
		case 0:
			play_commit(play, p);
			commits++;
			break;
		case 1:
		case 2: {
			int v = atoi(session_read(p->c, p->tx, cell_path(i)));

			if (p->put[i] >= 0) {
				cr_assert_eq(v, p->put[i], "it sees its own writes");
			}
			/* Reading back what one wrote counts as having looked, for the daemon. */
			if (p->put[i] < 0) {
				p->seen[i] = v;
			}
			break;
		}
		default:
			if (p->seen[i] < 0) {
				break; /* write only what was read before: every write depends on a look */
			}
			p->put[i] = step;
			snprintf(text, sizeof(text), "%d", step);
			cr_assert_str_eq(session_write(p->c, p->tx, cell_path(i), text), "");
		}
	}
	cr_assert_gt(commits, 1000);
	for (int i = 0; i < CELLS; i++) {
		cr_assert_eq(atoi(session_read(a, 0, cell_path(i))), cell[i]);
	}
}
