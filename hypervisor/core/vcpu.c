/*
 * Virtual CPUs: why one may not run, how it is told of events, and the clock of
 * its run states.  Which physical CPU it runs on, and when, is sched/'s business.
 */
#include "core/vcpu.h"

#include <xen/errno.h>
#include <xen/vcpu.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/bug.h"
#include "base/refuse.h"
#include "core/domain.h"
#include "core/sched/sched.h"
#include "core/time.h"
#include "mm/frame.h"
#include "mm/pool.h"
#include "mm/ptwalk.h"

#define PTE_PRESENT_RW 3ULL
#define PTE_FRAME_MASK 0x000ffffffffff000ULL

static void send_timer_virq(void *arg)
{
	evtchn_send_virq(arg, VIRQ_TIMER);
}

static void periodic_tick(void *arg)
{
	struct vcpu *v = arg;
	ns_t period = __atomic_load_n(&v->period, __ATOMIC_RELAXED);
	ns_t next = v->periodic.expires + period, now = cpu_time_now();

	if (period == 0) {
		return;
	}
	/* Ticks that were missed are not made up for. */
	if (next <= now) {
		next = now + period;
	}
	timer_set(&v->periodic, next);
	evtchn_send_virq(v, VIRQ_TIMER);
}

static void poll_timed_out(void *arg)
{
	vcpu_clear_flag(arg, VPF_POLLING);
}

static void init_timers(struct vcpu *v)
{
	timer_init(&v->singleshot, send_timer_virq, v, v->cpu);
	timer_init(&v->periodic, periodic_tick, v, v->cpu);
	timer_init(&v->poll_timer, poll_timed_out, v, v->cpu);
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
	struct vcpu *v = pool_alloc(sizeof(*v));

	if (!v) {
		return NULL;
	}
	v->domain = d;
	v->id = id;
	atomic_store(&v->pause_flags, VPF_DOWN | VPF_PAUSED);
	v->info = &d->shared->vcpu_info[id];
	v->info->evtchn_upcall_mask = 1;
	v->info_frame = MFN_NONE;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = (uint64_t)cpu_time_now();
	v->time_cpu = MAX_CPUS;
	if (sched_vcpu_init(v)) {
		pool_free(v);
		return NULL;
	}
	init_timers(v);
	if (guest_vcpu_create(v)) {
		vcpu_destroy(v);
		return NULL;
	}
	return v;
}

struct vcpu *vcpu_create_idle(unsigned int cpu)
{
	struct vcpu *v = pool_alloc(sizeof(*v));

	if (v) {
		v->id = cpu;
		atomic_store(&v->cpu, cpu);
		v->affinity = (cpumask_t)1 << cpu;
		v->info_frame = MFN_NONE;
		v->runstate.state = RUNSTATE_running;
	}
	return v;
}

void vcpu_relinquish(struct vcpu *v)
{
	timer_kill(&v->singleshot);
	timer_kill(&v->periodic);
	timer_kill(&v->poll_timer);
	time_release_area(v);
	sched_release_runstate_area(v);
	if (!mfn_eq(v->info_frame, MFN_NONE)) {
		mfn_t frame = v->info_frame;

		__atomic_store_n(&v->info, &v->domain->shared->vcpu_info[v->id], __ATOMIC_SEQ_CST);
		v->info_frame = MFN_NONE;
		frame_put_type(frame);
	}
}

void vcpu_destroy(struct vcpu *v)
{
	vcpu_relinquish(v);
	sched_vcpu_destroy(v);
	guest_vcpu_destroy(v);
	pool_free(v);
}

void vcpu_mark_event(struct vcpu *v)
{
	unsigned int cpu;

	/* Pairs with sched_block(), which raises its flag before it looks at this byte. */
	if (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST)) {
		return;
	}
	vcpu_wake(v);
	cpu = atomic_load(&v->cpu);
	if (atomic_load(&v->running) && cpu != cpu_id()) {
		cpu_kick(cpu);
	}
}

void vcpu_wake(struct vcpu *v)
{
	vcpu_clear_flag(v, VPF_BLOCKED | VPF_POLLING);
}

void vcpu_clear_flag(struct vcpu *v, uint32_t flag)
{
	uint32_t old;

	if (!(atomic_load(&v->pause_flags) & flag)) {
		return;
	}
	old = atomic_fetch_and(&v->pause_flags, ~flag);
	if ((old & flag) && !(old & ~flag)) {
		sched_wake(v);
	}
}

void vcpu_set_flag(struct vcpu *v, uint32_t flag)
{
	if (atomic_fetch_or(&v->pause_flags, flag) == 0) {
		sched_sleep(v);
	}
}

void vcpu_sleep_sync(struct vcpu *v)
{
	while (v != cpu_current() && atomic_load(&v->running)) {
		cpu_relax();
	}
}

/* The area in one piece, as nearly all are: a few stores.  The guest sees them in this order, as on any x86. */
static void publish_in_place(struct vcpu_runstate_info *area, const struct vcpu_runstate_info *r,
			     bool flagged)
{
	if (flagged) {
		__atomic_store_n(&area->state_entry_time, r->state_entry_time | XEN_RUNSTATE_UPDATE,
				 __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_RELEASE);
	}
	area->state = r->state;
	for (unsigned int i = 0; i < ARRAY_SIZE(r->time); i++) {
		area->time[i] = r->time[i];
	}
	__atomic_store_n(&area->state_entry_time, r->state_entry_time, __ATOMIC_RELEASE);
}

static void publish_in_parts(const struct guest_area *area, struct vcpu_runstate_info r,
			     bool flagged)
{
	const size_t entry_at = offsetof(struct vcpu_runstate_info, state_entry_time);
	uint64_t entry = r.state_entry_time;

	if (!flagged) {
		guest_area_write(area, 0, &r, sizeof(r));
		return;
	}
	r.state_entry_time |= XEN_RUNSTATE_UPDATE;
	guest_area_write(area, entry_at, &r.state_entry_time, sizeof(entry));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	guest_area_write(area, 0, &r, sizeof(r));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	guest_area_write(area, entry_at, &entry, sizeof(entry));
}

/* Happens at every wake-up and every switch.  A reader that sees the flag, or another entry time than before, tries again. */
static void publish_runstate(const struct vcpu *v)
{
	const struct guest_area *area = &v->runstate_area;
	bool flagged = v->domain->vm_assist & 1u << VMASST_TYPE_runstate_update_flag;

	if (area->first == area->size) {
		publish_in_place(area->part[0], &v->runstate, flagged);
	} else {
		publish_in_parts(area, v->runstate, flagged);
	}
}

void vcpu_runstate_set(struct vcpu *v, int state, ns_t now)
{
	struct vcpu_runstate_info *r = &v->runstate;
	int64_t spent = now - (int64_t)r->state_entry_time;

	if (spent > 0) {
		r->time[r->state] += (uint64_t)spent;
		r->state_entry_time = (uint64_t)now;
	}
	r->state = state;
	if (v->runstate_area.address) {
		publish_runstate(v);
	}
}

/* Frame behind one page of the current guest, held as writable.  MFN_NONE if it cannot be. */
static mfn_t hold_page(struct vcpu *v, gva_t gva)
{
	struct domain *d = v->domain;
	mfn_t frame = MFN_NONE;
	uint64_t entry;

	/* The lock keeps the tables we walk from being freed, and the entry from changing. */
	spin_lock(&d->pages.pt_lock);
	entry = ptwalk_l1e(guest_kernel_table(v), gva);
	if ((entry & PTE_PRESENT_RW) == PTE_PRESENT_RW) {
		frame = paddr_to_mfn(entry & PTE_FRAME_MASK);
		if (!frame_valid(frame) || frame_get_type(frame, FRAME_WRITABLE, d)) {
			frame = MFN_NONE;
		}
	}
	spin_unlock(&d->pages.pt_lock);
	return frame;
}

int guest_area_map(struct guest_area *a, gva_t gva, size_t size)
{
	struct vcpu *v = cpu_current();
	size_t offset = gva % PAGE_SIZE;

	*a = (struct guest_area){ .frame = { MFN_NONE, MFN_NONE } };
	if (gva == 0) {
		return 0;
	}
	if (gva % sizeof(uint64_t) || gva + size < gva) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_ADDRESS, gva);
	}
	a->first = MIN(size, PAGE_SIZE - offset);
	for (unsigned int i = 0; i < (a->first < size ? 2 : 1); i++) {
		a->frame[i] = hold_page(v, gva + i * a->first);
		if (mfn_eq(a->frame[i], MFN_NONE)) {
			a->address = gva;
			guest_area_unmap(a);
			return refuse_at(-XEN_EFAULT, REASON_BAD_ADDRESS, gva);
		}
		a->part[i] = (char *)frame_to_virt(a->frame[i]) + (i ? 0 : offset);
	}
	a->address = gva;
	a->size = size;
	return 0;
}

void guest_area_unmap(struct guest_area *a)
{
	for (unsigned int i = 0; a->address && i < ARRAY_SIZE(a->frame); i++) {
		if (!mfn_eq(a->frame[i], MFN_NONE)) {
			frame_put_type(a->frame[i]);
		}
	}
	*a = (struct guest_area){ 0 };
}

void guest_area_write(const struct guest_area *a, size_t offset, const void *from, size_t n)
{
	size_t head = offset < a->first ? MIN(n, a->first - offset) : 0;

	BUG_ON(offset + n > a->size);
	if (head) {
		__builtin_memcpy((char *)a->part[0] + offset, from, head);
	}
	if (n > head) {
		__builtin_memcpy((char *)a->part[1] + (offset + head - a->first),
				 (const char *)from + head, n - head);
	}
}
