/* Log lines: their form, and that a flood of them is cut short and counted. */
#include "dom0-tools/libpav/log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int saved_stderr;
static FILE *kept;

static void keep_stderr(void)
{
	kept = tmpfile();
	saved_stderr = dup(STDERR_FILENO);
	dup2(fileno(kept), STDERR_FILENO);
}

/* What was logged since, as one text; stderr is itself again. */
static char *take_stderr(void)
{
	static char text[65536];
	size_t n;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	rewind(kept);
	n = fread(text, 1, sizeof(text) - 1, kept);
	text[n] = 0;
	fclose(kept);
	return text;
}

static unsigned int lines_of(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++) {
		n += *text == '\n';
	}
	return n;
}

Test(log, a_line_has_time_program_level_and_text)
{
	char *text;

	keep_stderr();
	log_warn("disk %s", "xvda");
	log_trace("not at this level");
	text = take_stderr();
	cr_assert_eq(lines_of(text), 1, "%s", text);
	cr_assert_eq(text[10], 'T');
	cr_assert_not_null(strstr(text, ": warning: disk xvda\n"), "%s", text);
}

Test(log, without_a_ration_nothing_is_dropped)
{
	keep_stderr();
	for (int i = 0; i < 500; i++) {
		log_info("line %d", i);
	}
	cr_assert_eq(lines_of(take_stderr()), 500);
}

Test(log, a_flood_is_cut_at_the_ration)
{
	char *text;

	keep_stderr();
	log_ration(30);
	for (int i = 0; i < 100000; i++) {
		log_warn("line %d", i);
	}
	text = take_stderr();
	/* A slow machine may have earned a token or two meanwhile, each with a line that counts. */
	cr_assert(lines_of(text) >= 30 && lines_of(text) < 60, "%u", lines_of(text));
}

Test(log, the_next_line_says_how_many_were_dropped)
{
	char *text;

	keep_stderr();
	log_ration(600); /* one each 100 ms */
	for (int i = 0; i < 5000; i++) {
		log_warn("line");
	}
	usleep(250000);
	log_warn("the next");
	text = take_stderr();
	cr_assert_not_null(strstr(text,
				  "lines before this one were dropped: more than 600 a minute\n"),
			   "%s", text + strlen(text) - 300);
	cr_assert_not_null(strstr(text, "warning: the next\n"));
}
