/*
 * Walking a guest's page tables by hand.  Validated tables only point to
 * validated tables, so each step lands on a frame of RAM; the check is for the
 * base, which the caller got from somewhere.  (A table's validation refuses PS,
 * so an entry that has it is none of a guest's.)
 */
#include "mm/ptwalk.h"

#include "arch/cpu.h"
#include "mm/frame.h"
#include "x86/pte.h"

static uint64_t read_entry(mfn_t table, unsigned int index)
{
	const _Atomic uint64_t *t = frame_to_virt(table);

	return atomic_load_explicit(&t[index], memory_order_relaxed);
}

static bool descend(mfn_t *table, unsigned int index)
{
	uint64_t e = read_entry(*table, index);

	if ((e & (PTE_P | PTE_PS)) != PTE_P) {
		return false;
	}
	*table = PTE_MFN(e);
	return true;
}

uint64_t ptwalk_l1(mfn_t base, gva_t va)
{
	mfn_t t = base;

	if (!va_canonical(va) || !frame_valid(base) || !descend(&t, L4_INDEX(va)) ||
	    !descend(&t, L3_INDEX(va)) || !descend(&t, L2_INDEX(va))) {
		return 0;
	}
	return mfn_to_paddr(t) + L1_INDEX(va) * 8;
}

uint64_t ptwalk_l1e(mfn_t base, gva_t va)
{
	uint64_t at = ptwalk_l1(base, va);

	return at ? read_entry(paddr_to_mfn(at), ptwalk_index(at)) : 0;
}
