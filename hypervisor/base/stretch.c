/* See stretch.h.  Each CPU writes its own record; a reader elsewhere may see one of two figures, each of them true. */
#include "base/stretch.h"

#include "arch/cpu.h"

static struct record {
	bool begun;	/* not while the machine is started */
	uint64_t since; /* 0: interrupts are on, or this stretch does not count */
	unsigned int kind;
	uint64_t detail;
	struct stretch longest[STRETCH_KINDS];
} records[MAX_CPUS];

void stretch_note_begin(unsigned int kind, uint64_t detail)
{
	struct record *r = &records[cpu_id()];

	r->begun = true;
	if (!r->since) {
		r->since = __builtin_ia32_rdtsc();
	}
	r->kind = kind < STRETCH_KINDS ? kind : STRETCH_TRAP;
	r->detail = detail;
}

void stretch_note_pause(void)
{
	struct record *r = &records[cpu_id()];
	uint64_t ticks = __builtin_ia32_rdtsc() - r->since;
	struct stretch *s = &r->longest[r->kind];

	if (r->since && ticks > s->ticks) {
		*s = (struct stretch){ ticks, r->detail };
	}
	r->since = 0;
}

void stretch_note_resume(void)
{
	struct record *r = &records[cpu_id()];

	r->since = r->begun ? __builtin_ia32_rdtsc() : 0;
}

struct stretch stretch_take(unsigned int kind)
{
	struct stretch most = { 0 };

	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++) {
		struct stretch *s = &records[cpu].longest[kind];

		most = s->ticks > most.ticks ? *s : most;
		*s = (struct stretch){ 0 };
	}
	records[cpu_id()].since = 0;
	return most;
}
