/* Helper processes: fork, exec, a pidfd each (so that adopted ones need no special path), restart. */
#include "dom0-tools/pavd/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dom0-tools/libpav/buf.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"
#include "dom0-tools/libpav/loop.h"
#include "dom0-tools/pavd/policy.h"

#define GOOD_LIFE_SECONDS 10 /* after this long the back-off begins anew */

struct proc {
	struct strlist argv;
	char *log_path;
	proc_end_fn *on_end;
	void *arg;
	pid_t pid; /* 0: not running */
	unsigned long long start_time;
	int pidfd;
	struct loop_watch *watch;
	struct loop_timer *timer; /* to start it again, or to report its end */
	time_t started;
	unsigned int failures; /* in a row */
	unsigned int restarts;
	bool end_expected;
};

static void (*restart_hook)(void);

void proc_set_restart_hook(void (*hook)(void))
{
	restart_hook = hook;
}

static time_t seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Field 22 of /proc/PID/stat: with the pid it names one process for ever.  0 if there is none. */
static unsigned long long read_start_time(pid_t pid)
{
	char path[40], text[1024], *p;
	unsigned long long t = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return 0;
	}
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	p = strrchr(text, ')'); /* the name before it may hold anything */
	for (int field = 2; p && field < 22; field++) {
		p = strchr(p + 1, ' ');
	}
	if (p) {
		t = strtoull(p, NULL, 10);
	}
	return t;
}

static int open_log(const char *path)
{
	char *dir = xstrdup(path);
	int fd;

	*strrchr(dir, '/') = 0;
	file_mkdirs(dir, 0755);
	free(dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	return fd >= 0 ? fd : open("/dev/null", O_WRONLY | O_CLOEXEC);
}

_Noreturn static void run_child(struct proc *p, int log_fd)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0); /* Ctrl-C at pavd's terminal is not meant for it */
	if (null < 0 || dup2(null, 0) < 0 || dup2(log_fd, 1) < 0 || dup2(log_fd, 2) < 0) {
		_exit(127);
	}
	close_range(3, ~0u, 0);
	execv(p->argv.items[0], p->argv.items);
	fprintf(stderr, "%s: %s\n", p->argv.items[0], strerror(errno));
	_exit(127);
}

static void on_exit_event(void *arg, short revents);

/* Watches an existing process; false if it has gone. */
static bool watch_pid(struct proc *p, pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	if (fd < 0) {
		return false;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	p->pid = pid;
	p->pidfd = fd;
	p->start_time = read_start_time(pid);
	p->started = seconds_now();
	p->watch = loop_add(fd, POLLIN, on_exit_event, p);
	return true;
}

static int spawn(struct proc *p, char **err)
{
	int log_fd = open_log(p->log_path);
	pid_t pid = fork();

	if (pid == 0) {
		run_child(p, log_fd);
	}
	close(log_fd);
	if (pid < 0) {
		return fail(err, "can't start %s: %s", p->argv.items[0], strerror(errno));
	}
	if (!watch_pid(p, pid)) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return fail(err, "can't watch %s: %s", p->argv.items[0], strerror(errno));
	}
	return 0;
}

static void free_proc(struct proc *p)
{
	loop_cancel(p->timer);
	if (p->pid) {
		loop_remove(p->watch);
		close(p->pidfd);
	}
	strlist_free(&p->argv);
	free(p->log_path);
	free(p);
}

static void report_end(void *arg)
{
	struct proc *p = arg;

	p->timer = NULL;
	p->on_end(p->arg);
	free_proc(p);
}

static void start_again(void *arg)
{
	struct proc *p = arg;
	char *err = NULL;

	p->timer = NULL;
	p->restarts++;
	if (spawn(p, &err) < 0) {
		log_error("%s", err);
		free(err);
		p->timer = loop_after(policy_backoff_ms(++p->failures), start_again, p);
	} else if (restart_hook) {
		restart_hook();
	}
}

static void on_exit_event(void *arg, short revents)
{
	struct proc *p = arg;
	int status = 0;

	(void)revents;
	waitpid(p->pid, &status, WNOHANG); /* an adopted one is not ours to reap */
	loop_remove(p->watch);
	close(p->pidfd);
	if (p->end_expected) {
		p->pid = 0;
		report_end(p);
		return;
	}
	p->failures = seconds_now() - p->started >= GOOD_LIFE_SECONDS ? 0 : p->failures + 1;
	log_warn("%s (pid %d) ended unasked (%s %d); starting it again", p->argv.items[0],
		 (int)p->pid, WIFSIGNALED(status) ? "signal" : "status",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	p->pid = 0;
	p->timer = loop_after(policy_backoff_ms(p->failures), start_again, p);
}

static struct proc *make_proc(struct strlist *argv, const char *log_path, proc_end_fn *on_end,
			      void *arg)
{
	struct proc *p = xcalloc(1, sizeof(*p));

	p->argv = *argv;
	*argv = (struct strlist){ 0 };
	p->log_path = xstrdup(log_path);
	p->on_end = on_end;
	p->arg = arg;
	return p;
}

struct proc *proc_start(struct strlist *argv, const char *log_path, proc_end_fn *on_end, void *arg,
			char **err)
{
	struct proc *p = make_proc(argv, log_path, on_end, arg);
	int rc = 0;

	if (access(p->argv.items[0], X_OK) < 0) {
		rc = fail(err, "can't start %s: %s", p->argv.items[0], strerror(errno));
	}
	if (rc == 0) {
		rc = spawn(p, err);
	}
	if (rc < 0) {
		free_proc(p);
		return NULL;
	}
	return p;
}

struct proc *proc_adopt(struct strlist *argv, const char *log_path, pid_t pid,
			unsigned long long start_time, proc_end_fn *on_end, void *arg, char **err)
{
	struct proc *p;

	if (pid <= 1 || read_start_time(pid) != start_time) {
		return proc_start(argv, log_path, on_end, arg, err);
	}
	p = make_proc(argv, log_path, on_end, arg);
	/* Between the look at its start time and this it may have gone: then it is just started again. */
	if (!watch_pid(p, pid) || p->start_time != start_time) {
		if (p->pid) {
			loop_remove(p->watch);
			close(p->pidfd);
			p->pid = 0;
		}
		p->timer = loop_after(0, start_again, p);
	}
	return p;
}

void proc_expect_end(struct proc *p)
{
	p->end_expected = true;
	if (!p->pid) {
		loop_cancel(p->timer);
		p->timer = loop_after(0, report_end, p);
	}
}

void proc_kill(struct proc *p, int sig)
{
	if (p->pid) {
		pidfd_send_signal(p->pidfd, sig, NULL, 0);
	}
}

void proc_forget(struct proc *p)
{
	free_proc(p);
}

pid_t proc_pid(const struct proc *p)
{
	return p->pid;
}

unsigned long long proc_start_time(const struct proc *p)
{
	return p->start_time;
}

unsigned int proc_restarts(const struct proc *p)
{
	return p->restarts;
}

char *proc_find_helper(const char *name)
{
	const char *dir = getenv("PAVANE_LIBEXEC");
	char self[PATH_MAX];
	ssize_t n;

	if (dir) {
		return xasprintf("%s/%s", dir, name);
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0) {
		return xasprintf("/usr/libexec/pavane/%s", name);
	}
	self[n] = 0;
	*strrchr(self, '/') = 0;
	return xasprintf("%s/%s", self, name);
}
