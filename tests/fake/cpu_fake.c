/* The fake machine: see cpu_fake.h.  A panic aborts, so tests expect SIGABRT. */
#include "tests/fake/cpu_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/m2p.h"
#include "x86/pte.h"

struct cpu_fake cpu_fake = { .cpus = 1, .clock = 1 };
_Thread_local unsigned int cpu_fake_thread;

void cpu_fake_start(uint64_t frames, uint64_t io_first, uint64_t io_end)
{
	cpu_fake = (struct cpu_fake){ .cpus = 2, .clock = 1, .frames = frames };
	cpu_fake.memory = mmap(NULL, frames * PAGE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (cpu_fake.memory == MAP_FAILED) {
		perror("mmap of the fake machine's memory");
		abort();
	}
	m2p_table = malloc(frames * sizeof(*m2p_table));
	memset(m2p_table, 0xff, frames * sizeof(*m2p_table));
	m2p_entries = frames;
	frame_table_init(frames, calloc(frames, sizeof(struct frame)));
	for (uint64_t n = 0; n < frames; n++) {
		frame_table[n].owner = n >= io_first && n < io_end ? FRAME_OWNER_IO
								   : FRAME_OWNER_XEN;
	}
}

void cpu_fake_stop(void)
{
	munmap(cpu_fake.memory, cpu_fake.frames * PAGE_SIZE);
	free(m2p_table);
	free(frame_table);
	cpu_fake = (struct cpu_fake){ .cpus = 1, .clock = 1 };
}

unsigned int cpu_id(void)
{
	return cpu_fake_thread ? cpu_fake_thread - 1 : cpu_fake.current;
}

unsigned int cpu_count(void)
{
	return cpu_fake.cpus;
}

void cpu_relax(void)
{
	cpu_fake.relaxed++;
	if (cpu_fake.on_relax) {
		cpu_fake.on_relax();
	}
}

void cpu_preempt_point(void)
{
}

void cpu_kick(unsigned int cpu)
{
	(void)cpu;
}

ns_t cpu_time_now(void)
{
	return cpu_fake.now;
}

void *frame_to_virt(mfn_t m)
{
	if (m.n >= cpu_fake.frames) {
		fprintf(stderr, "frame_to_virt: no such frame %#lx\n", (unsigned long)m.n);
		abort();
	}
	return cpu_fake.memory + m.n * PAGE_SIZE;
}

mfn_t virt_to_frame(const void *p)
{
	return mfn((uint64_t)((const uint8_t *)p - cpu_fake.memory) / PAGE_SIZE);
}

/* ---- TLBs ---- */

static void flush(cpumask_t cpus)
{
	cpu_fake.clock++;
	if (cpu_fake.on_flush) {
		cpu_fake.on_flush();
	}
	for (unsigned int c = 0; c < cpu_fake.cpus; c++) {
		if (cpus >> c & 1) {
			cpu_fake.flushed_at[c] = cpu_fake.clock;
			cpu_fake.flushes++;
		}
	}
}

cpumask_t cpu_domain_cpus(uint16_t domid)
{
	cpumask_t own = domid < CPU_FAKE_DOMAINS ? cpu_fake.domain_cpus[domid] : 0;

	return own ? own : CPUMASK_ALL;
}

uint32_t tlb_stamp(void)
{
	return cpu_fake.clock++;
}

void tlb_flush_older(cpumask_t cpus, uint32_t stamp)
{
	cpumask_t need = 0;

	for (unsigned int c = 0; c < cpu_fake.cpus; c++) {
		if ((cpus >> c & 1) && (int32_t)(cpu_fake.flushed_at[c] - stamp) <= 0) {
			need |= (cpumask_t)1 << c;
		}
	}
	flush(need);
}

void tlb_flush_all(cpumask_t cpus)
{
	flush(cpus);
}

void tlb_flush_page(cpumask_t cpus, gva_t va)
{
	(void)cpus;
	(void)va;
}

/* The hypervisor's slots: recognisable, and different for each domain. */
void cpu_fill_l4(uint64_t *l4, const struct domain *d)
{
	for (unsigned int i = HV_FIRST_SLOT; i <= HV_LAST_SLOT; i++) {
		l4[i] = 0xbeef000 | PTE_P | PTE_RW;
	}
	l4[PERDOMAIN_SLOT] = ((uint64_t)(uintptr_t)d & PTE_ADDR) | PTE_P;
}

void cpu_scrub_frame(mfn_t m)
{
	if (cpu_fake.on_scrub) {
		cpu_fake.on_scrub();
	}
	memset(frame_to_virt(m), 0, PAGE_SIZE);
	cpu_fake.scrubbed++;
}

void cpu_console_write(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cpu_fake.console[cpu_fake.console_length++ % sizeof(cpu_fake.console)] = s[i];
	}
	if (getenv("CPU_FAKE_CONSOLE")) {
		fwrite(s, 1, n, stderr);
	}
}

void cpu_panic_details(void)
{
}

void cpu_panic_halt(void)
{
	size_t n = cpu_fake.console_length;

	fwrite(cpu_fake.console, 1, n < sizeof(cpu_fake.console) ? n : sizeof(cpu_fake.console),
	       stderr);
	abort();
}
