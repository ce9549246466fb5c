/* Asking pavd: one request, one answer. */
#ifndef PAVANE_PAV_ASK_H
#define PAVANE_PAV_ASK_H

#include <json-c/json.h>

/* A request {"cmd": cmd}, and with a name if that is not NULL. */
struct json_object *ask_new(const char *cmd, const char *name);

/*
 * Sends a request (taken over) and waits for the answer.  If there is no pavd or
 * the answer is a refusal, prints one line and returns NULL; otherwise the answer.
 */
struct json_object *ask(struct json_object *request);

/* The same, but with an answer the connection stays open, in *fd, for the caller to close. */
struct json_object *ask_open(struct json_object *request, int *fd);

/* For commands whose answer says nothing more: exit status. */
int ask_plain(struct json_object *request);

#endif
