/* The journal's file: appended to turn by turn, replaced by a snapshot when it has grown. */
#include "xenstore-like/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xenstore-like/dump.h"
#include "xenstore-like/mem.h"

/* The file may grow to this much more than four snapshots. */
#define KEEP_SLACK (1024u * 1024)

struct keep {
	struct storage *st;
	char *path, *fresh_path;
	int fd; /* -1: not started, or writing failed */
	bool failed;
	size_t size, snapshot_size;
	struct buf turn;
};

/* ---- what happens, as it happens ---- */

static void on_changed(void *arg, const struct change *c)
{
	struct keep *k = arg;

	dump_change(&k->turn, c);
}

static void on_watched(void *arg, const struct conn *c, const struct watch *w, bool added)
{
	struct keep *k = arg;

	if (c->ring) {
		dump_watch(&k->turn, c, w, added);
	}
}

static void on_transaction(void *arg, const struct conn *c, uint32_t id, bool open)
{
	struct keep *k = arg;

	if (c->ring) {
		dump_transaction(&k->turn, c, id, open);
	}
}

static void on_special(void *arg, enum special_event which, const struct perms *p)
{
	struct keep *k = arg;

	dump_special(&k->turn, which, p);
}

static const struct journal_hooks hooks = {
	.changed = on_changed,
	.watched = on_watched,
	.transaction = on_transaction,
	.special = on_special,
};

void keep_introduced(struct keep *k, unsigned int domid, uint64_t mfn, unsigned int port)
{
	dump_domain(&k->turn, domid, mfn, port);
}

void keep_released(struct keep *k, unsigned int domid)
{
	dump_domain_gone(&k->turn, domid);
}

/* ---- the file ---- */

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n ? -errno : -EIO;
		}
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Serving goes on without a journal; say so once, and try again with the next snapshot. */
static void note_failure(struct keep *k, int err)
{
	if (!k->failed) {
		fprintf(stderr, "pavstored: %s: %s; state would not survive a restart\n", k->path,
			strerror(-err));
	}
	k->failed = true;
	if (k->fd >= 0) {
		close(k->fd);
	}
	k->fd = -1;
	/* Not even an old one: it would bring back what is no longer true. */
	unlink(k->path);
}

static int replace_file(struct keep *k, const struct buf *b)
{
	int fd = open(k->fresh_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
	int err;

	if (fd < 0) {
		return -errno;
	}
	err = write_all(fd, buf_bytes(b), buf_len(b));
	if (!err && rename(k->fresh_path, k->path)) {
		err = -errno;
	}
	if (err) {
		close(fd);
		unlink(k->fresh_path);
		return err;
	}
	if (k->fd >= 0) {
		close(k->fd);
	}
	k->fd = fd;
	return 0;
}

void keep_snapshot(struct keep *k, struct domains *ds)
{
	struct buf b = { 0 };
	int err;

	dump_begin(&b);
	dump_tree(&b, k->st);
	domains_dump(ds, &b);
	dump_turn(&b);
	buf_consume(&k->turn, buf_len(&k->turn));
	err = replace_file(k, &b);
	k->size = k->snapshot_size = buf_len(&b);
	buf_free(&b);
	if (err) {
		note_failure(k, err);
	} else {
		k->failed = false;
	}
}

void keep_turn(struct keep *k, struct domains *ds)
{
	int err;

	domains_save(ds, &k->turn);
	if (!buf_len(&k->turn)) {
		return;
	}
	k->size += buf_len(&k->turn);
	if (k->size > 4 * k->snapshot_size + KEEP_SLACK) {
		keep_snapshot(k, ds);
		return;
	}
	dump_turn(&k->turn);
	err = k->fd >= 0 ? write_all(k->fd, buf_bytes(&k->turn), buf_len(&k->turn)) : 0;
	buf_consume(&k->turn, buf_len(&k->turn));
	if (err) {
		note_failure(k, err);
	}
}

/* The whole file; false if there is none. */
static bool read_file(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		return false;
	}
	while ((n = read(fd, buf_reserve(b, 65536), 65536)) > 0) {
		b->end += (size_t)n;
	}
	close(fd);
	return n == 0;
}

void keep_load(struct keep *k, struct domains *ds)
{
	struct dump_domain_state *states = NULL;
	struct buf b = { 0 };

	if (read_file(k->path, &b)) {
		if (dump_load(buf_bytes(&b), buf_len(&b), k->st, &states)) {
			fprintf(stderr, "pavstored: %s is not a sound dump: starting empty\n",
				k->path);
		} else {
			fprintf(stderr, "pavstored: going on with %zu nodes from %s\n",
				tree_count(k->st->root), k->path);
			domains_resume(ds, states);
		}
	}
	dump_free_domains(states);
	buf_free(&b);
}

struct keep *keep_new(struct storage *st, const char *path)
{
	struct keep *k = mem_alloc(sizeof(*k));

	k->st = st;
	k->fd = -1;
	k->path = mem_string(path);
	if (asprintf(&k->fresh_path, "%s.new", path) < 0) {
		mem_check(NULL);
	}
	return k;
}

void keep_start(struct keep *k, struct domains *ds)
{
	k->st->journal = &hooks;
	k->st->journal_arg = k;
	keep_snapshot(k, ds);
}

void keep_free(struct keep *k)
{
	k->st->journal = NULL;
	if (k->fd >= 0) {
		close(k->fd);
	}
	buf_free(&k->turn);
	free(k->path);
	free(k->fresh_path);
	free(k);
}
