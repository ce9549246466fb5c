/*
 * What each physical CPU has of its own.  A small record, struct cpu_info, sits
 * at the top of each CPU's stack, found from the stack pointer alone, so that entering the
 * hypervisor needs no swapgs: the guest's FS and GS bases stay loaded while we run, and the only
 * swapgs is the one between guest kernel and guest user mode.
 */
#ifndef PAVANE_X86_PERCPU_H
#define PAVANE_X86_PERCPU_H

#include "lib/types.h"
#include "x86/regs.h"

#define STACK_SIZE  16384UL
#define STACK_ORDER 2

struct vcpu;

/* sizeof(struct cpu_info) - sizeof(struct regs) is a multiple of 16: the CPU aligns RSP0 so. */
struct cpu_info {
	struct regs regs; /* of the guest; RSP0 points just past it */
	uint32_t cpu;
	struct vcpu *current;
	uint64_t scratch; /* RAX for a moment, in the SYSCALL stubs */
	uint64_t filler;
};

static inline struct cpu_info *cpu_info(void)
{
	uintptr_t sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1 - sizeof(struct cpu_info));
}

#define HV_CS64		   0xe008
#define HV_DS		   0xe010
#define GUEST_CS32	   0xe023
#define GUEST_DS	   0xe02b
#define GUEST_CS64	   0xe033
#define TSS_SELECTOR	   0xe040
#define LDT_SELECTOR	   0xe050
#define GDT_RESERVED_PAGE  14
#define GDT_RESERVED_FIRST 0xe000

struct tss {
	uint32_t reserved0;
	uint64_t rsp0, rsp1, rsp2, reserved1, ist[7], reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));

/* The CPU's page of reserved descriptors; mapped as page 14 of the running vCPU's GDT window. */
uint64_t *percpu_gdt(unsigned int cpu);
struct tss *percpu_tss(unsigned int cpu);
mfn_t percpu_gdt_frame(unsigned int cpu);
void percpu_load_gdt(uint64_t base);		/* base: linear address of selector 0 */
uint64_t percpu_own_gdt_base(unsigned int cpu); /* for when no guest is loaded */

#endif
