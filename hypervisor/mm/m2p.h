/*
 * The machine-to-physical table: what pseudo-physical frame each machine frame
 * is to its owner.  Guests read it directly; it is mapped without holes up to
 * its end so that looking up a frame that is not RAM gives "invalid", not a fault.
 */
#ifndef PAVANE_MM_M2P_H
#define PAVANE_MM_M2P_H

#include "lib/types.h"

#define M2P_INVALID (~0ULL)
extern uint64_t *m2p_table; /* hypervisor's writable alias; set by the machine at boot */
extern uint64_t m2p_entries;

void m2p_set(mfn_t m, uint64_t pfn_or_invalid);
uint64_t m2p_get(mfn_t m);

#endif
