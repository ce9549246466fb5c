/*
 * The shared page of a domain: two rings of 1024 bytes.
 *
 * The other side may write anything into the page at any moment.  We read its
 * indices once, refuse impossible ones, and copy bytes out before anything looks at
 * them.  Pure: works on any memory; mapping and events are domains.c's.
 */
#ifndef XENSTORE_LIKE_RING_H
#define XENSTORE_LIKE_RING_H

#include <stddef.h>

struct xenstore_domain_interface;

/* Take up to room bytes of requests.  How many, or -EIO if the indices are impossible. */
int ring_read(struct xenstore_domain_interface *page, char *to, size_t room);

/* Put up to len bytes of replies.  How many, or -EIO. */
int ring_write(struct xenstore_domain_interface *page, const char *from, size_t len);

/* Say what we can do, and that all is well; for a page just mapped. */
void ring_greet(struct xenstore_domain_interface *page);

/* Tell the other side that we gave up on it, with a reason from the ABI (XENSTORE_ERROR_*). */
void ring_report(struct xenstore_domain_interface *page, unsigned int error);

#endif
