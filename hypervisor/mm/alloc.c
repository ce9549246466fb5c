/*
 * The buddy allocator.  A zone is all frames whose numbers have the same bit
 * length, so every block lies within one zone, and "fits in n address bits" is a
 * question about the zone alone.  Requests take the highest zone that will do:
 * low memory is kept for those who ask for it.
 *
 * The first frame of a free block carries the block's state: in its type word the order
 * and how stale TLBs may be, in place of owner and stamp the links of the free list.  All other
 * frames of it have owner NONE.  Free frames have ref 0, so no guest can take them.
 *
 * A frame comes back with its last owner's content and is marked so.  CPUs with nothing else
 * to do scrub what waits (alloc_scrub_step()); whoever is given a frame that still waits scrubs it
 * then.  So tearing a large guest down costs its control domain no time for memory it never sees
 * again.  Blocks with frames that wait stand at the end of their lists, to be taken last.
 * Nobody scrubs under heap_lock: an emulated machine takes milliseconds over a frame that held
 * much code.
 */
#include "mm/alloc.h"

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/lock.h"
#include "lib/string.h"
#include "mm/audit.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define ZONES		 41 /* bit lengths 0..40 of a frame number */
#define ORDERS		 (ALLOC_MAX_ORDER + 1)
#define NO_FRAME	 UINT32_MAX

/* Type word of a free block's first frame. */
#define FREE_HEAD	 (1u << 31)
#define FREE_CLEAN	 (1u << 30) /* in no TLB: never a guest's since it was last flushed */
#define FREE_ORDER_SHIFT 25
#define FREE_DIRTY	 (1u << 24)	  /* frames of the block may be unscrubbed */
#define FREE_STAMP	 ((1u << 23) - 1) /* low bits of the stamp of the last use */
/* ... and of each of its frames */
#define UNSCRUBBED	 (1u << 23)

static struct spinlock heap_lock = SPINLOCK_INIT(LOCK_HEAP);
/* under heap_lock: */
static struct {
	uint32_t first, last; /* block's frame + 1; 0: none */
} free_list[ZONES][ORDERS];
static uint32_t zone_orders[ZONES]; /* bit k: free_list[z][k] is not empty */
static _Atomic uint64_t free_count, unscrubbed_count;
static struct {
	uint64_t block; /* being scrubbed by idle CPUs; NO_FRAME: none */
	uint64_t next;	/* its first frame not looked at yet */
} scrubber = { NO_FRAME, 0 };
/* What idle CPUs are scrubbing right now, without the lock: frame + 1; 0: nothing.  Set and cleared under it. */
static _Atomic uint64_t scrubbing[MAX_CPUS];

static unsigned int zone_of(uint64_t n)
{
	return n ? 64 - (unsigned int)__builtin_clzll(n) : 0;
}

/*
 * Links are stored with their halves swapped, so that what a guest's request reads as
 * "owner" of a free frame is the high half of a frame number: never FRAME_OWNER_IO, which is
 * 8 TiB further than the direct map reaches.
 */
static uint32_t swap_halves(uint32_t v)
{
	return v << 16 | v >> 16;
}

static uint32_t link_next(uint32_t n)
{
	return swap_halves(frame_table[n].next);
}

static uint32_t link_prev(uint32_t n)
{
	return swap_halves(frame_table[n].prev);
}

/* From a block's state (how stale, how dirty) its first frame's word for this order. */
static uint32_t head_word(unsigned int order, uint32_t state)
{
	return FREE_HEAD | order << FREE_ORDER_SHIFT |
	       (state & (FREE_CLEAN | FREE_DIRTY | FREE_STAMP));
}

/* The most recent stamp that ends in these bits: the true one or a later, which only flushes more. */
static uint32_t full_stamp(uint32_t word, uint32_t now)
{
	return now - ((now - word) & FREE_STAMP);
}

static uint32_t word_of(uint64_t n)
{
	return atomic_load_explicit(&frame_table[n].type, memory_order_relaxed);
}

static void set_word(uint64_t n, uint32_t word)
{
	atomic_store_explicit(&frame_table[n].type, word, memory_order_relaxed);
}

static void link_block(uint64_t n, unsigned int order, uint32_t state)
{
	unsigned int z = zone_of(n);
	uint32_t *first = &free_list[z][order].first, *last = &free_list[z][order].last;
	bool at_end = state & FREE_DIRTY;

	set_word(n, head_word(order, state) | (word_of(n) & UNSCRUBBED));
	frame_table[n].next = swap_halves(at_end || !*first ? NO_FRAME : *first - 1);
	frame_table[n].prev = swap_halves(at_end && *last ? *last - 1 : NO_FRAME);
	if (at_end && *last) {
		frame_table[*last - 1].next = swap_halves((uint32_t)n);
	} else if (!at_end && *first) {
		frame_table[*first - 1].prev = swap_halves((uint32_t)n);
	}
	*(at_end ? last : first) = (uint32_t)n + 1;
	*first = *first ? *first : (uint32_t)n + 1;
	*last = *last ? *last : (uint32_t)n + 1;
	zone_orders[z] |= 1u << order;
}

/* Takes a block off its list and leaves its first frame as the others are. */
static void unlink_block(uint64_t n, unsigned int order)
{
	unsigned int z = zone_of(n);
	uint32_t next = link_next((uint32_t)n), prev = link_prev((uint32_t)n);

	if (next != NO_FRAME) {
		frame_table[next].prev = swap_halves(prev);
	} else {
		free_list[z][order].last = prev == NO_FRAME ? 0 : prev + 1;
	}
	if (prev != NO_FRAME) {
		frame_table[prev].next = swap_halves(next);
	} else {
		free_list[z][order].first = next == NO_FRAME ? 0 : next + 1;
	}
	if (!free_list[z][order].first) {
		zone_orders[z] &= ~(1u << order);
	}
	if (n == scrubber.block) {
		scrubber.block = NO_FRAME;
	}
	frame_table[n].owner = FRAME_OWNER_NONE;
	frame_table[n].flags = 0;
	frame_table[n].stamp = 0;
	set_word(n, word_of(n) & UNSCRUBBED);
}

static bool is_free_block(uint64_t n, unsigned int order)
{
	return n < frame_max && frame_table[n].ref == 0 && (word_of(n) & FREE_HEAD) &&
	       (word_of(n) >> FREE_ORDER_SHIFT & 31) == order;
}

/* The state that is right for two blocks together. */
static uint32_t merged_state(uint32_t a, uint32_t b, uint32_t now)
{
	uint32_t dirty = (a | b) & FREE_DIRTY;
	bool b_staler = !(b & FREE_CLEAN) &&
			((a & FREE_CLEAN) || now - full_stamp(b, now) < now - full_stamp(a, now));

	return (b_staler ? b : a) | dirty;
}

static void insert_merging(uint64_t n, unsigned int order, uint32_t state, uint32_t now)
{
	for (; order < ALLOC_MAX_ORDER; order++) {
		uint64_t buddy = n ^ (1ULL << order);

		if (zone_of(buddy) != zone_of(n) || !is_free_block(buddy, order)) {
			break;
		}
		state = merged_state(state, word_of(buddy), now);
		unlink_block(buddy, order);
		n = MIN(n, buddy);
	}
	link_block(n, order, state);
}

void frame_table_init(uint64_t max_frame, void *table)
{
	BUG_ON(max_frame >= NO_FRAME);
	frame_table = table;
	frame_max = max_frame;
}

/* Marks a block as nobody's, and its content as somebody's; double frees and frees of frames in use are caught here. */
static void disown(uint64_t n, unsigned int order)
{
	for (uint64_t i = n; i < n + (1ULL << order); i++) {
		struct frame *f = &frame_table[i];

		BUG_ON(i >= frame_max || f->ref != 0 || f->owner != FRAME_OWNER_XEN ||
		       (word_of(i) & (FT_COUNT | FT_PINNED)));
		f->owner = FRAME_OWNER_NONE;
		f->flags = 0;
		f->stamp = 0;
		set_word(i, UNSCRUBBED);
	}
}

void heap_free(mfn_t m, unsigned int order, bool stale)
{
	uint32_t now = tlb_stamp();

	BUG_ON(m.n & ((1ULL << order) - 1));
	spin_lock(&heap_lock);
	disown(m.n, order);
	insert_merging(m.n, order, FREE_DIRTY | (stale ? 0 : FREE_CLEAN) | (now & FREE_STAMP), now);
	atomic_fetch_add_explicit(&free_count, 1ULL << order, memory_order_relaxed);
	atomic_fetch_add_explicit(&unscrubbed_count, 1ULL << order, memory_order_relaxed);
	spin_unlock(&heap_lock);
}

void free_frames(mfn_t m, unsigned int order)
{
	heap_free(m, order, true);
}

/* The largest aligned block that starts at n, ends by 'end' and stays in n's zone. */
static unsigned int order_at(uint64_t n, uint64_t end)
{
	unsigned int order = 0;

	while (order < ALLOC_MAX_ORDER && !(n & (1ULL << order)) && n + (2ULL << order) <= end &&
	       zone_of(n) == zone_of(n + (2ULL << order) - 1)) {
		order++;
	}
	return order;
}

void alloc_add_range(uint64_t start, uint64_t end)
{
	BUG_ON(start > end || end > frame_max);
	spin_lock(&heap_lock);
	while (start < end) {
		unsigned int order = order_at(start, end);

		for (uint64_t i = start; i < start + (1ULL << order); i++) {
			BUG_ON(frame_table[i].ref != 0 || word_of(i) != 0);
			frame_table[i].owner = FRAME_OWNER_NONE;
		}
		insert_merging(start, order, FREE_CLEAN, 0);
		atomic_fetch_add_explicit(&free_count, 1ULL << order, memory_order_relaxed);
		start += 1ULL << order;
	}
	spin_unlock(&heap_lock);
}

/* The upper halves go back until the block has the size that was asked for. */
static void split(uint64_t n, unsigned int have, unsigned int want, uint32_t state)
{
	while (have > want) {
		have--;
		link_block(n + (1ULL << have), have, state);
	}
}

/*
 * The order of the block to take from zone z: the smallest that is large enough and has no frame
 * that waits to be scrubbed, even if it has to be split, else the smallest that is large enough.
 */
static unsigned int choose_order(unsigned int z, unsigned int order)
{
	for (uint32_t orders = zone_orders[z] >> order << order; orders; orders &= orders - 1) {
		unsigned int k = (unsigned int)__builtin_ctz(orders);

		if (!(word_of(free_list[z][k].first - 1) & FREE_DIRTY)) {
			return k;
		}
	}
	return order + (unsigned int)__builtin_ctz(zone_orders[z] >> order);
}

/* Zones up to 1 GiB: kept, even when clean, while a higher zone has anything at all. */
#define KEPT_ZONES 18u

static bool has_clean(unsigned int z, unsigned int order)
{
	return zone_orders[z] >> order &&
	       !(word_of(free_list[z][choose_order(z, order)].first - 1) & FREE_DIRTY);
}

/* The zone to take a block from: the highest with a clean one, else the highest.  ZONES: there is none. */
static unsigned int choose_zone(unsigned int order, unsigned int top_zone)
{
	for (unsigned int z = top_zone; z > KEPT_ZONES; z--) {
		if (has_clean(z, order)) {
			return z;
		}
	}
	for (unsigned int z = top_zone + 1; z-- > 0;) {
		if (zone_orders[z] >> order) {
			return z;
		}
	}
	return ZONES;
}

/* The block to take from, and its order.  UINT64_MAX: there is none. */
static uint64_t choose_block(unsigned int order, unsigned int top_zone, unsigned int *have)
{
	unsigned int z = choose_zone(order, top_zone);

	if (z == ZONES) {
		return UINT64_MAX;
	}
	*have = choose_order(z, order);
	return free_list[z][*have].first - 1;
}

static uint64_t take_block(unsigned int order, unsigned int top_zone, uint32_t *word)
{
	unsigned int have;
	uint64_t n = choose_block(order, top_zone, &have);

	if (n != UINT64_MAX) {
		*word = word_of(n);
		unlink_block(n, have);
		split(n, have, order, *word);
	}
	return n;
}

static bool being_scrubbed(uint64_t n, unsigned int order)
{
	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++) {
		/* Pairs with the release in scrub_done(). */
		uint64_t at = atomic_load_explicit(&scrubbing[cpu], memory_order_acquire);

		if (at && at - 1 - n < 1ULL << order) {
			return true;
		}
	}
	return false;
}

/* The caller has the frame to himself, or holds heap_lock. */
static void set_scrubbed(uint64_t n)
{
	if (word_of(n) & UNSCRUBBED) {
		set_word(n, word_of(n) & ~UNSCRUBBED);
		atomic_fetch_sub_explicit(&unscrubbed_count, 1, memory_order_relaxed);
	}
}

/* What a fresh block's frames hold must not be seen: false if the caller overwrites it all anyway. */
static void settle_content(uint64_t n, unsigned int order, bool seen)
{
	while (being_scrubbed(n, order)) {
		cpu_relax();
	}
	for (uint64_t i = n; i < n + (1ULL << order); i++) {
		if (seen && (word_of(i) & UNSCRUBBED)) {
			cpu_scrub_frame(mfn(i));
		}
		set_scrubbed(i);
	}
}

static unsigned int top_zone_of(unsigned int bits)
{
	if (!bits || bits >= ZONES - 1 + PAGE_SHIFT) {
		return ZONES - 1;
	}
	return bits > PAGE_SHIFT ? bits - PAGE_SHIFT : 0;
}

static mfn_t alloc_block(unsigned int order, unsigned int bits, bool seen)
{
	uint32_t word = FREE_CLEAN;
	uint64_t n;

	if (order > ALLOC_MAX_ORDER) {
		return MFN_NONE;
	}
	spin_lock(&heap_lock);
	n = take_block(order, top_zone_of(bits), &word);
	if (n != UINT64_MAX) {
		for (uint64_t i = n; i < n + (1ULL << order); i++) {
			frame_table[i].owner = FRAME_OWNER_XEN;
		}
		atomic_fetch_sub_explicit(&free_count, 1ULL << order, memory_order_relaxed);
	}
	spin_unlock(&heap_lock);
	if (n == UINT64_MAX) {
		return MFN_NONE;
	}
	if (!(word & FREE_CLEAN)) {
		tlb_flush_older(CPUMASK_ALL, full_stamp(word, tlb_stamp()));
	}
	if (word & FREE_DIRTY) {
		settle_content(n, order, seen);
	}
	return mfn(n);
}

mfn_t alloc_frames(unsigned int order, unsigned int bits)
{
	return alloc_block(order, bits, true);
}

uint64_t alloc_free_count(void)
{
	return atomic_load_explicit(&free_count, memory_order_relaxed);
}

/* ---- scrubbing by idle CPUs ---- */

#define SCRUB_LOOK 256u /* frames looked at in one step */

/* A block with frames that wait stands last in its list. */
static bool choose_waiting(void)
{
	for (unsigned int z = 0; z < ZONES; z++) {
		for (unsigned int k = 0; zone_orders[z] && k < ORDERS; k++) {
			uint32_t last = free_list[z][k].last;

			if (last && (word_of(last - 1) & FREE_DIRTY)) {
				scrubber.block = scrubber.next = last - 1;
				return true;
			}
		}
	}
	return false;
}

/* The next frame that waits in the chosen block; NO_FRAME if this step met none. */
static uint64_t next_waiting(void)
{
	uint64_t n = scrubber.block;
	uint32_t word = word_of(n);
	unsigned int order = word >> FREE_ORDER_SHIFT & 31;
	uint64_t end = n + (1ULL << order), stop = MIN(scrubber.next + SCRUB_LOOK, end);

	while (scrubber.next < stop) {
		uint64_t i = scrubber.next++;

		if (word_of(i) & UNSCRUBBED) {
			return i;
		}
	}
	if (stop == end && !being_scrubbed(n, order)) {
		unlink_block(n, order);
		link_block(n, order, word & ~FREE_DIRTY);
	}
	return NO_FRAME;
}

/* Finds this CPU a frame to scrub.  False: none waits. */
static bool scrub_begin(uint64_t *n)
{
	bool found;

	*n = NO_FRAME;
	spin_lock(&heap_lock);
	found = scrubber.block != NO_FRAME || choose_waiting();
	if (found) {
		*n = next_waiting();
	}
	if (*n != NO_FRAME) {
		atomic_store_explicit(&scrubbing[cpu_id()], *n + 1, memory_order_relaxed);
	}
	spin_unlock(&heap_lock);
	return found;
}

static void scrub_done(uint64_t n)
{
	spin_lock(&heap_lock);
	set_scrubbed(n);
	atomic_store_explicit(&scrubbing[cpu_id()], 0, memory_order_release);
	spin_unlock(&heap_lock);
}

bool alloc_scrub_step(void)
{
	uint64_t n;

	if (!alloc_unscrubbed_count() || !scrub_begin(&n)) {
		return false;
	}
	if (n != NO_FRAME) {
		cpu_scrub_frame(mfn(n));
		scrub_done(n);
	}
	return true;
}

/* ---- scrubbing ahead of an allocation ---- */

#define PREPARE_STEP 32u /* frames scrubbed in one go */

/* A frame of the block that would be given, at or after 'from', that waits to be scrubbed.  NO_FRAME: none. */
static uint64_t prepare_begin(unsigned int order, unsigned int bits, uint64_t from)
{
	uint64_t found = NO_FRAME, n;
	unsigned int have;

	spin_lock(&heap_lock);
	n = choose_block(order, top_zone_of(bits), &have);
	if (n != UINT64_MAX && word_of(n) & FREE_DIRTY) {
		for (uint64_t i = MAX(n, from); found == NO_FRAME && i < n + (1ULL << order); i++) {
			found = word_of(i) & UNSCRUBBED && !being_scrubbed(i, 0) ? i : NO_FRAME;
		}
	}
	if (found != NO_FRAME) {
		atomic_store_explicit(&scrubbing[cpu_id()], found + 1, memory_order_relaxed);
	}
	spin_unlock(&heap_lock);
	return found;
}

bool alloc_prepare(unsigned int order, unsigned int bits)
{
	uint64_t n = 0;

	for (unsigned int done = 0; done < PREPARE_STEP; done++, n++) {
		n = prepare_begin(order, bits, n);
		if (n == NO_FRAME) {
			return true;
		}
		cpu_scrub_frame(mfn(n));
		scrub_done(n);
	}
	return false;
}

uint64_t alloc_unscrubbed_count(void)
{
	return atomic_load_explicit(&unscrubbed_count, memory_order_relaxed);
}

/* ---- for the audit ---- */

/* False: the list leads on to where it has been. */
static bool audit_block(struct audit *a, uint64_t n, unsigned int order)
{
	uint64_t waiting = 0;

	for (uint64_t i = n; i < n + (1ULL << order); i++) {
		if (!audit_free_frame(a, i, i == n)) {
			return false;
		}
		waiting += (word_of(i) & UNSCRUBBED) != 0;
	}
	if (waiting && !(word_of(n) & FREE_DIRTY)) {
		audit_wrong(a, "free block %#lx is clean, and %lu frames of it wait for scrubbing",
			    (unsigned long)n, (unsigned long)waiting);
	}
	a->waiting += waiting;
	return true;
}

static void audit_list(struct audit *a, unsigned int z, unsigned int order)
{
	uint32_t first = free_list[z][order].first, prev = NO_FRAME;
	uint32_t n = first ? first - 1 : NO_FRAME;
	bool sound = !(zone_orders[z] >> order & 1) == !first;

	for (; sound && n != NO_FRAME; prev = n, n = link_next(n)) {
		sound = is_free_block(n, order) && zone_of(n) == z &&
			!(n & ((1ULL << order) - 1)) && n + (1ULL << order) <= frame_max &&
			link_prev(n) == prev && audit_block(a, n, order);
	}
	if (!sound || free_list[z][order].last != (prev == NO_FRAME ? 0 : prev + 1)) {
		audit_wrong(a, "free list of zone %u, order %u breaks at frame %#x after %#x", z,
			    order, n, prev);
	}
}

void heap_audit(struct audit *a)
{
	spin_lock(&heap_lock);
	for (unsigned int z = 0; z < ZONES; z++) {
		for (unsigned int k = 0; k < ORDERS; k++) {
			audit_list(a, z, k);
		}
	}
	if (a->free != alloc_free_count() || a->waiting != alloc_unscrubbed_count()) {
		audit_wrong(a, "free: %lu and %lu of them wait, counted %lu and %lu",
			    (unsigned long)alloc_free_count(),
			    (unsigned long)alloc_unscrubbed_count(), (unsigned long)a->free,
			    (unsigned long)a->waiting);
	}
	spin_unlock(&heap_lock);
}

void *alloc_pages(unsigned int order)
{
	mfn_t m = alloc_block(order, 0, false);
	void *p;

	if (mfn_eq(m, MFN_NONE)) {
		return NULL;
	}
	p = frame_to_virt(m);
	memset(p, 0, PAGE_SIZE << order);
	return p;
}

/* The hypervisor's own pages were in no guest's TLB, but what they say is nobody's business. */
void free_pages(void *p, unsigned int order)
{
	if (p) {
		heap_free(virt_to_frame(p), order, false);
	}
}

void *alloc_page(void)
{
	return alloc_pages(0);
}

void free_page(void *p)
{
	free_pages(p, 0);
}
