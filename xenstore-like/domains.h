/*
 * Domains: their rings, their events, their end.
 *
 * The one part of the daemon that talks to the hypervisor, through the thin /dev/xen
 * libraries.  A domain is known from XS_INTRODUCE (the control domain's own kernel:
 * from start) until XS_RELEASE or until the hypervisor says that it is dying.
 */
#ifndef XENSTORE_LIKE_DOMAINS_H
#define XENSTORE_LIKE_DOMAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "xenstore-like/storage.h"

struct buf;
struct domains;
struct dump_domain_state;

/* Told when a domain comes or goes, so that the journal knows. */
struct domains_listener {
	void (*introduced)(void *arg, unsigned int domid, uint64_t mfn, unsigned int port);
	void (*released)(void *arg, unsigned int domid);
	void *arg;
};

/* Open what there is; without a hypervisor underneath, warn once and serve sockets only.  Sets st->domains. */
struct domains *domains_open(struct storage *st, const struct domains_listener *listener);

/* Unmap and unbind everything. */
void domains_close(struct domains *ds);

/* To poll for reading; -1 if there are no event channels. */
int domains_fd(const struct domains *ds);

/* Take pending events in. */
void domains_take_events(struct domains *ds);

/* Move request bytes from rings that have some into their connections. */
void domains_read(struct domains *ds);

/* Move answers out, give up on broken rings.  True if any byte moved. */
bool domains_write(struct domains *ds);

/* Journal: where every ring stands that moved since last time; after requests, before domains_write(). */
void domains_save(struct domains *ds, struct buf *b);

/* Journal: every domain with its ring, watches and transactions. */
void domains_dump(struct domains *ds, struct buf *b);

/* After a restart: reopen the rings of a dump, and look which domains ended meanwhile. */
void domains_resume(struct domains *ds, const struct dump_domain_state *states);

#endif
