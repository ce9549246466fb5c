/*
 * All other CPUs at rest between two pieces of work: no hypercall under way, no lock held, no reference taken for a
 * moment only.  For who has to see the whole machine as it is.
 */
#ifndef PAVANE_CORE_STANDSTILL_H
#define PAVANE_CORE_STANDSTILL_H

#include <stdbool.h>

#include "lib/types.h"

void standstill_init(void);
/*
 * From a softirq, by one CPU at a time.  False if some CPU did not come to rest within the time (it may be waiting for a vCPU
 * of this one to leave): they go on, and the caller has to let its CPU do other work before it tries again.
 */
bool standstill_begin(ns_t patience);
void standstill_end(void);

#endif
