/* Where all choices come from, and the values that calls are made of. */
#include "tests/fuzz/hcall/fuzz.h"

#include <stdint.h>

#include <xen/event_channel.h>

#include "hypervisor/lib/string.h"

uint64_t rnd64(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random * 0x2545f4914f6cdd1dUL;
}

uint32_t rnd(struct worker *w, uint32_t below)
{
	return (uint32_t)(rnd64(w) >> 33) % below;
}

bool chance(struct worker *w, unsigned int percent)
{
	return rnd(w, 100) < percent;
}

uint64_t odd_number(struct worker *w)
{
	static const uint64_t odd[] = { 0,
					1,
					2,
					7,
					63,
					64,
					511,
					512,
					4095,
					4096,
					0x7fff,
					0xffff,
					0x7fffffff,
					0x80000000,
					0xffffffff,
					0x100000000,
					0x7fffffffffff,
					0x800000000000,
					0xffff7fffffffffff,
					0xffff800000000000,
					0xffff830000000000,
					0x7fffffffffffffff,
					0x8000000000000000,
					~0UL };

	return chance(w, 70) ? odd[rnd(w, ARRAY_SIZE(odd))] : rnd64(w) >> rnd(w, 64);
}

/* What we stand on: code, data, tables, all in the initial mapping. */
static bool is_vital(uint64_t mfn)
{
	uint64_t pfn = mfn <= play.last_mfn ? mfn_to_pfn(mfn) : ~0UL;

	return pfn != ~0UL && pte_of(pfn_to_virt(pfn), 1) && (*pte_of(pfn_to_virt(pfn), 1) & PTE_P);
}

static uint64_t any_mfn(struct worker *w)
{
	switch (rnd(w, 40)) {
	case 0:
		return odd_number(w);
	case 1:
		return rnd(w, 0x20000); /* anything: the hypervisor's, free, another domain's */
	case 2:
		return play.ghost[rnd(w, GHOSTS)];
	case 3:
		return play.window_l1[rnd(w, 2)];
	case 4:
		return start_info->shared_info >> PAGE_SHIFT;
	default:
		return play.mfn[rnd(w, PLAYED)];
	}
}

uint64_t some_mfn(struct worker *w)
{
	uint64_t mfn = any_mfn(w);

	return is_vital(mfn) ? play.mfn[0] : mfn;
}

uint64_t some_window(struct worker *w)
{
	return 8UL << 39 | (uint64_t)rnd(w, chance(w, 80) ? 32 : WINDOW) << PAGE_SHIFT;
}

uint64_t some_entry(struct worker *w)
{
	uint64_t e = (some_mfn(w) << PAGE_SHIFT & PTE_FRAME) | (chance(w, 90) ? PTE_P : 0);

	e |= chance(w, 60) ? PTE_RW : 0;
	e |= chance(w, 70) ? PTE_US : 0;
	e |= chance(w, 50) ? PTE_A | PTE_D : 0;
	if (chance(w, 8)) {
		e ^= 1UL << rnd(w, 64);
	}
	return chance(w, 85) ? e : 0;
}

/* Few places, so that what one call wrote another finds; around the hypervisor's slots too. */
static unsigned int some_index(struct worker *w)
{
	static const unsigned int places[] = { 0, 1, 2, 3, 4, 5, 255, 256, 260, 271, 272, 511 };

	return chance(w, 85) ? places[rnd(w, ARRAY_SIZE(places))] : rnd(w, 512);
}

uint64_t some_entry_address(struct worker *w)
{
	uint64_t table;

	if (chance(w, 25)) {
		return play.window_l1[0] << PAGE_SHIFT | rnd(w, 32) << 3;
	}
	table = chance(w, 97) ? play.mfn[rnd(w, PLAYED)] : some_mfn(w);
	if (table == play.window_l1[0] || table == play.window_l1[1]) {
		table = play.mfn[0];
	}
	return table << PAGE_SHIFT | some_index(w) << 3;
}

uint16_t some_domid(struct worker *w)
{
	switch (rnd(w, 20)) {
	case 0:
		return (uint16_t)odd_number(w);
	case 1:
		return DOMID_IO;
	case 2:
		return DOMID_XEN;
	case 3:
		return 0;
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		return play.other;
	default:
		return DOMID_SELF;
	}
}

void *arg_room(struct worker *w, size_t n)
{
	char *p = w->arg + w->used;

	w->used += (n + 15) & ~15UL;
	if (w->used > ARG_BYTES) {
		w->used = 0;
		p = w->arg;
	}
	return memset(p, 0, n);
}

uint64_t arg(struct worker *w, const void *p)
{
	switch (rnd(w, 120)) {
	case 0:
		return odd_number(w);
	case 1:
		return some_window(w) + rnd(w, PAGE_SIZE);
	case 2:
		return start_info->pt_base + rnd(w, PAGE_SIZE); /* not writable */
	case 3:
		return ptr_arg(p) + rnd(w, 16);
	default:
		return ptr_arg(p);
	}
}

long call(struct worker *w, unsigned int nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
	  uint64_t a5)
{
	w->calls++;
	w->used = 0;
	return hcall5(nr, a1, a2, a3, a4, a5);
}
