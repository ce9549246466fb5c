/*
 * A disk does what it says.  Every sector of the first `mib` MiB of the first disk gets a pattern of its own, by requests
 * of all sizes in random order with the ring kept full; then half of them another, sector by sector, with flushes
 * in between; after each a flush, and everything is read back by other requests and compared.  What cannot be is
 * refused, and the disk goes on.  The checksums it prints are for who looks at the images from outside: of
 * what the first disk must hold, and of what was read from the second if there is one.
 */
#include "frontends/rt/test.h"

#include "frontends/drv/blkfront.h"
#include "frontends/drv/cksum.h"
#include "frontends/drv/words.h"
#include "hypervisor/lib/string.h"

#define MAX_MIB	 16u
#define SECTORS	 (MAX_MIB << 11)
#define REQUESTS 32u
#define BUFFER	 (BLK_MAX_SECTORS * BLK_SECTOR)

/* A part of the disk that one request is about. */
struct extent {
	uint32_t sector, count;
};
struct request {
	char *data;
	struct extent at;
	bool busy;
	unsigned int number; /* in order of their start */
};

static struct blk *disk;
static char buffers[REQUESTS][BUFFER] __attribute__((aligned(4096)));
static struct request requests[REQUESTS];
static struct extent extents[SECTORS];
static uint8_t version[SECTORS]; /* of each sector's pattern */
static uint64_t seed = 1;
static unsigned int area, started, ended, overtook, most, failed, different;

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebUL;
	return z ^ z >> 31;
}

static unsigned int random_below(unsigned int n)
{
	return (unsigned int)(mix(seed += 0x9e3779b97f4a7c15UL) % n);
}

static void pattern(uint64_t *to, uint32_t sector)
{
	for (unsigned int i = 0; i < BLK_SECTOR / sizeof(*to); i++) {
		to[i] = mix((uint64_t)sector << 16 | version[sector] << 8 | i);
	}
}

/* Cuts the area into extents of up to `largest` sectors and shuffles them; how many. */
static unsigned int cut(unsigned int largest)
{
	unsigned int count = 0;

	for (uint32_t at = 0; at < area; at += extents[count++].count) {
		uint32_t n = 1 + random_below(largest);

		extents[count] = (struct extent){ at, n < area - at ? n : area - at };
	}
	for (unsigned int i = count - 1; i; i--) {
		unsigned int other = random_below(i + 1);
		struct extent e = extents[i];

		extents[i] = extents[other];
		extents[other] = e;
	}
	return count;
}

static void compare(const struct request *r)
{
	uint64_t want[BLK_SECTOR / sizeof(uint64_t)];

	for (uint32_t i = 0; i < r->at.count; i++) {
		pattern(want, r->at.sector + i);
		if (memcmp(want, r->data + i * BLK_SECTOR, BLK_SECTOR)) {
			if (!different++) {
				print("sector %u is the first that differs\n", r->at.sector + i);
			}
		}
	}
}

static void on_written(void *arg, int result)
{
	struct request *r = arg;

	failed += result != 0;
	overtook += r->number != ended++;
	r->busy = false;
}

static void on_read(void *arg, int result)
{
	if (!result) {
		compare(arg);
	}
	on_written(arg, result);
}

static struct request *idle_request(void)
{
	for (;;) {
		for (unsigned int i = 0; i < REQUESTS; i++) {
			if (!requests[i].busy) {
				return &requests[i];
			}
		}
		blk_wait(disk, blk_in_flight(disk) - 1);
	}
}

static void start(enum blk_op op, struct extent at)
{
	struct request *r = idle_request();
	int rc;

	r->busy = true;
	r->at = at;
	r->number = started++;
	for (uint32_t i = 0; op == BLK_WRITE && i < at.count; i++) {
		pattern((uint64_t *)(r->data + i * BLK_SECTOR), at.sector + i);
	}
	while ((rc = blk_start(disk, op, at.sector, r->data, at.count,
			       op == BLK_READ ? on_read : on_written, r)) == -XEN_EBUSY) {
		blk_wait(disk, blk_in_flight(disk) - 1);
	}
	if (rc) {
		on_written(r, rc);
	}
	most = blk_in_flight(disk) > most ? blk_in_flight(disk) : most;
}

static void read_all(const char *after)
{
	unsigned int count = cut(BLK_MAX_SECTORS);

	different = failed = 0;
	for (unsigned int i = 0; i < count; i++) {
		start(BLK_READ, extents[i]);
	}
	blk_wait(disk, 0);
	CHECK_EQ(failed, 0, "%u reads after %s", count, after);
	CHECK_EQ(different, 0, "every sector is as it was written");
}

static void write_all(void)
{
	unsigned int count = cut(BLK_MAX_SECTORS);

	memset(version, 1, area);
	failed = 0;
	for (unsigned int i = 0; i < count; i++) {
		start(BLK_WRITE, extents[i]);
	}
	blk_wait(disk, 0);
	CHECK_EQ(failed, 0, "%u writes of all sizes, up to %u at once", count, most);
	CHECK_EQ(blk_do(disk, BLK_FLUSH, 0, NULL, 0), 0, "a flush");
}

/* Short extents, every other one of them, each sector again; flushes among the writes under way. */
static void write_half(void)
{
	unsigned int count = cut(3) / 2;

	failed = 0;
	for (unsigned int i = 0; i < count; i++) {
		for (uint32_t s = 0; s < extents[i].count; s++) {
			version[extents[i].sector + s]++;
		}
		start(BLK_WRITE, extents[i]);
		if (i % 500 == 499) {
			start(BLK_FLUSH, (struct extent){ 0, 0 });
		}
	}
	blk_wait(disk, 0);
	CHECK_EQ(failed, 0, "%u short writes, with flushes among them", count);
	CHECK_EQ(blk_do(disk, BLK_FLUSH, 0, NULL, 0), 0, "and one at the end");
}

static void refusals(void)
{
	uint64_t end = blk_info(disk)->sectors;

	CHECK_EQ(blk_do(disk, BLK_READ, end, buffers[0], 1), -XEN_EIO, "a read past the end");
	CHECK_EQ(blk_do(disk, BLK_READ, end - 1, buffers[0], 2), -XEN_EIO, "and over it");
	CHECK_EQ(blk_do(disk, BLK_WRITE, ~0UL - 3, buffers[0], 8), -XEN_EIO,
		 "a write that goes round the end of numbers");
	CHECK_EQ(blk_do(disk, BLK_READ, end - 1, buffers[0], 1), 0, "the last sector");
	CHECK_EQ(blk_do(disk, BLK_READ, 0, buffers[0] + 512, 1), -XEN_EINVAL,
		 "data that starts no page");
}

static void say_contents(void)
{
	uint64_t sector[BLK_SECTOR / sizeof(uint64_t)];
	struct cksum sum = { 0 };

	for (uint32_t i = 0; i < area; i++) {
		pattern(sector, i);
		cksum_add(&sum, sector, sizeof(sector));
	}
	print("wrote cksum %u bytes %lu\n", cksum_end(&sum), sum.bytes);
}

/* All of a disk, read in order by a ring's worth of requests at a time. */
static void read_second(struct blk *second)
{
	uint64_t sectors = blk_info(second)->sectors, at = 0;
	struct cksum sum = { 0 };

	failed = 0;
	disk = second;
	while (at < sectors) {
		struct request *r;
		unsigned int n = 0;

		for (; n < REQUESTS && at < sectors; n++, at += r->at.count) {
			uint64_t left = sectors - at;

			r = &requests[n];
			r->at.count = left < BLK_MAX_SECTORS ? (uint32_t)left : BLK_MAX_SECTORS;
			r->busy = true;
			failed += blk_start(disk, BLK_READ, at, r->data, r->at.count, on_written,
					    r) != 0;
		}
		blk_wait(disk, 0);
		for (unsigned int i = 0; i < n; i++) {
			cksum_add(&sum, requests[i].data, requests[i].at.count * BLK_SECTOR);
		}
	}
	CHECK_EQ(failed, 0, "all of the second disk is read");
	if (blk_info(second)->readonly) {
		CHECK_EQ(blk_do(disk, BLK_WRITE, 0, buffers[0], 8), -XEN_EIO,
			 "which is read-only: a write is refused");
	}
	print("read cksum %u bytes %lu\n", cksum_end(&sum), sum.bytes);
	CHECK(blk_close(second), "it closes, and nothing of ours stays lent");
}

enum verdict guest_main(void)
{
	unsigned int mib = 8;
	const struct arg words[] = { { "mib", ARG_UINT, &mib, "" } };
	struct blk *second;
	int rc;

	words_take(words, ARRAY_SIZE(words));
	disk = blk_open(0, &rc);
	if (rc == -XEN_ENODEV) {
		print("there is no disk here: give this guest one in its .pav file\n");
		return SKIP;
	}
	CHECK_EQ(rc, 0, "the first disk connects");
	if (rc) {
		return FAILURE;
	}
	print("%lu sectors, of %u bytes on the medium\n", blk_info(disk)->sectors,
	      blk_info(disk)->sector_size);
	mib = mib < MAX_MIB ? mib : MAX_MIB;
	area = blk_info(disk)->sectors < mib << 11 ? (unsigned int)blk_info(disk)->sectors
						   : mib << 11;
	for (unsigned int i = 0; i < REQUESTS; i++) {
		requests[i].data = buffers[i];
	}
	write_all();
	read_all("it");
	write_half();
	read_all("them");
	refusals();
	read_all("what was refused");
	CHECK(most > 1, "several requests in flight: up to %u", most);
	print("metric requests %u, %u answered out of turn\n", started, overtook);
	say_contents();
	second = blk_open(1, &rc);
	CHECK(blk_close(disk), "the first disk closes, and nothing of ours stays lent");
	if (second) {
		read_second(second);
	}
	return SUCCESS;
}
