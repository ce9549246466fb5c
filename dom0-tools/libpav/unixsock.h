/* Unix stream sockets by path. */
#ifndef PAVANE_LIBPAV_UNIXSOCK_H
#define PAVANE_LIBPAV_UNIXSOCK_H

/*
 * Listens on path (mode 0600, close-on-exec, non-blocking).  A dead socket file
 * in the way is replaced; one that somebody answers on is -EADDRINUSE.
 * Returns the descriptor or -errno.
 */
int unixsock_listen(const char *path);
/* Returns a blocking, close-on-exec descriptor or -errno. */
int unixsock_connect(const char *path);
/* Accepts one connection, non-blocking, close-on-exec; or -errno. */
int unixsock_accept(int listener);

#endif
