/*
 * The machine (arch/cpu.h) on the host: an array of frames, a number of CPUs of
 * which one is "this", a clock that a test sets, and TLBs that only remember
 * when they were last flushed.
 *
 * Guest copies and cpu_current() are not here: what they mean depends on the guest (guest_fake.c).
 */
#ifndef PAVANE_TESTS_FAKE_CPU_FAKE_H
#define PAVANE_TESTS_FAKE_CPU_FAKE_H

#include "arch/cpu.h"

#define CPU_FAKE_DOMAINS 8

struct cpu_fake {
	unsigned int cpus, current;
	ns_t now;
	uint64_t frames;
	uint8_t *memory;	/* frames pages, zero, the host's only when touched */
	uint64_t relaxed;	/* cpu_relax() calls */
	void (*on_relax)(void); /* what another CPU would do meanwhile */
	uint64_t scrubbed;	/* frames */
	void (*on_scrub)(void); /* ... while a frame is being scrubbed */
	/* TLBs */
	uint32_t clock;
	uint32_t flushed_at[MAX_CPUS];
	uint64_t flushes;			 /* CPUs flushed, summed up */
	void (*on_flush)(void);			 /* what happens while others are waited for */
	cpumask_t domain_cpus[CPU_FAKE_DOMAINS]; /* where each domain's vCPUs are; 0: anywhere */
	/* console: the last bytes written */
	char console[4096];
	size_t console_length;
};
extern struct cpu_fake cpu_fake;
/* In a thread that plays another CPU: which one, + 1; 0: cpu_fake.current. */
extern _Thread_local unsigned int cpu_fake_thread;

/*
 * 'frames' pages of memory with their frame table (owner XEN) and M2P; frames [io_first, io_end) are not RAM.
 * Nothing is in the heap yet.
 */
void cpu_fake_start(uint64_t frames, uint64_t io_first, uint64_t io_end);
void cpu_fake_stop(void);

#endif
