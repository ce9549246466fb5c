/*
 * Traps and events into a guest: a frame on the guest kernel's stack, and the
 * registers set to run its handler.  Low to high: RCX, R11, [error code], RIP, CS with
 * the saved event mask above it, RFLAGS, RSP, SS (measured layout; public/arch-x86/xen-x86_64.h).
 */
#include "arch/cpu.h"
#include "base/log.h"
#include "pv/guest.h"
#include "x86/percpu.h"
#include "x86/ucopy.h"

#define EFLAGS_CLEARED \
	0x77700u /* TF IF DF OF IOPL NT RF AC: as an interrupt through a gate, and IOPL */
#define EFLAGS_IF      0x200u
#define EFLAGS_IOPL    0x3000u
#define FRAME_BYTES    (8 * 8) /* the longest */
#define FAILSAFE_BYTES (6 * 8) /* RCX, R11 and the selectors */

/* The words of a frame, from the top down, onto the stack of the page tables that are loaded. */
static bool push_frame(struct regs *r, uint64_t *top, uint64_t cs, uint64_t rflags, bool has_error,
		       uint32_t error)
{
	uint64_t *at = top - 5;

	if (!guest_put64(top - 1, r->ss & 0xffff) || !guest_put64(top - 2, r->rsp) ||
	    !guest_put64(top - 3, rflags) || !guest_put64(top - 4, cs) ||
	    !guest_put64(at, r->rip)) {
		return false;
	}
	if (has_error && !guest_put64(--at, error)) {
		return false;
	}
	if (!guest_put64(at - 1, r->r11) || !guest_put64(at - 2, r->rcx)) {
		return false;
	}
	r->rsp = (uint64_t)(at - 2);
	return true;
}

static inline bool make_frame(struct vcpu *v, struct regs *r, uint64_t handler, bool has_error,
			      uint32_t error)
{
	struct pv_vcpu *p = v->pv;
	uint64_t mask = v->info->evtchn_upcall_mask;
	uint64_t sp = r->rsp, cs = r->cs & 0xffff;

	if (p->kernel_mode) {
		cs &= ~3ULL;
	} else {
		if (unlikely(!p->kernel_cr3)) {
			return false;
		}
		sp = p->kernel_sp;
		guest_toggle_mode(v);
	}
	sp &= ~15ULL;
	if (unlikely(!guest_range(sp - FRAME_BYTES, FRAME_BYTES)) ||
	    unlikely(!push_frame(r, (uint64_t *)sp, cs | mask << 32,
				 (r->rflags & ~(uint64_t)(EFLAGS_IF | EFLAGS_IOPL)) |
					 (mask ? 0 : EFLAGS_IF),
				 has_error, error))) {
		return false;
	}
	r->rip = handler;
	r->cs = GUEST_CS64;
	r->ss = GUEST_DS;
	r->rflags = (r->rflags & ~(uint64_t)EFLAGS_CLEARED) | EFLAGS_IF;
	r->vector |= REGS_SYSCALL; /* RCX and R11 are in the frame: SYSRET may be used */
	return true;
}

void bounce_trap(struct vcpu *v, struct regs *r, unsigned int vector, bool has_error,
		 uint32_t error)
{
	const struct trap_info *t = &v->pv->traps[vector];

	if (!t->address) {
		domain_crash(v->domain, "vCPU %u: trap %u (error %#x) at %#lx without a handler",
			     v->id, vector, error, r->rip);
		return;
	}
	if (!make_frame(v, r, t->address, has_error, error)) {
		domain_crash(v->domain, "vCPU %u: no stack for trap %u at %#lx (stack %#lx)", v->id,
			     vector, r->rip, r->rsp);
		return;
	}
	if (TI_GET_IF(t)) {
		v->info->evtchn_upcall_mask = 1;
	}
}

void bounce_gp(struct vcpu *v, struct regs *r, uint32_t error)
{
	bounce_trap(v, r, 13, true, error);
}

/* The guest sees its own notion of user mode in the error code, not ring 3. */
void bounce_page_fault(struct vcpu *v, struct regs *r, uint64_t cr2, uint32_t error)
{
	error = v->pv->kernel_mode ? error & ~4u : error | 4u;
	v->pv->cr2 = cr2;
	v->info->arch.cr2 = cr2;
	bounce_trap(v, r, 14, true, error);
}

bool bounce_callback(struct vcpu *v, struct regs *r, const struct pv_callback *cb)
{
	if (!cb->address || !make_frame(v, r, cb->address, false, 0)) {
		domain_crash(v->domain, "vCPU %u: no stack or address for a callback at %#lx",
			     v->id, r->rip);
		return false;
	}
	if (cb->mask_events) {
		v->info->evtchn_upcall_mask = 1;
	}
	return true;
}

/*
 * What the guest asked to return to cannot be entered.  The frame holds it all the same, and between R11 and RIP the
 * data selectors, low to high DS ES FS GS: where they differ from what is loaded, it was they that were refused.
 */
bool bounce_failsafe(struct vcpu *v, struct regs *r, const struct selectors *sel)
{
	uint64_t *at;

	if (!bounce_callback(v, r, &v->pv->failsafe)) {
		return false;
	}
	at = (uint64_t *)r->rsp - 4;
	if (!guest_range((gva_t)at, FAILSAFE_BYTES) || !guest_put64(at, r->rcx) ||
	    !guest_put64(at + 1, r->r11) || !guest_put64(at + 2, sel->ds) ||
	    !guest_put64(at + 3, sel->es) || !guest_put64(at + 4, sel->fs) ||
	    !guest_put64(at + 5, sel->gs)) {
		domain_crash(v->domain, "vCPU %u: no stack for the failsafe callback", v->id);
		return false;
	}
	r->rsp = (uint64_t)at;
	return true;
}
