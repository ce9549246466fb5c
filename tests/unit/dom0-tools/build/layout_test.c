/*
 * layout_plan and pagetables_build: for many sizes, the pieces never overlap,
 * every table is counted, and walking the tables gives back what the plan says.
 */
#include "dom0-tools/build/layout.h"
#include "dom0-tools/build/pagetables.h"
#include "dom0-tools/build/startinfo.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/libpav/die.h"

#define MIB  256ull /* in pages */
#define BASE 0xffffffff80000000ull

static struct elfnotes make_kernel(uint64_t start, uint64_t bytes, bool init_p2m, bool mod_pfn)
{
	return (struct elfnotes){ .paddr_start = start,
				  .paddr_end = start + bytes,
				  .virt_base = BASE,
				  .virt_entry = BASE + start,
				  .has_init_p2m = init_p2m,
				  .init_p2m = 0x8000000000ull,
				  .mod_start_pfn = mod_pfn };
}

static void check_apart(const struct layout *l)
{
	const struct layout_piece *p[] = { &l->kernel,	&l->start_info,	 &l->store,
					   &l->console, &l->page_tables, &l->stack,
					   &l->module,	&l->p2m,	 &l->p2m_tables };

	for (size_t i = 0; i < 9; i++) {
		cr_assert_leq(p[i]->pfn + p[i]->count, l->page_count);
		for (size_t j = 0; j < i && p[i]->count; j++) {
			bool apart = p[i]->pfn >= p[j]->pfn + p[j]->count ||
				     p[j]->pfn >= p[i]->pfn + p[i]->count;

			cr_assert(apart || !p[j]->count, "pieces %zu and %zu overlap", i, j);
		}
	}
}

/* Machine frames in an order of their own, so that a pfn mistaken for one shows. */
static uint64_t *make_frames(uint64_t count)
{
	uint64_t *f = xmalloc(count * sizeof(*f));

	for (uint64_t i = 0; i < count; i++) {
		f[i] = 0x100000 + (i ^ 5);
	}
	return f;
}

struct walker {
	const struct layout *l;
	const uint64_t *frames, *tables, *p2m_tables;
};

/* The contents of the table in machine frame mfn; it must be one of ours. */
static const uint64_t *find_table(const struct walker *w, uint64_t mfn)
{
	for (uint64_t i = 0; i < w->l->page_tables.count; i++) {
		if (w->frames[w->l->page_tables.pfn + i] == mfn) {
			return w->tables + i * 512;
		}
	}
	for (uint64_t i = 0; i < w->l->p2m_tables.count; i++) {
		if (w->frames[w->l->p2m_tables.pfn + i] == mfn) {
			return w->p2m_tables + i * 512;
		}
	}
	cr_assert_fail("an entry points to frame %lx, which is no table", mfn);
	return NULL;
}

/* The last-level entry for va, or 0. */
static uint64_t walk(const struct walker *w, uint64_t va)
{
	const uint64_t *t = w->tables;

	for (int shift = 39; shift > 12; shift -= 9) {
		uint64_t e = t[va >> shift & 511];

		if (!(e & 1)) {
			return 0;
		}
		t = find_table(w, (e & 0xffffffffff000ull) >> 12);
	}
	return t[va >> 12 & 511];
}

static void check_tables(const struct layout *l)
{
	uint64_t *frames = make_frames(l->page_count);
	uint64_t *tables = xcalloc(l->page_tables.count, 4096),
		 *p2m_tables = xcalloc(l->p2m_tables.count, 4096);
	struct walker w = { l, frames, tables, p2m_tables };

	pagetables_build(l, frames, tables, p2m_tables);
	for (uint64_t pfn = 0; pfn < l->mapped_end;
	     pfn += pfn % 512 < 3 || pfn > l->start_info.pfn - 2 ? 1 : 61) {
		uint64_t e = walk(&w, layout_va(l, pfn));
		bool table = pfn >= l->page_tables.pfn &&
			     pfn < l->page_tables.pfn + l->page_tables.count;

		cr_assert_eq(e >> 12, frames[pfn], "pfn %lx", pfn);
		cr_assert_eq(e & 3, table ? 1 : 3, "pfn %lx has flags %lx", pfn, e & 0xfff);
	}
	for (uint64_t i = 0; i < l->p2m.count; i++) {
		cr_assert_eq(walk(&w, layout_p2m_va(l) + (i << 12)) >> 12, frames[l->p2m.pfn + i]);
	}
	cr_assert_eq(walk(&w, layout_va(l, l->mapped_end)), 0);
	/* No table was left without use: each has an entry. */
	for (uint64_t i = 0; i < l->page_tables.count; i++) {
		bool used = false;

		for (int j = 0; j < 512; j++) {
			used |= tables[i * 512 + (uint64_t)j] != 0;
		}
		cr_assert(used, "table %lu is empty", i);
	}
	free(frames);
	free(tables);
	free(p2m_tables);
}

static void plan_and_check(struct elfnotes k, uint64_t pages, uint64_t module)
{
	struct layout l;
	char *err = NULL;

	cr_assert_eq(layout_plan(&k, pages, module, &l, &err), 0, "%s", err);
	check_apart(&l);
	cr_assert_eq(l.mapped_end % (4 * MIB), 0);
	cr_assert_geq((l.mapped_end - l.stack.pfn - 1) * 4096, 512 << 10);
	cr_assert_eq(l.stack.pfn, l.page_tables.pfn + l.page_tables.count);
	cr_assert_eq(l.page_tables.count, 1 + l.map.l3 + l.map.l2 + l.map.l1);
	cr_assert_geq(l.p2m.count * 512, pages);
	check_tables(&l);
}

Test(layout, holds_for_many_sizes)
{
	for (int flags = 0; flags < 4; flags++) {
		for (uint64_t bytes = 4096; bytes < 64ull << 20; bytes = bytes * 5 + 4096) {
			for (uint64_t module = 0; module < 20ull << 20;
			     module = module * 7 + 4097) {
				plan_and_check(make_kernel(1 << 20, bytes, flags & 1, flags & 2),
					       128 * MIB, module);
			}
		}
	}
	plan_and_check(make_kernel(0x1000000, 0x3a00000, true, true), 256 * MIB, 2 << 20);
	plan_and_check(make_kernel(0x1000000, 0x3a00000, true, true), 8192 * MIB + 3, 2 << 20);
	plan_and_check(make_kernel(0x1000000, 0x3a00000, false, false), 8192 * MIB + 3, 2 << 20);
}

Test(layout, a_guest_too_small_is_told_how_much_it_needs)
{
	struct elfnotes k = make_kernel(0x1000000, 0x3a00000, true, true);
	struct layout l;
	char *err = NULL;

	cr_assert_eq(layout_plan(&k, 64 * MIB, 2 << 20, &l, &err), -1);
	cr_assert(strstr(err, "64 MiB) is too small") && strstr(err, "need"), "%s", err);
	free(err);
	/* And what it was told suffices. */
	err = NULL;
	cr_assert_eq(layout_plan(&k, 32 * MIB, 2 << 20, &l, &err), -1);
	uint64_t need = strtoull(strstr(err, "need ") + 5, NULL, 10);
	free(err);
	err = NULL;
	cr_assert_eq(layout_plan(&k, need * MIB, 2 << 20, &l, &err), 0, "%s", err);
}

Test(layout, contradictory_notes_are_refused)
{
	struct elfnotes k = make_kernel(1 << 20, 4096, true, true);
	const uint64_t bad[] = { 0xffff800000000000ull, 0x0000800000000000ull,
				 0x00007fffffe00000ull, BASE,
				 BASE - (4ull << 30),	0xffffffffffe00000ull };
	struct layout l;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *err = NULL;

		k.init_p2m = bad[i];
		cr_assert_eq(layout_plan(&k, 4096 * MIB, 0, &l, &err), -1, "frame list at %lx",
			     bad[i]);
		free(err);
	}
	k.has_init_p2m = false;
	k.virt_base = 0xffff800000000000ull;
	char *err = NULL;
	cr_assert_eq(layout_plan(&k, 256 * MIB, 0, &l, &err), -1);
	free(err);
	err = NULL;
	cr_assert_eq(layout_plan(&k, 256 * MIB, UINT64_MAX, &l, &err), -1);
	free(err);
}

Test(layout, start_info_says_what_was_planned)
{
	struct elfnotes k = make_kernel(0x1000000, 0x3a00000, true, true);
	struct startinfo_ports ports = { 1, 2 };
	struct start_info si;
	vcpu_guest_context_t ctx;
	struct layout l;
	uint64_t *frames = make_frames(256 * MIB);
	char line[2000];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	cr_assert_eq(layout_plan(&k, 256 * MIB, 5000, &l, NULL), 0);
	startinfo_fill(&si, &l, frames, 77, &ports, 5000, line);
	cr_assert_str_eq(si.magic, "xen-3.0-x86_64");
	cr_assert_eq(si.nr_pages, 256 * MIB);
	cr_assert_eq(si.shared_info, 77 << 12);
	cr_assert_eq(si.store_mfn, frames[l.store.pfn]);
	cr_assert_eq(si.console.domU.mfn, frames[l.console.pfn]);
	cr_assert_eq(si.mod_start, l.module.pfn);
	cr_assert_eq(si.flags, SIF_MOD_START_PFN);
	cr_assert_eq(si.mfn_list, 0x8000000000ull);
	cr_assert_eq(si.nr_p2m_frames, l.p2m.count + l.p2m_tables.count);
	cr_assert_eq(strlen((char *)si.cmd_line), STARTINFO_MAX_CMDLINE);
	startinfo_fill_vcpu(&ctx, &l, frames, k.virt_entry);
	cr_assert_eq(ctx.user_regs.rip, k.virt_entry);
	cr_assert_eq(ctx.user_regs.rsi, layout_va(&l, l.start_info.pfn));
	cr_assert_eq(ctx.user_regs.rsp, layout_va(&l, l.stack.pfn) + 4096);
	cr_assert_eq(ctx.ctrlreg[3], frames[l.page_tables.pfn] << 12);
	free(frames);
}
