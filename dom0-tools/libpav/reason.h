/*
 * What the hypervisor's reason codes mean: the table of hypervisor/abi/reasons.h, for people.
 */
#ifndef PAVANE_LIBPAV_REASON_H
#define PAVANE_LIBPAV_REASON_H

#include <stdint.h>

struct reason_text {
	const char *name;   /* as in REASON_name */
	const char *what;   /* is wrong: a clause */
	const char *remedy; /* a sentence or two */
};

/* NULL: no such code, as from a newer hypervisor. */
const struct reason_text *reason_text(unsigned int code);
/* The code of a name, upper or lower case, with or without REASON_, with - for _; or of a number.  0: none. */
unsigned int reason_find(const char *name);
/* The name most like it, or NULL if none is. */
const char *reason_nearest(const char *name);
/* How many there are: codes 1 to this, itself not among them. */
unsigned int reason_count(void);

/* "mmu_update", or "hypercall 47"; into a buffer of the caller's. */
const char *reason_call(uint32_t call, char *buffer, unsigned int size);
/* "EINVAL", "GNTST_bad_gntref", or the number. */
const char *reason_status(uint32_t call, int32_t status, char *buffer, unsigned int size);

#endif
