/*
 * Local clients, over the standard socket.
 *
 * Everybody who can open it acts as the control domain: the socket is root's alone.  Who then talks
 * to a guest may give most of that up (conn_restrict()).
 */
#ifndef XENSTORE_LIKE_SOCK_H
#define XENSTORE_LIKE_SOCK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "xenstore-like/storage.h"

struct sock;

/* Nothing is created yet. `dir` is where the socket will be. */
struct sock *sock_new(struct storage *st, const char *dir);

/* Is another daemon answering there? */
bool sock_is_served(const struct sock *s);

/* Create and listen; clients may come from now on.  0 or -errno. */
int sock_listen(struct sock *s);

/* Close everything; the socket's file goes. */
void sock_free(struct sock *s);

/* How many descriptors sock_fill() wants to poll. */
size_t sock_poll_count(const struct sock *s);
void sock_fill(struct sock *s, struct pollfd *fds);

/* Accept and receive, by what poll said.  The array is that of sock_fill(). */
void sock_read(struct sock *s, const struct pollfd *fds);

/* Send, and drop clients that are gone.  True if any byte moved. */
bool sock_write(struct sock *s);

#endif
