/*
 * The machine, as everything above it sees it.  Implemented by x86/, and on the
 * host by tests/fake/cpu_fake.c.
 *
 * The hypervisor runs with interrupts off.  They are open in two places only:
 * in the idle loop's halt, and for an instant in cpu_preempt_point(), which may
 * be called only with no lock held.  So no lock needs an "irqsave" variant, and
 * an interrupt handler never meets a lock that its own CPU holds.  Whoever
 * spins calls cpu_relax(), which also answers TLB flush requests of other CPUs.
 */
#ifndef PAVANE_ARCH_CPU_H
#define PAVANE_ARCH_CPU_H

#include "lib/types.h"

struct vcpu;
struct domain;

unsigned int cpu_id(void);	 /* this CPU, 0..cpu_count()-1 */
unsigned int cpu_count(void);	 /* CPUs that came up */
struct vcpu *cpu_current(void);	 /* the vCPU whose state is loaded here (never NULL after boot) */
void cpu_relax(void);		 /* one turn of a spin loop */
void cpu_preempt_point(void);	 /* lets pending interrupts in; no lock may be held */
void cpu_kick(unsigned int cpu); /* makes another CPU look at its softirqs soon */

/* Time: nanoseconds since boot, equal on all CPUs and never going back. */
ns_t cpu_time_now(void);
/* Fires softirq SOFTIRQ_TIMER on this CPU at the deadline; 0 stops it. */
void cpu_timer_set(ns_t deadline);

/* Every frame of RAM is always mapped for the hypervisor. */
void *frame_to_virt(mfn_t m);
mfn_t virt_to_frame(const void *p);

/*
 * TLB. A stamp is taken when a mapping was removed; a CPU that has flushed
 * everything since then cannot hold it any more.
 */
uint32_t tlb_stamp(void); /* "now" */
void tlb_flush_older(cpumask_t cpus,
		     uint32_t stamp);	       /* flush those of cpus not flushed since stamp */
void tlb_flush_all(cpumask_t cpus);	       /* wait until all are flushed */
void tlb_flush_page(cpumask_t cpus, gva_t va); /* one page, non-global */
/* CPUs on which a vCPU of the domain with this id is loaded (all, if there is no such domain). */
cpumask_t cpu_domain_cpus(uint16_t domid);
#define CPUMASK_ALL (~(cpumask_t)0)
static inline cpumask_t cpu_online(void)
{
	return cpu_count() >= MAX_CPUS ? CPUMASK_ALL : ((cpumask_t)1 << cpu_count()) - 1;
}

/*
 * Copies between hypervisor and the memory of the current guest, in the page
 * tables that are loaded.  Addresses inside the hypervisor's range are refused.
 * Return 0, or the number of bytes not copied.
 */
size_t cpu_copy_from_guest(void *to, gva_t from, size_t n);
size_t cpu_copy_to_guest(gva_t to, const void *from, size_t n);
size_t cpu_clear_guest(gva_t to, size_t n);

/* Fills the hypervisor's slots (256..271) of a fresh guest L4, per-domain slot included. */
void cpu_fill_l4(uint64_t *l4, const struct domain *d);

/* Entry i of the machine's memory map (E820 types), in address order. False past the end. */
bool cpu_memory_map(unsigned int i, uint64_t *addr, uint64_t *size, uint32_t *type);

void cpu_console_write(const char *s, size_t n);
void cpu_scrub_frame(mfn_t m);
void cpu_panic_details(void); /* logs what led here: the trap, if it was one, and the call chain */
__attribute__((noreturn)) void cpu_panic_halt(void);
__attribute__((noreturn)) void cpu_reboot(void);
__attribute__((noreturn)) void cpu_poweroff(void);

#endif
