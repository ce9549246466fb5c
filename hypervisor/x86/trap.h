/* Entry points of entry.S in C. */
#ifndef PAVANE_X86_TRAP_H
#define PAVANE_X86_TRAP_H

#include "lib/types.h"
#include "x86/regs.h"

void trap_from_guest(struct regs *r);
void trap_from_hypervisor(struct regs *r);
/* Logs what NMIs there were: they can't do so themselves.  From an interrupt, where no lock is held. */
void trap_tell_nmis(void);
/* IRETQ to the guest faulted; r is the fault's frame below the guest's. (pv/exit.c) */
__attribute__((noreturn)) void trap_exit_failed(struct regs *r);

#endif
