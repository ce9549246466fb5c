/*
 * Device interrupts: a vector is a number in every CPU's table and is given to one
 * source at a time.  Edge sources and messages are acknowledged at once.  A level line is masked at
 * its IO-APIC, acknowledged, and unmasked when its user says so: a guest that never does blocks
 * its own line and nothing else.
 */
#ifndef PAVANE_X86_IRQ_H
#define PAVANE_X86_IRQ_H

#include "lib/types.h"

typedef void (*irq_handler)(void *arg);

/* Runs of 'count' vectors (a power of two, aligned to itself), none of them the guests' INT 0x80. First one or -errno. */
int irq_vector_alloc(unsigned int count);
void irq_vector_free(uint8_t first, unsigned int count); /* waits until no handler of theirs runs */
/* Who is called, and with what; NULL: interrupts are dropped. Changing it waits for a running handler to end. */
void irq_vector_set(uint8_t vector, irq_handler fn, void *arg);
/* The CPU that should take the next new source. */
unsigned int irq_pick_cpu(void);

/*
 * Global system interrupts.  Setting one up gives it a vector and writes its masked IO-APIC entry; 0,
 * -EEXIST if it is (harmless), -EINVAL without such a line, -EBUSY if the hypervisor uses it, -ENOSPC.
 */
int irq_gsi_setup(unsigned int gsi, bool level, bool active_low);
/* As the bus's defaults and the firmware's overrides have it; for those never set up by name. */
int irq_gsi_setup_default(unsigned int gsi);
/* Claims a set-up line for a handler and unmasks it. 0 or -EBUSY, -EINVAL. */
int irq_gsi_claim(unsigned int gsi, irq_handler fn, void *arg);
void irq_gsi_release(unsigned int gsi); /* masks it, and waits for a running handler */
void irq_gsi_done(unsigned int gsi);	/* level: unmask; edge: nothing */
bool irq_gsi_level(unsigned int gsi);
int irq_gsi_vector(unsigned int gsi); /* 0 if it has none */
/* For the hypervisor's own use: sets up and claims the line an ISA device has. */
int irq_claim_isa(unsigned int isa_irq, irq_handler fn, void *arg);
uint64_t irq_count(uint8_t vector); /* taken since boot, all CPUs */

/* ioapic.c */
unsigned int ioapic_gsi_end(void); /* one past the last line there is */
bool ioapic_has_gsi(unsigned int gsi);
void ioapic_write_entry(unsigned int gsi, uint8_t vector, uint32_t apic_id, bool level,
			bool active_low); /* masked */
void ioapic_mask(unsigned int gsi);
void ioapic_unmask(unsigned int gsi);
/* Where an ISA interrupt arrives and how it is wired. */
void ioapic_isa(unsigned int isa_irq, unsigned int *gsi, bool *level, bool *active_low);
/* How an unnamed GSI is wired: ISA ones as above, the rest level and active low. */
void ioapic_default(unsigned int gsi, bool *level, bool *active_low);
/* Register 'reg' of the IO-APIC at this address: id, version and arbitration only; false if there is none. */
bool ioapic_read(paddr_t base, uint8_t reg, uint32_t *value);
unsigned int ioapic_count(void);
paddr_t ioapic_address(unsigned int i);

#endif
