/*
 * The iret hypercall: the guest kernel's way back from a trap, to user mode or to an
 * interrupted kernel (public/arch-x86/xen-x86_64.h, struct iret_context).
 */
#include "arch/cpu.h"
#include "core/hypercall.h"
#include "core/softirq.h"
#include "pv/guest.h"
#include "x86/percpu.h"
#include "x86/ucopy.h"

/* RCX and R11 from the frame: unless it returns from a system call, which has lost them anyway. */
static bool restore_clobbered(struct regs *r, const struct iret_context *at)
{
	r->vector &= ~REGS_SYSCALL;
	return guest_get64(&r->r11, &at->r11) && guest_get64(&r->rcx, &at->rcx);
}

long do_iret(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct vcpu *v = cpu_info()->current;
	struct regs *r = guest_regs();
	const struct iret_context *at = (const struct iret_context *)r->rsp;
	uint64_t rip, cs, rflags, rsp, ss, rax, flags;

	(void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
	if (unlikely(!guest_range(r->rsp, sizeof(*at))) || !guest_get64(&rip, &at->rip) ||
	    !guest_get64(&cs, &at->cs) || !guest_get64(&rflags, &at->rflags) ||
	    !guest_get64(&rsp, &at->rsp) || !guest_get64(&ss, &at->ss) ||
	    !guest_get64(&rax, &at->rax) || !guest_get64(&flags, &at->flags) ||
	    (!(flags & VGCF_in_syscall) && !restore_clobbered(r, at))) {
		domain_crash(v->domain, "iret: frame at %#lx cannot be read", r->rsp);
		return 0;
	}
	if ((cs & 3) == 3) {
		if (unlikely(!v->pv->user_cr3)) {
			domain_crash(v->domain,
				     "iret to user mode at %#lx without user page tables", rip);
			return 0;
		}
		guest_toggle_mode(v);
	}
	r->rip = rip;
	r->cs = (cs & 0xffff) | 3;
	/* Neither VM, nor IOPL, nor a closed interrupt flag is the guest's to choose. */
	r->rflags = (rflags & 0x254dd5) | 0x202;
	r->rsp = rsp;
	r->ss = (ss & 0xffff) | 3;
	v->info->evtchn_upcall_mask = !(rflags & 0x200);
	if (unlikely(v->pv->nmi_masked)) {
		v->pv->nmi_masked = false;
		softirq_raise(SOFTIRQ_NMI); /* there may be another */
	}
	return (long)rax;
}
