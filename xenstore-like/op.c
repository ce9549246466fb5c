/* What each operation does: arguments checked, work handed to access.c, txn.c or watch.c. */
#include "xenstore-like/op.h"

#include <errno.h>
#include <stdarg.h>

#include <xen/io/xs_wire.h>

#include "xenstore-like/mem.h"
#include "xenstore-like/path.h"
#include "xenstore-like/txn.h"
#include "xenstore-like/watch.h"

/* One request being handled. */
struct call {
	struct conn *c;
	const struct request *req;
	struct txn *txn; /* NULL outside of transactions */
	const char *arg[PROTO_ARGS_MAX];
	int arg_count;
	struct buf reply;	   /* what goes back; empty and no_reply unset: "OK" */
	const struct watch *added; /* its first event follows the reply */
	bool raw;		   /* reply is given as it is, even if empty */
};

static void reply_string(struct call *k, const char *text)
{
	buf_append(&k->reply, text, strlen(text) + 1);
}

static int resolve(const struct call *k, const char *text, struct path *out)
{
	return path_resolve(out, text, k->c->who.domid);
}

/* A domain number in an argument. */
static int domid_arg(const struct call *k, int i, unsigned int *out)
{
	uint64_t v;

	if (!proto_number(k->arg[i], STORE_DOMID_LIMIT - 1, &v)) {
		return -EINVAL;
	}
	*out = (unsigned int)v;
	return 0;
}

/* ---- reading ---- */

/* The node of the first argument, inside or outside of a transaction. */
static int find_node(struct call *k, unsigned int want, struct node **n)
{
	struct conn *c = k->c;
	struct view v = { .st = c->st, .root = &c->st->root };
	struct path path;
	int err = resolve(k, k->arg[0], &path);

	if (err) {
		return err;
	}
	return k->txn ? txn_find_node(c, k->txn, path.text, want, n)
		      : access_find(&v, &c->who, path.text, want, n);
}

static int op_read(struct call *k)
{
	struct node *n;
	int err = find_node(k, PERM_READ, &n);

	k->raw = true;
	if (err) {
		return err;
	}
	if (n->value) {
		if (n->value->len > PROTO_PAYLOAD_MAX) {
			return -E2BIG;
		}
		buf_append(&k->reply, n->value->bytes, n->value->len);
	}
	return 0;
}

static int op_directory(struct call *k)
{
	struct node *n;
	int err = find_node(k, PERM_READ, &n);

	k->raw = true;
	if (err) {
		return err;
	}
	if (n->child_bytes > PROTO_PAYLOAD_MAX) {
		return -E2BIG;
	}
	for (unsigned int i = 0; i < n->child_count; i++) {
		reply_string(k, n->child[i]->name);
	}
	return 0;
}

/*
 * A directory too long for one reply: the node's gen, then names from a byte offset into the whole list on,
 * as many as fit, and an empty name after the last one there is.
 */
static int op_directory_part(struct call *k)
{
	struct node *n;
	uint64_t offset;
	size_t at = 0;
	char gen[24];
	int err = find_node(k, PERM_READ, &n);

	if (err) {
		return err;
	}
	if (!proto_number(k->arg[1], UINT32_MAX, &offset) || offset > n->child_bytes) {
		return -EINVAL;
	}
	snprintf(gen, sizeof(gen), "%llu", (unsigned long long)n->gen);
	reply_string(k, gen);
	for (unsigned int i = 0; i < n->child_count; i++) {
		size_t len = strlen(n->child[i]->name) + 1;

		if (at >= offset) {
			if (buf_len(&k->reply) + len + 1 > PROTO_PAYLOAD_MAX) {
				return 0;
			}
			reply_string(k, n->child[i]->name);
		}
		at += len;
	}
	reply_string(k, "");
	return 0;
}

static int special_index(const char *name)
{
	return !strcmp(name, PATH_INTRODUCE) ? SPECIAL_INTRODUCE
	       : !strcmp(name, PATH_RELEASE) ? SPECIAL_RELEASE
					     : -1;
}

static int op_get_perms(struct call *k)
{
	int special = special_index(k->arg[0]);
	const struct perms *p;
	struct node *n;
	size_t len;
	int err;

	if (special >= 0) {
		p = k->c->st->special[special];
		if (!perms_allow(p, &k->c->who, PERM_READ)) {
			return -EACCES;
		}
	} else {
		err = find_node(k, PERM_READ, &n);
		if (err) {
			return err;
		}
		p = n->perms;
	}
	len = perms_format(p, NULL, 0);
	if (len > PROTO_PAYLOAD_MAX) {
		return -E2BIG;
	}
	perms_format(p, buf_reserve(&k->reply, len), len);
	k->reply.end += len;
	return 0;
}

/* ---- changing ---- */

/* Work on the store's own tree; on success everybody learns of it. */
static int change_now(struct call *k, const char *path,
		      int (*fn)(struct view *v, const struct actor *who, const char *path,
				void *arg),
		      void *arg)
{
	struct storage *st = k->c->st;
	struct quota_delta delta;
	struct changes changes = { 0 };
	struct view v = { .st = st, .root = &st->root, .delta = &delta, .changes = &changes };
	int err;

	quota_delta_init(&delta);
	err = fn(&v, &k->c->who, path, arg);
	if (err) {
		quota_delta_free(&delta);
		changes_free(&changes);
		return err;
	}
	access_publish(st, &delta, &changes);
	return 0;
}

static int now_write(struct view *v, const struct actor *who, const char *path, void *arg)
{
	return access_write(v, who, path, arg);
}

static int now_mkdir(struct view *v, const struct actor *who, const char *path, void *arg)
{
	(void)arg;
	return access_mkdir(v, who, path);
}

static int now_rm(struct view *v, const struct actor *who, const char *path, void *arg)
{
	(void)arg;
	return access_rm(v, who, path);
}

static int now_set_perms(struct view *v, const struct actor *who, const char *path, void *arg)
{
	return access_set_perms(v, who, path, arg);
}

/* The payload is a path, a nul, and the value, which is not terminated. */
static int op_write(struct call *k)
{
	const struct request *r = k->req;
	const char *end = memchr(r->payload, '\0', r->len);
	struct value *value;
	struct path path;
	size_t path_len;
	int err;

	if (!end) {
		return -EINVAL;
	}
	path_len = (size_t)(end - r->payload) + 1;
	err = resolve(k, r->payload, &path);
	if (err) {
		return err;
	}
	value = value_new(end + 1, r->len - path_len);
	err = k->txn ? txn_write(k->c, k->txn, path.text, value)
		     : change_now(k, path.text, now_write, value);
	value_put(value);
	return err;
}

static int op_mkdir(struct call *k)
{
	struct path path;
	int err = resolve(k, k->arg[0], &path);

	if (err) {
		return err;
	}
	return k->txn ? txn_mkdir(k->c, k->txn, path.text)
		      : change_now(k, path.text, now_mkdir, NULL);
}

static int op_rm(struct call *k)
{
	struct path path;
	int err = resolve(k, k->arg[0], &path);

	if (err) {
		return err;
	}
	return k->txn ? txn_rm(k->c, k->txn, path.text) : change_now(k, path.text, now_rm, NULL);
}

/* Who may hear of domains coming and going: the control domain's to say. */
static int set_special_perms(struct call *k, int special, struct perms *perms)
{
	struct storage *st = k->c->st;

	if (!actor_is_trusted(&k->c->who)) {
		return -EACCES;
	}
	perms_put(st->special[special]);
	st->special[special] = perms_get(perms);
	if (st->journal) {
		st->journal->special(st->journal_arg, (enum special_event)special, perms);
	}
	return 0;
}

static int op_set_perms(struct call *k)
{
	size_t skip = strlen(k->arg[0]) + 1;
	struct perms *perms = perms_parse(k->req->payload + skip, k->req->len - skip);
	int special = special_index(k->arg[0]);
	struct path path;
	int err = -EINVAL;

	if (!perms) {
		return -EINVAL;
	}
	if (special >= 0) {
		err = set_special_perms(k, special, perms);
	} else if (!resolve(k, k->arg[0], &path)) {
		err = k->txn ? txn_set_perms(k->c, k->txn, path.text, perms)
			     : change_now(k, path.text, now_set_perms, perms);
	}
	perms_put(perms);
	return err;
}

/* ---- transactions ---- */

static int op_transaction_start(struct call *k)
{
	struct txn *t;
	char id[16];
	int err;

	if (k->req->tx_id) {
		return -EBUSY;
	}
	err = txn_start(k->c, &t);
	if (err) {
		return err;
	}
	snprintf(id, sizeof(id), "%u", t->id);
	reply_string(k, id);
	return 0;
}

static int op_transaction_end(struct call *k)
{
	struct txn *t = k->txn;

	if (!t) {
		return -ENOENT;
	}
	if (!strcmp(k->arg[0], "T")) {
		return txn_commit(k->c, t);
	}
	if (!strcmp(k->arg[0], "F")) {
		txn_abort(k->c, t);
		return 0;
	}
	return -EINVAL;
}

/* ---- watches ---- */

static int op_watch(struct call *k)
{
	struct watch *w;
	struct path path;
	int err = path_resolve_watch(&path, k->arg[0], k->c->who.domid);

	if (err) {
		return err;
	}
	err = watch_add(k->c, &path, k->arg[1], &w);
	if (!err) {
		k->added = w;
	}
	return err;
}

static int op_unwatch(struct call *k)
{
	struct path path;
	int err = path_resolve_watch(&path, k->arg[0], k->c->who.domid);

	return err ? err : watch_remove(k->c, &path, k->arg[1]);
}

static int op_reset_watches(struct call *k)
{
	watch_remove_all(k->c);
	txn_abort_all(k->c);
	return 0;
}

/* ---- domains ---- */

static int op_introduce(struct call *k)
{
	struct storage *st = k->c->st;
	unsigned int domid;
	uint64_t mfn, port;

	if (!st->domains) {
		return -ENOSYS;
	}
	if (domid_arg(k, 0, &domid) || !proto_number(k->arg[1], UINT64_MAX, &mfn) ||
	    !proto_number(k->arg[2], INT32_MAX, &port)) {
		return -EINVAL;
	}
	return st->domains->introduce(st->domains_arg, domid, mfn, (unsigned int)port);
}

static int op_release(struct call *k)
{
	struct storage *st = k->c->st;
	unsigned int domid;

	if (domid_arg(k, 0, &domid) || domid == 0) {
		return -EINVAL;
	}
	return st->domains ? st->domains->release(st->domains_arg, domid) : -ENOSYS;
}

static int op_resume(struct call *k)
{
	struct storage *st = k->c->st;
	unsigned int domid;

	if (domid_arg(k, 0, &domid) || domid == 0) {
		return -EINVAL;
	}
	return st->domains ? st->domains->resume(st->domains_arg, domid) : -ENOSYS;
}

static int op_set_target(struct call *k)
{
	struct storage *st = k->c->st;
	unsigned int domid, target;

	if (domid_arg(k, 0, &domid) || domid_arg(k, 1, &target) || domid == 0) {
		return -EINVAL;
	}
	return st->domains ? st->domains->set_target(st->domains_arg, domid, target) : -ENOSYS;
}

static int op_is_introduced(struct call *k)
{
	struct storage *st = k->c->st;
	unsigned int domid;

	if (domid_arg(k, 0, &domid)) {
		return -EINVAL;
	}
	reply_string(k,
		     st->domains && st->domains->is_introduced(st->domains_arg, domid) ? "T" : "F");
	return 0;
}

static int op_domain_path(struct call *k)
{
	unsigned int domid;
	char path[40];

	if (domid_arg(k, 0, &domid)) {
		return -EINVAL;
	}
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	reply_string(k, path);
	return 0;
}

/* ---- control ---- */

struct control {
	const char *name;
	const char *help;
	int (*fn)(struct call *k);
};

static int control_help(struct call *k);

static int control_check(struct call *k)
{
	(void)k;
	return 0;
}

static int control_log(struct call *k)
{
	if (k->arg_count > 1) {
		if (strcmp(k->arg[1], "on") && strcmp(k->arg[1], "off")) {
			return -EINVAL;
		}
		k->c->st->verbose = !strcmp(k->arg[1], "on");
	}
	reply_string(k, k->c->st->verbose ? "on" : "off");
	return 0;
}

/* printf into the reply, up to what a reply may hold; terminated by the caller. */
static void say(struct call *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct call *k, const char *fmt, ...)
{
	size_t room = PROTO_PAYLOAD_MAX - 1 - buf_len(&k->reply);
	char *to = buf_reserve(&k->reply, room + 1);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(to, room + 1, fmt, ap);
	va_end(ap);
	if (n > 0) {
		k->reply.end += (size_t)n > room ? room : (size_t)n;
	}
}

static int control_nodes(struct call *k)
{
	say(k, "%zu", tree_count(k->c->st->root));
	buf_append(&k->reply, "", 1);
	return 0;
}

static int control_memreport(struct call *k)
{
	size_t conns = 0, watches = 0, txns = 0, queued = 0;

	for (const struct conn *c = k->c->st->conns; c; c = c->next) {
		conns++;
		watches += c->watch_count;
		txns += c->txn_count;
		queued += buf_len(&c->in) + buf_len(&c->out);
	}
	say(k, "nodes %zu\nconnections %zu\nwatches %zu\ntransactions %zu\nqueued-bytes %zu\n",
	    tree_count(k->c->st->root), conns, watches, txns, queued);
	buf_append(&k->reply, "", 1);
	return 0;
}

/* The limits, or what one domain uses. */
static int control_quota(struct call *k)
{
	const struct quota *q = &k->c->st->quota;
	unsigned int domid;

	if (k->arg_count > 1) {
		if (domid_arg(k, 1, &domid)) {
			return -EINVAL;
		}
		say(k, "nodes %u\n", q->nodes[domid]);
	} else {
		say(k,
		    "nodes %u\nsize %u\nperms %u\nwatches %u\ntransactions %u\n"
		    "transaction-operations %u\n",
		    q->limit.nodes, q->limit.node_size, q->limit.perms, q->limit.watches,
		    q->limit.transactions, q->limit.tx_operations);
	}
	buf_append(&k->reply, "", 1);
	return 0;
}

/*
 * The connection gives up what it does not need.  The wire format once had an operation of its own
 * for something like it, XS_RESTRICT, which is gone; libxenstore passes control commands on.
 */
static int control_restrict(struct call *k)
{
	struct path own, peer;

	if (k->arg_count != 3 || resolve(k, k->arg[1], &own) || resolve(k, k->arg[2], &peer)) {
		return -EINVAL;
	}
	return conn_restrict(k->c, own.text, peer.text);
}

static const struct control controls[] = {
	{ "check", "answer OK", control_check },
	{ "help", "list these commands", control_help },
	{ "log", "[on|off]: log every request", control_log },
	{ "memreport", "how many of what there are", control_memreport },
	{ "nodes", "number of nodes in the tree", control_nodes },
	{ "quota", "[domid]: the limits, or what a domain owns", control_quota },
	{ "restrict", "OWN PEER: let this connection only read these two and change values in OWN",
	  control_restrict },
};

static int control_help(struct call *k)
{
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		say(k, "%s: %s\n", controls[i].name, controls[i].help);
	}
	buf_append(&k->reply, "", 1);
	return 0;
}

static int op_control(struct call *k)
{
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		if (!strcmp(controls[i].name, k->arg[0])) {
			return controls[i].fn(k);
		}
	}
	return -EINVAL;
}

/* ---- the table ---- */

enum {
	FOR_DOM0 = 1, /* unprivileged callers get EACCES */
	IN_TX = 2,    /* acts on the request's transaction, if it names one */
	RAW = 4,      /* payload is not (only) strings */
};

struct op {
	const char *name;
	int (*fn)(struct call *k);
	unsigned int flags;
	int args; /* strings it needs at least */
};

static const struct op ops[] = {
	[XS_CONTROL] = { "CONTROL", op_control, FOR_DOM0, 1 },
	[XS_DIRECTORY] = { "DIRECTORY", op_directory, IN_TX, 1 },
	[XS_READ] = { "READ", op_read, IN_TX, 1 },
	[XS_GET_PERMS] = { "GET_PERMS", op_get_perms, IN_TX, 1 },
	[XS_WATCH] = { "WATCH", op_watch, 0, 2 },
	[XS_UNWATCH] = { "UNWATCH", op_unwatch, 0, 2 },
	[XS_TRANSACTION_START] = { "TRANSACTION_START", op_transaction_start, 0, 0 },
	[XS_TRANSACTION_END] = { "TRANSACTION_END", op_transaction_end, IN_TX, 1 },
	[XS_INTRODUCE] = { "INTRODUCE", op_introduce, FOR_DOM0, 3 },
	[XS_RELEASE] = { "RELEASE", op_release, FOR_DOM0, 1 },
	[XS_GET_DOMAIN_PATH] = { "GET_DOMAIN_PATH", op_domain_path, 0, 1 },
	[XS_WRITE] = { "WRITE", op_write, IN_TX | RAW, 0 },
	[XS_MKDIR] = { "MKDIR", op_mkdir, IN_TX, 1 },
	[XS_RM] = { "RM", op_rm, IN_TX, 1 },
	[XS_SET_PERMS] = { "SET_PERMS", op_set_perms, IN_TX, 2 },
	[XS_IS_DOMAIN_INTRODUCED] = { "IS_DOMAIN_INTRODUCED", op_is_introduced, FOR_DOM0, 1 },
	[XS_RESUME] = { "RESUME", op_resume, FOR_DOM0, 1 },
	[XS_SET_TARGET] = { "SET_TARGET", op_set_target, FOR_DOM0, 2 },
	[XS_RESET_WATCHES] = { "RESET_WATCHES", op_reset_watches, 0, 0 },
	[XS_DIRECTORY_PART] = { "DIRECTORY_PART", op_directory_part, IN_TX, 2 },
};

static const struct op *find_op(uint32_t type)
{
	if (type >= sizeof(ops) / sizeof(ops[0]) || !ops[type].fn) {
		return NULL;
	}
	return &ops[type];
}

const char *op_name(uint32_t type)
{
	const struct op *op = find_op(type);

	return op ? op->name : "?";
}

static int run(struct call *k)
{
	const struct op *op = find_op(k->req->type);

	if (!op) {
		return -ENOSYS;
	}
	if ((op->flags & FOR_DOM0) && !actor_is_trusted(&k->c->who)) {
		return -EACCES;
	}
	if (!(op->flags & RAW)) {
		k->arg_count = proto_strings(k->req->payload, k->req->len, k->arg, PROTO_ARGS_MAX);
		if (k->arg_count < op->args) {
			return -EINVAL;
		}
	}
	if ((op->flags & IN_TX) && k->req->tx_id) {
		k->txn = txn_find(k->c, k->req->tx_id);
		if (!k->txn) {
			return -ENOENT;
		}
	}
	return op->fn(k);
}

static void log_call(const struct call *k, int err)
{
	fprintf(stderr, "pavstored: d%u %s tx %u \"%.*s\": %s\n", k->c->who.domid,
		op_name(k->req->type), k->req->tx_id, (int)strnlen(k->req->payload, k->req->len),
		k->req->payload, err ? proto_error_name(-err) : "ok");
}

void op_handle(struct conn *c, const struct request *req)
{
	struct call k = { .c = c, .req = req };
	uint32_t id = req->req_id, tx = req->tx_id;
	int err = run(&k);

	if (c->st->verbose) {
		log_call(&k, err);
	}
	if (err) {
		const char *name = proto_error_name(-err);

		conn_queue_reply(c, XS_ERROR, id, tx, name, strlen(name) + 1);
	} else if (k.raw || buf_len(&k.reply)) {
		conn_queue_reply(c, req->type, id, tx, buf_bytes(&k.reply), buf_len(&k.reply));
	} else {
		conn_queue_reply(c, req->type, id, tx, "OK", 3);
	}
	if (k.added) {
		watch_queue_initial(c, k.added);
	}
	buf_free(&k.reply);
}
