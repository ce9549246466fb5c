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
	dev_t dev; /* of the file system, or 0 for a block device */
	ino_t ino; /* of the file, or the block device's number */
	bool readonly;
	char *guest;
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
		return fail(err, "disk %s: too small for a disk (%lld bytes)", path,
			    (long long)st.st_size);
	}
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	return 0;
}

static int check_claims(const struct claim *c, const char *path, char **err)
{
	for (const struct claim *o = claims; o; o = o->next) {
		if (o->dev == c->dev && o->ino == c->ino && !(o->readonly && c->readonly)) {
			return fail(err, "disk %s: already in use by domain %s", path, o->guest);
		}
	}
	return 0;
}

/* Takes the lock for a moment: the helper will take it for good. */
static int check_lock(int fd, bool readonly, const char *path, char **err)
{
	if (flock(fd, (readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
		return fail(err, "disk %s: %s", path,
			    errno == EWOULDBLOCK ? "already in use by another program"
						 : strerror(errno));
	}
	flock(fd, LOCK_UN);
	return 0;
}

struct claim *claim_take(const char *path, bool readonly, const char *guest, bool helper_runs,
			 char **err)
{
	int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK), rc;
	struct claim *c;

	if (fd < 0) {
		fail(err, "disk %s: %s", path, strerror(errno));
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	c->readonly = readonly;
	rc = identify(fd, path, c, err);
	rc = rc < 0 ? rc : check_claims(c, path, err);
	rc = rc < 0 || helper_runs ? rc : check_lock(fd, readonly, path, err);
	close(fd);
	if (rc < 0) {
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
	free(c->guest);
	free(c);
}
