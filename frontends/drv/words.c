/* See words.h. */
#include "frontends/drv/words.h"

#include "frontends/rt/rt.h"

static void pass_over(const char *word)
{
	(void)word;
}

static void complain(const char *word)
{
	print("command line: '%s' is not understood\n", word);
}

void words_take(const struct arg *table, size_t count)
{
	args_parse((const char *)start_info->cmd_line, table, count, pass_over, complain);
}
