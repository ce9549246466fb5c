/* Who may use which image at once. */
#include "dom0-tools/pavd/claims.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static char path[] = "/tmp/claims_test.XXXXXX";
static char alias[64];

static void make_image(void)
{
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, 4096), 0);
	close(fd);
	strcpy(alias, path);
	strcat(alias, ".2");
	cr_assert_eq(link(path, alias), 0);
}

static void drop_image(void)
{
	unlink(path);
	unlink(alias);
}

static void refuse(const char *p, bool readonly, const char *part)
{
	char *err = NULL;

	cr_assert_null(claim_take(p, readonly, "second", false, &err), "accepted; expected \"%s\"",
		       part);
	cr_assert(strstr(err, part), "\"%s\" does not say \"%s\"", err, part);
	free(err);
}

TestSuite(claims, .init = make_image, .fini = drop_image);

Test(claims, one_writer_keeps_everybody_away_under_any_name)
{
	struct claim *c = claim_take(path, false, "first", false, NULL);

	cr_assert_not_null(c);
	refuse(path, false, "in use by domain first");
	refuse(path, true, "in use by domain first");
	refuse(alias, true, "in use by domain first");
	claim_drop(c);
	c = claim_take(alias, false, "second", false, NULL);
	cr_assert_not_null(c);
	claim_drop(c);
}

Test(claims, readers_share_but_not_with_a_writer)
{
	struct claim *a = claim_take(path, true, "first", false, NULL),
		     *b = claim_take(path, true, "second", false, NULL);

	cr_assert(a && b);
	refuse(path, false, "in use");
	claim_drop(a);
	refuse(path, false, "in use by domain second");
	claim_drop(b);
}

Test(claims, another_program_s_lock_is_seen)
{
	int fd = open(path, O_RDWR);
	struct claim *c;

	cr_assert_eq(flock(fd, LOCK_EX), 0);
	refuse(path, false, "another program");
	c = claim_take(path, false, "first", true,
		       NULL); /* ... unless it is known to be our helper's */
	cr_assert_not_null(c);
	claim_drop(c);
	close(fd);
}

Test(claims, what_is_no_disk_is_refused)
{
	refuse("/nonexistent/x", false, "No such file");
	refuse("/dev/null", false, "neither a regular file nor a block device");
	refuse("/tmp", true, "neither a regular file nor a block device");
	cr_assert_eq(truncate(path, 100), 0);
	refuse(path, false, "too small");
}
