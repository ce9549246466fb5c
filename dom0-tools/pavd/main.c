/*
 * pavd: looks after the guests of this host.  It starts the console daemon,
 * finds the guests of an earlier pavd again, and then serves requests.  Its own
 * end, even by kill -9, ends no guest and no helper.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dom0-tools/devs/attach.h"
#include "dom0-tools/libpav/buf.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/hcall.h"
#include "dom0-tools/libpav/log.h"
#include "dom0-tools/libpav/loop.h"
#include "dom0-tools/libpav/storeguard.h"
#include "dom0-tools/pavd/guest.h"
#include "dom0-tools/pavd/logs.h"
#include "dom0-tools/pavd/proc.h"
#include "dom0-tools/pavd/request.h"
#include "xenstore-like/client/client.h"

#define RUN_DIR		      "/run/pavane"
#define STORE_PATIENCE_TENTHS 600 /* of a second */
#define CONSOLE_PID_FILE      RUN_DIR "/pav-console.pid"

static struct store *store;
static struct proc *console;

/*
 * The store daemon has ended: wait for its successor and begin anew, as after
 * a kill.  The helpers are deaf as well; they are ended, started again after
 * the exec, and go on where their journals say.
 */
static void begin_anew(void)
{
	char *argv[] = { (char *)"pavd", (char *)"-F", NULL };
	const struct timespec pause = { 0, 100000000 };

	log_error("lost the store; waiting for it to come back");
	request_close();
	for (int i = 0; i < STORE_PATIENCE_TENTHS; i++) {
		struct store *s = store_open();

		if (s) {
			store_close(s);
			guests_kill_helpers();
			execv("/proc/self/exe", argv);
			die("can't start anew: %s", strerror(errno));
		}
		nanosleep(&pause, NULL);
	}
	die("the store did not come back");
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
		begin_anew();
	}
	if (changed) {
		guests_check();
	}
}

static void on_signal(void *arg, short revents)
{
	struct signalfd_siginfo si;
	int *fd = arg;

	(void)revents;
	if (read(*fd, &si, sizeof(si)) == sizeof(si)) {
		log_info("ending (signal %u); guests go on", si.ssi_signo);
		loop_stop();
	}
}

static int watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Like any helper the console daemon outlives pavd; its pid and start time are in a file. */
static void save_console(void)
{
	char *text = xasprintf("%d %llu\n", (int)proc_pid(console), proc_start_time(console)),
	     *err = NULL;

	if (file_write(CONSOLE_PID_FILE, text, strlen(text), 0600, &err) < 0) {
		log_warn("%s", err);
		free(err);
	}
	free(text);
}

/* A helper was started again: note the new pids. */
static void save_pids(void)
{
	save_console();
	guests_save();
}

static void on_console_end(void *arg)
{
	(void)arg; /* never expected, so never final */
}

static int console_pid(void)
{
	return console ? proc_pid(console) : 0;
}

static void start_console(void)
{
	struct strlist argv = { 0 };
	struct buf saved = { 0 };
	unsigned long long start = 0;
	char *path = proc_find_helper("pav-console"), *err = NULL;
	int pid = 1;

	strlist_add(&argv, path);
	if (file_read(CONSOLE_PID_FILE, 100, &saved, NULL) == 0 &&
	    sscanf(saved.data, "%d %llu", &pid, &start) != 2) {
		pid = 1;
		start = 0;
	}
	console = proc_adopt(&argv, "/var/log/pavane/pav-console.log", pid, start, on_console_end,
			     NULL, &err);
	if (!console) {
		die("%s", err);
	}
	save_console();
	buf_free(&saved);
	free(path);
}

static void write_host_nodes(void)
{
	struct node_list nodes = { 0 };
	char *err = NULL;

	nodes_for_host(&nodes);
	if (attach_write(store, &nodes, &err) < 0) {
		die("%s", err);
	}
	node_list_free(&nodes);
}

static void go_to_background(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready) < 0) {
		die("pipe: %s", strerror(errno));
	}
	pid = fork();
	if (pid < 0) {
		die("fork: %s", strerror(errno));
	}
	if (pid > 0) {
		/* The caller's shell goes on when requests can be served. */
		close(ready[1]);
		_exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
	}
	setsid();
	close(ready[0]);
	if (dup2(ready[1], 3) < 0 || (ready[1] != 3 && close(ready[1]) < 0)) {
		die("dup2: %s", strerror(errno));
	}
}

static void announce_ready(bool background)
{
	const char *log_path = "/var/log/pavane/pavd.log";

	log_info("ready");
	if (!background) {
		return;
	}
	if (!freopen("/dev/null", "r", stdin) || !freopen(log_path, "a", stdout) ||
	    !freopen(log_path, "a", stderr)) {
		_exit(1);
	}
	if (write(3, "", 1) < 0) {
		log_warn("nobody waited for us");
	}
	close(3);
}

static bool parse_options(int argc, char **argv)
{
	bool background = true;
	int opt;

	while ((opt = getopt(argc, argv, "Fvh")) != -1) {
		switch (opt) {
		case 'F':
			background = false;
			break;
		case 'v':
			log_set_level(LOG_TRACE);
			break;
		default:
			fprintf(opt == 'h' ? stdout : stderr,
				"usage: pavd [-F] [-v]\n  -F  stay in the foreground, log to stderr\n  -v  log more\n");
			exit(opt == 'h' ? 0 : 2);
		}
	}
	return background;
}

int main(int argc, char **argv)
{
	bool background = parse_options(argc, argv);
	struct hcall *h;
	char *err = NULL;
	int signals;

	if (geteuid() != 0) {
		die("needs root");
	}
	umask(022);
	if (file_mkdirs(RUN_DIR, 0755) < 0 || file_mkdirs("/var/log/pavane/console", 0755) < 0) {
		die("can't create %s and /var/log/pavane: %s", RUN_DIR, strerror(errno));
	}
	if (background) {
		go_to_background();
	}
	signals = watch_signals();
	h = hcall_open(&err);
	if (!h) {
		die("%s", err);
	}
	store = store_open();
	if (!store) {
		die("can't reach the store: %s (is pavstored running?)", strerror(errno));
	}
	write_host_nodes();
	start_console();
	guests_init(h, store);
	proc_set_restart_hook(save_pids);
	if (store_watch(store, "@releaseDomain", "release") < 0) {
		die("can't watch the store");
	}
	loop_add(store_fd(store), POLLIN, on_store, NULL);
	storeguard_start(begin_anew);
	loop_add(signals, POLLIN, on_signal, &signals);
	request_console_pid = console_pid;
	request_listen();
	logs_start("/var/log/pavane");
	announce_ready(background);
	loop_run();
	request_close();
	return 0;
}
