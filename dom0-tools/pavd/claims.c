/* The table of disk images in use. */
#include "dom0-tools/pavd/claims.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dom0-tools/libpav/die.h"

struct claim {
	dev_t dev;	/* of the file system, or 0 for a block device */
	ino_t ino;	/* of the file, or the block device's number */
	bool readonly;
	char *guest;
	int fd;		/* holds the lock */
	struct claim *next;
};

static struct claim *claims;

static int identify(int fd, const char *path, struct claim *c, char **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return fail(err, "disk %s: %s", path, strerror(errno));
	}
	if (S_ISBLK(st.st_mode)) {
		c->dev = 0;
		c->ino = st.st_rdev;
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		return fail(err, "disk %s: neither a regular file nor a block device", path);
	}
	if (st.st_size < 512) {
		return fail(err, "disk %s: too small for a disk (%lld bytes)", path, (long long)st.st_size);
	}
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	return 0;
}

static int check_free(const struct claim *c, const char *path, char **err)
{
	for (const struct claim *o = claims; o; o = o->next) {
		if (o->dev == c->dev && o->ino == c->ino && !(o->readonly && c->readonly)) {
			return fail(err, "disk %s: already in use by domain %s", path, o->guest);
		}
	}
	if (flock(c->fd, (c->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
		return fail(err, "disk %s: %s", path,
			    errno == EWOULDBLOCK ? "already in use by another program" : strerror(errno));
	}
	return 0;
}

struct claim *claim_take(const char *path, bool readonly, const char *guest, char **err)
{
	struct claim *c = xcalloc(1, sizeof(*c));

	c->readonly = readonly;
	c->fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (c->fd < 0) {
		fail(err, "disk %s: %s", path, strerror(errno));
		free(c);
		return NULL;
	}
	if (identify(c->fd, path, c, err) < 0 || check_free(c, path, err) < 0) {
		close(c->fd);
		free(c);
		return NULL;
	}
	c->guest = xstrdup(guest);
	c->next = claims;
	claims = c;
	return c;
}

void claim_drop(struct claim *c)
{
	struct claim **at = &claims;

	if (!c) {
		return;
	}
	while (*at != c) {
		at = &(*at)->next;
	}
	*at = c->next;
	close(c->fd);
	free(c->guest);
	free(c);
}
