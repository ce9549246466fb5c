/*
 * A ration: at most so many of something in a minute, for what somebody else can cause at will.
 *
 * A bucket of tokens that fills at a constant rate: a burst of `most` passes, then
 * `most` a minute.  Pure; the caller brings the clock.
 */
#ifndef PAVANE_LIBPAV_RATION_H
#define PAVANE_LIBPAV_RATION_H

#include <stdbool.h>
#include <stdint.h>

struct ration {
	unsigned int most; /* tokens the bucket holds, and gets back in a minute; 0: no limit */
	unsigned int tokens;
	unsigned int refused; /* since the last that passed */
	uint64_t filled_ms;   /* the moment up to which tokens were added */
};

/* A full bucket. */
struct ration ration_start(unsigned int most, uint64_t now_ms);

/* May this one pass?  If so *refused says how many before it did not. now_ms never goes back. */
bool ration_take(struct ration *r, uint64_t now_ms, unsigned int *refused);

#endif
