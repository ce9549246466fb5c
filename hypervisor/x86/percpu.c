/*
 * Each CPU's stack, descriptors and SYSCALL stubs.  The reserved descriptors fill one page
 * per CPU that is mapped as page 14 of the running guest's GDT, so a guest and the hypervisor
 * share one GDT and entering needs no LGDT.
 */
#include "x86/percpu.h"

#include <stdatomic.h>

#include "base/bug.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "arch/cpu.h"
#include "x86/cpu.h"
#include "x86/fpu.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/pte.h"

extern char boot_stack[], vector_stubs[], syscall_entry[], syscall32_entry[], sysenter_entry[];
extern char stubs_start[];

struct gate {
	uint64_t low, high;
};

static struct gate idt[256] __attribute__((aligned(4096)));
static char stubs[64 * MAX_CPUS] __attribute__((section(".stubs"), aligned(4096)));
static struct tss tss[MAX_CPUS];
static uint64_t *gdt_page[MAX_CPUS];
static char *ist_pages[MAX_CPUS];

uint64_t *percpu_gdt(unsigned int cpu)
{
	return gdt_page[cpu];
}

struct tss *percpu_tss(unsigned int cpu)
{
	return &tss[cpu];
}

mfn_t percpu_gdt_frame(unsigned int cpu)
{
	return virt_to_frame(gdt_page[cpu]);
}

uint64_t percpu_own_gdt_base(unsigned int cpu)
{
	return (uint64_t)gdt_page[cpu] - GDT_RESERVED_FIRST;
}

void percpu_load_gdt(uint64_t base)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) d = { 0xffff, base };

	__asm__ volatile("lgdt %0" ::"m"(d));
}

static void set_gate(unsigned int vector, const void *handler, unsigned int dpl, unsigned int ist)
{
	uint64_t h = (uint64_t)handler;

	idt[vector].low = (h & 0xffff) | (uint64_t)HV_CS64 << 16 | (uint64_t)ist << 32 |
			  (0x8e00ULL | dpl << 13) << 32 | (h & 0xffff0000) << 32;
	idt[vector].high = h >> 32;
}

/* Interrupt gates all: the hypervisor runs with interrupts off. INT3, INTO and INT 0x80 are open to ring 3. */
static void idt_init(void)
{
	for (unsigned int v = 0; v < 256; v++) {
		unsigned int ist = v == 2 ? 1 : v == 8 ? 2 : v == 18 ? 3 : v == 1 ? 4 : 0;

		set_gate(v, vector_stubs + v * 16, v == 3 || v == 4 || v == 0x80 ? 3 : 0, ist);
	}
}

static uint64_t *descriptor(uint64_t *page, unsigned int selector)
{
	return &page[(selector - GDT_RESERVED_FIRST) / 8];
}

static void gdt_init(unsigned int cpu)
{
	uint64_t *g = alloc_page(), t = (uint64_t)&tss[cpu];

	if (!g) {
		panic("no memory for a CPU's descriptor table");
	}
	gdt_page[cpu] = g;
	*descriptor(g, HV_CS64) = 0x00af9b000000ffff;
	*descriptor(g, HV_DS) = 0x00cf93000000ffff;
	*descriptor(g, GUEST_CS32 & ~7) = 0x00cffb000000ffff;
	*descriptor(g, GUEST_DS & ~7) = 0x00cff3000000ffff;
	*descriptor(g, GUEST_CS64 & ~7) = 0x00affb000000ffff;
	*descriptor(g, TSS_SELECTOR) = 103 | (t & 0xffffff) << 16 | 0x89ULL << 40 |
				       (t >> 24 & 0xff) << 56;
	*descriptor(g, TSS_SELECTOR + 8) = t >> 32;
}

/*
 * The SYSCALL stub: no stack is switched by the CPU, so a few bytes made for
 * this CPU alone keep RAX aside, note the guest's RSP and load ours.
 */
static size_t emit_stub(uint8_t *code, const uint8_t *at, const struct cpu_info *info,
			const char *target)
{
	uint64_t scratch = (uint64_t)&info->scratch, top = (uint64_t)(&info->regs + 1);
	int32_t rel;
	size_t n = 0;

	code[n++] = 0x48; /* movabs %rax, scratch */
	code[n++] = 0xa3;
	memcpy(code + n, &scratch, 8);
	n += 8;
	memcpy(code + n, "\x48\x89\xe0\x48\xbc", 5); /* mov %rsp, %rax; movabs $top, %rsp */
	n += 5;
	memcpy(code + n, &top, 8);
	n += 8;
	code[n++] = 0xe9; /* jmp target */
	rel = (int32_t)((int64_t)target - (int64_t)(at + n + 4));
	memcpy(code + n, &rel, 4);
	return n + 4;
}

static char *stub_of(unsigned int cpu, bool compat)
{
	return stubs + 64 * cpu + (compat ? 32 : 0);
}

static void make_stubs(unsigned int cpu, const struct cpu_info *info)
{
	for (unsigned int compat = 0; compat < 2; compat++) {
		char *at = stub_of(cpu, compat);
		uint8_t *alias = (uint8_t *)frame_to_virt(virt_to_frame(at)) +
				 ((uint64_t)at & ~PAGE_MASK);

		emit_stub(alias, (uint8_t *)at, info, compat ? syscall32_entry : syscall_entry);
	}
}

static struct cpu_info *info_of_stack(char *stack)
{
	return (struct cpu_info *)(stack + STACK_SIZE) - 1;
}

static void prepare(unsigned int cpu, char *stack)
{
	struct cpu_info *info = info_of_stack(stack);
	struct tss *t = &tss[cpu];

	ist_pages[cpu] = alloc_pages(2);
	if (!ist_pages[cpu]) {
		panic("no memory for CPU %u's exception stacks", cpu);
	}
	for (unsigned int i = 0; i < 3; i++) {
		t->ist[i] = (uint64_t)ist_pages[cpu] + 4096 * (i + 1);
	}
	/* cpu_info() must work there too: a record with the CPU's number, below which #DB has the last page. */
	t->ist[3] = (uint64_t)info_of_stack(ist_pages[cpu]) & ~15ULL;
	info_of_stack(ist_pages[cpu])->cpu = cpu;
	info_of_stack(ist_pages[cpu])->scratch = (uint64_t)&info->regs; /* entry.S, trap_debug */
	t->rsp0 = (uint64_t)(&info->regs + 1);
	t->iomap = sizeof(struct tss);
	gdt_init(cpu);
	info->cpu = cpu;
	make_stubs(cpu, info);
}

void percpu_init_bsp(void)
{
	idt_init();
	prepare(0, boot_stack);
}

void *percpu_stack_top(unsigned int cpu)
{
	char *stack = alloc_pages(STACK_ORDER);

	if (!stack) {
		return NULL;
	}
	prepare(cpu, stack);
	return info_of_stack(stack);
}

/* Reloading CS needs a far return; the other selectors are the guest's business. */
static void load_selectors(void)
{
	__asm__ volatile("pushq %0\n\t"
			 "lea 1f(%%rip), %%rax\n\t"
			 "push %%rax\n\t"
			 "lretq\n"
			 "1:\tmov %1, %%ss\n\t"
			 "ltr %2" ::"i"(HV_CS64),
			 "r"(HV_DS), "r"((uint16_t)TSS_SELECTOR)
			 : "rax", "memory");
}

void percpu_load(unsigned int cpu)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) d = { sizeof(idt) - 1, (uint64_t)idt };

	*descriptor(gdt_page[cpu], TSS_SELECTOR) &= ~(2ULL << 40); /* not busy */
	percpu_load_gdt(percpu_own_gdt_base(cpu));
	load_selectors();
	__asm__ volatile("lidt %0" ::"m"(d));
	wrmsr(MSR_STAR, (uint64_t)GUEST_CS32 << 48 | (uint64_t)HV_CS64 << 32);
	wrmsr(MSR_LSTAR, (uint64_t)stub_of(cpu, false));
	wrmsr(MSR_CSTAR, (uint64_t)stub_of(cpu, true));
	/* Cleared on entry: TF DF IF NT AC and IOPL. */
	wrmsr(MSR_SFMASK, 0x47700);
	wrmsr_safe(MSR_SYSENTER_CS, HV_CS64);
	wrmsr_safe(MSR_SYSENTER_ESP, tss[cpu].rsp0);
	wrmsr_safe(MSR_SYSENTER_EIP, (uint64_t)sysenter_entry);
	cpu_setup();
	fpu_setup();
}
