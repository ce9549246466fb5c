/* `pav console`: this terminal in raw mode, joined to the socket of the console daemon. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/unixsock.h"
#include "dom0-tools/pav/attach.h"
#include "dom0-tools/pav/cmd.h"

#define SOCKET_DIR    "/run/pavane/console"
#define DETACH	      0x1d /* Ctrl-] */
#define CONNECT_TRIES 50

static struct termios saved;
static bool is_raw;

static void leave_raw(void)
{
	if (is_raw) {
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
		is_raw = false;
	}
}

static void enter_raw(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved) < 0) {
		return; /* a pipe: fine too */
	}
	raw = saved;
	cfmakeraw(&raw);
	is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
	atexit(leave_raw);
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

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

/* One read from `from`; false when it has ended or (typed) the detach key was in it. */
static bool copy(int from, int to, bool typed)
{
	char chunk[2048];
	ssize_t n = read(from, chunk, sizeof(chunk));
	char *key;

	if (n < 0 && errno == EINTR) {
		return true;
	}
	if (n <= 0) {
		return false;
	}
	key = typed ? memchr(chunk, DETACH, (size_t)n) : NULL;
	if (key) {
		write_all(to, chunk, (size_t)(key - chunk));
		return false;
	}
	return write_all(to, chunk, (size_t)n);
}

static bool join(int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
			       { .fd = STDIN_FILENO, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR) {
			return false;
		}
		if (p[0].revents && !copy(fd, STDOUT_FILENO, false)) {
			return false; /* the guest has gone */
		}
		if (p[1].revents && !copy(STDIN_FILENO, fd, true)) {
			return true;
		}
	}
}

static int connect_console(const char *name)
{
	char *path = xasprintf("%s/%s.sock", SOCKET_DIR, name);
	int fd = -ENOENT;

	for (int i = 0; i < CONNECT_TRIES && (fd == -ENOENT || fd == -ECONNREFUSED); i++) {
		struct timespec ts = { 0, i ? 20000000 : 0 };

		nanosleep(&ts, NULL);
		fd = unixsock_connect(path);
	}
	free(path);
	return fd;
}

int attach_console(const char *name)
{
	bool detached;
	int fd;

	if (strchr(name, '/')) {
		fprintf(stderr, "pav: there is no domain called %s\n", name);
		return CMD_FAILED;
	}
	fd = connect_console(name);
	if (fd < 0) {
		fprintf(stderr, "pav: %s has no console: %s\n", name,
			fd == -ENOENT ? "it does not run" : strerror(-fd));
		return CMD_FAILED;
	}
	if (isatty(STDIN_FILENO)) {
		fprintf(stderr, "[console of %s; Ctrl-] leaves it]\n", name);
	}
	enter_raw();
	detached = join(fd);
	leave_raw();
	close(fd);
	fprintf(stderr, "\n[%s]\n", detached ? "left the console" : "the domain has gone");
	return 0;
}

int cmd_console(int argc, char **argv)
{
	return argc == 2 ? attach_console(argv[1]) : CMD_USAGE;
}
