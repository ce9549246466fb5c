/* Places in the arena, and how a copy names them. */
#include <criterion/criterion.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#include "backends/net/arena.h"

Test(arena, a_piece_never_straddles_two_pages)
{
	cr_expect_eq(arena_place(0, 4096), 0);
	cr_expect_eq(arena_place(4096, 4096), 4096);
	cr_expect_eq(arena_place(16, 4096), 4096);
	cr_expect_eq(arena_place(16, 4080), 16);
	cr_expect_eq(arena_place(16, 4081), 4096);
	cr_expect_eq(arena_place(8191, 1), 8191);
	for (uint32_t at = 0; at < 8192; at += 7) {
		for (uint32_t size = 1; size <= 4096; size += 13) {
			uint32_t to = arena_place(at, size);

			cr_assert_geq(to, at);
			cr_assert_eq(to / 4096, (to + size - 1) / 4096);
		}
	}
}

Test(arena, next_page)
{
	cr_expect_eq(arena_next_page(0), 0);
	cr_expect_eq(arena_next_page(1), 4096);
	cr_expect_eq(arena_next_page(4096), 4096);
	cr_expect_eq(arena_next_page(4097), 8192);
}

Test(arena, an_end_is_named_by_grant_if_there_is_one)
{
	struct arena a = { .base = (uint8_t *)0x10000, .granted = true, .refs = { 100, 77, 5 } };
	arena_end_t end;
	uint16_t flags = GNTCOPY_dest_gref;

	arena_end(&a, 4096 + 12, GNTCOPY_source_gref, &end, &flags);
	cr_expect_eq(end.foreign.ref, 77);
	cr_expect_eq(end.foreign.offset, 12);
	cr_expect_eq(end.foreign.domid, 0);
	cr_expect_eq(flags, GNTCOPY_source_gref | GNTCOPY_dest_gref);
	a.granted = false;
	flags = GNTCOPY_dest_gref;
	arena_end(&a, 4096 + 12, GNTCOPY_source_gref, &end, &flags);
	cr_expect_eq(end.virt, a.base + 4096 + 12);
	cr_expect_eq(flags, GNTCOPY_dest_gref);
}
