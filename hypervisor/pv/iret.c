/*
 * The iret hypercall: the guest kernel's way back from a trap, to user mode or to an
 * interrupted kernel (public/arch-x86/xen-x86_64.h, struct iret_context).
 */
#include "arch/cpu.h"
#include "core/copy.h"
#include "core/hypercall.h"
#include "pv/guest.h"
#include "x86/percpu.h"

long do_iret(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct vcpu *v = cpu_info()->current;
	struct regs *r = guest_regs();
	struct iret_context c;

	(void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
	if (unlikely(copy_in(&c, r->rsp))) {
		domain_crash(v->domain, "iret: frame at %#lx cannot be read", r->rsp);
		return 0;
	}
	if ((c.cs & 3) == 3) {
		if (unlikely(!v->pv->user_cr3)) {
			domain_crash(v->domain,
				     "iret to user mode at %#lx without user page tables", c.rip);
			return 0;
		}
		guest_toggle_mode(v);
	}
	r->rip = c.rip;
	r->cs = (c.cs & 0xffff) | 3;
	/* Neither VM, nor IOPL, nor a closed interrupt flag is the guest's to choose. */
	r->rflags = (c.rflags & 0x254dd5) | 0x202;
	r->rsp = c.rsp;
	r->ss = (c.ss & 0xffff) | 3;
	if (!(c.flags & VGCF_in_syscall)) {
		r->vector &= ~REGS_SYSCALL;
		r->r11 = c.r11;
		r->rcx = c.rcx;
	}
	v->info->evtchn_upcall_mask = !(c.rflags & 0x200);
	return (long)c.rax;
}
