/*
 * The audit on demand: one verdict for each request, however many come at once; a machine that does not come to rest
 * is tried again later and in the end told of; and what was begun is ended, and let go on.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "arch/cpu.h"
#include "base/log.h"
#include "core/audit.h"
#include "core/debugkeys.h"
#include "core/domain.h"
#include "core/softirq.h"
#include "core/standstill.h"
#include "core/timer.h"
#include "mm/audit.h"
#include "mm/frame.h"

uint64_t frame_max = 1000;

static char said[512];
static void (*key)(void), (*work)(void), (*timer_fires)(void *);
static unsigned int raised, timers, audits, held, open_audits;
static bool no_memory, restless, half_freed;
static long findings;
static void (*during_audit)(void);

void log_print(enum log_level level, const char *fmt, ...)
{
	size_t n = strlen(said);
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(said + n, sizeof(said) - n, fmt, ap);
	va_end(ap);
}

void debugkeys_register(char c, const char *help, void (*fn)(void))
{
	cr_expect(c == '=' && *help);
	key = fn;
}

void softirq_register(enum softirq s, void (*handler)(void))
{
	cr_expect_eq(s, SOFTIRQ_AUDIT);
	work = handler;
}

void softirq_raise(enum softirq s)
{
	cr_expect_eq(s, SOFTIRQ_AUDIT);
	raised++;
}

void timer_init(struct timer *t, void (*handler)(void *), void *arg, unsigned int cpu)
{
	(void)t, (void)arg, (void)cpu;
	timer_fires = handler;
}

void timer_set(struct timer *t, ns_t expires)
{
	(void)t;
	cr_expect_gt(expires, cpu_time_now());
	timers++;
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
	(void)t;
	cr_expect_eq(cpu, cpu_id());
}

unsigned int cpu_id(void)
{
	return 3;
}

ns_t cpu_time_now(void)
{
	return 5000;
}

void standstill_init(void)
{
}

bool standstill_begin(ns_t patience)
{
	cr_expect_gt(patience, 0);
	held += !restless;
	return !restless;
}

void standstill_end(void)
{
	held--;
}

bool domain_half_freed(void)
{
	return half_freed;
}

uint64_t domain_count(void)
{
	return 2;
}

bool audit_begin(struct audit *a)
{
	memset(a, 0, sizeof(*a));
	open_audits += !no_memory;
	return !no_memory;
}

void audit_end(struct audit *a)
{
	(void)a;
	open_audits--;
}

void audit_machine(struct audit *a)
{
	cr_expect(held == 1 && !half_freed);
	audits++;
	a->wrong = findings;
	a->refs = 70;
	if (during_audit) {
		during_audit();
	}
}

static void setup(void)
{
	audit_init();
	cr_assert(key && work && timer_fires);
}

TestSuite(auditkey, .init = setup);

/* What is pending, until nothing is. */
static const char *settle(void)
{
	said[0] = 0;
	while (raised) {
		raised = 0;
		work();
	}
	cr_expect(held == 0 && open_audits == 0, "what was begun is ended");
	return said;
}

Test(auditkey, a_key_asks_and_the_verdict_has_the_figures)
{
	work();
	cr_expect_eq(audits, 0, "nobody asked");
	key();
	cr_expect_str_eq(settle(), "audit: ok, 1000 frames: 70 references, 0 of types; 0 frames "
				   "free, 2 domains");
	cr_expect_eq(audits, 1);
}

Test(auditkey, findings_are_a_failure)
{
	findings = 1;
	key();
	cr_expect_str_eq(settle(), "audit: FAILED, 1 finding");
	findings = 7;
	key();
	cr_expect_str_eq(settle(), "audit: FAILED, 7 findings");
}

static void once_more(void)
{
	during_audit = NULL;
	key();
	work(); /* another CPU, which finds this one at it */
	cr_expect_eq(audits, 1);
}

Test(auditkey, who_asks_meanwhile_gets_a_verdict_of_later)
{
	key();
	key();
	settle();
	cr_expect_eq(audits, 1, "two at once: one answer for both");
	audits = 0;
	during_audit = once_more;
	key();
	settle();
	cr_expect_eq(audits, 2);
}

Test(auditkey, without_memory_it_says_so)
{
	no_memory = true;
	key();
	cr_expect(strstr(settle(), "no memory"));
	cr_expect_eq(audits + timers, 0);
	no_memory = false;
	key();
	cr_expect(strstr(settle(), "ok"));
}

Test(auditkey, a_machine_in_motion_is_tried_again_until_it_rests)
{
	restless = true;
	key();
	cr_expect_str_empty(settle());
	cr_expect_eq(timers, 1);
	restless = false;
	half_freed = true; /* a domain in between */
	timer_fires(NULL);
	cr_expect_str_empty(settle());
	cr_expect_eq(timers, 2);
	half_freed = false;
	timer_fires(NULL);
	cr_expect(strstr(settle(), "ok"));
	cr_expect(timers == 2 && audits == 1);
}

Test(auditkey, and_in_the_end_it_is_told_of)
{
	unsigned int tries = 1;

	restless = true;
	key();
	while (!strstr(settle(), "does not come to rest") && tries < 1000) {
		timer_fires(NULL);
		tries++;
	}
	cr_expect_eq(tries, 50);
	cr_expect_eq(timers, 49);
	restless = false;
	key();
	cr_expect(strstr(settle(), "ok"), "the next one begins anew");
}
