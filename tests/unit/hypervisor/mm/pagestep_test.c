/*
 * Page tables made and taken apart in steps.  What is promised: a step is bounded; between two of them the
 * counts equal the references, and nobody can use the frames as anything else; who asks again gets
 * what one step would have given; a request that is never taken up again costs nobody but its domain.
 */
#include <criterion/criterion.h>
#include <xen/errno.h>

#include "tests/unit/hypervisor/mm/world.h"

#define STEP  128u /* far less than a table */
#define L1S   6u
#define WHOLE 512u

static unsigned int usual;

static void start(void)
{
	world_start();
	usual = pagetype_step;
	pagetype_step = STEP;
}

static void stop(void)
{
	pagetype_step = usual;
	world_stop();
}

TestSuite(pagestep, .init = start, .fini = stop);

/* An L4, an L3, an L2 and L1S full L1 tables, all of whose entries map one page, writable. */
struct big {
	mfn_t l4, l3, l2, l1[L1S], page;
};

static struct big make_big(struct domain *d)
{
	struct big b = {
		.l4 = new_frame(d), .l3 = new_frame(d), .l2 = new_frame(d), .page = new_frame(d)
	};

	table_of(b.l4)[511] = entry(b.l3, RW);
	table_of(b.l3)[0] = entry(b.l2, RW);
	for (unsigned int i = 0; i < L1S; i++) {
		b.l1[i] = new_frame(d);
		table_of(b.l2)[i * 100] = entry(b.l1[i], RW);
		for (unsigned int k = 0; k < WHOLE; k++) {
			table_of(b.l1[i])[k] = entry(b.page, RW | PTE_G);
		}
	}
	return b;
}

/* One step each, as one hypercall would do it before it lets others in. */
static int pin_step(struct domain *d, mfn_t m, enum frame_type level)
{
	int rc;

	spin_lock(&d->pages.pt_lock);
	rc = pagetype_pin(d, m, level);
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

static int unpin_step(struct domain *d, mfn_t m)
{
	int rc;

	spin_lock(&d->pages.pt_lock);
	rc = pagetype_unpin(d, m);
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

static int write_step(struct domain *d, mfn_t table, unsigned int i, uint64_t e)
{
	int rc;

	spin_lock(&d->pages.pt_lock);
	rc = pagetype_write(d, table, i, e, d, false);
	spin_unlock(&d->pages.pt_lock);
	return rc;
}

static bool settle_step(struct domain *d)
{
	bool settled;

	spin_lock(&d->pages.pt_lock);
	settled = pagetype_settle(d);
	spin_unlock(&d->pages.pt_lock);
	return settled;
}

/* Steps until the pin is there. */
static unsigned int pin_counting(struct domain *d, const struct big *b)
{
	unsigned int steps = 1;
	int rc;

	while ((rc = pin_step(d, b->l4, FRAME_L4)) == -XEN_ERESTART) {
		steps++;
		check_counts();
	}
	cr_assert_eq(rc, 0);
	return steps;
}

static void half_pin(struct domain *d, const struct big *b, unsigned int steps)
{
	while (steps--) {
		cr_assert_eq(pin_step(d, b->l4, FRAME_L4), -XEN_ERESTART);
	}
}

static void is_no_tree(const struct big *b)
{
	cr_assert_eq(refs_of(b->page), 1);
	cr_assert_eq(refs_of(b->l4), 1);
	cr_assert_eq(refs_of(b->l2), 1);
	cr_assert_eq(types_of(b->l4) + types_of(b->l3) + types_of(b->l2), 0);
	for (unsigned int i = 0; i < L1S; i++) {
		cr_assert_eq(refs_of(b->l1[i]), 1);
		cr_assert_eq(types_of(b->l1[i]), 0);
	}
}

static void is_tree(const struct big *b)
{
	cr_assert_eq(refs_of(b->page), 1 + L1S * WHOLE);
	cr_assert_eq(types_of(b->page), L1S * WHOLE);
	cr_assert_eq(refs_of(b->l4), 2);
	cr_assert_eq(types_of(b->l4), 1);
	for (unsigned int i = 0; i < L1S; i++) {
		cr_assert_eq(refs_of(b->l1[i]), 2);
		cr_assert_eq(types_of(b->l1[i]), 1);
		cr_assert_eq(table_of(b->l1[i])[WHOLE - 1], entry(b->page, RW));
	}
}

Test(pagestep, a_large_tree_takes_bounded_steps_and_becomes_what_one_would_make)
{
	struct big b = make_big(d1);
	unsigned int steps = pin_counting(d1, &b);

	cr_assert_geq(steps, L1S * WHOLE / STEP);
	cr_assert_leq(steps, 2 * L1S * WHOLE / STEP, "%u steps: hardly any progress in each",
		      steps);
	is_tree(&b);
	check_counts();
}

Test(pagestep, no_step_takes_or_drops_more_references_than_it_may)
{
	struct big b = make_big(d1);
	uint32_t before = refs_of(b.page);
	int rc;

	do {
		rc = pin_step(d1, b.l4, FRAME_L4);
		cr_assert_leq(refs_of(b.page) - before, STEP);
		before = refs_of(b.page);
	} while (rc == -XEN_ERESTART);
	cr_assert_eq(unpin_step(d1, b.l4), 0);
	while (!pagetype_settled(d1)) {
		cr_assert_leq(before - refs_of(b.page), STEP);
		before = refs_of(b.page);
		check_counts();
		settle_step(d1);
	}
	is_no_tree(&b);
	check_counts();
}

/* The frame is of no use as anything but what it is on its way to. */
static void is_closed(struct domain *d, mfn_t m, enum frame_type other, mfn_t mapper)
{
	cr_assert_eq(frame_get_type(m, FRAME_WRITABLE, d), -XEN_EBUSY);
	cr_assert_eq(frame_get_type(m, FRAME_SEGDESC, d), -XEN_EBUSY);
	cr_assert_eq(pin_step(d, m, other), -XEN_EBUSY);
	cr_assert_eq(write_step(d, m, 3, 0), -XEN_ENOENT);
	cr_assert_eq(write_step(d, mapper, 3, entry(m, RW)), -XEN_EBUSY);
	cr_assert_eq(dompages_steal(d, m), -XEN_EBUSY);
	check_counts();
}

Test(pagestep, half_a_table_can_be_used_as_nothing_else)
{
	struct big b = make_big(d1);
	mfn_t mapper = new_frame(d1);

	cr_assert_eq(pin(d1, mapper, FRAME_L1), 0);
	half_pin(d1, &b, 3);
	is_closed(d1, b.l4, FRAME_L3, mapper);
	is_closed(d1, b.l2, FRAME_L1, mapper);
	is_closed(d1, b.l1[0], FRAME_L2, mapper);
	pin_counting(d1, &b);
	is_tree(&b);
	cr_assert_eq(unpin_step(d1, b.l4), 0);
	cr_assert_not(pagetype_settled(d1));
	cr_assert_eq(frame_get_type(b.l1[0], FRAME_WRITABLE, d1), -XEN_EBUSY);
	while (!settle_step(d1)) {
		check_counts();
	}
	cr_assert_eq(frame_get_type(b.l1[0], FRAME_WRITABLE, d1), 0);
	frame_put_type(b.l1[0]);
}

Test(pagestep, whoever_asks_next_goes_on)
{
	struct big b = make_big(d1);

	half_pin(d1, &b, 2);
	cr_assert_eq(pin(d1, b.l1[0], FRAME_L1), 0, "a part of it, by another vCPU");
	check_counts();
	cr_assert_eq(types_of(b.l1[0]), 1);
	cr_assert_eq(pin(d1, b.l2, FRAME_L2), 0);
	check_counts();
	cr_assert_eq(pin(d1, b.l4, FRAME_L4), 0);
	cr_assert_eq(types_of(b.l1[0]), 2);
	cr_assert_eq(unpin(d1, b.l1[0]), 0);
	cr_assert_eq(unpin(d1, b.l2), 0);
	is_tree(&b);
	check_counts();
}

Test(pagestep, an_entry_of_a_higher_table_can_be_written_in_steps)
{
	struct big b = make_big(d1);
	mfn_t l4 = new_frame(d1);
	unsigned int steps = 0;
	int rc;

	cr_assert_eq(pin(d1, l4, FRAME_L4), 0);
	while ((rc = write_step(d1, l4, 5, entry(b.l3, RW))) == -XEN_ERESTART) {
		cr_assert_eq(table_of(l4)[5], 0,
			     "the entry is written when what it points to is done");
		check_counts();
		steps++;
	}
	cr_assert_eq(rc, 0);
	cr_assert_gt(steps, L1S * WHOLE / STEP);
	cr_assert_eq(table_of(l4)[5], entry(b.l3, RW));
	cr_assert_eq(write_step(d1, l4, 5, 0), PAGETYPE_UNSETTLED);
	cr_assert_not(pagetype_settled(d1));
	while (!settle_step(d1)) {
		check_counts();
	}
	cr_assert_eq(refs_of(b.page), 1);
}

Test(pagestep, who_asks_for_several_things_is_told_when_to_let_go)
{
	struct big b = make_big(d1);

	pagetype_step = 4 * WHOLE;
	cr_assert_eq(pin_step(d1, b.l1[0], FRAME_L1), 0);
	while (pin_step(d1, b.l2, FRAME_L2) == -XEN_ERESTART) {
	}
	pagetype_worked(d1);
	cr_assert_eq(write_step(d1, b.l1[0], 0, entry(b.page, 0)), 0);
	cr_expect_not(pagetype_worked(d1), "an entry of a page is little work");
	cr_assert_eq(write_step(d1, b.l2, 100, 0), 0);
	cr_expect(pagetype_worked(d1), "one of a table, much");
	cr_expect_not(pagetype_worked(d1), "until then");
	cr_assert_eq(write_step(d1, b.l2, 100, entry(b.l1[1], RW)), 0);
	cr_expect(pagetype_worked(d1));
}

Test(pagestep, a_refusal_at_the_last_entry_leaves_all_as_it_was)
{
	struct big b = make_big(d1);
	mfn_t other = new_frame(d2);

	table_of(b.l4)[256] = 0x1234; /* nonsense in a slot that would be ours */
	table_of(b.l1[L1S - 1])[WHOLE - 1] = entry(other, RO);
	cr_assert_eq(pin(d1, b.l4, FRAME_L4), -XEN_EINVAL);
	is_no_tree(&b);
	cr_assert_eq(table_of(b.l4)[256], 0x1234);
	cr_assert_eq(table_of(b.l1[L1S - 1])[0], entry(b.page, RW | PTE_G));
	check_counts();
	table_of(b.l1[L1S - 1])[WHOLE - 1] = entry(b.page, RW | PTE_G);
	cr_assert_eq(pin(d1, b.l4, FRAME_L4), 0);
	is_tree(&b);
}

Test(pagestep, teardown_finds_what_was_left_half_made_and_half_taken_apart)
{
	uint64_t free = alloc_free_count();
	struct big up = make_big(d1), down = make_big(d1), lost = make_big(d1);

	pin_counting(d1, &down);
	half_pin(d1, &up, 4);
	half_pin(d1, &lost, 4);
	/* Given up by the guest: its half can be gone on with by nobody. */
	cr_assert_eq(dompages_release(d1, lost.l4), 0);
	cr_assert_eq(pin_step(d1, lost.l4, FRAME_L4), -XEN_EINVAL);
	cr_assert_eq(unpin_step(d1, down.l4), 0);
	check_counts();
	relinquish(d1);
	check_counts();
	cr_assert_eq(d1->pages.total, 0);
	cr_assert_eq(d1->gone, 1);
	cr_assert_eq(alloc_free_count(), free);
}

/* ---- random sequences of single steps, most of them never taken up again ---- */

#define FRAMES 14
#define FULL   6 /* of them are so full that no step does for them */

static mfn_t frames[FRAMES];

static uint64_t some_entry(void)
{
	return entry(frames[rnd(FRAMES)], rnd(2) ? RW : RO);
}

static void fill(mfn_t m, unsigned int n)
{
	if (frame_type_count(frame_of(m))) {
		return;
	}
	memset(table_of(m), 0, PAGE_SIZE);
	while (n--) {
		table_of(m)[rnd(WHOLE)] = some_entry();
	}
}

static void random_step(void)
{
	unsigned int i = rnd(FRAMES);

	switch (rnd(8)) {
	case 0:
		fill(frames[i], i < FULL ? 300 : 3);
		break;
	case 1:
	case 2:
	case 3:
		pin_step(d1, frames[i], FRAME_L1 + rnd(4));
		break;
	case 4:
		unpin_step(d1, frames[i]);
		break;
	case 5:
		settle_step(d1);
		break;
	default:
		write_step(d1, frames[i], rnd(WHOLE), rnd(3) ? some_entry() : 0);
		break;
	}
}

Test(pagestep, random_steps_keep_counts_and_references_equal)
{
	uint64_t free = alloc_free_count();
	unsigned int half = 0;

	rnd_seed(7);
	pagetype_step = 40;
	for (unsigned int i = 0; i < FRAMES; i++) {
		frames[i] = new_frame(d1);
	}
	for (unsigned int i = 0; i < 4000; i++) {
		random_step();
		check_counts();
		for (unsigned int k = 0; k < FRAMES; k++) {
			half += is_half_table(atomic_load(&frame_of(frames[k])->type));
		}
	}
	cr_assert_gt(half, 1000, "only %u halves seen: nothing was tried", half);
	relinquish(d1);
	check_counts();
	cr_assert_eq(alloc_free_count(), free);
}
