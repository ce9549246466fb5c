/*
 * pavstored: options, start, and the loop.
 *
 * One turn of the loop takes in what came, handles a few requests of every
 * connection, makes the journal safe, and only then lets answers out: what somebody
 * was told survives the end of this process.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xenstore-like/conn.h"
#include "xenstore-like/domains.h"
#include "xenstore-like/keep.h"
#include "xenstore-like/mem.h"
#include "xenstore-like/sock.h"
#include "xenstore-like/storage.h"

struct options {
	bool foreground, verbose, fresh;
	const char *pidfile;
	const char *root; /* before every path of ours; "" normally */
};

struct daemon {
	struct options opt;
	struct storage st;
	struct domains *domains;
	struct keep *keep;
	struct sock *sock;
	int signal_fd;
	int ready_fd; /* the waiting parent's pipe, or -1 */
	struct pollfd *fds;
	bool stop;
};

static const char usage[] =
	"usage: pavstored [-F] [-v] [--new] [--pidfile FILE] [--root DIR]\n"
	"  -F, --foreground   stay in the foreground, messages to stderr\n"
	"  -v, --verbose      log every request\n"
	"      --new          start empty, even if there is a dump to go on from\n"
	"      --pidfile FILE write our process number there\n"
	"      --root DIR     put this before /run/xenstored and /run/pavane\n"
	"  -h, --help         this text\n";

/* 0: go on; otherwise the exit status plus one. */
static int parse_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "foreground", no_argument, NULL, 'F' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "new", no_argument, NULL, 'n' },
		{ "pidfile", required_argument, NULL, 'p' },
		{ "pid-file", required_argument, NULL, 'p' },
		{ "root", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .root = "" };
	while ((c = getopt_long(argc, argv, "Fvh", longs, NULL)) != -1) {
		switch (c) {
		case 'F':
			o->foreground = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'n':
			o->fresh = true;
			break;
		case 'p':
			o->pidfile = optarg;
			break;
		case 'r':
			o->root = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	if (optind != argc) {
		fprintf(stderr, "pavstored: unexpected argument \"%s\"\n%s", argv[optind], usage);
		return 3;
	}
	return 0;
}

static char *make_path(const char *root, const char *rest)
{
	char *path;

	if (asprintf(&path, "%s%s", root, rest) < 0) {
		mem_check(NULL);
	}
	return path;
}

/* All directories of the path that are missing. */
static int make_dirs(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p == '/') {
			*p = '\0';
			mkdir(path, 0755);
			*p = '/';
		}
	}
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

/* Leave the parent waiting until we are ready; returns in the child with a pipe to say so. */
static int go_background(void)
{
	int fds[2];
	char ok;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC)) {
		return -errno;
	}
	pid = fork();
	if (pid < 0) {
		return -errno;
	}
	if (pid) {
		close(fds[1]);
		_exit(read(fds[0], &ok, 1) == 1 ? 0 : 1);
	}
	close(fds[0]);
	setsid();
	return fds[1];
}

/* Everything is served: release the parent and the terminal. */
static void announce_ready(struct daemon *dm)
{
	int null;

	if (dm->ready_fd < 0) {
		return;
	}
	if (write(dm->ready_fd, "", 1) != 1) {
		fputs("pavstored: nobody waits for us\n", stderr);
	}
	close(dm->ready_fd);
	dm->ready_fd = -1;
	if (chdir("/")) {
		return;
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		close(null);
	}
}

static int write_pidfile(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f) {
		fprintf(stderr, "pavstored: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	fprintf(f, "%d\n", (int)getpid());
	return fclose(f) ? -errno : 0;
}

static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signals(struct daemon *dm)
{
	struct signalfd_siginfo si;

	while (read(dm->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGUSR1) {
			keep_snapshot(dm->keep, dm->domains);
		} else {
			dm->stop = true;
		}
	}
}

static void on_introduced(void *arg, unsigned int domid, uint64_t mfn, unsigned int port)
{
	struct daemon *dm = arg;

	keep_introduced(dm->keep, domid, mfn, port);
	if (dm->st.verbose) {
		fprintf(stderr, "pavstored: domain %u: frame %#llx, port %u\n", domid,
			(unsigned long long)mfn, port);
	}
}

static void on_released(void *arg, unsigned int domid)
{
	struct daemon *dm = arg;

	keep_released(dm->keep, domid);
	if (dm->st.verbose) {
		fprintf(stderr, "pavstored: domain %u: gone\n", domid);
	}
}

/* A few requests of each connection; true if there was anything to do. */
static bool handle_requests(struct storage *st)
{
	bool worked = false;

	/* A request may end other connections, never its own: look for the next one afterwards. */
	for (struct conn *c = st->conns; c; c = c->next) {
		for (int i = 0; i < CONN_TURN && conn_step(c); i++) {
			worked = true;
		}
	}
	return worked;
}

/* Wait for something; the array starts with signals and events, clients follow. */
static int wait_for_events(struct daemon *dm, bool busy)
{
	size_t count = 2 + sock_poll_count(dm->sock);

	dm->fds = mem_resize(dm->fds, count * sizeof(dm->fds[0]));
	dm->fds[0] = (struct pollfd){ .fd = dm->signal_fd, .events = POLLIN };
	dm->fds[1] = (struct pollfd){ .fd = domains_fd(dm->domains), .events = POLLIN };
	sock_fill(dm->sock, dm->fds + 2);
	return poll(dm->fds, count, busy ? 0 : -1);
}

static void serve(struct daemon *dm)
{
	bool busy = true;

	while (!dm->stop) {
		if (wait_for_events(dm, busy) < 0) {
			if (errno == EINTR) {
				continue;
			}
			fprintf(stderr, "pavstored: poll: %s\n", strerror(errno));
			return;
		}
		if (dm->fds[0].revents) {
			take_signals(dm);
		}
		if (dm->fds[1].revents) {
			domains_take_events(dm->domains);
		}
		sock_read(dm->sock, dm->fds + 2);
		domains_read(dm->domains);
		busy = handle_requests(&dm->st);
		keep_turn(dm->keep, dm->domains);
		busy = domains_write(dm->domains) || busy;
		busy = sock_write(dm->sock) || busy;
	}
}

/* Directories, and nobody else serving from them. 0 or -errno. */
static int prepare(struct daemon *dm)
{
	char *dir = make_path(dm->opt.root, "/run/xenstored");
	char *state_dir = make_path(dm->opt.root, "/run/pavane");
	char *dump = make_path(state_dir, "/store.dump");
	int err = make_dirs(dir);

	if (!err) {
		err = make_dirs(state_dir);
	}
	storage_init(&dm->st);
	dm->st.verbose = dm->opt.verbose;
	dm->sock = sock_new(&dm->st, dir);
	dm->keep = keep_new(&dm->st, dump);
	if (!err && sock_is_served(dm->sock)) {
		err = -EADDRINUSE;
	}
	if (err) {
		fprintf(stderr, "pavstored: cannot serve in %s: %s\n", dir, strerror(-err));
	}
	free(dir);
	free(state_dir);
	free(dump);
	return err;
}

static int start(struct daemon *dm)
{
	const struct domains_listener listener = { .introduced = on_introduced,
						   .released = on_released,
						   .arg = dm };
	int err = prepare(dm);

	if (err) {
		return err;
	}
	dm->signal_fd = open_signals();
	dm->domains = domains_open(&dm->st, &listener);
	if (dm->opt.pidfile) {
		err = write_pidfile(dm->opt.pidfile);
	}
	if (!err) {
		if (!dm->opt.fresh) {
			keep_load(dm->keep, dm->domains);
		}
		keep_start(dm->keep, dm->domains);
		err = sock_listen(dm->sock);
		if (err) {
			fprintf(stderr, "pavstored: cannot listen: %s\n", strerror(-err));
		}
	}
	return err;
}

/* The dump keeps what was true last: closing down is not a change. */
static void stop(struct daemon *dm)
{
	keep_free(dm->keep);
	sock_free(dm->sock);
	if (dm->domains) {
		domains_close(dm->domains);
	}
	storage_fini(&dm->st);
	if (dm->opt.pidfile) {
		unlink(dm->opt.pidfile);
	}
	free(dm->fds);
}

int main(int argc, char **argv)
{
	static struct daemon dm = { .ready_fd = -1 };
	int status = parse_options(&dm.opt, argc, argv);

	if (status) {
		return status - 1;
	}
	if (!dm.opt.foreground) {
		dm.ready_fd = go_background();
		if (dm.ready_fd < 0) {
			fprintf(stderr, "pavstored: %s\n", strerror(-dm.ready_fd));
			return 1;
		}
	}
	if (start(&dm)) {
		stop(&dm);
		return 1;
	}
	announce_ready(&dm);
	serve(&dm);
	stop(&dm);
	return 0;
}
