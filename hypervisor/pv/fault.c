/*
 * Exceptions from a guest: what the hypervisor mends or emulates, and what it passes on.
 */
#include "arch/cpu.h"
#include "arch/upcall.h"
#include "base/log.h"
#include "pv/emulate.h"
#include "pv/guest.h"
#include "x86/cpu.h"
#include "x86/pte.h"

static void page_fault(struct vcpu *v, struct regs *r)
{
	uint64_t cr2 = read_cr2();

	if (unlikely(cr2 >= PERDOMAIN_BASE) && segments_fault(v, r, cr2, r->error_code)) {
		return;
	}
	if ((r->error_code & (PF_PRESENT | PF_WRITE)) == (PF_PRESENT | PF_WRITE) &&
	    v->pv->kernel_mode && ptemul_write(v, r, cr2)) {
		return;
	}
	bounce_page_fault(v, r, cr2, r->error_code);
}

/*
 * int n through a gate that ring 3 may not use faults here; the guest's own table says whether it may.  A guest
 * kernel counts as level 1.
 */
static bool software_interrupt(struct vcpu *v, struct regs *r)
{
	unsigned int vector = r->error_code >> 3 & 0xff;
	const struct trap_info *t = &v->pv->traps[vector];
	uint8_t code[2];

	if (!(r->error_code & 2) || (r->error_code & 1)) {
		return false;
	}
	if (cpu_copy_from_guest(code, r->rip, 2) || code[0] != 0xcd) {
		return false;
	}
	/* Some emulators report a doubled vector: the instruction itself is the truth. */
	vector = code[1];
	t = &v->pv->traps[vector];
	if (!t->address || TI_GET_DPL(t) < (v->pv->kernel_mode ? 1 : 3)) {
		r->error_code = vector << 3 | 2;
		return false;
	}
	r->rip += 2;
	bounce_trap(v, r, vector, false, 0);
	return true;
}

static out_of_line void general_protection(struct vcpu *v, struct regs *r)
{
	if (software_interrupt(v, r)) {
		return;
	}
	if (r->error_code == 0 && privop_emulate(v, r)) {
		return;
	}
	bounce_gp(v, r, r->error_code);
}

static out_of_line void debug_trap(struct vcpu *v, struct regs *r)
{
	uint64_t dr6;

	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	/* As on the machine, causes stay until the guest clears them. */
	v->pv->dr[6] |= dr6 & 0xe00f;
	__asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0UL));
	bounce_trap(v, r, 1, false, 0);
}

/* Which exceptions push an error code: 8, 10 to 14, 17. */
#define HAS_ERROR 0x00027d00u

void upcall_guest_trap(struct regs *r)
{
	struct vcpu *v = cpu_current();
	unsigned int vector = r->vector & 0xff;

	switch (vector) {
	case 14:
		page_fault(v, r);
		return;
	case 13:
		general_protection(v, r);
		return;
	case 1:
		debug_trap(v, r);
		return;
	case 6:
		if (privop_forced_cpuid(v, r)) {
			return;
		}
		break;
	case 7:
		if (!v->pv->cr0_ts) {
			__asm__ volatile("clts");
			return;
		}
		__asm__ volatile("clts");
		v->pv->cr0_ts = 0; /* as the ABI's lazy switching has it: cleared before the trap */
		break;
	case 0x80:
		if (!v->pv->traps[0x80].address) {
			r->rip -= 2;
			bounce_gp(v, r, 0x80 << 3 | 2);
			return;
		}
		bounce_trap(v, r, 0x80, false, 0);
		return;
	default:
		break;
	}
	bounce_trap(v, r, vector, vector < 32 && (HAS_ERROR >> vector & 1), r->error_code);
}
