/*
 * Grant tables of version 2, and the way between the versions: what cannot be brought about from a guest.  A table too
 * large to be emptied at once, memory that runs out, an owner that ends its grants by the book as others map, and long
 * random sequences against a model that knows nothing of locks, marks and frames.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include <xen/errno.h>

#include "core/hypercall.h"
#include "mm/alloc.h"
#include "tests/unit/hypervisor/core/grant_world.h"

#define RESERVED GNTTAB_NR_RESERVED_ENTRIES

static void setup(void)
{
	grant_world_start(1);
}

TestSuite(grant_v2, .init = setup, .fini = grant_world_end);

static long set_version(struct domain *d, uint32_t version)
{
	struct gnttab_set_version v = { .version = version };
	long rc = op(d, GNTTABOP_set_version, &v, 1);

	if (!world.restarted) {
		cr_expect_eq(v.version, d->grants.version);
	}
	return rc;
}

/* A table with room for so many frames, and that many. */
static void large_table(struct domain *d, unsigned int frames)
{
	grant_table_free(&d->grants);
	cr_assert_eq(grant_table_init(&d->grants, d, 2, frames, 4), 0);
	cr_assert_eq(grant_table_grow(&d->grants, frames), 0);
}

static void permit(struct domain *d, uint32_t ref, domid_t to, mfn_t m)
{
	if (d->grants.version == 1) {
		*grant_shared_entry(&d->grants, ref) = (grant_entry_v1_t){ GTF_permit_access, to,
									   (uint32_t)m.n };
	} else {
		*grant_shared_v2_entry(&d->grants, ref) = (grant_entry_v2_t){
			.full_page = { .hdr = { GTF_permit_access, to }, .frame = m.n }
		};
	}
}

static void works(uint32_t ref)
{
	struct gnttab_map_grant_ref m = map(d0, 1, ref, GNTMAP_host_map);

	cr_assert_eq(m.status, GNTST_okay);
	cr_assert_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
}

/* --- versions --- */

Test(grant_v2, there_are_two_versions_unless_the_toolstack_says_one)
{
	cr_expect_eq(set_version(d1, 0), -XEN_EINVAL);
	cr_expect_eq(set_version(d1, 3), -XEN_EINVAL);
	cr_expect_eq(set_version(d1, 2), 0);
	cr_expect_eq(d1->grants.version, 2);
	cr_expect_eq(set_version(d1, 1), 0);
	d1->grants.max_version = 1;
	cr_expect_eq(set_version(d1, 2), -XEN_ENOSYS);
	cr_expect_eq(set_version(d1, 1), 0);
	cr_expect_eq(d1->grants.version, 1);
}

Test(grant_v2, a_large_table_is_emptied_page_by_page)
{
	const uint32_t last = 40 * (uint32_t)GRANTS_V2_PER_PAGE - 1;
	unsigned int stops = 0;

	large_table(d1, 40);
	for (unsigned int i = 0; i < 40; i++) {
		memset(d1->grants.shared[i], 0xff, PAGE_SIZE);
	}
	memset(d1->grants.shared[0], 0, PAGE_SIZE);
	permit(d1, 3, 0, page);
	world.preempt_every = 1;
	for (;;) {
		world.restarted = false;
		set_version(d1, 2);
		if (!world.restarted) {
			break;
		}
		stops++;
		cr_assert_eq(d1->grants.version, 2);
		cr_expect_eq(map(d0, 1, last, GNTMAP_host_map).status, GNTST_bad_gntref);
		works(3);
	}
	cr_expect_eq(stops, 2);
	cr_expect_eq(d1->grants.refs, last + 1);
	cr_expect_eq(d1->grants.status_frames, 5);
	for (unsigned int i = 1; i < 40; i++) {
		for (unsigned int k = 0; k < PAGE_SIZE / 8; k++) {
			cr_assert_eq(((uint64_t *)(void *)d1->grants.shared[i])[k], 0);
		}
	}
	permit(d1, last, 0, page);
	works(last);
}

Test(grant_v2, a_table_may_grow_and_change_back_before_it_is_emptied)
{
	large_table(d1, 40);
	d1->grants.max_frames = 40;
	world.preempt_every = 1;
	set_version(d1, 2);
	cr_assert(world.restarted);
	world.preempt_every = 0;
	world.restarted = false;
	cr_assert_lt(d1->grants.refs, 40 * GRANTS_V2_PER_PAGE);
	cr_expect_eq(set_version(d1, 1), 0, "first what is left, then the new one");
	cr_expect_eq(d1->grants.refs, 40 * GRANTS_PER_PAGE);
	cr_expect_eq(d1->grants.status_frames, 0);
	grant_world_audit();
}

Test(grant_v2, growth_during_a_change_of_version_is_counted_once)
{
	xen_pfn_t list[40];
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 40 };

	grant_table_free(&d1->grants);
	cr_assert_eq(grant_table_init(&d1->grants, d1, 2, 40, 4), 0);
	cr_assert_eq(grant_table_grow(&d1->grants, 30), 0);
	world.preempt_every = 1;
	set_version(d1, 2);
	cr_assert(world.restarted);
	world.preempt_every = 0;
	set_xen_guest_handle(s.frame_list, list);
	cr_assert_eq(op(d1, GNTTABOP_setup_table, &s, 1), 0);
	cr_expect_eq(s.status, GNTST_okay);
	cr_expect_lt(d1->grants.refs, 30 * GRANTS_V2_PER_PAGE);
	world.restarted = false;
	cr_expect_eq(set_version(d1, 2), 0);
	cr_expect_eq(d1->grants.refs, 40 * GRANTS_V2_PER_PAGE);
	cr_expect_eq(d1->grants.status_frames, 5);
}

static void *hoard[ARENA_FRAMES];

/* Leaves so many free pages; give_back() gives the others back. */
static unsigned int take_all_but(unsigned int left)
{
	unsigned int n = 0;

	while (alloc_scrub_step()) {
	}
	while (n < ARENA_FRAMES && (hoard[n] = alloc_page())) {
		n++;
	}
	while (left-- && n) {
		free_page(hoard[--n]);
	}
	while (alloc_scrub_step()) {
	}
	return n;
}

static void give_back(unsigned int n)
{
	while (n) {
		free_page(hoard[--n]);
	}
}

Test(grant_v2, without_memory_for_all_status_frames_the_version_stays)
{
	unsigned int n;

	large_table(d1, 40);
	permit(d1, 20, 0, page);
	n = take_all_but(3);
	cr_expect_eq(set_version(d1, 2), -XEN_ENOMEM);
	cr_expect_eq(d1->grants.version, 1);
	cr_expect_eq(d1->grants.status_frames, 0);
	cr_expect_eq(grant_shared_entry(&d1->grants, 20)->frame, page.n, "nothing is lost");
	give_back(n); /* the audit needs some */
	grant_world_audit();
	cr_expect_eq(set_version(d1, 2), 0);
	cr_expect_eq(d1->grants.status_frames, 5);
}

Test(grant_v2, a_table_that_cannot_grow_is_as_it_was)
{
	unsigned int n;

	large_table(d1, 16);
	grant_table_free(&d1->grants);
	cr_assert_eq(grant_table_init(&d1->grants, d1, 2, 16, 4), 0);
	cr_assert_eq(grant_table_grow(&d1->grants, 8), 0);
	cr_assert_eq(set_version(d1, 2), 0);
	n = take_all_but(2); /* for a frame and its counts, but not for the second status frame */
	cr_expect_eq(grant_table_grow(&d1->grants, 9), -XEN_ENOMEM);
	cr_expect_eq(d1->grants.frames, 8);
	cr_expect_eq(d1->grants.status_frames, 1);
	give_back(n); /* the audit needs some */
	grant_world_audit();
	cr_expect_eq(grant_table_grow(&d1->grants, 9), 0);
	cr_expect_eq(d1->grants.status_frames, 2);
}

Test(grant_v2, status_frames_that_are_mapped_keep_the_version)
{
	mfn_t status;

	cr_assert_eq(set_version(d1, 2), 0);
	cr_assert_eq(grant_table_status_frame(d1, 0, &status), 0);
	cr_assert_eq(frame_get_type(status, FRAME_SHARED, d1), 0);
	permit(d1, 20, 0, page);
	cr_expect_eq(set_version(d1, 1), -XEN_EBUSY);
	cr_expect_eq(d1->grants.version, 2);
	cr_expect_eq(grant_shared_v2_entry(&d1->grants, 20)->full_page.frame, page.n);
	frame_put_type(status);
	cr_expect_eq(set_version(d1, 1), 0);
	cr_expect_eq(grant_table_status_frame(d1, 0, &status), -XEN_EINVAL);
}

Test(grant_v2, a_table_with_status_frames_is_freed_with_them)
{
	uint64_t before = alloc_free_count();

	large_table(d1, 40);
	cr_assert_eq(set_version(d1, 2), 0);
	grant_table_free(&d1->grants);
	cr_assert_eq(grant_table_init(&d1->grants, d1, 2, 4, 4), 0);
	while (alloc_scrub_step()) {
	}
	cr_expect_geq(alloc_free_count() + 1, before, "at most a page of small objects stays");
}

/* --- an owner by the book --- */

static atomic_bool stop;
static mfn_t second;

/*
 * Lends page to d0, and second to d2, by the same entry in turn; in between it ends the grant as the header says for
 * version 2: the type goes, a barrier, and only if the status shows no use is the entry written anew.
 */
static void *owner_by_the_book(void *arg)
{
	grant_entry_v2_t *e = grant_shared_v2_entry(&d1->grants, 20);
	volatile grant_status_t *status = &d1->grants.status[0][20];
	bool ours = false;

	(void)arg;
	while (!atomic_load(&stop)) {
		__atomic_store_n(&e->hdr.flags, 0, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (*status & (GTF_reading | GTF_writing)) {
			continue;
		}
		__atomic_store_n(&e->full_page.frame, ours ? page.n : second.n, __ATOMIC_RELAXED);
		__atomic_store_n(&e->hdr.domid, ours ? 0 : 2, __ATOMIC_RELAXED);
		__atomic_store_n(&e->hdr.flags, GTF_permit_access, __ATOMIC_RELEASE);
		ours = !ours;
	}
	return NULL;
}

Test(grant_v2, no_borrower_gets_what_a_careful_owner_lent_to_another, .timeout = 60)
{
	unsigned int good = 0;
	pthread_t t;

	second = memory_frame(d1, 0x22);
	cr_assert_eq(set_version(d1, 2), 0);
	cr_assert_eq(pthread_create(&t, NULL, owner_by_the_book, NULL), 0);
	for (unsigned int i = 0; (i < 500000 || !good) && good < 3000 && i < 50000000; i++) {
		struct gnttab_map_grant_ref m = map(d0, 1, 20, GNTMAP_host_map);

		if (m.status == GNTST_okay) {
			good++;
			cr_assert_eq(m.dev_bus_addr, mfn_to_paddr(page));
			cr_assert_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
		}
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	cr_expect_gt(good, 0);
	cr_expect_eq(d1->grants.status[0][20], 0);
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(memory_refs(second), 1);
}

/* One that writes whatever, whenever: types, borrowers, frames, links. */
static void *owner_gone_wild(void *arg)
{
	volatile uint64_t *e = (volatile void *)grant_shared_v2_entry(&d1->grants, 20);
	unsigned int x = 1;

	(void)arg;
	while (!atomic_load(&stop)) {
		x = x * 1664525u + 1013904223u;
		e[x >> 8 & 1] = x >> 9 & 1 ? page.n
				: x & 0x4000
					? (uint64_t)(x >> 16 & 0x107) | (uint64_t)(x >> 30) << 16
					: GTF_permit_access | (x >> 28 == 0 ? 2UL << 16 : 0);
	}
	return NULL;
}

Test(grant_v2, an_owner_gone_wild_harms_nobody_else, .timeout = 60)
{
	mfn_t mine = memory_frame(d0, 0);
	unsigned int good = 0;
	pthread_t t;

	cr_assert_eq(set_version(d1, 2), 0);
	cr_assert_eq(pthread_create(&t, NULL, owner_gone_wild, NULL), 0);
	for (unsigned int i = 0; i < 100000 || (!good && i < 50000000); i++) {
		struct gnttab_map_grant_ref m = map(d0, 1, 20, GNTMAP_host_map);
		struct gnttab_copy c = { .source = { .u.ref = 20, .domid = 1 },
					 .dest = { .u.gmfn = mine.n, .domid = DOMID_SELF },
					 .len = 8,
					 .flags = GNTCOPY_source_gref };

		cr_assert_eq(op(d0, GNTTABOP_copy, &c, 1), 0);
		if (m.status == GNTST_okay) {
			good++;
			cr_assert_eq(m.dev_bus_addr, mfn_to_paddr(page));
			cr_assert_eq(unmap(d0, m.handle, 0x1000, 0), GNTST_okay);
		}
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	cr_expect_gt(good, 0);
	cr_expect_eq(memory_refs(page), 1);
	cr_expect_eq(frame_type_count(frame_of(page)), 0);
}

/* --- random sequences against a model --- */

enum kind { NOTHING, WHOLE, PART, LINK };
#define REFS  14u /* eight reserved, six not */
#define LIVE  24u
#define FORGN 2u /* the frame that is not d1's */

struct model_entry {
	enum kind kind;
	domid_t to;
	bool readonly;
	unsigned int frame, first, length, link;
};

/* What d1's table says, what d0 has mapped of it, and what d2 lends d1. */
static struct {
	unsigned int version;
	struct model_entry entry[REFS];
	struct {
		bool used, readonly;
		grant_handle_t handle;
		unsigned int ref;
	} live[LIVE];
	unsigned int frame_of[REFS]; /* while in use */
	uint8_t bytes[4][PAGE_SIZE]; /* of frames 0 and 1 of d1, the foreign one, and d2's */
} model;

static mfn_t frames[4], mine;
static uint8_t my_bytes[PAGE_SIZE];
static unsigned int random_state = 7;

static unsigned int rnd(unsigned int below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % below;
}

static unsigned int users(unsigned int ref, bool writers_only)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < LIVE; i++) {
		n += model.live[i].used && model.live[i].ref == ref &&
		     !(writers_only && model.live[i].readonly);
	}
	return n;
}

static void write_entry(unsigned int ref)
{
	static const unsigned int edges[] = { 0, 1, 100, 2048, 4095, 4096, 65535 };
	struct model_entry e = { .kind = rnd(model.version == 2 ? 4 : 3),
				 .to = rnd(8) ? 0 : 2,
				 .readonly = rnd(3) == 0,
				 .frame = rnd(8) ? rnd(2) : FORGN,
				 .first = edges[rnd(7)],
				 .length = edges[rnd(7)],
				 .link = rnd(6) };
	uint16_t flags = (e.readonly ? GTF_readonly : 0) |
			 (e.kind == NOTHING ? 0
			  : e.kind == LINK  ? GTF_transitive
			  : e.kind == PART  ? GTF_permit_access | GTF_sub_page
					    : GTF_permit_access);
	grant_entry_v2_t v2 = { .full_page = { .hdr = { flags, e.to },
					       .frame = frames[e.frame].n } };

	if (model.version == 1) {
		*grant_shared_entry(&d1->grants, ref) =
			(grant_entry_v1_t){ flags, e.to, (uint32_t)frames[e.frame].n };
		e.first = e.length = 0;
	} else {
		if (e.kind == PART) {
			v2.sub_page.page_off = (uint16_t)e.first;
			v2.sub_page.length = (uint16_t)e.length;
		} else if (e.kind == LINK) {
			v2.transitive.trans_domid = 2;
			v2.transitive.gref = e.link;
		}
		*grant_shared_v2_entry(&d1->grants, ref) = v2;
	}
	model.entry[ref] = e;
}

/* What d2 lends d1 by its entries 0 to 5: the page, a part, for reading, a link, to another, nothing. */
static void lend_to_d1(void)
{
	cr_assert_eq(set_version(d2, 2), 0);
	for (unsigned int i = 0; i < 5; i++) {
		permit(d2, i, i == 4 ? 0 : 1, frames[3]);
	}
	grant_shared_v2_entry(&d2->grants, 1)->hdr.flags |= GTF_sub_page;
	grant_shared_v2_entry(&d2->grants, 1)->sub_page.page_off = 10;
	grant_shared_v2_entry(&d2->grants, 1)->sub_page.length = 4000;
	grant_shared_v2_entry(&d2->grants, 2)->hdr.flags |= GTF_readonly;
	grant_shared_v2_entry(&d2->grants, 3)->transitive.hdr.flags = GTF_transitive;
}

/* The status of using an entry; *frame: which it gives. */
static int allowed(unsigned int ref, bool readonly, bool to_map, unsigned int *frame)
{
	const struct model_entry *e = &model.entry[ref];
	bool busy = users(ref, false);

	if (e->kind == NOTHING || e->to != 0 || (e->readonly && !readonly) ||
	    ((to_map || model.version == 1) && e->kind != WHOLE)) {
		return GNTST_general_error;
	}
	*frame = e->frame;
	if (busy && model.version == 2 && (e->kind == LINK || e->frame != model.frame_of[ref])) {
		return GNTST_general_error;
	}
	if (busy) {
		*frame = model.frame_of[ref];
	}
	return e->kind != LINK && *frame == FORGN ? GNTST_bad_page : GNTST_okay;
}

static int allowed_bytes(unsigned int ref, bool readonly, unsigned int at, unsigned int len,
			 unsigned int *frame)
{
	const struct model_entry *e = &model.entry[ref];
	int rc = allowed(ref, readonly, false, frame);
	unsigned int first = 0, end = PAGE_SIZE;

	if (at + len > PAGE_SIZE) {
		return GNTST_bad_copy_arg;
	}
	if (rc != GNTST_okay) {
		return rc;
	}
	if (e->kind == PART) {
		first = e->first;
		end = e->first + e->length;
	}
	if (e->kind == LINK) {
		if (e->link > 2 || (e->link == 2 && !readonly)) {
			return GNTST_general_error;
		}
		*frame = 3;
		first = e->link == 1 ? 10 : 0;
		end = e->link == 1 ? 4010 : PAGE_SIZE;
	}
	return at < first || at + len > end ? GNTST_general_error : GNTST_okay;
}

static void try_map(unsigned int ref)
{
	unsigned int slot = rnd(LIVE), frame = 0;
	bool readonly = rnd(2);
	int want = allowed(ref, readonly, true, &frame);
	struct gnttab_map_grant_ref m;

	if (model.live[slot].used) {
		cr_assert_eq(unmap(d0, model.live[slot].handle, 0x1000, 0), GNTST_okay);
		model.live[slot].used = false;
		return;
	}
	m = map(d0, 1, ref, GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0));
	cr_assert_eq(m.status, want, "map of %u: %d, not %d", ref, m.status, want);
	if (want == GNTST_okay) {
		cr_assert_eq(m.dev_bus_addr, mfn_to_paddr(frames[frame]));
		model.frame_of[ref] = frame;
		model.live[slot].used = true;
		model.live[slot].readonly = readonly;
		model.live[slot].handle = m.handle;
		model.live[slot].ref = ref;
	}
}

static void try_copy(unsigned int ref)
{
	static const unsigned int edges[] = { 0,   1,	 9,    10,   99,   100,
					      101, 2047, 2048, 4009, 4010, 4095 };
	unsigned int at = edges[rnd(12)], len = rnd(2) ? rnd(4) : rnd(4100), frame = 0;
	bool readonly = rnd(2);
	int want = allowed_bytes(ref, readonly, at, len, &frame);
	struct gnttab_copy_ptr grant = { .u.ref = ref, .domid = 1, .offset = (uint16_t)at }, own = {
		.u.gmfn = mine.n, .domid = DOMID_SELF, .offset = (uint16_t)at
	};
	struct gnttab_copy c = { .source = readonly ? grant : own,
				 .dest = readonly ? own : grant,
				 .len = (uint16_t)len,
				 .flags = readonly ? GNTCOPY_source_gref : GNTCOPY_dest_gref };

	memory_bytes(mine)[at] = my_bytes[at] = (uint8_t)rnd(256);
	cr_assert_eq(op(d0, GNTTABOP_copy, &c, 1), 0);
	cr_assert_eq(c.status, want,
		     "copy of %u bytes at %u of %u, kind %u, version %u: %d, not %d", len, at, ref,
		     model.entry[ref].kind, model.version, c.status, want);
	if (want == GNTST_okay && readonly) {
		memcpy(my_bytes + at, model.bytes[frame] + at, len);
	} else if (want == GNTST_okay) {
		memcpy(model.bytes[frame] + at, my_bytes + at, len);
	}
}

static void try_swap(unsigned int a, unsigned int b)
{
	struct gnttab_swap_grant_ref s = { .ref_a = a, .ref_b = b };
	bool busy = a != b && (users(a, false) || users(b, false));
	struct model_entry e = model.entry[a];

	cr_assert_eq(op(d1, GNTTABOP_swap_grant_ref, &s, 1), 0);
	cr_assert_eq(s.status, busy ? GNTST_eagain : GNTST_okay);
	if (!busy) {
		model.entry[a] = model.entry[b];
		model.entry[b] = e;
	}
}

static long version_answer(unsigned int version)
{
	if (version == model.version) {
		return 0;
	}
	for (unsigned int i = RESERVED; i < REFS; i++) {
		if (users(i, false)) {
			return -XEN_EBUSY;
		}
	}
	for (unsigned int i = 0; version == 1 && i < RESERVED; i++) {
		if (model.entry[i].kind == LINK) {
			return -XEN_ERANGE;
		}
	}
	return 0;
}

static void try_version(unsigned int version)
{
	long want = version_answer(version);

	cr_assert_eq(set_version(d1, version), want);
	if (want || version == model.version) {
		return;
	}
	model.version = version;
	for (unsigned int i = 0; i < REFS; i++) {
		if (i >= RESERVED) {
			model.entry[i].kind = NOTHING;
		}
		model.entry[i].first = model.entry[i].length = 0;
	}
}

static void check_table(void)
{
	for (unsigned int i = 0; i < REFS; i++) {
		const struct grant_active *a = grant_active_entry(&d1->grants, i);
		unsigned int writers = users(i, true), all = users(i, false);

		cr_assert_eq(a->writers, writers);
		cr_assert_eq(a->readers, all - writers);
		if (model.version == 2) {
			cr_assert_eq(d1->grants.status[0][i], writers ? GTF_reading | GTF_writing
							      : all   ? GTF_reading
								      : 0);
		}
	}
	cr_assert_eq(d1->grants.version, model.version);
}

static void check_bytes(void)
{
	cr_assert_eq(memcmp(memory_bytes(mine), my_bytes, PAGE_SIZE), 0);
	for (unsigned int i = 0; i < 4; i++) {
		cr_assert_eq(memcmp(memory_bytes(frames[i]), model.bytes[i], PAGE_SIZE), 0,
			     "frame %u", i);
	}
}

static void random_step(void)
{
	switch (rnd(16)) {
	case 0 ... 4:
		write_entry(rnd(REFS));
		break;
	case 5 ... 8:
		try_map(rnd(REFS));
		break;
	case 9:
		try_swap(rnd(REFS), rnd(REFS));
		break;
	case 10:
		try_version(1 + rnd(2));
		break;
	case 11: /* now and then nothing is mapped, so that the version can change */
		for (unsigned int i = 0; i < LIVE && rnd(4) == 0; i++) {
			if (model.live[i].used) {
				cr_assert_eq(unmap(d0, model.live[i].handle, 0x1000, 0),
					     GNTST_okay);
				model.live[i].used = false;
			}
		}
		break;
	default:
		try_copy(rnd(REFS));
	}
}

Test(grant_v2, random_sequences_do_as_a_model_says, .timeout = 120)
{
	unsigned int changes = 0, was = 1;

	model.version = 1;
	for (unsigned int i = 0; i < 4; i++) {
		frames[i] = memory_frame(i < 2 ? d1 : d2, (int)(0x10 + i));
		memset(model.bytes[i], (int)(0x10 + i), PAGE_SIZE);
	}
	mine = memory_frame(d0, 0);
	lend_to_d1();
	for (unsigned int i = 0; i < 60000; i++) {
		random_step();
		check_table();
		changes += was != model.version;
		was = model.version;
		if (i % 200 == 0) {
			check_bytes();
			grant_world_audit();
		}
	}
	check_bytes();
	cr_expect_gt(changes, 100);
	cr_expect_eq(grant_table_release_mappings(d0), 0);
	for (unsigned int i = 0; i < 4; i++) {
		cr_expect_eq(memory_refs(frames[i]), 1);
		cr_expect_eq(frame_type_count(frame_of(frames[i])), 0);
	}
}
