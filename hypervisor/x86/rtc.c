/* The battery clock's registers made into seconds: pure.  clock.c reads them. */
#include "x86/clock.h"

#define STATUS_B_24H	0x02
#define STATUS_B_BINARY 0x04

static unsigned int number(uint8_t v, bool binary)
{
	return binary ? v : (v >> 4) * 10u + (v & 15u);
}

static bool leap(unsigned int y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* Days from 1970-01-01 to the first of the given month. */
static uint64_t days_before(unsigned int year, unsigned int month)
{
	static const uint16_t before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	unsigned int y = year - 1;

	return (uint64_t)(year - 1970) * 365 + (y / 4 - y / 100 + y / 400) -
	       (1969 / 4 - 1969 / 100 + 1969 / 400) + before[month - 1] +
	       (month > 2 && leap(year) ? 1 : 0);
}

static unsigned int hour_of(const struct rtc_registers *r, bool binary)
{
	unsigned int h = number(r->hour & 0x7f, binary);

	if (r->status_b & STATUS_B_24H) {
		return number(r->hour, binary);
	}
	return h % 12 + (r->hour & 0x80 ? 12 : 0);
}

bool clock_rtc_decode(const struct rtc_registers *r, uint64_t *seconds)
{
	static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool binary = r->status_b & STATUS_B_BINARY;
	unsigned int s = number(r->second, binary), min = number(r->minute, binary),
		     h = hour_of(r, binary);
	unsigned int day = number(r->day, binary), month = number(r->month, binary);
	unsigned int century = number(r->century, binary), year = number(r->year, binary);

	if (year > 99) {
		return false;
	}
	/* A century register that holds nonsense is no century register. */
	year += century >= 19 && century <= 29 ? century * 100 : year < 70 ? 2000 : 1900;
	if (s > 59 || min > 59 || h > 23 || month < 1 || month > 12 || day < 1 || year < 1970 ||
	    day > lengths[month - 1] + (month == 2 && leap(year) ? 1u : 0u)) {
		return false;
	}
	*seconds = ((days_before(year, month) + day - 1) * 24 + h) * 3600 + min * 60 + s;
	return true;
}
