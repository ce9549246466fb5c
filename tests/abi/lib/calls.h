/* Many hypercalls in one multicall: a list that the test fills, and how many of it failed. */
#ifndef PAVANE_ABI_CALLS_H
#define PAVANE_ABI_CALLS_H

#include "frontends/rt/rt.h"

#define CALLS_MOST 2048u

static struct multicall_entry calls[CALLS_MOST];
static unsigned int call_count;

static inline long calls_issue(void)
{
	return hcall2(__HYPERVISOR_multicall, ptr_arg(calls), call_count);
}

static inline unsigned int calls_failed(void)
{
	unsigned int failed = 0;

	for (unsigned int i = 0; i < call_count; i++) {
		failed += calls[i].result != 0;
	}
	return failed;
}

#endif
