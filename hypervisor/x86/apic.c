/*
 * Each CPU's local APIC: end of interrupt, messages to other CPUs, and the timer behind
 * cpu_timer_set().  Registers are in memory (xAPIC), or in MSRs where the firmware has left x2APIC on,
 * since leaving that mode is not possible without a reset.
 */
#include <stdatomic.h>

#include "arch/cpu.h"
#include "arch/upcall.h"
#include "base/bug.h"
#include "base/log.h"
#include "x86/apic.h"
#include "x86/clock.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/machine.h"

/* Register offsets of the memory form; the MSR is 0x800 + offset / 16. */
#define REG_ID		 0x020
#define REG_VERSION	 0x030
#define REG_TPR		 0x080
#define REG_EOI		 0x0b0
#define REG_LDR		 0x0d0
#define REG_DFR		 0x0e0
#define REG_SPURIOUS	 0x0f0
#define REG_ISR		 0x100
#define REG_ESR		 0x280
#define REG_ICR		 0x300
#define REG_ICR_HIGH	 0x310
#define REG_LVT_TIMER	 0x320
#define REG_LVT_THERMAL	 0x330
#define REG_LVT_PERF	 0x340
#define REG_LVT_LINT0	 0x350
#define REG_LVT_LINT1	 0x360
#define REG_LVT_ERROR	 0x370
#define REG_TIMER_INIT	 0x380
#define REG_TIMER_NOW	 0x390
#define REG_TIMER_DIV	 0x3e0

#define LVT_MASKED	 (1u << 16)
#define LVT_NMI		 (4u << 8)
#define TIMER_DEADLINE	 (2u << 17)
#define ICR_PENDING	 (1u << 12)
#define MSR_TSC_DEADLINE 0x6e0
#define BASE_ENABLED	 (1u << 11)
#define BASE_X2APIC	 (1u << 10)

static volatile uint32_t *registers; /* xAPIC */
static bool x2apic;
static bool deadline_mode;
static uint64_t timer_hz; /* one-shot mode */
static uint32_t id_of_cpu[MAX_CPUS];
static ns_t deadline[MAX_CPUS]; /* each CPU's own */

static uint32_t read_reg(unsigned int reg)
{
	return x2apic ? (uint32_t)rdmsr(0x800 + reg / 16) : registers[reg / 4];
}

static void write_reg(unsigned int reg, uint32_t value)
{
	if (x2apic) {
		wrmsr(0x800 + reg / 16, value);
	} else {
		registers[reg / 4] = value;
	}
}

static uint32_t own_id(void)
{
	return x2apic ? read_reg(REG_ID) : read_reg(REG_ID) >> 24;
}

void apic_eoi(void)
{
	write_reg(REG_EOI, 0);
}

uint32_t apic_id_of(unsigned int cpu)
{
	return id_of_cpu[cpu];
}

void apic_set_id(unsigned int cpu, uint32_t id)
{
	id_of_cpu[cpu] = id;
}

/* --- messages --- */

/* Delivery takes some cycles; a bound, because a wedged bus must not wedge us. */
static void wait_sent(void)
{
	for (unsigned int i = 0; i < 1000000 && (registers[REG_ICR / 4] & ICR_PENDING); i++) {
		__asm__ volatile("pause");
	}
}

void apic_send_command(uint32_t apic_id, uint32_t command)
{
	if (x2apic) {
		/* An MSR write is not ordered after earlier stores, which the message may be about. */
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(0x800 + REG_ICR / 16, (uint64_t)apic_id << 32 | command);
		return;
	}
	wait_sent();
	registers[REG_ICR_HIGH / 4] = apic_id << 24;
	registers[REG_ICR / 4] = command;
}

void apic_send_ipi(unsigned int cpu, uint8_t vector)
{
	apic_send_command(id_of_cpu[cpu], vector);
}

void cpu_kick(unsigned int cpu)
{
	if (cpu != cpu_id()) {
		apic_send_ipi(cpu, VECTOR_KICK);
	}
}

/* --- timer --- */

static void program(ns_t from_now)
{
	uint64_t count;

	if (deadline_mode) {
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + clock_ns_to_ticks(from_now));
		return;
	}
	/* Far ones come early: apic_timer_interrupt() then goes on waiting. */
	from_now = MIN(from_now, (ns_t)2000000000);
	count = (uint64_t)from_now * (timer_hz / 1000) / 1000000 + 1;
	write_reg(REG_TIMER_INIT, (uint32_t)MIN(count, (uint64_t)0xffffffff));
}

static void stop_timer(void)
{
	if (deadline_mode) {
		wrmsr(MSR_TSC_DEADLINE, 0);
	} else {
		write_reg(REG_TIMER_INIT, 0);
	}
}

void apic_timer_set(ns_t at)
{
	ns_t now;

	deadline[cpu_id()] = at;
	if (!at) {
		stop_timer();
		return;
	}
	now = cpu_time_now();
	if (at <= now) {
		deadline[cpu_id()] = 0;
		upcall_timer();
	} else {
		program(at - now);
	}
}

void cpu_timer_set(ns_t at)
{
	apic_timer_set(at);
}

/* Never early: an interrupt before its time, or one of a deadline since withdrawn, is only re-armed. */
void apic_timer_interrupt(void)
{
	ns_t *at = &deadline[cpu_id()], now = cpu_time_now();

	if (!*at) {
		return;
	}
	if (now < *at) {
		program(*at - now);
		return;
	}
	*at = 0;
	upcall_timer();
}

/* The timer's count at one moment of the time stamp counter: the least disturbed of a few readings. */
static uint32_t sample_timer(uint64_t *tsc)
{
	uint64_t best = ~0ULL;
	uint32_t count = 0;

	for (unsigned int i = 0; i < 6; i++) {
		uint64_t before = rdtsc_ordered();
		uint32_t now = read_reg(REG_TIMER_NOW);
		uint64_t after = rdtsc_ordered();

		if (after - before < best) {
			best = after - before;
			count = now;
			*tsc = before + best / 2;
		}
	}
	return count;
}

static void calibrate_timer(void)
{
	uint64_t start, end;
	uint32_t count;

	write_reg(REG_TIMER_DIV, 0xb); /* undivided */
	write_reg(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	write_reg(REG_TIMER_INIT, 0xffffffff);
	count = sample_timer(&start);
	clock_wait_us(4000);
	count -= sample_timer(&end);
	write_reg(REG_TIMER_INIT, 0);
	timer_hz = (uint64_t)count * clock_tsc_khz() / (end - start) * 1000;
	if (timer_hz < 1000000) {
		panic("the local APIC's timer runs at %lu Hz", (unsigned long)timer_hz);
	}
	/* A little too fast on paper is a little late in fact, which saves the second interrupt of an early one. */
	timer_hz += timer_hz >> 14;
}

static void start_timer(void)
{
	if (deadline_mode) {
		write_reg(REG_LVT_TIMER, TIMER_DEADLINE | VECTOR_TIMER);
		/* The mode must be in force before the first deadline is written. */
		__asm__ volatile("mfence" ::: "memory");
	} else {
		write_reg(REG_TIMER_DIV, 0xb);
		write_reg(REG_LVT_TIMER, VECTOR_TIMER);
	}
}

/* --- starting --- */

static void clear_pending(void)
{
	/* The firmware may have left interrupts unanswered: at most one a priority class... */
	for (unsigned int i = 0; i < 256; i++) {
		bool any = false;

		for (unsigned int word = 0; word < 8; word++) {
			any |= read_reg(REG_ISR + word * 16) != 0;
		}
		if (!any) {
			return;
		}
		apic_eoi();
	}
}

static void set_up(bool boot_cpu)
{
	unsigned int lvts = (read_reg(REG_VERSION) >> 16 & 0xff) + 1;

	if (!x2apic) {
		write_reg(REG_DFR, 0xffffffff);
		write_reg(REG_LDR, 0);
	}
	write_reg(REG_TPR, 0);
	write_reg(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	write_reg(REG_LVT_LINT0, LVT_MASKED);
	write_reg(REG_LVT_LINT1, boot_cpu ? LVT_NMI : LVT_NMI | LVT_MASKED);
	if (lvts > 4) {
		write_reg(REG_LVT_PERF, LVT_MASKED);
	}
	if (lvts > 5) {
		write_reg(REG_LVT_THERMAL, LVT_MASKED);
	}
	write_reg(REG_SPURIOUS, 1u << 8 | VECTOR_SPURIOUS);
	write_reg(REG_ESR, 0);
	write_reg(REG_LVT_ERROR, VECTOR_ERROR);
	clear_pending();
}

void apic_error_interrupt(void)
{
	static _Atomic unsigned int reported;
	uint32_t error;

	write_reg(REG_ESR, 0); /* latches it */
	error = read_reg(REG_ESR);
	if (atomic_fetch_add(&reported, 1) < 8) {
		log_warn("CPU %u: local APIC error %#x", cpu_id(), error);
	}
}

static bool has_deadline(void)
{
	uint32_t a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	return c & (1u << 24);
}

void apic_init_bsp(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	x2apic = (base & BASE_X2APIC) != 0;
	if (!(base & BASE_ENABLED)) {
		base |= BASE_ENABLED;
		wrmsr(MSR_APIC_BASE, base);
	}
	if (!x2apic) {
		registers = ioremap(base & 0xffffff000ULL, PAGE_SIZE);
	}
	set_up(true);
	id_of_cpu[0] = own_id();
	deadline_mode = has_deadline();
	if (!deadline_mode) {
		calibrate_timer();
	}
	start_timer();
	log_info("APIC: %s, id %u, timer %s %lu kHz", x2apic ? "x2APIC" : "xAPIC", id_of_cpu[0],
		 deadline_mode ? "by deadline" : "one-shot",
		 (unsigned long)(deadline_mode ? clock_tsc_khz() : timer_hz / 1000));
}

void apic_init_ap(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (x2apic && !(base & BASE_X2APIC)) {
		/* One step at a time: straight from off to x2APIC faults. */
		wrmsr(MSR_APIC_BASE, base | BASE_ENABLED);
		wrmsr(MSR_APIC_BASE, base | BASE_ENABLED | BASE_X2APIC);
	} else if (!(base & BASE_ENABLED)) {
		wrmsr(MSR_APIC_BASE, base | BASE_ENABLED);
	}
	set_up(false);
	start_timer();
}
