/* The few constants that assembly shares with pte.h and percpu.h. */
#ifndef PAVANE_X86_PTE_ASM_H
#define PAVANE_X86_PTE_ASM_H

#include "asm_offsets.h"

#define IMAGE_BASE 0xffff82d000000000
#define STACK_SIZE 16384

#endif
