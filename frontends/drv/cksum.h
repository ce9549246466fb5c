/* The checksum that the command cksum prints, so that a guest and a shell can compare what they have. */
#ifndef PAVANE_DRV_CKSUM_H
#define PAVANE_DRV_CKSUM_H

#include <stddef.h>
#include <stdint.h>

struct cksum {
	uint32_t sum;
	uint64_t bytes;
};

/* Starts from { 0 }. */
void cksum_add(struct cksum *c, const void *data, size_t len);
/* The sum so far, its length with it. */
uint32_t cksum_end(const struct cksum *c);

#endif
