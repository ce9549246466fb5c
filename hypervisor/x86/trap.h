/* Entry points of entry.S in C, and printing for panics. */
#ifndef PAVANE_X86_TRAP_H
#define PAVANE_X86_TRAP_H

#include "lib/types.h"
#include "x86/regs.h"

void trap_from_guest(struct regs *r);
void trap_from_hypervisor(struct regs *r);
void trap_print_regs(const struct regs *r);
void trap_print_stack(uint64_t rbp);
/* IRETQ to the guest faulted; r is the fault's frame below the guest's. (pv/bounce.c) */
__attribute__((noreturn)) void trap_exit_failed(struct regs *r);

#endif
