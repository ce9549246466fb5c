/*
 * Grant mappings in a guest's page tables.  The references are the grant code's, so
 * the entry carries PTE_GNTTAB, which tells mm/pagetype.c not to count it.
 */
#include "arch/cpu.h"
#include "arch/guest.h"
#include "core/grant_table.h"
#include "mm/pagetype.h"
#include "mm/ptwalk.h"
#include "pv/guest.h"
#include "x86/pte.h"
#include "x86/tlb.h"

/* Finds the L1 entry that host_addr names: itself (contains_pte) or the one that maps it. pt_lock is held. */
static bool find_entry(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t *table,
		       unsigned int *index)
{
	struct vcpu *v = cpu_current();
	uint64_t at;

	if (flags & GNTMAP_contains_pte) {
		*table = paddr_to_mfn(host_addr);
		*index = ptwalk_index(host_addr);
		return (host_addr & 7) == 0 && frame_valid(*table);
	}
	if (v->domain != d || !va_canonical(host_addr) ||
	    (host_addr >= HV_START && host_addr < HV_END)) {
		return false;
	}
	at = ptwalk_l1(paddr_to_mfn(v->pv->kernel_cr3), host_addr);
	*table = paddr_to_mfn(at);
	*index = ptwalk_index(at);
	return at != 0;
}

/* An L1 table of d's in use, with a reference taken. */
static bool hold_table(struct domain *d, mfn_t table)
{
	if (!frame_valid(table) || !frame_get(table, d)) {
		return false;
	}
	if (pagetype_level(d, table) != FRAME_L1) {
		frame_put(table);
		return false;
	}
	return true;
}

static uint64_t *entry_at(mfn_t table, unsigned int index)
{
	return (uint64_t *)frame_to_virt(table) + index;
}

int guest_grant_map_pte(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t frame,
			bool readonly)
{
	uint64_t e = mfn_to_paddr(frame) | PTE_P | PTE_US | PTE_A | PTE_D | PTE_GNTTAB |
		     (readonly ? 0 : PTE_RW),
		 old;
	unsigned int index;
	mfn_t table;
	int rc = GNTST_general_error;

	frame_of(frame)->flags |= FRAME_ABROAD;
	e |= ((uint64_t)flags >> _GNTMAP_guest_avail0 & 7) << 9;
	spin_lock(&d->pages.pt_lock);
	if (find_entry(d, host_addr, flags, &table, &index) && hold_table(d, table)) {
		old = __atomic_exchange_n(entry_at(table, index), e, __ATOMIC_SEQ_CST);
		pagetype_put_l1e(d, old);
		frame_put(table);
		rc = GNTST_okay;
	}
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

/*
 * The entry must be as writable as the handle it is taken down for: a guest with a readable and a writable mapping
 * of one frame could else keep the writable entry under the readable handle, which holds no writable reference.
 */
static int replace(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t frame,
		   uint64_t with, bool readonly)
{
	uint64_t want = PTE_P | PTE_GNTTAB | (readonly ? 0 : PTE_RW);
	unsigned int index;
	uint64_t old;
	mfn_t table;
	int rc = GNTST_general_error;

	spin_lock(&d->pages.pt_lock);
	if (find_entry(d, host_addr, flags, &table, &index) && hold_table(d, table)) {
		old = *entry_at(table, index);
		if ((old & (PTE_P | PTE_GNTTAB | PTE_RW)) == want && mfn_eq(PTE_MFN(old), frame)) {
			__atomic_exchange_n(entry_at(table, index), with, __ATOMIC_SEQ_CST);
			rc = GNTST_okay;
		}
		frame_put(table);
	}
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

int guest_grant_unmap_pte(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t frame,
			  bool readonly)
{
	return replace(d, host_addr, flags, frame, 0, readonly);
}

/* The entry that maps new_addr moves to host_addr, references and all. */
int guest_grant_replace_pte(struct domain *d, uint64_t host_addr, uint64_t new_addr, mfn_t frame,
			    bool readonly)
{
	unsigned int index;
	mfn_t table;
	uint64_t e;
	int rc;

	if (!new_addr) {
		return replace(d, host_addr, 0, frame, 0, readonly);
	}
	spin_lock(&d->pages.pt_lock);
	if (!find_entry(d, new_addr, 0, &table, &index) || !hold_table(d, table)) {
		spin_unlock(&d->pages.pt_lock);
		return GNTST_general_error;
	}
	e = __atomic_exchange_n(entry_at(table, index), 0, __ATOMIC_SEQ_CST);
	frame_put(table);
	spin_unlock(&d->pages.pt_lock);
	rc = replace(d, host_addr, 0, frame, e, readonly);
	if (rc != GNTST_okay) {
		spin_lock(&d->pages.pt_lock);
		pagetype_put_l1e(d, e);
		spin_unlock(&d->pages.pt_lock);
	}
	return rc;
}
