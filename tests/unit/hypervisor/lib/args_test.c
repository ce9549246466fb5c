/* The boot command line: every kind of word, well formed and not. */
#include "lib/args.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char text[ARG_STRING_MAX];
static bool flag, other;
static unsigned int number;
static uint64_t bytes;
static char heard[512];

static const struct arg table[] = { { "console", ARG_STRING, text, "" },
				    { "flag", ARG_BOOL, &flag, "" },
				    { "noreboot", ARG_BOOL, &other, "" },
				    { "cpus", ARG_UINT, &number, "" },
				    { "dom0_mem", ARG_SIZE, &bytes, "" } };

static void unknown(const char *w)
{
	snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "?%s;", w);
}

static void bad(const char *w)
{
	snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "!%.20s;", w);
}

static void parse(const char *line)
{
	heard[0] = '\0';
	args_parse(line, table, sizeof(table) / sizeof(*table), unknown, bad);
}

Test(args, words_of_each_kind)
{
	parse("  console=com1,vga\tflag cpus=4 dom0_mem=512M noreboot\n");
	cr_assert_str_eq(heard, "");
	cr_assert_str_eq(text, "com1,vga");
	cr_assert(flag && other);
	cr_assert_eq(number, 4);
	cr_assert_eq(bytes, 512ULL << 20);
	parse("no-flag no-noreboot cpus=0x10 console= dom0_mem=1024");
	cr_assert_str_eq(heard, "");
	cr_assert_str_eq(text, "");
	cr_assert(!flag && !other);
	cr_assert_eq(number, 16);
	cr_assert_eq(bytes, 1024ULL << 10);
}

Test(args, a_loader_puts_the_name_first_or_does_not)
{
	cr_assert_str_eq(args_of_loader("vmlinux console=hvc0 quiet", true), "console=hvc0 quiet");
	cr_assert_str_eq(args_of_loader("vmlinux", true), "");
	cr_assert_str_eq(args_of_loader("", true), "");
	cr_assert_str_eq(args_of_loader("/boot/vmlinux  placeholder quiet", true), "quiet");
	cr_assert_str_eq(args_of_loader("console=hvc0", false), "console=hvc0");
	cr_assert_str_eq(args_of_loader(" placeholder root=/dev/sda1", false), "root=/dev/sda1");
	cr_assert_str_eq(args_of_loader("placeholder", false), "");
	cr_assert_str_eq(args_of_loader("placeholders a", false), "placeholders a");
	cr_assert_str_eq(args_of_loader("a placeholder", false), "a placeholder");
}

static bool memory(const char *s, uint64_t *size, uint64_t *min, uint64_t *max)
{
	struct args_memory m = { 1, 2, ~0ULL };
	bool good = args_memory(s, 1ULL << 30, &m);

	*size = m.size >> 20;
	*min = m.min >> 20;
	*max = m.max >> 20;
	return good;
}

Test(args, memory_is_a_list_of_sizes_in_any_order)
{
	uint64_t size, min, max;

	cr_assert(memory("512M", &size, &min, &max));
	cr_assert(size == 512 && min == 0 && max == ~0ULL >> 20);
	cr_assert(memory("min:64M,max:128M", &size, &min, &max));
	cr_assert(size == 0 && min == 64 && max == 128);
	cr_assert(memory("max:2G,1048576", &size, &min, &max));
	cr_assert(size == 1024 && max == 2048);
	cr_assert(memory("-256M,max:-24M", &size, &min, &max));
	cr_assert(size == 768 && max == 1000);
}

Test(args, ill_formed_memory_changes_nothing)
{
	static const char *const wrong[] = { "",	   "x", "512M,", ",512M", "512M,mix:4M",
					     "max:",	   "0", "-1G",	 "--1M",  "min:2G,max:1G",
					     "64M,max:1G2" };
	uint64_t size, min, max;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		cr_assert_not(memory(wrong[i], &size, &min, &max), "'%s'", wrong[i]);
		cr_assert(size == 0 && min == 0 && max == ~0ULL >> 20, "'%s'", wrong[i]);
	}
}

Test(args, later_words_win)
{
	parse("cpus=1 cpus=2 flag=yes flag=off");
	cr_assert_eq(number, 2);
	cr_assert(!flag);
}

Test(args, unknown_and_ill_formed_words_are_told_and_change_nothing)
{
	number = 7;
	bytes = 9;
	flag = true;
	parse("what nope=1 no-cpus cpus cpus= cpus=x cpus=4x cpus=4294967296 dom0_mem=1Q dom0_mem= "
	      "flag=maybe console dom0_mem=99999999999999999999 dom0_mem=-1 = no-");
	cr_assert_str_eq(heard,
			 "?what;?nope=1;?no-cpus;!cpus;!cpus=;!cpus=x;!cpus=4x;!cpus=4294967296;"
			 "!dom0_mem=1Q;!dom0_mem=;!flag=maybe;!console;!dom0_mem=99999999999;"
			 "!dom0_mem=-1;?=;?no-;");
	cr_assert_eq(number, 7);
	cr_assert_eq(bytes, 9);
	cr_assert(flag);
}

Test(args, overlong_words_are_refused)
{
	char line[400];

	memset(line, 'a', sizeof(line));
	memcpy(line, "console=", 8);
	memcpy(line + 300, " cpus=3", 8);
	parse(line);
	cr_assert_str_eq(heard, "!console=aaaaaaaaaaaa;");
	cr_assert_eq(number, 3);
	line[8 + ARG_STRING_MAX] = '\0';
	parse(line);
	cr_assert_str_eq(heard, "!console=aaaaaaaaaaaa;");
}

Test(args, sizes)
{
	static const struct {
		const char *s;
		uint64_t v;
	} good[] = { { "1", 1024 },	    { "4096K", 4 << 20 },
		     { "512m", 512 << 20 }, { "2G", 2ULL << 30 },
		     { "1T", 1ULL << 40 },  { "17b", 17 },
		     { "0x10M", 16 << 20 }, { "0", 0 } };
	static const char *const wrong[] = {
		"", "M", "1MM", "1 ", " 1", "1.5G", "16777216T", "0x", "18446744073709551616", "1M "
	};
	uint64_t v;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		cr_assert(args_size(good[i].s, &v), "%s", good[i].s);
		cr_assert_eq(v, good[i].v);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		cr_assert_not(args_size(wrong[i], &v), "'%s'", wrong[i]);
	}
}
