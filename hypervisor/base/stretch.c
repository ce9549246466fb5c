/* See stretch.h.  Each CPU writes its own record; a reader elsewhere may see one of two figures, each of them true. */
#include "base/stretch.h"

#include <stddef.h>

#include "arch/cpu.h"

static struct record {
	bool begun;	/* not while the machine is started */
	uint64_t since; /* 0: interrupts are on, or this stretch does not count */
	unsigned int kind;
	uint64_t detail;
	uint64_t looked; /* when a hypercall began or last looked for other work; 0: none goes on */
	unsigned int call;
	uint64_t argument;
	struct stretch longest[STRETCH_KINDS];
	struct stretch unyielding[STRETCH_TRAP];
} records[MAX_CPUS];

static void note(struct stretch *s, uint64_t since, uint64_t detail)
{
	uint64_t ticks = __builtin_ia32_rdtsc() - since;

	if (ticks > s->ticks) {
		*s = (struct stretch){ ticks, detail };
	}
}

void stretch_note_begin(unsigned int kind, uint64_t detail)
{
	struct record *r = &records[cpu_id()];

	r->begun = true;
	if (!r->since) {
		r->since = __builtin_ia32_rdtsc();
	}
	r->kind = kind < STRETCH_KINDS ? kind : STRETCH_TRAP;
	r->detail = detail;
	if (kind < STRETCH_TRAP) {
		r->looked = r->looked ? r->looked : r->since;
		r->call = kind;
		r->argument = detail;
	}
}

void stretch_note_pause(void)
{
	struct record *r = &records[cpu_id()];

	if (r->since) {
		note(&r->longest[r->kind], r->since, r->detail);
	}
	r->since = 0;
}

void stretch_note_resume(void)
{
	struct record *r = &records[cpu_id()];

	r->since = r->begun ? __builtin_ia32_rdtsc() : 0;
	if (r->looked) {
		/* An interrupt may have come in between. */
		r->kind = r->call;
		r->detail = r->argument;
	}
}

void stretch_note_look(bool goes_on)
{
	struct record *r = &records[cpu_id()];

	if (r->looked) {
		note(&r->unyielding[r->call], r->looked, r->argument);
		r->looked = goes_on ? __builtin_ia32_rdtsc() : 0;
	}
}

/* The longest of one place in all records, which begin anew. */
static struct stretch take(size_t offset)
{
	struct stretch most = { 0 };

	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++) {
		struct stretch *s = (struct stretch *)((char *)&records[cpu] + offset);

		most = s->ticks > most.ticks ? *s : most;
		*s = (struct stretch){ 0 };
	}
	records[cpu_id()].since = 0;
	records[cpu_id()].looked = 0;
	return most;
}

struct stretch stretch_take(unsigned int kind)
{
	return take(offsetof(struct record, longest[kind]));
}

struct stretch stretch_take_unyielding(unsigned int call)
{
	return take(offsetof(struct record, unyielding[call]));
}
