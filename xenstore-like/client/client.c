/*
 * The store client used by our own programs; the header tells what it promises.
 *
 * libxenstore is opened with its unwatch filter, starts its reader thread when the
 * first watch is set, and signals events through a pipe: that pipe is store_fd().
 */
#include "xenstore-like/client/client.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

struct store {
	struct xs_handle *xs;
};

/* One -errno for a library call that failed; never 0. */
static int last_error(void)
{
	return errno ? -errno : -EIO;
}

/* Format a path into buf; -ENAMETOOLONG rather than a cut path. */
static int format_path(char buf[STORE_PATH_MAX], const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, STORE_PATH_MAX, fmt, ap);

	if (n < 0) {
		return -EINVAL;
	}
	return n >= STORE_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* The caller's path arguments, as one string; `err` holds 0 or -errno. */
#define PATH_FROM_ARGS(path, fmt, err)                   \
	do {                                             \
		va_list ap_;                             \
		va_start(ap_, fmt);                      \
		(err) = format_path((path), (fmt), ap_); \
		va_end(ap_);                             \
	} while (0)

struct store *store_open(void)
{
	struct store *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		return NULL;
	}
	s->xs = xs_open(XS_UNWATCH_FILTER);
	if (!s->xs) {
		err = errno;
		free(s);
		errno = err;
		return NULL;
	}
	return s;
}

void store_close(struct store *s)
{
	if (s) {
		xs_close(s->xs);
		free(s);
	}
}

char *store_read_bytes(struct store *s, store_tx_t tx, size_t *len, const char *path_fmt, ...)
{
	char path[STORE_PATH_MAX];
	unsigned int n = 0;
	char *v;
	int err;

	PATH_FROM_ARGS(path, path_fmt, err);
	if (err) {
		errno = -err;
		return NULL;
	}
	v = xs_read(s->xs, tx, path, &n);
	if (v) {
		*len = n;
	}
	return v;
}

char *store_read(struct store *s, store_tx_t tx, const char *path_fmt, ...)
{
	char path[STORE_PATH_MAX];
	size_t len;
	int err;

	PATH_FROM_ARGS(path, path_fmt, err);
	if (err) {
		errno = -err;
		return NULL;
	}
	return store_read_bytes(s, tx, &len, "%s", path);
}

/* The whole string as a number, base 10 or 0x; leading zeros stay decimal. */
static int parse_uint64(const char *text, uint64_t *out)
{
	int base = strncmp(text, "0x", 2) ? 10 : 16;
	unsigned long long v;
	char *end;

	if (text[0] < '0' || text[0] > '9') {
		return -EINVAL;
	}
	errno = 0;
	v = strtoull(text, &end, base);
	if (errno || *end || end == text) {
		return -EINVAL;
	}
	*out = v;
	return 0;
}

int store_read_uint64(struct store *s, store_tx_t tx, uint64_t *out, const char *path_fmt, ...)
{
	char path[STORE_PATH_MAX];
	char *v;
	int err;

	PATH_FROM_ARGS(path, path_fmt, err);
	if (err) {
		return err;
	}
	v = store_read(s, tx, "%s", path);
	if (!v) {
		return last_error();
	}
	err = parse_uint64(v, out);
	free(v);
	return err;
}

int store_read_int(struct store *s, store_tx_t tx, int *out, const char *path_fmt, ...)
{
	char path[STORE_PATH_MAX];
	uint64_t magnitude;
	bool negative;
	char *v;
	int err;

	PATH_FROM_ARGS(path, path_fmt, err);
	if (err) {
		return err;
	}
	v = store_read(s, tx, "%s", path);
	if (!v) {
		return last_error();
	}
	negative = v[0] == '-';
	err = parse_uint64(v + negative, &magnitude);
	free(v);
	if (!err && magnitude > (uint64_t)INT_MAX + negative) {
		err = -EINVAL;
	}
	if (!err) {
		*out = (int)(negative ? -(int64_t)magnitude : (int64_t)magnitude);
	}
	return err;
}

int store_exists(struct store *s, store_tx_t tx, const char *path_fmt, ...)
{
	char path[STORE_PATH_MAX];
	char *v;
	int err;

	PATH_FROM_ARGS(path, path_fmt, err);
	if (err) {
		return err;
	}
	v = store_read(s, tx, "%s", path);
	if (!v) {
		return errno == ENOENT ? 0 : last_error();
	}
	free(v);
	return 1;
}

/* libxenstore's array has no NULL at its end; copy it into one allocation that does. */
static char **names_with_end(char **names, unsigned int count)
{
	size_t text = 0, at = 0;
	char **out, *to;

	for (unsigned int i = 0; i < count; i++) {
		text += strlen(names[i]) + 1;
	}
	out = malloc((count + 1) * sizeof(*out) + text);
	if (!out) {
		return NULL;
	}
	to = (char *)(out + count + 1);
	for (unsigned int i = 0; i < count; i++) {
		size_t len = strlen(names[i]) + 1;

		out[i] = memcpy(to + at, names[i], len);
		at += len;
	}
	out[count] = NULL;
	return out;
}

int store_ls(struct store *s, store_tx_t tx, char ***names, const char *path_fmt, ...)
{
	char path[STORE_PATH_MAX];
	unsigned int count = 0;
	char **raw;
	int err;

	PATH_FROM_ARGS(path, path_fmt, err);
	if (err) {
		return err;
	}
	raw = xs_directory(s->xs, tx, path, &count);
	if (!raw) {
		return last_error();
	}
	*names = names_with_end(raw, count);
	free(raw);
	return *names ? (int)count : -ENOMEM;
}

int store_write(struct store *s, store_tx_t tx, const char *path, const char *fmt, ...)
{
	va_list ap;
	char *v;
	int n, err;

	va_start(ap, fmt);
	n = vasprintf(&v, fmt, ap);
	va_end(ap);
	if (n < 0) {
		return -ENOMEM;
	}
	err = xs_write(s->xs, tx, path, v, (unsigned int)n) ? 0 : last_error();
	free(v);
	return err;
}

int store_write_bytes(struct store *s, store_tx_t tx, const void *data, size_t len,
		      const char *path_fmt, ...)
{
	char path[STORE_PATH_MAX];
	int err;

	PATH_FROM_ARGS(path, path_fmt, err);
	if (err) {
		return err;
	}
	if (len > UINT_MAX) {
		return -E2BIG;
	}
	return xs_write(s->xs, tx, path, data, (unsigned int)len) ? 0 : last_error();
}

int store_mkdir(struct store *s, store_tx_t tx, const char *path_fmt, ...)
{
	char path[STORE_PATH_MAX];
	int err;

	PATH_FROM_ARGS(path, path_fmt, err);
	if (err) {
		return err;
	}
	return xs_mkdir(s->xs, tx, path) ? 0 : last_error();
}

int store_rm(struct store *s, store_tx_t tx, const char *path_fmt, ...)
{
	char path[STORE_PATH_MAX];
	int err;

	PATH_FROM_ARGS(path, path_fmt, err);
	if (err) {
		return err;
	}
	if (xs_rm(s->xs, tx, path) || errno == ENOENT) {
		return 0;
	}
	return last_error();
}

static unsigned int perm_to_wire(enum store_perm perm)
{
	return (perm & STORE_PERM_READ ? XS_PERM_READ : 0U) |
	       (perm & STORE_PERM_WRITE ? XS_PERM_WRITE : 0U);
}

int store_set_perms(struct store *s, store_tx_t tx, const char *path, unsigned int owner,
		    enum store_perm others, int reader, enum store_perm reader_perm)
{
	struct xs_permissions perms[2] = {
		{ .id = owner, .perms = perm_to_wire(others) },
		{ .id = reader < 0 ? 0 : (unsigned int)reader, .perms = perm_to_wire(reader_perm) },
	};
	unsigned int count = reader < 0 ? 1 : 2;

	return xs_set_permissions(s->xs, tx, path, perms, count) ? 0 : last_error();
}

int store_tx_begin(struct store *s, store_tx_t *tx)
{
	*tx = xs_transaction_start(s->xs);
	return *tx == XBT_NULL ? last_error() : 0;
}

int store_tx_commit(struct store *s, store_tx_t tx)
{
	return xs_transaction_end(s->xs, tx, false) ? 0 : last_error();
}

void store_tx_abort(struct store *s, store_tx_t tx)
{
	xs_transaction_end(s->xs, tx, true);
}

int store_watch(struct store *s, const char *path, const char *token)
{
	return xs_watch(s->xs, path, token) ? 0 : last_error();
}

int store_unwatch(struct store *s, const char *path, const char *token)
{
	return xs_unwatch(s->xs, path, token) ? 0 : last_error();
}

int store_fd(struct store *s)
{
	return xs_fileno(s->xs);
}

int store_next_event(struct store *s, char **path, char **token)
{
	char **event = xs_check_watch(s->xs);
	int err = 0;

	if (!event) {
		return last_error();
	}
	*path = strdup(event[XS_WATCH_PATH]);
	*token = strdup(event[XS_WATCH_TOKEN]);
	if (!*path || !*token) {
		free(*path);
		free(*token);
		err = -ENOMEM;
	}
	free(event);
	return err;
}

int store_restrict(struct store *s, const char *own, const char *peer)
{
	char args[2 * STORE_PATH_MAX];
	int n = snprintf(args, sizeof(args), "%s%c%s", own, 0, peer);
	char *answer;

	if (n < 0 || (size_t)n >= sizeof(args)) {
		return -ENAMETOOLONG;
	}
	answer = xs_control_command(s->xs, "restrict", args, (unsigned int)n + 1);
	if (!answer) {
		return last_error();
	}
	free(answer);
	return 0;
}

int store_introduce(struct store *s, unsigned int domid, unsigned long mfn, unsigned int evtchn)
{
	return xs_introduce_domain(s->xs, domid, mfn, evtchn) ? 0 : last_error();
}

int store_release(struct store *s, unsigned int domid)
{
	return xs_release_domain(s->xs, domid) ? 0 : last_error();
}

int store_resume(struct store *s, unsigned int domid)
{
	return xs_resume_domain(s->xs, domid) ? 0 : last_error();
}

int store_is_introduced(struct store *s, unsigned int domid)
{
	return xs_is_domain_introduced(s->xs, domid);
}

char *store_control(struct store *s, const char *cmd)
{
	return xs_control_command(s->xs, cmd, NULL, 0);
}
