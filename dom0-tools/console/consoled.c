/*
 * pav-console: the consoles of all guests.
 *
 * It learns of guests from the store alone (console/port and console/log under
 * each domain), so it may be killed and started again at any time: the ring's
 * indices live in the shared page.  For each guest it appends all output to its
 * log, and serves a socket under /run/pavane/console on which any number of
 * people may watch and type.  A guest that misuses its ring hurts only its own
 * output.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/grant_table.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "dom0-tools/console/ring.h"
#include "dom0-tools/libpav/buf.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"
#include "dom0-tools/libpav/loop.h"
#include "dom0-tools/libpav/storeguard.h"
#include "dom0-tools/libpav/unixsock.h"
#include "xenstore-like/client/client.h"

#define SOCKET_DIR  "/run/pavane/console"
#define LOG_DIR	    "/var/log/pavane/console"
#define REPLAY	    4096	/* what a newcomer sees of the past */
#define LOG_MAX	    (16l << 20) /* then the log is moved to .1 and begun anew */
#define PENDING_MAX 65536	/* output a slow watcher may owe before it is dropped */

struct watcher {
	int fd;
	struct loop_watch *watch;
	struct console *console;
	struct buf out; /* not yet taken by the socket */
	struct watcher *next;
};

struct console {
	unsigned int domid;
	char *name, *log_path, *socket_path;
	struct xencons_interface *ring;
	int port;     /* our end of the event channel, or -1 */
	int log_fd;   /* or -1 */
	int listener; /* or -1 */
	struct loop_watch *listener_watch;
	struct watcher *watchers;
	char past[REPLAY];
	size_t past_len;
	struct buf typed; /* for the guest, when its ring is full */
	bool seen;	  /* by the scan in progress */
	struct console *next;
};

static struct store *store;
static xenevtchn_handle *evtchn;
static xengnttab_handle *gnttab;
static struct console *consoles;

static void drop_watcher(struct watcher *w)
{
	struct watcher **at = &w->console->watchers;

	while (*at != w) {
		at = &(*at)->next;
	}
	*at = w->next;
	loop_remove(w->watch);
	close(w->fd);
	buf_free(&w->out);
	free(w);
}

/* False if the watcher is gone. */
static bool flush_watcher(struct watcher *w)
{
	while (w->out.len) {
		ssize_t n = send(w->fd, w->out.data, w->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno != EAGAIN) {
			drop_watcher(w);
			return false;
		}
		if (n < 0) {
			break;
		}
		buf_consume(&w->out, (size_t)n);
	}
	if (w->out.len > PENDING_MAX) {
		drop_watcher(w);
		return false;
	}
	loop_set_events(w->watch, w->out.len ? POLLIN | POLLOUT : POLLIN);
	return true;
}

static void open_log(struct console *c)
{
	char *dir = xstrdup(c->log_path);

	*strrchr(dir, '/') = 0;
	if (*dir) {
		file_mkdirs(dir, 0755);
	}
	c->log_fd = open(c->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (c->log_fd < 0) {
		log_error("console log of %s: %s: %s", c->name, c->log_path, strerror(errno));
	}
	free(dir);
}

static void write_log(struct console *c, const char *data, size_t len)
{
	struct stat st;

	if (c->log_fd >= 0 && fstat(c->log_fd, &st) == 0 && st.st_size > LOG_MAX) {
		char *old = xasprintf("%s.1", c->log_path);

		rename(c->log_path, old);
		free(old);
		close(c->log_fd);
		open_log(c);
	}
	while (c->log_fd >= 0 && len) {
		ssize_t n = write(c->log_fd, data, len);

		if (n < 0 && errno != EINTR) {
			log_error("console log of %s: %s", c->name, strerror(errno));
			return;
		}
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
}

/* len is at most a ring's size, which is less than REPLAY. */
static void remember(struct console *c, const char *data, size_t len)
{
	if (c->past_len + len > REPLAY) {
		size_t drop = c->past_len + len - REPLAY;

		memmove(c->past, c->past + drop, c->past_len - drop);
		c->past_len -= drop;
	}
	memcpy(c->past + c->past_len, data, len);
	c->past_len += len;
}

static void hand_out(struct console *c, const char *data, size_t len)
{
	struct watcher *next;

	write_log(c, data, len);
	remember(c, data, len);
	for (struct watcher *w = c->watchers; w; w = next) {
		next = w->next;
		buf_add(&w->out, data, len);
		flush_watcher(w);
	}
}

/* Moves what can be moved, both ways, and tells the guest. */
static void pump(struct console *c)
{
	char chunk[2048];
	bool moved = false;
	size_t n;

	if (!c->ring) {
		return;
	}
	/* At most a few rings' worth, so that a busy guest can't keep us from the others. */
	for (int i = 0; i < 8 && (n = conring_read(c->ring, chunk, sizeof(chunk))) > 0; i++) {
		hand_out(c, chunk, n);
		moved = true;
	}
	if (c->typed.len) {
		n = conring_write(c->ring, c->typed.data, c->typed.len);
		buf_consume(&c->typed, n);
		moved |= n > 0;
	}
	if (moved && c->port >= 0) {
		xenevtchn_notify(evtchn, (evtchn_port_t)c->port);
	}
}

static void on_watcher(void *arg, short revents)
{
	struct watcher *w = arg;
	struct console *c = w->console;
	char chunk[512];
	ssize_t n;

	if (revents & POLLOUT && !flush_watcher(w)) {
		return;
	}
	if (!(revents & (POLLIN | POLLHUP | POLLERR))) {
		return;
	}
	n = recv(w->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n <= 0) {
		drop_watcher(w);
		return;
	}
	if (c->typed.len < PENDING_MAX) {
		buf_add(&c->typed, chunk, (size_t)n);
	}
	pump(c);
}

static void on_listener(void *arg, short revents)
{
	struct console *c = arg;
	int fd = unixsock_accept(c->listener);
	struct watcher *w;

	(void)revents;
	if (fd < 0) {
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->fd = fd;
	w->console = c;
	w->next = c->watchers;
	c->watchers = w;
	w->watch = loop_add(fd, POLLIN, on_watcher, w);
	buf_add(&w->out, c->past, c->past_len);
	flush_watcher(w);
}

/* The node whose disappearance tells us that a domain is gone. */
static void watch_port(const struct console *c, bool on)
{
	char *path = xasprintf("/local/domain/%u/console/port", c->domid);

	if (on) {
		store_watch(store, path, "port");
	} else {
		store_unwatch(store, path, "port");
	}
	free(path);
}

static void close_console(struct console *c)
{
	struct console **at = &consoles;

	watch_port(c, false);

	/* What the guest wrote last is still in the page, which stays until we let go of it. */
	for (int i = 0; i < 4; i++) {
		pump(c);
	}
	while (c->watchers) {
		drop_watcher(c->watchers);
	}
	if (c->listener >= 0) {
		loop_remove(c->listener_watch);
		close(c->listener);
		unlink(c->socket_path);
	}
	if (c->port >= 0) {
		xenevtchn_unbind(evtchn, (evtchn_port_t)c->port);
	}
	if (c->ring) {
		xengnttab_unmap(gnttab, c->ring, 1);
	}
	if (c->log_fd >= 0) {
		close(c->log_fd);
	}
	while (*at != c) {
		at = &(*at)->next;
	}
	*at = c->next;
	log_info("domain %u (%s): console closed", c->domid, c->name);
	buf_free(&c->typed);
	free(c->name);
	free(c->log_path);
	free(c->socket_path);
	free(c);
}

static int connect_ring(struct console *c, unsigned int remote_port)
{
	c->ring = xengnttab_map_grant_ref(gnttab, c->domid, GNTTAB_RESERVED_CONSOLE,
					  PROT_READ | PROT_WRITE);
	if (!c->ring) {
		log_error("domain %u (%s): can't map its console: %s", c->domid, c->name,
			  strerror(errno));
		return -1;
	}
	c->port = xenevtchn_bind_interdomain(evtchn, c->domid, remote_port);
	if (c->port < 0) {
		log_error("domain %u (%s): can't bind its console's event channel: %s", c->domid,
			  c->name, strerror(errno));
		return -1;
	}
	return 0;
}

static bool name_is_safe(const char *name)
{
	return *name && *name != '.' && strlen(name) < 64 && !strpbrk(name, "/\n");
}

static void open_console(unsigned int domid, char *name, char *log_path, unsigned int port)
{
	struct console *c = xcalloc(1, sizeof(*c));

	*c = (struct console){ .domid = domid,
			       .name = name,
			       .log_path = log_path,
			       .port = -1,
			       .log_fd = -1,
			       .listener = -1,
			       .seen = true,
			       .next = consoles };
	consoles = c;
	c->socket_path = xasprintf("%s/%s.sock", SOCKET_DIR, name);
	open_log(c);
	watch_port(c, true);
	if (connect_ring(c, port) < 0) {
		close_console(c);
		return;
	}
	c->listener = unixsock_listen(c->socket_path);
	if (c->listener < 0) {
		log_error("%s: %s", c->socket_path, strerror(-c->listener));
	} else {
		c->listener_watch = loop_add(c->listener, POLLIN, on_listener, c);
	}
	log_info("domain %u (%s): console open, log %s", domid, name, log_path);
	pump(c);
}

static struct console *find_console(unsigned int domid)
{
	struct console *c = consoles;

	while (c && c->domid != domid) {
		c = c->next;
	}
	return c;
}

/* A domain the store knows: take its console up unless we have it. */
static void look_at_domain(unsigned int domid)
{
	struct console *c = find_console(domid);
	char *name, *log_path;
	uint64_t port;

	if (store_read_uint64(store, STORE_NO_TX, &port, "/local/domain/%u/console/port", domid) <
		    0 ||
	    port > UINT32_MAX) {
		return;
	}
	if (c) {
		c->seen = true;
		return;
	}
	name = store_read(store, STORE_NO_TX, "/local/domain/%u/name", domid);
	log_path = store_read(store, STORE_NO_TX, "/local/domain/%u/console/log", domid);
	if (!name || !name_is_safe(name)) {
		free(name);
		name = xasprintf("domain-%u", domid);
	}
	if (!log_path || *log_path != '/') {
		free(log_path);
		log_path = xasprintf("%s/%s.log", LOG_DIR, name);
	}
	open_console(domid, name, log_path, (unsigned int)port);
}

/* The store's list of domains is the truth: new ones are opened, missing ones closed. */
static void scan(void)
{
	struct console *next;
	char **names;
	int n = store_ls(store, STORE_NO_TX, &names, "/local/domain");

	for (struct console *c = consoles; c; c = c->next) {
		c->seen = false;
	}
	for (int i = 0; i < n; i++) {
		char *end;
		unsigned long domid = strtoul(names[i], &end, 10);

		if (!*end && domid > 0 && domid < 0x7ff0) {
			look_at_domain((unsigned int)domid);
		}
	}
	if (n >= 0) {
		free(names);
	}
	for (struct console *c = consoles; c; c = next) {
		next = c->next;
		if (!c->seen) {
			close_console(c);
		}
	}
}

static void on_store(void *arg, short revents)
{
	char *path, *token;
	bool changed = false;
	int rc;

	(void)arg;
	(void)revents;
	while ((rc = store_next_event(store, &path, &token)) == 0) {
		changed = true;
		free(path);
		free(token);
	}
	if (rc != -EAGAIN) {
		die("lost the store: %s", strerror(-rc)); /* pavd starts us again */
	}
	if (changed) {
		scan();
	}
}

static void on_evtchn(void *arg, short revents)
{
	int port = xenevtchn_pending(evtchn);

	(void)arg;
	(void)revents;
	if (port < 0) {
		return;
	}
	xenevtchn_unmask(evtchn, (evtchn_port_t)port);
	for (struct console *c = consoles; c; c = c->next) {
		if (c->port == port) {
			pump(c);
			return;
		}
	}
}

static void on_signal(int sig)
{
	(void)sig;
	loop_stop();
}

static void on_store_gone(void)
{
	die("the store has gone"); /* pavd starts us again */
}

static void open_everything(void)
{
	if (file_mkdirs(SOCKET_DIR, 0755) < 0 || file_mkdirs(LOG_DIR, 0755) < 0) {
		die("can't create %s and %s: %s", SOCKET_DIR, LOG_DIR, strerror(errno));
	}
	chmod(SOCKET_DIR, 0700);
	evtchn = xenevtchn_open(NULL, 0);
	gnttab = xengnttab_open(NULL, 0);
	if (!evtchn || !gnttab) {
		die("can't open /dev/xen/evtchn and /dev/xen/gntdev: %s", strerror(errno));
	}
	store = store_open();
	if (!store) {
		die("can't reach the store: %s", strerror(errno));
	}
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	open_everything();
	loop_add(store_fd(store), POLLIN, on_store, NULL);
	storeguard_start(on_store_gone);
	loop_add(xenevtchn_fd(evtchn), POLLIN, on_evtchn, NULL);
	/* console/port is written in one transaction with the rest, before introduction. */
	if (store_watch(store, "@introduceDomain", "in") < 0 ||
	    store_watch(store, "@releaseDomain", "out") < 0) {
		die("can't watch the store: %s", strerror(errno));
	}
	loop_run();
	while (consoles) {
		close_console(consoles);
	}
	return 0;
}
