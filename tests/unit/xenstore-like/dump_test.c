/*
 * A process ends, another goes on: what must be the same, at whatever byte of the
 * journal the end came.
 */
#include "xenstore-like/dump.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/xenstore-like/session.h"
#include "xenstore-like/txn.h"

static struct storage st, st2;
static struct conn *dom0, *guest;
static struct buf journal;
static struct xenstore_domain_interface page;
static struct ring ring;

static void on_changed(void *arg, const struct change *c)
{
	(void)arg;
	dump_change(&journal, c);
}

static void on_watched(void *arg, const struct conn *c, const struct watch *w, bool added)
{
	(void)arg;
	if (c->ring) {
		dump_watch(&journal, c, w, added);
	}
}

static void on_transaction(void *arg, const struct conn *c, uint32_t id, bool open)
{
	(void)arg;
	if (c->ring) {
		dump_transaction(&journal, c, id, open);
	}
}

static void on_special(void *arg, enum special_event which, const struct perms *p)
{
	(void)arg;
	dump_special(&journal, which, p);
}

static const struct journal_hooks hooks = { on_changed, on_watched, on_transaction, on_special };

/* A journal as the daemon writes it: a snapshot first, domain 5 introduced afterwards. */
static void setup(void)
{
	storage_init(&st);
	storage_init(&st2);
	dom0 = conn_new(&st, 0);
	guest = conn_new(&st, 5);
	guest->ring = true;
	ring_attach(&ring, &page);
	session_write(dom0, 0, "/local/domain/5", "");
	session_do2(dom0, XS_SET_PERMS, 0, "/local/domain/5", "n5");
	dump_begin(&journal);
	dump_tree(&journal, &st);
	dump_turn(&journal);
	dump_domain(&journal, 5, 0x1234, 9);
	dump_turn(&journal);
	st.journal = &hooks;
}

static void teardown(void)
{
	st.journal = NULL;
	while (st.conns) {
		conn_free(st.conns);
	}
	while (st2.conns) {
		conn_free(st2.conns);
	}
	storage_fini(&st);
	storage_fini(&st2);
	buf_free(&journal);
}

TestSuite(dump, .init = setup, .fini = teardown);

static void compare_nodes(const struct node *a, const struct node *b)
{
	char one[256], two[256];
	size_t n = perms_format(a->perms, one, sizeof(one));

	cr_assert_str_eq(a->name, b->name);
	cr_assert_eq(perms_format(b->perms, two, sizeof(two)), n);
	cr_assert_arr_eq(one, two, n);
	cr_assert_eq(a->value ? a->value->len : 0, b->value ? b->value->len : 0);
	if (a->value) {
		cr_assert_arr_eq(a->value->bytes, b->value->bytes, a->value->len);
	}
	cr_assert_eq(a->child_count, b->child_count);
	for (unsigned int i = 0; i < a->child_count; i++) {
		compare_nodes(a->child[i], b->child[i]);
	}
}

static struct dump_domain_state *load(void)
{
	struct dump_domain_state *d = NULL;

	cr_assert_eq(dump_load(buf_bytes(&journal), buf_len(&journal), &st2, &d), 0);
	return d;
}

Test(dump, the_tree_comes_back_with_values_permissions_and_counts)
{
	session_write(guest, 0, "a/b/c", "value");
	session_ask(dom0, XS_WRITE, 0, "/bin\0\0\1\2", 8);
	session_ask(dom0, XS_SET_PERMS, 0, "/bin\0b7\0r5\0", 11);
	session_write(guest, 0, "gone/x", "1");
	session_do(guest, XS_RM, 0, "gone");
	session_do2(dom0, XS_SET_PERMS, 0, "@releaseDomain", "r0");
	dump_turn(&journal);
	dump_free_domains(load());
	compare_nodes(st.root, st2.root);
	cr_assert_arr_eq(st.quota.nodes, st2.quota.nodes, sizeof(st.quota.nodes));
	cr_assert_eq(st2.special[SPECIAL_RELEASE]->entry[0].bits, PERM_READ);
}

Test(dump, random_histories_come_back_equal)
{
	char path[32], value[16];

	srand(7);
	for (int i = 0; i < 3000; i++) {
		struct conn *c = rand() % 2 ? dom0 : guest;
		uint32_t tx = rand() % 4 ? 0 : session_begin(c);

		snprintf(path, sizeof(path), "/local/domain/5/%d/%d", rand() % 9, rand() % 9);
		snprintf(value, sizeof(value), "%d", i);
		switch (rand() % 4) {
		case 0:
			path[rand() % 2 ? 17 : strlen(path)] = '\0';
			session_do(c, XS_RM, tx, path);
			break;
		case 1:
			session_do2(dom0, XS_SET_PERMS, 0, path, "r5");
			break;
		default:
			session_write(c, tx, path, value);
		}
		if (tx) {
			session_do(c, XS_TRANSACTION_END, tx, "T");
		}
	}
	dump_turn(&journal);
	dump_free_domains(load());
	compare_nodes(st.root, st2.root);
	cr_assert_arr_eq(st.quota.nodes, st2.quota.nodes, sizeof(st.quota.nodes));
}

Test(dump, watches_and_open_transactions_of_rings_come_back)
{
	struct dump_domain_state *d;
	struct conn *c, *other;
	uint32_t tx, over;

	session_do2(guest, XS_WATCH, 0, "device", "t1");
	session_do2(guest, XS_WATCH, 0, "/local/domain/5/x", "t2");
	session_do2(guest, XS_WATCH, 0, "away", "t3");
	session_do2(guest, XS_UNWATCH, 0, "away", "t3");
	session_do2(dom0, XS_WATCH, 0, "/", "a local client's is not kept");
	over = session_begin(guest);
	session_do(guest, XS_TRANSACTION_END, over, "F");
	tx = session_begin(guest);
	dump_turn(&journal);
	d = load();
	cr_assert_not_null(d);
	cr_assert_null(d->next);
	cr_assert_eq(d->domid, 5);
	cr_assert_eq(d->mfn, 0x1234);
	cr_assert_eq(d->port, 9);
	c = conn_new(&st2, 5);
	dump_resume(d, c, &ring);
	dump_free_domains(d);
	cr_assert_eq(c->watch_count, 2);
	cr_assert_str_eq(session_events(c), "", "coming back is no news");
	other = conn_new(&st2, 0);
	session_write(other, 0, "/local/domain/5/device/vbd", "");
	session_write(other, 0, "/local/domain/5/x", "");
	cr_assert_str_eq(session_events(c), "device/vbd:t1 /local/domain/5/x:t2 ");
	cr_assert_str_eq(session_do(c, XS_TRANSACTION_END, over, "T"), "ENOENT");
	cr_assert_str_eq(session_do(c, XS_TRANSACTION_END, tx, "T"), "EAGAIN");
}

Test(dump, a_released_domain_does_not_come_back)
{
	session_do2(guest, XS_WATCH, 0, "device", "t1");
	dump_domain_gone(&journal, 5);
	dump_turn(&journal);
	cr_assert_null(load());
}

Test(dump, a_journal_cut_anywhere_gives_the_last_whole_turn)
{
	size_t before, after;

	session_write(dom0, 0, "/n", "1");
	dump_turn(&journal);
	before = buf_len(&journal);
	session_write(dom0, 0, "/n", "2");
	session_write(dom0, 0, "/m", "2");
	dump_turn(&journal);
	after = buf_len(&journal);
	for (size_t len = before; len <= after; len++) {
		char *part = malloc(len);
		struct dump_domain_state *d = NULL;
		struct node *n;

		memcpy(part, buf_bytes(&journal), len);
		cr_assert_eq(dump_load(part, len, &st2, &d), 0);
		dump_free_domains(d);
		free(part);
		n = tree_find(st2.root, "/n");
		cr_assert_str_eq(n->value->bytes, len == after ? "2" : "1");
		cr_assert_eq(!tree_find(st2.root, "/m"), len != after);
	}
}

Test(dump, what_is_not_a_dump_changes_nothing)
{
	struct dump_domain_state *d = NULL;
	size_t nodes = tree_count(st2.root);

	cr_assert_eq(dump_load("", 0, &st2, &d), -EINVAL);
	cr_assert_eq(dump_load("something else entirely", 23, &st2, &d), -EINVAL);
	cr_assert_eq(dump_load(buf_bytes(&journal), 20, &st2, &d), -EINVAL);
	cr_assert_null(d);
	cr_assert_eq(tree_count(st2.root), nodes);
}

Test(dump, flipped_bytes_are_refused_or_read_but_never_break_anything)
{
	session_do2(guest, XS_WATCH, 0, "device", "t1");
	session_write(guest, 0, "a/b/c", "value");
	session_begin(guest);
	dump_ring(&journal, guest, &ring);
	dump_turn(&journal);
	for (size_t i = 0; i < buf_len(&journal); i++) {
		for (int flip = 1; flip < 256; flip <<= 1) {
			char *copy = malloc(buf_len(&journal));
			struct dump_domain_state *d = NULL;

			memcpy(copy, buf_bytes(&journal), buf_len(&journal));
			copy[i] = (char)(copy[i] ^ flip);
			dump_load(copy, buf_len(&journal), &st2, &d);
			dump_free_domains(d);
			free(copy);
		}
	}
	storage_recount(&st2);
}

/*
 * A guest asks numbered questions through a ring; the daemon is ended at random points of
 * its turn and another takes over.  The guest must see every answer once and in order, and
 * every request must have been carried out once.
 */
enum stage { BEFORE_JOURNAL, AFTER_JOURNAL, AFTER_SEND, STAGES };

struct side {
	struct buf out, in; /* what the guest still has to put, and has got */
};

static void guest_turn(struct side *g)
{
	while (buf_len(&g->out) && page.req_prod - page.req_cons < XENSTORE_RING_SIZE &&
	       rand() % 50) {
		page.req[MASK_XENSTORE_IDX(page.req_prod)] = buf_bytes(&g->out)[0];
		buf_consume(&g->out, 1);
		page.req_prod++;
	}
	while (page.rsp_prod != page.rsp_cons && rand() % 50) {
		buf_append(&g->in, &page.rsp[MASK_XENSTORE_IDX(page.rsp_cons)], 1);
		page.rsp_cons++;
	}
}

/* One turn, given up after the stage. */
static void daemon_turn(struct conn *c, enum stage end)
{
	size_t room, len;
	char *to = conn_input(c, &room);
	const char *from;
	int n;

	if (room) {
		n = ring_read(&ring, to, room);
		cr_assert_geq(n, 0);
		conn_received(c, (size_t)n);
	}
	for (int i = 0; i < 3 && conn_step(c); i++) {
	}
	if (end == BEFORE_JOURNAL) {
		return;
	}
	dump_ring(&journal, c, &ring);
	dump_turn(&journal);
	if (end == AFTER_JOURNAL) {
		return;
	}
	from = conn_output(c, &len);
	n = ring_write(&ring, from, len);
	cr_assert_geq(n, 0);
	conn_sent(c, (size_t)n);
	if (end != AFTER_SEND) {
		ring_release(&ring);
	}
}

/* Another process: all that is left is the journal and the page. */
static struct conn *restart(struct conn *c)
{
	struct storage *s = c->st;
	struct dump_domain_state *d = NULL;

	s->journal = NULL;
	conn_free(c);
	storage_fini(s);
	storage_init(s);
	cr_assert_eq(dump_load(buf_bytes(&journal), buf_len(&journal), s, &d), 0);
	c = conn_new(s, 5);
	c->ring = true;
	ring_attach(&ring, &page);
	if (d) {
		dump_resume(d, c, &ring);
	}
	buf_consume(&journal, buf_len(&journal));
	dump_begin(&journal);
	dump_tree(&journal, s);
	dump_domain(&journal, 5, 0x1234, 9);
	dump_conn(&journal, c, &ring);
	dump_turn(&journal);
	dump_free_domains(d);
	s->journal = &hooks;
	return c;
}

Test(dump, every_request_is_carried_out_and_answered_exactly_once)
{
	struct side g = { 0 };
	struct conn *c = guest;
	struct request r;
	uint32_t answered = 0;
	int restarts = 0;

	srand(8);
	conn_free(dom0);
	session_do2(c, XS_WATCH, 0, "count", "w");
	session_events(c);
	for (uint32_t i = 1; i <= 400; i++) {
		char payload[1600];
		size_t len = (size_t)snprintf(payload, sizeof(payload), "count%c%u", 0, i);

		/* Some longer than the ring. */
		if (i % 40 == 0) {
			memset(payload + len, ' ', 1400);
			len += 1400;
		}
		proto_put(&g.out, XS_WRITE, i, 0, payload, len);
	}
	for (int turn = 0; answered < 800 && turn < 100000; turn++) {
		enum stage end = rand() % 10 ? STAGES : (enum stage)(rand() % STAGES);
		size_t mark = buf_len(&journal);

		guest_turn(&g);
		daemon_turn(c, end);
		if (end != STAGES) {
			if (end == BEFORE_JOURNAL) {
				/* What was collected but not written is lost with the process. */
				journal.end = journal.start + mark;
			}
			c = restart(c);
			restarts++;
		}
		while (proto_parse(buf_bytes(&g.in), buf_len(&g.in), &r) == PROTO_READY) {
			/* Reply and event in turn: the event is queued by the change, before the reply. */
			if (answered % 2) {
				cr_assert_eq(r.type, XS_WRITE);
				cr_assert_eq(r.req_id, answered / 2 + 1);
			} else {
				cr_assert_eq(r.type, XS_WATCH_EVENT);
			}
			answered++;
			buf_consume(&g.in, PROTO_HEADER + r.len);
		}
	}
	cr_assert_eq(answered, 800);
	cr_assert_gt(restarts, 20);
	cr_assert_eq(atoi(tree_find(st.root, "/local/domain/5/count")->value->bytes), 400);
	buf_free(&g.in);
	buf_free(&g.out);
}
