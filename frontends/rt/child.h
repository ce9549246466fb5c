/*
 * Other domains, for guests that are the control domain: its calls about them, and a child, which runs a function of
 * this same image.  The child is given a copy of the image as it is when the child is made, at the same addresses, on page
 * tables of its own, so it may use whatever rt.h offers but print() and timers.
 *
 * What passes between the two is child_mail: one page of the image, which the parent sees as mail from the making of the
 * child to its end.
 */
#ifndef PAVANE_RT_CHILD_H
#define PAVANE_RT_CHILD_H

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif
#include "frontends/rt/rt.h"

#include <xen/domctl.h>
#include <xen/memory.h>

/* ns: for what happens at once, on a machine that others may keep busy */
#define CHILD_PATIENCE 20000000000UL

/* control.c: the control domain's calls. */
extern struct xen_domctl child_ctl;	     /* the last request and its answer */
long child_domctl(uint32_t cmd, domid_t id); /* with what is in child_ctl */
uint64_t free_pages(void);
uint64_t settled_free_pages(void);	/* waits until the figure stays */
long domain_create(unsigned int vcpus); /* as many as it may have; its id */
long domain_limit(domid_t id, uint64_t pages);
long domain_make(unsigned int vcpus, uint64_t pages); /* with its vCPUs, and this limit: its id */
/* Memory, by pfn; the list comes back with the frames' numbers.  Returns how many. */
long domain_give(domid_t id, xen_pfn_t *list, unsigned int n, unsigned int order);
long domain_info(domid_t id);	  /* 0: in child_ctl.u.getdomaininfo; -ESRCH */
int domain_shut_down(domid_t id); /* why: SHUTDOWN_*; -1: it has not, or there is none */
long domain_destroy(domid_t id);
bool domain_gone(domid_t id);					/* waits for it */
long vcpu_pin(domid_t id, unsigned int vcpu, unsigned int cpu); /* to a CPU below 64 */

/* child.c */
#define CHILD_SPARE 16 /* pages behind its image that nobody else uses, mapped writable */

/* Words of the mail: an exception that the child did not expect ends it with SHUTDOWN_watchdog, and is told here. */
enum { CHILD_TRAP = 510 /* 1 + vector */, CHILD_TRAP_RIP };

struct child_mail {
	long word[512];
};
extern struct child_mail child_mail; /* the child's own */

struct child {
	domid_t id;
	unsigned int pages;
	uint64_t top;		/* machine frame of its top table, which is pinned */
	volatile long *mail;	/* its mail, where the parent sees it */
	xen_pfn_t frames[1024]; /* page n of the image's first page on, then all that is behind it */
};

/*
 * 0, or an error and there is no child.  It is ready but paused, and f has not begun; it may have two vCPUs, and some
 * pages more than it has.  window: a page of ours to see its mail in.  What f is to know is in our data before, or in
 * the mail before child_go().
 */
long child_make(struct child *c, void *window, void (*f)(void));
long child_go(struct child *c);
/* Waits until the child's word n has that value; false if it never has. */
bool child_says(struct child *c, unsigned int n, long value);
/* Waits until it has shut down; its SHUTDOWN_* reason, or -1. */
int child_wait(struct child *c);
/* All of these in turn; -1 also if there is no child. */
int child_run(struct child *c, void *window, void (*f)(void));
/* Maps nothing in the window again, and destroys the child; true if it is gone with all that it had. */
bool child_end(struct child *c);
/* Spare page n: its address in the child, and its machine frame. */
void *child_spare(unsigned int n);
uint64_t child_spare_frame(const struct child *c, unsigned int n);
/* A page of ours shows the child's frame; owner DOMID_SELF: one of our own. */
long child_show(void *window, uint64_t mfn, domid_t owner);

#endif
