/*
 * Vectors and lines over make-believe APICs: allocation, claims, and the promise that a level line
 * is masked from its interrupt until its user is done.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/upcall.h"
#include "base/bug.h"
#include "base/log.h"
#include "x86/apic.h"
#include "x86/irq.h"
#include "x86/machine.h"
#include "x86/trap.h"

#define LINES 24

static struct {
	bool masked, level, low;
	uint8_t vector;
	uint32_t apic;
} entry[LINES];
static unsigned int eois, timers, errors, answers, calls;
static void *last_arg;

unsigned int cpu_id(void)
{
	return 0;
}
unsigned int cpu_count(void)
{
	return 4;
}
void cpu_relax(void)
{
}
void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}
void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}
void trap_tell_nmis(void)
{
}

void apic_eoi(void)
{
	eois++;
}
uint32_t apic_id_of(unsigned int cpu)
{
	return cpu == 2 ? 300 : cpu;
}
void apic_timer_interrupt(void)
{
	timers++;
}
void apic_error_interrupt(void)
{
	errors++;
}
void tlb_answer(void)
{
	answers++;
}
bool ioapic_has_gsi(unsigned int gsi)
{
	return gsi < LINES;
}
void ioapic_mask(unsigned int gsi)
{
	entry[gsi].masked = true;
}
void ioapic_unmask(unsigned int gsi)
{
	entry[gsi].masked = false;
}

void ioapic_write_entry(unsigned int gsi, uint8_t vector, uint32_t apic_id, bool level,
			bool active_low)
{
	entry[gsi].masked = true;
	entry[gsi].vector = vector;
	entry[gsi].apic = apic_id;
	entry[gsi].level = level;
	entry[gsi].low = active_low;
}

void ioapic_isa(unsigned int isa, unsigned int *gsi, bool *level, bool *active_low)
{
	*gsi = isa == 0 ? 2 : isa;
	*level = *active_low = isa == 9;
}

void ioapic_default(unsigned int gsi, bool *level, bool *active_low)
{
	*level = *active_low = gsi >= 16;
}

static void handler(void *arg)
{
	calls++;
	last_arg = arg;
}

static void fire(unsigned int vector)
{
	irq_dispatch(NULL, (uint8_t)vector);
}

/* Criterion runs each test in a process of its own: static state is fresh. */
Test(irq, vectors_are_unique_and_never_the_guests_int80)
{
	bool seen[256] = { false };
	unsigned int n = 0;
	int v;

	while ((v = irq_vector_alloc(1)) >= 0) {
		cr_assert(v >= VECTOR_DEVICE_FIRST && v <= VECTOR_DEVICE_LAST);
		cr_assert_neq(v, 0x80);
		cr_assert_not(seen[v]);
		seen[v] = true;
		n++;
	}
	cr_assert_eq(v, -XEN_ENOSPC);
	cr_assert_eq(n, VECTOR_DEVICE_LAST - VECTOR_DEVICE_FIRST);
	irq_vector_free(0x55, 1);
	cr_assert_eq(irq_vector_alloc(1), 0x55);
}

Test(irq, runs_are_aligned_and_avoid_int80)
{
	for (unsigned int i = 0; i < 3; i++) {
		int v = irq_vector_alloc(32);

		cr_assert_geq(v, 0);
		cr_assert_eq(v % 32, 0);
		cr_assert(v > 0x80 || v + 32 <= 0x80);
	}
	cr_assert_eq(irq_vector_alloc(3), -XEN_EINVAL);
	cr_assert_eq(irq_vector_alloc(0), -XEN_EINVAL);
	cr_assert_eq(irq_vector_alloc(64), -XEN_EINVAL);
}

/* Random allocation and freeing against a plain model. */
Test(irq, random_runs_never_overlap)
{
	unsigned int owner[256] = { 0 }, id = 1;
	struct {
		int first;
		unsigned int count;
	} run[64] = { { 0, 0 } };

	srand(1);
	for (unsigned int step = 0; step < 20000; step++) {
		unsigned int i = (unsigned int)rand() % 64;

		if (run[i].count) {
			irq_vector_free((uint8_t)run[i].first, run[i].count);
			memset(owner + run[i].first, 0, run[i].count * sizeof(*owner));
			run[i].count = 0;
			continue;
		}
		run[i].count = 1u << rand() % 5;
		run[i].first = irq_vector_alloc(run[i].count);
		if (run[i].first < 0) {
			run[i].count = 0;
			continue;
		}
		for (unsigned int k = 0; k < run[i].count; k++) {
			cr_assert_eq(owner[(unsigned int)run[i].first + k], 0);
			owner[(unsigned int)run[i].first + k] = id;
		}
		id++;
	}
}

Test(irq, a_level_line_is_masked_until_its_user_is_done)
{
	int dummy;

	cr_assert_eq(irq_gsi_setup(20, true, true), 0);
	cr_assert_eq(irq_gsi_setup(20, true, true), -XEN_EEXIST);
	cr_assert(entry[20].masked && entry[20].level && entry[20].low);
	cr_assert_eq(irq_gsi_claim(20, handler, &dummy), 0);
	cr_assert_not(entry[20].masked);
	fire(entry[20].vector);
	cr_assert_eq(calls, 1);
	cr_assert_eq(last_arg, &dummy);
	cr_assert_eq(eois, 1);
	cr_assert(entry[20].masked);
	irq_gsi_done(20);
	cr_assert_not(entry[20].masked);
	irq_gsi_done(20); /* twice is harmless */
	cr_assert_not(entry[20].masked);
	cr_assert_eq(irq_count(entry[20].vector), 1);
}

Test(irq, an_edge_line_stays_open)
{
	cr_assert_eq(irq_gsi_setup(4, false, false), 0);
	cr_assert_eq(irq_gsi_claim(4, handler, NULL), 0);
	fire(entry[4].vector);
	fire(entry[4].vector);
	cr_assert_eq(calls, 2);
	cr_assert_eq(eois, 2);
	cr_assert_not(entry[4].masked);
}

Test(irq, a_line_has_one_user)
{
	cr_assert_eq(irq_gsi_claim(5, handler, NULL), -XEN_EINVAL);
	cr_assert_eq(irq_gsi_setup_default(5), 0);
	cr_assert_not(irq_gsi_level(5));
	cr_assert_eq(irq_gsi_claim(5, handler, NULL), 0);
	cr_assert_eq(irq_gsi_claim(5, handler, NULL), -XEN_EBUSY);
	irq_gsi_release(5);
	cr_assert(entry[5].masked);
	fire(entry[5].vector);
	cr_assert_eq(calls, 0);
	cr_assert_eq(irq_gsi_claim(5, handler, NULL), 0);
}

/* A release in the middle of service must not leave the next user with a closed line. */
Test(irq, a_line_released_in_service_opens_for_the_next)
{
	cr_assert_eq(irq_gsi_setup_default(21), 0);
	cr_assert(irq_gsi_level(21));
	cr_assert_eq(irq_gsi_claim(21, handler, NULL), 0);
	fire(entry[21].vector);
	irq_gsi_release(21);
	irq_gsi_done(21);
	cr_assert(entry[21].masked, "a late EOI opens nothing that is nobody's");
	cr_assert_eq(irq_gsi_claim(21, handler, NULL), 0);
	cr_assert_not(entry[21].masked);
}

Test(irq, lines_that_do_not_exist_are_refused)
{
	cr_assert_eq(irq_gsi_setup(24, true, true), -XEN_EINVAL);
	cr_assert_eq(irq_gsi_setup(0xffffffff, true, true), -XEN_EINVAL);
	cr_assert_eq(irq_gsi_claim(0xffffffff, handler, NULL), -XEN_EINVAL);
	irq_gsi_release(0xffffffff);
	irq_gsi_done(0xffffffff);
	cr_assert_eq(irq_gsi_vector(0xffffffff), 0);
}

Test(irq, isa_interrupts_follow_the_overrides)
{
	cr_assert_eq(irq_claim_isa(0, handler, NULL), 0);
	cr_assert_not(entry[2].masked);
	cr_assert_eq(irq_claim_isa(2, handler, NULL), -XEN_EBUSY);
}

Test(irq, sources_are_spread_but_never_to_a_wide_id)
{
	unsigned int hits[4] = { 0 };

	for (unsigned int i = 0; i < 40; i++) {
		hits[irq_pick_cpu()]++;
	}
	cr_assert_eq(hits[2], 0);
	cr_assert_gt(hits[0], 5);
	cr_assert_gt(hits[1], 5);
	cr_assert_gt(hits[3], 5);
}

Test(irq, the_hypervisors_own_vectors_do_their_work)
{
	fire(VECTOR_TIMER);
	fire(VECTOR_TLB);
	fire(VECTOR_KICK);
	fire(VECTOR_ERROR);
	cr_assert_eq(timers, 1);
	cr_assert_eq(answers, 1);
	cr_assert_eq(errors, 1);
	cr_assert_eq(eois, 4);
	fire(VECTOR_SPURIOUS);
	fire(0x27);
	cr_assert_eq(eois, 4, "spurious ones are not acknowledged");
	fire(0xe5);
	fire(0x60);
	cr_assert_eq(eois, 6, "stray ones are, or they would block the rest");
}
