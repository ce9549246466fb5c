/*
 * The life of domains: made paused, run, shut down, killed in steps, and gone
 * when the last frame and the last reference are.
 *
 * Lookup takes no lock.  A two-level table leads from id to struct domain, and a
 * struct domain, once made, is never given back but only used again for another: so a
 * reader may follow a pointer that has just become stale, finds either no reference to
 * take or, after taking one, another id, and looks no further.
 *
 * What may not be done where it is noticed (with locks held, in the middle of a hypercall) is
 * put off to SOFTIRQ_RCU, which runs before this CPU enters any guest: crashing, and freeing.
 */
#include "core/domain.h"

#include <stdarg.h>

#include <xen/errno.h>
#include <xen/sched.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/refuse.h"
#include "core/memory_op.h"
#include "core/sched/sched.h"
#include "core/softirq.h"
#include "core/time.h"
#include "core/timer.h"
#include "core/vcpu.h"
#include "lib/fmt.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/pool.h"

#define IDS_PER_LEAF  (PAGE_SIZE / sizeof(struct domain *))
#define LEAVES	      (DOMID_FIRST_RESERVED / IDS_PER_LEAF + 1)

#define DEFER_CRASH   1u
#define DEFER_RELEASE 2u /* the last frame went: drop the reference that keeps the domain alive */
#define DEFER_FREE    4u
#define DEFER_QUEUED  8u

#define FREE_PAUSE    10000 /* ns between two steps */

enum kill_stage {
	KILL_STOP,
	KILL_EVENTS,
	KILL_GRANTS,
	KILL_GUEST,
	KILL_VCPUS,
	KILL_PAGES,
	KILL_DONE
};

struct domain *dom0;
bool domain_noreboot;

static struct spinlock list_lock = SPINLOCK_INIT(LOCK_DOMLIST);
/* written under list_lock, read without: */
static struct domain **leaves[LEAVES];
static _Atomic uint16_t in_leaf[LEAVES]; /* domains */
/* under list_lock: */
static struct domain *spare; /* structs to use again, linked by 'deferred' */
static uint64_t domains_made;
static domid_t last_id;

static struct domain *_Atomic deferred; /* domains with work for SOFTIRQ_RCU */

static struct timer free_timer;
static _Atomic unsigned int half_freed; /* domains that are being freed in steps */

static void run_deferred(void);
static void free_on(void *arg);

void domains_init(void)
{
	timer_init(&free_timer, free_on, NULL, 0);
	spin_init(&list_lock, LOCK_DOMLIST);
	softirq_register(SOFTIRQ_RCU, run_deferred);
	time_init();
}

/* --- references and lookup --- */

static struct domain **slot_of(unsigned int id)
{
	struct domain **leaf = __atomic_load_n(&leaves[id / IDS_PER_LEAF], __ATOMIC_ACQUIRE);

	return leaf ? &leaf[id % IDS_PER_LEAF] : NULL;
}

bool domain_get_again(struct domain *d)
{
	uint32_t refs = atomic_load(&d->refs);

	while (refs != 0) {
		if (atomic_compare_exchange_weak(&d->refs, &refs, refs + 1)) {
			return true;
		}
	}
	return false;
}

/* Whoever is in the slot, if it is alive and still the one that belongs there. */
static struct domain *get_from_slot(unsigned int id)
{
	struct domain **slot = slot_of(id);
	struct domain *d = slot ? __atomic_load_n(slot, __ATOMIC_ACQUIRE) : NULL;

	if (!d || !domain_get_again(d)) {
		return NULL;
	}
	if (d->id != id) {
		domain_put(d);
		return NULL;
	}
	return d;
}

struct domain *domain_get(domid_t id)
{
	if (id == DOMID_SELF) {
		struct domain *self = cpu_current()->domain;

		return self && domain_get_again(self) ? self : NULL;
	}
	return id < DOMID_FIRST_RESERVED ? get_from_slot(id) : NULL;
}

struct domain *domain_get_from(domid_t first)
{
	unsigned int id = first;

	while (id < DOMID_FIRST_RESERVED) {
		struct domain *d;

		if (!atomic_load_explicit(&in_leaf[id / IDS_PER_LEAF], memory_order_relaxed)) {
			id = (id / IDS_PER_LEAF + 1) * IDS_PER_LEAF;
			continue;
		}
		d = get_from_slot(id);
		if (d) {
			return d;
		}
		id++;
	}
	return NULL;
}

static void enqueue(struct domain *d, uint32_t work)
{
	if (!(atomic_fetch_or(&d->defer, work | DEFER_QUEUED) & DEFER_QUEUED)) {
		d->deferred = atomic_load(&deferred);
		while (!atomic_compare_exchange_weak(&deferred, &d->deferred, d)) {
		}
	}
}

static void defer(struct domain *d, uint32_t work)
{
	enqueue(d, work);
	softirq_raise(SOFTIRQ_RCU);
}

void domain_put(struct domain *d)
{
	if (atomic_fetch_sub(&d->refs, 1) == 1) {
		defer(d, DEFER_FREE);
	}
}

uint64_t domain_count(void)
{
	uint64_t n;

	spin_lock(&list_lock);
	n = domains_made;
	spin_unlock(&list_lock);
	return n;
}

/* --- making --- */

/* A struct to use: one from before, or a new one. */
static struct domain *new_struct(void)
{
	struct domain *d;

	spin_lock(&list_lock);
	d = spare;
	if (d) {
		spare = d->deferred;
	}
	spin_unlock(&list_lock);
	if (!d) {
		return pool_alloc(sizeof(*d));
	}
	/* References are zero and stay so: a late reader of a stale pointer looks at nothing else. */
	*d = (struct domain){ 0 };
	return d;
}

static void keep_struct(struct domain *d)
{
	spin_lock(&list_lock);
	d->deferred = spare;
	spare = d;
	spin_unlock(&list_lock);
}

static int choose_id(domid_t *id)
{
	unsigned int n;

	if (*id != DOMID_INVALID) {
		struct domain **slot = slot_of(*id);

		return *id >= DOMID_FIRST_RESERVED
			       ? refuse_at(-XEN_EINVAL, REASON_BAD_DOMAIN_ID, *id)
		       : slot && *slot ? refuse_at(-XEN_EEXIST, REASON_DOMAIN_EXISTS, *id)
				       : 0;
	}
	for (n = 0; n < DOMID_FIRST_RESERVED; n++) {
		struct domain **slot;

		last_id = last_id < DOMID_FIRST_RESERVED - 1 ? (domid_t)(last_id + 1) : 1;
		slot = slot_of(last_id);
		if (!slot || !*slot) {
			*id = last_id;
			return 0;
		}
	}
	return refuse(-XEN_ENOMEM, REASON_NO_FREE_DOMAIN_ID);
}

/* Puts d under its id into the table; nobody can take a reference yet. */
static int enter_list(struct domain *d, domid_t *id)
{
	void *leaf = alloc_page();
	int rc;

	spin_lock(&list_lock);
	rc = choose_id(id);
	if (rc == 0 && !leaves[*id / IDS_PER_LEAF]) {
		rc = leaf ? 0 : refuse(-XEN_ENOMEM, REASON_NO_HEAP);
		__atomic_store_n(&leaves[*id / IDS_PER_LEAF], leaf, __ATOMIC_RELEASE);
		leaf = NULL;
	}
	if (rc == 0) {
		d->id = *id;
		atomic_fetch_add(&in_leaf[*id / IDS_PER_LEAF], 1);
		__atomic_store_n(slot_of(*id), d, __ATOMIC_RELEASE);
		domains_made++;
	}
	spin_unlock(&list_lock);
	if (leaf) {
		free_page(leaf);
	}
	return rc;
}

static void leave_list(struct domain *d)
{
	spin_lock(&list_lock);
	__atomic_store_n(slot_of(d->id), NULL, __ATOMIC_RELEASE);
	atomic_fetch_sub(&in_leaf[d->id / IDS_PER_LEAF], 1);
	domains_made--;
	spin_unlock(&list_lock);
}

static int create_shared_page(struct domain *d)
{
	d->shared = alloc_page();
	if (!d->shared) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	frame_share(virt_to_frame(d->shared), d);
	for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		d->shared->vcpu_info[i].evtchn_upcall_mask = 1;
	}
	return 0;
}

static int create_vcpus(struct domain *d, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		d->vcpu[i] = vcpu_create(d, i);
		if (!d->vcpu[i]) {
			return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
		}
		d->max_vcpus = i + 1;
		cpu_preempt_point(); /* nobody knows it yet */
	}
	return 0;
}

/* Frees what there is of a domain, also of one half made. */
static void free_parts(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		vcpu_destroy(d->vcpu[i]);
		d->vcpu[i] = NULL;
	}
	evtchn_free(&d->evtchn);
	grant_table_free(&d->grants);
	guest_domain_destroy(d);
	if (d->shared) {
		frame_unshare(virt_to_frame(d->shared));
	}
	dompages_destroy(&d->pages);
	pool_free(d->e820);
}

static int create_parts(struct domain *d, const struct domain_config *c)
{
	int rc = dompages_init(&d->pages, d->id, c->max_pages);

	rc = rc ? rc : create_shared_page(d);
	rc = rc ? rc : evtchn_init(&d->evtchn, d, c->max_evtchn_port);
	rc = rc ? rc
		: grant_table_init(&d->grants, d, c->max_grant_version, c->max_grant_frames,
				   c->max_maptrack_frames);
	rc = rc ? rc : guest_domain_create(d);
	return rc ? rc : create_vcpus(d, c->max_vcpus);
}

int domain_create(domid_t *id, const struct domain_config *c, struct domain **out)
{
	struct domain *d;
	int rc;

	if (c->max_vcpus == 0 || c->max_vcpus > MAX_VCPUS) {
		return refuse_at(-XEN_EINVAL, REASON_TOO_MANY_VCPUS, c->max_vcpus);
	}
	d = new_struct();
	if (!d) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	spin_init(&d->lock, LOCK_DOMAIN);
	refusals_init(&d->refusals);
	watchdogs_init(d);
	rc = enter_list(d, id);
	if (rc) {
		keep_struct(d);
		return rc;
	}
	d->privileged = d->hardware = c->privileged;
	__builtin_memcpy(d->uuid, c->uuid, sizeof(d->uuid));
	d->ssidref = c->ssidref;
	d->max_evtchn_port = c->max_evtchn_port;
	d->sched_weight = 256;
	d->pause_count = 1;
	d->created = cpu_time_now();
	rc = create_parts(d, c);
	if (rc) {
		free_parts(d);
		leave_list(d);
		keep_struct(d);
		return rc;
	}
	time_update_domain(d);
	if (c->privileged) {
		dom0 = d;
	}
	/* Here it becomes visible. */
	atomic_store(&d->refs, 1);
	if (out) {
		*out = d;
	}
	return 0;
}

/* --- pausing --- */

static void set_flag_on_all(struct domain *d, uint32_t flag)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		vcpu_set_flag(d->vcpu[i], flag);
	}
}

static void sleep_sync_all(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		vcpu_sleep_sync(d->vcpu[i]);
	}
}

static void hold_all(struct domain *d, unsigned int *count)
{
	BUG_ON(d == cpu_current()->domain);
	spin_lock(&d->lock);
	if (d->pause_count + d->stop_count == 0) {
		set_flag_on_all(d, VPF_PAUSED);
	}
	++*count;
	spin_unlock(&d->lock);
	sleep_sync_all(d);
}

static int let_go(struct domain *d, unsigned int *count)
{
	int rc = 0;

	spin_lock(&d->lock);
	/* A dying domain's vCPUs never run again: what they would run on is already being taken away. */
	if (d->dying || *count == 0) {
		rc = refuse(-XEN_EINVAL, REASON_NOT_PAUSED);
	} else if (--*count == 0 && d->pause_count + d->stop_count == 0) {
		for (unsigned int i = 0; i < d->max_vcpus; i++) {
			vcpu_clear_flag(d->vcpu[i], VPF_PAUSED);
		}
	}
	spin_unlock(&d->lock);
	return rc;
}

void domain_pause(struct domain *d)
{
	hold_all(d, &d->pause_count);
}

int domain_unpause(struct domain *d)
{
	return let_go(d, &d->pause_count);
}

void domain_stop(struct domain *d)
{
	hold_all(d, &d->stop_count);
}

void domain_go_on(struct domain *d)
{
	let_go(d, &d->stop_count);
}

/* --- shutting down --- */

static void machine_follows(unsigned int reason)
{
	static const char *const words[] = { "power off", "reboot",   "suspend",
					     "crash",	  "watchdog", "soft reset" };

	log_info("control domain shuts down: %s\n",
		 reason < ARRAY_SIZE(words) ? words[reason] : "unknown reason");
	if (reason == SHUTDOWN_poweroff) {
		cpu_poweroff();
	}
	if (reason != SHUTDOWN_reboot && domain_noreboot) {
		log_err("halted: the control domain crashed, and 'noreboot' was given\n");
		cpu_panic_halt();
	}
	cpu_reboot();
}

void domain_shutdown(struct domain *d, unsigned int reason)
{
	if (d->shutdown_code_given) {
		reason = d->shutdown_code;
	}
	if (d == dom0) {
		machine_follows(reason);
	}
	spin_lock(&d->lock);
	if (d->shutdown || d->dying) {
		spin_unlock(&d->lock);
		return;
	}
	d->shutdown_code = reason;
	d->shutdown = true;
	set_flag_on_all(d, VPF_SHUTDOWN);
	spin_unlock(&d->lock);
	evtchn_send_global_virq(VIRQ_DOM_EXC);
}

void domain_resume(struct domain *d)
{
	spin_lock(&d->lock);
	if (d->shutdown && !d->dying) {
		d->shutdown = d->shutdown_code_given = false;
		d->shutdown_code = 0;
		for (unsigned int i = 0; i < d->max_vcpus; i++) {
			vcpu_clear_flag(d->vcpu[i], VPF_SHUTDOWN);
		}
	}
	spin_unlock(&d->lock);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	char why[160];
	va_list args;

	va_start(args, fmt);
	fmt_vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	log_guest(LOG_ERR, d->id, "crashed: %s\n", why);
	defer(d, DEFER_CRASH);
}

/* --- ending --- */

static int kill_step(struct domain *d)
{
	switch (d->kill_stage) {
	case KILL_STOP:
		spin_lock(&d->lock);
		d->dying = true;
		spin_unlock(&d->lock);
		domain_stop(d);
		watchdogs_kill(d);
		return 0;
	case KILL_EVENTS:
		return evtchn_close_all(&d->evtchn);
	case KILL_GRANTS:
		return grant_table_release_mappings(d);
	case KILL_GUEST:
		return guest_relinquish(d);
	case KILL_VCPUS:
		for (unsigned int i = 0; i < d->max_vcpus; i++) {
			if (memory_exchange_abandon(d->vcpu[i])) {
				return -XEN_ERESTART;
			}
			vcpu_relinquish(d->vcpu[i]);
		}
		return 0;
	default:
		return dompages_relinquish(d);
	}
}

int domain_kill(struct domain *d)
{
	if (d == dom0 || d == cpu_current()->domain) {
		return refuse(-XEN_EINVAL, REASON_CONTROL_DOMAIN);
	}
	while (d->kill_stage != KILL_DONE) {
		int rc = kill_step(d);

		if (rc) {
			return rc;
		}
		d->kill_stage++;
	}
	atomic_store(&d->relinquished, true);
	if (d->pages.total == 0) {
		domain_pages_gone(d);
	}
	return 0;
}

void domain_pages_gone(struct domain *d)
{
	/* Noticed twice if the last frame goes while teardown ends; counted once. */
	if (!atomic_exchange(&d->released, true)) {
		defer(d, DEFER_RELEASE);
	}
}

/* Its id and its parts are nobody else's until all of it is free.  False: to be called again. */
static bool free_domain(struct domain *d)
{
	if (!grant_table_shrink(&d->grants)) {
		return false;
	}
	free_parts(d);
	leave_list(d);
	keep_struct(d);
	evtchn_send_global_virq(VIRQ_DOM_EXC);
	return true;
}

/* One with much to free is freed in steps, from a timer, so that guests have their turns in between. */
static void free_some(struct domain *d)
{
	if (!d->half_freed) {
		d->half_freed = true;
		atomic_fetch_add(&half_freed, 1);
	}
	if (!free_domain(d)) {
		enqueue(d, DEFER_FREE);
		timer_migrate(&free_timer, cpu_id());
		timer_set(&free_timer, cpu_time_now() + FREE_PAUSE);
	} else {
		atomic_fetch_sub(&half_freed, 1);
	}
}

bool domain_half_freed(void)
{
	return atomic_load(&half_freed) != 0;
}

static void free_on(void *arg)
{
	(void)arg;
	softirq_raise(SOFTIRQ_RCU);
}

static void do_deferred(struct domain *d, uint32_t work)
{
	if (work & DEFER_CRASH) {
		domain_shutdown(d, SHUTDOWN_crash);
	}
	if (work & DEFER_FREE) {
		free_some(d);
	} else if (work & DEFER_RELEASE) {
		domain_put(d);
	}
}

static void run_deferred(void)
{
	struct domain *d = atomic_exchange(&deferred, NULL);

	while (d) {
		/* Once the bits are taken, anyone may queue it again and so change the link. */
		struct domain *next = d->deferred;

		do_deferred(d, atomic_exchange(&d->defer, 0));
		d = next;
	}
}
