/*
 * The audit on demand: a debug key asks, a softirq answers, with all other CPUs at rest.  Only in debug builds.
 */
#include <stdatomic.h>

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/log.h"
#include "core/audit.h"
#include "core/debugkeys.h"
#include "core/domain.h"
#include "core/softirq.h"
#include "core/standstill.h"
#include "core/timer.h"
#include "mm/audit.h"

#define PATIENCE  20000000LL /* ns for all CPUs to come to rest */
#define TRIES	  50u
#define TRY_AGAIN 5000000LL

static _Atomic unsigned int asked, answered;
static atomic_flag at_work = ATOMIC_FLAG_INIT;
static unsigned int tries; /* under at_work */
static struct timer again;

static void report(const struct audit *a)
{
	if (a->wrong) {
		log_err("audit: FAILED, %ld finding%s", a->wrong, a->wrong > 1 ? "s" : "");
	} else {
		log_info("audit: ok, %lu frames: %lu references, %lu of types; %lu frames free, %lu domains",
			 (unsigned long)frame_max, (unsigned long)a->refs, (unsigned long)a->types,
			 (unsigned long)a->free, (unsigned long)domain_count());
	}
}

/* False: to be tried again. */
static bool audit_now(void)
{
	struct audit a;
	bool stopped;

	if (!audit_begin(&a)) {
		log_err("audit: FAILED, no memory to count in");
		return true;
	}
	stopped = standstill_begin(PATIENCE);
	if (stopped && domain_half_freed()) {
		standstill_end();
		stopped = false;
	}
	if (stopped) {
		audit_machine(&a);
		standstill_end();
		report(&a);
	} else if (++tries == TRIES) {
		log_err("audit: FAILED, a CPU does not come to rest");
	}
	audit_end(&a);
	return stopped || tries == TRIES;
}

static void run_audit(void)
{
	unsigned int upto = atomic_load(&asked);

	if (upto == atomic_load(&answered) || atomic_flag_test_and_set(&at_work)) {
		return; /* whoever is at it looks once more when done */
	}
	if (!audit_now()) {
		/* What keeps the others may be waiting for this CPU: later, from a timer. */
		timer_migrate(&again, cpu_id());
		timer_set(&again, cpu_time_now() + TRY_AGAIN);
		atomic_flag_clear(&at_work);
		return;
	}
	tries = 0;
	atomic_store(&answered, upto);
	atomic_flag_clear(&at_work);
	if (atomic_load(&asked) != upto) {
		softirq_raise(SOFTIRQ_AUDIT);
	}
}

static void try_again(void *arg)
{
	(void)arg;
	softirq_raise(SOFTIRQ_AUDIT);
}

static void ask(void)
{
	atomic_fetch_add(&asked, 1);
	softirq_raise(SOFTIRQ_AUDIT);
}

void audit_init(void)
{
	if (!CHECKED) {
		return;
	}
	standstill_init();
	timer_init(&again, try_again, NULL, 0);
	softirq_register(SOFTIRQ_AUDIT, run_audit);
	debugkeys_register('=', "do all counts equal all references?", ask);
}
