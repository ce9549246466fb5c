/*
 * What the control domain may do to others, for tests that are started as one: requests, and a child.
 *
 * A child is a second domain made of this very program as it is in memory: the same code, a copy of the data.  It
 * begins in a function of ours with traps and events set up, and does what we had better not do ourselves.
 */
#ifndef PAVANE_RT_DOMCTL_H
#define PAVANE_RT_DOMCTL_H

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif
#include "frontends/rt/rt.h"

#include <xen/domctl.h>
#include <xen/memory.h>

/* The last request and its answer. */
extern struct xen_domctl ctl;
long domctl(uint32_t cmd, domid_t id);
long domctl_create(unsigned int vcpus); /* its id is ctl.domain */
long domctl_limit(domid_t id, uint64_t kib);
/* Memory, by pfn; the list comes back with the frames' numbers. Returns how many. */
long domctl_give(domid_t id, xen_pfn_t *list, unsigned int n, unsigned int order);
long domctl_info(domid_t id); /* this domain and no other */
long domctl_destroy(domid_t id);

/*
 * A child's last words: what it writes here we can read when it has ended.  An exception that it did not
 * expect ends it with SHUTDOWN_watchdog and is told in the last two: 1 + vector, and RIP.
 */
extern volatile uint64_t child_said[512];

/* Makes a child that runs f(arg), and starts it.  0 or -errno. */
long child_begin(void (*f)(uint64_t arg), uint64_t arg);
/* Waits until it has shut down, for 5 seconds at most; its SHUTDOWN_* reason, or -1. */
int child_wait(void);
/* Its last words are ours, and it is gone.  Only one at a time. */
void child_finish(void);
/* All of these in turn; the reason, or -1. */
int child_run(void (*f)(uint64_t arg), uint64_t arg);

#endif
