/*
 * The hardware domain's pirqs over make-believe lines and messages: numbers, refusals, the EOI page, and that
 * everything taken is given back.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>
#include <xen/physdev.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/bug.h"
#include "base/log.h"
#include "core/domain.h"
#include "mm/frame.h"
#include "mm/pool.h"
#include "pv/guest.h"
#include "pv/pirq.h"
#include "x86/irq.h"

#define LINES 24

static struct domain domain, other;
static struct pv_domain pv, other_pv;
static struct {
	bool set_up, claimed, level;
	unsigned int done;
	irq_handler fn;
	void *arg;
} line[LINES];
static struct {
	irq_handler fn;
	void *arg;
	bool open, used;
} vector[256];
static unsigned int live_messages, live_objects, sent_count, restored;
static uint32_t sent_last, restored_mask;
static int setup_answer, frame_answer;
static unsigned int frame_refs;
static uint64_t page[PAGE_SIZE / 8];

unsigned int cpu_id(void)
{
	return 0;
}
unsigned int cpu_count(void)
{
	return 1;
}
void cpu_relax(void)
{
}
void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}
void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}
void *pool_alloc(size_t n)
{
	live_objects++;
	return calloc(1, n);
}
void *frame_to_virt(mfn_t m)
{
	(void)m;
	return page;
}
void frame_put_type(mfn_t m)
{
	(void)m;
	frame_refs--;
}
bool ioapic_has_gsi(unsigned int gsi)
{
	return gsi < LINES;
}
bool irq_gsi_level(unsigned int gsi)
{
	return line[gsi].set_up && line[gsi].level;
}
int irq_gsi_vector(unsigned int gsi)
{
	return (int)gsi + 0x30;
}
uint64_t irq_count(uint8_t v)
{
	return v;
}
void irq_gsi_done(unsigned int gsi)
{
	line[gsi].done++;
}

void pool_free(void *p)
{
	live_objects -= p != NULL;
	free(p);
}

int frame_get_type(mfn_t m, enum frame_type t, const struct domain *d)
{
	(void)m, (void)d;
	cr_assert_eq(t, FRAME_WRITABLE);
	frame_refs += frame_answer == 0;
	return frame_answer;
}

bool evtchn_send_pirq(struct domain *d, unsigned int pirq)
{
	cr_assert_eq(d, &domain);
	sent_count++;
	sent_last = pirq;
	return true;
}

int irq_gsi_setup_default(unsigned int gsi)
{
	if (line[gsi].set_up) {
		return -XEN_EEXIST;
	}
	line[gsi].set_up = true;
	line[gsi].level = gsi >= 16;
	return 0;
}

int irq_gsi_claim(unsigned int gsi, irq_handler fn, void *arg)
{
	if (line[gsi].claimed) {
		return -XEN_EBUSY;
	}
	line[gsi].claimed = true;
	line[gsi].fn = fn;
	line[gsi].arg = arg;
	return 0;
}

void irq_gsi_release(unsigned int gsi)
{
	cr_assert(line[gsi].claimed);
	line[gsi].claimed = false;
}

void irq_vector_set(uint8_t v, irq_handler fn, void *arg)
{
	vector[v].fn = fn;
	vector[v].arg = arg;
}

int msi_setup(struct msi *m)
{
	unsigned int run = 0;

	if (setup_answer) {
		return setup_answer;
	}
	for (unsigned int v = 0x40; v < 256; v++) {
		run = vector[v].used ? 0 : run + 1;
		if (run == m->count) {
			m->vector = (uint8_t)(v + 1 - run);
			for (; run; run--) {
				vector[v + 1 - run].used = true;
			}
			live_messages++;
			return 0;
		}
	}
	return -XEN_ENOSPC;
}

void msi_mask(struct msi *m, unsigned int i, bool masked)
{
	vector[m->vector + i].open = !masked;
}

void msi_teardown(struct msi *m)
{
	for (unsigned int i = 0; i < m->count; i++) {
		cr_assert_null(vector[m->vector + i].fn, "a handler outlives its message");
		vector[m->vector + i].used = false;
	}
	live_messages--;
}

void msi_restore(struct msi *m, uint32_t masked)
{
	(void)m;
	restored++;
	restored_mask = masked;
}

static void setup(void)
{
	domain.hardware = true;
	domain.pv = &pv;
	other.pv = &other_pv;
	cr_assert_eq(pirq_table_create(&domain), 0);
	cr_assert_eq(pirq_table_create(&other), 0);
}

static void teardown(void)
{
	pirq_table_destroy(&domain);
	pirq_table_destroy(&other);
	cr_assert_eq(live_messages, 0);
	cr_assert_eq(live_objects, 0);
	cr_assert_eq(frame_refs, 0);
	for (unsigned int i = 0; i < LINES; i++) {
		cr_assert_not(line[i].claimed);
	}
}

TestSuite(pirq, .init = setup, .fini = teardown);

static struct msi message(uint8_t devfn, unsigned int entry, unsigned int count)
{
	return (struct msi){ .devfn = devfn, .x = count == 1, .entry = entry, .count = count };
}

static int map(uint8_t devfn, unsigned int entry, unsigned int count, int wanted)
{
	struct msi m = message(devfn, entry, count);

	return pirq_map_msi(&domain, &m, wanted);
}

Test(pirq, a_line_keeps_its_number_and_delivers)
{
	uint32_t flags = 99;

	cr_assert_eq(pirq_map_gsi(&domain, 9, 9), 9);
	cr_assert_eq(pirq_map_gsi(&domain, 9, 9), 9, "asking again is harmless");
	cr_assert_eq(pirq_map_gsi(&domain, 9, -1), 9);
	cr_assert_eq(pirq_map_gsi(&domain, 9, 10), -XEN_EEXIST);
	cr_assert_eq(pirq_map_gsi(&domain, 10, 9), -XEN_EBUSY);
	cr_assert_eq(pirq_map_gsi(&domain, 24, 24), -XEN_EINVAL);
	cr_assert_eq(pirq_map_gsi(&domain, 10, 256), -XEN_EINVAL);
	cr_assert_eq(guest_pirq_bind(&domain, 9, false), 0);
	cr_assert_eq(guest_pirq_bind(&domain, 9, true), -XEN_EBUSY);
	line[9].fn(line[9].arg);
	cr_assert_eq(sent_count, 1);
	cr_assert_eq(sent_last, 9);
	cr_assert_eq(pirq_status(&domain, 9, &flags), 0);
	cr_assert_eq(flags, 0, "an edge needs no EOI");
}

Test(pirq, a_level_line_wants_an_eoi_while_it_is_bound)
{
	uint32_t flags = 0;

	cr_assert_eq(pirq_set_eoi_frame(&domain, mfn(5)), 0);
	cr_assert_eq(pirq_map_gsi(&domain, 20, 20), 20);
	cr_assert_eq(pirq_eoi(&domain, 20), 0);
	cr_assert_eq(line[20].done, 0, "not ours to open while unbound");
	cr_assert_eq(guest_pirq_bind(&domain, 20, true), 0);
	cr_assert_eq(page[0], 1ULL << 20);
	cr_assert_eq(pirq_status(&domain, 20, &flags), 0);
	cr_assert_eq(flags, XENIRQSTAT_needs_eoi);
	cr_assert_eq(pirq_eoi(&domain, 20), 0);
	cr_assert_eq(line[20].done, 1);
	guest_pirq_unbind(&domain, 20);
	cr_assert_eq(page[0], 0);
	guest_pirq_unbind(&domain, 20);
	cr_assert_eq(pirq_unmap(&domain, 20), 0);
	cr_assert_eq(pirq_unmap(&domain, 20), -XEN_EINVAL);
}

Test(pirq, the_eoi_page_shows_what_was_bound_before_it)
{
	cr_assert_eq(pirq_map_gsi(&domain, 21, 21), 21);
	cr_assert_eq(guest_pirq_bind(&domain, 21, true), 0);
	frame_answer = -XEN_EINVAL;
	cr_assert_eq(pirq_set_eoi_frame(&domain, mfn(7)), -XEN_EINVAL);
	frame_answer = 0;
	cr_assert_eq(pirq_set_eoi_frame(&domain, mfn(7)), 0);
	cr_assert_eq(page[0], 1ULL << 21);
	cr_assert_eq(pirq_set_eoi_frame(&domain, mfn(8)), -XEN_EBUSY);
	cr_assert_eq(frame_refs, 1);
	pirq_table_relinquish(&domain);
	cr_assert_eq(frame_refs, 0);
}

Test(pirq, messages_descend_from_the_top)
{
	cr_assert_eq(map(0xfa, 0, 1, -1), 255);
	cr_assert_eq(map(0x10, 0, 1, -1), 254);
	cr_assert_eq(map(0x10, 1, 1, -1), 253);
	cr_assert_eq(map(0x10, 1, 1, -1), -XEN_EEXIST);
	cr_assert_eq(pirq_find_free(&domain, true), 252);
	cr_assert_eq(pirq_find_free(&domain, false), 16);
	cr_assert_eq(guest_pirq_bind(&domain, 254, false), 0);
	cr_assert(vector[0x41].open);
	vector[0x41].fn(vector[0x41].arg);
	cr_assert_eq(sent_last, 254);
	guest_pirq_unbind(&domain, 254);
	cr_assert_not(vector[0x41].open);
	cr_assert_null(vector[0x41].fn);
}

Test(pirq, several_vectors_of_a_device_come_and_go_together)
{
	cr_assert_eq(map(0x20, 0, 4, -1), 252);
	cr_assert_eq(guest_pirq_bind(&domain, 254, false), 0);
	vector[0x42].fn(vector[0x42].arg);
	cr_assert_eq(sent_last, 254);
	cr_assert_eq(live_messages, 1);
	cr_assert_eq(pirq_unmap(&domain, 253), 0);
	cr_assert_eq(live_messages, 0);
	cr_assert_eq(guest_pirq_bind(&domain, 255, false), -XEN_EINVAL);
	cr_assert_eq(map(0x20, 0, 4, 250), 250);
	cr_assert_eq(map(0x28, 0, 4, 252), -XEN_EBUSY);
	cr_assert_eq(map(0x28, 0, 4, 253), -XEN_EINVAL);
	cr_assert_eq(map(0x28, 0, 33, -1), -XEN_EINVAL);
	cr_assert_eq(map(0x28, 0, 0, -1), -XEN_EINVAL);
}

Test(pirq, a_refused_message_leaves_nothing)
{
	setup_answer = -XEN_ENODEV;
	cr_assert_eq(map(0x10, 0, 1, -1), -XEN_ENODEV);
	setup_answer = 0;
	cr_assert_eq(map(0x10, 0, 1, -1), 255);
}

Test(pirq, a_device_that_goes_takes_its_messages_along)
{
	map(0x10, 0, 1, -1);
	map(0x10, 1, 1, -1);
	cr_assert_eq(map(0x18, 0, 1, -1), 253);
	cr_assert_eq(guest_pirq_bind(&domain, 255, false), 0);
	pirq_drop_device(&domain, 0, 0, 0x10);
	cr_assert_eq(live_messages, 1);
	cr_assert_eq(guest_pirq_bind(&domain, 255, false), -XEN_EINVAL);
	cr_assert_eq(guest_pirq_bind(&domain, 253, false), 0);
}

Test(pirq, restored_messages_stay_masked_where_nobody_is_bound)
{
	cr_assert_eq(map(0x20, 0, 4, -1), 252);
	cr_assert_eq(guest_pirq_bind(&domain, 253, false), 0);
	cr_assert_eq(pirq_restore_msi(&domain, 0, 0, 0x20), 0);
	cr_assert_eq(restored, 1);
	cr_assert_eq(restored_mask, 0xd);
	cr_assert_eq(pirq_restore_msi(&domain, 0, 0, 0x28), -XEN_ESRCH);
}

Test(pirq, other_domains_have_none)
{
	struct msi m = message(0x10, 0, 1);
	uint32_t flags;

	cr_assert_null(other_pv.pirqs);
	cr_assert_eq(pirq_map_gsi(&other, 9, 9), -XEN_EPERM);
	cr_assert_eq(pirq_map_msi(&other, &m, -1), -XEN_EPERM);
	cr_assert_eq(pirq_unmap(&other, 9), -XEN_EPERM);
	cr_assert_eq(pirq_eoi(&other, 9), -XEN_EPERM);
	cr_assert_eq(pirq_status(&other, 9, &flags), -XEN_EPERM);
	cr_assert_eq(pirq_set_eoi_frame(&other, mfn(1)), -XEN_EPERM);
	cr_assert_eq(guest_pirq_bind(&other, 9, false), -XEN_EPERM);
	cr_assert_eq(pirq_eoi(&domain, 0xffffffff), -XEN_EINVAL);
	cr_assert_eq(guest_pirq_bind(&domain, 0xffffffff, false), -XEN_EINVAL);
}

/* Random requests against the promise that a pirq has one source and a source one pirq. */
Test(pirq, random_requests_leave_no_doubles)
{
	srand(3);
	for (unsigned int step = 0; step < 20000; step++) {
		unsigned int n = (unsigned int)rand() % 300;

		switch (rand() % 6) {
		case 0:
			pirq_map_gsi(&domain, n % 26, rand() % 2 ? -1 : (int)(n % 30));
			break;
		case 1:
			map((uint8_t)(n % 4 * 8), n % 8, 1, rand() % 2 ? -1 : (int)n);
			break;
		case 2:
			map((uint8_t)(n % 4 * 8 + 64), 0, 1u << n % 4, rand() % 2 ? -1 : (int)n);
			break;
		case 3:
			pirq_unmap(&domain, n);
			break;
		case 4:
			guest_pirq_bind(&domain, n, true);
			break;
		default:
			guest_pirq_unbind(&domain, n);
			break;
		}
		for (unsigned int i = 0; i < PIRQS && step % 64 == 0; i++) {
			const struct pirq *p = &pv.pirqs->pirq[i];

			if (p->kind == PIRQ_GSI) {
				cr_assert_eq(p->bound, line[p->gsi].claimed);
				cr_assert(!p->bound || line[p->gsi].arg == p);
			} else if (p->kind == PIRQ_MSI) {
				cr_assert_lt(p->index, p->msi->count);
			}
		}
	}
}
