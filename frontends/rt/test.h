/*
 * For ABI tests: each check prints one line, and only failing ones say why.  A test opens with what the ABI
 * promises; it proves that good requests work, that bad ones are refused with the right error, and that a refusal changed
 * nothing.
 */
#ifndef PAVANE_RT_TEST_H
#define PAVANE_RT_TEST_H

#include "frontends/rt/rt.h"
#include "hypervisor/abi/reason.h"

extern unsigned int checks_failed, checks_made;

#define CHECK(cond, what, ...)                                                                    \
	do {                                                                                      \
		checks_made++;                                                                    \
		if (cond) {                                                                       \
			print("  ok   " what "\n", ##__VA_ARGS__);                                \
		} else {                                                                          \
			checks_failed++;                                                          \
			print("  BAD  " what " [%s:%d: %s]\n", ##__VA_ARGS__, __FILE__, __LINE__, \
			      #cond);                                                             \
		}                                                                                 \
	} while (0)

#define CHECK_EQ(got, want, what, ...)                                                          \
	do {                                                                                    \
		long got_ = (long)(got), want_ = (long)(want);                                  \
		checks_made++;                                                                  \
		if (got_ == want_) {                                                            \
			print("  ok   " what "\n", ##__VA_ARGS__);                              \
		} else {                                                                        \
			checks_failed++;                                                        \
			print("  BAD  " what ": got %ld (%#lx), expected %ld (%#lx) [%s:%d]\n", \
			      ##__VA_ARGS__, got_, (unsigned long)got_, want_,                  \
			      (unsigned long)want_, __FILE__, __LINE__);                        \
		}                                                                               \
	} while (0)

/* What a test returns that has no business here.  A plain guest's SKIP needs no reason: control domains only. */
enum verdict skip(const char *why);

/*
 * refusals.c.  Tests of our own ABI are compiled with HCALL_WATCHED: a hypercall refused without a reason on record is a
 * failed check.
 */
bool is_pavane(void); /* our own hypervisor, or another */
/* REASON_* of this domain's last refusal; *value, if wanted: what it was about.  REASON_NONE on another hypervisor. */
unsigned int last_reason(uint64_t *value);
const char *reason_name(unsigned int reason);
/* rc is this errno, for this reason (on our own hypervisor). */
#define CHECK_REFUSED(rc, err, why, what, ...)                                                 \
	do {                                                                                   \
		long rc_ = (long)(rc);                                                         \
		unsigned int why_ = is_pavane() ? last_reason(NULL) : REASON_##why;            \
		CHECK(rc_ == -(err) && why_ == REASON_##why, what " (%ld, %s)", ##__VA_ARGS__, \
		      rc_, reason_name(why_));                                                 \
	} while (0)

/*
 * audit.c: the hypervisor's own proof that all its counts are right.  NONE: it cannot be asked (a plain guest, a release
 * build, another hypervisor).  What is wrong is on the console.  After main() of a guest it is asked in any case.
 */
enum audit_verdict { AUDIT_OK, AUDIT_FAILED, AUDIT_NONE };
enum audit_verdict audit_machine(void);
/* Presses a key of ours, and gives fn the log's lines from then on until it says true; false if it never does. */
bool debug_key(char key, bool (*fn)(const char *line));

#endif
