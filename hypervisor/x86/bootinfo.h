/* What the boot loader said, whoever it was: the only boot format past x86/boot. */
#ifndef PAVANE_X86_BOOTINFO_H
#define PAVANE_X86_BOOTINFO_H

#include "lib/types.h"

struct e820 {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));
#define E820_RAM 1

struct boot_module {
	paddr_t start, end;
	const char *cmdline; /* arguments only, as bootinfo.cmdline */
};

struct bootinfo {
	const char *cmdline, *loader;
	unsigned int e820_count, module_count;
	struct e820 e820[128];
	struct boot_module module[8];
	paddr_t rsdp; /* 0: not told */
};
extern struct bootinfo bootinfo;

#endif
