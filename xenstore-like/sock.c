/* The standard socket: accept, receive, send; nothing here blocks. */
#include "xenstore-like/sock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "xenstore-like/conn.h"
#include "xenstore-like/mem.h"

struct client {
	struct client *next;
	int fd;
	struct conn *conn;
};

struct sock {
	struct storage *st;
	int listen_fd;
	bool full; /* out of descriptors: stop listening until one is closed */
	char *path, *path_ro;
	struct client *clients; /* newest last, as sock_fill() lists them */
};

struct sock *sock_new(struct storage *st, const char *dir)
{
	struct sock *s = mem_alloc(sizeof(*s));

	s->st = st;
	s->listen_fd = -1;
	if (asprintf(&s->path, "%s/socket", dir) < 0 ||
	    asprintf(&s->path_ro, "%s_ro", s->path) < 0) {
		mem_check(NULL);
	}
	return s;
}

static int fill_address(const struct sock *s, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(s->path) >= sizeof(addr->sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(addr->sun_path, s->path, strlen(s->path) + 1);
	return 0;
}

bool sock_is_served(const struct sock *s)
{
	struct sockaddr_un addr;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served = fd >= 0 && !fill_address(s, &addr) &&
		      !connect(fd, (struct sockaddr *)&addr, sizeof(addr));

	if (fd >= 0) {
		close(fd);
	}
	return served;
}

int sock_listen(struct sock *s)
{
	struct sockaddr_un addr;
	mode_t mask;
	int fd, err;

	err = fill_address(s, &addr);
	if (err) {
		return err;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	unlink(s->path);
	unlink(s->path_ro);
	mask = umask(0177);
	err = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 64) ? -errno : 0;
	umask(mask);
	if (err) {
		close(fd);
		return err;
	}
	/* Older clients look for a read-only socket; it is the same to us. */
	if (symlink("socket", s->path_ro)) {
		fprintf(stderr, "pavstored: cannot link %s: %s\n", s->path_ro, strerror(errno));
	}
	s->listen_fd = fd;
	return 0;
}

static void drop(struct sock *s, struct client **at)
{
	struct client *cl = *at;

	*at = cl->next;
	conn_free(cl->conn);
	close(cl->fd);
	free(cl);
	s->full = false;
}

void sock_free(struct sock *s)
{
	while (s->clients) {
		drop(s, &s->clients);
	}
	if (s->listen_fd >= 0) {
		unlink(s->path);
		unlink(s->path_ro);
		close(s->listen_fd);
	}
	free(s->path);
	free(s->path_ro);
	free(s);
}

size_t sock_poll_count(const struct sock *s)
{
	size_t n = 1;

	for (const struct client *cl = s->clients; cl; cl = cl->next) {
		n++;
	}
	return n;
}

void sock_fill(struct sock *s, struct pollfd *fds)
{
	*fds++ = (struct pollfd){ .fd = s->full ? -1 : s->listen_fd, .events = POLLIN };
	for (struct client *cl = s->clients; cl; cl = cl->next) {
		size_t room, len;
		short events = 0;

		conn_input(cl->conn, &room);
		conn_output(cl->conn, &len);
		events = (short)((room ? POLLIN : 0) | (len ? POLLOUT : 0));
		*fds++ = (struct pollfd){ .fd = cl->fd, .events = events };
	}
}

static void accept_client(struct sock *s)
{
	struct client *cl, **end = &s->clients;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		s->full = errno == EMFILE || errno == ENFILE;
		return;
	}
	cl = mem_alloc(sizeof(*cl));
	cl->fd = fd;
	cl->conn = conn_new(s->st, 0);
	while (*end) {
		end = &(*end)->next;
	}
	*end = cl;
}

static void receive(struct client *cl)
{
	size_t room;
	char *to = conn_input(cl->conn, &room);
	ssize_t n;

	if (!room) {
		return;
	}
	n = recv(cl->fd, to, room, 0);
	if (n > 0) {
		conn_received(cl->conn, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		cl->conn->dead = true;
	}
}

void sock_read(struct sock *s, const struct pollfd *fds)
{
	const struct pollfd *p = fds + 1;

	for (struct client *cl = s->clients; cl; cl = cl->next, p++) {
		if (p->revents & POLLIN) {
			receive(cl);
		} else if (p->revents & (POLLERR | POLLHUP | POLLNVAL)) {
			cl->conn->dead = true;
		}
	}
	if (fds[0].revents & POLLIN) {
		accept_client(s);
	}
}

static bool send_some(struct client *cl)
{
	size_t len;
	const char *from = conn_output(cl->conn, &len);
	ssize_t n;

	if (!len) {
		return false;
	}
	n = send(cl->fd, from, len, MSG_NOSIGNAL);
	if (n > 0) {
		conn_sent(cl->conn, (size_t)n);
		return true;
	}
	if (errno != EAGAIN && errno != EINTR) {
		cl->conn->dead = true;
	}
	return false;
}

bool sock_write(struct sock *s)
{
	bool moved = false;

	for (struct client **at = &s->clients; *at;) {
		struct client *cl = *at;

		if (!cl->conn->dead && send_some(cl)) {
			moved = true;
		}
		if (cl->conn->dead) {
			drop(s, at);
		} else {
			at = &cl->next;
		}
	}
	return moved;
}
