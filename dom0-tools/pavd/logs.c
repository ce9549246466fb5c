/* Long logs move aside; logs.h says how. */
#include "dom0-tools/pavd/logs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"
#include "dom0-tools/libpav/loop.h"

#define LOG_MAX (1l << 20)
#define LOOK_MS 60000

static const char *logs_dir;

static bool is_log(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && !strcmp(name + n - 4, ".log");
}

static bool copy_all(int from, int to)
{
	char chunk[16384];
	ssize_t n;

	while ((n = read(from, chunk, sizeof(chunk))) > 0) {
		if (write(to, chunk, (size_t)n) != n) {
			return false;
		}
	}
	return n == 0;
}

/*
 * Copied and emptied rather than renamed: those who write have it open, and append, so
 * they go on at its new end.  A line written between the two steps is lost.
 */
static bool move_aside(int dir, const char *name, int from)
{
	char *old = xasprintf("%s.1", name);
	int to = openat(dir, old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	bool good = to >= 0 && copy_all(from, to);

	if (to >= 0) {
		close(to);
	}
	/* Nowhere to put it is the worst time to let it grow. */
	good = ftruncate(from, 0) == 0 && good;
	free(old);
	return good;
}

static void trim_one(int dir, const char *name, long most)
{
	int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0) {
		return;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > most &&
	    !move_aside(dir, name, fd)) {
		log_warn("%s: %ld bytes could not be kept: %s", name, (long)st.st_size,
			 strerror(errno));
	}
	close(fd);
}

void logs_trim(const char *path, long most)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		if (is_log(e->d_name)) {
			trim_one(dirfd(dir), e->d_name, most);
		}
	}
	if (dir) {
		closedir(dir);
	}
}

static void look(void *arg)
{
	(void)arg;
	logs_trim(logs_dir, LOG_MAX);
	loop_after(LOOK_MS, look, NULL);
}

void logs_start(const char *dir)
{
	logs_dir = dir;
	look(NULL);
}
