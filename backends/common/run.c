/* Starting a backend and giving up rights; run.h says to what end. */
#include "backends/common/run.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cap-ng.h>
#include <seccomp.h>
#include <xen/grant_table.h> /* the kernel's two below need its types */

#include <linux/if_tun.h>
#include <xen/evtchn.h>
#include <xen/gntdev.h>

#include "backends/common/liblog.h"
#include "backends/common/port.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

/* From the first look at what a guest wrote, nearly every line can be its doing. */
#define LOG_LINES_A_MINUTE 30

uint64_t run_parse_number(const char *what, const char *text, uint64_t max)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || v > max) {
		die("%s: '%s' is not a number from 0 to %llu", what, text, (unsigned long long)max);
	}
	return v;
}

void run_check_id(const char *what, const char *text)
{
	if (!*text || strlen(text) > 31 ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz"
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789-_") != strlen(text)) {
		die("%s: '%s' is not a device name", what, text);
	}
}

int run_open_state(const char *name)
{
	char path[128];

	if (mkdir(RUN_DIR, 0755) && errno != EEXIST) {
		return -1;
	}
	snprintf(path, sizeof(path), RUN_DIR "/%s", name);
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void run_close_inherited(void)
{
	close_range(3, ~0U, 0);
}

int run_open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void run_open_handles(xenevtchn_handle **xce, xengnttab_handle **gnt)
{
	*xce = port_open();
	*gnt = xengnttab_open(liblog(), 0);
	if (!*xce || !*gnt) {
		die("can't open /dev/xen/%s: %s", *xce ? "gntdev" : "evtchn", strerror(errno));
	}
}

static void enter_empty_root(void)
{
	static const char path[] = RUN_DIR "/empty";

	if ((mkdir(RUN_DIR, 0755) && errno != EEXIST) || (mkdir(path, 0555) && errno != EEXIST)) {
		die("can't make %s: %s", path, strerror(errno));
	}
	if (chroot(path) || chdir("/")) {
		die("can't enter %s: %s", path, strerror(errno));
	}
}

static void drop_rights(uid_t uid)
{
	struct rlimit none = { 0, 0 };

	if (!uid) {
		die("--uid 0: a backend does not run as root");
	}
	log_ration(LOG_LINES_A_MINUTE);
	enter_empty_root();
	setrlimit(RLIMIT_CORE, &none);
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_change_id((int)uid, (int)uid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING)) {
		die("can't become user %u: %s", (unsigned int)uid, strerror(errno));
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
		die("can't set no_new_privs: %s", strerror(errno));
	}
	if (getuid() != uid || geteuid() != uid || !setuid(0)) {
		die("rights could not be dropped");
	}
}

/*
 * What every backend needs once it serves: memory, its descriptors, the store's
 * socket and reader thread, the grant and event devices (mmap; ioctl below), time for
 * the log, and leaving.  mprotect and clone are for the reader thread's stack
 * and are harmless with no_new_privs and nothing to execute.
 */
static const int common_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mprotect),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(fcntl),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(getrandom),
	SCMP_SYS(sched_yield),
	SCMP_SYS(ftruncate),
	SCMP_SYS(shutdown),
	SCMP_SYS(lseek),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_getaffinity),
};

static void allow(scmp_filter_ctx ctx, const int *calls, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);

		if (rc) {
			die("system call filter: %s", strerror(-rc));
		}
	}
}

/*
 * And of ioctl what the grant and event libraries do to serve, and what a TAP is told when a
 * guest connects.  Nothing that is only for set-up, such as the disk's size or the TAP's name,
 * and nothing that would make a backend the granting side, or give it a virtual interrupt or a
 * port that any domain can bind.
 */
static const unsigned int requests[] = {
	IOCTL_EVTCHN_BIND_INTERDOMAIN,
	IOCTL_EVTCHN_UNBIND,
	IOCTL_EVTCHN_NOTIFY,
	IOCTL_GNTDEV_MAP_GRANT_REF,
	IOCTL_GNTDEV_UNMAP_GRANT_REF,
	IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR,
	IOCTL_GNTDEV_GRANT_COPY,
	TUNSETOFFLOAD,
	TUNSETCARRIER,
};

/* The kernel looks at 32 bits of the request; the library passes 64. */
static void allow_requests(scmp_filter_ctx ctx)
{
	for (unsigned int i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
					  SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, requests[i]));

		if (rc) {
			die("system call filter: %s", strerror(-rc));
		}
	}
}

void run_filter_syscalls(const int *extra, unsigned int extra_count)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc;

	if (!ctx) {
		die("system call filter: out of memory");
	}
	allow(ctx, common_calls, sizeof(common_calls) / sizeof(common_calls[0]));
	allow(ctx, extra, extra_count);
	allow_requests(ctx);
	/* The store library's reader thread exists already; bind it too. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	/* Half a dozen calls make up nearly all; a tree finds the others quickly as well. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	rc = seccomp_load(ctx);
	if (rc) {
		die("system call filter: %s", strerror(-rc));
	}
	seccomp_release(ctx);
}

void run_confine(uid_t uid, struct device *dev, const int *extra, unsigned int extra_count)
{
	int rc;

	drop_rights(uid);
	rc = device_watch(dev);
	if (rc) {
		die("can't watch the store: %s", strerror(-rc));
	}
	run_filter_syscalls(extra, extra_count);
}

int run_end(const struct device *dev)
{
	if (dev->lost) {
		log_error("leaving without the frontend's knowledge; the next process resumes");
		return RUN_EXIT_LOST;
	}
	log_info("device over");
	return 0;
}
