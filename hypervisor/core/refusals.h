/*
 * The last refusals of each domain, for whoever wants to know why (abi/reason.h).
 */
#ifndef PAVANE_CORE_REFUSALS_H
#define PAVANE_CORE_REFUSALS_H

#include <stdint.h>

#include "abi/reason.h"
#include "base/lock.h"

struct refusals {
	struct spinlock lock;
	unsigned int next; /* place of the next record; the one before it is the newest */
	uint64_t total;
	struct pavane_refusal last[PAVANE_REFUSALS]; /* times 0: none yet */
};

void refusals_init(struct refusals *r);

#endif
