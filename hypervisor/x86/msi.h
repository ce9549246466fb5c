/*
 * Message-signalled interrupts.  A struct msi is one MSI-X entry, or a device's MSI with its
 * one or several vectors.  Messages and masks are written by us alone: whoever chooses them chooses
 * which vector of which CPU is hit.
 *
 * The caller serialises operations on one device.
 */
#ifndef PAVANE_X86_MSI_H
#define PAVANE_X86_MSI_H

#include "lib/types.h"

struct msi {
	/* given: */
	uint16_t seg;
	uint8_t bus, devfn;
	bool x;		    /* MSI-X */
	unsigned int entry; /* MSI-X: which */
	unsigned int count; /* vectors; 1 for MSI-X */
	paddr_t table_base; /* MSI-X: what the control domain believes; used only if the BAR is empty */
	/* found and made by msi_setup(): */
	uint8_t vector;
	unsigned int cpu;
	uint8_t cap;		/* the capability's place */
	bool wide, maskable;	/* MSI: 64-bit address, per-vector mask */
	volatile uint32_t *row; /* MSI-X: address low, high, data, control */
};

/* The capability with this id (5 MSI, 17 MSI-X), or 0. */
uint8_t pci_find_capability(uint16_t seg, uint8_t bus, uint8_t devfn, uint8_t id);
bool pci_present(uint16_t seg, uint8_t bus, uint8_t devfn);
/*
 * Allocates vectors, writes the messages, leaves all masked where the device can mask.  0, -ENODEV (no such device or
 * capability), -EINVAL (no such entry or count), -ENXIO (device memory off), -EPERM (the table is not in
 * device memory), -ENOSPC, -ENOMEM.
 */
int msi_setup(struct msi *m);
void msi_teardown(struct msi *m);
void msi_mask(struct msi *m, unsigned int i, bool masked); /* vector i of it */
void msi_restore(struct msi *m, uint32_t masked_vectors);  /* after the device lost its registers */

#endif
