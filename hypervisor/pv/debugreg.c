/* Debug registers: a guest may watch its own addresses, never the hypervisor's. */
#include "core/hypercall.h"
#include "arch/cpu.h"
#include "base/refuse.h"
#include "pv/guest.h"
#include "x86/pte.h"

#define LOAD_DR(n, v) __asm__ volatile("mov %0, %%dr" #n ::"r"(v))

static void load(unsigned int reg, uint64_t v)
{
	switch (reg) {
	case 0:
		LOAD_DR(0, v);
		break;
	case 1:
		LOAD_DR(1, v);
		break;
	case 2:
		LOAD_DR(2, v);
		break;
	case 3:
		LOAD_DR(3, v);
		break;
	case 6:
		LOAD_DR(6, v);
		break;
	default:
		LOAD_DR(7, v);
		break;
	}
}

bool debugreg_set(struct vcpu *v, unsigned int reg, uint64_t value)
{
	struct pv_vcpu *p = v->pv;

	if (reg == 4 || reg == 5) {
		reg += 2;
	}
	if (reg < 4) {
		if (!va_canonical(value) || (value >= HV_START && value < HV_END)) {
			return false;
		}
	} else if (reg == 6) {
		value = (value & 0xe00f) | 0xffff0ff0;
	} else if (reg == 7) {
		/* No general detect, no I/O breakpoints. */
		value = (value & 0xffff03ff) | 0x400;
		for (unsigned int i = 0; i < 4; i++) {
			if ((value >> (16 + 4 * i) & 3) == 2) {
				return false;
			}
		}
		p->dr_used = (value & 0xff) != 0;
	} else {
		return false;
	}
	p->dr[reg] = value;
	if (v == cpu_current() && (p->dr_used || reg == 7)) {
		debugreg_load(v);
		if (!p->dr_used) {
			load(7, 0x400);
		}
	}
	return true;
}

uint64_t debugreg_get(struct vcpu *v, unsigned int reg)
{
	return v->pv->dr[reg == 4 || reg == 5 ? reg + 2 : reg & 7];
}

void debugreg_save(struct vcpu *v)
{
	if (v->pv->dr_used) {
		load(7, 0x400);
	}
}

void debugreg_load(struct vcpu *v)
{
	static const unsigned int order[] = { 0, 1, 2, 3, 6, 7 };

	if (v->pv->dr_used) {
		for (unsigned int i = 0; i < ARRAY_SIZE(order); i++) {
			load(order[i], v->pv->dr[order[i]]);
		}
	}
}

long do_set_debugreg(uint64_t reg, uint64_t value, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a3, (void)a4, (void)a5;
	if ((uint32_t)reg > 7) {
		return refuse_at(-XEN_ENODEV, REASON_BAD_DEBUG_REGISTER, reg);
	}
	return debugreg_set(cpu_current(), (uint32_t)reg, value)
		       ? 0
		       : refuse_at(-XEN_EPERM, REASON_BAD_DEBUG_REGISTER, value);
}

long do_get_debugreg(uint64_t reg, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a2, (void)a3, (void)a4, (void)a5;
	return (uint32_t)reg < 8 ? (long)debugreg_get(cpu_current(), (uint32_t)reg)
				 : refuse_at(-XEN_ENODEV, REASON_BAD_DEBUG_REGISTER, reg);
}
