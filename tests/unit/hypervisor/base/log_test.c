/* The log: thresholds, the ring the control domain reads, and rationing of guests. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/bug.h"
#include "tests/unit/hypervisor/mm/world.h"

TestSuite(log, .init = world_start, .fini = world_stop);

static const char *console(void)
{
	cpu_fake.console[cpu_fake.console_length] = '\0';
	return cpu_fake.console;
}

Test(log, lines_have_a_prefix_and_one_newline)
{
	log_info("hello %d", 5);
	log_warn("newline given\n");
	cr_assert_str_eq(console(), "(pav) hello 5\n(pav) newline given\n");
}

Test(log, levels_choose_what_the_console_shows_and_the_ring_keeps_all)
{
	char buf[200] = { 0 };
	uint32_t index = 0;

	log_set_level("error/info", "none");
	log_warn("quiet");
	log_err("loud");
	log_guest(LOG_ERR, 3, "never");
	cr_assert_str_eq(console(), "(pav) loud\n");
	log_read(buf, sizeof(buf) - 1, &index, false, false);
	cr_assert_str_eq(buf, "(pav) quiet\n(pav) loud\n");
	log_set_level("all", "info");
	log_debug("details");
	log_guest(LOG_INFO, 3, "about you");
	cr_assert_str_eq(console(), "(pav) loud\n(pav) details\n(pav) d3: about you\n");
	cr_assert(log_set_level(NULL, NULL));
	cr_assert_not(log_set_level("nonsense", NULL));
	cr_assert_not(log_set_level(NULL, "infos"));
	log_debug("still");
	cr_assert(strstr(console(), "still"));
}

Test(log, overlong_lines_are_cut)
{
	char text[600];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_err("%s", text);
	cr_assert_leq(cpu_fake.console_length, 256);
	cr_assert_eq(console()[cpu_fake.console_length - 1], '\n');
}

Test(log, incremental_reads_go_on_where_the_last_one_ended)
{
	char buf[8];
	uint32_t index = 0;

	log_info("abc");
	cr_assert_eq(log_read(buf, 4, &index, true, false), 4);
	cr_assert(!memcmp(buf, "(pav", 4));
	cr_assert_eq(log_read(buf, 8, &index, true, false), 6);
	cr_assert(!memcmp(buf, ") abc\n", 6));
	cr_assert_eq(log_read(buf, 8, &index, true, false), 0);
	cr_assert_eq(log_read(buf, 3, &index, false, true), 3);
	cr_assert(!memcmp(buf, "(pa", 3));
	cr_assert_eq(log_read(buf, 8, &index, false, false), 7, "cleared up to what was read");
	index = 0x80000000;
	cr_assert_eq(log_read(buf, 2, &index, true, false), 2);
	cr_assert(!memcmp(buf, "v)", 2), "an invented position starts at the oldest byte");
}

Test(log, the_ring_keeps_the_newest)
{
	static char buf[40000];
	uint32_t index = 0;
	size_t n;

	for (int i = 0; i < 5000; i++) {
		log_info("%03d", i % 1000);
	}
	log_info("end");
	n = log_read(buf, sizeof(buf), &index, false, false);
	cr_assert_eq(n, 32768);
	cr_assert(!memcmp(buf + n - 4, "end\n", 4));
	cr_assert_eq(index, 50010);
}

Test(log, the_control_domains_text_is_shown_and_takes_no_room_in_the_ring)
{
	char buf[200] = { 0 };
	uint32_t index = 0;

	log_info("ours");
	for (int i = 0; i < 10000; i++) {
		log_write_raw("chatter\n", 8);
	}
	cpu_fake.console_length = 0;
	log_write_raw("chatter\n", 8);
	log_info("ours too");
	cr_assert(strstr(console(), "chatter\n(pav) ours too\n"));
	log_read(buf, sizeof(buf) - 1, &index, false, false);
	cr_assert_str_eq(buf, "(pav) ours\n(pav) ours too\n");
}

Test(log, guests_are_rationed)
{
	unsigned int lines = 0;

	for (int i = 0; i < 1000; i++) {
		log_guest(LOG_ERR, 1, "x");
	}
	for (size_t i = 0; i < cpu_fake.console_length; i++) {
		lines += cpu_fake.console[i] == '\n';
	}
	cr_assert_lt(lines, 40);
	cpu_fake.now += 10000000000LL;
	log_guest(LOG_ERR, 1, "back");
	cr_assert(strstr(console(), "lines about guests left out"));
	cr_assert(strstr(console(), "d1: back"));
}

Test(log, after_an_emergency_every_line_is_shown)
{
	log_set_level("none", "none");
	log_err("not yet");
	log_emergency();
	log_err("now");
	cr_assert_str_eq(console(), "(pav) now\n");
}

Test(log, panic_speaks_even_while_the_heap_and_log_are_locked, .signal = SIGABRT)
{
	struct spinlock low = SPINLOCK_INIT(LOCK_LOG);

	spin_lock(&low);
	panic("the %s", "end");
}
