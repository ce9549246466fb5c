/* The longest stretches with interrupts off since this key was last pressed, one line for each kind of work. */
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
	struct stretch s[STRETCH_KINDS];

	/* All of them first: printing is slow. */
	for (unsigned int kind = 0; kind < STRETCH_KINDS; kind++) {
		s[kind] = stretch_take(kind);
	}
	for (unsigned int kind = 0; kind < STRETCH_KINDS; kind++) {
		if (s[kind].ticks) {
			log_info("stretch: %lu ticks, %s %#lx", (unsigned long)s[kind].ticks,
				 name_of(kind), (unsigned long)s[kind].detail);
		}
	}
	log_info("stretch: end");
}

void stretchkey_init(void)
{
	_Static_assert(STRETCH_TRAP == HYPERCALLS, "");
	if (STRETCHES) {
		debugkeys_register('l', "longest stretches with interrupts off, since last asked",
				   show);
	}
}
