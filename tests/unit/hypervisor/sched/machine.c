/* The fake machine: see machine.h. */
#include "tests/unit/hypervisor/sched/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "arch/guest.h"
#include "base/bug.h"
#include "base/log.h"
#include "core/memory_op.h"
#include "core/rights.h"
#include "core/time.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/pool.h"
#include "mm/ptwalk.h"

#define GUEST_PAGES 64

struct machine machine;
static jmp_buf leave;
static struct {
	void *page;
	struct domain *owner;
} guest_pages[GUEST_PAGES];
static unsigned int guest_page_count;

/* --- arch/cpu.h --- */

unsigned int cpu_id(void)
{
	return machine.cpu;
}

unsigned int cpu_count(void)
{
	return machine.cpus;
}

struct vcpu *cpu_current(void)
{
	return machine.current[machine.cpu];
}

void cpu_relax(void)
{
	/* One thread: whoever spins waits for another CPU, so let the others work. */
	unsigned int self = machine.cpu;

	machine_settle();
	machine.cpu = self;
}

void cpu_preempt_point(void)
{
	machine.preempt_points++;
	if (machine.preempt_every && machine.preempt_points % machine.preempt_every == 0) {
		softirq_raise(SOFTIRQ_CONSOLE);
	}
}

void cpu_kick(unsigned int cpu)
{
	machine.kicks[cpu]++;
}

ns_t cpu_time_now(void)
{
	return machine.now;
}

void cpu_timer_set(ns_t deadline)
{
	machine.deadline[machine.cpu] = deadline;
}

void *frame_to_virt(mfn_t m)
{
	return (void *)(uintptr_t)(m.n << PAGE_SHIFT);
}

mfn_t virt_to_frame(const void *p)
{
	return mfn((uintptr_t)p >> PAGE_SHIFT);
}

size_t cpu_copy_from_guest(void *to, gva_t from, size_t n)
{
	if (from < PAGE_SIZE || machine.fault) {
		return n;
	}
	memcpy(to, (const void *)(uintptr_t)from, n);
	return 0;
}

size_t cpu_copy_to_guest(gva_t to, const void *from, size_t n)
{
	if (to < PAGE_SIZE || machine.fault) {
		return n;
	}
	memcpy((void *)(uintptr_t)to, from, n);
	return 0;
}

/* The real ones never come back; here they return to machine_settle() or to the test. */
void cpu_panic_halt(void)
{
	machine.halts++;
	longjmp(leave, 1);
}

void cpu_reboot(void)
{
	machine.reboots++;
	longjmp(leave, 1);
}

void cpu_poweroff(void)
{
	machine.poweroffs++;
	longjmp(leave, 1);
}

/* --- arch/guest.h --- */

int guest_domain_create(struct domain *d)
{
	(void)d;
	return 0;
}

void guest_domain_destroy(struct domain *d)
{
	(void)d;
}

int guest_vcpu_create(struct vcpu *v)
{
	v->pv = pool_alloc(1);
	return v->pv ? 0 : -XEN_ENOMEM;
}

void guest_vcpu_destroy(struct vcpu *v)
{
	pool_free(v->pv);
}

int guest_relinquish(struct domain *d)
{
	(void)d;
	if (machine.relinquish_steps) {
		machine.relinquish_steps--;
		return -XEN_ERESTART;
	}
	return 0;
}

void guest_switch(struct vcpu *prev, struct vcpu *next)
{
	machine.switches++;
	if (prev == next || (next->domain && !vcpu_runnable(next))) {
		abort();
	}
	for (unsigned int i = 0; next->domain && i < machine.cpus; i++) {
		if (machine.current[i] == next || machine.unsaved == next) {
			abort(); /* on two CPUs at once, or its state not there yet */
		}
	}
	machine.current[machine.cpu] = next;
	if (machine.hold_saved) {
		machine.unsaved = prev;
	} else {
		sched_context_saved(prev);
	}
	longjmp(leave, 1);
}

void guest_send_nmi(struct vcpu *v)
{
	vcpu_wake(v);
}

int guest_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	(void)v, (void)c;
	return 0;
}

mfn_t guest_kernel_table(const struct vcpu *v)
{
	(void)v;
	return mfn(0);
}

void guest_hypercall_restart(unsigned int nr, unsigned int nargs, const uint64_t *args)
{
	machine.restarted = true;
	machine.restart[0] = nr;
	memcpy(machine.restart + 1, args, nargs * sizeof(*args));
}

void guest_call_name(uint32_t *call, uint32_t *op)
{
	*call = machine.call;
	*op = machine.op;
}

void guest_time_scale(struct vcpu_time_info *t)
{
	t->tsc_timestamp = (uint64_t)machine.now;
	t->system_time = (uint64_t)machine.now;
	t->tsc_to_system_mul = 0x80000000u;
	t->tsc_shift = 1;
}

/* --- base --- */

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	abort();
}

static void keep_log(const char *fmt, va_list args)
{
	vsnprintf(machine.log, sizeof(machine.log), fmt, args);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	keep_log(fmt, args);
	va_end(args);
}

void log_guest(enum log_level level, unsigned int domid, const char *fmt, ...)
{
	va_list args;

	(void)level, (void)domid;
	va_start(args, fmt);
	keep_log(fmt, args);
	va_end(args);
}

/* --- mm --- */

struct frame *frame_table;
uint64_t frame_max = ~0ULL;

static bool refused(void)
{
	return machine.fail_after && ++machine.allocations > machine.fail_after;
}

void *pool_alloc(size_t size)
{
	return refused() ? NULL : calloc(1, size);
}

void pool_free(void *p)
{
	free(p);
}

void *alloc_page(void)
{
	void *p = refused() ? NULL : aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	return p ? memset(p, 0, PAGE_SIZE) : NULL;
}

void free_page(void *p)
{
	free(p);
}

void frame_share(mfn_t m, const struct domain *d)
{
	(void)m, (void)d;
	machine.shared_pages++;
}

void frame_unshare(mfn_t m)
{
	machine.shared_pages--;
	free(frame_to_virt(m));
}

static struct domain *guest_page_owner(uint64_t frame)
{
	for (unsigned int i = 0; i < guest_page_count; i++) {
		if (virt_to_frame(guest_pages[i].page).n == frame) {
			return guest_pages[i].owner;
		}
	}
	return NULL;
}

int frame_get_type(mfn_t m, enum frame_type t, const struct domain *d)
{
	if (t != FRAME_WRITABLE || !d || guest_page_owner(m.n) != d) {
		return -XEN_EINVAL;
	}
	machine.type_refs++;
	return 0;
}

void frame_put_type(mfn_t m)
{
	(void)m;
	machine.type_refs--;
}

uint64_t ptwalk_l1e(mfn_t base, gva_t va)
{
	(void)base;
	return guest_page_owner(va >> PAGE_SHIFT) ? (va & PAGE_MASK) | 3 : 0;
}

int dompages_init(struct dom_pages *p, uint16_t owner, uint64_t max)
{
	spin_init(&p->pt_lock, LOCK_PAGETABLE);
	spin_init(&p->lock, LOCK_PAGES);
	p->owner = owner;
	p->max = max;
	return refused() ? -XEN_ENOMEM : 0;
}

void dompages_destroy(struct dom_pages *p)
{
	if (p->total) {
		abort();
	}
}

int dompages_relinquish(struct domain *d)
{
	d->pages.total = machine.pages_left;
	return 0;
}

/* --- beside us in core --- */

int evtchn_init(struct evtchn_table *t, struct domain *owner, uint32_t max_port)
{
	t->owner = owner;
	t->max_port = max_port;
	return 0;
}

int evtchn_close_all(struct evtchn_table *t)
{
	t->closed = true;
	return 0;
}

void evtchn_free(struct evtchn_table *t)
{
	(void)t;
}

void evtchn_send_virq(struct vcpu *v, unsigned int virq)
{
	(void)virq;
	machine.virqs++;
	vcpu_mark_event(v);
}

void evtchn_send_global_virq(unsigned int virq)
{
	machine.exc_virqs += virq == VIRQ_DOM_EXC;
}

int evtchn_port_pending(struct domain *d, evtchn_port_t port)
{
	if (port >= EVTCHN_PORTS) {
		return -XEN_EINVAL;
	}
	return d->shared->evtchn_pending[port / 64] >> (port % 64) & 1;
}

int grant_table_init(struct grant_table *t, struct domain *owner, unsigned int max_version,
		     unsigned int max_frames, unsigned int max_maptrack)
{
	(void)t, (void)owner, (void)max_version, (void)max_frames, (void)max_maptrack;
	return refused() ? -XEN_ENOMEM : 0;
}

bool grant_table_shrink(struct grant_table *t)
{
	(void)t;
	if (machine.shrink_steps) {
		machine.shrink_steps--;
		return false;
	}
	return true;
}

void grant_table_free(struct grant_table *t)
{
	(void)t;
}

int grant_table_release_mappings(struct domain *d)
{
	(void)d;
	return 0;
}

int memory_exchange_abandon(struct vcpu *v)
{
	(void)v;
	if (machine.abandon_steps) {
		machine.abandon_steps--;
		return -XEN_ERESTART;
	}
	return 0;
}

bool rights_control(const struct domain *subject, const struct domain *object)
{
	(void)object;
	return subject->privileged;
}

#define HANDLER(name)                                                                   \
	__attribute__((weak)) long name(uint64_t a, uint64_t b, uint64_t c, uint64_t d, \
					uint64_t e)                                     \
	{                                                                               \
		(void)a, (void)b, (void)c, (void)d, (void)e;                            \
		return 0;                                                               \
	}
HANDLER(do_memory_op)
HANDLER(do_xen_version)
HANDLER(do_vm_assist)
HANDLER(do_console_io)
HANDLER(do_event_channel_op)
HANDLER(do_event_channel_op_compat)
HANDLER(do_grant_table_op)
HANDLER(do_set_trap_table)
HANDLER(do_mmu_update)
HANDLER(do_set_gdt)
HANDLER(do_stack_switch)
HANDLER(do_set_callbacks)
HANDLER(do_fpu_taskswitch)
HANDLER(do_set_debugreg)
HANDLER(do_get_debugreg)
HANDLER(do_update_descriptor)
HANDLER(do_update_va_mapping)
HANDLER(do_update_va_mapping_otherdomain)
HANDLER(do_iret)
HANDLER(do_set_segment_base)
HANDLER(do_mmuext_op)
HANDLER(do_nmi_op)
HANDLER(do_callback_op)
HANDLER(do_mca)
HANDLER(do_platform_op)
HANDLER(do_physdev_op)
HANDLER(do_sysctl)
HANDLER(do_domctl)

/* --- the machine itself --- */

void machine_on(unsigned int cpu)
{
	machine.cpu = cpu;
}

void machine_start(unsigned int cpus, const char *policy)
{
	memset(&machine, 0, sizeof(machine));
	machine.cpus = cpus;
	machine.now = 1000000;
	timers_init();
	domains_init();
	sched_init(policy);
	for (unsigned int i = 0; i < cpus; i++) {
		machine.cpu = i;
		machine.current[i] = vcpu_create_idle(i);
		sched_init_cpu(i, machine.current[i]);
	}
	machine.cpu = 0;
}

void machine_settle(void)
{
	/* Not a local: its value must outlive the jump. */
	static unsigned int quiet;

	for (quiet = 0; quiet < machine.cpus;) {
		machine.cpu = (machine.cpu + 1) % machine.cpus;
		quiet++;
		if (softirq_pending()) {
			quiet = 0;
			if (setjmp(leave) == 0) {
				softirq_run();
			}
		}
	}
}

static ns_t next_deadline(ns_t limit)
{
	for (unsigned int i = 0; i < machine.cpus; i++) {
		if (machine.deadline[i] && machine.deadline[i] < limit) {
			limit = MAX(machine.deadline[i], machine.now);
		}
	}
	return limit;
}

void machine_run_until(ns_t t, void (*tick)(ns_t passed))
{
	machine_settle();
	while (machine.now < t) {
		ns_t next = next_deadline(t), passed = next - machine.now;

		machine.now = next;
		for (unsigned int i = 0; i < machine.cpus; i++) {
			if (machine.deadline[i] && machine.deadline[i] <= machine.now) {
				machine.deadline[i] = 0;
				machine_on(i);
				softirq_raise(SOFTIRQ_TIMER);
			}
		}
		if (tick) {
			tick(passed);
		}
		machine_settle();
	}
}

struct domain *machine_domain(domid_t id, unsigned int vcpus)
{
	struct domain_config c = {
		.max_vcpus = vcpus, .max_pages = 100, .max_evtchn_port = 1023, .privileged = id == 0
	};
	struct domain *d = NULL;

	return domain_create(&id, &c, &d) ? NULL : d;
}

void machine_up(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		d->vcpu[i]->initialised = true;
		vcpu_clear_flag(d->vcpu[i], VPF_DOWN);
	}
	domain_unpause(d);
}

void *machine_guest_page(struct domain *d)
{
	void *p = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	guest_pages[guest_page_count].page = memset(p, 0, PAGE_SIZE);
	guest_pages[guest_page_count++].owner = d;
	return p;
}
