/*
 * What time it is, as guests read it: two small structures in memory that they share
 * with us, each under a version that is odd while we write.  A guest reads the
 * time-stamp counter and scales it by its vCPU's page, adds the wall clock's offset, and needs no
 * hypercall.
 */
#include "core/time.h"

#include <xen/xen.h>
#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/lock.h"
#include "core/domain.h"
#include "core/vcpu.h"

#define NS_PER_SEC	  1000000000ULL
/* Guests extrapolate from the page; this bounds what the rounding of the scale can add up to. */
#define TIME_PAGE_MAX_AGE ((ns_t)NS_PER_SEC)

static struct spinlock time_lock = SPINLOCK_INIT(LOCK_TIME);
/* under time_lock: the wall clock when system time was 0 */
static uint64_t wall_sec;
static uint32_t wall_nsec;

void time_init(void)
{
	spin_init(&time_lock, LOCK_TIME);
}

/* Writer's half of the version protocol; x86 keeps stores in order, so the compiler must too. */
static void version_begin(uint32_t *version)
{
	__atomic_store_n(version, (*version | 1) == *version ? *version + 2 : *version + 1,
			 __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void version_end(uint32_t *version)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(version, *version + 1, __ATOMIC_RELAXED);
}

static void write_domain(struct domain *d)
{
	struct shared_info *s = d->shared;
	uint64_t sec = wall_sec + (uint64_t)d->time_offset;

	version_begin(&s->wc_version);
	s->wc_sec = (uint32_t)sec;
	s->wc_sec_hi = (uint32_t)(sec >> 32);
	s->wc_nsec = wall_nsec;
	version_end(&s->wc_version);
}

void time_update_domain(struct domain *d)
{
	spin_lock(&time_lock);
	write_domain(d);
	spin_unlock(&time_lock);
}

void time_set_wallclock(uint64_t sec, uint32_t nsec, ns_t at)
{
	uint64_t since = (uint64_t)at, ns;
	struct domain *d;
	domid_t id = 0;

	spin_lock(&time_lock);
	ns = nsec + NS_PER_SEC - since % NS_PER_SEC;
	wall_sec = sec - since / NS_PER_SEC - 1 + ns / NS_PER_SEC;
	wall_nsec = (uint32_t)(ns % NS_PER_SEC);
	spin_unlock(&time_lock);

	while ((d = domain_get_from(id))) {
		time_update_domain(d);
		id = (domid_t)(d->id + 1);
		domain_put(d);
	}
}

uint64_t time_wallclock_sec(void)
{
	uint64_t sec;

	spin_lock(&time_lock);
	sec = wall_sec + ((uint64_t)cpu_time_now() + wall_nsec) / NS_PER_SEC;
	spin_unlock(&time_lock);
	return sec;
}

/* The second copy may straddle two frames, so it is written through the area in three steps. */
static void write_area(struct vcpu *v, const struct vcpu_time_info *now)
{
	struct vcpu_time_info t = *now;

	if (!v->time_area.address) {
		return;
	}
	/* The page's own version is even now; one before it is odd and was never shown as complete. */
	t.version = now->version - 1;
	guest_area_write(&v->time_area, offsetof(struct vcpu_time_info, version), &t.version,
			 sizeof(t.version));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	guest_area_write(&v->time_area, 0, &t, sizeof(t));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	guest_area_write(&v->time_area, offsetof(struct vcpu_time_info, version), &now->version,
			 sizeof(now->version));
}

static void write_vcpu(struct vcpu *v)
{
	struct vcpu_time_info *page = &v->info->time, t = { 0 };

	guest_time_scale(&t);
	version_begin(&page->version);
	page->tsc_timestamp = t.tsc_timestamp;
	page->system_time = t.system_time;
	page->tsc_to_system_mul = t.tsc_to_system_mul;
	page->tsc_shift = t.tsc_shift;
	page->flags = t.flags;
	version_end(&page->version);
	t.version = page->version & ~1u;
	write_area(v, &t);
	v->time_written = cpu_time_now();
	v->time_cpu = cpu_id();
}

void time_update_vcpu(struct vcpu *v)
{
	spin_lock(&time_lock);
	write_vcpu(v);
	spin_unlock(&time_lock);
}

void time_refresh_vcpu(struct vcpu *v)
{
	if (v->time_cpu != cpu_id() || cpu_time_now() - v->time_written > TIME_PAGE_MAX_AGE) {
		time_update_vcpu(v);
	}
}

int time_register_area(struct vcpu *v, gva_t gva)
{
	struct guest_area fresh = { 0 }, old;
	int rc = guest_area_map(&fresh, gva, sizeof(struct vcpu_time_info));

	if (rc) {
		return rc;
	}
	spin_lock(&time_lock);
	old = v->time_area;
	v->time_area = fresh;
	write_vcpu(v);
	spin_unlock(&time_lock);
	guest_area_unmap(&old);
	return 0;
}

void time_release_area(struct vcpu *v)
{
	struct guest_area old;

	spin_lock(&time_lock);
	old = v->time_area;
	v->time_area = (struct guest_area){ 0 };
	spin_unlock(&time_lock);
	guest_area_unmap(&old);
}
