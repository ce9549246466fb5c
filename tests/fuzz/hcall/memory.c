/*
 * Calls about memory: entries of tables that are live, half-made or not tables; pins; bases; descriptor tables; and
 * the reservation.  Frames that are given up come back as others, and the old numbers stay in play for a while.
 */
#define __XEN_TOOLS__ 1
#include <stdint.h>

#include <xen/memory.h>

#include "hypervisor/lib/string.h"
#include "tests/fuzz/hcall/fuzz.h"

struct playground play;

#define USUAL_TABLE (PTE_P | PTE_RW | PTE_US | PTE_A)

static void write_now(uint64_t mfn, unsigned int index, uint64_t value)
{
	struct mmu_update u = { mfn << PAGE_SHIFT | index << 3, value };
	long rc = mmu_update(&u, 1, NULL, DOMID_SELF);

	if (rc) {
		print("cannot write entry %u of frame %#lx: %ld\n", index, mfn, rc);
	}
}

static uint64_t take_frame(void)
{
	return pfn_to_mfn(pfn_take());
}

void play_init(void)
{
	const uint64_t *l4 = (const uint64_t *)start_info->pt_base;
	uint64_t l3 = take_frame();
	struct mmu_update u = { pte_machine_address(&l4[8]), l3 << PAGE_SHIFT | USUAL_TABLE };

	play.other = DOMID_INVALID;
	play.last_mfn = (uint64_t)memory_op(XENMEM_maximum_ram_page, NULL);
	play.window_l2 = take_frame();
	for (unsigned int i = 0; i < 2; i++) {
		play.window_l1[i] = take_frame();
		write_now(play.window_l2, i, play.window_l1[i] << PAGE_SHIFT | USUAL_TABLE);
	}
	write_now(l3, 0, play.window_l2 << PAGE_SHIFT | USUAL_TABLE);
	if (mmu_update(&u, 1, NULL, DOMID_SELF)) {
		print("cannot make the window\n");
	}
	for (unsigned int i = 0; i < PLAYED; i++) {
		play.pfn[i] = pfn_take();
		play.mfn[i] = pfn_to_mfn(play.pfn[i]);
	}
}

/* ---- entries ---- */

static uint64_t some_foreign(struct worker *w)
{
	uint64_t f = chance(w, 70) ? DOMID_SELF : some_domid(w);

	if (chance(w, 6)) {
		f |= (uint64_t)(uint16_t)(some_domid(w) + 1) << 16;
	}
	return chance(w, 2) ? odd_number(w) : f;
}

static void entries(struct worker *w)
{
	unsigned int n = 1 + rnd(w, chance(w, 90) ? 4 : 100);
	struct mmu_update *u = arg_room(w, n * sizeof(*u));
	unsigned int *done = arg_room(w, sizeof(*done));

	for (unsigned int i = 0; i < n; i++) {
		static const unsigned int kinds[] = { 0, 0, 0, 0, 2, 2, 1, 3 };

		u[i].ptr = some_entry_address(w) | kinds[rnd(w, ARRAY_SIZE(kinds))];
		u[i].val = (u[i].ptr & 3) == 1 ? odd_number(w) : some_entry(w);
	}
	call(w, __HYPERVISOR_mmu_update, arg(w, u),
	     chance(w, 99) ? n : (odd_number(w) & 0xff) | (uint64_t)rnd(w, 2) << 31,
	     chance(w, 50) ? arg(w, done) : 0, some_foreign(w), 0);
}

static void window_entry(struct worker *w)
{
	static const uint64_t flush[] = { 0, UVMF_TLB_FLUSH | UVMF_LOCAL, UVMF_INVLPG | UVMF_ALL,
					  UVMF_TLB_FLUSH | UVMF_ALL, UVMF_INVLPG };
	uint64_t flags = chance(w, 95) ? flush[rnd(w, ARRAY_SIZE(flush))] : odd_number(w);
	uint64_t va = chance(w, 98) ? some_window(w) : odd_number(w) | 1UL << 47;

	if (chance(w, 90)) {
		call(w, __HYPERVISOR_update_va_mapping, va, some_entry(w), flags, 0, 0);
	} else {
		call(w, __HYPERVISOR_update_va_mapping_otherdomain, va, some_entry(w), flags,
		     some_domid(w), 0);
	}
}

/* A table of the playground into the window, or out of it: live from then on. */
static void window_table(struct worker *w)
{
	struct mmu_update *u = arg_room(w, sizeof(*u));

	u->ptr = play.window_l2 << PAGE_SHIFT | (2 + rnd(w, 6)) << 3;
	u->val = chance(w, 70) ? play.mfn[rnd(w, PLAYED)] << PAGE_SHIFT | USUAL_TABLE
			       : some_entry(w);
	call(w, __HYPERVISOR_mmu_update, ptr_arg(u), 1, 0, DOMID_SELF, 0);
}

void write_frame(struct worker *w, uint64_t mfn, unsigned int index, uint64_t value)
{
	struct mmu_update *u = arg_room(w, sizeof(*u));

	u->ptr = mfn << PAGE_SHIFT | index << 3;
	u->val = value;
	call(w, __HYPERVISOR_mmu_update, ptr_arg(u), 1, 0, DOMID_SELF, 0);
}

static void mmuext(struct worker *w, unsigned int cmd, uint64_t a1, uint64_t a2, uint64_t domid)
{
	struct mmuext_op *op = arg_room(w, sizeof(*op));

	op->cmd = cmd;
	op->arg1.mfn = a1;
	op->arg2.src_mfn = a2;
	call(w, __HYPERVISOR_mmuext_op, arg(w, op), 1, 0, domid, 0);
}

/* A tree that is right but for a place or two, pinned somewhere. */
static void tree(struct worker *w)
{
	uint64_t m[5];

	for (unsigned int i = 0; i < 5; i++) {
		m[i] = play.mfn[rnd(w, PLAYED)];
		mmuext(w, MMUEXT_CLEAR_PAGE, m[i], 0, DOMID_SELF);
	}
	for (unsigned int i = 0; i < 4; i++) {
		for (unsigned int k = rnd(w, 3) + 1; k > 0; k--) {
			write_frame(w, m[i], rnd(w, 8),
				    chance(w, 93) ? m[i + 1] << PAGE_SHIFT | USUAL_TABLE
						  : some_entry(w));
		}
	}
	mmuext(w, chance(w, 80) ? MMUEXT_PIN_L4_TABLE : MMUEXT_PIN_L1_TABLE + rnd(w, 4), m[0], 0,
	       DOMID_SELF);
}

/* ---- pins, bases, flushes ---- */

static unsigned int some_mmuext(struct worker *w)
{
	static const unsigned int usual[] = {
		MMUEXT_PIN_L1_TABLE,	MMUEXT_PIN_L2_TABLE,  MMUEXT_PIN_L3_TABLE,
		MMUEXT_PIN_L4_TABLE,	MMUEXT_UNPIN_TABLE,   MMUEXT_UNPIN_TABLE,
		MMUEXT_UNPIN_TABLE,	MMUEXT_UNPIN_TABLE,   MMUEXT_NEW_USER_BASEPTR,
		MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_INVLPG_LOCAL,  MMUEXT_TLB_FLUSH_MULTI,
		MMUEXT_INVLPG_MULTI,	MMUEXT_TLB_FLUSH_ALL, MMUEXT_INVLPG_ALL,
		MMUEXT_CLEAR_PAGE,	MMUEXT_COPY_PAGE,     MMUEXT_MARK_SUPER,
		MMUEXT_UNMARK_SUPER,	MMUEXT_SET_LDT,
	};

	return usual[rnd(w, ARRAY_SIZE(usual))];
}

static void fill_mmuext(struct worker *w, struct mmuext_op *op)
{
	static const uint64_t mask = 3;

	op->cmd = chance(w, 97) ? some_mmuext(w) : (unsigned int)odd_number(w);
	op->arg1.mfn = some_mfn(w);
	op->arg2.src_mfn = some_mfn(w);
	switch (op->cmd) {
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		op->arg1.linear_addr = some_window(w);
		set_xen_guest_handle_raw(op->arg2.vcpumask, (void *)arg(w, &mask));
		break;
	case MMUEXT_SET_LDT:
		op->arg1.linear_addr = chance(w, 90) ? some_window(w) : odd_number(w);
		op->arg2.nr_ents = chance(w, 80) ? rnd(w, 1024) : (unsigned int)odd_number(w);
		break;
	case MMUEXT_NEW_USER_BASEPTR:
		op->arg1.mfn = chance(w, 30) ? 0 : op->arg1.mfn;
		break;
	case MMUEXT_CLEAR_PAGE:
	case MMUEXT_COPY_PAGE:
	case MMUEXT_NEW_BASEPTR:
		op->arg1.mfn = play.mfn[rnd(w, PLAYED)]; /* none that we stand on */
		break;
	default:
		break;
	}
	if (op->cmd == MMUEXT_NEW_BASEPTR && !play_hard) {
		op->cmd = MMUEXT_NEW_USER_BASEPTR;
	}
}

static void extended(struct worker *w)
{
	unsigned int n = 1 + rnd(w, chance(w, 90) ? 2 : 20);
	struct mmuext_op *ops = arg_room(w, n * sizeof(*ops));
	unsigned int *done = arg_room(w, sizeof(*done));

	for (unsigned int i = 0; i < n; i++) {
		fill_mmuext(w, &ops[i]);
	}
	call(w, __HYPERVISOR_mmuext_op, arg(w, ops), n, chance(w, 50) ? arg(w, done) : 0,
	     chance(w, 92) ? DOMID_SELF : some_domid(w), 0);
}

/* ---- descriptors ---- */

static uint64_t some_descriptor(struct worker *w)
{
	static const uint64_t good[] = { 0, 0x00affb000000ffffUL, 0x00cff3000000ffffUL,
					 0x00cffb000000ffffUL };

	return chance(w, 90) ? good[rnd(w, ARRAY_SIZE(good))] : rnd64(w);
}

static void descriptors(struct worker *w)
{
	uint64_t *frames = arg_room(w, 16 * sizeof(*frames));
	unsigned int n = rnd(w, chance(w, 90) ? 3 : 16);

	if (chance(w, 50)) {
		call(w, __HYPERVISOR_update_descriptor,
		     (play.mfn[rnd(w, PLAYED)] << PAGE_SHIFT | rnd(w, 512) << 3) +
			     (chance(w, 3) ? rnd(w, 8) : 0),
		     some_descriptor(w), 0, 0, 0);
		return;
	}
	for (unsigned int i = 0; i < n && i < 16; i++) {
		frames[i] = some_mfn(w);
		if (chance(w, 60)) {
			mmuext(w, MMUEXT_CLEAR_PAGE, play.mfn[rnd(w, PLAYED)], 0, DOMID_SELF);
		}
	}
	call(w, __HYPERVISOR_set_gdt, arg(w, frames),
	     chance(w, 97) ? n * 512 - (n ? rnd(w, 512) : 0) : odd_number(w), 0, 0, 0);
}

/* ---- the reservation ---- */

static void lose(struct worker *w, unsigned int i)
{
	play.ghost[rnd(w, GHOSTS)] = play.mfn[i];
	play.mfn[i] = 0;
}

static struct xen_memory_reservation *one_extent(struct worker *w, xen_pfn_t *list)
{
	struct xen_memory_reservation *r = arg_room(w, sizeof(*r));

	r->nr_extents = 1;
	r->domid = DOMID_SELF;
	set_xen_guest_handle_raw(r->extent_start, list);
	return r;
}

static void give_up(struct worker *w)
{
	xen_pfn_t *list = arg_room(w, sizeof(*list));
	unsigned int i = rnd(w, PLAYED);

	*list = play.mfn[i];
	if (*list && call(w, __HYPERVISOR_memory_op, XENMEM_decrease_reservation,
			  ptr_arg(one_extent(w, list)), 0, 0, 0) == 1) {
		lose(w, i);
	}
}

static void have_again(struct worker *w)
{
	for (unsigned int tries = 0; tries < 8; tries++) {
		unsigned int i = rnd(w, PLAYED);
		xen_pfn_t *list;

		if (play.mfn[i]) {
			continue;
		}
		list = arg_room(w, sizeof(*list));
		*list = play.pfn[i];
		if (call(w, __HYPERVISOR_memory_op, XENMEM_populate_physmap,
			 ptr_arg(one_extent(w, list)), 0, 0, 0) == 1) {
			play.mfn[i] = *list;
		}
	}
}

static void exchange(struct worker *w)
{
	struct xen_memory_exchange *x = arg_room(w, sizeof(*x));
	xen_pfn_t *in = arg_room(w, 4 * sizeof(*in)), *out = arg_room(w, 4 * sizeof(*out));
	unsigned int n = 1 + rnd(w, 3), slot[4];
	uint64_t in_va = arg(w, in), out_va = arg(w, out);

	for (unsigned int i = 0; i < n; i++) {
		slot[i] = rnd(w, PLAYED);
		in[i] = chance(w, 97) ? play.mfn[slot[i]] : some_mfn(w);
		out[i] = play.pfn[slot[i]];
	}
	x->in.nr_extents = x->out.nr_extents = chance(w, 97) ? n : odd_number(w);
	x->in.domid = x->out.domid = chance(w, 95) ? DOMID_SELF : some_domid(w);
	x->out.mem_flags = chance(w, 20) ? XENMEMF_address_bits(rnd(w, 64)) : 0;
	if (chance(w, 3)) {
		x->in.extent_order = rnd(w, 12);
	}
	set_xen_guest_handle_raw(x->in.extent_start, (void *)in_va);
	set_xen_guest_handle_raw(x->out.extent_start, (void *)out_va);
	if (x->in.domid == 0 || x->in.domid == DOMID_SELF) {
		for (unsigned int i = 0; i < n; i++) {
			play.ghost[rnd(w, GHOSTS)] = in[i];
		}
	}
	call(w, __HYPERVISOR_memory_op, XENMEM_exchange, arg(w, x), 0, 0, 0);
	for (unsigned int i = 0; i < n && i < x->nr_exchanged; i++) {
		if (in[i] == play.mfn[slot[i]]) {
			play.mfn[slot[i]] = out[i];
		}
	}
}

/* Other sub-operations, with structures of numbers that may be anything. */
static void memory_other(struct worker *w)
{
	static const unsigned int ops[] = {
		XENMEM_increase_reservation,
		XENMEM_populate_physmap,
		XENMEM_maximum_ram_page,
		XENMEM_current_reservation,
		XENMEM_maximum_reservation,
		XENMEM_maximum_gpfn,
		XENMEM_machphys_mfn_list,
		XENMEM_machphys_mapping,
		XENMEM_memory_map,
		XENMEM_machine_memory_map,
		XENMEM_set_memory_map,
		XENMEM_add_to_physmap,
		XENMEM_remove_from_physmap,
		XENMEM_claim_pages,
		XENMEM_reserved_device_memory_map,
		XENMEM_acquire_resource,
	};
	unsigned int op = chance(w, 95) ? ops[rnd(w, ARRAY_SIZE(ops))] : rnd(w, 64);
	struct xen_memory_reservation *r = arg_room(w, 128);
	xen_pfn_t *list = arg_room(w, 32 * sizeof(*list));

	for (unsigned int i = 0; i < 32; i++) {
		list[i] = odd_number(w);
	}
	if (op == XENMEM_decrease_reservation || op == XENMEM_exchange) {
		return; /* of who knows what: those have calls of their own */
	}
	if (chance(w, 30)) {
		for (unsigned int i = 0; i < 16; i++) {
			((uint64_t *)r)[i] = odd_number(w);
		}
	}
	set_xen_guest_handle_raw(r->extent_start, (void *)arg(w, list));
	r->domid = some_domid(w);
	r->nr_extents = chance(w, 90) ? rnd(w, 8) : odd_number(w);
	if (op == XENMEM_increase_reservation || op == XENMEM_populate_physmap) {
		/* Few, since as many are told; and not ours, which we would lose sight of. */
		r->nr_extents = rnd(w, 4);
		r->domid = play.other;
	}
	r->extent_order = chance(w, 95) ? 0 : rnd(w, 10);
	call(w, __HYPERVISOR_memory_op, op | (chance(w, 2) ? odd_number(w) << 6 : 0), arg(w, r), 0,
	     0, 0);
}

const struct op memory_ops[] = {
	{ "entries", entries, 25, false },
	{ "window entry", window_entry, 10, false },
	{ "window table", window_table, 4, false },
	{ "tree", tree, 6, false },
	{ "extended", extended, 12, false },
	{ "descriptors", descriptors, 4, false },
	{ "give up", give_up, 3, false },
	{ "have again", have_again, 2, false },
	{ "exchange", exchange, 3, false },
	{ "memory", memory_other, 4, false },
	{ NULL, NULL, 0, false },
};
