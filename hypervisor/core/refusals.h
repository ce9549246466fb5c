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
	uint64_t made; /* records so far; the newest is number 'made', record n at n % PAVANE_REFUSALS */
	uint64_t total;				     /* refusals */
	struct pavane_refusal last[PAVANE_REFUSALS]; /* times 0: none yet */
};

void refusals_init(struct refusals *r);

#endif
