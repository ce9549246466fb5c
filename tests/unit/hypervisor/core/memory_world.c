/* See memory_world.h: what arch/cpu.h owes to mm/, over an array. */
#include "tests/unit/hypervisor/core/memory_world.h"

#include <stdlib.h>
#include <string.h>

#include "arch/cpu.h"
#include "core/audit.h"
#include "core/rights.h"
#include "mm/alloc.h"
#include "mm/audit.h"
#include "mm/m2p.h"
#include "tests/fake/guest_fake.h"

static uint8_t arena[ARENA_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
static struct frame frames[ARENA_FRAMES];
static uint64_t m2p[ARENA_FRAMES];

void *frame_to_virt(mfn_t m)
{
	return arena[m.n];
}

mfn_t virt_to_frame(const void *p)
{
	return mfn((uint64_t)((const uint8_t *)p - arena[0]) / PAGE_SIZE);
}

void cpu_scrub_frame(mfn_t m)
{
	memset(arena[m.n], 0, PAGE_SIZE);
}

cpumask_t cpu_domain_cpus(uint16_t domid)
{
	(void)domid;
	return CPUMASK_ALL;
}

uint32_t tlb_stamp(void)
{
	return 0;
}

void tlb_flush_older(cpumask_t cpus, uint32_t stamp)
{
	(void)cpus;
	(void)stamp;
}

void cpu_fill_l4(uint64_t *l4, const struct domain *d)
{
	(void)l4;
	(void)d;
}

bool cpu_memory_map(unsigned int i, uint64_t *addr, uint64_t *size, uint32_t *type)
{
	*addr = i * 0x100000ULL;
	*size = 0x100000;
	*type = i == 0 ? 2 : 1;
	return i < ARENA_FRAMES / 256;
}

void domain_pages_gone(struct domain *d)
{
	(void)d;
}

void memory_start(void)
{
	frame_table_init(ARENA_FRAMES, frames);
	for (unsigned int i = 0; i < ARENA_FIRST; i++) {
		frames[i].owner = FRAME_OWNER_IO;
	}
	alloc_add_range(ARENA_FIRST, ARENA_FRAMES);
	m2p_table = m2p;
	m2p_entries = ARENA_FRAMES;
	memset(m2p, 0xff, sizeof(m2p));
	dompages_init(&world.domain[0]->pages, 0, ARENA_FRAMES);
	grant_table_init(&world.domain[0]->grants, world.domain[0], 2, 4, 4);
}

struct domain *memory_domain(domid_t id, unsigned int vcpus, uint64_t max_pages)
{
	struct domain *d = world_domain(id, vcpus);

	dompages_init(&d->pages, id, max_pages);
	grant_table_init(&d->grants, d, 2, 4, 4);
	return d;
}

void memory_lend_shared(struct domain *d)
{
	struct shared_info *s = alloc_page();

	*s = *d->shared;
	free(d->shared);
	d->shared = s;
	frame_share(virt_to_frame(s), d);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		d->vcpu[i]->info = &s->vcpu_info[i];
		d->vcpu[i]->info_frame = MFN_NONE;
	}
}

/* Weak: tests that never audit do not link it. */
void audit_machine(struct audit *a) __attribute__((weak));

long memory_audit(char first[200])
{
	struct audit a;

	if (!audit_begin(&a)) {
		abort();
	}
	audit_machine(&a);
	audit_end(&a);
	memcpy(first, a.first, sizeof(a.first));
	return a.wrong;
}

mfn_t memory_frame(struct domain *d, int fill)
{
	mfn_t m = dompages_alloc(d, 0, 0);

	if (mfn_eq(m, MFN_NONE)) {
		abort();
	}
	memset(arena[m.n], fill, PAGE_SIZE);
	return m;
}

uint8_t *memory_bytes(mfn_t m)
{
	return arena[m.n];
}

unsigned int memory_refs(mfn_t m)
{
	return atomic_load(&frames[m.n].ref) & FR_COUNT;
}

void memory_as_table(mfn_t m, bool table)
{
	atomic_store(&frames[m.n].type,
		     table ? (uint32_t)FRAME_L1 << FT_TYPE_SHIFT | FT_VALIDATED | 1 : 0);
}
