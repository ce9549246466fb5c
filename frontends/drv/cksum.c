/* The CRC of POSIX: polynomial 04C11DB7, highest bit first, then the length, lowest byte first. */
#include "frontends/drv/cksum.h"

#define POLYNOMIAL 0x04c11db7u

static uint32_t table[256];

static void fill_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t sum = i << 24;

		for (int bit = 0; bit < 8; bit++) {
			sum = sum << 1 ^ (sum >> 31 ? POLYNOMIAL : 0);
		}
		table[i] = sum;
	}
}

void cksum_add(struct cksum *c, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint32_t sum = c->sum;

	if (!table[1]) {
		fill_table();
	}
	for (size_t i = 0; i < len; i++) {
		sum = sum << 8 ^ table[sum >> 24 ^ at[i]];
	}
	c->sum = sum;
	c->bytes += len;
}

uint32_t cksum_end(const struct cksum *c)
{
	struct cksum all = *c;

	for (uint64_t n = c->bytes; n; n >>= 8) {
		uint8_t byte = (uint8_t)n;

		cksum_add(&all, &byte, 1);
	}
	return ~all.sum;
}
