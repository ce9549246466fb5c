/*
 * The mini-guest's runtime on the host, for its drivers' tests.  The other side of every ring is the
 * test's: it acts when the guest waits, sees what it was lent, and may lie.
 */
#ifndef PAVANE_TESTS_RT_FAKE_H
#define PAVANE_TESTS_RT_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/xs_wire.h>

/* Runs each time the guest waits for an event. */
extern void (*fake_other_side)(void);
/* The store's page, in a guest that has one. */
extern struct xenstore_domain_interface fake_store_page;
extern unsigned int fake_sent; /* events */

/* The page behind a grant, as the hypervisor would map it; NULL if the entry does not give it. */
void *fake_granted(grant_ref_t ref);
/* The entry itself, to mark it in use. */
grant_entry_v1_t *fake_entry(grant_ref_t ref);

/* What a device published of itself; 0 if it did not. */
uint64_t fake_published(const char *name);
/* Its backend's nodes. */
void fake_backend_node(const char *name, uint64_t value);

#endif
