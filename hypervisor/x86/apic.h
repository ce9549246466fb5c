/* What of apic.c only irq.c and smp.c need; the rest is in machine.h. */
#ifndef PAVANE_X86_APIC_H
#define PAVANE_X86_APIC_H

#include "lib/types.h"

#define APIC_INIT    0x4500u /* INIT, level, assert */
#define APIC_STARTUP 0x4600u /* | page number of the start code */

void apic_set_id(unsigned int cpu, uint32_t id);
void apic_send_command(uint32_t apic_id, uint32_t command);
void apic_timer_interrupt(void);
void apic_error_interrupt(void);

#endif
