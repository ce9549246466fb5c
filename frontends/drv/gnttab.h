/*
 * Pages lent to another domain: the guest's own grant table, version 1, and its free entries.
 * A page stays lent until the other side has let go of it; nobody can take it back before.
 */
#ifndef PAVANE_DRV_GNTTAB_H
#define PAVANE_DRV_GNTTAB_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

/* 0, or what the hypervisor refused with; a second call does nothing. */
int gnttab_init(void);

/* Lends a page; 0, which is no grant of ours, when all entries are taken. */
grant_ref_t gnttab_grant(domid_t to, const void *page, bool readonly);

/* False, and the page stays lent, while the other domain has it mapped. */
bool gnttab_end(grant_ref_t ref);

/* Entries that can still be given out. */
unsigned int gnttab_free_count(void);

#endif
