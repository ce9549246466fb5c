/* Registers by their encoding, and fetching code: shared by ptemul.c and privop.c. */
#ifndef PAVANE_PV_EMULATE_H
#define PAVANE_PV_EMULATE_H

#include "arch/cpu.h"
#include "pv/decode.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/regs.h"
#include "x86/ucopy.h"

struct vcpu;

static inline uint64_t *emulate_reg(struct regs *r, unsigned int n)
{
	switch (n & 15) {
	case 0:
		return &r->rax;
	case 1:
		return &r->rcx;
	case 2:
		return &r->rdx;
	case 3:
		return &r->rbx;
	case 4:
		return &r->rsp;
	case 5:
		return &r->rbp;
	case 6:
		return &r->rsi;
	case 7:
		return &r->rdi;
	case 8:
		return &r->r8;
	case 9:
		return &r->r9;
	case 10:
		return &r->r10;
	case 11:
		return &r->r11;
	case 12:
		return &r->r12;
	case 13:
		return &r->r13;
	case 14:
		return &r->r14;
	default:
		return &r->r15;
	}
}

/* What an instruction's prefix adds to its address; other segments have base 0. */
static inline uint64_t emulate_segment_base(const struct decoded *d)
{
	return d->segment == 0x64   ? rdmsr(MSR_FS_BASE)
	       : d->segment == 0x65 ? rdmsr(MSR_GS_BASE)
				    : 0;
}

/* Behind an instruction of so many bytes that was done for the guest; if it single-steps, it is told. */
void emulate_done(struct vcpu *v, struct regs *r, unsigned int length);

/* Bytes at RIP: as many of 15 as can be read, and as there are before the addresses of its half end. */
static inline unsigned int emulate_fetch(uint8_t code[15], uint64_t rip)
{
	uint64_t room = rip < LOW_HALF_END ? LOW_HALF_END - rip : -rip;
	unsigned int n = (unsigned int)MIN(room, 15);

	return n - (unsigned int)cpu_copy_from_guest(code, rip, n);
}

#endif
