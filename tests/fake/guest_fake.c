/*
 * The fake world of core's unit tests: see guest_fake.h.  What belongs to arch/cpu.h is weak, so a test
 * that links a fuller fake machine gets that one.
 */
#include "tests/fake/guest_fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/bug.h"
#include "base/log.h"
#include "core/hypercall.h"
#include "mm/frame.h"
#include "mm/pool.h"

#define WEAK __attribute__((weak))

struct world world;
struct domain *dom0;
static struct vcpu *current;

/* --- arch/cpu.h --- */

WEAK unsigned int cpu_id(void)
{
	return 0;
}

WEAK unsigned int cpu_count(void)
{
	return 1;
}

WEAK void cpu_relax(void)
{
}

WEAK void cpu_preempt_point(void)
{
}

WEAK ns_t cpu_time_now(void)
{
	static ns_t now;

	return now += 1000;
}

WEAK struct vcpu *cpu_current(void)
{
	return current;
}

WEAK size_t cpu_copy_from_guest(void *to, gva_t from, size_t n)
{
	if (world.fault_reads || from < PAGE_SIZE ||
	    (world.unreadable_from && from + n > world.unreadable_from)) {
		return n;
	}
	memcpy(to, (const void *)(uintptr_t)from, n);
	return 0;
}

static bool write_faults(void)
{
	return world.fault_writes && world.fault_writes_after-- <= 0;
}

WEAK size_t cpu_copy_to_guest(gva_t to, const void *from, size_t n)
{
	if (write_faults() || to < PAGE_SIZE) {
		return n;
	}
	memcpy((void *)(uintptr_t)to, from, n);
	return 0;
}

WEAK size_t cpu_clear_guest(gva_t to, size_t n)
{
	if (write_faults() || to < PAGE_SIZE) {
		return n;
	}
	memset((void *)(uintptr_t)to, 0, n);
	return 0;
}

WEAK void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

WEAK void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

/* --- mm/pool.h --- */

WEAK void *pool_alloc(size_t size)
{
	return calloc(1, size);
}

WEAK void pool_free(void *p)
{
	free(p);
}

/* --- mm/frame.h: there are no frames, unless a test links them --- */

WEAK uint64_t frame_max;

WEAK int frame_get_type(mfn_t m, enum frame_type t, const struct domain *d)
{
	(void)m;
	(void)t;
	(void)d;
	return -XEN_EINVAL;
}

WEAK void frame_put_type(mfn_t m)
{
	(void)m;
}

WEAK void *frame_to_virt(mfn_t m)
{
	return (void *)(uintptr_t)(m.n * PAGE_SIZE);
}

WEAK mfn_t virt_to_frame(const void *p)
{
	return mfn((uintptr_t)p / PAGE_SIZE);
}

/* --- domains --- */

struct domain *world_domain(domid_t id, unsigned int vcpus)
{
	struct domain *d = calloc(1, sizeof(*d));
	unsigned int i;

	d->id = id;
	d->privileged = d->hardware = id == 0;
	atomic_store(&d->refs, 1);
	spin_init(&d->lock, LOCK_DOMAIN);
	d->max_vcpus = vcpus;
	d->shared = calloc(1, PAGE_SIZE);
	for (i = 0; i < vcpus; i++) {
		struct world_vcpu *w = calloc(1, sizeof(*w));

		w->v.domain = d;
		w->v.id = i;
		w->v.info = &d->shared->vcpu_info[i];
		d->vcpu[i] = &w->v;
	}
	evtchn_init(&d->evtchn, d, EVTCHN_PORTS - 1);
	world.domain[id] = d;
	if (id == 0) {
		dom0 = d;
	}
	return d;
}

struct world_vcpu *world_vcpu(struct domain *d, unsigned int id)
{
	return container_of(d->vcpu[id], struct world_vcpu, v);
}

void world_enter(struct domain *d)
{
	current = d->vcpu[0];
}

void world_start(void)
{
	memset(&world, 0, sizeof(world));
	world_enter(world_domain(0, 2));
}

void world_stop(void)
{
	unsigned int id, i;

	for (id = 0; id < WORLD_DOMAINS; id++) {
		if (world.domain[id]) {
			while (evtchn_close_all(&world.domain[id]->evtchn)) {
			}
		}
	}
	for (id = 0; id < WORLD_DOMAINS; id++) {
		struct domain *d = world.domain[id];

		if (!d) {
			continue;
		}
		evtchn_free(&d->evtchn);
		for (i = 0; i < d->max_vcpus; i++) {
			free(world_vcpu(d, i));
		}
		free(d->shared);
		free(d);
	}
	memset(&world, 0, sizeof(world));
	dom0 = NULL;
	current = NULL;
}

struct domain *domain_get(domid_t id)
{
	struct domain *d;

	if (id == DOMID_SELF) {
		id = current->domain->id;
	}
	d = id < WORLD_DOMAINS ? world.domain[id] : NULL;
	return d && domain_get_again(d) ? d : NULL;
}

struct domain *domain_get_from(domid_t id)
{
	for (; id < WORLD_DOMAINS; id++) {
		if (world.domain[id]) {
			return domain_get(id);
		}
	}
	return NULL;
}

bool domain_get_again(struct domain *d)
{
	if (!atomic_load(&d->refs)) {
		return false;
	}
	atomic_fetch_add(&d->refs, 1);
	return true;
}

void domain_put(struct domain *d)
{
	if (atomic_fetch_sub(&d->refs, 1) == 1) {
		world.freed++;
	}
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	(void)d;
	(void)fmt;
	world.crashes++;
}

/* --- vCPUs --- */

void vcpu_mark_event(struct vcpu *v)
{
	v->info->evtchn_upcall_pending = 1;
	container_of(v, struct world_vcpu, v)->marked++;
}

void vcpu_wake(struct vcpu *v)
{
	atomic_fetch_and(&v->pause_flags, ~(VPF_BLOCKED | VPF_POLLING));
	container_of(v, struct world_vcpu, v)->woken++;
}

/* --- arch/guest.h --- */

int guest_pirq_bind(struct domain *d, unsigned int pirq, bool share)
{
	(void)d;
	(void)share;
	if (world.during_pirq_bind) {
		world.during_pirq_bind(pirq);
	}
	if (!world.pirq_bind_answer) {
		world.pirq_bound[pirq] = true;
	}
	return world.pirq_bind_answer;
}

void guest_pirq_unbind(struct domain *d, unsigned int pirq)
{
	(void)d;
	world.pirq_bound[pirq] = false;
}

void guest_pirq_unmasked(struct domain *d, unsigned int pirq)
{
	(void)d;
	world.pirq_unmasked = pirq + 1;
}

int guest_grant_map_pte(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t frame,
			bool readonly)
{
	(void)d;
	(void)host_addr;
	(void)flags;
	(void)frame;
	(void)readonly;
	if (!world.map_answer) {
		world.maps++;
	}
	return world.map_answer;
}

int guest_grant_unmap_pte(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t frame,
			  bool readonly)
{
	(void)d;
	(void)host_addr;
	(void)flags;
	(void)frame;
	(void)readonly;
	if (!world.map_answer) {
		world.unmaps++;
	}
	return world.map_answer;
}

int guest_grant_replace_pte(struct domain *d, uint64_t host_addr, uint64_t new_addr, mfn_t frame,
			    bool readonly)
{
	(void)readonly;
	(void)d;
	(void)host_addr;
	(void)new_addr;
	(void)frame;
	world.replaces++;
	return 0;
}

void guest_tlb_flush(struct domain *d)
{
	(void)d;
	if (world.during_flush) {
		world.during_flush();
	}
	world.tlb_flushes++;
}

/* Its vCPUs have no tables: they hold nothing. */
WEAK void guest_audit(const struct domain *d, struct audit *a)
{
	(void)d;
	(void)a;
}

/* --- continuation --- */

WEAK bool hypercall_preempt(void)
{
	return world.preempt_every && ++world.preempt_asked % world.preempt_every == 0;
}

WEAK long hypercall_restart(unsigned int nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			    uint64_t a5)
{
	const uint64_t args[5] = { a1, a2, a3, a4, a5 };

	world.restarted = true;
	world.restart_nr = nr;
	memcpy(world.restart_args, args, sizeof(args));
	return -XEN_ERESTART;
}

/* --- the shared page from the guest's side --- */

bool world_pending(const struct domain *d, unsigned int port)
{
	return d->shared->evtchn_pending[port / 64] >> (port % 64) & 1;
}

void world_clear_pending(struct domain *d, unsigned int port)
{
	unsigned int i;

	d->shared->evtchn_pending[port / 64] &= ~(1UL << (port % 64));
	for (i = 0; i < d->max_vcpus; i++) {
		d->vcpu[i]->info->evtchn_pending_sel = 0;
		d->vcpu[i]->info->evtchn_upcall_pending = 0;
	}
}

void world_mask(struct domain *d, unsigned int port, bool masked)
{
	xen_ulong_t bit = 1UL << (port % 64);

	if (masked) {
		d->shared->evtchn_mask[port / 64] |= bit;
	} else {
		d->shared->evtchn_mask[port / 64] &= ~bit;
	}
}
