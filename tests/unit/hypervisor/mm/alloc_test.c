/* The buddy allocator: no two blocks overlap, alignment and width are kept, and all comes back together. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "tests/unit/hypervisor/mm/world.h"

TestSuite(alloc, .init = world_start, .fini = world_stop);

static uint8_t used[WORLD_FRAMES];

static void mark(mfn_t m, unsigned int order, uint8_t from, uint8_t to)
{
	for (uint64_t n = m.n; n < m.n + (1ULL << order); n++) {
		cr_assert(n >= WORLD_HEAP && n < WORLD_FRAMES);
		cr_assert_eq(used[n], from, "frame %lu given twice", (unsigned long)n);
		used[n] = to;
		cr_assert_eq(frame_table[n].owner, FRAME_OWNER_XEN);
		cr_assert_eq(frame_table[n].ref, 0);
		cr_assert_eq(frame_table[n].type, 0);
	}
}

/* The set of free blocks is all that decides what can be had: how many of each order, largest first? */
static void count_blocks(unsigned int *blocks)
{
	mfn_t got[WORLD_FRAMES];
	uint8_t orders[WORLD_FRAMES];
	unsigned int n = 0;

	for (unsigned int order = 12; order-- > 0;) {
		blocks[order] = 0;
		while (got[n] = alloc_frames(order, 0), frame_valid(got[n])) {
			orders[n++] = (uint8_t)order;
			blocks[order]++;
		}
	}
	cr_assert_eq(alloc_free_count(), 0);
	while (n--) {
		free_frames(got[n], orders[n]);
	}
}

Test(alloc, random_sequences_never_overlap_and_coalesce_back)
{
	unsigned int before[12], after[12], held = 0;
	uint64_t free = alloc_free_count();
	static struct {
		mfn_t m;
		unsigned int order;
	} block[WORLD_FRAMES];

	count_blocks(before);
	cr_assert_eq(alloc_free_count(), free);
	rnd_seed(11);
	for (int step = 0; step < 20000; step++) {
		if (held && rnd(100) < 48) {
			unsigned int i = rnd(held);

			mark(block[i].m, block[i].order, 1, 0);
			free_frames(block[i].m, block[i].order);
			block[i] = block[--held];
		} else {
			unsigned int order = rnd(8) ? rnd(3) : rnd(8),
				     bits = rnd(4) ? 0 : 18 + rnd(6);
			mfn_t m = alloc_frames(order, bits);

			if (!frame_valid(m)) {
				continue;
			}
			cr_assert_eq(m.n & ((1u << order) - 1), 0);
			cr_assert(!bits || (m.n + (1u << order)) << PAGE_SHIFT <= 1ULL << bits);
			mark(m, order, 0, 1);
			block[held].m = m;
			block[held++].order = order;
		}
	}
	while (held--) {
		free_frames(block[held].m, block[held].order);
	}
	cr_assert_eq(alloc_free_count(), free);
	count_blocks(after);
	cr_assert(!memcmp(before, after, sizeof(before)));
}

Test(alloc, prefers_high_memory_and_keeps_low_memory_for_those_who_ask)
{
	mfn_t m;

	cr_assert_geq(alloc_frames(0, 0).n, WORLD_FRAMES / 2);
	m = alloc_frames(2, 20);
	cr_assert_lt(m.n + 4, (1u << 8) + 1);
	cr_assert(mfn_eq(alloc_frames(0, 18), MFN_NONE), "nothing below frame 64 is in the heap");
	cr_assert(mfn_eq(alloc_frames(0, 5), MFN_NONE));
	cr_assert(mfn_eq(alloc_frames(19, 0), MFN_NONE));
	cr_assert(mfn_eq(alloc_frames(18, 0), MFN_NONE));
}

Test(alloc, low_memory_serves_when_high_memory_is_used_up)
{
	uint64_t n = 0;

	while (frame_valid(alloc_frames(0, 0))) {
		n++;
	}
	cr_assert_eq(n, WORLD_FRAMES - WORLD_HEAP - 1, "%lu",
		     (unsigned long)n); /* one holds the domids */
	cr_assert_null(alloc_page());
}

Test(alloc, pages_of_the_hypervisor_are_zeroed_and_scrubbed)
{
	uint8_t *p = alloc_pages(1);

	memset(p, 0x55, 2 * PAGE_SIZE);
	free_pages(p, 1);
	cr_assert_eq(alloc_unscrubbed_count(), 2);
	while (alloc_scrub_step()) {
	}
	cr_assert_eq(p[0], 0);
	cr_assert_eq(p[2 * PAGE_SIZE - 1], 0);
	cr_assert_eq(alloc_unscrubbed_count(), 0);
	free_page(NULL);
}

/* Every frame of the heap, each checked to hold nothing of its last owner. */
static uint64_t take_all_clean(void)
{
	uint64_t n = 0;

	for (mfn_t m; frame_valid(m = alloc_frames(0, 0)); n++) {
		cr_assert_eq(*(uint8_t *)frame_to_virt(m), 0);
		cr_assert_eq(((uint8_t *)frame_to_virt(m))[PAGE_SIZE - 1], 0);
		cr_assert_eq(frame_of(m)->type, 0);
	}
	return n;
}

Test(alloc, a_frame_that_waits_is_scrubbed_for_whoever_gets_it)
{
	uint64_t free = alloc_free_count();
	mfn_t m = alloc_frames(3, 0);

	memset(frame_to_virt(m), 0x77, 8 * PAGE_SIZE);
	free_frames(m, 3);
	cr_assert_eq(alloc_free_count(), free);
	cr_assert_eq(alloc_unscrubbed_count(), 8);
	cr_assert_eq(take_all_clean(), free);
	cr_assert_eq(alloc_unscrubbed_count(), 0);
}

Test(alloc, a_large_block_is_scrubbed_ahead_in_steps)
{
	mfn_t m = alloc_frames(8, 0), rest;
	unsigned int steps = 0, before;

	while (rest = alloc_frames(0, 0), frame_valid(rest)) {
	}
	free_frames(m, 8);
	for (before = cpu_fake.scrubbed; !alloc_prepare(8, 0); steps++) {
		cr_assert_leq(cpu_fake.scrubbed - before, 32);
		before = cpu_fake.scrubbed;
	}
	cr_expect_eq(steps, 8);
	cr_expect_eq(alloc_unscrubbed_count(), 0);
	before = cpu_fake.scrubbed;
	cr_expect_eq(alloc_frames(8, 0).n, m.n);
	cr_expect_eq(cpu_fake.scrubbed, before, "nothing is left to do");
	cr_expect(alloc_prepare(8, 0), "nor where there is no such block");
}

Test(alloc, only_what_will_be_given_is_scrubbed_ahead)
{
	mfn_t m = alloc_frames(8, 0), rest;
	unsigned int before;

	while (rest = alloc_frames(0, 0), frame_valid(rest)) {
	}
	free_frames(m, 8);
	before = cpu_fake.scrubbed;
	while (!alloc_prepare(5, 0)) {
	}
	cr_expect_eq(cpu_fake.scrubbed - before, 32);
	before = cpu_fake.scrubbed;
	alloc_frames(5, 0);
	cr_expect_eq(cpu_fake.scrubbed, before);
	cr_expect_eq(alloc_unscrubbed_count(), 256 - 32);
}

Test(alloc, pages_for_the_hypervisor_are_cleared_once)
{
	mfn_t m;
	uint64_t before;

	while (alloc_free_count() > 1) {
		alloc_frames(0, 0);
	}
	m = alloc_frames(0, 0);
	memset(frame_to_virt(m), 0x77, PAGE_SIZE);
	free_frames(m, 0);
	before = cpu_fake.scrubbed;
	cr_assert_eq(*(uint8_t *)alloc_page(), 0);
	cr_assert_eq(cpu_fake.scrubbed, before);
	cr_assert_eq(alloc_unscrubbed_count(), 0);
}

Test(alloc, scrubbing_goes_on_while_blocks_come_and_go)
{
	uint64_t free = alloc_free_count(), before;
	mfn_t held[64];
	unsigned int count = 0;

	srandom(7);
	for (unsigned int i = 0; i < 4000; i++) {
		if (random() % 3 == 0) {
			alloc_scrub_step();
		} else if (count < 64 && random() % 2) {
			mfn_t m = alloc_frames(0, 0);

			cr_assert_eq(*(uint8_t *)frame_to_virt(m), 0);
			memset(frame_to_virt(m), 0x99, PAGE_SIZE);
			held[count++] = m;
		} else if (count) {
			unsigned int which = (unsigned int)random() % count;

			free_frames(held[which], 0);
			held[which] = held[--count];
		}
	}
	while (count) {
		free_frames(held[--count], 0);
	}
	while (alloc_scrub_step()) {
	}
	cr_assert_eq(alloc_unscrubbed_count(), 0);
	before = cpu_fake.scrubbed;
	cr_assert_eq(take_all_clean(), free);
	cr_assert_eq(cpu_fake.scrubbed, before, "nothing is scrubbed twice");
}

static sem_t scrub_started, scrub_may_end;

static void wait_in_scrub(void)
{
	sem_post(&scrub_started);
	sem_wait(&scrub_may_end);
}

static void end_scrub(void)
{
	if (cpu_fake.relaxed == 1) {
		sem_post(&scrub_may_end);
	}
}

static void *idle_cpu(void *arg)
{
	cpu_fake_thread = 2;
	while (alloc_scrub_step() && !*(_Atomic bool *)arg) {
	}
	return NULL;
}

Test(alloc, memory_is_had_while_another_cpu_scrubs_but_not_the_frame_at_hand)
{
	_Atomic bool stop = false;
	mfn_t four = alloc_frames(2, 0), at_hand = four, other = mfn(four.n + 2); /* no buddies */
	pthread_t idle;

	sem_init(&scrub_started, 0, 0);
	sem_init(&scrub_may_end, 0, 0);
	while (frame_valid(alloc_frames(0, 0))) {
	}
	memset(frame_to_virt(at_hand), 0x77, PAGE_SIZE);
	free_frames(other, 0);
	free_frames(at_hand, 0); /* idle CPUs begin with the last */
	cpu_fake.on_scrub = wait_in_scrub;
	cr_assert_eq(pthread_create(&idle, NULL, idle_cpu, &stop), 0);
	sem_wait(&scrub_started);
	cpu_fake.on_scrub = NULL;
	stop = true;

	cpu_fake.relaxed = 0;
	cpu_fake.on_relax = end_scrub;
	cr_assert(mfn_eq(alloc_frames(0, 0), other), "only the other is being scrubbed");
	cr_assert_eq(cpu_fake.relaxed, 0, "nobody waits for a lock");
	cr_assert(mfn_eq(alloc_frames(0, 0), at_hand));
	cr_assert_gt(cpu_fake.relaxed, 0);
	cr_assert_eq(*(uint8_t *)frame_to_virt(at_hand), 0);
	pthread_join(idle, NULL);
	cr_assert_eq(*(uint8_t *)frame_to_virt(at_hand), 0);
	cr_assert_eq(alloc_unscrubbed_count(), 0);
}

#define GIB_FRAMES (1ULL << 18)

Test(alloc_zones, clean_memory_goes_before_dirty_but_the_lowest_gibibyte_last)
{
	mfn_t m;

	cpu_fake_start(3 * GIB_FRAMES, 1, 2);
	alloc_add_range(64, 128);
	alloc_add_range(GIB_FRAMES, GIB_FRAMES + 2);
	alloc_add_range(2 * GIB_FRAMES, 2 * GIB_FRAMES + 1);
	m = alloc_frames(0, 0);
	cr_assert_eq(m.n, 2 * GIB_FRAMES, "the highest first");
	free_frames(m, 0);
	cr_assert_eq(alloc_frames(1, 0).n, GIB_FRAMES);
	cr_assert_eq(alloc_frames(0, 0).n, 2 * GIB_FRAMES, "rather than low memory");
	cr_assert_lt(alloc_frames(0, 0).n, 128);
	free_frames(m, 0);
	free_frames(mfn(GIB_FRAMES), 1);
	while (alloc_unscrubbed_count() > 1) {
		alloc_scrub_step();
	}
	alloc_scrub_step(); /* which sees that the block is done */
	cr_assert_eq(alloc_frames(0, 0).n & ~1ULL, GIB_FRAMES, "clean before dirty");
	cpu_fake_stop();
}

Test(alloc, flushes_what_guests_left_in_the_tlbs_and_only_then)
{
	uint64_t before = cpu_fake.flushes;
	void *p = alloc_page();
	mfn_t m;

	free_page(p);
	p = alloc_page();
	cr_assert_eq(cpu_fake.flushes, before, "the hypervisor's own pages were in no guest's TLB");
	free_page(p);
	/* All of the heap in one hand, so that the frame comes back. */
	m = new_frame(d1);
	while (frame_valid(alloc_frames(0, 0))) {
	}
	before = cpu_fake.flushes;
	cr_assert_eq(dompages_release(d1, m), 0);
	cr_assert(mfn_eq(alloc_frames(0, 0), m));
	cr_assert_eq(cpu_fake.flushes, before + cpu_fake.cpus);
	free_frames(m, 0);
	tlb_flush_all(CPUMASK_ALL);
	before = cpu_fake.flushes;
	cr_assert(mfn_eq(alloc_frames(0, 0), m));
	cr_assert_eq(cpu_fake.flushes, before, "flushed since it was freed");
	/* Many flushes later the short stamp has wrapped round; it may only err on the safe side. */
	free_frames(m, 0);
	cpu_fake.clock += 1u << 25;
	cr_assert(mfn_eq(alloc_frames(0, 0), m));
	cr_assert_eq(cpu_fake.flushes, before + cpu_fake.cpus);
}

Test(alloc, a_double_free_is_caught, .signal = SIGABRT)
{
	mfn_t m = alloc_frames(0, 0);

	free_frames(m, 0);
	free_frames(m, 0);
}

Test(alloc, freeing_a_guests_frame_is_caught, .signal = SIGABRT)
{
	free_frames(new_frame(d1), 0);
}
