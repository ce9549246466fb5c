/* Trimming of logs: whose turn it is, where the text goes, and that writers go on. */
#include "dom0-tools/pavd/logs.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/logs_test.XXXXXX";

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
}

static void drop_dir(void)
{
	static const char *const names[] = { "a.log", "a.log.1", "b.log", "b.log.1",
					     "notes", "target",	 "c.log", "c.log.1" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unlink(names[i]);
	}
	rmdir("d.log");
	rmdir(dir);
}

TestSuite(logs, .init = make_dir, .fini = drop_dir);

static void put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0640);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void expect(const char *name, const char *want)
{
	char text[200];
	FILE *f = fopen(name, "r");
	size_t n;

	cr_assert_not_null(f, "%s", name);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	cr_assert_str_eq(text, want, "%s", name);
}

static bool is_there(const char *name)
{
	return access(name, F_OK) == 0;
}

Test(logs, a_long_one_moves_aside_and_its_writer_goes_on)
{
	int fd = open("a.log", O_WRONLY | O_CREAT | O_APPEND, 0640);

	put("a.log", "0123456789\n");
	logs_trim(dir, 10);
	expect("a.log", "");
	expect("a.log.1", "0123456789\n");
	cr_assert_eq(write(fd, "on\n", 3), 3);
	close(fd);
	expect("a.log", "on\n");
}

Test(logs, the_last_text_replaces_the_one_before)
{
	put("a.log", "the first, a long one\n");
	logs_trim(dir, 10);
	put("a.log", "the second\n");
	logs_trim(dir, 10);
	expect("a.log.1", "the second\n");
}

Test(logs, short_ones_and_other_files_are_left_alone)
{
	put("b.log", "0123456789");
	put("notes", "0123456789012345");
	logs_trim(dir, 10);
	expect("b.log", "0123456789");
	expect("notes", "0123456789012345");
	cr_assert_not(is_there("b.log.1"));
}

Test(logs, links_and_folders_are_not_followed)
{
	put("target", "0123456789012345");
	cr_assert_eq(symlink("target", "c.log"), 0);
	cr_assert_eq(mkdir("d.log", 0755), 0);
	logs_trim(dir, 10);
	expect("target", "0123456789012345");
	cr_assert_not(is_there("c.log.1"));
}

Test(logs, no_folder_no_harm)
{
	logs_trim("/nowhere/at/all", 10);
}
