/* Where a guest wants its traps and callbacks: set_trap_table, callback_op, set_callbacks, nmi_op, stack_switch. */
#include "pv/guest.h"

#include <xen/callback.h>
#include <xen/nmi.h>

#include "base/refuse.h"
#include "core/copy.h"
#include "core/hypercall.h"
#include "pv/guest.h"
#include "x86/percpu.h"
#include "x86/pte.h"

static bool handler_ok(uint64_t a)
{
	return va_canonical(a) && (a < HV_START || a >= HV_END);
}

/* Field by field: what lies between them is read with a context, and would be our stack's. */
void trapreg_set(struct vcpu *v, const struct trap_info *t)
{
	struct trap_info *slot = &v->pv->traps[t->vector];

	slot->vector = t->vector;
	slot->flags = t->flags;
	slot->cs = t->cs;
	slot->address = handler_ok(t->address) ? t->address : 0;
}

long do_set_trap_table(uint64_t traps, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct vcpu *v = cpu_current();
	struct trap_info t;

	(void)a2, (void)a3, (void)a4, (void)a5;
	if (!traps) {
		for (unsigned int i = 0; i < 256; i++) {
			trapreg_set(v, &(struct trap_info){ .vector = (uint8_t)i });
		}
		return 0;
	}
	/* The list ends with a zero address; 256 entries at most make sense. */
	for (unsigned int i = 0; i < 256; i++) {
		if (copy_in_at(&t, traps, i)) {
			return -XEN_EFAULT;
		}
		if (!t.address) {
			break;
		}
		if (!handler_ok(t.address)) {
			return refuse_at(-XEN_EINVAL, REASON_NOT_CANONICAL, t.address);
		}
		trapreg_set(v, &t);
	}
	return 0;
}

static struct pv_callback *callback_slot(struct pv_vcpu *p, unsigned int type)
{
	switch (type) {
	case CALLBACKTYPE_event:
		return &p->event;
	case CALLBACKTYPE_failsafe:
		return &p->failsafe;
	case CALLBACKTYPE_syscall:
		return &p->syscall;
	case CALLBACKTYPE_syscall32:
		return &p->syscall32;
	case CALLBACKTYPE_sysenter:
		return &p->sysenter;
	default:
		return NULL;
	}
}

/* An NMI is a trap like others, of any vCPU; only that it masks events is not the guest's to choose. */
static long register_nmi(struct vcpu *v, uint64_t address)
{
	struct trap_info t = { .vector = 2, .flags = 4, .cs = FLAT_KERNEL_CS, .address = address };

	if (!handler_ok(address)) {
		return refuse_at(-XEN_EINVAL, REASON_NOT_CANONICAL, address);
	}
	trapreg_set(v, &t);
	return 0;
}

static long unregister_nmi(struct vcpu *v)
{
	v->pv->traps[2] = (struct trap_info){ .vector = 2 };
	return 0;
}

long do_callback_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct vcpu *v = cpu_current();
	struct callback_register reg;
	struct callback_unregister unreg;
	struct pv_callback *slot;

	(void)a3, (void)a4, (void)a5;
	switch ((uint32_t)cmd) { /* an int in the ABI */
	case CALLBACKOP_register:
		if (copy_in(&reg, arg)) {
			return -XEN_EFAULT;
		}
		if (reg.type == CALLBACKTYPE_nmi) {
			return register_nmi(v, reg.address);
		}
		slot = callback_slot(v->pv, reg.type);
		if (!slot) {
			return refuse_at(-XEN_ENOSYS, REASON_NO_SUCH_CALLBACK, reg.type);
		}
		if (!handler_ok(reg.address)) {
			return refuse_at(-XEN_EINVAL, REASON_NOT_CANONICAL, reg.address);
		}
		*slot = (struct pv_callback){ reg.address, reg.flags & CALLBACKF_mask_events };
		if (slot == &v->pv->event) {
			slot->mask_events = true;
		}
		return 0;
	case CALLBACKOP_unregister:
		if (copy_in(&unreg, arg)) {
			return -XEN_EFAULT;
		}
		if (unreg.type == CALLBACKTYPE_nmi) {
			return unregister_nmi(v);
		}
		/* Only those that a guest can live without. */
		if (unreg.type != CALLBACKTYPE_syscall32 && unreg.type != CALLBACKTYPE_sysenter) {
			return callback_slot(v->pv, unreg.type)
				       ? refuse_at(-XEN_EINVAL, REASON_CALLBACK_NEEDED, unreg.type)
				       : refuse_at(-XEN_ENOSYS, REASON_NO_SUCH_CALLBACK,
						   unreg.type);
		}
		*callback_slot(v->pv, unreg.type) = (struct pv_callback){ 0, false };
		return 0;
	default:
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
}

long do_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall, uint64_t a4, uint64_t a5)
{
	struct pv_vcpu *p = cpu_current()->pv;

	(void)a4, (void)a5;
	if (!handler_ok(event) || !handler_ok(failsafe) || !handler_ok(syscall)) {
		return refuse_at(-XEN_EINVAL, REASON_NOT_CANONICAL, event);
	}
	p->event = (struct pv_callback){ event, true };
	p->failsafe = (struct pv_callback){ failsafe, false };
	p->syscall = (struct pv_callback){ syscall, false };
	return 0;
}

long do_nmi_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct vcpu *v = cpu_current();
	struct xennmi_callback cb;

	(void)a3, (void)a4, (void)a5;
	switch ((uint32_t)cmd) { /* an int in the ABI */
	case XENNMI_register_callback:
		if (copy_in(&cb, arg)) {
			return -XEN_EFAULT;
		}
		return register_nmi(v, cb.handler_address);
	case XENNMI_unregister_callback:
		return unregister_nmi(v);
	default:
		return refuse(-XEN_ENOSYS, REASON_NO_SUCH_OPERATION);
	}
}

long do_stack_switch(uint64_t ss, uint64_t sp, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct pv_vcpu *p = cpu_current()->pv;

	(void)a3, (void)a4, (void)a5;
	p->kernel_ss = (ss & 0xffff) | 3;
	p->kernel_sp = sp;
	return 0;
}

long do_fpu_taskswitch(uint64_t set, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct pv_vcpu *p = cpu_current()->pv;

	(void)a2, (void)a3, (void)a4, (void)a5;
	p->cr0_ts = set ? 8 : 0;
	__asm__ volatile("mov %0, %%cr0" ::"r"(0x80050033UL | p->cr0_ts));
	return 0;
}
