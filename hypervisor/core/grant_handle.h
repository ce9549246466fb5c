/*
 * Handles: what a domain holds of others' frames.  grant_table.h has the invariants.  Takes the borrower's lock,
 * each time for a moment.
 */
#ifndef PAVANE_CORE_GRANT_HANDLE_H
#define PAVANE_CORE_GRANT_HANDLE_H

#include "core/grant_table.h"

/* Room for the handles of so many pages at once. False: out of memory, some may be there. */
bool grant_handle_prepare(struct grant_table *t, unsigned int pages);
/* The entry of a handle, live or not; NULL past the end. */
struct grant_mapping *grant_handle_find(const struct grant_table *t, uint32_t handle);
/* A busy handle, or GRANT_NO_HANDLE. */
uint32_t grant_handle_take(struct grant_table *t, struct grant_mapping **out);
/* A live handle, made busy; NULL if it is not live or someone is at it. */
struct grant_mapping *grant_handle_claim(struct grant_table *t, uint32_t handle);
/* A busy one is free again. */
void grant_handle_drop(struct grant_table *t, uint32_t handle, struct grant_mapping *m);

/* Ends busy: what is stored before is seen by whoever claims it next. */
static inline void grant_handle_publish(struct grant_mapping *m, uint16_t flags)
{
	__atomic_store_n(&m->flags, flags, __ATOMIC_RELEASE);
}

#endif
