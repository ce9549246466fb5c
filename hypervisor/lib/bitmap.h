/* Arrays of bits in 64-bit words. Not atomic: whoever shares one holds a lock. */
#ifndef PAVANE_LIB_BITMAP_H
#define PAVANE_LIB_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

static inline bool bitmap_test(const uint64_t *map, size_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

static inline void bitmap_set(uint64_t *map, size_t bit)
{
	map[bit / 64] |= 1ULL << (bit % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t bit)
{
	map[bit / 64] &= ~(1ULL << (bit % 64));
}

/* The first set bit at or after 'from'; 'bits' (the size) when there is none. */
static inline size_t bitmap_next_set(const uint64_t *map, size_t bits, size_t from)
{
	while (from < bits) {
		uint64_t word = map[from / 64] >> (from % 64);

		if (word) {
			from += (size_t)__builtin_ctzll(word);
			return from < bits ? from : bits;
		}
		from = (from / 64 + 1) * 64;
	}
	return bits;
}

/* The first clear bit at or after 'from'; 'bits' when there is none. */
static inline size_t bitmap_next_clear(const uint64_t *map, size_t bits, size_t from)
{
	while (from < bits) {
		uint64_t word = ~map[from / 64] >> (from % 64);

		if (word) {
			from += (size_t)__builtin_ctzll(word);
			return from < bits ? from : bits;
		}
		from = (from / 64 + 1) * 64;
	}
	return bits;
}

static inline size_t bitmap_count(const uint64_t *map, size_t bits)
{
	size_t n = 0;

	for (size_t i = bitmap_next_set(map, bits, 0); i < bits;
	     i = bitmap_next_set(map, bits, i + 1)) {
		n++;
	}
	return n;
}

#endif
