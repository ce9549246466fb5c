/* What was refused last, as core/refusals.c would record it. */
#ifndef PAVANE_TESTS_FAKE_REFUSE_FAKE_H
#define PAVANE_TESTS_FAKE_REFUSE_FAKE_H

#include "base/refuse.h"

struct refused_fake {
	int status;
	enum reason why;
	uint64_t value;
	unsigned int times;
};
extern struct refused_fake refused;

#endif
