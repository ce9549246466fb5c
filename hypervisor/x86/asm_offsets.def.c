/* The only source of structure offsets used in assembly: compiled to text, never linked. */
#include "x86/percpu.h"
#include "x86/regs.h"

#define OFFSET(name, value) __asm__ volatile(".ascii \"OFFSET " #name " %0\"" ::"i"((long)(value)))

void asm_offsets(void);
void asm_offsets(void)
{
	OFFSET(CPU_INFO_SIZE, sizeof(struct cpu_info));
	OFFSET(REGS_SIZE, sizeof(struct regs));
	OFFSET(REGS_RIP, offsetof(struct regs, rip));
	OFFSET(REGS_CS, offsetof(struct regs, cs));
	OFFSET(REGS_RFLAGS, offsetof(struct regs, rflags));
	OFFSET(REGS_RSP, offsetof(struct regs, rsp));
	OFFSET(REGS_SS, offsetof(struct regs, ss));
	OFFSET(REGS_VECTOR, offsetof(struct regs, vector));
	OFFSET(REGS_RAX, offsetof(struct regs, rax));
	OFFSET(REGS_RCX, offsetof(struct regs, rcx));
	OFFSET(REGS_R11, offsetof(struct regs, r11));
	OFFSET(INFO_SCRATCH, offsetof(struct cpu_info, scratch));
	OFFSET(INFO_CURRENT, offsetof(struct cpu_info, current));
}
