/*
 * What a disk does: 4 KiB random reads with one and with 32 requests in flight,
 * 128 KiB sequential reads and writes, past the cache, through the kernel's
 * asynchronous I/O.  Prints "metric NAME VALUE UNIT".  Static.
 *
 *   blkbench DEVICE [OPERATIONS]     the device's first 64 MiB are overwritten
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPAN  (64ull << 20)
#define DEPTH 32

static aio_context_t ring;
static int fd;
static char *buffer; /* DEPTH blocks of 128 KiB */

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void submit(struct iocb *cb, int write, unsigned int slot, size_t size, uint64_t offset)
{
	memset(cb, 0, sizeof(*cb));
	cb->aio_data = slot;
	cb->aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
	cb->aio_fildes = (uint32_t)fd;
	cb->aio_buf = (uintptr_t)buffer + slot * (128ull << 10);
	cb->aio_nbytes = size;
	cb->aio_offset = (int64_t)offset;
	if (syscall(SYS_io_submit, ring, 1, &cb) != 1) {
		die("io_submit");
	}
}

/* Runs count operations with depth in flight; returns the nanoseconds it took. */
static int64_t run(int write, int random_order, unsigned int depth, size_t size, unsigned int count)
{
	static struct iocb cb[DEPTH];
	struct io_event done[DEPTH];
	unsigned int started = 0, ended = 0;
	uint64_t blocks = SPAN / size, x = 88172645463325252ull;
	int64_t start = now_ns();

	while (ended < count) {
		unsigned int slot = started;
		long n;

		if (started < depth && started < count) {
			done[0].data = slot;
			n = 1;
		} else {
			n = syscall(SYS_io_getevents, ring, 1, depth, done, NULL);
			for (long i = 0; i < n; i++) {
				if (done[i].res != (int64_t)size) {
					fprintf(stderr, "blkbench: result %lld\n",
						(long long)done[i].res);
					exit(1);
				}
			}
			if (n < 1) {
				die("io_getevents");
			}
			ended += (unsigned int)n;
		}
		for (long i = 0; i < n && started < count; i++, started++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			slot = (unsigned int)done[i].data;
			submit(&cb[slot], write, slot, size,
			       (random_order ? x % blocks : started % blocks) * size);
		}
	}
	return now_ns() - start;
}

int main(int argc, char **argv)
{
	unsigned int n = argc > 2 ? (unsigned int)atoi(argv[2]) : 2000;

	if (argc < 2 || (fd = open(argv[1], O_RDWR | O_DIRECT)) < 0) {
		die(argc < 2 ? "blkbench DEVICE [OPERATIONS]" : argv[1]);
	}
	buffer = mmap(NULL, DEPTH * (128ul << 10), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (buffer == MAP_FAILED || syscall(SYS_io_setup, DEPTH, &ring)) {
		die("io_setup");
	}
	run(1, 0, 4, 128 << 10, SPAN >> 17);
	run(0, 1, DEPTH, 4096, n / 10 + 1);
	printf("metric read_4k_qd1 %.0f iops\n", n * 1e9 / (double)run(0, 1, 1, 4096, n));
	printf("metric read_4k_qd32 %.0f iops\n", n * 1e9 / (double)run(0, 1, DEPTH, 4096, n));
	printf("metric read_128k_qd4 %.1f MB/s\n",
	       n / 4 * 131.072e6 / (double)run(0, 0, 4, 128 << 10, n / 4));
	printf("metric write_128k_qd4 %.1f MB/s\n",
	       n / 4 * 131.072e6 / (double)run(1, 0, 4, 128 << 10, n / 4));
	return 0;
}
