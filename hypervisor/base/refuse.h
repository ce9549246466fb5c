/*
 * Refusing: the one way to say no.  Where a request is turned down, in whatever ring, the errno for the caller
 * and the reason for people are said together; what is passed on from below has been said there.
 *
 * Not for what nobody is told (an attempt that has another way out, -ERESTART).
 */
#ifndef PAVANE_BASE_REFUSE_H
#define PAVANE_BASE_REFUSE_H

#include "abi/reason.h"

/* Records it for the current vCPU's domain; implemented by core/refusals.c, and on the host by tests/fake. */
void refusal_record(int status, enum reason why, uint64_t value) __attribute__((cold));
/* What the caller is told about the last refusal of this vCPU is another status. */
void refusal_amend(int status) __attribute__((cold));

/* status, for the caller to return; value: what it is about (see abi/reasons.h). */
static inline int refuse_at(int status, enum reason why, uint64_t value)
{
	refusal_record(status, why, value);
	return status;
}

static inline int refuse(int status, enum reason why)
{
	return refuse_at(status, why, 0);
}

/* A refusal from below, which has its reason, under another errno. */
static inline int refuse_as(int status)
{
	refusal_amend(status);
	return status;
}

#endif
