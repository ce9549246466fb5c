/* Buffers and whole files. */
#include "dom0-tools/libpav/buf.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/buf_test.XXXXXX";

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
}

static void drop_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while ((e = readdir(d))) {
		unlink(e->d_name);
	}
	closedir(d);
	rmdir(dir);
}

static int count_files(void)
{
	DIR *d = opendir(dir);
	int n = -2;

	while (readdir(d)) {
		n++;
	}
	closedir(d);
	return n;
}

TestSuite(file, .init = make_dir, .fini = drop_dir);

Test(buf, grows_and_is_always_terminated)
{
	struct buf b = { 0 };

	for (int i = 0; i < 1000; i++) {
		buf_printf(&b, "%d,", i);
		cr_assert_eq(b.data[b.len], 0);
		cr_assert_eq(strlen(b.data), b.len);
	}
	buf_consume(&b, 4);
	cr_assert_eq(strncmp(b.data, "2,3,", 4), 0);
	buf_consume(&b, b.len);
	cr_assert_eq(b.len, 0);
	cr_assert_str_eq(b.data, "");
	buf_free(&b);
}

Test(file, what_is_written_is_read_and_no_temporary_stays)
{
	struct buf b = { 0 };
	char *err = NULL;

	cr_assert_eq(file_write("x", "one", 3, 0644, &err), 0, "%s", err);
	cr_assert_eq(file_write("x", "two!", 4, 0644, &err), 0, "%s", err);
	cr_assert_eq(count_files(), 1);
	cr_assert_eq(file_read("x", 4, &b, &err), 0, "%s", err);
	cr_assert_str_eq(b.data, "two!");
	buf_free(&b);
}

Test(file, refusals_name_the_file_and_leave_nothing)
{
	struct buf b = { 0 };
	char *err = NULL;

	cr_assert_eq(file_write("no/such/dir", "x", 1, 0644, &err), -1);
	cr_assert(strstr(err, "no/such/dir"));
	free(err);
	err = NULL;
	mkdir("sub", 0755);
	cr_assert_eq(file_write("sub", "x", 1, 0644, &err), -1);
	cr_assert_eq(count_files(), 1);
	rmdir("sub");
	free(err);
	err = NULL;
	cr_assert_eq(file_read(".", 100, &b, &err), -1);
	cr_assert(strstr(err, "not a regular file"));
	free(err);
	err = NULL;
	file_write("big", "12345", 5, 0644, NULL);
	cr_assert_eq(file_read("big", 4, &b, &err), -1);
	cr_assert(strstr(err, "larger"));
	cr_assert_null(b.data);
	free(err);
}
