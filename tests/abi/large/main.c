/*
 * A guest with very much memory, and requests about it that are as long as the ABI allows.  Each is done right, to the
 * last item, although the hypervisor stops in between; and where the hypervisor measures (base/stretch.h), the longest
 * stretch with interrupts off within each is printed: counted in instructions (QEMU -icount shift=0) that is
 * what its steps are bounded by.
 *
 * The words mib=N, domains=N and ports=N make it as large as the machine allows: tests/bench/cases/large.sh.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#include "hypervisor/lib/string.h"

#include "tests/abi/lib/calls.h"
#include "tests/abi/lib/fifo.h"

#define MIN(a, b)  ((a) < (b) ? (a) : (b))
#define ENTRIES	   512u
#define BIG_ORDER  9u
#define MOST_PAGES (2u << 20) /* 8 GiB */
#define UPDATES	   16384u
#define EVENTS	   1000u
#define REFS	   512u
#define SOME	   240u /* entries of a table that is made in one step */

static uint64_t pages, big, l1s,
	l2s; /* of the guest; its first frames are tables: L4, L3, L2s, L1s */
static unsigned int domains;
static domid_t id;
static xen_pfn_t frames[MOST_PAGES], list[MOST_PAGES]; /* what is at each pfn; arguments */
static struct mmu_update updates[UPDATES];
static struct xen_sysctl sysctl;
static uint64_t *window;

/* ---- measuring ---- */

static struct {
	uint64_t ticks;
	char line[120];
} longest;

static bool look_at_line(const char *line)
{
	static const char begin[] = "(pav) stretch: ";
	uint64_t ticks = 0;

	if (strncmp(line, "(pav) no such key", 17) == 0) {
		return true;
	}
	if (strncmp(line, begin, sizeof(begin) - 1) != 0) {
		return false;
	}
	line += sizeof(begin) - 1;
	for (const char *p = line; *p >= '0' && *p <= '9'; p++) {
		ticks = ticks * 10 + (uint64_t)(*p - '0');
	}
	if (ticks > longest.ticks) {
		longest.ticks = ticks;
		memcpy(longest.line, line, MIN(strlen(line) + 1, sizeof(longest.line) - 1));
	}
	return strcmp(line, "end") == 0;
}

/* Does f(); its longest stretch is told under this name. */
static long measured(const char *name, long (*f)(void))
{
	long rc;

	debug_key('l', look_at_line);
	rc = f();
	longest.ticks = 0;
	debug_key('l', look_at_line);
	if (longest.ticks) {
		print("metric %s %lu ticks\n  %s\n", name, longest.ticks, longest.line);
	}
	return rc;
}

/* ---- the guest's memory ---- */

static long make(unsigned int vcpus, unsigned int grant_frames)
{
	memset(&child_ctl, 0, sizeof(child_ctl));
	child_ctl.u.createdomain.max_vcpus = vcpus;
	child_ctl.u.createdomain.max_evtchn_port = 4095;
	child_ctl.u.createdomain.max_grant_frames = (int32_t)grant_frames;
	child_ctl.u.createdomain.max_maptrack_frames = 128;
	child_ctl.u.createdomain.grant_opts = 1;
	return child_domctl(XEN_DOMCTL_createdomain, 0);
}

static long create(void)
{
	return make(1, 1024);
}

static long create_wide(void)
{
	return make(32, 1024);
}

static long limit(domid_t d, uint64_t n)
{
	child_ctl.u.max_mem.max_memkb = n << (PAGE_SHIFT - 10);
	return child_domctl(XEN_DOMCTL_max_mem, d);
}

static long claim(void)
{
	struct xen_memory_reservation r = { .nr_extents = pages, .domid = id };

	return memory_op(XENMEM_claim_pages, &r);
}

static long reserve(int cmd, uint64_t n, unsigned int order)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = id };

	set_xen_guest_handle_raw(r.extent_start, list);
	return memory_op(cmd, &r);
}

/* The first part by large extents, the rest by pages. */
static long populate_big(void)
{
	return reserve(XENMEM_populate_physmap, big, BIG_ORDER);
}

static long populate_pages(void)
{
	return reserve(XENMEM_populate_physmap, pages - big * ENTRIES, 0);
}

static long decrease_big(void)
{
	return reserve(XENMEM_decrease_reservation, big, BIG_ORDER);
}

static long decrease_pages(void)
{
	return reserve(XENMEM_decrease_reservation, pages - big * ENTRIES, 0);
}

static void populate(const char *big_name, const char *pages_name)
{
	uint64_t rest = pages - big * ENTRIES;

	for (uint64_t i = 0; i < big; i++) {
		list[i] = i * ENTRIES;
	}
	CHECK_EQ(measured(big_name, populate_big), big, "%lu extents of 2 MiB", big);
	for (uint64_t i = 0; i < big * ENTRIES; i++) {
		frames[i] = list[i / ENTRIES] + i % ENTRIES;
	}
	for (uint64_t i = 0; i < rest; i++) {
		list[i] = big * ENTRIES + i;
	}
	CHECK_EQ(measured(pages_name, populate_pages), rest, "%lu pages", rest);
	memcpy(frames + big * ENTRIES, list, rest * sizeof(list[0]));
	CHECK_EQ(domain_info(id), 0, "the domain");
	CHECK_EQ(child_ctl.u.getdomaininfo.tot_pages, pages, "has all of it");
}

static void depopulate(void)
{
	uint64_t rest = pages - big * ENTRIES;

	for (uint64_t i = 0; i < big; i++) {
		list[i] = frames[i * ENTRIES];
	}
	CHECK_EQ(measured("decrease_2m", decrease_big), big, "%lu extents given back", big);
	memcpy(list, frames + big * ENTRIES, rest * sizeof(list[0]));
	CHECK_EQ(measured("decrease_4k", decrease_pages), rest, "%lu pages given back", rest);
	CHECK_EQ(domain_info(id), 0, "the domain");
	CHECK_EQ(child_ctl.u.getdomaininfo.tot_pages, 0, "has nothing");
}

/* ---- exchange ---- */

static struct xen_memory_exchange x;

static long exchange(void)
{
	return memory_op(XENMEM_exchange, &x);
}

/* Of the pages' part, as many as make n large extents; or back. */
static long swap(const char *name, uint64_t n, unsigned int in_order, unsigned int out_order)
{
	static xen_pfn_t out[64 * ENTRIES];
	uint64_t first = pages - n * ENTRIES;
	long rc;

	for (uint64_t i = 0; i < n * ENTRIES >> in_order; i++) {
		list[i] = frames[first + (i << in_order)];
	}
	for (uint64_t i = 0; i < n * ENTRIES >> out_order; i++) {
		out[i] = first + (i << out_order);
	}
	x = (struct xen_memory_exchange){
		.in = { .nr_extents = n * ENTRIES >> in_order,
			.extent_order = in_order,
			.domid = id },
		.out = { .nr_extents = n * ENTRIES >> out_order,
			 .extent_order = out_order,
			 .domid = id },
	};
	set_xen_guest_handle_raw(x.in.extent_start, list);
	set_xen_guest_handle_raw(x.out.extent_start, out);
	rc = measured(name, exchange);
	for (uint64_t i = 0; !rc && i < n * ENTRIES; i++) {
		frames[first + i] = out[i >> out_order] + (i & ((1UL << out_order) - 1));
	}
	return rc ? rc : (long)x.nr_exchanged;
}

static void exchanges(void)
{
	uint64_t n = MIN(big, 16UL), wrong = 0;

	CHECK_EQ(swap("exchange_to_2m", n, 0, BIG_ORDER), n * ENTRIES, "pages for extents");
	CHECK_EQ(swap("exchange_to_4k", n, BIG_ORDER, 0), n, "extents for pages");
	for (uint64_t i = pages - n * ENTRIES; i < pages; i++) {
		wrong += ((uint64_t *)0xffff800000000000UL)[frames[i]] != i;
	}
	CHECK_EQ(wrong, 0, "the machine-to-physical table knows where each is");
}

/* ---- page tables ---- */

static uint64_t entry(uint64_t pfn, bool writable)
{
	return frames[pfn] << PAGE_SHIFT | (writable ? PTE_USUAL : PTE_USUAL & ~PTE_RW);
}

#define L3_AT 1u
#define L2_AT 2u

static uint64_t l1_at(void)
{
	return L2_AT + l2s;
}

/* The table at pfn t maps what begins at the pfn 'first', n of them. */
static long fill(uint64_t t, uint64_t first, uint64_t n)
{
	uint64_t tables = l1_at() + l1s;
	long rc = child_show(window, frames[t], id);

	for (uint64_t i = 0; !rc && i < ENTRIES; i++) {
		/* Tables point to tables with what entry bits they like; pages that are tables are mapped read-only. */
		bool writable = t < l1_at() || first + i >= tables;

		window[i] = i < n ? entry(first + i, writable) : 0;
	}
	return rc;
}

static long build_tables(void)
{
	long rc = fill(0, L3_AT, 1);

	rc = rc ? rc : fill(L3_AT, L2_AT, l2s);
	for (uint64_t i = 0; !rc && i < l2s; i++) {
		rc = fill(L2_AT + i, l1_at() + i * ENTRIES,
			  MIN(l1s - i * ENTRIES, (uint64_t)ENTRIES));
	}
	for (uint64_t i = 0; !rc && i < l1s; i++) {
		rc = fill(l1_at() + i, i * ENTRIES, MIN(pages - i * ENTRIES, (uint64_t)ENTRIES));
	}
	return rc ? rc : child_show(window, virt_to_mfn(window), DOMID_SELF);
}

static unsigned int ext_command;
static uint64_t ext_pfn;

static long ext(void)
{
	struct mmuext_op op = { .cmd = ext_command, .arg1.mfn = frames[ext_pfn] };

	return mmuext_op(&op, 1, NULL, id);
}

static long ext_on(const char *name, unsigned int command, uint64_t pfn)
{
	ext_command = command;
	ext_pfn = pfn;
	return measured(name, ext);
}

static unsigned int update_count;

/* Tables and what they map are both the guest's. */
static long update(void)
{
	return hcall4(__HYPERVISOR_mmu_update, ptr_arg(updates), update_count, 0,
		      (uint64_t)(id + 1u) << 16 | id);
}

/* Entries of the last L1 tables become read-only, or writable again: the first mapping of each page that goes both ways. */
static long update_all(const char *name, bool writable)
{
	uint64_t first = pages - MIN(pages / 2, (uint64_t)UPDATES);

	update_count = (unsigned int)(pages - first);
	for (uint64_t i = first; i < pages; i++) {
		updates[i - first].ptr = frames[l1_at() + i / ENTRIES] << PAGE_SHIFT |
					 i % ENTRIES * 8;
		updates[i - first].val = entry(i, writable);
	}
	return measured(name, update);
}

/* Entries of the guest's last L2 table go, and with each an L1 table, which becomes one again when they come back. */
static long update_tables(const char *name, bool set)
{
	uint64_t n = MIN(l1s / 2, 256UL);

	update_count = (unsigned int)n;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t which = l1s - n + i;

		updates[i].ptr = frames[L2_AT + which / ENTRIES] << PAGE_SHIFT |
				 which % ENTRIES * 8;
		updates[i].val = set ? entry(l1_at() + which, true) : 0;
	}
	return measured(name, update);
}

/* Their tables have fewer entries now: what one step makes of each. */
static long thin_tables(void)
{
	uint64_t n = MIN(l1s / 2, 256UL);
	long rc = 0;

	for (uint64_t i = l1s - n; !rc && i < l1s; i++) {
		rc = fill(l1_at() + i, i * ENTRIES, SOME);
	}
	return rc ? rc : child_show(window, virt_to_mfn(window), DOMID_SELF);
}

static void tables(void)
{
	CHECK_EQ(build_tables(), 0, "page tables for all of it");
	CHECK_EQ(ext_on("pin", MMUEXT_PIN_L4_TABLE, 0), 0, "pinned");
	CHECK_EQ(ext_on("unpin", MMUEXT_UNPIN_TABLE, 0), 0, "unpinned");
	CHECK_EQ(ext_on("pin_again", MMUEXT_PIN_L4_TABLE, 0), 0, "pinned again");
	CHECK_EQ(update_all("update_pages", false), 0, "entries of pages, read-only");
	CHECK_EQ(update_all("update_pages_again", true), 0, "and writable");
	CHECK_EQ(update_tables("update_tables_off", false), 0, "entries of tables cleared");
	CHECK_EQ(thin_tables(), 0, "tables of fewer entries");
	CHECK_EQ(update_tables("update_tables_on", true), 0, "and set again");
}

/* ---- many calls in one ---- */

/* Each call pins or unpins one table, which one step is enough for. */
static void pins_in_multicall(const char *name, unsigned int command)
{
	static struct mmuext_op ops[256];
	uint64_t n = MIN(l1s / 2, 256UL);

	call_count = (unsigned int)n;
	for (uint64_t i = 0; i < n; i++) {
		ops[i].cmd = command;
		ops[i].arg1.mfn = frames[l1_at() + l1s - n + i];
		calls[i] = (struct multicall_entry){ .op = __HYPERVISOR_mmuext_op,
						     .args = { ptr_arg(&ops[i]), 1, 0, id } };
	}
	CHECK_EQ(measured(name, calls_issue), 0, "%u calls in one", call_count);
	CHECK_EQ(calls_failed(), 0, "each done");
}

static void light_multicall(void)
{
	uint64_t pte = virt_to_mfn(window) << PAGE_SHIFT | PTE_USUAL;

	call_count = CALLS_MOST;
	for (unsigned int i = 0; i < CALLS_MOST; i++) {
		calls[i] = (struct multicall_entry){ .op = __HYPERVISOR_update_va_mapping,
						     .args = { ptr_arg(window), pte,
							       UVMF_TLB_FLUSH | UVMF_ALL } };
	}
	CHECK_EQ(measured("multicall_light", calls_issue), 0, "%u calls in one", call_count);
	CHECK_EQ(calls_failed(), 0, "each done");
}

static void multicalls(void)
{
	light_multicall();
	CHECK_EQ(update_tables("update_tables_off_again", false), 0, "tables set free");
	pins_in_multicall("multicall_pins", MMUEXT_PIN_L1_TABLE);
	pins_in_multicall("multicall_unpins", MMUEXT_UNPIN_TABLE);
	CHECK_EQ(update_tables("update_tables_on_again", true), 0, "and taken into use again");
}

/* ---- grants and events ---- */

static struct gnttab_setup_table setup;
static struct gnttab_map_grant_ref maps[REFS];
static struct gnttab_unmap_grant_ref unmaps[REFS];

static long setup_grants(void)
{
	return grant_op(GNTTABOP_setup_table, &setup, 1);
}

static long map_grants(void)
{
	return grant_op(GNTTABOP_map_grant_ref, maps, REFS);
}

static long unmap_grants(void)
{
	return grant_op(GNTTABOP_unmap_grant_ref, unmaps, REFS);
}

static struct xen_mem_acquire_resource acquire_req;

static long acquire(void)
{
	return memory_op(XENMEM_acquire_resource, &acquire_req);
}

/* The guest grants us its last pages, and we take them. */
static void grants(void)
{
	unsigned int wrong = 0;
	grant_entry_v1_t *e = (grant_entry_v1_t *)window;

	setup = (struct gnttab_setup_table){ .dom = id, .nr_frames = 1024 };
	set_xen_guest_handle_raw(setup.frame_list, list);
	CHECK_EQ(measured("grant_setup", setup_grants), 0, "a grant table of 1024 frames");
	CHECK_EQ(setup.status, GNTST_okay, "is had");
	CHECK_EQ(child_show(window, list[0], id), 0, "its first frame");
	for (unsigned int i = 0; i < REFS; i++) {
		e[i] = (grant_entry_v1_t){ GTF_permit_access, 0,
					   (uint32_t)frames[pages - REFS + i] };
		maps[i] = (struct gnttab_map_grant_ref){ .flags = GNTMAP_device_map,
							 .ref = i,
							 .dom = id };
	}
	CHECK_EQ(child_show(window, virt_to_mfn(window), DOMID_SELF), 0, "no longer seen");
	CHECK_EQ(measured("grant_map", map_grants), 0, "%u grants in one request", REFS);
	for (unsigned int i = 0; i < REFS; i++) {
		wrong += maps[i].status != GNTST_okay;
		unmaps[i] = (struct gnttab_unmap_grant_ref){ .dev_bus_addr = maps[i].dev_bus_addr,
							     .handle = maps[i].handle };
	}
	CHECK_EQ(wrong, 0, "each mapped");
}

static long reset_events(void)
{
	struct evtchn_reset r = { .dom = id };

	return event_op(EVTCHNOP_reset, &r);
}

static void events(void)
{
	struct evtchn_alloc_unbound a = { .dom = id, .remote_dom = 0 };
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < EVENTS; i++) {
		wrong += event_op(EVTCHNOP_alloc_unbound, &a) != 0;
	}
	CHECK_EQ(wrong, 0, "%u ports", EVENTS);
	CHECK_EQ(measured("event_reset", reset_events), 0, "closed at once");
}

/* ---- its end ---- */

static long destroy(void)
{
	return child_domctl(XEN_DOMCTL_destroydomain, id);
}

static long wait_gone(void)
{
	return domain_gone(id);
}

static long destroy_and_wait(void)
{
	long rc = destroy();

	return rc ? rc : domain_gone(id) ? 0 : -XEN_EBUSY;
}

static void end_with_grants(void)
{
	unsigned int wrong = 0;

	CHECK_EQ(measured("destroy", destroy), 0, "destroyed with all that it has");
	CHECK_EQ(domain_info(id), 0, "but not gone: we hold pages of it");
	CHECK_EQ(child_ctl.u.getdomaininfo.tot_pages, REFS, "those");
	CHECK_EQ(measured("grant_unmap", unmap_grants), 0, "let go");
	for (unsigned int i = 0; i < REFS; i++) {
		wrong += unmaps[i].status != GNTST_okay;
	}
	CHECK_EQ(wrong, 0, "each");
	CHECK_EQ(measured("gone", wait_gone), 1, "gone");
}

/* ---- what the tools ask ---- */

static long list_domains(void)
{
	sysctl.cmd = XEN_SYSCTL_getdomaininfolist;
	sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	sysctl.u.getdomaininfolist.first_domain = 0;
	sysctl.u.getdomaininfolist.max_domains = 4096;
	set_xen_guest_handle_raw(sysctl.u.getdomaininfolist.buffer, (void *)frames);
	return hcall1(__HYPERVISOR_sysctl, ptr_arg(&sysctl));
}

static long read_log(void)
{
	sysctl.cmd = XEN_SYSCTL_readconsole;
	sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	memset(&sysctl.u, 0, sizeof(sysctl.u));
	sysctl.u.readconsole.count = sizeof(list);
	set_xen_guest_handle_raw(sysctl.u.readconsole.buffer, (void *)list);
	return hcall1(__HYPERVISOR_sysctl, ptr_arg(&sysctl));
}

static long page_infos(void)
{
	child_ctl.u.getpageframeinfo3.num = 1024;
	set_xen_guest_handle_raw(child_ctl.u.getpageframeinfo3.array, list);
	return child_domctl(XEN_DOMCTL_getpageframeinfo3, id);
}

/* Much room for an answer of a few bits. */
static uint32_t bits;

static long affinity(void)
{
	child_ctl.u.vcpuaffinity.vcpu = 0;
	child_ctl.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	child_ctl.u.vcpuaffinity.cpumap_hard.nr_bits = bits;
	set_xen_guest_handle_raw(child_ctl.u.vcpuaffinity.cpumap_hard.bitmap, (void *)list);
	return child_domctl(XEN_DOMCTL_getvcpuaffinity, id);
}

static void tools(void)
{
	for (unsigned int i = 0; i < 1024; i++) {
		list[i] = frames[i];
	}
	CHECK_EQ(measured("page_infos", page_infos), 0, "what 1024 frames are");
	CHECK_EQ(list[0], XEN_DOMCTL_PFINFO_L4TAB | XEN_DOMCTL_PFINFO_LPINTAB, "the first");
	memset(list, 0xff, sizeof(list));
	bits = 65536;
	CHECK_EQ(measured("affinity", affinity), 0, "a large bitmap");
	CHECK_EQ(list[0] & 1, 1, "CPU 0");
	CHECK_EQ(list[65536 / 64 - 1], 0, "cleared to its end");
	CHECK_EQ(list[65536 / 64], ~0UL, "and no further");
	bits = ~0u;
	CHECK(measured("affinity_absurd", affinity) < 0, "half a gigabyte of bits");
	CHECK_EQ(measured("read_log", read_log), 0, "the log");
}

/* Many small ones, of which every second goes again. */
static void crowd(void)
{
	static domid_t made[4096];
	const struct xen_domctl_getdomaininfo *info = (void *)frames;
	unsigned int n = 0, gone = 0, in_order = 1;

	while (n < domains && make(1, 1) == 0) {
		made[n++] = (domid_t)child_ctl.domain;
	}
	CHECK_EQ(n, domains, "%u more domains", domains);
	for (unsigned int i = 0; i < n; i += 2) {
		gone += child_domctl(XEN_DOMCTL_destroydomain, made[i]) == 0 &&
			domain_gone(made[i]);
	}
	CHECK_EQ(measured("list", list_domains), 0, "a list of all");
	CHECK_EQ(sysctl.u.getdomaininfolist.num_domains, 1 + n - gone, "with each");
	for (unsigned int i = 1; i < sysctl.u.getdomaininfolist.num_domains; i++) {
		in_order &= info[i].domain > info[i - 1].domain;
	}
	CHECK(in_order, "in order");
	for (unsigned int i = 1; i < n; i += 2) {
		gone += child_domctl(XEN_DOMCTL_destroydomain, made[i]) == 0;
	}
	CHECK_EQ(gone, n, "all destroyed");
}

/* ---- of our own, last: nothing is heard of events after it ---- */

static unsigned int ports;

static long reset_own(void)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };

	return event_op(EVTCHNOP_reset, &r);
}

static void fifo_events(void)
{
	static event_word_t array[FIFO_PAGES][WORDS] __attribute__((aligned(PAGE_SIZE)));
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };
	unsigned int wrong = 0;

	CHECK_EQ(fifo_control(virt_to_mfn(page_alloc()), 0, 0), 0, "queues of our own");
	for (unsigned int i = 0; i < FIFO_PAGES; i++) {
		wrong += fifo_expand(virt_to_mfn(array[i])) != 0;
	}
	for (unsigned int i = 0; i < ports; i++) {
		wrong += event_op(EVTCHNOP_alloc_unbound, &a) != 0;
	}
	CHECK_EQ(wrong, 0, "%u more ports", ports);
	CHECK_EQ(measured("event_reset_fifo", reset_own), 0, "closed at once");
	CHECK_EQ(event_op(EVTCHNOP_alloc_unbound, &a), 0, "and there are ports again");
	CHECK_EQ(a.port, 1, "from the first on");
}

static struct gnttab_set_version version;

static long set_version(void)
{
	return grant_op(GNTTABOP_set_version, &version, 1);
}

/* As many frames as the control domain may have. */
static void versions(void)
{
	setup = (struct gnttab_setup_table){ .dom = DOMID_SELF, .nr_frames = 64 };
	set_xen_guest_handle_raw(setup.frame_list, list);
	CHECK_EQ(setup_grants(), 0, "a grant table of our own, of 64 frames");
	CHECK_EQ(setup.status, GNTST_okay, "is had");
	version.version = 2;
	CHECK_EQ(measured("grant_version_2", set_version), 0, "becomes one of version 2");
	version.version = 1;
	CHECK_EQ(measured("grant_version_1", set_version), 0, "and of version 1 again");
}

/* ---- in order ---- */

static uint64_t word(const char *name, uint64_t usual)
{
	const char *p = strstr((const char *)start_info->cmd_line, name);
	uint64_t n = 0;

	for (p = p ? p + strlen(name) : ""; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
	}
	return n ? n : usual;
}

static void size_up(void)
{
	pages = MIN(word("mib=", 64) << (20 - PAGE_SHIFT), (uint64_t)MOST_PAGES);
	domains = (unsigned int)word("domains=", 20);
	ports = (unsigned int)word("ports=", 2000);
	big = pages / 2 / ENTRIES;
	l1s = (pages + ENTRIES - 1) / ENTRIES;
	l2s = (l1s + ENTRIES - 1) / ENTRIES;
}

static void new_guest(const char *name, long (*f)(void))
{
	CHECK_EQ(measured(name, f), 0, "a domain");
	id = (domid_t)child_ctl.domain;
	CHECK_EQ(limit(id, pages + ENTRIES), 0, "of that size");
}

/* As many vCPUs as there may be, a large grant table: nothing but its parts to free. */
static void wide(void)
{
	new_guest("create_wide", create_wide);
	acquire_req = (struct xen_mem_acquire_resource){ .domid = id,
							 .type = XENMEM_resource_grant_table,
							 .nr_frames = 1024 };
	set_xen_guest_handle_raw(acquire_req.frame_list, list);
	CHECK_EQ(measured("grant_acquire", acquire), 0, "all of its grant table");
	CHECK_EQ(measured("destroy_wide", destroy_and_wait), 0, "destroyed");
}

enum verdict guest_main(void)
{
	uint64_t before;

	if (!is_control_domain()) {
		return SKIP;
	}
	size_up();
	window = page_alloc();
	/* First, since what is kept of a domain to be used again is most now. */
	crowd();
	before = settled_free_pages();
	new_guest("create", create);
	CHECK_EQ(measured("claim", claim), 0, "memory set aside");
	populate("populate_2m", "populate_4k");
	tables();
	multicalls();
	tools();
	grants();
	events();
	end_with_grants();

	new_guest("create_again", create);
	populate("populate_2m_used", "populate_4k_used");
	exchanges();
	depopulate();
	CHECK_EQ(measured("destroy_empty", destroy_and_wait), 0, "destroyed");
	wide();
	CHECK_EQ(settled_free_pages(), before, "all memory is back");
	versions();
	fifo_events();
	return SUCCESS;
}
