/*
 * The arithmetic of the clock, pure: scaling as the ABI's vcpu_time_info has it, and
 * the battery clock's registers.  Next: clock.c, which reads the hardware.
 */
#ifndef PAVANE_X86_CLOCK_H
#define PAVANE_X86_CLOCK_H

#include "lib/types.h"

/* nanoseconds = ((ticks << shift, or >> -shift) * mul) >> 32; mul has its top bit set. */
static inline void clock_scale_of(uint64_t hz, uint32_t *mul, int8_t *shift)
{
	uint64_t x = (1000000000ULL << 34) / hz; /* ns per tick, 34 bits of fraction */
	int s = 2;

	while (x >> 32) {
		x >>= 1;
		s--;
	}
	while (!(x >> 31)) {
		x <<= 1;
		s++;
	}
	*mul = (uint32_t)x;
	*shift = (int8_t)-s;
}

static inline ns_t clock_scale_ticks(uint64_t ticks, uint32_t mul, int8_t shift)
{
	ticks = shift < 0 ? ticks >> -shift : ticks << shift;
	return (ns_t)(uint64_t)(((unsigned __int128)ticks * mul) >> 32);
}

/* CMOS registers 0..9, the century register's value (0: none) and status B. */
struct rtc_registers {
	uint8_t second, minute, hour, day, month, year, century, status_b;
};
/* Seconds since 1970; false if that is no date. */
bool clock_rtc_decode(const struct rtc_registers *r, uint64_t *seconds);

uint64_t clock_tsc_hz(void);
/* Waits; for starting hardware only. */
void clock_wait_us(unsigned int us);
/* A clock tick count for a stretch of time; caps instead of overflowing. */
uint64_t clock_ns_to_ticks(ns_t ns);
/* The boot CPU's part of the comparison in clock_init_ap(), to be called over and over while an AP starts. */
void clock_answer_ap(void);

static inline uint64_t rdtsc_ordered(void)
{
	uint32_t a, d;

	__asm__ volatile("lfence; rdtsc" : "=a"(a), "=d"(d)::"memory");
	return a | (uint64_t)d << 32;
}

#endif
