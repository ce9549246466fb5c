/*
 * Privileged instructions of a guest kernel, decoded at the #GP they cause: MSRs,
 * control registers, ports.  What a guest may not do is #GP to it as well.
 */
#include "arch/cpu.h"
#include "arch/guest.h"
#include "core/rights.h"
#include "core/sched/sched.h"
#include "mm/ptwalk.h"
#include "pv/emulate.h"
#include "pv/guest.h"
#include "x86/cpu.h"
#include "x86/fpu.h"
#include "x86/percpu.h"
#include "x86/pte.h"
#include "x86/tlb.h"
#include "x86/ucopy.h"

#define EFLAGS_TF   0x100u
#define EFLAGS_DF   0x400u
#define EFLAGS_RF   0x10000u
#define DR6_BS	    0x4000u

#define CR0_VISIBLE 0x80050033u /* of CR0 only TS is the guest's */

static bool do_cpuid(struct vcpu *v, struct regs *r)
{
	uint32_t a, b, c, d;

	guest_cpuid(v, (uint32_t)r->rax, (uint32_t)r->rcx, &a, &b, &c, &d);
	r->rax = a;
	r->rbx = b;
	r->rcx = c;
	r->rdx = d;
	return true;
}

void emulate_done(struct vcpu *v, struct regs *r, unsigned int length)
{
	r->rip += length;
	r->rflags &= ~(uint64_t)EFLAGS_RF;
	if (unlikely(r->rflags & EFLAGS_TF)) {
		v->pv->dr[6] |= DR6_BS;
		bounce_trap(v, r, 1, false, 0);
	}
}

out_of_line bool privop_forced_cpuid(struct vcpu *v, struct regs *r)
{
	static const uint8_t want[7] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
	uint8_t code[7];

	if (cpu_copy_from_guest(code, r->rip, sizeof(code)) ||
	    __builtin_memcmp(code, want, sizeof(code))) {
		return false;
	}
	do_cpuid(v, r);
	emulate_done(v, r, sizeof(code));
	return true;
}

/*
 * What became of an instruction: done, or one item of it (REP); not yet, it comes again; or a page fault has been
 * delivered in its stead.
 */
enum outcome { DONE, AGAIN, RESTART, FAULTED };

static bool read_control(struct vcpu *v, unsigned int n, uint64_t *value)
{
	struct pv_vcpu *p = v->pv;

	switch (n) {
	case 0:
		*value = CR0_VISIBLE | p->cr0_ts;
		return true;
	case 2:
		*value = p->cr2;
		return true;
	case 3:
		*value = p->kernel_cr3;
		return true;
	case 4:
		*value = 0x20 | CR4_OSFXSR | CR4_OSXMMEXCPT |
			 (cpu_features.xsave ? CR4_OSXSAVE : 0);
		return true;
	default:
		return false;
	}
}

static bool write_control(struct vcpu *v, unsigned int n, uint64_t value, enum outcome *o)
{
	struct pv_vcpu *p = v->pv;
	int rc;

	switch (n) {
	case 0:
		if ((value ^ CR0_VISIBLE) & ~8ULL) {
			return false;
		}
		p->cr0_ts = value & 8;
		__asm__ volatile("mov %0, %%cr0" ::"r"(0x80050033UL | p->cr0_ts));
		return true;
	case 2:
		p->cr2 = value;
		v->info->arch.cr2 = value;
		return true;
	case 3:
		rc = guest_set_base(v, paddr_to_mfn(value), false);
		if (rc == -XEN_ERESTART) {
			*o = RESTART;
		}
		return rc == 0 || rc == -XEN_ERESTART;
	case 4:
		return true; /* what a guest cannot have it silently does not get */
	default:
		return false;
	}
}

static bool do_xsetbv(struct vcpu *v, struct regs *r)
{
	uint64_t value = (uint32_t)r->rax | r->rdx << 32;

	if ((uint32_t)r->rcx != 0 || (value & ~fpu_host_xcr0()) || xsetbv_safe(value)) {
		return false;
	}
	v->pv->xcr0 = value;
	return true;
}

static uint64_t merge(uint64_t old, uint64_t v, unsigned int bytes)
{
	return bytes == 4   ? (uint32_t)v
	       : bytes == 2 ? (old & ~0xffffULL) | (v & 0xffff)
			    : (old & ~0xffULL) | (v & 0xff);
}

/* A guest kernel counts as level 1, its user mode as 3. */
static bool iopl_allows(const struct vcpu *v)
{
	return v->pv->iopl >= (v->pv->kernel_mode ? 1 : 3);
}

/* Who lacks the level may have single ports by the bitmap, which lies in the guest kernel's memory. */
static bool bitmap_allows(struct vcpu *v, unsigned int port, unsigned int bytes)
{
	struct pv_vcpu *p = v->pv;
	uint8_t bits[2] = { 0xff, 0xff };
	unsigned int first = port / 8, last = (port + bytes - 1) / 8;

	if (port + bytes > p->io_bitmap_ports) {
		return false;
	}
	if (!p->kernel_mode) {
		tlb_load_cr3(p->kernel_cr3);
	}
	if (cpu_copy_from_guest(bits, p->io_bitmap + first, last - first + 1)) {
		bits[0] = bits[1] = 0xff;
	}
	if (!p->kernel_mode) {
		guest_load_cr3(v);
	}
	return !((bits[0] | bits[1] << 8) >> (port & 7) & ((1 << bytes) - 1));
}

static bool port_allowed(struct vcpu *v, unsigned int port, unsigned int bytes)
{
	return iopl_allows(v) || bitmap_allows(v, port, bytes);
}

static bool do_in_out(struct vcpu *v, struct regs *r, const struct decoded *d)
{
	unsigned int port = d->port_in_dx ? r->rdx & 0xffff : (unsigned int)d->imm;

	if (!port_allowed(v, port, d->bytes)) {
		return false;
	}
	if (d->op == DECODE_IN) {
		r->rax = merge(r->rax, guest_port_in(v->domain, port, d->bytes), d->bytes);
	} else {
		guest_port_out(v->domain, port, d->bytes, (uint32_t)r->rax);
	}
	return true;
}

/* What could not be copied is there or not: the processor would have said which. */
static enum outcome memory_fault(struct vcpu *v, struct regs *r, uint64_t at, uint32_t error)
{
	struct pv_vcpu *p = v->pv;
	struct domain *d = v->domain;
	uint64_t e;

	spin_lock(&d->pages.pt_lock);
	e = ptwalk_l1e(paddr_to_mfn(p->kernel_mode ? p->kernel_cr3 : p->user_cr3), at);
	spin_unlock(&d->pages.pt_lock);
	bounce_page_fault(v, r, at, error | (e & PTE_P ? PF_PRESENT : 0));
	return FAULTED;
}

/* One item of INS or OUTS; with REP, RIP stays until the count is used up. */
static bool do_string_io(struct vcpu *v, struct regs *r, const struct decoded *d, enum outcome *o)
{
	uint64_t mask = d->address32 ? 0xffffffff : ~0ULL;
	uint64_t step = r->rflags & EFLAGS_DF ? -(uint64_t)d->bytes : d->bytes;
	uint64_t *at = d->op == DECODE_INS ? &r->rdi : &r->rsi, offset = *at & mask;
	uint64_t address = offset + (d->op == DECODE_OUTS ? emulate_segment_base(d) : 0);
	unsigned int port = r->rdx & 0xffff;
	uint32_t value = 0;
	size_t left;

	if (d->rep && !(r->rcx & mask)) {
		return true;
	}
	if (!port_allowed(v, port, d->bytes) || !guest_range(address, d->bytes)) {
		return false;
	}
	if (d->op == DECODE_INS) {
		value = guest_port_in(v->domain, port, d->bytes);
		left = cpu_copy_to_guest(address, &value, d->bytes);
	} else {
		left = cpu_copy_from_guest(&value, address, d->bytes);
	}
	if (left) {
		*o = memory_fault(v, r, address + d->bytes - left,
				  d->op == DECODE_INS ? PF_WRITE : 0);
		return true;
	}
	if (d->op == DECODE_OUTS) {
		guest_port_out(v->domain, port, d->bytes, value);
	}
	*at = (offset + step) & mask;
	if (d->rep) {
		r->rcx = (r->rcx - 1) & mask;
		*o = r->rcx ? AGAIN : DONE;
	}
	return true;
}

static bool do_rdmsr(struct vcpu *v, struct regs *r)
{
	uint64_t value;

	if (!guest_rdmsr(v, (uint32_t)r->rcx, &value)) {
		return false;
	}
	r->rax = (uint32_t)value;
	r->rdx = value >> 32;
	return true;
}

static bool do_read_debug(struct vcpu *v, struct regs *r, const struct decoded *d)
{
	if (d->control >= 8) {
		return false;
	}
	*emulate_reg(r, d->reg) = debugreg_get(v, d->control);
	return true;
}

static bool do_wbinvd(const struct vcpu *v)
{
	if (v->domain->hardware) {
		__asm__ volatile("wbinvd" ::: "memory");
	}
	return true;
}

/* What a kernel alone may do. */
static bool do_privileged(struct vcpu *v, struct regs *r, const struct decoded *d, enum outcome *o)
{
	switch (d->op) {
	case DECODE_CPUID:
		return do_cpuid(v, r);
	case DECODE_RDMSR:
		return do_rdmsr(v, r);
	case DECODE_WRMSR:
		return guest_wrmsr(v, (uint32_t)r->rcx, (uint32_t)r->rax | r->rdx << 32);
	case DECODE_MOV_FROM_CR:
		return read_control(v, d->control, emulate_reg(r, d->reg));
	case DECODE_MOV_TO_CR:
		return write_control(v, d->control, *emulate_reg(r, d->reg), o);
	case DECODE_MOV_FROM_DR:
		return do_read_debug(v, r, d);
	case DECODE_MOV_TO_DR:
		return debugreg_set(v, d->control, *emulate_reg(r, d->reg));
	case DECODE_CLTS:
		return write_control(v, 0, CR0_VISIBLE, o);
	case DECODE_WBINVD:
		return do_wbinvd(v);
	case DECODE_XSETBV:
		return do_xsetbv(v, r);
	case DECODE_HLT:
		sched_block();
		return true;
	default:
		return false;
	}
}

static bool do_one(struct vcpu *v, struct regs *r, const struct decoded *d, enum outcome *o)
{
	switch (d->op) {
	case DECODE_IN:
	case DECODE_OUT:
		return do_in_out(v, r, d);
	case DECODE_INS:
	case DECODE_OUTS:
		return do_string_io(v, r, d, o);
	case DECODE_CLI:
	case DECODE_STI:
		return iopl_allows(v); /* the real mask is in vcpu_info */
	default:
		return v->pv->kernel_mode && do_privileged(v, r, d, o);
	}
}

/* By its descriptor: the user mode of a 64-bit guest may run 32-bit code. */
static bool code_is_64bit(const struct regs *r)
{
	uint32_t access = 0;

	__asm__("lar %1, %0" : "+r"(access) : "r"((uint32_t)r->cs) : "cc");
	return access & 1u << 21;
}

bool privop_emulate(struct vcpu *v, struct regs *r)
{
	struct decoded d;
	uint8_t code[15];
	enum outcome o = DONE;
	bool code64 = r->cs == GUEST_CS64 || code_is_64bit(r);

	decode(&d, code, emulate_fetch(code, r->rip), code64);
	if (!code64) {
		if (d.address32) {
			return false; /* there the prefix means 16 bits */
		}
		d.address32 = true;
	}
	if (d.op < DECODE_RDMSR || !do_one(v, r, &d, &o)) {
		return false;
	}
	if (o == DONE || o == AGAIN) {
		emulate_done(v, r, o == DONE ? d.length : 0);
	}
	return true;
}
