/*
 * What a system call, a page fault, a process and a pipe cost.  Runs anywhere that
 * Linux runs: bare, in the control domain, in a guest.  Static.  Each line is
 * "metric NAME VALUE UNIT", the median of several repetitions.  Under QEMU's
 * -icount shift=0 a nanosecond is an instruction.
 *
 *   micro [REPETITIONS]
 *   micro tsc NAME      the time-stamp counter now, as that metric: instructions since power-on
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_REPS 64

static const char *self;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void check(int failed, const char *what)
{
	if (failed) {
		perror(what);
		exit(1);
	}
}

static void run_getpid(int n)
{
	for (int i = 0; i < n; i++) {
		syscall(SYS_getpid);
	}
}

static void run_clock(int n)
{
	struct timespec t;

	for (int i = 0; i < n; i++) {
		clock_gettime(CLOCK_MONOTONIC, &t);
	}
}

static int64_t uncounted; /* ns of a run that are not what it measures */

/* First touch of n pages. */
static void run_fault(int n)
{
	size_t size = (size_t)n * 4096;
	volatile char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0);

	check(p == MAP_FAILED, "mmap");
	madvise((void *)p, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096) {
		p[i] = 1;
	}
	uncounted -= now_ns();
	munmap((void *)p, size);
	uncounted += now_ns();
}

/* ... and giving them up. */
static void run_unmap(int n)
{
	int64_t start = now_ns();
	size_t size = (size_t)n * 4096;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	check(p == MAP_FAILED, "mmap");
	uncounted += now_ns() - start;
	munmap(p, size);
}

static void run_fork_exit(int n)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		check(pid < 0, "fork");
		if (!pid) {
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

static void run_fork_exec(int n)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		check(pid < 0, "fork");
		if (!pid) {
			execl(self, self, "nothing", NULL);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	}
}

static void run_pipe(int n)
{
	int there[2], back[2];
	char c = 0;
	pid_t pid;

	check(pipe(there) || pipe(back), "pipe");
	pid = fork();
	check(pid < 0, "fork");
	if (!pid) {
		close(there[1]);
		close(back[0]);
		while (read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1) {
		}
		_exit(0);
	}
	close(there[0]);
	close(back[1]);
	for (int i = 0; i < n; i++) {
		check(write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1, "round trip");
	}
	close(there[1]);
	close(back[0]);
	waitpid(pid, NULL, 0);
}

static void run_mmap(int n)
{
	for (int i = 0; i < n; i++) {
		void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		check(p == MAP_FAILED, "mmap");
		munmap(p, 65536);
	}
}

static const struct {
	const char *name;
	void (*run)(int n);
	int n;
} tests[] = {
	{ "getpid", run_getpid, 20000 },	{ "clock_gettime", run_clock, 20000 },
	{ "anonymous_fault", run_fault, 4000 }, { "anonymous_unmap", run_unmap, 4000 },
	{ "mmap_munmap", run_mmap, 4000 },	{ "pipe_round_trip", run_pipe, 2000 },
	{ "fork_exit", run_fork_exit, 50 },	{ "fork_exec", run_fork_exec, 30 },
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int reps = argc > 1 ? atoi(argv[1]) : 5;
	double sample[MAX_REPS];

	if (argc > 1 && !strcmp(argv[1], "nothing")) {
		return 0;
	}
	if (argc > 2 && !strcmp(argv[1], "tsc")) {
		printf("metric %s %.1f Mcycles\n", argv[2], (double)__builtin_ia32_rdtsc() / 1e6);
		return 0;
	}
	self = argv[0];
	if (reps < 1 || reps > MAX_REPS) {
		fprintf(stderr, "micro: 1 to %d repetitions\n", MAX_REPS);
		return 2;
	}
	for (size_t t = 0; t < sizeof(tests) / sizeof(tests[0]); t++) {
		tests[t].run(tests[t].n / 10 + 1);
		for (int r = 0; r < reps; r++) {
			int64_t start = now_ns();

			uncounted = 0;
			tests[t].run(tests[t].n);
			sample[r] = (double)(now_ns() - start - uncounted) / tests[t].n;
		}
		qsort(sample, (size_t)reps, sizeof(sample[0]), compare);
		printf("metric %s %.1f ns\n", tests[t].name, sample[reps / 2]);
		fflush(stdout);
	}
	return 0;
}
