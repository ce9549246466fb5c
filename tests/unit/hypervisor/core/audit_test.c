/*
 * What the core tells the audit: grants in use and their handles, lent pages, vCPUs' areas, references to domains.
 * First that a busy world is found right, then that each kind of damage is found.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "core/hypercall.h"
#include "tests/unit/hypervisor/core/grant_world.h"

static mfn_t second; /* of d1, as page: granted to d2 and in use, page written, second read */
static struct gnttab_map_grant_ref writing, reading;

static struct gnttab_map_grant_ref in_use(uint32_t ref, uint32_t flags)
{
	struct gnttab_map_grant_ref m = map(d2, 1, ref, flags);

	cr_assert_eq(m.status, GNTST_okay);
	return m;
}

static void hold_area(struct guest_area *area, mfn_t m)
{
	cr_assert_eq(frame_get_type(m, FRAME_WRITABLE, d1), 0);
	*area = (struct guest_area){ .address = 0x1000, .frame = { m, MFN_NONE } };
}

static void setup(void)
{
	grant_world_start(2);
	second = memory_frame(d1, 2);
	grant(d1, 3, 2, page, GTF_permit_access);
	grant(d1, 4, 2, second, GTF_permit_access);
	writing = in_use(3, GNTMAP_host_map);
	reading = in_use(4, GNTMAP_host_map | GNTMAP_readonly);
	in_use(4, GNTMAP_device_map | GNTMAP_readonly);
	hold_area(&d1->vcpu[0]->runstate_area, memory_frame(d1, 3));
	hold_area(&d1->vcpu[1]->time_area, memory_frame(d1, 4));
	d1->vcpu[1]->info_frame = memory_frame(d1, 5);
	cr_assert_eq(frame_get_type(d1->vcpu[1]->info_frame, FRAME_WRITABLE, d1), 0);
	grant_world_audit();
}

TestSuite(audit, .init = setup);

static char findings[4096];

/* The hypervisor's log: kept, so that a test finds what was said in it. */
void log_print(enum log_level level, const char *fmt, ...)
{
	size_t n = strlen(findings);
	va_list args;

	(void)level;
	va_start(args, fmt);
	vsnprintf(findings + n, sizeof(findings) - n, fmt, args);
	va_end(args);
	strncat(findings, "\n", sizeof(findings) - strlen(findings) - 1);
}

static void finds(const char *words)
{
	char first[200];

	cr_assert_gt(memory_audit(first), 0, "not found: %s", words);
	cr_assert(strstr(findings, words), "found, but in other words: %s", findings);
}

static struct grant_active *active(uint32_t ref)
{
	return &d1->grants.active[0][ref];
}

static struct grant_mapping *mapping(grant_handle_t h)
{
	return &d2->grants.maptrack[0][h];
}

#define BROKEN(name, words, how) \
	Test(audit, name)        \
	{                        \
		how;             \
		finds(words);    \
	}

BROKEN(a_writer_too_many, "grant 3: 0 readers 2 writers, handles 0 and 1", active(3)->writers++)
BROKEN(a_writer_too_few, "which is not in use", active(3)->writers--)
BROKEN(a_reader_too_many, "grant 4: 3 readers 0 writers, handles 2 and 0", active(4)->readers++)
BROKEN(a_reader_too_few, "grant 4: 1 readers 0 writers, handles 2 and 0", active(4)->readers--)
BROKEN(an_entry_in_use_by_nobody, "grant 9: 1 readers", active(9)->readers = 1)
BROKEN(a_frame_that_changed_in_use, "held as type", active(3)->frame = (uint32_t)second.n)
BROKEN(a_frame_reference_lost, "references 0x1, counted 0x2",
       atomic_fetch_sub(&frame_of(page)->ref, 1))
BROKEN(a_frame_type_lost, "held as type", atomic_store(&frame_of(page)->type, 0))
BROKEN(a_handle_lost, "grant 3: 0 readers 1 writers, handles 0 and 0",
       mapping(writing.handle)->granter = NULL)
BROKEN(a_handle_that_turned_writable, "grant 4: 2 readers 0 writers, handles 1 and 1",
       mapping(reading.handle)->flags &= (uint16_t)~GNTMAP_readonly)
BROKEN(a_handle_on_no_grant, "which has none such", mapping(reading.handle)->ref = 99999)
BROKEN(a_count_of_mappings_too_high, "4 grant mappings, counted 3", d2->grants.maps++)
BROKEN(a_domain_reference_lost, "domain 1: 4 references, handles hold 3",
       atomic_fetch_sub(&d1->refs, 1))
BROKEN(a_shared_page_taken_away, "lent, owner", frame_of(virt_to_frame(d1->shared))->owner = d2->id)
BROKEN(a_grant_frame_not_lent, "references 0, counted 0x1",
       atomic_store(&frame_of(virt_to_frame(d1->grants.shared[0]))->ref, 0);
       frame_of(virt_to_frame(d1->grants.shared[0]))->owner = FRAME_OWNER_XEN)
BROKEN(a_status_frame_missing, "grant table of version 2, 1 frames, 0 status frames",
       d1->grants.version = 2)
BROKEN(a_runstate_area_lost, "references 0x2, counted 0x1", d1->vcpu[0]->runstate_area.address = 0)
BROKEN(a_time_area_lost, "references 0x2, counted 0x1", d1->vcpu[1]->time_area.address = 0)
BROKEN(a_vcpu_info_lost, "references 0x2, counted 0x1", d1->vcpu[1]->info_frame = MFN_NONE)
BROKEN(an_area_held_twice, "references 0x2, counted 0x3",
       d1->vcpu[1]->runstate_area = d1->vcpu[0]->runstate_area)
