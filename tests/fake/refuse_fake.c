/* The record of refusals on the host: of the last one, since a test set it to zero, and how many there were. */
#include "tests/fake/refuse_fake.h"

struct refused_fake refused;

void refusal_record(int status, enum reason why, uint64_t value)
{
	refused.status = status;
	refused.why = why;
	refused.value = value;
	refused.times++;
}

void refusal_amend(int status)
{
	refused.status = status;
}
