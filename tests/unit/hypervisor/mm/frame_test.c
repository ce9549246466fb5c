/* References and types of single frames, SEGDESC checks, and who may take what. */
#include <criterion/criterion.h>
#include <string.h>
#include <xen/errno.h>

#include "mm/segdesc.h"
#include "tests/unit/hypervisor/mm/world.h"

TestSuite(frame, .init = world_start, .fini = world_stop);

#define CODE64 0x00af9b000000ffffULL /* as Linux has it: DPL 0 */
#define DATA   0x00cf92000000ffffULL
#define TSS    0x0000890000000067ULL
#define GATE   0x00008e0000080000ULL
#define CALL   0x0000ec0000080000ULL

Test(frame, references_are_for_owners_only)
{
	mfn_t m = new_frame(d1);

	cr_assert(frame_get(m, d1));
	cr_assert_not(frame_get(m, d2));
	cr_assert_eq(refs_of(m), 2);
	cr_assert(frame_get_again(m));
	frame_put(m);
	frame_put(m);
	for (uint64_t n = 0; n < WORLD_FRAMES; n++) {
		cr_assert(n == m.n || !frame_get(mfn(n), d1), "frame %lu", (unsigned long)n);
	}
	cr_assert_not(frame_get(mfn(WORLD_FRAMES), d1));
	cr_assert_not(frame_get(MFN_NONE, d1));
	check_counts();
}

Test(frame, counts_do_not_overflow)
{
	mfn_t m = new_frame(d1);

	frame_of(m)->ref = FR_ALLOCATED | (FR_COUNT - 10);
	cr_assert_not(frame_get(m, d1));
	cr_assert_not(frame_get_again(m));
	frame_of(m)->ref = FR_ALLOCATED | 2;
	cr_assert_eq(frame_get_type(m, FRAME_WRITABLE, d1), 0);
	frame_of(m)->type |= FT_COUNT - 10;
	cr_assert_eq(frame_get_type(m, FRAME_WRITABLE, d1), -XEN_EBUSY);
	cr_assert_eq(refs_of(m), 3);
}

Test(frame, the_last_reference_scrubs_frees_and_forgets)
{
	mfn_t m = new_frame(d1);
	uint64_t free = alloc_free_count(), total = d1->pages.total;

	memset(frame_to_virt(m), 0xaa, PAGE_SIZE);
	m2p_set(m, 77);
	cr_assert(frame_get(m, d1));
	cr_assert_eq(dompages_release(d1, m), 0);
	cr_assert_eq(d1->pages.total, total);
	cr_assert_not(frame_get(m, d1), "given up: no new users");
	cr_assert_eq(m2p_get(m), M2P_INVALID);
	m2p_set(m, 78); /* as one who was late with it */
	frame_put(m);
	cr_assert_eq(d1->pages.total, total - 1);
	cr_assert_eq(alloc_free_count(), free + 1);
	while (alloc_scrub_step()) {
	}
	cr_assert_eq(*(uint8_t *)frame_to_virt(m), 0);
	cr_assert_eq(m2p_get(m), M2P_INVALID);
}

Test(frame, one_that_was_freed_is_in_no_tlb_when_it_is_given_out_again)
{
	mfn_t m = new_frame(d1);
	uint64_t before;

	while (frame_valid(alloc_frames(0, 0))) {
	}
	cr_assert_eq(dompages_release(d1, m), 0);
	before = cpu_fake.flushes;
	cr_assert(mfn_eq(alloc_frames(0, 0), m), "it is the only one");
	cr_assert_eq(cpu_fake.flushes, before + cpu_fake.cpus);
}

Test(frame, one_type_at_a_time)
{
	mfn_t m = new_frame(d1);

	cr_assert_eq(frame_get_type(m, FRAME_WRITABLE, d1), 0);
	cr_assert_eq(frame_get_type(m, FRAME_WRITABLE, d1), 0);
	cr_assert_eq(frame_get_type(m, FRAME_SEGDESC, d1), -XEN_EBUSY);
	cr_assert_eq(frame_get_type(m, FRAME_SHARED, d1), -XEN_EBUSY);
	cr_assert_eq(frame_get_type(m, FRAME_WRITABLE, d2), -XEN_EINVAL);
	cr_assert_eq(refs_of(m), 3);
	frame_put_type(m);
	frame_put_type(m);
	cr_assert_eq(frame_get_type(m, FRAME_SHARED, d1), -XEN_EBUSY,
		     "only frame_share() makes those");
	cr_assert_eq(frame_get_type(m, FRAME_SEGDESC, d1), 0);
	cr_assert_eq(frame_get_type(m, FRAME_WRITABLE, d1), -XEN_EBUSY);
	frame_put_type(m);
	check_counts();
}

Test(frame, tables_can_be_put_by_their_frame)
{
	mfn_t m = new_frame(d1);

	spin_lock(&d1->pages.pt_lock);
	cr_assert_eq(pagetype_get(d1, m, FRAME_L1), 0);
	cr_assert_eq(pagetype_get(d1, m, FRAME_L1), 0);
	frame_put_type(m);
	frame_put_type(m);
	spin_unlock(&d1->pages.pt_lock);
	check_counts();
}

Test(frame, descriptors_are_made_harmless_or_refused)
{
	const uint64_t bad[] = { TSS, GATE, CALL, 0x0000820000000000ULL };
	mfn_t m = new_frame(d1);
	uint64_t *t = table_of(m);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct snapshot *s;

		t[1] = CODE64;
		t[511] = bad[i];
		s = snapshot_take();
		cr_assert_eq(frame_get_type(m, FRAME_SEGDESC, d1), -XEN_EINVAL);
		cr_assert(snapshot_same(s));
		snapshot_free(s);
		t[511] = bad[i] & ~(1ULL << 47); /* not present: of no use to anyone */
		cr_assert_eq(frame_get_type(m, FRAME_SEGDESC, d1), 0);
		frame_put_type(m);
	}
	t[2] = DATA;
	cr_assert_eq(frame_get_type(m, FRAME_SEGDESC, d1), 0);
	cr_assert_eq(t[1], CODE64 | 3ULL << 45);
	cr_assert_eq(t[2], DATA | 3ULL << 45 | 1ULL << 40);
	cr_assert_eq(frame_get_type(m, FRAME_SEGDESC, d1), 0);
	cr_assert_eq(types_of(m), 2);
	frame_put_type(m);
	frame_put_type(m);
	/* Between two uses the guest may have written to it. */
	t[3] = GATE;
	cr_assert_eq(frame_get_type(m, FRAME_SEGDESC, d1), -XEN_EINVAL);
	check_counts();
}

static mfn_t settling;

static void settle(void)
{
	if (cpu_fake.relaxed > 3) {
		atomic_fetch_and(&frame_of(settling)->type, ~FT_VALIDATED);
	}
}

Test(frame, waits_for_another_cpu_that_is_recording_its_stamp)
{
	settling = new_frame(d1);
	frame_of(settling)->type = (uint32_t)FRAME_WRITABLE << FT_TYPE_SHIFT | FT_VALIDATED;
	cpu_fake.on_relax = settle;
	cr_assert_eq(frame_get_type(settling, FRAME_WRITABLE, d1), 0);
	cr_assert_gt(cpu_fake.relaxed, 3);
	cr_assert_eq(types_of(settling), 1);
}

Test(frame, a_put_too_many_is_caught, .signal = SIGABRT)
{
	frame_put(new_frame(d1));
}
