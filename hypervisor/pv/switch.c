/*
 * From one vCPU to another: what a CPU holds of the guest that leaves goes into its vCPU, and what
 * the next one needs is loaded.  A CPU without a vCPU idles here, and scrubs free frames meanwhile.
 */
#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/stretch.h"
#include "core/sched/sched.h"
#include "core/softirq.h"
#include "mm/alloc.h"
#include "pv/guest.h"
#include "x86/cpu.h"
#include "x86/fpu.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/paging.h"
#include "x86/percpu.h"
#include "x86/pte.h"
#include "x86/tlb.h"

void stack_restart(void (*fn)(void)) __attribute__((noreturn));
void guest_enter(void) __attribute__((noreturn));

static void save_state(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;

	p->regs = cpu_info()->regs;
	segments_save(v);
	__asm__ volatile("clts");
	fpu_save(p->fpu, p->xcr0);
	debugreg_save(v);
}

static void load_state(struct vcpu *v)
{
	struct pv_vcpu *p = v->pv;
	unsigned int cpu = cpu_id();
	bool segments_ok;

	cpu_info()->regs = p->regs;
	tlb_leave_idle();
	guest_window_set(v, GDT_RESERVED_PAGE,
			 mfn_to_paddr(percpu_gdt_frame(cpu)) | PTE_P | PTE_RW | PTE_A | PTE_D);
	guest_load_cr3(v);
	percpu_load_gdt(GDT_WINDOW(v));
	segments_ok = segments_load(v);
	fpu_load(p->fpu, p->xcr0);
	if (p->cr0_ts) {
		__asm__ volatile("mov %0, %%cr0" ::"r"(0x80050033UL | p->cr0_ts));
	}
	debugreg_load(v);
	if (cpu_features.rdtscp) {
		wrmsr(MSR_TSC_AUX, p->tsc_aux);
	}
	/* The descriptors that its selectors name may have changed while it was away. */
	if (unlikely(!segments_ok) && p->failsafe.address) {
		bounce_failsafe(v, guest_regs(), &p->sel);
	}
	if (unlikely(atomic_load(&p->nmi_pending))) {
		softirq_raise(SOFTIRQ_NMI);
	}
}

static void load_idle(void)
{
	tlb_load_idle(boot_cr3);
	percpu_load_gdt(percpu_own_gdt_base(cpu_id()));
	__asm__ volatile("lldt %w0" ::"r"(0));
}

static __attribute__((noreturn)) void idle_loop(void)
{
	for (;;) {
		softirq_run();
		if (softirq_pending()) {
			continue;
		}
		if (alloc_scrub_step()) {
			cpu_preempt_point();
		} else {
			stretch_pause();
			__asm__ volatile("sti; hlt; cli" ::: "memory");
			stretch_begin(STRETCH_IDLE, 0);
		}
	}
}

/* The caller's stack is abandoned: what it needs from prev is in prev by now. */
void guest_switch(struct vcpu *prev, struct vcpu *next)
{
	if (prev->domain) {
		save_state(prev);
	}
	cpu_info()->current = next;
	if (!next->domain) {
		load_idle();
		sched_context_saved(prev);
		stack_restart(idle_loop);
	}
	load_state(next);
	sched_context_saved(prev);
	guest_enter();
}

void guest_start_idle(void)
{
	load_idle();
	stack_restart(idle_loop);
}
