/*
 * A set of whole numbers kept as sorted ranges that neither touch nor overlap:
 * I/O ports, interrupts and machine frames a domain may use.  The caller gives
 * the room; nothing is allocated here.
 */
#ifndef PAVANE_LIB_RANGESET_H
#define PAVANE_LIB_RANGESET_H

#include <stdbool.h>
#include <stdint.h>

struct range {
	uint64_t first, last; /* both inside */
};

struct rangeset {
	struct range *range;
	unsigned int count, capacity;
};

void rangeset_init(struct rangeset *s, struct range *room, unsigned int capacity);
/* Adds or takes out first..last. False, with nothing changed, if first > last or there is no room for one more range. */
bool rangeset_add(struct rangeset *s, uint64_t first, uint64_t last);
bool rangeset_remove(struct rangeset *s, uint64_t first, uint64_t last);
/* Are all of first..last in the set?  Is any? (false if first > last) */
bool rangeset_contains(const struct rangeset *s, uint64_t first, uint64_t last);
bool rangeset_overlaps(const struct rangeset *s, uint64_t first, uint64_t last);

#endif
