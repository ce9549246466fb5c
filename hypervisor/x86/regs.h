/*
 * A guest's (or interrupted hypervisor's) registers as entry.S saves them, at
 * the very top of a CPU's stack.  Pure: the order is the ABI's cpu_user_regs.
 */
#ifndef PAVANE_X86_REGS_H
#define PAVANE_X86_REGS_H

#include <stdint.h>

struct regs {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint32_t error_code;
	uint32_t vector; /* low byte; REGS_SYSCALL when it came by SYSCALL */
	uint64_t rip, cs, rflags, rsp, ss;
};

#define REGS_SYSCALL 0x100u /* frame came by SYSCALL: SYSRET may return */

#endif
