/*
 * The hypercall table: number, name, handler, who may call.  Handlers take the
 * five argument registers and return the value for RAX.
 *
 * A handler that runs long returns hypercall_restart(...): the guest issues the call again with
 * the given arguments; pending work is done in between.
 */
#ifndef PAVANE_CORE_HYPERCALL_H
#define PAVANE_CORE_HYPERCALL_H

#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include "base/stretch.h"
#include "lib/types.h"
#include "base/refuse.h"

typedef long (*hypercall_fn)(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

#define HYPERCALLS 64
struct hypercall {
	hypercall_fn fn; /* NULL: -ENOSYS */
	const char *name;
	uint8_t nargs;
	uint8_t who; /* HC_ANY or HC_PRIVILEGED */
};
enum { HC_ANY, HC_PRIVILEGED };
extern const struct hypercall hypercall_table[HYPERCALLS];

/* May the current guest make this call, whose number is in range and has a handler?  -EPERM or 0. */
long hypercall_check(const struct hypercall *h);

/* Dispatches one call of the current guest (not multicall-internal bookkeeping). */
static inline long hypercall_call(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
				  uint64_t a5)
{
	const struct hypercall *h = &hypercall_table[nr % HYPERCALLS];

	stretch_begin((unsigned int)nr % HYPERCALLS, a1);
	if (nr >= HYPERCALLS || !h->fn) {
		return refuse_at(-XEN_ENOSYS, REASON_NO_SUCH_CALL, nr);
	}
	if (h->who != HC_ANY) {
		long rc = hypercall_check(h);

		if (rc) {
			return rc;
		}
	}
	return h->fn(a1, a2, a3, a4, a5);
}

/* Should a long-running handler stop between items?  Opens the interrupt window; no lock may be held. */
bool hypercall_preempt(void);
long hypercall_restart(unsigned int nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
		       uint64_t a5);

/* Set while a multicall entry runs: restart rewrites the entry instead of the registers. */
struct multicall_state {
	bool active;
	bool restarted;
	uint64_t op;
	uint64_t args[6];
};
struct multicall_state *multicall_current(void); /* this CPU's */

/* Handlers, by file. */
long do_memory_op(uint64_t cmd, uint64_t arg, uint64_t, uint64_t, uint64_t); /* core/memory_op.c */
long do_sched_op(uint64_t cmd, uint64_t arg, uint64_t, uint64_t, uint64_t);  /* core/sched_op.c */
long do_sched_op_compat(uint64_t cmd, uint64_t arg, uint64_t, uint64_t, uint64_t);
long do_set_timer_op(uint64_t when, uint64_t, uint64_t, uint64_t, uint64_t);
long do_vcpu_op(uint64_t cmd, uint64_t vcpu, uint64_t arg, uint64_t, uint64_t); /* core/vcpu_op.c */
long do_xen_version(uint64_t cmd, uint64_t arg, uint64_t, uint64_t, uint64_t);	/* core/version.c */
long do_vm_assist(uint64_t cmd, uint64_t type, uint64_t, uint64_t, uint64_t);
long do_console_io(uint64_t cmd, uint64_t count, uint64_t buf, uint64_t,
		   uint64_t); /* core/console_io.c */
long do_multicall(uint64_t list, uint64_t count, uint64_t, uint64_t,
		  uint64_t); /* core/hypercall.c */
long do_event_channel_op(uint64_t cmd, uint64_t arg, uint64_t, uint64_t,
			 uint64_t); /* core/evtchn_op.c */
long do_event_channel_op_compat(uint64_t arg, uint64_t, uint64_t, uint64_t, uint64_t);
long do_grant_table_op(uint64_t cmd, uint64_t uop, uint64_t count, uint64_t,
		       uint64_t);					     /* core/grant_op.c */
long do_pavane_op(uint64_t cmd, uint64_t arg, uint64_t, uint64_t, uint64_t); /* core/refusals.c */
long do_xsm_op(uint64_t arg, uint64_t, uint64_t, uint64_t, uint64_t);	     /* -ENOSYS */
/* pv/ */
long do_set_trap_table(uint64_t traps, uint64_t, uint64_t, uint64_t, uint64_t);
long do_mmu_update(uint64_t ureqs, uint64_t count, uint64_t pdone, uint64_t foreign, uint64_t);
long do_set_gdt(uint64_t frames, uint64_t entries, uint64_t, uint64_t, uint64_t);
long do_stack_switch(uint64_t ss, uint64_t sp, uint64_t, uint64_t, uint64_t);
long do_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall, uint64_t, uint64_t);
long do_fpu_taskswitch(uint64_t set, uint64_t, uint64_t, uint64_t, uint64_t);
long do_set_debugreg(uint64_t reg, uint64_t value, uint64_t, uint64_t, uint64_t);
long do_get_debugreg(uint64_t reg, uint64_t, uint64_t, uint64_t, uint64_t);
long do_update_descriptor(uint64_t maddr, uint64_t desc, uint64_t, uint64_t, uint64_t);
long do_update_va_mapping(uint64_t va, uint64_t entry, uint64_t flags, uint64_t, uint64_t);
long do_update_va_mapping_otherdomain(uint64_t va, uint64_t entry, uint64_t flags, uint64_t domid,
				      uint64_t);
long do_iret(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
long do_set_segment_base(uint64_t which, uint64_t base, uint64_t, uint64_t, uint64_t);
long do_mmuext_op(uint64_t ops, uint64_t count, uint64_t pdone, uint64_t foreign, uint64_t);
long do_nmi_op(uint64_t cmd, uint64_t arg, uint64_t, uint64_t, uint64_t);
long do_callback_op(uint64_t cmd, uint64_t arg, uint64_t, uint64_t, uint64_t);
long do_mca(uint64_t arg, uint64_t, uint64_t, uint64_t, uint64_t);
/* ctl/ */
long do_platform_op(uint64_t arg, uint64_t, uint64_t, uint64_t, uint64_t);
long do_physdev_op(uint64_t cmd, uint64_t arg, uint64_t, uint64_t, uint64_t);
long do_sysctl(uint64_t arg, uint64_t, uint64_t, uint64_t, uint64_t);
long do_domctl(uint64_t arg, uint64_t, uint64_t, uint64_t, uint64_t);

#endif
