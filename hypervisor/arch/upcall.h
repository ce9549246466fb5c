/*
 * What the machine reports upward: implemented by pv/ (traps, hypercalls) and
 * core/ (softirqs), called by x86/.
 */
#ifndef PAVANE_ARCH_UPCALL_H
#define PAVANE_ARCH_UPCALL_H

#include "lib/types.h"

struct regs;

void upcall_guest_trap(struct regs *regs);    /* an exception in ring 3 */
void upcall_hypercall(struct regs *regs);     /* SYSCALL in guest-kernel mode */
void upcall_guest_syscall(struct regs *regs); /* SYSCALL in guest-user mode */
void upcall_guest_syscall32(struct regs *regs, bool sysenter);
bool upcall_hypervisor_fault(struct regs *regs, uint64_t cr2); /* #PF in ring 0: true if mended */
void upcall_console_byte(char c); /* a byte came in on the serial line */
void upcall_timer(void);	  /* this CPU's deadline has come: raises SOFTIRQ_TIMER */

#endif
