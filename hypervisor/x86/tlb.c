/*
 * TLB flushes on this and other CPUs.  One shootdown at a time: the sender
 * writes what is wanted, sends VECTOR_TLB and waits for each bit to fall; who spins
 * on a lock answers from cpu_relax(), so a waiting sender cannot deadlock.
 *
 * The clock ticks with each stamp given out; each CPU remembers the clock at its last full
 * flush.  A mapping removed at stamp s is gone from a CPU whose mark is > s.
 */
#include <stdatomic.h>

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/lock.h"
#include "x86/machine.h"
#include "x86/percpu.h"
#include "x86/tlb.h"

static struct spinlock tlb_lock = SPINLOCK_INIT(LOCK_TLB);
static _Atomic cpumask_t wanted; /* CPUs that still have to flush */
static gva_t wanted_page;	 /* ~0: everything */
static _Atomic uint32_t clock = 1;
static _Atomic uint32_t flushed_at[MAX_CPUS];

static _Atomic bool no_guest[MAX_CPUS]; /* only the hypervisor's own tables are loaded */

static inline uint64_t read_cr3(void)
{
	uint64_t v;

	__asm__ volatile("mov %%cr3, %0" : "=r"(v));
	return v;
}

/*
 * The clock is read before the flush: what a stamp taken meanwhile stands for may have been
 * cached again right after it.  A CR3 load drops all but global entries, and only the
 * hypervisor's own mappings are global.
 */
void tlb_load_cr3(uint64_t cr3)
{
	uint32_t now = atomic_load(&clock);

	__asm__ volatile("mov %0, %%cr3" ::"r"(cr3) : "memory");
	atomic_store_explicit(&flushed_at[cpu_info()->cpu], now, memory_order_release);
}

/*
 * An idle CPU has nothing of a guest's cached and cannot cache it: flushes may pass it by.  Leaving
 * that state loads CR3, and by then the mappings whose removal was stamped are gone from memory.
 */
void tlb_load_idle(uint64_t cr3)
{
	tlb_load_cr3(cr3);
	atomic_store(&no_guest[cpu_info()->cpu], true);
}

void tlb_leave_idle(void)
{
	atomic_store(&no_guest[cpu_info()->cpu], false);
}

static void flush_local(gva_t page)
{
	if (page == ~0ULL) {
		tlb_load_cr3(read_cr3());
	} else {
		__asm__ volatile("invlpg (%0)" ::"r"(page) : "memory");
	}
}

/* The hypervisor's mappings changed (rare, at boot): toggling CR4.PGE drops global entries too. */
static void flush_local_global(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" ::"r"(cr4 & ~0x80ULL) : "memory");
	__asm__ volatile("mov %0, %%cr4" ::"r"(cr4) : "memory");
	tlb_load_cr3(read_cr3());
}

void tlb_answer(void)
{
	cpumask_t me = (cpumask_t)1 << cpu_info()->cpu;

	if (atomic_load_explicit(&wanted, memory_order_acquire) & me) {
		flush_local(wanted_page);
		atomic_fetch_and(&wanted, ~me);
	}
}

void cpu_relax(void)
{
	tlb_answer();
	__asm__ volatile("pause" ::: "memory");
}

static void shoot(cpumask_t cpus, gva_t page)
{
	cpumask_t me = (cpumask_t)1 << cpu_id();
	cpumask_t all = cpu_count() >= 64 ? CPUMASK_ALL : ((cpumask_t)1 << cpu_count()) - 1;

	if (cpus & me) {
		flush_local(page);
	}
	cpus &= all & ~me;
	if (!cpus) {
		return;
	}
	spin_lock(&tlb_lock);
	wanted_page = page;
	atomic_store_explicit(&wanted, cpus, memory_order_release);
	smp_send_tlb_flush(cpus);
	while (atomic_load_explicit(&wanted, memory_order_acquire)) {
		__asm__ volatile("pause");
	}
	spin_unlock(&tlb_lock);
}

/*
 * One cannot see of two readings which is the later if they are half the clock's range apart.  A CPU that stays in its
 * guest's kernel need not load CR3 for ever, and its guest can make the clock come round on another in minutes: so each
 * quarter of the range makes all CPUs flush.
 */
#define CLOCK_BITS \
	(CHECKED ? 14 : 32) /* compared; few where tests are to see the clock come round */
#define CLOCK_QUARTER (1u << (CLOCK_BITS - 2))

static bool is_after(uint32_t a, uint32_t b)
{
	return (int32_t)((a - b) << (32 - CLOCK_BITS)) > 0;
}

static uint32_t tick(void)
{
	uint32_t was = atomic_fetch_add(&clock, 1);

	if (unlikely(was % CLOCK_QUARTER == 0)) {
		shoot(CPUMASK_ALL, ~0ULL);
	}
	return was;
}

uint32_t tlb_stamp(void)
{
	return tick();
}

void tlb_flush_all(cpumask_t cpus)
{
	tick();
	if (cpus & ((cpumask_t)1 << cpu_id())) {
		flush_local_global();
	}
	shoot(cpus & ~((cpumask_t)1 << cpu_id()), ~0ULL);
}

void tlb_flush_guest(cpumask_t cpus)
{
	tick();
	shoot(cpus, ~0ULL);
}

void tlb_flush_page(cpumask_t cpus, gva_t va)
{
	shoot(cpus, va);
}

void tlb_flush_older(cpumask_t cpus, uint32_t stamp)
{
	cpumask_t need = 0;

	for (unsigned int c = 0; c < cpu_count(); c++) {
		if ((cpus >> c & 1) && !atomic_load(&no_guest[c]) &&
		    !is_after(atomic_load(&flushed_at[c]), stamp)) {
			need |= (cpumask_t)1 << c;
		}
	}
	if (need) {
		tlb_flush_guest(need);
	}
}
