/*
 * Calls about grants: to the other domain and to ourselves, mapped into the window, into tables of the playground, or
 * copied.  Now and then the table changes its version; entries are written as those of the version there is, or was.
 */
#include <stdint.h>

#include <xen/grant_table.h>

#include "hypervisor/lib/string.h"
#include "tests/fuzz/hcall/fuzz.h"

/* The first frame of our own, and what its entries are, as far as the workers know. */
static grant_entry_v1_t *table;
static volatile unsigned int version = 1;

void grants_init(void)
{
	xen_pfn_t frame = 0;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	void *page = page_alloc();

	set_xen_guest_handle_raw(s.frame_list, &frame);
	grant_op(GNTTABOP_setup_table, &s, 1);
	table = page;
	if (s.status ||
	    update_va_mapping((uint64_t)page, frame << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG)) {
		print("cannot map the grant table\n");
	}
}

static uint16_t self(void)
{
	return is_control_domain() ? 0 : play.self;
}

static uint16_t borrower(struct worker *w)
{
	return chance(w, 60) ? play.other : chance(w, 90) ? self() : some_domid(w);
}

static uint16_t some_bound(struct worker *w)
{
	return chance(w, 80) ? (uint16_t)rnd(w, 4200) : (uint16_t)odd_number(w);
}

/* Whole pages, parts, and entries of another domain's; spoilt in the type, or a half of it left from before. */
static void offer_v2(struct worker *w)
{
	grant_entry_v2_t *e = &((grant_entry_v2_t *)(void *)table)[rnd(w, REFS)], n = { 0 };
	uint16_t flags = chance(w, 30) ? GTF_readonly : 0;

	n.hdr.domid = borrower(w);
	n.full_page.frame = some_mfn(w);
	switch (rnd(w, 3)) {
	case 0:
		flags |= GTF_permit_access;
		break;
	case 1:
		flags |= GTF_permit_access | GTF_sub_page;
		n.sub_page.page_off = some_bound(w);
		n.sub_page.length = some_bound(w);
		break;
	default:
		flags |= GTF_transitive;
		n.transitive.trans_domid = borrower(w);
		n.transitive.gref = chance(w, 95) ? rnd(w, REFS) : (uint32_t)odd_number(w);
	}
	if (chance(w, 90)) {
		e->hdr.flags = 0;
		*e = n;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	e->hdr.flags = chance(w, 92) ? flags : (uint16_t)odd_number(w);
}

static void offer(struct worker *w)
{
	grant_entry_v1_t *e = &table[rnd(w, REFS)];
	uint16_t flags = GTF_permit_access | (chance(w, 30) ? GTF_readonly : 0);

	if (version == 2 ? chance(w, 97) : chance(w, 3)) {
		offer_v2(w);
		return;
	}
	e->flags = 0;
	e->domid = borrower(w);
	e->frame = (uint32_t)some_mfn(w);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	e->flags = chance(w, 92) ? flags : (uint16_t)odd_number(w);
}

static void keep(struct worker *w, uint32_t handle, uint64_t at)
{
	unsigned int i = rnd(w, HANDLES);

	play.handle[i] = handle;
	play.handle_at[i] = at;
}

static uint32_t some_map_flags(struct worker *w)
{
	uint32_t flags = chance(w, 90) ? GNTMAP_host_map : GNTMAP_device_map;

	flags |= chance(w, 30) ? GNTMAP_readonly : 0;
	flags |= chance(w, 10) ? GNTMAP_device_map : 0;
	flags |= chance(w, 25) ? GNTMAP_contains_pte : 0;
	return chance(w, 97) ? flags : (uint32_t)odd_number(w);
}

static uint16_t granter(struct worker *w)
{
	return chance(w, 60) ? play.other : chance(w, 80) ? self() : some_domid(w);
}

static void map(struct worker *w)
{
	unsigned int n = 1 + rnd(w, chance(w, 90) ? 2 : 40);
	struct gnttab_map_grant_ref *m = arg_room(w, n * sizeof(*m));

	for (unsigned int i = 0; i < n; i++) {
		m[i].flags = some_map_flags(w);
		m[i].host_addr = m[i].flags & GNTMAP_contains_pte ? some_entry_address(w)
								  : some_window(w);
		m[i].ref = chance(w, 98) ? rnd(w, REFS) : (uint32_t)odd_number(w);
		m[i].dom = granter(w);
	}
	if (call(w, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, arg(w, m), n, 0, 0)) {
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		if (m[i].status == GNTST_okay) {
			keep(w, m[i].handle, m[i].host_addr);
		}
	}
}

static void unmap(struct worker *w)
{
	unsigned int n = 1 + rnd(w, chance(w, 80) ? 3 : 40);
	struct gnttab_unmap_grant_ref *u = arg_room(w, n * sizeof(*u));

	for (unsigned int i = 0; i < n; i++) {
		unsigned int k = rnd(w, HANDLES);

		u[i].handle = chance(w, 96) ? play.handle[k] : (uint32_t)odd_number(w);
		u[i].host_addr = chance(w, 92)	 ? play.handle_at[k]
				 : chance(w, 50) ? 0
						 : some_window(w);
		u[i].dev_bus_addr = chance(w, 90) ? 0 : some_mfn(w) << PAGE_SHIFT;
	}
	call(w, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, arg(w, u), n, 0, 0);
}

static void replace(struct worker *w)
{
	struct gnttab_unmap_and_replace *u = arg_room(w, sizeof(*u));
	unsigned int k = rnd(w, HANDLES);

	u->handle = play.handle[k];
	u->host_addr = chance(w, 92) ? play.handle_at[k] : some_window(w);
	u->new_addr = chance(w, 80) ? some_window(w) : 0;
	call(w, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_and_replace, arg(w, u), 1, 0, 0);
}

static void copy_end(struct worker *w, struct gnttab_copy_ptr *p, bool by_ref)
{
	p->domid = by_ref ? granter(w) : chance(w, 97) ? DOMID_SELF : some_domid(w);
	p->offset = chance(w, 50) ? 0 : (uint16_t)rnd(w, 4200);
	if (by_ref) {
		p->u.ref = rnd(w, REFS);
	} else {
		p->u.gmfn = some_mfn(w);
	}
}

static void copy(struct worker *w)
{
	unsigned int n = 1 + rnd(w, chance(w, 90) ? 4 : 40);
	struct gnttab_copy *c = arg_room(w, n * sizeof(*c));

	for (unsigned int i = 0; i < n; i++) {
		c[i].flags = chance(w, 96) ? (uint16_t)rnd(w, 4) : (uint16_t)odd_number(w);
		copy_end(w, &c[i].source, c[i].flags & GNTCOPY_source_gref);
		copy_end(w, &c[i].dest, c[i].flags & GNTCOPY_dest_gref);
		c[i].len = chance(w, 60) ? (uint16_t)rnd(w, 64) : (uint16_t)rnd(w, 4200);
	}
	call(w, __HYPERVISOR_grant_table_op, GNTTABOP_copy, arg(w, c), n, 0, 0);
}

static void other(struct worker *w)
{
	uint64_t *words = arg_room(w, 256);
	xen_pfn_t *frames = arg_room(w, 64 * sizeof(*frames));
	unsigned int cmd = chance(w, 95) ? rnd(w, 13) : (unsigned int)odd_number(w);

	for (unsigned int i = 0; i < 16; i++) {
		words[i] = chance(w, 60) ? (uint64_t)some_domid(w) | (uint64_t)rnd(w, 6) << 32
					 : odd_number(w);
	}
	if (cmd == GNTTABOP_setup_table) {
		struct gnttab_setup_table *s = (void *)words;

		s->nr_frames = rnd(w, 5);
		set_xen_guest_handle_raw(s->frame_list, (void *)arg(w, frames));
	}
	if (cmd == GNTTABOP_set_version) {
		return; /* empties the table: for change() */
	}
	if (cmd == GNTTABOP_get_status_frames) {
		struct gnttab_get_status_frames *s = (void *)words;

		s->nr_frames = rnd(w, 3);
		s->dom = chance(w, 60) ? DOMID_SELF : some_domid(w);
		set_xen_guest_handle_raw(s->frame_list, (void *)arg(w, frames));
	}
	if (cmd == GNTTABOP_swap_grant_ref) {
		words[0] = (uint64_t)rnd(w, REFS) | (uint64_t)rnd(w, REFS) << 32;
	}
	call(w, __HYPERVISOR_grant_table_op, cmd, arg(w, words),
	     chance(w, 95) ? rnd(w, 3) : odd_number(w) & 0xffff, 0, 0);
}

/* To the other version, mostly.  A worker that is at an entry just then writes it as one of the old version. */
static void change(struct worker *w)
{
	struct gnttab_set_version *v = arg_room(w, sizeof(*v));

	v->version = chance(w, 90) ? 3 - version : (uint32_t)odd_number(w);
	call(w, __HYPERVISOR_grant_table_op, GNTTABOP_set_version, arg(w, v), 1, 0, 0);
	if (v->version == 1 || v->version == 2) {
		version = v->version;
	}
}

/* Every handle there is, so that the version can change. */
static void unmap_all(struct worker *w)
{
	struct gnttab_unmap_grant_ref *u = arg_room(w, HANDLES * sizeof(*u));

	for (unsigned int i = 0; i < HANDLES; i++) {
		u[i].handle = play.handle[i];
		u[i].host_addr = play.handle_at[i];
	}
	call(w, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, arg(w, u), HANDLES, 0, 0);
}

const struct op grant_ops[] = {
	{ "offer", offer, 12, false },	  { "map", map, 12, false },
	{ "unmap", unmap, 10, false },	  { "replace", replace, 3, false },
	{ "grant copy", copy, 8, false }, { "grant", other, 2, false },
	{ "version", change, 1, false },  { "unmap all", unmap_all, 1, false },
	{ NULL, NULL, 0, false },
};
