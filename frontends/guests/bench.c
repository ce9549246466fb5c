/*
 * What the hot paths cost, as a guest sees them.  Under QEMU's -icount shift=0 a tick of the time-stamp counter
 * is one instruction, so the figures are instructions and repeat exactly; elsewhere they are ticks.
 */
#include "frontends/rt/rt.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/version.h>

#include "hypervisor/lib/string.h"

#define ROUNDS 2000

static char *page;
static const uint64_t *pte;
static struct mmu_update update;
static struct multicall_entry list[32];
static evtchn_port_t port;
static volatile unsigned int calls;
static char *window; /* of address space: nothing is there */
static struct gnttab_copy copies[16];
#define LENT 8u /* our grant of page to ourselves */

static void nothing(void)
{
	__asm__ volatile("");
}

static void null_hypercall(void)
{
	version_op(XENVER_version, NULL);
}

static void va_mapping(void)
{
	update_va_mapping((uint64_t)page, virt_to_mfn(page) << PAGE_SHIFT | PTE_USUAL, 0);
}

static void va_mapping_toggle(void)
{
	static uint64_t flag;

	flag ^= PTE_RW;
	update_va_mapping((uint64_t)page, virt_to_mfn(page) << PAGE_SHIFT | (PTE_USUAL ^ flag),
			  UVMF_INVLPG);
}

static void mmu_update_one(void)
{
	update.val ^= PTE_RW;
	mmu_update(&update, 1, NULL, DOMID_SELF);
}

/* Page tables are read-only: these trap, and the hypervisor does what they say. */
static void pte_exchange(void)
{
	update.val ^= PTE_RW;
	__atomic_exchange_n((uint64_t *)(uintptr_t)pte, update.val, __ATOMIC_SEQ_CST);
}

static void pte_clear_bit(void)
{
	__asm__ volatile("lock; btrq %1, %0" : "+m"(*(uint64_t *)(uintptr_t)pte) : "Ir"(62UL));
}

static void multicall_32(void)
{
	hcall2(__HYPERVISOR_multicall, ptr_arg(list), ARRAY_SIZE(list));
}

static void send_self(void)
{
	struct evtchn_send s = { .port = port };

	event_op(EVTCHNOP_send, &s);
}

static void on_event(evtchn_port_t p)
{
	(void)p;
	calls++;
}

static void skip_ud2(struct trap_frame *f)
{
	f->rip += 2;
}

static void exception(void)
{
	__asm__ volatile("ud2");
}

static void new_base(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_NEW_BASEPTR,
				.arg1.mfn = virt_to_mfn((void *)start_info->pt_base) };

	mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void read_clock(void)
{
	system_time();
}

static void map_and_unmap(void)
{
	struct gnttab_map_grant_ref m = { .host_addr = (uint64_t)window,
					  .flags = GNTMAP_host_map,
					  .ref = LENT,
					  .dom = DOMID_SELF };
	struct gnttab_unmap_grant_ref u = { .host_addr = (uint64_t)window };

	grant_op(GNTTABOP_map_grant_ref, &m, 1);
	u.handle = m.handle;
	grant_op(GNTTABOP_unmap_grant_ref, &u, 1);
}

static void copy_one(void)
{
	grant_op(GNTTABOP_copy, copies, 1);
}

static void copy_all(void)
{
	grant_op(GNTTABOP_copy, copies, ARRAY_SIZE(copies));
}

/* Not to be measured: an empty figure says that what should be lent could not be. */
static bool lend_page(void)
{
	struct gnttab_set_version v = { .version = 1 };
	xen_pfn_t frame = 0;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	grant_entry_v1_t *table = page_alloc();

	set_xen_guest_handle_raw(s.frame_list, &frame);
	if (grant_op(GNTTABOP_set_version, &v, 1) || grant_op(GNTTABOP_setup_table, &s, 1) ||
	    s.status ||
	    update_va_mapping((uint64_t)table, frame << PAGE_SHIFT | PTE_USUAL, UVMF_INVLPG)) {
		return false;
	}
	window = page_alloc();
	update_va_mapping((uint64_t)window, 0, UVMF_INVLPG);
	table[LENT] = (grant_entry_v1_t){ .frame = (uint32_t)virt_to_mfn(page) };
	table[LENT].flags = GTF_permit_access;
	for (unsigned int i = 0; i < ARRAY_SIZE(copies); i++) {
		copies[i] = (struct gnttab_copy){ .source = { .u.ref = LENT, .domid = DOMID_SELF },
						  .dest = { .u.gmfn = virt_to_mfn(page_alloc()),
							    .domid = DOMID_SELF },
						  .len = 64,
						  .flags = GNTCOPY_source_gref };
	}
	map_and_unmap();
	copy_all();
	return copies[0].status == GNTST_okay;
}

static void measure(const char *name, void (*f)(void), unsigned int per_round)
{
	uint64_t best = ~0UL, idle = ~0UL;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t start = rdtsc(), took;

		f();
		took = rdtsc() - start;
		best = took < best ? took : best;
		start = rdtsc();
		nothing();
		took = rdtsc() - start;
		idle = took < idle ? took : idle;
	}
	print("metric %s %lu ticks\n", name, (best - idle) / per_round);
}

enum verdict guest_main(void)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };

	page = page_alloc();
	pte = pte_of(page, 1);
	update.ptr = pte_machine_address(pte);
	update.val = *pte;
	for (unsigned int i = 0; i < ARRAY_SIZE(list); i++) {
		list[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version,
						    .args = { XENVER_version } };
	}
	event_op(EVTCHNOP_bind_ipi, &ipi);
	port = ipi.port;
	event_set_handler(port, on_event);
	trap_hook[6] = skip_ud2;
	measure("null_hypercall", null_hypercall, 1);
	measure("multicall_entry", multicall_32, ARRAY_SIZE(list));
	measure("update_va_mapping", va_mapping, 1);
	measure("update_va_mapping_invlpg", va_mapping_toggle, 1);
	measure("mmu_update_of_one", mmu_update_one, 1);
	measure("pte_exchanged", pte_exchange, 1);
	measure("pte_bit_cleared", pte_clear_bit, 1);
	measure("new_base", new_base, 1);
	measure("event_to_itself", send_self, 1);
	measure("exception_and_iret", exception, 1);
	measure("clock_read", read_clock, 1);
	if (lend_page()) {
		measure("grant_map_and_unmap", map_and_unmap, 1);
		measure("grant_copy_of_one", copy_one, 1);
		measure("grant_copy_in_a_list", copy_all, ARRAY_SIZE(copies));
	}
	return SUCCESS;
}
