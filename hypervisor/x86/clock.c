/*
 * Time.  The time stamp counter is the clock; once at boot it is measured against a timer of
 * known rate, and after that system time is one multiplication away, for us and for guests, with
 * the same constants.  All CPUs count from one common base, so two vCPUs that compute the time from the
 * same counter get the same answer to the nanosecond.
 *
 * Each AP compares its counter with the boot CPU's when it starts.  If they differ, its offset is
 * noted, the counter is called unstable, and our own readings are kept from going back.
 */
#include "x86/clock.h"

#include <stdatomic.h>

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/log.h"
#include "lib/string.h"
#include "x86/io.h"
#include "x86/machine.h"

#define WINDOW_MS 25
#define PIT_HZ	  1193182u
#define PM_HZ	  3579545u

static uint64_t tsc_hz, tsc_base;
static uint32_t scale_mul;
static int8_t scale_shift;
static int64_t tsc_offset[MAX_CPUS]; /* added to a CPU's counter to get the boot CPU's */
static bool rate_constant;
static _Atomic bool warped;
static _Atomic int64_t latest; /* only while warped */
static uint64_t rtc_seconds;

/* --- reference timers --- */

struct reference {
	const char *name;
	uint64_t hz;
	uint64_t mask;
	uint64_t (*read)(void);
};

static volatile uint32_t *hpet;

static uint64_t read_hpet(void)
{
	return hpet[0xf0 / 4];
}

static bool hpet_open(struct reference *r)
{
	uint32_t period;

	if (!acpi.hpet_address) {
		return false;
	}
	hpet = ioremap(acpi.hpet_address, 0x400);
	period = hpet[1]; /* femtoseconds */
	if (period < 100000 || period > 100000000) {
		return false;
	}
	hpet[0x10 / 4] |= 1; /* counting */
	*r = (struct reference){ "HPET", 1000000000000000ULL / period, 0xffffffff, read_hpet };
	return true;
}

static uint64_t read_pm(void)
{
	return inl((uint16_t)acpi.pm_timer_port);
}

static bool pm_open(struct reference *r)
{
	if (!acpi.pm_timer_port || acpi.pm_timer_port > 0xfffc) {
		return false;
	}
	/* 24 bits are always there, and 4.7 seconds are plenty. */
	*r = (struct reference){ "PM timer", PM_HZ, 0xffffff, read_pm };
	return true;
}

/* Channel 2 counts down from 65536 over and over; the latch gives both bytes of one moment. */
static uint64_t read_pit(void)
{
	uint8_t low;

	outb(0x43, 0x80);
	low = inb(0x42);
	return 0xffff - (low | (uint64_t)inb(0x42) << 8);
}

static bool pit_open(struct reference *r)
{
	outb(0x61, (inb(0x61) & ~2) | 1); /* gate on, speaker off */
	outb(0x43, 0xb4);		  /* channel 2, both bytes, mode 2 */
	outb(0x42, 0);
	outb(0x42, 0);
	*r = (struct reference){ "PIT", PIT_HZ, 0xffff, read_pit };
	return true;
}

/* --- measuring --- */

struct sample {
	uint64_t tsc, value, window;
};

/* The least disturbed of some readings: whatever came between is in the window. */
static struct sample take_sample(const struct reference *r)
{
	struct sample best = { 0, 0, ~0ULL };

	for (unsigned int i = 0; i < 8; i++) {
		uint64_t before = rdtsc_ordered(), value = r->read(), after = rdtsc_ordered();

		if (after - before < best.window) {
			best = (struct sample){ before + (after - before) / 2, value,
						after - before };
		}
	}
	return best;
}

/* False if the timer stands still: the counter makes some 10^9 steps without it. */
static bool wait_ticks(const struct reference *r, uint64_t from, uint64_t ticks)
{
	uint64_t start = rdtsc();

	while (((r->read() - from) & r->mask) < ticks) {
		if (rdtsc() - start > 1000000000ULL) {
			return false;
		}
		__asm__ volatile("pause");
	}
	return true;
}

static uint64_t rate(const struct reference *r, struct sample a, struct sample b)
{
	uint64_t ticks = (b.value - a.value) & r->mask;

	/* hz * tsc stays under 2^64 for windows far longer than ours: 10^8 * 10^9. */
	return ticks ? (b.tsc - a.tsc) * r->hz / ticks : 0;
}

static uint64_t difference_ppm(uint64_t a, uint64_t b)
{
	uint64_t d = a > b ? a - b : b - a;

	return d * 1000000 / (a + 1);
}

/* The counter's rate in Hz, or 0.  Two halves of one window must agree with each other. */
static uint64_t measure(const struct reference *r)
{
	uint64_t half = r->hz * WINDOW_MS / 2000, result = 0, best = ~0ULL;

	for (unsigned int round = 0; round < 4 && best > 300; round++) {
		struct sample a = take_sample(r), b, c;
		uint64_t ppm;

		if (!wait_ticks(r, a.value, half)) {
			return 0;
		}
		b = take_sample(r);
		if (!wait_ticks(r, b.value, half)) {
			return 0;
		}
		c = take_sample(r);
		ppm = difference_ppm(rate(r, a, b), rate(r, b, c));
		if (ppm < best) {
			best = ppm;
			result = rate(r, a, c);
		}
	}
	if (result < 100000000 || result > 20000000000ULL || best > 50000) {
		log_warn("clock: %s gives %lu Hz, halves differ by %lu ppm: not used", r->name,
			 (unsigned long)result, (unsigned long)best);
		return 0;
	}
	return result;
}

/* Leaf 0x15 gives the exact rate on processors that know their crystal. */
static uint64_t rate_by_cpuid(void)
{
	uint32_t max, a, b, c, d;

	cpuid(0, 0, &max, &b, &c, &d);
	if (max < 0x15) {
		return 0;
	}
	cpuid(0x15, 0, &a, &b, &c, &d);
	return a && b && c ? (uint64_t)c * b / a : 0;
}

static uint64_t find_rate(const char **how)
{
	static bool (*const open[])(struct reference *) = { hpet_open, pm_open, pit_open };
	uint64_t told = rate_by_cpuid();

	for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
		struct reference r;
		uint64_t hz = open[i](&r) ? measure(&r) : 0;

		if (hz) {
			*how = told && difference_ppm(told, hz) < 5000 ? "CPUID" : r.name;
			return told && difference_ppm(told, hz) < 5000 ? told : hz;
		}
	}
	if (!told) {
		panic("no timer to measure the time stamp counter against");
	}
	*how = "CPUID, unchecked";
	return told;
}

/* Invariant by the processor's word, or emulated by something that keeps it so. */
static bool tsc_rate_is_constant(void)
{
	uint32_t a, b, c, d, max;

	cpuid(0x80000000, 0, &max, &b, &c, &d);
	if (max >= 0x80000007) {
		cpuid(0x80000007, 0, &a, &b, &c, &d);
		if (d & (1u << 8)) {
			return true;
		}
	}
	cpuid(1, 0, &a, &b, &c, &d);
	if (!(c & (1u << 31))) {
		return false;
	}
	cpuid(0x40000000, 0, &a, &b, &c, &d);
	return b == 0x54474354 && c == 0x43544743 &&
	       d == 0x47435447; /* "TCGTCGTCGTCG": one counter for all */
}

/* --- the battery clock --- */

static uint8_t cmos(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static struct rtc_registers read_rtc_once(void)
{
	struct rtc_registers r;

	/* Not while it is being moved on; an absent chip reads as always busy. */
	for (unsigned int i = 0; i < 20000 && (cmos(0x0a) & 0x80); i++) {
		__asm__ volatile("pause");
	}
	r = (struct rtc_registers){ cmos(0), cmos(2), cmos(4), cmos(7),
				    cmos(8), cmos(9), 0,       cmos(0x0b) };
	if (acpi.rtc_century && acpi.rtc_century < 0x80) {
		r.century = cmos(acpi.rtc_century);
	}
	return r;
}

static uint64_t read_rtc(void)
{
	struct rtc_registers a = read_rtc_once(), b;
	uint64_t seconds;

	for (unsigned int i = 0; i < 5; i++, a = b) {
		b = read_rtc_once();
		if (memcmp(&a, &b, sizeof(a)) == 0) {
			break;
		}
	}
	if (!clock_rtc_decode(&a, &seconds)) {
		log_warn("clock: the battery clock shows no date; starting in 1970");
		return 0;
	}
	return seconds;
}

/* --- the interface --- */

void clock_init(void)
{
	const char *how;

	tsc_hz = find_rate(&how);
	clock_scale_of(tsc_hz, &scale_mul, &scale_shift);
	rate_constant = tsc_rate_is_constant();
	rtc_seconds = read_rtc();
	tsc_base = rdtsc_ordered();
	log_info("clock: %lu.%03lu MHz by %s%s", (unsigned long)(tsc_hz / 1000000),
		 (unsigned long)(tsc_hz / 1000 % 1000), how, rate_constant ? ", constant" : "");
}

ns_t cpu_time_now(void)
{
	ns_t now, last;

	if (!tsc_hz) {
		return 0;
	}
	now = clock_scale_ticks(rdtsc_ordered() + (uint64_t)tsc_offset[cpu_id()] - tsc_base,
				scale_mul, scale_shift);
	if (likely(!atomic_load_explicit(&warped, memory_order_relaxed))) {
		return now;
	}
	last = atomic_load(&latest);
	while (now > last && !atomic_compare_exchange_weak(&latest, &last, now)) {
	}
	return now > last ? now : last;
}

uint64_t clock_tsc_hz(void)
{
	return tsc_hz;
}

uint64_t clock_tsc_khz(void)
{
	return tsc_hz / 1000;
}

void clock_scale(uint32_t *mul, int8_t *shift)
{
	*mul = scale_mul;
	*shift = scale_shift;
}

/* One pair for ever: then readers that round differently cannot exist. */
void clock_read(uint64_t *tsc, ns_t *system)
{
	*tsc = tsc_base - (uint64_t)tsc_offset[cpu_id()];
	*system = 0;
}

bool clock_tsc_stable(void)
{
	return rate_constant && !atomic_load(&warped);
}

uint64_t clock_rtc_seconds(void)
{
	return rtc_seconds;
}

uint64_t clock_ns_to_ticks(ns_t ns)
{
	uint64_t s = (uint64_t)ns / 1000000000, rest = (uint64_t)ns % 1000000000;

	if (ns <= 0) {
		return 0;
	}
	if (s > 100000000) { /* three years: no timer is that far */
		s = 100000000;
	}
	return s * tsc_hz + (rest * (tsc_hz / 1000) + 999999) / 1000000;
}

void clock_wait_us(unsigned int us)
{
	uint64_t start = rdtsc(), ticks = clock_ns_to_ticks((ns_t)us * 1000);

	while (rdtsc() - start < ticks) {
		__asm__ volatile("pause");
	}
}

/* --- comparing an AP's counter with the boot CPU's --- */

static _Atomic uint32_t question, answered;
static _Atomic uint64_t answer;

void clock_answer_ap(void)
{
	uint32_t q = atomic_load(&question);

	if (q != atomic_load(&answered)) {
		atomic_store(&answer, rdtsc_ordered());
		atomic_store(&answered, q);
	}
}

/* Asks once; false if nobody answered in time. */
static bool ask(uint64_t *before, uint64_t *theirs, uint64_t *after)
{
	uint32_t q = atomic_load(&question) + 1;

	*before = rdtsc_ordered();
	atomic_store(&question, q);
	while (atomic_load(&answered) != q) {
		if (rdtsc() - *before > tsc_hz / 20) {
			return false;
		}
		__asm__ volatile("pause");
	}
	*theirs = atomic_load(&answer);
	*after = rdtsc_ordered();
	return true;
}

void clock_init_ap(void)
{
	uint64_t before, theirs, after, best = ~0ULL;
	int64_t offset = 0;
	bool differs = false;

	for (unsigned int i = 0; i < 24 && ask(&before, &theirs, &after); i++) {
		/* An answer from outside the interval of its question proves that the counters differ. */
		if ((int64_t)(theirs - before) < 0 || (int64_t)(after - theirs) < 0) {
			differs = true;
		}
		if (after - before < best) {
			best = after - before;
			offset = (int64_t)(theirs - before - (after - before) / 2);
		}
	}
	if (differs) {
		tsc_offset[cpu_id()] = offset;
		atomic_store(&warped, true);
		log_warn("clock: CPU %u's counter is off by %ld", cpu_id(), (long)offset);
	}
}
