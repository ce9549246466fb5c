/*
 * The store as our tools and backends see it: a thin face over libxenstore.
 *
 * It adds four things to the library: paths made by printf, typed reads, errors
 * as negative errno values instead of a global, and watch events that fit a poll
 * loop (store_fd() becomes readable, store_next_event() is called until it says
 * -EAGAIN).  It never prints and never exits.
 *
 * Ownership: every char * or char ** handed out is the caller's to free.
 * Transactions: pass STORE_NO_TX where no transaction is wanted.  A handle
 * belongs to one thread and does not survive fork(): the child opens its own.
 */
#ifndef XENSTORE_LIKE_CLIENT_H
#define XENSTORE_LIKE_CLIENT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

typedef uint32_t store_tx_t;
#define STORE_NO_TX    ((store_tx_t)0)

/* Longest path the printf-style calls accept, terminator included. */
#define STORE_PATH_MAX 3073

/* What a domain may do with a node; combine with |. */
enum store_perm {
	STORE_PERM_NONE = 0,
	STORE_PERM_READ = 1,
	STORE_PERM_WRITE = 2,
	STORE_PERM_RW = 3,
};

/* store_set_perms(): no second entry. */
#define STORE_NO_READER (-1)

/* Connect (standard socket first, then the kernel's device).  NULL, errno set, if there is no daemon. */
struct store *store_open(void);

/* Disconnect; the daemon drops our watches and open transactions.  NULL is fine. */
void store_close(struct store *s);

/* ---- reading ---- */

/* The value, nul-terminated and malloced; NULL with errno set (ENOENT, EACCES, ...) on failure. */
char *store_read(struct store *s, store_tx_t tx, const char *path_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As store_read(), and the length in bytes in *len (values may hold nul bytes). */
char *store_read_bytes(struct store *s, store_tx_t tx, size_t *len, const char *path_fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Numbers, decimal or 0x hexadecimal, the whole value: anything else, or a value out of range, is
 * -EINVAL and *out is untouched.  Missing node: -ENOENT.
 */
int store_read_uint64(struct store *s, store_tx_t tx, uint64_t *out, const char *path_fmt, ...)
	__attribute__((format(printf, 4, 5)));
int store_read_int(struct store *s, store_tx_t tx, int *out, const char *path_fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* 1 there (and readable), 0 not there, -errno. */
int store_exists(struct store *s, store_tx_t tx, const char *path_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Names of the children, in *names: one allocation, a single free() releases it, and a NULL follows the
 * last name.  Returns their count or -errno.
 */
int store_ls(struct store *s, store_tx_t tx, char ***names, const char *path_fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- writing: 0 or -errno; parents are created as needed ---- */

/* Value by printf; the path is taken as it is. */
int store_write(struct store *s, store_tx_t tx, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Value as bytes; path by printf. */
int store_write_bytes(struct store *s, store_tx_t tx, const void *data, size_t len,
		      const char *path_fmt, ...) __attribute__((format(printf, 5, 6)));

/* Create an empty node; fine if it is there already. */
int store_mkdir(struct store *s, store_tx_t tx, const char *path_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Remove a node and all below it.  Fine if it is not there. */
int store_rm(struct store *s, store_tx_t tx, const char *path_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Replace a node's permissions: `owner` owns it (all rights), others may do `others`, and, unless
 * reader is STORE_NO_READER, domain `reader` may do `reader_perm`.  This is all that device directories need.
 */
int store_set_perms(struct store *s, store_tx_t tx, const char *path, unsigned int owner,
		    enum store_perm others, int reader, enum store_perm reader_perm);

/* ---- transactions ---- */

/* 0 and the transaction in *tx, or -errno. */
int store_tx_begin(struct store *s, store_tx_t *tx);
/* 0, or -EAGAIN: someone else won, nothing was changed, begin again; or another -errno (also over). */
int store_tx_commit(struct store *s, store_tx_t tx);
/* Forget the transaction. */
void store_tx_abort(struct store *s, store_tx_t tx);

/* ---- watches ---- */

/* 0 or -errno; an event for `path` itself is queued at once.  -EEXIST: same path and token watched already. */
int store_watch(struct store *s, const char *path, const char *token);
/* No event with this path and token is delivered once this has returned. */
int store_unwatch(struct store *s, const char *path, const char *token);

/* Becomes readable when events may be waiting; for poll().  Then call store_next_event() until -EAGAIN. */
int store_fd(struct store *s);

/* 0 with *path and *token (both malloced, the caller's); -EAGAIN: none now; another -errno: connection lost. */
int store_next_event(struct store *s, char **path, char **token);

/*
 * Give up, for good: from now on this handle can change values of nodes that are there, at or below
 * `own`, and read and watch those and what is at or below `peer`.  -EINVAL: this store can't do it.
 */
int store_restrict(struct store *s, const char *own, const char *peer);

/* ---- domains (control domain only): 0 or -errno ---- */

/* Tell the daemon of a new guest: frame of its store page, and its unbound event channel. */
int store_introduce(struct store *s, unsigned int domid, unsigned long mfn, unsigned int evtchn);
int store_release(struct store *s, unsigned int domid);
/* The domain runs again after a suspend that was called off: report its next shutdown too. */
int store_resume(struct store *s, unsigned int domid);
/* 1 or 0. */
int store_is_introduced(struct store *s, unsigned int domid);

/* Free text from a control command ("help", "nodes", ...), malloced; NULL with errno set. */
char *store_control(struct store *s, const char *cmd);

#endif
