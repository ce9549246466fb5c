/* See rt_fake.h. */
#include "tests/fake/rt_fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "frontends/rt/rt.h"

#define MAX_PAGES 4096

struct start_info *start_info = &(struct start_info){ .store_mfn = 1, .store_evtchn = 3 };
volatile unsigned int event_count;
void (*fake_other_side)(void);
struct xenstore_domain_interface fake_store_page;
unsigned int fake_sent;

static const void *pages[MAX_PAGES] = { NULL, &fake_store_page };
static uint64_t page_count = 2, now;
static grant_entry_v1_t *table;

bool is_control_domain(void)
{
	return false;
}

void guest_shutdown(unsigned int reason)
{
	exit((int)reason);
}

void print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
}

/* Every page that is asked about gets the next number. */
uint64_t virt_to_mfn(const void *p)
{
	for (uint64_t i = 1; i < page_count; i++) {
		if (pages[i] == p) {
			return i;
		}
	}
	pages[page_count] = p;
	return page_count++;
}

uint64_t mfn_to_pfn(uint64_t mfn)
{
	return mfn;
}

void *pfn_to_virt(uint64_t pfn)
{
	return (void *)(uintptr_t)pages[pfn];
}

uint64_t system_time(void)
{
	return now++;
}

/* Time stands still but for those who wait. */
void wait_event(unsigned int seen, uint64_t until)
{
	(void)seen;
	if (fake_other_side) {
		fake_other_side();
	}
	now = until > now + 1000000000 ? now + 1000000000 : until > now ? until : now + 1;
}

void event_set_handler(evtchn_port_t port, event_fn f)
{
	(void)port;
	(void)f;
}

void event_mask(evtchn_port_t port)
{
	(void)port;
}

long event_op(int cmd, void *arg)
{
	if (cmd == EVTCHNOP_alloc_unbound) {
		((struct evtchn_alloc_unbound *)arg)->port = 7;
	}
	fake_sent += cmd == EVTCHNOP_send;
	return 0;
}

long grant_op(int cmd, void *ops, unsigned int count)
{
	(void)count;
	if (cmd == GNTTABOP_query_size) {
		((struct gnttab_query_size *)ops)->max_nr_frames = 64;
		((struct gnttab_query_size *)ops)->status = GNTST_okay;
	} else if (cmd == GNTTABOP_setup_table) {
		((struct gnttab_setup_table *)ops)->status = GNTST_okay;
	}
	return 0;
}

/* The only pages put in place of others are the grant table's, the first of them first. */
long update_va_mapping(uint64_t va, uint64_t pte, uint64_t flags)
{
	(void)pte;
	(void)flags;
	table = table ? table : (grant_entry_v1_t *)va;
	return 0;
}

grant_entry_v1_t *fake_entry(grant_ref_t ref)
{
	return &table[ref];
}

void *fake_granted(grant_ref_t ref)
{
	if (!(table[ref].flags & GTF_permit_access)) {
		return NULL;
	}
	return (void *)(uintptr_t)pages[table[ref].frame];
}
