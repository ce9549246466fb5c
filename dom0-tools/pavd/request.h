/*
 * pavd's socket: one JSON object per line in, one per line out, in order.
 * Requests: {"cmd": "create", "spec": {...}}, {"cmd": "destroy", "name": "x"}, ...;
 * answers: {"ok": true, ...} or {"ok": false, "error": "a sentence"}.  The
 * table in request.c lists them all.
 */
#ifndef PAVANE_PAVD_REQUEST_H
#define PAVANE_PAVD_REQUEST_H

#define PAVD_SOCKET "/run/pavane/pavd.sock"

/* Starts to serve; dies if another pavd does. */
void request_listen(void);
/* Removes the socket. */
void request_close(void);

/* pid of the console daemon, for the census; 0 if it is not running now. */
extern int (*request_console_pid)(void);

#endif
