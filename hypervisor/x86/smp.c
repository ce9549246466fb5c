/*
 * Wakes the other processors, one at a time, and carries messages between them.
 * A processor that does not come is put back to sleep, reported and left out; the numbers of those
 * that do come have no gaps.  What each does first is in smp_ap_entry(), below.
 */
#include <stdatomic.h>

#include "arch/cpu.h"
#include "base/log.h"
#include "lib/string.h"
#include "x86/apic.h"
#include "x86/clock.h"
#include "x86/machine.h"

#define TRAMPOLINE 0x8000 /* as in boot/trampoline.S; out of the heap, since it is below 1 MiB */

struct trampoline_data {
	uint64_t cr3, stack, entry;
	uint32_t cpu, started;
};
extern const char trampoline_start[], trampoline_end[], trampoline_data[];

static _Atomic unsigned int online = 1;
static _Atomic unsigned int arrived; /* the CPU that has come far enough to be counted */

unsigned int cpu_count(void)
{
	return atomic_load_explicit(&online, memory_order_acquire);
}

void smp_send_tlb_flush(cpumask_t cpus)
{
	for (; cpus; cpus &= cpus - 1) {
		apic_send_ipi((unsigned int)__builtin_ctzll(cpus), VECTOR_TLB);
	}
}

__attribute__((noreturn)) static void smp_ap_entry(unsigned int cpu)
{
	percpu_load(cpu);
	apic_init_ap();
	clock_init_ap();
	atomic_store_explicit(&arrived, cpu, memory_order_release);
	ap_main(cpu);
}

static bool started(const volatile struct trampoline_data *data)
{
	return data->started != 0;
}

/*
 * Two start messages, as the manuals ask; the second only if the first was not heard within 10 ms.  After
 * that a second's patience, for emulators on a busy host: a CPU that is given up and then wakes runs away.
 */
static void send_start(uint32_t apic_id, const volatile struct trampoline_data *data)
{
	apic_send_command(apic_id, APIC_INIT);
	clock_wait_us(200);
	for (unsigned int i = 0; i < 2 && !started(data); i++) {
		apic_send_command(apic_id, APIC_STARTUP | TRAMPOLINE >> PAGE_SHIFT);
		for (unsigned int wait = 0; wait < (i ? 10000u : 100u) && !started(data); wait++) {
			clock_wait_us(100);
		}
	}
}

/* From its first instruction to being counted: a second is an age, but a loaded emulator may need it. */
static bool wait_arrival(unsigned int cpu)
{
	uint64_t start = rdtsc_ordered();

	while (atomic_load_explicit(&arrived, memory_order_acquire) != cpu) {
		if (rdtsc_ordered() - start > 4 * clock_tsc_hz()) {
			return false;
		}
		clock_answer_ap();
		cpu_relax();
	}
	return true;
}

static bool boot_ap(unsigned int cpu, uint32_t apic_id)
{
	char *page = frame_to_virt(paddr_to_mfn(TRAMPOLINE));
	volatile struct trampoline_data *data =
		(void *)(page + (trampoline_data - trampoline_start));
	static void *stack; /* of the last one that failed: kept for the next */

	if (!stack) {
		stack = percpu_stack_top(cpu);
	}
	if (!stack) {
		log_err("SMP: no memory for CPU %u", cpu);
		return false;
	}
	memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	data->cr3 = boot_cr3;
	data->stack = (uint64_t)stack;
	data->entry = (uint64_t)smp_ap_entry;
	data->cpu = cpu;
	apic_set_id(cpu, apic_id);
	atomic_thread_fence(memory_order_seq_cst);
	send_start(apic_id, data);
	if (!started(data) || !wait_arrival(cpu)) {
		apic_send_command(apic_id, APIC_INIT);
		log_err("SMP: the processor with APIC id %u %s; left out", apic_id,
			started(data) ? "started and got lost" : "does not start");
		return false;
	}
	stack = NULL;
	atomic_store_explicit(&online, cpu + 1, memory_order_release);
	return true;
}

void smp_boot_aps(unsigned int max)
{
	uint32_t self = apic_id_of(0);

	max = MIN(max ? max : MAX_CPUS, MAX_CPUS);
	if (acpi.cpus <= 1 || max == 1) {
		return;
	}
	paging_map_trampoline(TRAMPOLINE);
	for (unsigned int i = 0; i < acpi.cpus && cpu_count() < max; i++) {
		if (acpi.cpu[i].apic_id != self) {
			boot_ap(cpu_count(), acpi.cpu[i].apic_id);
		}
	}
	paging_unmap_trampoline(TRAMPOLINE);
	log_info("SMP: %u CPUs", cpu_count());
}
