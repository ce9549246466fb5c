/* Opening and measuring the medium; disk.h says what is kept. */
#include "backends/blk/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>

#include "dom0-tools/libpav/die.h"

/* A number from the block device's directory in sysfs; 0 if there is none. */
static uint64_t queue_number(dev_t dev, const char *name)
{
	static const char *const dirs[] = { "queue", "../queue" }; /* disk, partition */
	unsigned long long v = 0;
	char path[128];

	for (unsigned int i = 0; i < 2 && !v; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(dev), minor(dev),
			 dirs[i], name);
		f = fopen(path, "re");
		if (f) {
			if (fscanf(f, "%llu", &v) != 1) {
				v = 0;
			}
			fclose(f);
		}
	}
	return v;
}

static int measure_block(struct disk *d, const struct stat *st)
{
	unsigned int physical = 0;
	int logical = 0;
	uint64_t bytes;

	if (ioctl(d->fd, BLKGETSIZE64, &bytes) || ioctl(d->fd, BLKSSZGET, &logical) ||
	    ioctl(d->fd, BLKPBSZGET, &physical)) {
		return -1;
	}
	d->sectors = bytes / 512;
	d->logical = (uint32_t)logical;
	d->physical = physical;
	/*
	 * A hole in a block device is zeroes written by giving blocks back, so the device must
	 * be able to do both.  The plain discard, FALLOC_FL_NO_HIDE_STALE, is refused by
	 * vfs_fallocate() before any device sees it.
	 */
	if (!d->readonly && queue_number(st->st_rdev, "discard_max_bytes") &&
	    queue_number(st->st_rdev, "write_zeroes_max_bytes")) {
		d->discard_granularity = (uint32_t)queue_number(st->st_rdev, "discard_granularity");
		d->discard_mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	}
	return 0;
}

/* Can this file system make holes?  Asked where it changes nothing: past the end. */
static bool can_punch(const struct disk *d, off_t end)
{
	return !fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (end + 4095) & ~4095L,
			  4096);
}

static int measure_file(struct disk *d, const struct stat *st)
{
	struct statfs fs;

	d->sectors = (uint64_t)st->st_size / 512;
	d->logical = 512;
	d->physical = st->st_blksize >= 512 && st->st_blksize <= 4096 ? (uint32_t)st->st_blksize
								      : 512;
	if (!d->readonly && can_punch(d, st->st_size)) {
		d->discard_granularity = d->physical;
		d->discard_mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	}
	if (fstatfs(d->fd, &fs)) {
		return -1;
	}
	d->in_memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
	return 0;
}

/* A second descriptor around the page cache, if a transfer of one sector works through it. */
static int open_direct(const struct disk *d, const char *path, int mode)
{
	_Alignas(4096) static char sector[4096];
	int fd = open(path, mode | O_DIRECT);

	if (fd >= 0 && pread(fd, sector, d->logical, 0) != (ssize_t)d->logical) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * A lock of our own kind, beside the flock() that the supervisor holds on the
 * same file for the guest: it outlives us, ours says that one process serves the
 * disk.  I/O of a killed process before us may keep its file, and so its lock,
 * for a moment after it is gone: try for two seconds.
 */
static int lock_medium(int fd, bool readonly)
{
	struct flock lock = { .l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
	int rc, tries = 40;

	while ((rc = fcntl(fd, F_OFD_SETLK, &lock)) && (errno == EAGAIN || errno == EACCES) &&
	       --tries) {
		usleep(50000);
	}
	return rc;
}

int disk_open(struct disk *d, const char *path, bool readonly, char **err)
{
	int mode = (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK, rc;
	struct stat st;

	*d = (struct disk){ .direct_fd = -1, .readonly = readonly };
	d->fd = open(path, mode);
	if (d->fd < 0) {
		return fail(err, "%s: %s", path, strerror(errno));
	}
	if (fstat(d->fd, &st)) {
		return fail(err, "%s: %s", path, strerror(errno));
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		return fail(err, "%s: neither a file nor a block device", path);
	}
	if (lock_medium(d->fd, readonly)) {
		return fail(err, "%s: %s", path,
			    errno == EAGAIN || errno == EACCES ? "in use by another device"
							       : strerror(errno));
	}
	/* O_NONBLOCK was only for opening; a FIFO must not hang us. */
	fcntl(d->fd, F_SETFL, fcntl(d->fd, F_GETFL) & ~O_NONBLOCK);
	rc = S_ISBLK(st.st_mode) ? measure_block(d, &st) : measure_file(d, &st);
	if (rc) {
		return fail(err, "%s: can't find its size: %s", path, strerror(errno));
	}
	if (!d->sectors) {
		return fail(err, "%s: empty", path);
	}
	if (d->logical > 4096) {
		return fail(err, "%s: sectors of %u bytes are not supported", path, d->logical);
	}
	if (!d->in_memory) {
		d->direct_fd = open_direct(d, path, mode & ~O_NONBLOCK);
	}
	return 0;
}
