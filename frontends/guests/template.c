/*
 * Where a guest of your own begins: `make guest NAME=mine` copies this file.  Say in this comment what yours is for.
 *
 * What it may use is in frontends/rt/rt.h (console, memory, events, time, traps, other vCPUs) and
 * frontends/drv/ (the store, disks, TCP/IP); what it returns is its verdict, the last line on its console.
 */
#include "frontends/rt/rt.h"

#include "frontends/drv/store.h"
#include "frontends/drv/words.h"

#define SECOND 1000000000UL

enum verdict guest_main(void)
{
	unsigned int count = 3;
	const struct arg words[] = { { "count", ARG_UINT, &count, "" } };
	char name[64] = "the first domain";

	/* Its command line: `make guest NAME=mine WORDS="count=5"`, or cmdline in a .pav file. */
	words_take(words, ARRAY_SIZE(words));

	/* The store is there when a control domain has started us. */
	if (store_init() == 0) {
		store_read(STORE_NO_TX, "name", name, sizeof(name));
	}
	print("I am %s, with %lu KiB\n", name, start_info->nr_pages * 4);
	for (unsigned int i = 1; i <= count; i++) {
		/* Sleeps until the time is there; any event would wake it before. */
		wait_event(event_count, system_time() + SECOND / 10);
		print("%u of %u, %lu ms since the machine's start\n", i, count,
		      system_time() / 1000000);
	}
	return SUCCESS;
}
