/* Ways out of the machine beyond those of arch/cpu.h. */
#ifndef PAVANE_X86_REBOOT_H
#define PAVANE_X86_REBOOT_H

#include "lib/types.h"

void reboot_set_noreboot(bool yes); /* boot option: a panic halts for good */
/* The control domain's word on how power-off is written into the PM1 control registers. */
void reboot_set_s5(uint16_t pm1a, uint16_t pm1b);

#endif
