/*
 * Hypercall dispatch: one table, one function that looks into it, and the
 * multicall that loops over it.
 *
 * Long work stops between items.  hypercall_restart() then makes the guest issue
 * the rest of the call again, so that interrupts, timers and the scheduler get
 * their turn at the ordinary exit.  Within a multicall it is the entry that is
 * rewritten, and the multicall that is issued again from that entry on.
 */
#include "core/hypercall.h"

#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/refuse.h"
#include "base/stretch.h"
#include "core/copy.h"
#include "core/domain.h"
#include "core/softirq.h"
#include "core/vcpu.h"

static struct multicall_state multicalls[MAX_CPUS];

/* Guests ask once at boot and go on without performance counters. */
static long do_xenpmu_op(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
	return refuse(-XEN_EOPNOTSUPP, REASON_NOT_SERVED);
}

#define ROW(nr, handler, args, allowed) \
	[__HYPERVISOR_##nr] = { .fn = handler, .name = #nr, .nargs = args, .who = allowed }

const struct hypercall hypercall_table[HYPERCALLS] = {
	ROW(set_trap_table, do_set_trap_table, 1, HC_ANY),
	ROW(mmu_update, do_mmu_update, 4, HC_ANY),
	ROW(set_gdt, do_set_gdt, 2, HC_ANY),
	ROW(stack_switch, do_stack_switch, 2, HC_ANY),
	ROW(set_callbacks, do_set_callbacks, 3, HC_ANY),
	ROW(fpu_taskswitch, do_fpu_taskswitch, 1, HC_ANY),
	ROW(sched_op_compat, do_sched_op_compat, 2, HC_ANY),
	ROW(platform_op, do_platform_op, 1, HC_PRIVILEGED),
	ROW(set_debugreg, do_set_debugreg, 2, HC_ANY),
	ROW(get_debugreg, do_get_debugreg, 1, HC_ANY),
	ROW(update_descriptor, do_update_descriptor, 2, HC_ANY),
	ROW(memory_op, do_memory_op, 2, HC_ANY),
	ROW(multicall, do_multicall, 2, HC_ANY),
	ROW(update_va_mapping, do_update_va_mapping, 3, HC_ANY),
	ROW(set_timer_op, do_set_timer_op, 1, HC_ANY),
	ROW(event_channel_op_compat, do_event_channel_op_compat, 1, HC_ANY),
	ROW(xen_version, do_xen_version, 2, HC_ANY),
	ROW(console_io, do_console_io, 3, HC_ANY),
	ROW(grant_table_op, do_grant_table_op, 3, HC_ANY),
	ROW(vm_assist, do_vm_assist, 2, HC_ANY),
	ROW(update_va_mapping_otherdomain, do_update_va_mapping_otherdomain, 4, HC_ANY),
	ROW(iret, do_iret, 0, HC_ANY),
	ROW(vcpu_op, do_vcpu_op, 3, HC_ANY),
	ROW(set_segment_base, do_set_segment_base, 2, HC_ANY),
	ROW(mmuext_op, do_mmuext_op, 4, HC_ANY),
	ROW(nmi_op, do_nmi_op, 2, HC_ANY),
	ROW(sched_op, do_sched_op, 2, HC_ANY),
	ROW(callback_op, do_callback_op, 2, HC_ANY),
	ROW(event_channel_op, do_event_channel_op, 2, HC_ANY),
	ROW(physdev_op, do_physdev_op, 2, HC_ANY),
	ROW(sysctl, do_sysctl, 1, HC_PRIVILEGED),
	ROW(domctl, do_domctl, 1, HC_PRIVILEGED),
	ROW(xenpmu_op, do_xenpmu_op, 2, HC_ANY),
	/* The ABI's "arch_0" of x86: machine-check control. */
	[__HYPERVISOR_arch_0] = { .fn = do_mca, .name = "mca", .nargs = 1, .who = HC_PRIVILEGED },
	ROW(pavane_op, do_pavane_op, 2, HC_ANY),
};

long hypercall_check(const struct hypercall *h)
{
	return h->who == HC_ANY || cpu_current()->domain->privileged
		       ? 0
		       : refuse(-XEN_EPERM, REASON_NOT_PRIVILEGED);
}

bool hypercall_preempt(void)
{
	cpu_preempt_point();
	stretch_look(true);
	return softirq_pending();
}

struct multicall_state *multicall_current(void)
{
	return &multicalls[cpu_id()];
}

long hypercall_restart(unsigned int nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
		       uint64_t a5)
{
	struct multicall_state *mc = multicall_current();
	const uint64_t args[5] = { a1, a2, a3, a4, a5 };

	if (mc->active) {
		mc->restarted = true;
		mc->op = nr;
		for (unsigned int i = 0; i < ARRAY_SIZE(args); i++) {
			mc->args[i] = args[i];
		}
		mc->args[5] = 0;
		return 0;
	}
	guest_hypercall_restart(nr, ARRAY_SIZE(args), args);
	/* What a handler returns is put into RAX: there the repeated call expects its number. */
	return nr;
}

/* Runs one entry.  -ERESTART: the entry in the guest now says what is left of it. */
static long run_entry(struct multicall_state *mc, gva_t at)
{
	struct multicall_entry e;

	if (copy_in(&e, at)) {
		return -XEN_EFAULT;
	}
	/* Both would replace the registers that the multicall itself still needs. */
	if (e.op == __HYPERVISOR_multicall || e.op == __HYPERVISOR_iret) {
		e.result = (xen_ulong_t)refuse_at(-XEN_EINVAL, REASON_NOT_IN_MULTICALL, e.op);
	} else if (e.op >= HYPERCALLS) {
		e.result = (xen_ulong_t)refuse_at(-XEN_ENOSYS, REASON_NO_SUCH_CALL, e.op);
	} else {
		mc->active = true;
		mc->restarted = false;
		mc->op = e.op;
		mc->args[0] = e.args[0];
		e.result = (xen_ulong_t)hypercall_call(e.op, e.args[0], e.args[1], e.args[2],
						       e.args[3], e.args[4]);
		mc->active = false;
		if (mc->restarted) {
			e.op = mc->op;
			__builtin_memcpy(e.args, mc->args, sizeof(e.args));
			return copy_out(at, &e) ? -XEN_EFAULT : -XEN_ERESTART;
		}
	}
	return copy_out(at + offsetof(struct multicall_entry, result), &e.result) ? -XEN_EFAULT : 0;
}

long do_multicall(uint64_t list, uint64_t count, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct multicall_state *mc = multicall_current();
	/* The ABI's count is 32 bits wide. */
	uint32_t n = (uint32_t)count;

	(void)a3, (void)a4, (void)a5;
	if (mc->active) {
		return refuse(-XEN_EINVAL, REASON_NOT_IN_MULTICALL);
	}
	for (uint32_t i = 0; i < n; i++) {
		gva_t at = list + (uint64_t)i * sizeof(struct multicall_entry);
		long rc;

		/* Each entry may have taken as long as a call may. */
		if (i != 0 && hypercall_preempt()) {
			return hypercall_restart(__HYPERVISOR_multicall, at, n - i, 0, 0, 0);
		}
		rc = run_entry(mc, at);
		if (rc == -XEN_ERESTART) {
			return hypercall_restart(__HYPERVISOR_multicall, at, n - i, 0, 0, 0);
		}
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}
