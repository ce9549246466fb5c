/*
 * The audit finds what is wrong.  Each test breaks one thing by hand in a world that was right, as a bug
 * would, and the audit has to say which; so no kind of damage passes because nobody looks for it.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <xen/errno.h>

#include "tests/unit/hypervisor/mm/world.h"

static struct tree t;
static mfn_t plain, other, gdt; /* unused of d1, of d2, descriptors of d1 in use */

static void setup(void)
{
	world_start();
	t = make_tree(d1);
	plain = new_frame(d1);
	other = new_frame(d2);
	gdt = new_frame(d1);
	cr_assert_eq(frame_get_type(gdt, FRAME_SEGDESC, d1), 0);
	world_hold(gdt, 1, FRAME_SEGDESC);
	check_counts();
}

TestSuite(audit, .init = setup, .fini = world_stop);

/* The audit says so, in these words, whatever else it says. */
static void finds(const char *words)
{
	char first[200];
	long wrong = count_wrong(first);
	bool logged;

	cpu_fake.console[MIN(cpu_fake.console_length, sizeof(cpu_fake.console) - 1)] = '\0';
	logged = strstr(cpu_fake.console, words) != NULL;
	cr_assert_gt(wrong, 0, "not found: %s", words);
	cr_assert(logged, "found, but in other words: %s", first);
}

static void change(_Atomic uint32_t *word, int by)
{
	atomic_fetch_add(word, (uint32_t)by);
}

#define BROKEN(name, words, how) \
	Test(audit, name)        \
	{                        \
		how;             \
		finds(words);    \
	}

/* Counts */
BROKEN(one_reference_too_many, "references 0x3, counted 0x2", change(&frame_of(t.page)->ref, 1))
BROKEN(one_reference_too_few, "references 0x1, counted 0x2", change(&frame_of(t.page)->ref, -1))
BROKEN(one_type_too_many, "type references 0x2, counted 0x1", change(&frame_of(t.page)->type, 1))
BROKEN(one_type_too_few, "type references 0, counted 0x1", change(&frame_of(t.page)->type, -1))
BROKEN(a_table_with_one_reference_too_few, "references 0x1, counted 0x2",
       change(&frame_of(t.l1)->ref, -1))
BROKEN(a_table_with_one_type_too_many, "type references 0x2, counted 0x1",
       change(&frame_of(t.l2)->type, 1))
BROKEN(a_leaked_reference_on_a_plain_page, "references 0x2, counted 0x1",
       cr_assert(frame_get(plain, d1)))
BROKEN(a_foreign_reference_too_few, "references 0x1, counted 0x2",
       cr_assert_eq(write_entry(d1, t.l1, 9, entry(other, RW), d2), 0);
       change(&frame_of(other)->ref, -1))
BROKEN(a_lost_allocation, "references 0x1, counted 0",
       atomic_fetch_and(&frame_of(plain)->ref, ~FR_ALLOCATED))
BROKEN(a_lost_pin, "references 0x2, counted 0x1",
       atomic_fetch_and(&frame_of(t.l4)->type, ~FT_PINNED))
BROKEN(a_pin_on_a_page, "pinned, and no table", atomic_fetch_or(&frame_of(plain)->type, FT_PINNED))
BROKEN(a_holder_that_lost_its_type, "held as type", world_hold(gdt, 0, FRAME_NONE);
       world_hold(gdt, 1, FRAME_WRITABLE))
BROKEN(a_holder_of_what_it_does_not_hold, "references 0x1, counted 0x3",
       world_hold(plain, 2, FRAME_NONE))
BROKEN(a_holder_of_a_frame_that_is_none, "is held and is none",
       world_hold(mfn(WORLD_FRAMES), 1, FRAME_NONE))

/* Tables */
BROKEN(an_entry_written_past_the_checks, "references 0x1, counted 0x2",
       table_of(t.l1)[7] = entry(plain, RO))
BROKEN(an_entry_to_a_free_frame, "unused, references 0, counted 0x1",
       table_of(t.l1)[7] = entry(mfn(WORLD_FRAMES - 3), RO))
BROKEN(an_entry_to_the_hypervisor, "unused, references 0, counted 0x1",
       table_of(t.l1)[7] = entry(mfn(3), RO))
BROKEN(a_writable_mapping_of_a_table, "writable, entry", table_of(t.l1)[7] = entry(t.l1, RW))
BROKEN(a_writable_mapping_of_descriptors, "writable, entry", table_of(t.l1)[7] = entry(gdt, RW))
BROKEN(an_entry_for_ring_0_only, "bits that are not allowed", table_of(t.l1)[5] &= ~PTE_US)
BROKEN(a_global_entry, "bits that are not allowed", table_of(t.l1)[5] |= PTE_G)
BROKEN(a_table_entry_for_ring_0_only, "no table of the next level", table_of(t.l3)[7] &= ~PTE_US)
BROKEN(a_superpage, "no table of the next level", table_of(t.l2)[6] |= PTE_PS)
BROKEN(an_entry_to_a_page_in_a_table_of_tables, "no table of the next level",
       table_of(t.l2)[7] = entry(plain, RW))
BROKEN(a_level_skipped, "no table of the next level", table_of(t.l3)[8] = entry(t.l1, RW))
BROKEN(a_table_out_of_range, "no table of the next level",
       table_of(t.l3)[8] = entry(mfn(WORLD_FRAMES + 9), RW))
BROKEN(a_table_in_use_that_was_never_checked, "no table of the next level",
       atomic_fetch_and(&frame_of(t.l2)->type, ~FT_VALIDATED))
BROKEN(a_page_flagged_as_checked, "flagged otherwise",
       atomic_fetch_or(&frame_of(t.page)->type, FT_VALIDATED))
BROKEN(another_hypervisors_slot, "hypervisor's slot", table_of(t.l4)[260] ^= 0x1000)
BROKEN(a_harmful_descriptor, "descriptor", table_of(gdt)[1] = 0x0000890000000067ULL)
BROKEN(a_grant_entry_without_a_handle, "without a handle",
       table_of(t.l1)[7] = entry(other, RO | PTE_GNTTAB))

Test(audit, tables_of_another_domain_are_none_of_ours)
{
	mfn_t theirs = new_frame(d2);

	cr_assert_eq(pin(d2, theirs, FRAME_L1), 0);
	change(&frame_of(theirs)->ref, 1);
	change(&frame_of(theirs)->type, 1);
	table_of(t.l2)[7] = entry(theirs, RW);
	finds("no table of the next level");
}

/* Owners, totals, places */
BROKEN(a_total_too_high, "domain 1: total", d1->pages.total++)
BROKEN(a_total_too_low, "domain 2: total", d2->pages.total--)
BROKEN(an_owner_changed, "domain 1: total", frame_of(plain)->owner = 2)
BROKEN(an_owner_that_is_not_there, "owner unknown", frame_of(plain)->owner = 9)
BROKEN(a_frame_of_nobody, "in use, owner", frame_of(plain)->owner = FRAME_OWNER_NONE)
BROKEN(a_frame_that_teardown_would_miss, "outside of what teardown looks at",
       d1->pages.high = gdt.n)
BROKEN(claims_that_do_not_add_up, "claims:", d1->pages.outstanding = 3)
BROKEN(a_place_of_a_free_frame, "no guest's, and has a place", m2p_set(mfn(WORLD_FRAMES - 3), 5))
BROKEN(a_place_of_the_hypervisors, "no guest's, and has a place", m2p_set(mfn(3), 5))
BROKEN(a_lent_page_of_another_owner, "lent, owner", mfn_t m = virt_to_frame(alloc_page());
       frame_share(m, d1); world_lent(m, d2))
BROKEN(a_lent_page_that_nobody_lent, "references 0x1, counted 0",
       frame_share(virt_to_frame(alloc_page()), d1))

/* The heap */
#define FREE_HEAD_FRAME \
	512 /* first of a free block that the audit's own tally does not come from */
BROKEN(a_free_frame_in_use, "free, references",
       atomic_store(&frame_of(mfn(WORLD_FRAMES - 3))->ref, 1))
BROKEN(a_free_frame_with_an_owner, "free, references", frame_of(mfn(WORLD_FRAMES - 3))->owner = 1)
BROKEN(a_frame_in_no_list, "unused and in no free block", mfn_t m = alloc_frames(0, 0);
       frame_of(m)->owner = FRAME_OWNER_NONE)
BROKEN(a_block_that_is_not_what_its_list_says, "breaks at frame",
       atomic_fetch_add(&frame_of(mfn(FREE_HEAD_FRAME))->type, 1u << 25))
BROKEN(a_link_that_leads_astray, "breaks at frame", frame_of(mfn(FREE_HEAD_FRAME))->prev = 77)
BROKEN(a_dirty_frame_in_a_clean_block, "is clean, and",
       atomic_fetch_or(&frame_of(mfn(WORLD_FRAMES - 3))->type, 1u << 23))

Test(audit, an_unshared_page_lives_on_while_it_is_mapped)
{
	mfn_t m = virt_to_frame(alloc_page());

	frame_share(m, d2);
	cr_assert_eq(write_entry(d1, t.l1, 9, entry(m, RW), d2), 0);
	world_lent(m, d2);
	check_counts();
	world_lent(m, NULL);
	cr_assert(dompages_place(d2, m, 9)); /* and has no place in d2 any more */
	frame_unshare(m);
	check_counts();
	cr_assert_eq(write_entry(d1, t.l1, 9, 0, d1), 0);
	check_counts();
}

Test(audit, a_limit_below_the_total_is_no_damage)
{
	d1->pages.max = 1;
	check_counts();
}

Test(audit, there_may_be_no_room_to_count_in)
{
	struct audit a;

	while (frame_valid(alloc_frames(2, 0))) {
	}
	cr_assert_not(audit_begin(&a));
}
