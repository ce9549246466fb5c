/* What this processor can do, found once; MSR numbers and control-register bits. */
#ifndef PAVANE_X86_CPU_H
#define PAVANE_X86_CPU_H

#include "lib/types.h"

#define MSR_TSC		   0x10
#define MSR_APIC_BASE	   0x1b
#define MSR_SPEC_CTRL	   0x48
#define MSR_ARCH_CAPS	   0x10a
#define MSR_SYSENTER_CS	   0x174
#define MSR_SYSENTER_ESP   0x175
#define MSR_SYSENTER_EIP   0x176
#define MSR_PAT		   0x277
#define MSR_EFER	   0xc0000080
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082
#define MSR_CSTAR	   0xc0000083
#define MSR_SFMASK	   0xc0000084
#define MSR_FS_BASE	   0xc0000100
#define MSR_GS_BASE	   0xc0000101
#define MSR_SHADOW_GS_BASE 0xc0000102
#define MSR_TSC_AUX	   0xc0000103

#define SPEC_CTRL_IBRS	   1ULL
#define ARCH_CAPS_IBRS_ALL 2ULL
#define EFER_AUTO_IBRS	   (1ULL << 21)

#define CR4_TSD		   (1UL << 2)
#define CR4_DE		   (1UL << 3)
#define CR4_PGE		   (1UL << 7)
#define CR4_OSFXSR	   (1UL << 9)
#define CR4_OSXMMEXCPT	   (1UL << 10)
#define CR4_UMIP	   (1UL << 11)
#define CR4_OSXSAVE	   (1UL << 18)
#define CR4_SMEP	   (1UL << 20)
#define CR4_SMAP	   (1UL << 21)

struct cpu_features {
	char vendor[13];
	uint32_t max_leaf, max_ext_leaf;
	bool xsave, xsaveopt, smep, smap, umip, rdtscp, amd;
	bool x87_pointers_stay; /* loading x87 state does not load its last instruction and data */
	bool ibrs_all, auto_ibrs; /* keeps our branch predictions from guests', once told to */
	bool emulated;		  /* by something that does not speculate */
	unsigned int phys_bits;
	uint64_t cr4; /* as every CPU runs with */
};
extern struct cpu_features cpu_features;

void cpu_detect(void); /* boot CPU, once */
void cpu_setup(void);  /* each CPU: CR0, CR4, EFER, PAT */

/* Hard to guess: RDRAND where there is one, and the time. */
uint64_t cpu_random(void);

static inline uint64_t read_cr2(void)
{
	uint64_t v;
	__asm__ volatile("mov %%cr2, %0" : "=r"(v));
	return v;
}
static inline uint64_t read_cr4(void)
{
	uint64_t v;
	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}
static inline void write_cr4(uint64_t v)
{
	__asm__ volatile("mov %0, %%cr4" ::"r"(v) : "memory");
}

#endif
