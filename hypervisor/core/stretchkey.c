/* The longest stretches since this key was last pressed, with interrupts off and without a look: a line for each. */
#include "core/stretchkey.h"

#include "base/log.h"
#include "base/stretch.h"
#include "core/debugkeys.h"
#include "core/hypercall.h"

static const char *name_of(unsigned int kind)
{
	static const char *const others[] = { "exception", "interrupt", "idle" };

	return kind >= HYPERCALLS	    ? others[kind - HYPERCALLS]
	       : hypercall_table[kind].name ? hypercall_table[kind].name
					    : "unknown";
}

static void show(void)
{
	struct stretch s[STRETCH_KINDS], calls[STRETCH_TRAP];

	/* All of them first: printing is slow. */
	for (unsigned int kind = 0; kind < STRETCH_KINDS; kind++) {
		s[kind] = stretch_take(kind);
	}
	for (unsigned int call = 0; call < STRETCH_TRAP; call++) {
		calls[call] = stretch_take_unyielding(call);
	}
	for (unsigned int kind = 0; kind < STRETCH_KINDS; kind++) {
		if (s[kind].ticks) {
			log_info("stretch: %lu ticks, %s %#lx", (unsigned long)s[kind].ticks,
				 name_of(kind), (unsigned long)s[kind].detail);
		}
	}
	for (unsigned int call = 0; call < STRETCH_TRAP; call++) {
		if (calls[call].ticks) {
			log_info("stretch: %lu ticks without a look for other work, %s %#lx",
				 (unsigned long)calls[call].ticks, name_of(call),
				 (unsigned long)calls[call].detail);
		}
	}
	log_info("stretch: end");
}

void stretchkey_init(void)
{
	_Static_assert(STRETCH_TRAP == HYPERCALLS, "");
	if (STRETCHES) {
		debugkeys_register(
			'l',
			"longest stretches with interrupts off or without a look for other work, since last asked",
			show);
	}
}
