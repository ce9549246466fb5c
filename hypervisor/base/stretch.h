/*
 * How long each CPU goes with interrupts off: the longest stretch between two moments at which an interrupt could
 * come in, by what was being done.  This is what everybody else on the machine may have to wait for: timers, those
 * who flush TLBs, those who spin on a lock.  And how long a hypercall goes on without a look whether its vCPU
 * should make room: what those wait for who share the CPU with it.
 *
 * In debug builds and in build/pavane-measure; elsewhere it is nothing at all.  The unit is the TSC's tick, which is an
 * instruction on an emulator that counts those (QEMU -icount shift=0, whose TSC has a GHz).
 */
#ifndef PAVANE_BASE_STRETCH_H
#define PAVANE_BASE_STRETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bug.h"

#ifndef STRETCHES
#define STRETCHES CHECKED
#endif

/* What is being done: a hypercall, by its number, or one of these. */
enum { STRETCH_TRAP = 64, STRETCH_INTERRUPT, STRETCH_IDLE, STRETCH_KINDS };

struct stretch {
	uint64_t ticks;
	uint64_t detail; /* a hypercall's first argument, a vector */
};

void stretch_note_begin(unsigned int kind, uint64_t detail);
void stretch_note_pause(void);
void stretch_note_resume(void);
void stretch_note_look(bool goes_on);
/* The longest of a kind on any CPU since this was last asked; the one that goes on now is not counted. */
struct stretch stretch_take(unsigned int kind);
/* Likewise, of a hypercall without a look for other work. */
struct stretch stretch_take_unyielding(unsigned int call);

/* Interrupts have just gone off, or something else begins within the same stretch. */
static inline void stretch_begin(unsigned int kind, uint64_t detail)
{
	if (STRETCHES) {
		stretch_note_begin(kind, detail);
	}
}

/* They are about to be let in. */
static inline void stretch_pause(void)
{
	if (STRETCHES) {
		stretch_note_pause();
	}
}

/* And are off again, for the same work. */
static inline void stretch_resume(void)
{
	if (STRETCHES) {
		stretch_note_resume();
	}
}

/* The hypercall looks for other work, or is over. */
static inline void stretch_look(bool goes_on)
{
	if (STRETCHES) {
		stretch_note_look(goes_on);
	}
}

#endif
