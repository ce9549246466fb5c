/* The clock's arithmetic: scaling as guests do it, and the battery clock's many formats. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#include "x86/clock.h"

Test(clock, scale_is_right_to_a_billionth_at_any_rate)
{
	static const uint64_t rates[] = { 100000000,  500000001,  999999999,  1000000000,
					  1000000001, 2000000000, 2596146000, 3999999999,
					  4000000000, 5700000000, 20000000000 };

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		uint32_t mul;
		int8_t shift;
		ns_t hour;

		clock_scale_of(rates[i], &mul, &shift);
		cr_assert(mul >> 31, "rate %lu: top bit of mul", rates[i]);
		hour = clock_scale_ticks(rates[i] * 3600, mul, shift);
		/* An hour, to 5 microseconds: 1.4 in a billion. */
		cr_assert_leq(llabs(hour - 3600000000000LL), 5000, "rate %lu: an hour is %ld ns",
			      rates[i], hour);
	}
}

Test(clock, scaled_time_never_goes_back)
{
	uint32_t mul;
	int8_t shift;
	ns_t last = 0;

	clock_scale_of(2596146000, &mul, &shift);
	for (uint64_t t = 0; t < 1000000; t++) {
		ns_t now = clock_scale_ticks(t, mul, shift);

		cr_assert_geq(now, last);
		last = now;
	}
}

Test(clock, years_of_ticks_do_not_overflow)
{
	uint32_t mul;
	int8_t shift;
	uint64_t year = 365ULL * 86400;

	clock_scale_of(3000000000, &mul, &shift);
	cr_assert_leq(llabs(clock_scale_ticks(year * 50 * 3000000000, mul, shift) -
			    (ns_t)(year * 50 * 1000000000)),
		      10000000000LL);
}

static uint8_t bcd(unsigned int v)
{
	return (uint8_t)(v / 10 << 4 | v % 10);
}

static struct rtc_registers registers_of(time_t t, bool binary, bool hours24, bool century)
{
	struct tm tm;
	struct rtc_registers r = { .status_b = (uint8_t)((binary ? 4 : 0) | (hours24 ? 2 : 0)) };
	unsigned int hour, year;

	gmtime_r(&t, &tm);
	hour = (unsigned int)tm.tm_hour;
	year = (unsigned int)tm.tm_year + 1900;
#define FORM(v) (uint8_t)(binary ? (v) : bcd(v))
	r.second = FORM((unsigned int)tm.tm_sec);
	r.minute = FORM((unsigned int)tm.tm_min);
	r.hour = hours24 ? FORM(hour)
			 : (uint8_t)(FORM(hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
	r.day = FORM((unsigned int)tm.tm_mday);
	r.month = FORM((unsigned int)tm.tm_mon + 1);
	r.year = FORM(year % 100);
	r.century = century ? FORM(year / 100) : 0;
#undef FORM
	return r;
}

Test(clock, battery_clock_agrees_with_the_library_in_every_format)
{
	for (time_t t = 0; t < 4102444800; t += 8191 * 59) { /* to 2100, at all hours of the day */
		for (unsigned int form = 0; form < 8; form++) {
			struct rtc_registers r = registers_of(t, form & 1, form & 2, form & 4);
			uint64_t seconds = 0;

			if (!(form & 4) && t >= 3155760000) { /* 2070: two digits mean 1970 there */
				continue;
			}
			cr_assert(clock_rtc_decode(&r, &seconds), "%ld in form %u is refused", t,
				  form);
			cr_assert_eq(seconds, (uint64_t)t, "%ld in form %u reads %lu", t, form,
				     seconds);
		}
	}
}

Test(clock, battery_clock_with_nonsense_is_refused)
{
	struct rtc_registers good = registers_of(1709164800, false, true, true),
			     r; /* 29 February 2024 */
	uint64_t seconds;

	cr_assert(clock_rtc_decode(&good, &seconds));
	r = good, r.year = 0x23; /* no such day that year */
	cr_assert_not(clock_rtc_decode(&r, &seconds));
	r = good, r.month = 0x13;
	cr_assert_not(clock_rtc_decode(&r, &seconds));
	r = good, r.month = 0;
	cr_assert_not(clock_rtc_decode(&r, &seconds));
	r = good, r.day = 0;
	cr_assert_not(clock_rtc_decode(&r, &seconds));
	r = good, r.hour = 0x24;
	cr_assert_not(clock_rtc_decode(&r, &seconds));
	r = good, r.minute = 0x60;
	cr_assert_not(clock_rtc_decode(&r, &seconds));
	r = (struct rtc_registers){ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }; /* no chip */
	cr_assert_not(clock_rtc_decode(&r, &seconds));
}

Test(clock, a_century_register_that_is_none_is_not_believed)
{
	struct rtc_registers r = registers_of(1709164800, false, true, true);
	uint64_t seconds;

	r.century = 0x77;
	cr_assert(clock_rtc_decode(&r, &seconds));
	cr_assert_eq(seconds, 1709164800);
}
