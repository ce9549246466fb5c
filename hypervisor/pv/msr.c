/*
 * Model-specific registers of a guest kernel.  Reads of the few that kernels rely on are
 * answered; writes that do not concern us are dropped, since kernels treat a #GP as worse.
 */
#include "pv/guest.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/pte.h"

/*
 * Those that kernels read without looking first, and to which zero is an answer: there is no such thing, or nothing to
 * report.
 */
static bool reads_as_zero(uint32_t msr)
{
	static const uint32_t everywhere[] = {
		0x3a,  /* feature control */
		0x8b,  /* microcode revision */
		0xce,  /* platform information */
		0xfe,  /* MTRRcap: none */
		0x10a, /* architectural capabilities */
		0x140, /* features that may be off */
		0x179, /* MCG_CAP: no banks */
		0x17a, /* MCG_STATUS */
		0x1a0, /* miscellaneous features */
	};
	static const uint32_t amd[] = {
		0xc0010000, 0xc0010001, 0xc0010002, 0xc0010003, /* performance, what to count */
		0xc0010004, 0xc0010005, 0xc0010006, 0xc0010007, /* and its counts */
		0xc0010010,					/* system configuration */
		0xc0010015,					/* hardware configuration */
		0xc0011029,					/* decoder configuration */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(everywhere); i++) {
		if (everywhere[i] == msr) {
			return true;
		}
	}
	for (unsigned int i = 0; cpu_features.amd && i < ARRAY_SIZE(amd); i++) {
		if (amd[i] == msr) {
			return true;
		}
	}
	return msr >= 0x400 && msr < 0x480; /* machine-check banks: quiet */
}

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
	default:
		return reads_as_zero(msr);
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
