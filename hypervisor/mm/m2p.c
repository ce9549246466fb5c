/* The machine-to-physical table: one word a frame, set by whoever gives a frame its place in a guest. */
#include "mm/m2p.h"

uint64_t *m2p_table;
uint64_t m2p_entries;

void m2p_set(mfn_t m, uint64_t pfn_or_invalid)
{
	if (m.n < m2p_entries) {
		m2p_table[m.n] = pfn_or_invalid;
	}
}

uint64_t m2p_get(mfn_t m)
{
	return m.n < m2p_entries ? m2p_table[m.n] : M2P_INVALID;
}
