/*
 * Model-specific registers of a guest kernel.  Reads of the few that kernels rely on are
 * answered; writes that do not concern us are dropped, since kernels treat a #GP as worse.
 */
#include "pv/guest.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/pte.h"

bool guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	*value = 0;
	switch (msr) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_SHADOW_GS_BASE:
		*value = rdmsr(msr);
		return true;
	case MSR_TSC:
		*value = rdtsc();
		return true;
	case MSR_TSC_AUX:
		*value = v->pv->tsc_aux;
		return cpu_features.rdtscp;
	case MSR_EFER:
		*value = 0xd01;
		return true; /* SCE LME LMA NX */
	case MSR_PAT:
		*value = rdmsr(MSR_PAT);
		return true;
	case MSR_APIC_BASE:
		*value = 0xfee00800 | (v->id == 0 ? 0x100 : 0);
		return true;
	case 0x8b: /* microcode revision */
	case 0x179:
	case 0x17a: /* MCG_CAP, MCG_STATUS: no banks */
	case 0x1a0:
	case 0x3a:
	case 0x140:
	case 0xce:
	case 0x10a:
	case 0xfe: /* MTRRcap: none */
	case 0xc0010000:
	case 0xc0010001:
	case 0xc0010002:
	case 0xc0010003:
	case 0xc0010004:
	case 0xc0010005:
	case 0xc0010006:
	case 0xc0010007:
	case 0xc0010015:
	case 0xc0011029:
	case 0xc0010010:
		if ((msr >> 16) == 0xc001 && !cpu_features.amd) {
			return false;
		}
		return true;
	default:
		return msr >= 0x400 && msr < 0x480; /* machine-check banks: quiet */
	}
}

bool guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_SHADOW_GS_BASE:
		if (!va_canonical(value)) {
			return false;
		}
		wrmsr(msr, value);
		return true;
	case MSR_TSC_AUX:
		if (!cpu_features.rdtscp || value >> 32) {
			return false;
		}
		v->pv->tsc_aux = (uint32_t)value;
		wrmsr(MSR_TSC_AUX, value);
		return true;
	case MSR_EFER:
	case MSR_PAT:
	case MSR_TSC:
		return true; /* dropped: they are the hypervisor's */
	default:
		return guest_rdmsr(v, msr, &(uint64_t){ 0 }) || (msr >= 0x174 && msr <= 0x176) ||
		       (msr >= MSR_STAR && msr <= MSR_SFMASK);
	}
}
