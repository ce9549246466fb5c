/* What of tlb.c is for pv/ and percpu.c; the rest is in arch/cpu.h. */
#ifndef PAVANE_X86_TLB_H
#define PAVANE_X86_TLB_H

#include "lib/types.h"

void tlb_load_cr3(uint64_t cr3);  /* loads it, and notes that this CPU has flushed */
void tlb_load_idle(uint64_t cr3); /* the same, with no guest mapped until tlb_leave_idle() */
void tlb_leave_idle(void);
void tlb_flush_guest(cpumask_t cpus); /* all non-global entries */

#endif
