/* Segment descriptors that a guest may load: what they may say, and how they are made harmless. */
#ifndef PAVANE_MM_SEGDESC_H
#define PAVANE_MM_SEGDESC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Makes *desc fit for a guest's GDT or LDT: code and data get privilege level 3 and the accessed bit (so that the
 * CPU never writes it).  Absent ones pass as they are.  False for what no guest may have: system descriptors (gates, TSS, LDT).
 */
bool segdesc_fix(uint64_t *desc);

#endif
