/* See world.h. */
#include "tests/unit/hypervisor/mm/world.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <xen/errno.h>

struct domain *d1, *d2;
static uint64_t random_state = 88172645463325252ULL;

bool rights_iomem(const struct domain *d, mfn_t m)
{
	return d->may_map_devices && m.n != WORLD_IO; /* one that the hypervisor keeps */
}

void domain_pages_gone(struct domain *d)
{
	d->gone++;
}

static struct domain *make_domain(uint16_t id)
{
	struct domain *d = calloc(1, sizeof(*d));

	cr_assert_eq(dompages_init(&d->pages, id, 1024), 0);
	return d;
}

void world_start(void)
{
	cpu_fake_start(WORLD_FRAMES, WORLD_IO, WORLD_HEAP);
	alloc_add_range(WORLD_HEAP, WORLD_FRAMES);
	d1 = make_domain(1);
	d2 = make_domain(2);
}

void world_stop(void)
{
	free(d1);
	free(d2);
	cpu_fake_stop();
}

uint64_t *table_of(mfn_t m)
{
	return frame_to_virt(m);
}

mfn_t new_frame(struct domain *d)
{
	mfn_t m = dompages_alloc(d, 0, 0);

	cr_assert(frame_valid(m), "out of frames");
	return m;
}

uint32_t refs_of(mfn_t m)
{
	return atomic_load(&frame_of(m)->ref) & FR_COUNT;
}

uint32_t types_of(mfn_t m)
{
	return frame_type_count(frame_of(m));
}

/* A request of several steps, as the hypervisor's callers make it. */
#define IN_STEPS(d, rc, request)                      \
	do {                                          \
		spin_lock(&(d)->pages.pt_lock);       \
		do {                                  \
			while (!pagetype_settle(d)) { \
			}                             \
			(rc) = (request);             \
		} while ((rc) == -XEN_ERESTART);      \
		while (!pagetype_settle(d)) {         \
		}                                     \
		spin_unlock(&(d)->pages.pt_lock);     \
	} while (0)

int pin(struct domain *d, mfn_t m, enum frame_type level)
{
	int rc;

	IN_STEPS(d, rc, pagetype_pin(d, m, level));
	return rc;
}

int unpin(struct domain *d, mfn_t m)
{
	int rc;

	IN_STEPS(d, rc, pagetype_unpin(d, m));
	return rc;
}

int write_entry(struct domain *d, mfn_t table, unsigned int i, uint64_t e, struct domain *foreign)
{
	int rc;

	IN_STEPS(d, rc, pagetype_write(d, table, i, e, foreign, false));
	return rc == PAGETYPE_UNSETTLED ? 0 : rc;
}

struct tree make_tree(struct domain *d)
{
	struct tree t = { new_frame(d), new_frame(d), new_frame(d), new_frame(d), new_frame(d) };

	table_of(t.l1)[5] = entry(t.page, RW);
	table_of(t.l2)[6] = entry(t.l1, RW);
	table_of(t.l3)[7] = entry(t.l2, RW);
	table_of(t.l4)[8] = entry(t.l3, RW);
	cr_assert_eq(pin(d, t.l4, FRAME_L4), 0);
	return t;
}

#define HELD 8

static struct held {
	mfn_t m;
	uint32_t n;
	enum frame_type t;
	struct domain *lent;
} held[HELD];

static struct held *held_slot(mfn_t m)
{
	struct held *spare = NULL;

	for (unsigned int i = 0; i < HELD; i++) {
		if (held[i].n && mfn_eq(held[i].m, m)) {
			return &held[i];
		}
		if (!held[i].n) {
			spare = &held[i];
		}
	}
	cr_assert_not_null(spare, "too many frames are held");
	return spare;
}

void world_hold(mfn_t m, uint32_t n, enum frame_type t)
{
	*held_slot(m) = (struct held){ m, n, t, NULL };
}

void world_lent(mfn_t m, struct domain *d)
{
	*held_slot(m) = (struct held){ m, d != NULL, FRAME_SHARED, d };
}

long count_wrong(char *first)
{
	struct audit a;

	cr_assert(audit_begin(&a));
	for (unsigned int i = 0; i < HELD; i++) {
		if (held[i].lent) {
			audit_lent(&a, frame_to_virt(held[i].m), held[i].lent);
		} else {
			audit_hold(&a, held[i].m, held[i].n, held[i].t);
		}
	}
	audit_frames(&a);
	audit_end(&a);
	if (first) {
		memcpy(first, a.first, sizeof(a.first));
	}
	return a.wrong;
}

void check_counts(void)
{
	char first[200];
	long wrong = count_wrong(first);

	cr_assert_eq(wrong, 0, "%ld findings, first: %s", wrong, first);
}

struct snapshot {
	struct frame *frames;
	uint8_t *memory;
	uint64_t total[2], free;
};

struct snapshot *snapshot_take(void)
{
	struct snapshot *s = malloc(sizeof(*s));

	s->frames = malloc(frame_max * sizeof(struct frame));
	memcpy(s->frames, frame_table, frame_max * sizeof(struct frame));
	s->memory = malloc(cpu_fake.frames * PAGE_SIZE);
	memcpy(s->memory, cpu_fake.memory, cpu_fake.frames * PAGE_SIZE);
	s->total[0] = d1->pages.total;
	s->total[1] = d2->pages.total;
	s->free = alloc_free_count();
	return s;
}

/* A type that nobody holds is only a memory of the last one. */
static uint32_t type_in_use(const struct frame *f)
{
	uint32_t x = f->type;

	return x & (FT_COUNT | FT_PINNED | FT_VALIDATED) ? x : 0;
}

bool snapshot_same(const struct snapshot *s)
{
	for (uint64_t n = 0; n < frame_max; n++) {
		if (s->frames[n].ref != frame_table[n].ref ||
		    type_in_use(&s->frames[n]) != type_in_use(&frame_table[n]) ||
		    s->frames[n].owner != frame_table[n].owner) {
			return false;
		}
	}
	return !memcmp(s->memory, cpu_fake.memory, cpu_fake.frames * PAGE_SIZE) &&
	       s->total[0] == d1->pages.total && s->total[1] == d2->pages.total &&
	       s->free == alloc_free_count();
}

void snapshot_free(struct snapshot *s)
{
	free(s->frames);
	free(s->memory);
	free(s);
}

void relinquish(struct domain *d)
{
	while (dompages_relinquish(d) == -XEN_ERESTART) {
	}
}

void rnd_seed(uint64_t seed)
{
	random_state = seed * 2654435761u + 88172645463325252ULL;
}

uint32_t rnd(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 20) % below;
}
