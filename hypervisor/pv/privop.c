/*
 * Privileged instructions of a guest kernel, decoded at the #GP they cause: MSRs,
 * control registers, ports.  What a guest may not do is #GP to it as well.
 */
#include "arch/cpu.h"
#include "arch/guest.h"
#include "core/rights.h"
#include "core/sched/sched.h"
#include "pv/emulate.h"
#include "pv/guest.h"
#include "x86/cpu.h"
#include "x86/fpu.h"
#include "x86/pte.h"

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

out_of_line bool privop_forced_cpuid(struct vcpu *v, struct regs *r)
{
	static const uint8_t want[7] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
	uint8_t code[7];

	if (cpu_copy_from_guest(code, r->rip, sizeof(code)) ||
	    __builtin_memcmp(code, want, sizeof(code))) {
		return false;
	}
	r->rip += sizeof(code);
	return do_cpuid(v, r);
}

static bool read_control(struct vcpu *v, unsigned int n, uint64_t *value)
{
	struct pv_vcpu *p = v->pv;

	switch (n) {
	case 0:
		*value = 0x80050033 | p->cr0_ts;
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

static bool write_control(struct vcpu *v, unsigned int n, uint64_t value, bool *again)
{
	struct pv_vcpu *p = v->pv;
	int rc;

	switch (n) {
	case 0:
		p->cr0_ts = value & 8;
		__asm__ volatile("mov %0, %%cr0" ::"r"(0x80050033UL | p->cr0_ts));
		return true;
	case 2:
		p->cr2 = value;
		v->info->arch.cr2 = value;
		return true;
	case 3:
		rc = guest_set_base(v, paddr_to_mfn(value), false);
		*again = rc == -XEN_ERESTART;
		return rc == 0 || *again;
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

/* A guest kernel has the ports by virtue of virtual IOPL 1; its user mode with IOPL 3. */
static bool port_allowed(const struct vcpu *v)
{
	return v->pv->kernel_mode ? v->pv->iopl >= 1 : v->pv->iopl == 3;
}

static bool do_in_out(struct vcpu *v, struct regs *r, const struct decoded *d)
{
	unsigned int port = d->port_in_dx ? r->rdx & 0xffff : (unsigned int)d->imm;

	if (!port_allowed(v)) {
		return false;
	}
	if (d->op == DECODE_IN) {
		r->rax = merge(r->rax, guest_port_in(v->domain, port, d->bytes), d->bytes);
	} else {
		guest_port_out(v->domain, port, d->bytes, (uint32_t)r->rax);
	}
	return true;
}

/* One item of INS or OUTS; with REP, RIP stays until the count is used up. Sets *again. */
static bool do_string_io(struct vcpu *v, struct regs *r, const struct decoded *d, bool *again)
{
	uint64_t step = r->rflags & 0x400 ? -(uint64_t)d->bytes : d->bytes;
	uint32_t value = 0;

	if (!port_allowed(v)) {
		return false;
	}
	if (d->rep && !r->rcx) {
		return true;
	}
	if (d->op == DECODE_INS) {
		value = guest_port_in(v->domain, r->rdx & 0xffff, d->bytes);
		if (cpu_copy_to_guest(r->rdi, &value, d->bytes)) {
			return false;
		}
		r->rdi += step;
	} else {
		if (cpu_copy_from_guest(&value, r->rsi, d->bytes)) {
			return false;
		}
		guest_port_out(v->domain, r->rdx & 0xffff, d->bytes, value);
		r->rsi += step;
	}
	*again = d->rep && --r->rcx;
	return true;
}

static bool do_one(struct vcpu *v, struct regs *r, const struct decoded *d, bool *again)
{
	uint64_t value;

	switch (d->op) {
	case DECODE_IN:
	case DECODE_OUT:
		return do_in_out(v, r, d);
	case DECODE_INS:
	case DECODE_OUTS:
		return do_string_io(v, r, d, again);
	case DECODE_CLI:
	case DECODE_STI:
		return port_allowed(v); /* the real mask is in vcpu_info */
	default:
		break;
	}
	if (!v->pv->kernel_mode) {
		return false;
	}
	switch (d->op) {
	case DECODE_CPUID:
		return do_cpuid(v, r);
	case DECODE_RDMSR:
		if (!guest_rdmsr(v, (uint32_t)r->rcx, &value)) {
			return false;
		}
		r->rax = (uint32_t)value;
		r->rdx = value >> 32;
		return true;
	case DECODE_WRMSR:
		return guest_wrmsr(v, (uint32_t)r->rcx, (uint32_t)r->rax | r->rdx << 32);
	case DECODE_MOV_FROM_CR:
		return read_control(v, d->control, emulate_reg(r, d->reg));
	case DECODE_MOV_TO_CR:
		return write_control(v, d->control, *emulate_reg(r, d->reg), again);
	case DECODE_MOV_FROM_DR:
		*emulate_reg(r, d->reg) = debugreg_get(v, d->control);
		return d->control < 8;
	case DECODE_MOV_TO_DR:
		return debugreg_set(v, d->control, *emulate_reg(r, d->reg));
	case DECODE_CLTS:
		return write_control(v, 0, 0, again);
	case DECODE_WBINVD:
		if (v->domain->hardware) {
			__asm__ volatile("wbinvd" ::: "memory");
		}
		return true;
	case DECODE_XSETBV:
		return do_xsetbv(v, r);
	case DECODE_HLT:
		sched_block();
		return true;
	default:
		return false;
	}
}

bool privop_emulate(struct vcpu *v, struct regs *r)
{
	struct decoded d;
	uint8_t code[15];
	bool again = false;

	decode(&d, code, emulate_fetch(code, r->rip), true);
	if (d.op < DECODE_RDMSR || !do_one(v, r, &d, &again)) {
		return false;
	}
	if (!again) {
		r->rip += d.length;
	}
	r->rflags &= ~0x10000ULL;
	return true;
}
