/*
 * The hypervisor's own page tables: image with each section's rights, all RAM
 * (direct map), frame table and M2P without holes, device registers.
 */
#ifndef PAVANE_X86_PAGING_H
#define PAVANE_X86_PAGING_H

#include "lib/types.h"

#define FRAME_TABLE_BASE 0xffff828000000000ULL /* slot 261 */
#define RW_M2P_BASE	 0xffff82a000000000ULL /* slot 261 */

/* Builds and loads them; frame table and M2P come into being. Uses bootinfo. */
void paging_init(void);
/* Gives what is left of RAM to the heap (image, modules and early memory stay out). */
void paging_give_heap(void);
/* After the last AP is up: nothing writable aliases code any more. */
void paging_seal(void);
void paging_load_own(void); /* loads boot_cr3 */
uint64_t *boot_l4_virt(void);

#endif
