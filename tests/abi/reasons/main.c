/*
 * Why it was refused.  Beside the errno of the ABI every refusal has a reason on record (hypervisor/abi/reason.h), which a
 * domain can read of itself, and the control domain of all: who asked for what, when, how often, and about which
 * number.  Equal refusals in a row are one record.  (That no refusal of any test lacks its reason is watched by
 * frontends/rt/refusals.c.)
 */
#define __XEN_TOOLS__ 1
#include "frontends/rt/test.h"
#include "tests/abi/lib/pages.h"

#include "hypervisor/lib/string.h"

#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define HYPERVISOR_ADDRESS 0xffff830000000000UL

static struct pavane_refusal got[PAVANE_REFUSALS];
static uint64_t total;

/* Records of a domain, the newest 'room'; their number or -errno. */
static long records(domid_t id, unsigned int room)
{
	struct pavane_refusals req = { .domid = id, .count = room, .records = ptr_arg(got) };
	long rc = hcall2(__HYPERVISOR_pavane_op, PAVANE_OP_refusals, ptr_arg(&req));

	total = req.total;
	return rc ? rc : (long)req.count;
}

static long entry(const void *va, uint64_t value)
{
	struct mmu_update u = { pte_machine_address(pte_of(va, 1)) | MMU_NORMAL_PT_UPDATE, value };

	return mmu_update(&u, 1, NULL, DOMID_SELF);
}

static long ext(unsigned int cmd, uint64_t mfn)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static long shutdown_code(unsigned int code)
{
	struct sched_shutdown s = { .reason = code };

	return sched_op(SCHEDOP_shutdown_code, &s);
}

static void page_tables(void)
{
	char *page = page_alloc();
	uint64_t mfn = virt_to_mfn(page), table = virt_to_mfn((void *)start_info->pt_base), value;

	CHECK_REFUSED(entry(page, table << PAGE_SHIFT | PTE_USUAL), XEN_EBUSY, FRAME_OTHER_USE,
		      "a table made writable");
	last_reason(&value);
	CHECK_EQ(value, table, "the record names the frame");
	CHECK_REFUSED(entry(page, 0x3ffffffffUL << PAGE_SHIFT | PTE_USUAL), XEN_EPERM,
		      DEVICE_MEMORY, "beyond all memory");
	CHECK_REFUSED(entry(page, mfn << PAGE_SHIFT | PTE_USUAL | 1UL << 60), XEN_EINVAL,
		      ENTRY_BITS, "a reserved bit");
	CHECK_REFUSED(update_va_mapping(HYPERVISOR_ADDRESS, 0, 0), XEN_EINVAL, HYPERVISOR_SLOT,
		      "an address of the hypervisor's");
	CHECK_REFUSED(update_va_mapping(0x10000000, 0, 0), XEN_EINVAL, NOT_MAPPED,
		      "an address without tables");
	CHECK_REFUSED(ext(MMUEXT_UNPIN_TABLE, mfn), XEN_EINVAL, NOT_PINNED, "unpin");
	CHECK_REFUSED(ext(MMUEXT_PIN_L1_TABLE, mfn), XEN_EBUSY, FRAME_OTHER_USE,
		      "pin what is mapped writable");
	CHECK_REFUSED(ext(MMUEXT_PIN_L4_TABLE, table), XEN_EINVAL, ALREADY_PINNED, "pin twice");
	CHECK_REFUSED(ext(MMUEXT_NEW_BASEPTR, mfn), XEN_EINVAL, FRAME_OTHER_USE, "no L4");
	CHECK_REFUSED(ext(MMUEXT_MARK_SUPER, mfn), XEN_EOPNOTSUPP, NOT_SERVED, "superpages");
	CHECK_REFUSED(ext(999, 0), XEN_ENOSYS, NO_SUCH_OPERATION, "no such operation");
}

static void others(void)
{
	struct vcpu_set_periodic_timer fast = { .period_ns = 1 };
	struct vcpu_set_singleshot_timer past = { .timeout_abs_ns = 1,
						  .flags = VCPU_SSHOTTMR_future };
	struct trap_info trap[2] = { { .vector = 3, .cs = 0xe033, .address = 1UL << 50 } };
	struct xen_feature_info info = { .submap_idx = 99 };
	char *ro = read_only("", 1);
	uint64_t value;

	CHECK_REFUSED(version_op(XENVER_get_features, NOWHERE), XEN_EFAULT, BAD_ADDRESS,
		      "a bad address");
	last_reason(&value);
	CHECK_EQ(value, NOWHERE, "the record names it");
	CHECK_REFUSED(version_op(XENVER_capabilities, ro), XEN_EFAULT, BAD_ADDRESS, "read-only");
	CHECK_REFUSED(version_op(XENVER_get_features, &info), XEN_EINVAL, BAD_ARGUMENT, "submap");
	CHECK_REFUSED(version_op(77, NULL), XEN_ENOSYS, NO_SUCH_OPERATION, "no such question");
	CHECK_REFUSED(hcall1(47, 0), XEN_ENOSYS, NO_SUCH_CALL, "no such hypercall");
	CHECK_REFUSED(hcall2(__HYPERVISOR_pavane_op, 1, 0), XEN_ENOSYS, NO_SUCH_OPERATION,
		      "nor another one of our own");
	CHECK_REFUSED(vcpu_op(VCPUOP_is_up, 99, NULL), XEN_ENOENT, NO_SUCH_VCPU, "vCPU 99");
	CHECK_REFUSED(vcpu_op(VCPUOP_initialise, 0, NULL), XEN_EEXIST, VCPU_HAS_CONTEXT,
		      "a context for vCPU 0");
	CHECK_REFUSED(vcpu_op(VCPUOP_set_periodic_timer, 0, &fast), XEN_EINVAL, BAD_PERIOD,
		      "a nanosecond");
	CHECK_REFUSED(vcpu_op(VCPUOP_set_singleshot_timer, 0, &past), XEN_ETIME, TIME_PASSED,
		      "the past");
	CHECK_REFUSED(shutdown_code(77), XEN_EINVAL, BAD_SHUTDOWN_CODE, "shutdown code");
	CHECK_REFUSED(hcall1(__HYPERVISOR_set_trap_table, ptr_arg(trap)), XEN_EINVAL, NOT_CANONICAL,
		      "a handler at no address");
	CHECK_REFUSED(hcall2(__HYPERVISOR_nmi_op, 9, 0), XEN_ENOSYS, NO_SUCH_OPERATION, "nmi_op");
	CHECK_REFUSED(hcall2(__HYPERVISOR_set_debugreg, 9, 0), XEN_ENODEV, BAD_DEBUG_REGISTER,
		      "debug register 9");
	CHECK_REFUSED(hcall2(__HYPERVISOR_set_gdt, 0, 8000), XEN_EINVAL, TABLE_SIZE, "GDT");
	CHECK_REFUSED(hcall2(__HYPERVISOR_set_segment_base, 0, 1UL << 50), XEN_EINVAL,
		      NOT_CANONICAL, "segment base");
}

static void memory(void)
{
	struct xen_memory_reservation claim = { .nr_extents = 1,
						.domid = DOMID_SELF,
						.mem_flags = 1 };
	struct xen_memory_exchange uneven = { .in = { .nr_extents = 1, .domid = DOMID_SELF },
					      .out = { .nr_extents = 2, .domid = DOMID_SELF } };
	struct xen_memory_domain nobody = { .domid = 4711 };

	CHECK_REFUSED(memory_op(XENMEM_maximum_reservation, &nobody), XEN_ESRCH, NO_SUCH_DOMAIN,
		      "a domain that is not there");
	CHECK_REFUSED(memory_op(XENMEM_claim_pages, &claim), XEN_EINVAL, BAD_FLAGS, "a claim");
	CHECK_REFUSED(memory_op(XENMEM_exchange, &uneven), XEN_EINVAL, UNEVEN_EXCHANGE,
		      "an uneven exchange");
	CHECK_REFUSED(memory_op(XENMEM_exchange | 1 << 6, &uneven), XEN_EINVAL,
		      STARTS_IN_THE_MIDDLE, "and one from the middle");
	CHECK_REFUSED(memory_op(XENMEM_get_vnumainfo, NULL), XEN_EOPNOTSUPP, NOT_SERVED, "NUMA");
}

/* Operations on grants have statuses of their own; the reason is beside each all the same. */
static void grants(void)
{
	struct gnttab_map_grant_ref map = { .flags = GNTMAP_host_map,
					    .ref = 77,
					    .dom = DOMID_SELF };
	struct gnttab_unmap_grant_ref unmap = { .handle = 4711 };
	struct gnttab_copy copy = { .len = 8, .source.offset = 4092 };
	struct gnttab_set_version version = { .version = 3 };

	CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &map, 1), 0, "map what is not granted");
	CHECK_REFUSED(map.status, -GNTST_general_error, BAD_GRANT, "is refused");
	map.dom = 4711;
	CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &map, 1), 0, "map a stranger's");
	CHECK_REFUSED(map.status, -GNTST_bad_domain, NO_SUCH_DOMAIN, "is refused");
	CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0, "unmap what is not mapped");
	CHECK_REFUSED(unmap.status, -GNTST_bad_handle, BAD_HANDLE, "is refused");
	CHECK_EQ(grant_op(GNTTABOP_copy, &copy, 1), 0, "copy beyond the page");
	CHECK_REFUSED(copy.status, -GNTST_bad_copy_arg, BAD_COPY_AREA, "is refused");
	CHECK_REFUSED(grant_op(GNTTABOP_set_version, &version, 1), XEN_EINVAL, GRANT_VERSION,
		      "version 3");
	CHECK_REFUSED(grant_op(99, &version, 1), XEN_ENOSYS, NO_SUCH_OPERATION, "no operation");
}

static void events(void)
{
	struct evtchn_send send = { .port = 1 << 20 };
	struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER, .vcpu = 99 };
	struct evtchn_bind_interdomain far = { .remote_dom = 4711, .remote_port = 1 };

	CHECK_REFUSED(event_op(EVTCHNOP_send, &send), XEN_EINVAL, NO_SUCH_PORT, "send nowhere");
	CHECK_REFUSED(event_op(EVTCHNOP_bind_virq, &virq), XEN_ENOENT, NO_SUCH_VCPU,
		      "an interrupt for vCPU 99");
	CHECK_REFUSED(event_op(EVTCHNOP_bind_interdomain, &far), XEN_ESRCH, NO_SUCH_DOMAIN,
		      "an event channel to nobody");
	CHECK_REFUSED(event_op(99, &send), XEN_ENOSYS, NO_SUCH_OPERATION, "no operation");
}

static void the_record(void)
{
	uint64_t start = system_time();
	const struct pavane_refusal *last = &got[0];
	struct multicall_entry m = { .op = __HYPERVISOR_vcpu_op, .args = { 0xabc, 0, 0 } };
	struct multicall_entry nested = { .op = __HYPERVISOR_multicall };

	for (unsigned int i = 0; i < 5; i++) {
		vcpu_op(VCPUOP_is_up, 40 + i, NULL);
	}
	CHECK_EQ(records(DOMID_SELF, 1), 1, "the newest record");
	CHECK(last->call == __HYPERVISOR_vcpu_op && last->op == VCPUOP_is_up && last->vcpu == 0 &&
		      last->status == -XEN_ENOENT,
	      "which hypercall, which operation, on which vCPU, with which errno");
	CHECK_EQ(last->times, 5, "five in a row");
	CHECK_EQ(last->value, 44, "of which the last was about 44");
	CHECK(last->time >= start && last->time <= system_time(), "the time is system time");
	CHECK_EQ(hcall2(__HYPERVISOR_multicall, ptr_arg(&m), 1), 0, "a multicall");
	records(DOMID_SELF, 1);
	CHECK(last->call == __HYPERVISOR_vcpu_op && last->op == 0xabc &&
		      last->reason == REASON_NO_SUCH_OPERATION,
	      "its entry is what was refused");
	CHECK_EQ(hcall2(__HYPERVISOR_multicall, ptr_arg(&nested), 1), 0, "one within another");
	records(DOMID_SELF, 1);
	CHECK_EQ(last->reason, REASON_NOT_IN_MULTICALL, "has its own reason");
}

static void who_may_ask(void)
{
	uint64_t before;

	records(DOMID_SELF, 0);
	before = total;
	CHECK_EQ(records(0x7000, 1), -XEN_ESRCH, "nobody's records");
	CHECK_EQ(records(DOMID_SELF, PAVANE_REFUSALS), PAVANE_REFUSALS, "sixteen are kept");
	CHECK_EQ(total, before + 1, "all are counted");
	CHECK(got[PAVANE_REFUSALS - 1].reason == REASON_NO_SUCH_DOMAIN &&
		      got[0].time < got[PAVANE_REFUSALS - 1].time,
	      "oldest first");
	CHECK_EQ(records(DOMID_SELF, ~0u), PAVANE_REFUSALS, "with more room than there is need");
	if (!is_control_domain()) {
		CHECK_EQ(records(0, 1), -XEN_EPERM, "the control domain's are not a guest's");
	}
	CHECK_REFUSED(hcall2(__HYPERVISOR_pavane_op, PAVANE_OP_refusals, 16), XEN_EFAULT,
		      BAD_ADDRESS, "a question at a bad address");
}

enum verdict guest_main(void)
{
	if (!is_pavane()) {
		return skip("another hypervisor gives no reasons");
	}
	page_tables();
	others();
	memory();
	grants();
	events();
	the_record();
	who_may_ask();
	return SUCCESS;
}
