/*
 * What an ordinary guest may not do: the control domain's calls are refused with -EPERM, whatever their arguments,
 * and so is all that names another domain; and no call, of any number, with no arguments or with nonsense, does
 * harm to anybody but its caller.
 *
 * The guest is a child of this one (rt/child.h); what it was answered is in its mail, checked here.
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/version.h>

#include "hypervisor/lib/string.h"

static struct child child;
static void *window;

/* ---- in the child: the answers, one after the other ---- */

enum { RESULTS = 100, DONE = 500, STAGE }; /* words of the mail */

static unsigned int answers;

static void answer(long rc)
{
	child_mail.word[answers++] = rc;
}

static long reserve_for(int cmd, domid_t id)
{
	xen_pfn_t list[1] = { 1 };
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = id };

	set_xen_guest_handle_raw(r.extent_start, list);
	return memory_op(cmd, &r);
}

static void control_calls(void)
{
	static struct xen_domctl d;
	static struct xen_sysctl s;
	static struct xen_platform_op p;

	d.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	p.interface_version = XENPF_INTERFACE_VERSION;
	d.cmd = XEN_DOMCTL_destroydomain;
	answer(hcall1(__HYPERVISOR_domctl, ptr_arg(&d)));
	d.cmd = XEN_DOMCTL_createdomain;
	d.u.createdomain.max_vcpus = 1;
	d.u.createdomain.grant_opts = 1;
	answer(hcall1(__HYPERVISOR_domctl, ptr_arg(&d)));
	s.cmd = XEN_SYSCTL_physinfo;
	answer(hcall1(__HYPERVISOR_sysctl, ptr_arg(&s)));
	s.cmd = XEN_SYSCTL_debug_keys;
	answer(hcall1(__HYPERVISOR_sysctl, ptr_arg(&s)));
	p.cmd = XENPF_settime64;
	answer(hcall1(__HYPERVISOR_platform_op, ptr_arg(&p)));
	p.cmd = XENPF_enter_acpi_sleep;
	answer(hcall1(__HYPERVISOR_platform_op, ptr_arg(&p)));
}

static void others_memory(void)
{
	struct mmu_update u = { pte_machine_address(pte_of(&child_mail, 1)), 0 };
	struct mmuext_op op = { .cmd = MMUEXT_UNPIN_TABLE };
	domid_t zero = 0;
	struct xen_memory_map map = { .nr_entries = 0 };
	struct xen_foreign_memory_map foreign = { .domid = 0 };
	struct xen_memory_reservation claim = { .nr_extents = 1 };

	answer(memory_op(XENMEM_current_reservation, &zero));
	answer(memory_op(XENMEM_maximum_reservation, &zero));
	answer(memory_op(XENMEM_maximum_gpfn, &zero));
	answer(reserve_for(XENMEM_populate_physmap, 0));
	answer(reserve_for(XENMEM_increase_reservation, 0));
	answer(reserve_for(XENMEM_decrease_reservation, 0));
	answer(memory_op(XENMEM_machine_memory_map, &map));
	answer(mmu_update(&u, 1, NULL, 0));
	answer(mmuext_op(&op, 1, NULL, 0));
	answer(hcall4(__HYPERVISOR_update_va_mapping_otherdomain, (uint64_t)&child_mail, 0, 0, 0));
	answer(hcall4(__HYPERVISOR_update_va_mapping_otherdomain, (uint64_t)&child_mail,
		      *pte_of(&child_mail, 1), 0, DOMID_SELF));
	answer(memory_op(XENMEM_claim_pages, &claim));
	answer(memory_op(XENMEM_set_memory_map, &foreign));
	foreign.domid = DOMID_SELF;
	answer(memory_op(XENMEM_set_memory_map, &foreign));
}

static void others_events(void)
{
	struct evtchn_status status = { .dom = 0, .port = 1 };
	struct evtchn_alloc_unbound alloc = { .dom = 0, .remote_dom = DOMID_SELF };
	struct evtchn_reset reset = { .dom = 0 };
	struct sched_remote_shutdown shutdown = { .domain_id = 0, .reason = SHUTDOWN_reboot };

	answer(event_op(EVTCHNOP_status, &status));
	answer(event_op(EVTCHNOP_alloc_unbound, &alloc));
	answer(event_op(EVTCHNOP_reset, &reset));
	answer(sched_op(SCHEDOP_remote_shutdown, &shutdown));
}

/* Of operations that have a status that is the answer. */
static void others_grants(void)
{
	xen_pfn_t list[1];
	uint64_t frames[1];
	struct gnttab_setup_table setup = { .dom = 0, .nr_frames = 1 };
	struct gnttab_query_size size = { .dom = 0 };
	struct gnttab_get_status_frames status = { .dom = 0, .nr_frames = 1 };
	struct gnttab_get_version version = { .dom = 0 };
	struct xen_mem_acquire_resource resource = { .domid = 0,
						     .type = XENMEM_resource_grant_table,
						     .nr_frames = 1 };

	set_xen_guest_handle_raw(setup.frame_list, list);
	set_xen_guest_handle_raw(status.frame_list, frames);
	set_xen_guest_handle_raw(resource.frame_list, list);
	answer(grant_op(GNTTABOP_setup_table, &setup, 1) ? 1 : setup.status);
	answer(grant_op(GNTTABOP_query_size, &size, 1) ? 1 : size.status);
	answer(grant_op(GNTTABOP_get_status_frames, &status, 1) ? 1 : status.status);
	answer(grant_op(GNTTABOP_get_version, &version, 1));
	answer(memory_op(XENMEM_acquire_resource, &resource));
}

static uint64_t others_frame; /* the control domain's own */

static void others_pages(void)
{
	uint64_t at = pte_machine_address(pte_of(child_spare(0), 1)),
		 was = *pte_of(child_spare(0), 1);
	struct mmu_update u = { at, others_frame << PAGE_SHIFT | PTE_USUAL };
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = others_frame };

	answer(mmu_update(&u, 1, NULL, DOMID_SELF));
	answer(mmuext_op(&op, 1, NULL, DOMID_SELF));
	op.cmd = MMUEXT_CLEAR_PAGE;
	answer(mmuext_op(&op, 1, NULL, DOMID_SELF));
	u.ptr = others_frame << PAGE_SHIFT | MMU_MACHPHYS_UPDATE;
	answer(mmu_update(&u, 1, NULL, DOMID_SELF));
	/* Nor the machine's devices: what is at the top of the first 4 GiB. */
	u = (struct mmu_update){ at, 0xfed00000UL | PTE_USUAL };
	answer(mmu_update(&u, 1, NULL, DOMID_IO));
	answer(mmu_update(&u, 1, NULL, DOMID_SELF));
	answer(*pte_of(child_spare(0), 1) == was);
	op.cmd = MMUEXT_FLUSH_CACHE;
	answer(mmuext_op(&op, 1, NULL, DOMID_SELF));
	op.cmd = MMUEXT_FLUSH_CACHE_GLOBAL;
	answer(mmuext_op(&op, 1, NULL, DOMID_SELF));
}

static uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %w1, %b0" : "=a"(value) : "d"(port));
	return value;
}

static void devices(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };
	struct physdev_apic apic = { .apic_physbase = 0xfec00000 };
	struct physdev_setup_gsi gsi = { .gsi = 5 };
	struct physdev_pci_device_add device = { .devfn = 8 };
	struct physdev_map_pirq map = {
		.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 5, .pirq = -1
	};

	answer(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_apic_read, ptr_arg(&apic)));
	answer(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_setup_gsi, ptr_arg(&gsi)));
	answer(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_add, ptr_arg(&device)));
	answer(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, ptr_arg(&map)));
	answer(hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, ptr_arg(&iopl)));
	/* The keyboard's state, the counter of the timer, the index of the clock: nobody is there. */
	answer(in8(0x64) & in8(0x40) & in8(0x40) & in8(0x70));
}

static void outsider(void)
{
	control_calls();
	others_memory();
	others_events();
	others_grants();
	others_pages();
	devices();
	child_mail.word[DONE] = 1;
}

/* ---- in the child: nonsense ---- */

static char nonsense[2 * PAGE_SIZE] __attribute__((aligned(4096)));

#define BAD_HV	 0xffff830000000000UL /* the hypervisor's memory */
#define BAD_ADDR 0x0000900000000000UL /* no address */
#define KINDS	 9

static void nonsense_call(unsigned int nr, unsigned int kind)
{
	uint64_t p = (uint64_t)nonsense, end = p + PAGE_SIZE - 8;
	const uint64_t args[KINDS][5] = {
		{ 0, 0, 0, 0, 0 },
		{ ~0UL, ~0UL, ~0UL, ~0UL, ~0UL },
		{ BAD_HV, BAD_HV, BAD_HV, BAD_HV, BAD_HV },
		{ BAD_ADDR, BAD_ADDR, BAD_ADDR, BAD_ADDR, BAD_ADDR },
		{ p, p, p, p, p },
		{ 1, p, 1, p, 1 },
		{ p, 1, p, 1, p },
		{ end, 2, end, DOMID_SELF, end },
		{ 3, end, 2, 0, DOMID_SELF },
	};
	const uint64_t *a = args[kind];

	child_mail.word[0] = hcall5(nr, a[0], a[1], a[2], a[3], a[4]);
}

/* Goes on from the call that its mail names; where it is, is there too. */
static void nonsensical(void)
{
	uint64_t x = 88172645463325252UL;

	for (unsigned int i = 0; i < PAGE_SIZE; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		nonsense[i] = (char)x;
	}
	/* The second page is not there. */
	update_va_mapping((uint64_t)nonsense + PAGE_SIZE, 0, UVMF_INVLPG);
	for (long i = child_mail.word[STAGE]; i < 64 * KINDS; i++) {
		child_mail.word[STAGE] = i;
		nonsense_call((unsigned int)i / KINDS, (unsigned int)i % KINDS);
		if (child_mail.word[0] != -XEN_ENOSYS) {
			child_mail.word[RESULTS + i / KINDS] = 1;
		}
	}
	child_mail.word[DONE] = 1;
}

/* ---- here ---- */

static bool begin(void (*f)(void))
{
	long rc = child_make(&child, window, f);

	if (rc) {
		CHECK(false, "a child: %ld", rc);
		return false;
	}
	return child_go(&child) == 0;
}

static void rights(void)
{
	static const struct {
		const char *what;
		long rc;
	} want[] = {
		{ "domctl destroydomain", -XEN_EPERM },
		{ "domctl createdomain", -XEN_EPERM },
		{ "sysctl physinfo", -XEN_EPERM },
		{ "sysctl debug_keys", -XEN_EPERM },
		{ "platform_op settime64", -XEN_EPERM },
		{ "platform_op enter_acpi_sleep", -XEN_EPERM },
		{ "current_reservation of another", -XEN_EPERM },
		{ "maximum_reservation of another", -XEN_EPERM },
		{ "maximum_gpfn of another", -XEN_EPERM },
		{ "populate_physmap for another: none", 0 },
		{ "increase_reservation for another: none", 0 },
		{ "decrease_reservation of another: none", 0 },
		{ "machine_memory_map", -XEN_EPERM },
		{ "mmu_update with another's frames", -XEN_EPERM },
		{ "mmuext_op on another's", -XEN_EPERM },
		{ "update_va_mapping_otherdomain", -XEN_EPERM },
		{ "the same for itself", 0 },
		{ "claim_pages for another", -XEN_EPERM },
		{ "set_memory_map for another", -XEN_EPERM },
		{ "set_memory_map for itself", 0 },
		{ "EVTCHNOP_status of another's port", -XEN_EPERM },
		{ "EVTCHNOP_alloc_unbound for another", -XEN_EPERM },
		{ "EVTCHNOP_reset of another", -XEN_EPERM },
		{ "SCHEDOP_remote_shutdown", -XEN_EPERM },
		{ "setup_table of another", GNTST_permission_denied },
		{ "query_size of another", GNTST_permission_denied },
		{ "get_status_frames of another", GNTST_permission_denied },
		{ "get_version of another", -XEN_EPERM },
		{ "acquire_resource of another", -XEN_EPERM },
		{ "another's frame in its own table", -XEN_EINVAL },
		{ "another's frame as its table", -XEN_EINVAL },
		{ "another's frame cleared", -XEN_EINVAL },
		{ "another's frame in the machine-to-physical table", -XEN_EINVAL },
		{ "device memory by DOMID_IO", -XEN_EPERM },
		{ "device memory by number", -XEN_EPERM },
		{ "and the entry is as it was", 1 },
		{ "MMUEXT_FLUSH_CACHE without devices", -XEN_EACCES },
		{ "MMUEXT_FLUSH_CACHE_GLOBAL", -XEN_EACCES },
		{ "PHYSDEVOP_apic_read", -XEN_EPERM },
		{ "PHYSDEVOP_setup_gsi", -XEN_EPERM },
		{ "PHYSDEVOP_pci_device_add", -XEN_EPERM },
		{ "PHYSDEVOP_map_pirq", -XEN_EPERM },
		{ "PHYSDEVOP_set_iopl", 0 },
		{ "ports read as ones", 0xff },
	};
	char *mine = page_alloc();

	others_frame = virt_to_mfn(mine);
	mine[7] = 77;
	if (!begin(outsider)) {
		return;
	}
	CHECK(child_says(&child, DONE, 1), "the child has asked");
	CHECK(mine[7] == 77 && mfn_to_pfn(others_frame) != ~0UL, "what is ours is as it was");
	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++) {
		CHECK_EQ(child.mail[i], want[i].rc, "%s", want[i].what);
	}
	CHECK(child_end(&child), "and is gone");
}

/* Over, or no further for a while: asleep, or gone where nobody waits for it. */
static bool over(void)
{
	long at = child.mail[STAGE];

	for (uint64_t since = system_time(); system_time() - since < 20000000UL;) {
		if (child.mail[DONE] || domain_info(child.id) ||
		    (child_ctl.u.getdomaininfo.flags & XEN_DOMINF_shutdown)) {
			return true;
		}
		if (child.mail[STAGE] != at) {
			return false;
		}
		sched_op(SCHEDOP_yield, NULL);
	}
	return true;
}

static void harmless(void)
{
	static const unsigned int unused[] = { 43, 44, 45, 46, 47, 50, 51, 52, 53,
					       54, 56, 57, 58, 59, 60, 61, 62, 63 };
	static bool answered[64];
	uint64_t before = settled_free_pages();
	unsigned int children = 0, lost = 0;
	bool done = false;

	for (long next = 0; !done && next < 64 * KINDS; next++) {
		if (child_make(&child, window, nonsensical)) {
			CHECK(false, "child %u", children);
			return;
		}
		children++;
		child.mail[STAGE] = next;
		child_go(&child);
		while (!over()) {
		}
		next = child.mail[STAGE];
		done = child.mail[DONE];
		for (unsigned int i = 0; i < 64; i++) {
			answered[i] |= child.mail[RESULTS + i] != 0;
		}
		lost += !child_end(&child);
	}
	CHECK(done, "64 numbers with nonsense, by %u children", children);
	CHECK_EQ(lost, 0, "all of them gone");
	for (unsigned int i = 0; i < ARRAY_SIZE(unused); i++) {
		CHECK(!answered[unused[i]], "number %u is nothing but -ENOSYS", unused[i]);
	}
	CHECK_EQ(settled_free_pages(), before, "as many pages are free");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	window = page_alloc();
	rights();
	harmless();
	return SUCCESS;
}
