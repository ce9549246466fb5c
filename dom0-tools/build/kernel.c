/* Kernel files and the cache of unpacked ones.  A cache that can't be used is only slow. */
#include "dom0-tools/build/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dom0-tools/build/bzimage.h"
#include "dom0-tools/libpav/buf.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

static char *cache_path(const struct stat *st)
{
	const char *dir = getenv("PAVANE_CACHE");

	return xasprintf("%s/%llx-%llx-%llx-%llx.%lx-%llx.%lx.elf", dir ? dir : KERNEL_CACHE,
			 (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
			 (unsigned long long)st->st_size, (unsigned long long)st->st_mtim.tv_sec,
			 st->st_mtim.tv_nsec, (unsigned long long)st->st_ctim.tv_sec,
			 st->st_ctim.tv_nsec);
}

/* The cache is ours alone: a file in it that someone else could write is not used. */
static int map_cached(const char *cached, struct kernel *k)
{
	int fd = open(cached, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	void *p;

	if (fd < 0) {
		return -1;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_mode & 022 || st.st_size <= 0) {
		close(fd);
		return -1;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED) {
		return -1;
	}
	k->data = p;
	k->len = k->mapped = (size_t)st.st_size;
	return 0;
}

static void keep_unpacked(const char *cached, const struct buf *elf)
{
	char *dir = xstrdup(cached), *err = NULL;

	*strrchr(dir, '/') = 0;
	if (file_mkdirs(dir, 0755) < 0) {
		log_warn("%s: %s; unpacked kernels are not kept", dir, strerror(errno));
	} else if (file_write(cached, elf->data, elf->len, 0600, &err) < 0) {
		log_warn("%s; this kernel will be unpacked again", err);
	}
	free(err);
	free(dir);
}

static int read_and_unpack(const char *path, const char *cached, struct kernel *k, char **err)
{
	struct buf file = { 0 }, elf = { 0 };
	char *why = NULL;

	if (file_read(path, BZIMAGE_MAX_SIZE, &file, err) < 0) {
		return -1;
	}
	if (bzimage_unpack(file.data, file.len, &elf, &why) < 0) {
		fail(err, "%s: %s", path, why);
		free(why);
		buf_free(&file);
		return -1;
	}
	if (file.len < 4 || memcmp(file.data, "\177ELF", 4)) {
		keep_unpacked(cached, &elf);
	}
	buf_free(&file);
	k->data = (uint8_t *)elf.data;
	k->len = elf.len;
	return 0;
}

int kernel_open(const char *path, struct kernel *k, char **err)
{
	char *cached, *why = NULL;
	struct stat st;
	int rc;

	memset(k, 0, sizeof(*k));
	if (stat(path, &st) < 0) {
		return fail(err, "kernel %s: %s", path, strerror(errno));
	}
	cached = cache_path(&st);
	rc = map_cached(cached, k);
	if (rc < 0) {
		rc = read_and_unpack(path, cached, k, &why);
		if (rc < 0) {
			fail(err, "kernel %s", why);
		}
	}
	free(cached);
	if (rc == 0 && elfnotes_read(k->data, k->len, &k->notes, &why) < 0) {
		rc = fail(err, "kernel %s: %s", path, why);
		kernel_close(k);
	}
	free(why);
	return rc;
}

void kernel_close(struct kernel *k)
{
	if (k->mapped) {
		munmap((void *)k->data, k->mapped);
	} else {
		free((void *)k->data);
	}
	memset(k, 0, sizeof(*k));
}
