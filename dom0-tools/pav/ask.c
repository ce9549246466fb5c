/* The client's side of pavd's socket. */
#include "dom0-tools/pav/ask.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dom0-tools/libpav/buf.h"
#include "dom0-tools/libpav/unixsock.h"
#include "dom0-tools/pav/cmd.h"
#include "dom0-tools/pavd/request.h"

struct json_object *ask_new(const char *cmd, const char *name)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "cmd", json_object_new_string(cmd));
	if (name) {
		json_object_object_add(o, "name", json_object_new_string(name));
	}
	return o;
}

static bool send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR) {
			return false;
		}
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static bool read_line(int fd, struct buf *b)
{
	char chunk[4096];

	for (;;) {
		ssize_t n = recv(fd, chunk, sizeof(chunk), 0);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return false;
		}
		buf_add(b, chunk, (size_t)n);
		if (chunk[n - 1] == '\n') {
			return true;
		}
	}
}

static struct json_object *exchange(int fd, struct json_object *request)
{
	struct json_object *answer = NULL;
	struct buf line = { 0 };

	buf_puts(&line, json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));
	buf_puts(&line, "\n");
	if (send_all(fd, line.data, line.len)) {
		buf_consume(&line, line.len);
		if (read_line(fd, &line)) {
			answer = json_tokener_parse(line.data);
		}
	}
	buf_free(&line);
	return answer;
}

/* The connection, or a negative errno after one line that says why not. */
static int connect_pavd(void)
{
	int fd = unixsock_connect(PAVD_SOCKET);

	if (fd == -ENOENT || fd == -ECONNREFUSED) {
		fprintf(stderr, "pav: pavd is not running; start it with: pavd\n");
	} else if (fd < 0) {
		fprintf(stderr, "pav: can't reach pavd: %s\n", strerror(-fd));
	}
	return fd;
}

/* Says why there is nothing to go on with, if so. */
static bool is_granted(struct json_object *answer)
{
	struct json_object *err;

	if (!json_object_is_type(answer, json_type_object)) {
		fprintf(stderr, "pav: pavd ended before it answered\n");
		return false;
	}
	if (json_object_get_boolean(json_object_object_get(answer, "ok"))) {
		return true;
	}
	err = json_object_object_get(answer, "error");
	fprintf(stderr, "pav: %s\n",
		err ? json_object_get_string(err) : "pavd refused without a reason");
	return false;
}

struct json_object *ask_open(struct json_object *request, int *fd)
{
	struct json_object *answer = NULL;

	*fd = connect_pavd();
	if (*fd >= 0) {
		answer = exchange(*fd, request);
		if (!is_granted(answer)) {
			close(*fd);
			json_object_put(answer);
			answer = NULL;
		}
	}
	json_object_put(request);
	return answer;
}

struct json_object *ask(struct json_object *request)
{
	int fd;
	struct json_object *answer = ask_open(request, &fd);

	if (answer) {
		close(fd);
	}
	return answer;
}

int ask_plain(struct json_object *request)
{
	struct json_object *answer = ask(request);
	int rc = answer ? 0 : CMD_FAILED;

	json_object_put(answer);
	return rc;
}
