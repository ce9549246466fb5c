/*
 * Grant mappings in a guest's page tables.  The references are the grant code's, so
 * the entry carries PTE_GNTTAB, which tells mm/pagetype.c not to count it.
 */
#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/refuse.h"
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

/* The entry that host_addr names, with a reference on its table; NULL if there is none. */
static uint64_t *hold_entry(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t *table)
{
	unsigned int index;

	if (!find_entry(d, host_addr, flags, table, &index) || !hold_table(d, *table)) {
		return NULL;
	}
	return (uint64_t *)frame_to_virt(*table) + index;
}

int guest_grant_map_pte(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t frame,
			bool readonly)
{
	uint64_t e = mfn_to_paddr(frame) | PTE_P | PTE_US | PTE_A | PTE_D | PTE_GNTTAB |
		     (readonly ? 0 : PTE_RW),
		 *at;
	mfn_t table;

	frame_of(frame)->flags |= FRAME_ABROAD;
	e |= ((uint64_t)flags >> _GNTMAP_guest_avail0 & 7) << 9;
	spin_lock(&d->pages.pt_lock);
	at = hold_entry(d, host_addr, flags, &table);
	if (at) {
		pagetype_put_l1e(d, __atomic_exchange_n(at, e, __ATOMIC_SEQ_CST));
		frame_put(table);
	}
	spin_unlock(&d->pages.pt_lock);
	return at ? GNTST_okay : refuse_at(GNTST_general_error, REASON_GRANT_MAP_PLACE, host_addr);
}

/*
 * The entry must be as writable as the handle it is taken down for: a guest with a readable and a writable mapping
 * of one frame could else keep the writable entry under the readable handle, which holds no writable reference.
 */
static bool is_mapping(uint64_t e, mfn_t frame, bool readonly)
{
	uint64_t want = PTE_P | PTE_GNTTAB | (readonly ? 0 : PTE_RW);

	return (e & (PTE_P | PTE_GNTTAB | PTE_RW)) == want && mfn_eq(PTE_MFN(e), frame);
}

int guest_grant_unmap_pte(struct domain *d, uint64_t host_addr, unsigned int flags, mfn_t frame,
			  bool readonly)
{
	int rc = GNTST_general_error;
	uint64_t *at;
	mfn_t table;

	spin_lock(&d->pages.pt_lock);
	at = hold_entry(d, host_addr, flags, &table);
	if (at) {
		if (is_mapping(*at, frame, readonly)) {
			__atomic_exchange_n(at, 0, __ATOMIC_SEQ_CST);
			rc = GNTST_okay;
		}
		frame_put(table);
	}
	spin_unlock(&d->pages.pt_lock);
	return rc == GNTST_okay ? rc : refuse_at(rc, REASON_GRANT_MAP_PLACE, host_addr);
}

/*
 * The entry that maps new_addr moves to host_addr, references and all.  Both are looked at before either changes;
 * one and the same would leave the mapping in place behind its handle's back.
 */
int guest_grant_replace_pte(struct domain *d, uint64_t host_addr, uint64_t new_addr, mfn_t frame,
			    bool readonly)
{
	mfn_t to_table, from_table;
	int rc = GNTST_general_error;
	uint64_t *to, *from;

	spin_lock(&d->pages.pt_lock);
	to = hold_entry(d, host_addr, 0, &to_table);
	from = hold_entry(d, new_addr, 0, &from_table);
	if (to && from && to != from && is_mapping(*to, frame, readonly)) {
		uint64_t e = __atomic_exchange_n(from, 0, __ATOMIC_SEQ_CST);

		__atomic_exchange_n(to, e, __ATOMIC_SEQ_CST);
		rc = GNTST_okay;
	}
	if (from) {
		frame_put(from_table);
	}
	if (to) {
		frame_put(to_table);
	}
	spin_unlock(&d->pages.pt_lock);
	return rc == GNTST_okay ? rc : refuse_at(rc, REASON_GRANT_MAP_PLACE, host_addr);
}
