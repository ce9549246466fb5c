/* Requests: parsing, the table of commands, and answers that come later. */
#include "dom0-tools/pavd/request.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dom0-tools/libpav/buf.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/loop.h"
#include "dom0-tools/libpav/unixsock.h"
#include "dom0-tools/pavd/guest.h"

#define LINE_MAX_BYTES (1u << 20)

struct client {
	int fd;
	struct loop_watch *watch;
	struct buf in, out;
	bool waiting; /* an answer is due; no further request is read */
};

int (*request_console_pid)(void);

static int listener = -1;

static void drop_client(struct client *c)
{
	guest_cancel_waits(c);
	loop_remove(c->watch);
	close(c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

/* False if the client is gone. */
static bool flush_client(struct client *c)
{
	while (c->out.len) {
		ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno != EAGAIN) {
			drop_client(c);
			return false;
		}
		if (n < 0) {
			break;
		}
		buf_consume(&c->out, (size_t)n);
	}
	loop_set_events(c->watch, c->out.len ? POLLIN | POLLOUT : POLLIN);
	return true;
}

/* Queues one answer line; takes o over. */
static void answer(struct client *c, struct json_object *o)
{
	buf_puts(&c->out,
		 json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							   JSON_C_TO_STRING_NOSLASHESCAPE));
	buf_puts(&c->out, "\n");
	json_object_put(o);
}

static struct json_object *make_answer(bool ok)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "ok", json_object_new_boolean(ok));
	return o;
}

static void answer_result(struct client *c, const char *err)
{
	struct json_object *o = make_answer(!err);

	if (err) {
		json_object_object_add(o, "error", json_object_new_string(err));
	}
	answer(c, o);
}

/*
 * The answer to something that may have taken longer.  It may also come from
 * within the request itself, whose caller still uses the client: so nothing is
 * sent here, but as soon as the socket is found writable.
 */
static void on_done(void *arg, const char *err)
{
	struct client *c = arg;

	answer_result(c, err);
	c->waiting = false;
	loop_set_events(c->watch, POLLIN | POLLOUT);
}

static const char *get_text(struct json_object *req, const char *key)
{
	struct json_object *v = json_object_object_get(req, key);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

static bool get_flag(struct json_object *req, const char *key)
{
	return json_object_get_boolean(json_object_object_get(req, key));
}

/* The guest a request names; if there is none the answer is given here. */
static struct guest *get_guest(struct client *c, struct json_object *req)
{
	const char *name = get_text(req, "name");
	struct guest *g = name ? guest_find(name) : NULL;
	char *why;

	if (!g) {
		why = !name ? xstrdup("the request has no \"name\"")
		      : !strcmp(name, CONTROL_DOMAIN_NAME) || !strcmp(name, "0")
			      ? xasprintf("%s is the control domain, not a guest: pav can only list and describe it",
					  CONTROL_DOMAIN_NAME)
			      : xasprintf("there is no domain called %s", name);
		answer_result(c, why);
		free(why);
	}
	return g;
}

static void do_create(struct client *c, struct json_object *req)
{
	struct json_object *spec_json = json_object_object_get(req, "spec");
	struct domspec *spec;
	char *err = NULL;

	if (!json_object_is_type(spec_json, json_type_object)) {
		answer_result(c, "the request has no \"spec\"");
		return;
	}
	spec = domspec_from_json(json_object_to_json_string(spec_json), &err);
	if (!spec) {
		answer_result(c, err);
		free(err);
		return;
	}
	c->waiting = true;
	guest_create(spec, on_done, c);
}

static void do_destroy(struct client *c, struct json_object *req)
{
	struct guest *g = get_guest(c, req);

	if (g) {
		c->waiting = true;
		guest_destroy(g, on_done, c);
	}
}

static void request_guest(struct client *c, struct json_object *req, const char *what)
{
	struct guest *g = get_guest(c, req);
	char *err = NULL;

	if (!g) {
		return;
	}
	if (guest_request(g, what, &err) < 0) {
		answer_result(c, err);
		free(err);
	} else if (get_flag(req, "wait")) {
		c->waiting = true;
		guest_wait_end(g, on_done, c);
	} else {
		answer_result(c, NULL);
	}
}

static void do_shutdown(struct client *c, struct json_object *req)
{
	request_guest(c, req, "poweroff");
}

static void do_reboot(struct client *c, struct json_object *req)
{
	request_guest(c, req, "reboot");
}

static void do_simple(struct client *c, struct json_object *req,
		      int (*fn)(struct guest *g, char **err))
{
	struct guest *g = get_guest(c, req);
	char *err = NULL;

	if (g) {
		fn(g, &err);
		answer_result(c, err);
		free(err);
	}
}

static void do_pause(struct client *c, struct json_object *req)
{
	do_simple(c, req, guest_pause);
}

static void do_resume(struct client *c, struct json_object *req)
{
	do_simple(c, req, guest_resume);
}

static void do_disk_attach(struct client *c, struct json_object *req)
{
	const char *vdev = get_text(req, "vdev"), *path = get_text(req, "path");
	struct guest *g = get_guest(c, req);
	char *err = NULL;

	if (!g) {
		return;
	}
	if (!vdev || !path) {
		answer_result(c, "the request needs \"vdev\" and \"path\"");
		return;
	}
	guest_attach_disk(g, vdev, path, get_flag(req, "readonly"), &err);
	answer_result(c, err);
	free(err);
}

static void do_disk_detach(struct client *c, struct json_object *req)
{
	const char *vdev = get_text(req, "vdev");
	struct guest *g = get_guest(c, req);

	if (!g) {
		return;
	}
	if (!vdev) {
		answer_result(c, "the request needs \"vdev\"");
		return;
	}
	c->waiting = true;
	guest_detach_disk(g, vdev, get_flag(req, "force"), on_done, c);
}

static void do_list(struct client *c, struct json_object *req)
{
	struct json_object *o = make_answer(true);

	(void)req;
	json_object_object_add(o, "domains", guests_to_json());
	answer(c, o);
}

static void do_info(struct client *c, struct json_object *req)
{
	struct guest *g = get_guest(c, req);
	struct json_object *o;

	if (g) {
		o = make_answer(true);
		json_object_object_add(o, "domain", guest_to_json(g, true));
		answer(c, o);
	}
}

/* All processes of ours, for whoever counts them. */
static void do_pids(struct client *c, struct json_object *req)
{
	struct json_object *o = make_answer(true), *a = guests_pids();

	(void)req;
	json_object_array_add(a, json_object_new_int(getpid()));
	if (request_console_pid && request_console_pid()) {
		json_object_array_add(a, json_object_new_int(request_console_pid()));
	}
	json_object_object_add(o, "pids", a);
	answer(c, o);
}

static const struct request {
	const char *cmd;
	void (*run)(struct client *c, struct json_object *req);
} requests[] = {
	{ "create", do_create },	   /* spec */
	{ "destroy", do_destroy },	   /* name; answers when nothing is left */
	{ "shutdown", do_shutdown },	   /* name, wait */
	{ "reboot", do_reboot },	   /* name, wait */
	{ "pause", do_pause },		   /* name */
	{ "resume", do_resume },	   /* name */
	{ "disk-attach", do_disk_attach }, /* name, vdev, path, readonly */
	{ "disk-detach", do_disk_detach }, /* name, vdev, force; answers when it has gone */
	{ "list", do_list },
	{ "info", do_info }, /* name */
	{ "pids", do_pids },
};

static void serve_line(struct client *c, const char *line)
{
	struct json_object *req = json_tokener_parse(line);
	const char *cmd = json_object_is_type(req, json_type_object) ? get_text(req, "cmd") : NULL;
	bool known = false;

	for (size_t i = 0; cmd && i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (!strcmp(cmd, requests[i].cmd)) {
			known = true;
			requests[i].run(c, req);
			break;
		}
	}
	if (!known) {
		answer_result(c, cmd ? "unknown \"cmd\"" : "not a JSON object with a \"cmd\"");
	}
	json_object_put(req);
}

static void serve_lines(struct client *c)
{
	char *end;

	while (!c->waiting && c->in.len && (end = memchr(c->in.data, '\n', c->in.len))) {
		size_t n = (size_t)(end - c->in.data);
		char *line = xstrdup("");

		line = xrealloc(line, n + 1);
		memcpy(line, c->in.data, n);
		line[n] = 0;
		buf_consume(&c->in, n + 1);
		serve_line(c, line);
		free(line);
	}
}

static void on_client(void *arg, short revents)
{
	struct client *c = arg;
	char chunk[4096];
	ssize_t n;

	if (revents & POLLOUT) {
		serve_lines(c);
		if (!flush_client(c)) {
			return;
		}
	}
	if (!(revents & (POLLIN | POLLHUP | POLLERR))) {
		return;
	}
	n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n <= 0 || c->in.len + (size_t)n > LINE_MAX_BYTES) {
		drop_client(c);
		return;
	}
	buf_add(&c->in, chunk, (size_t)n);
	serve_lines(c);
	flush_client(c);
}

static void on_listener(void *arg, short revents)
{
	int fd = unixsock_accept(listener);
	struct client *c;

	(void)arg;
	(void)revents;
	if (fd < 0) {
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->fd = fd;
	c->watch = loop_add(fd, POLLIN, on_client, c);
}

void request_listen(void)
{
	listener = unixsock_listen(PAVD_SOCKET);
	if (listener == -EADDRINUSE) {
		die("another pavd serves " PAVD_SOCKET);
	}
	if (listener < 0) {
		die("%s: %s", PAVD_SOCKET, strerror(-listener));
	}
	loop_add(listener, POLLIN, on_listener, NULL);
}

void request_close(void)
{
	unlink(PAVD_SOCKET);
}
