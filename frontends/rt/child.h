/*
 * Other domains, for guests that are the control domain: a child runs a function of this same image.  It is
 * given a copy of the image as it is when the child is made, at the same addresses, on page tables of its own, so
 * it may use whatever rt.h offers but print(), the time page and page_alloc().
 *
 * What passes between the two is child_mail: one page of the image, which the parent sees as mail.
 */
#ifndef PAVANE_RT_CHILD_H
#define PAVANE_RT_CHILD_H

#include "frontends/rt/rt.h"

#define CHILD_SPARE 16 /* pages of its own behind the image, mapped writable */

struct child_mail {
	long word[512];
};
extern struct child_mail child_mail; /* the child's own */

struct child {
	domid_t id;
	unsigned int pages;
	uint64_t top;	     /* machine frame of its top table */
	uint64_t spare;	     /* address of its spare pages in the child */
	volatile long *mail; /* its mail, where the parent sees it */
	xen_pfn_t frames[1024]; /* page n of the image's first page on, then spare pages, then tables */
};

/* Control domain's calls. */
long child_domctl(uint32_t cmd, domid_t id); /* with what is in child_ctl */
struct xen_domctl;
extern struct xen_domctl child_ctl;
uint64_t free_pages(void);
uint64_t settled_free_pages(void);		      /* waits until the figure stays */
long domain_make(unsigned int vcpus, uint64_t pages); /* an empty one with this limit: its id */
long domain_give(domid_t id, xen_pfn_t *list, unsigned int n, unsigned int order);
long domain_info(domid_t id); /* 0: in child_ctl.u.getdomaininfo; -ESRCH */
bool domain_gone(domid_t id); /* within two seconds */

/* 0, or an error.  The child is ready but paused, and f has not begun; window: a page of ours to see its mail in. */
long child_make(struct child *c, void *window, void (*f)(void));
long child_go(struct child *c);
/* Waits until the child's word n has that value; false after two seconds. */
bool child_says(struct child *c, unsigned int n, long value);
/* Maps nothing in the window again, and destroys the child; true if it is gone with all that it had. */
bool child_end(struct child *c);
/* Spare page n: its address in the child, and its machine frame. */
void *child_spare(unsigned int n);
uint64_t child_spare_frame(const struct child *c, unsigned int n);
/* A page of ours shows the child's frame; owner DOMID_SELF: one of our own. */
long child_show(void *window, uint64_t mfn, domid_t owner);

#endif
