/* What the targets of libFuzzer share: one input, and what must hold whatever it says. */
#ifndef PAVANE_TESTS_FUZZ_HOST_TARGET_H
#define PAVANE_TESTS_FUZZ_HOST_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(cond)               \
	do {                     \
		if (!(cond)) {   \
			abort(); \
		}                \
	} while (0)

#endif
