/*
 * Page types in a small scope, all of it.  Three frames of one domain, of which each may be pinned as L1, L2 or L3, be
 * written as a table or by the guest itself, with one entry that points nowhere or to one of the three, read-only or writable.
 * From the first state every request is made, in every state that is reached, until there is no new one: after each the audit
 * has nothing to say, and a refusal has left everything as it was.  What random sequences might miss is not missed here.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hypervisor/mm/world.h"

#define FRAMES	   3u
#define VALUES	   (1 + 2 * FRAMES) /* of an entry */
#define SLOT	   5u
#define STATES_MAX 200000u
#define HASH	   (1u << 19)

struct state {
	uint32_t ref[FRAMES], type[FRAMES];
	uint64_t entry[FRAMES];
};

static mfn_t m[FRAMES];
static struct state *states;
static uint32_t *hash, state_count;

static uint64_t value(unsigned int v)
{
	return v ? entry(m[(v - 1) / 2], v & 1 ? RO : RW) : 0;
}

/* A type that nobody holds is a memory of the last one, and makes no other state. */
static uint32_t type_in_use(uint32_t x)
{
	return x & FT_COUNT ? x : 0;
}

static struct state current(void)
{
	struct state s;

	memset(&s, 0, sizeof(s));
	for (unsigned int i = 0; i < FRAMES; i++) {
		s.ref[i] = frame_of(m[i])->ref;
		s.type[i] = type_in_use(frame_of(m[i])->type);
		s.entry[i] = table_of(m[i])[SLOT];
	}
	return s;
}

static void go_to(const struct state *s)
{
	for (unsigned int i = 0; i < FRAMES; i++) {
		frame_of(m[i])->ref = s->ref[i];
		frame_of(m[i])->type = s->type[i];
		table_of(m[i])[SLOT] = s->entry[i];
	}
}

static bool note(const struct state *s)
{
	uint64_t h = 1469598103934665603ULL;

	for (size_t i = 0; i < sizeof(*s); i++) {
		h = (h ^ ((const uint8_t *)s)[i]) * 1099511628211ULL;
	}
	for (h >>= 20;; h++) {
		uint32_t *at = &hash[h % HASH];

		if (!*at) {
			cr_assert_lt(state_count, STATES_MAX, "more states than expected");
			states[state_count++] = *s;
			*at = state_count;
			return true;
		}
		if (!memcmp(&states[*at - 1], s, sizeof(*s))) {
			return false;
		}
	}
}

#define PIN   0u /* 3 levels */
#define UNPIN 3u
#define WRITE 4u
#define GUEST (WRITE + VALUES) /* writes by itself, where it could have a writable mapping */
#define DONE  (GUEST + VALUES)

static int guest_write(mfn_t f, uint64_t v)
{
	enum frame_type t = frame_type_of(frame_of(f));

	if (frame_type_count(frame_of(f)) && t != FRAME_WRITABLE) {
		return -1;
	}
	table_of(f)[SLOT] = v;
	return 0;
}

static int request(mfn_t f, unsigned int what)
{
	return what < UNPIN    ? pin(d1, f, FRAME_L1 + what)
	       : what == UNPIN ? unpin(d1, f)
	       : what < GUEST  ? write_entry(d1, f, SLOT, value(what - WRITE), d1)
			       : guest_write(f, value(what - GUEST));
}

Test(pagetype_scope, every_state_of_three_frames_is_right)
{
	uint32_t refused = 0, done = 0;

	cpu_fake_start(128, 32, 64);
	alloc_add_range(64, 128);
	d1 = calloc(1, sizeof(*d1));
	cr_assert_eq(dompages_init(&d1->pages, 1, 64), 0);
	states = calloc(STATES_MAX, sizeof(*states));
	hash = calloc(HASH, sizeof(*hash));
	for (unsigned int i = 0; i < FRAMES; i++) {
		m[i] = new_frame(d1);
	}
	struct state first = current();

	note(&first);
	for (uint32_t at = 0; at < state_count; at++) {
		for (unsigned int k = 0; k < FRAMES * DONE; k++) {
			struct state before = states[at], after;
			int rc;

			go_to(&before);
			rc = request(m[k / DONE], k % DONE);
			after = current();
			if (rc) {
				refused++;
				cr_assert(!memcmp(&before, &after, sizeof(after)),
					  "state %u: request %u was refused and left a trace", at,
					  k);
			} else if (note(&after)) {
				check_counts();
				done++;
			}
		}
	}
	cr_log_info("%u states, %u requests refused", state_count, refused);
	cr_assert_gt(done, 1000);
	cr_assert_gt(refused, 1000);
	free(states);
	free(hash);
}
