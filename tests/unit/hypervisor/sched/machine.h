/*
 * A fake machine with several CPUs and a clock that the test moves, under the real
 * scheduler, timers, softirqs, vCPUs and domains.  Guests are only a time they would
 * like to run; guest addresses are pointers.
 */
#ifndef PAVANE_TESTS_SCHED_MACHINE_H
#define PAVANE_TESTS_SCHED_MACHINE_H

#include "arch/cpu.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/sched/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/vcpu.h"

#define MACHINE_CPUS 8

struct machine {
	unsigned int cpus, cpu; /* how many, and which one executes now */
	ns_t now;
	ns_t deadline[MACHINE_CPUS]; /* of the hardware timer, 0 none */
	struct vcpu *current[MACHINE_CPUS];
	unsigned int kicks[MACHINE_CPUS];
	unsigned int switches;
	bool hold_saved; /* guest_switch() leaves sched_context_saved() to the test */
	struct vcpu *unsaved;
	/* calls seen */
	unsigned int virqs, exc_virqs, poweroffs, reboots, halts;
	unsigned int shared_pages, type_refs;
	/* answers of the pieces below and beside */
	unsigned int relinquish_steps; /* so often guest_relinquish() says -ERESTART */
	unsigned int abandon_steps;    /* and memory_exchange_abandon() */
	unsigned int shrink_steps;     /* so often grant_table_shrink() says there is more */
	unsigned int fail_after;       /* so many allocations succeed; 0: all */
	unsigned int allocations;
	uint64_t pages_left; /* total that dompages_relinquish() leaves, as if mapped elsewhere */
	bool restarted;
	uint64_t restart[6]; /* number and arguments */
	uint32_t call, op;   /* what the guest is in the middle of */
	unsigned int preempt_points;
	unsigned int preempt_every; /* each so many, a softirq becomes pending there; 0 never */
	bool fault;
	char log[256];
};
extern struct machine machine;

void machine_start(unsigned int cpus, const char *policy);
/* Runs what is pending on every CPU until nothing is. */
void machine_settle(void);
/* Moves time to t, firing timers on the way; calls tick(), if any, after each step. */
void machine_run_until(ns_t t, void (*tick)(ns_t passed));
/* Executes as this CPU. */
void machine_on(unsigned int cpu);
struct domain *machine_domain(domid_t id, unsigned int vcpus);
void machine_up(struct domain *d); /* all vCPUs up, domain unpaused */
void *machine_guest_page(struct domain *d);

#endif
