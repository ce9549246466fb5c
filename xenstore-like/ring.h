/*
 * The shared page of a domain: two rings of 1024 bytes.
 *
 * The other side may write anything into the page at any moment.  Our own two indices
 * are kept here and only ever written to the page; its two are read once, refused if
 * impossible, and bytes are copied out before anything looks at them.  Pure: works on
 * any memory; mapping and events are domains.c's.
 *
 * Reading comes in two steps, so that requests leave the page only once what they did
 * is safe in the journal: ring_read() copies, ring_release() gives the space back.
 */
#ifndef XENSTORE_LIKE_RING_H
#define XENSTORE_LIKE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xenstore_domain_interface;

struct ring {
	struct xenstore_domain_interface *page;
	uint32_t req_cons, rsp_prod; /* ours */
};

/* Go on from where the page says we are. */
void ring_attach(struct ring *r, struct xenstore_domain_interface *page);

/* Copy up to room bytes of requests.  How many, or -EIO if the other side's index is impossible. */
int ring_read(struct ring *r, char *to, size_t room);

/* Let the other side reuse what was read.  True if there was anything. */
bool ring_release(struct ring *r);

/* Put up to len bytes of replies.  How many, or -EIO. */
int ring_write(struct ring *r, const char *from, size_t len);

/* Say what we can do, and that all is well; for a page just introduced. */
void ring_greet(struct ring *r);

/* Tell the other side that we gave up on it, with a reason from the ABI (XENSTORE_ERROR_*). */
void ring_report(struct ring *r, unsigned int error);

#endif
