/* The token bucket of ration.h. */
#include "dom0-tools/libpav/ration.h"

#define MINUTE_MS 60000u

struct ration ration_start(unsigned int most, uint64_t now_ms)
{
	return (struct ration){ .most = most, .tokens = most, .filled_ms = now_ms };
}

/* Whole tokens only; what is left of the time counts towards the next. */
static void fill(struct ration *r, uint64_t now_ms)
{
	uint64_t each = MINUTE_MS / r->most ? MINUTE_MS / r->most : 1;
	uint64_t due = (now_ms - r->filled_ms) / each;

	if (due >= r->most - r->tokens) {
		r->tokens = r->most;
		r->filled_ms = now_ms;
	} else {
		r->tokens += (unsigned int)due;
		r->filled_ms += due * each;
	}
}

bool ration_take(struct ration *r, uint64_t now_ms, unsigned int *refused)
{
	*refused = 0;
	if (!r->most) {
		return true;
	}
	fill(r, now_ms);
	if (!r->tokens) {
		r->refused++;
		return false;
	}
	r->tokens--;
	*refused = r->refused;
	r->refused = 0;
	return true;
}
