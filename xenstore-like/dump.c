/* The daemon's state as records, and back. */
#include "xenstore-like/dump.h"

#include <errno.h>

#include "xenstore-like/mem.h"
#include "xenstore-like/path.h"
#include "xenstore-like/proto.h"
#include "xenstore-like/txn.h"

#define DUMP_MAGIC "pavane store 1\n"

enum record_type {
	REC_TURN = 1,
	REC_NODE,	/* perms, path, value */
	REC_RM,		/* path */
	REC_SPECIAL,	/* which, perms */
	REC_DOMAIN,	/* domid, port, mfn */
	REC_GONE,	/* domid */
	REC_WATCH,	/* domid, skip, path, token */
	REC_UNWATCH,	/* the same */
	REC_TXN_OPEN,	/* domid, id */
	REC_TXN_CLOSED, /* the same */
	REC_RING,	/* domid, req_cons, rsp_prod, overflow, length of in, in, out */
	REC_GEN,	/* counter */
};

/* ---- writing: numbers in this machine's order, since the reader is on this machine ---- */

static void put_u32(struct buf *b, uint32_t v)
{
	buf_append(b, &v, sizeof(v));
}

static void put_u64(struct buf *b, uint64_t v)
{
	buf_append(b, &v, sizeof(v));
}

static void put_string(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s) + 1);
}

/* A record's length is filled in when it is complete. */
static size_t open_record(struct buf *b, enum record_type type)
{
	put_u32(b, type);
	put_u32(b, 0);
	return buf_len(b);
}

static void close_record(struct buf *b, size_t mark)
{
	uint32_t len = (uint32_t)(buf_len(b) - mark);

	memcpy(b->data + b->start + mark - sizeof(len), &len, sizeof(len));
}

static void put_perms(struct buf *b, const struct perms *p)
{
	put_u32(b, p->count);
	for (unsigned int i = 0; i < p->count; i++) {
		put_u32(b, (uint32_t)p->entry[i].domid << 8 | p->entry[i].bits);
	}
}

void dump_begin(struct buf *b)
{
	buf_append(b, DUMP_MAGIC, sizeof(DUMP_MAGIC));
}

void dump_turn(struct buf *b)
{
	close_record(b, open_record(b, REC_TURN));
}

static void put_node(struct buf *b, const char *path, const struct node *n)
{
	size_t mark = open_record(b, REC_NODE);

	put_perms(b, n->perms);
	put_string(b, path);
	if (n->value) {
		buf_append(b, n->value->bytes, n->value->len);
	}
	close_record(b, mark);
}

void dump_change(struct buf *b, const struct change *c)
{
	size_t mark;

	if (c->kind == CHANGE_SET) {
		put_node(b, c->path, c->node);
		return;
	}
	mark = open_record(b, REC_RM);
	put_string(b, c->path);
	close_record(b, mark);
}

static void put_subtree(struct buf *b, char path[PATH_ABS_MAX + 2], size_t len,
			const struct node *n)
{
	put_node(b, len ? path : "/", n);
	for (unsigned int i = 0; i < n->child_count; i++) {
		size_t name_len = strlen(n->child[i]->name);

		path[len] = '/';
		memcpy(path + len + 1, n->child[i]->name, name_len + 1);
		put_subtree(b, path, len + 1 + name_len, n->child[i]);
	}
	path[len] = '\0';
}

void dump_tree(struct buf *b, struct storage *st)
{
	char path[PATH_ABS_MAX + 2] = "";
	size_t mark = open_record(b, REC_GEN);

	put_u64(b, st->gen);
	close_record(b, mark);
	put_subtree(b, path, 0, st->root);
	for (int i = 0; i < SPECIAL_COUNT; i++) {
		dump_special(b, (enum special_event)i, st->special[i]);
	}
}

void dump_special(struct buf *b, enum special_event which, const struct perms *p)
{
	size_t mark = open_record(b, REC_SPECIAL);

	put_u32(b, which);
	put_perms(b, p);
	close_record(b, mark);
}

void dump_domain(struct buf *b, unsigned int domid, uint64_t mfn, unsigned int port)
{
	size_t mark = open_record(b, REC_DOMAIN);

	put_u32(b, domid);
	put_u32(b, port);
	put_u64(b, mfn);
	close_record(b, mark);
}

void dump_domain_gone(struct buf *b, unsigned int domid)
{
	size_t mark = open_record(b, REC_GONE);

	put_u32(b, domid);
	close_record(b, mark);
}

void dump_watch(struct buf *b, const struct conn *c, const struct watch *w, bool added)
{
	size_t mark = open_record(b, added ? REC_WATCH : REC_UNWATCH);

	put_u32(b, c->who.domid);
	put_u32(b, (uint32_t)w->relative_skip);
	put_string(b, w->path);
	put_string(b, w->token);
	close_record(b, mark);
}

void dump_transaction(struct buf *b, const struct conn *c, uint32_t id, bool open)
{
	size_t mark = open_record(b, open ? REC_TXN_OPEN : REC_TXN_CLOSED);

	put_u32(b, c->who.domid);
	put_u32(b, id);
	close_record(b, mark);
}

void dump_ring(struct buf *b, const struct conn *c, const struct ring *r)
{
	size_t mark = open_record(b, REC_RING);

	put_u32(b, c->who.domid);
	put_u32(b, r->req_cons);
	put_u32(b, r->rsp_prod);
	put_u32(b, c->overflow);
	put_u32(b, (uint32_t)buf_len(&c->in));
	buf_append(b, buf_bytes(&c->in), buf_len(&c->in));
	buf_append(b, buf_bytes(&c->out), buf_len(&c->out));
	close_record(b, mark);
}

void dump_conn(struct buf *b, const struct conn *c, const struct ring *r)
{
	for (const struct watch *w = c->watches; w; w = w->next) {
		dump_watch(b, c, w, true);
	}
	for (const struct txn *t = c->txns; t; t = t->next) {
		dump_transaction(b, c, t->id, true);
	}
	dump_ring(b, c, r);
}

/* ---- reading ---- */

/* The unread rest of a record; `bad` sticks once something was missing. */
struct reader {
	const char *at;
	size_t left;
	bool bad;
};

static const char *get_bytes(struct reader *r, size_t n)
{
	const char *p = r->at;

	if (r->bad || n > r->left) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	r->left -= n;
	return p;
}

static uint32_t get_u32(struct reader *r)
{
	uint32_t v = 0;
	const char *p = get_bytes(r, sizeof(v));

	if (p) {
		memcpy(&v, p, sizeof(v));
	}
	return v;
}

static uint64_t get_u64(struct reader *r)
{
	uint64_t v = 0;
	const char *p = get_bytes(r, sizeof(v));

	if (p) {
		memcpy(&v, p, sizeof(v));
	}
	return v;
}

static const char *get_string(struct reader *r)
{
	size_t n = r->bad ? 0 : strnlen(r->at, r->left);

	return get_bytes(r, n + 1);
}

static struct perms *get_perms(struct reader *r)
{
	uint32_t count = get_u32(r);
	struct perms *p;

	if (r->bad || !count || count > r->left / sizeof(uint32_t)) {
		r->bad = true;
		return NULL;
	}
	p = mem_alloc(sizeof(*p) + count * sizeof(p->entry[0]));
	p->refs = 1;
	p->count = count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t v = get_u32(r);

		r->bad = r->bad || v >> 8 >= STORE_DOMID_LIMIT;
		p->entry[i] = (struct perm){ .domid = (uint16_t)(v >> 8), .bits = v & 3 };
	}
	return p;
}

/* What is being built while reading. */
struct loading {
	struct node *root;
	uint64_t gen;
	struct perms *special[SPECIAL_COUNT];
	struct dump_domain_state *domains;
};

static struct dump_domain_state *find_state(struct loading *l, unsigned int domid)
{
	struct dump_domain_state *d = l->domains;

	while (d && d->domid != domid) {
		d = d->next;
	}
	return d;
}

static void free_state(struct dump_domain_state *d)
{
	for (size_t i = 0; i < d->watch_count; i++) {
		free(d->watch[i]);
	}
	free(d->watch);
	free(d->txn);
	buf_free(&d->in);
	buf_free(&d->out);
	free(d);
}

void dump_free_domains(struct dump_domain_state *d)
{
	while (d) {
		struct dump_domain_state *next = d->next;

		free_state(d);
		d = next;
	}
}

static void drop_state(struct loading *l, unsigned int domid)
{
	for (struct dump_domain_state **at = &l->domains; *at; at = &(*at)->next) {
		if ((*at)->domid == domid) {
			struct dump_domain_state *d = *at;

			*at = d->next;
			free_state(d);
			return;
		}
	}
}

static struct dump_domain_state *add_state(struct loading *l, unsigned int domid)
{
	struct dump_domain_state *d = mem_alloc(sizeof(*d));

	d->domid = domid;
	d->next = l->domains;
	l->domains = d;
	return d;
}

/* The control domain's own ring is never introduced; it is there from the first word about it. */
static struct dump_domain_state *state_for(struct loading *l, unsigned int domid)
{
	struct dump_domain_state *d = find_state(l, domid);

	return d || domid ? d : add_state(l, 0);
}

/* A path from a dump passes the same checks as one from a client. */
static const char *get_path(struct reader *r, struct path *out)
{
	const char *text = get_string(r);

	if (!text || text[0] == '@' || path_resolve(out, text, 0) || out->relative_skip) {
		r->bad = true;
		return NULL;
	}
	return out->text;
}

static void load_node(struct loading *l, struct reader *r)
{
	struct perms *p = get_perms(r);
	struct path path;
	struct value *v;
	struct node *n;

	if (p && get_path(r, &path)) {
		v = value_new(r->at, r->left);
		n = tree_create(&l->root, path.text, p, ++l->gen);
		node_set_value(n, v, l->gen);
		node_set_perms(n, p, l->gen);
		value_put(v);
	}
	perms_put(p);
}

static void load_rm(struct loading *l, struct reader *r)
{
	struct path path;

	if (get_path(r, &path) && path.text[1]) {
		node_put(tree_remove(&l->root, path.text, ++l->gen));
	}
}

static void load_special(struct loading *l, struct reader *r)
{
	uint32_t which = get_u32(r);
	struct perms *p = get_perms(r);

	if (!p || which >= SPECIAL_COUNT) {
		r->bad = true;
		perms_put(p);
		return;
	}
	perms_put(l->special[which]);
	l->special[which] = p;
}

static void load_domain(struct loading *l, struct reader *r)
{
	unsigned int domid = get_u32(r), port = get_u32(r);
	uint64_t mfn = get_u64(r);
	struct dump_domain_state *d;

	if (r->bad || domid >= STORE_DOMID_LIMIT) {
		r->bad = true;
		return;
	}
	drop_state(l, domid);
	d = add_state(l, domid);
	d->port = port;
	d->mfn = mfn;
}

static size_t find_watch(const struct dump_domain_state *d, const struct path *path,
			 const char *token)
{
	size_t i = 0;

	while (i < d->watch_count && (strcmp(d->watch[i]->path.text, path->text) ||
				      d->watch[i]->path.relative_skip != path->relative_skip ||
				      strcmp(d->watch[i]->token, token))) {
		i++;
	}
	return i;
}

static void load_watch(struct loading *l, struct reader *r, bool added)
{
	struct dump_domain_state *d = state_for(l, get_u32(r));
	uint32_t skip = get_u32(r);
	const char *text = get_string(r), *token = get_string(r);
	struct path path;
	size_t i;

	if (r->bad || path_resolve_watch(&path, text, 0) || skip > strlen(text) ||
	    strlen(token) > WATCH_TOKEN_MAX) {
		r->bad = true;
		return;
	}
	if (!d) {
		return; /* of a domain that was given up meanwhile */
	}
	path.relative_skip = skip;
	i = find_watch(d, &path, token);
	if (!added && i < d->watch_count) {
		free(d->watch[i]);
		d->watch[i] = d->watch[--d->watch_count];
	} else if (added && i == d->watch_count) {
		d->watch = mem_resize(d->watch, (i + 1) * sizeof(d->watch[0]));
		d->watch[i] = mem_alloc(sizeof(*d->watch[i]));
		d->watch[i]->path = path;
		memcpy(d->watch[i]->token, token, strlen(token) + 1);
		d->watch_count++;
	}
}

static void load_txn(struct loading *l, struct reader *r, bool open)
{
	struct dump_domain_state *d = state_for(l, get_u32(r));
	uint32_t id = get_u32(r);
	size_t i = 0;

	if (r->bad || !d) {
		return;
	}
	while (i < d->txn_count && d->txn[i] != id) {
		i++;
	}
	if (!open && i < d->txn_count) {
		d->txn[i] = d->txn[--d->txn_count];
	} else if (open && i == d->txn_count) {
		d->txn = mem_resize(d->txn, (i + 1) * sizeof(d->txn[0]));
		d->txn[d->txn_count++] = id;
	}
}

static void load_ring(struct loading *l, struct reader *r)
{
	struct dump_domain_state *d = state_for(l, get_u32(r));
	uint32_t cons = get_u32(r), prod = get_u32(r), overflow = get_u32(r), in_len = get_u32(r);
	const char *in = get_bytes(r, in_len);

	if (r->bad || in_len > PROTO_HEADER + PROTO_PAYLOAD_MAX || !d) {
		r->bad = r->bad || d;
		return;
	}
	d->has_ring = true;
	d->req_cons = cons;
	d->rsp_prod = prod;
	d->overflow = overflow;
	buf_consume(&d->in, buf_len(&d->in));
	buf_consume(&d->out, buf_len(&d->out));
	buf_append(&d->in, in, in_len);
	buf_append(&d->out, r->at, r->left);
}

static void load_record(struct loading *l, uint32_t type, struct reader *r)
{
	switch (type) {
	case REC_TURN:
		break;
	case REC_NODE:
		load_node(l, r);
		break;
	case REC_RM:
		load_rm(l, r);
		break;
	case REC_SPECIAL:
		load_special(l, r);
		break;
	case REC_DOMAIN:
		load_domain(l, r);
		break;
	case REC_GONE:
		drop_state(l, get_u32(r));
		break;
	case REC_WATCH:
	case REC_UNWATCH:
		load_watch(l, r, type == REC_WATCH);
		break;
	case REC_TXN_OPEN:
	case REC_TXN_CLOSED:
		load_txn(l, r, type == REC_TXN_OPEN);
		break;
	case REC_RING:
		load_ring(l, r);
		break;
	case REC_GEN:
		l->gen = get_u64(r);
		break;
	default:
		r->bad = true;
	}
}

/* The next record of all; false at the end or if it is cut. */
static bool next_record(struct reader *all, uint32_t *type, struct reader *record)
{
	uint32_t len;

	*type = get_u32(all);
	len = get_u32(all);
	*record = (struct reader){ .left = len };
	record->at = get_bytes(all, len);
	return !all->bad;
}

/* How many of the bytes are whole turns. */
static size_t whole_turns(const char *bytes, size_t len)
{
	struct reader all = { .at = bytes, .left = len }, record;
	size_t whole = 0;
	uint32_t type;

	while (next_record(&all, &type, &record)) {
		if (type == REC_TURN) {
			whole = len - all.left;
		}
	}
	return whole;
}

static void adopt(struct storage *st, struct loading *l)
{
	node_put(st->root);
	st->root = l->root;
	if (st->gen < l->gen) {
		st->gen = l->gen;
	}
	for (int i = 0; i < SPECIAL_COUNT; i++) {
		if (l->special[i]) {
			perms_put(st->special[i]);
			st->special[i] = l->special[i];
		}
	}
	storage_recount(st);
}

int dump_load(const char *bytes, size_t len, struct storage *st, struct dump_domain_state **domains)
{
	struct loading l = { 0 };
	struct perms *perms;
	struct reader all, record = { 0 };
	uint32_t type;

	if (len < sizeof(DUMP_MAGIC) || memcmp(bytes, DUMP_MAGIC, sizeof(DUMP_MAGIC))) {
		return -EINVAL;
	}
	bytes += sizeof(DUMP_MAGIC);
	all = (struct reader){ .at = bytes, .left = whole_turns(bytes, len - sizeof(DUMP_MAGIC)) };
	if (!all.left) {
		return -EINVAL;
	}
	perms = perms_new(0, PERM_NONE);
	l.root = tree_new(perms, 1);
	perms_put(perms);
	while (!record.bad && next_record(&all, &type, &record)) {
		load_record(&l, type, &record);
	}
	if (record.bad) {
		node_put(l.root);
		for (int i = 0; i < SPECIAL_COUNT; i++) {
			perms_put(l.special[i]);
		}
		dump_free_domains(l.domains);
		return -EINVAL;
	}
	adopt(st, &l);
	*domains = l.domains;
	return 0;
}

/* Some of what waited for the ring may have reached it before the end. */
static void resume_ring(const struct dump_domain_state *d, struct conn *c, struct ring *r)
{
	uint32_t sent = r->rsp_prod - d->rsp_prod;

	if (sent > buf_len(&d->out)) {
		return; /* the page was tampered with, or is another one: start afresh from what it says */
	}
	r->req_cons = d->req_cons;
	buf_append(&c->in, buf_bytes(&d->in), buf_len(&d->in));
	buf_append(&c->out, buf_bytes(&d->out) + sent, buf_len(&d->out) - sent);
	c->overflow = d->overflow;
}

void dump_resume(const struct dump_domain_state *d, struct conn *c, struct ring *r)
{
	struct watch *w;

	for (size_t i = 0; i < d->watch_count; i++) {
		watch_add(c, &d->watch[i]->path, d->watch[i]->token, &w);
	}
	for (size_t i = 0; i < d->txn_count; i++) {
		txn_restore_doomed(c, d->txn[i]);
	}
	if (d->has_ring) {
		resume_ring(d, c, r);
	}
}
