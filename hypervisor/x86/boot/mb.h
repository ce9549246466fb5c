/* Reads a Multiboot 1 or 2 loader's information into bootinfo. */
#ifndef PAVANE_X86_BOOT_MB_H
#define PAVANE_X86_BOOT_MB_H

#include "lib/types.h"

/* magic and info are EAX and EBX at entry. False: no loader we know. */
bool mb_read(uint32_t magic, uint32_t info);

#endif
