/* Finds what the processor offers and turns on what protects us. */
#include "x86/cpu.h"

#include "base/log.h"
#include "lib/string.h"
#include "x86/io.h"

struct cpu_features cpu_features;

uint64_t cpu_random(void)
{
	uint64_t v = 0;
	uint32_t a, b, c, d;
	bool good = false;

	cpuid(1, 0, &a, &b, &c, &d);
	for (unsigned int i = 0; (c & (1u << 30)) && !good && i < 10; i++) {
		__asm__ volatile("rdrand %0" : "=r"(v), "=@ccc"(good));
	}
	return v ^ rdtsc() * 0x9e3779b97f4a7c15ULL;
}

/* What may spare us retpolines: x86/thunk.c. */
static void detect_branches(struct cpu_features *f)
{
	uint32_t a, b, c, d;

	if (f->max_leaf >= 7) {
		cpuid(7, 0, &a, &b, &c, &d);
		f->ibrs_all = (d & (1u << 29)) && (rdmsr(MSR_ARCH_CAPS) & ARCH_CAPS_IBRS_ALL);
	}
	if (f->max_ext_leaf >= 0x80000021) {
		cpuid(0x80000021, 0, &a, &b, &c, &d);
		f->auto_ibrs = a & (1u << 8);
	}
	cpuid(1, 0, &a, &b, &c, &d);
	if (c & (1u << 31)) {
		char name[12];

		cpuid(0x40000000, 0, &a, &b, &c, &d);
		memcpy(name, &b, 4);
		memcpy(name + 4, &c, 4);
		memcpy(name + 8, &d, 4);
		f->emulated = memcmp(name, "TCGTCGTCGTCG", sizeof(name)) == 0;
	}
}

void cpu_detect(void)
{
	struct cpu_features *f = &cpu_features;
	uint32_t a, b, c, d;

	cpuid(0, 0, &f->max_leaf, &b, &c, &d);
	memcpy(f->vendor, &b, 4);
	memcpy(f->vendor + 4, &d, 4);
	memcpy(f->vendor + 8, &c, 4);
	f->amd = strcmp(f->vendor, "AuthenticAMD") == 0;
	cpuid(1, 0, &a, &b, &c, &d);
	f->xsave = c & (1u << 26);
	if (f->max_leaf >= 7) {
		cpuid(7, 0, &a, &b, &c, &d);
		f->smep = b & (1u << 7);
		f->smap = b & (1u << 20);
		f->umip = c & (1u << 2);
	}
	if (f->xsave) {
		cpuid(13, 1, &a, &b, &c, &d);
		f->xsaveopt = a & 1u;
	}
	cpuid(0x80000000, 0, &f->max_ext_leaf, &b, &c, &d);
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	f->rdtscp = d & (1u << 27);
	f->phys_bits = 36;
	f->x87_pointers_stay = f->amd;
	if (f->max_ext_leaf >= 0x80000008) {
		cpuid(0x80000008, 0, &a, &b, &c, &d);
		f->phys_bits = a & 0xff;
		f->x87_pointers_stay &= !(b & (1u << 2));
	}
	detect_branches(f);
	/*
	 * SMAP would forbid our copies to and from guest memory unless bracketed by STAC/CLAC; the copy
	 * routines do not yet do so, hence it stays off.  SMEP costs nothing.
	 */
	f->cr4 = 0x20 /* PAE */ | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE |
		 (f->smep ? CR4_SMEP : 0) | (f->umip ? CR4_UMIP : 0) | (f->xsave ? CR4_OSXSAVE : 0);
	log_info("CPU: %s, %u physical address bits%s%s%s", f->vendor, f->phys_bits,
		 f->xsave ? ", XSAVE" : "", f->smep ? ", SMEP" : "", f->umip ? ", UMIP" : "");
}

void cpu_setup(void)
{
	/* PG CD=0 NW=0 AM WP NE ET MP PE; the guest's TS is set only while it wants it. */
	__asm__ volatile("mov %0, %%cr0" ::"r"(0x80050033UL));
	write_cr4(cpu_features.cr4);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 0x901 | (cpu_features.auto_ibrs ? EFER_AUTO_IBRS : 0));
	/* Enhanced IBRS is set once, and keeps what ring 3 taught the predictor from us. */
	if (cpu_features.ibrs_all) {
		wrmsr(MSR_SPEC_CTRL, rdmsr(MSR_SPEC_CTRL) | SPEC_CTRL_IBRS);
	}
	/* The layout Linux expects of this ABI: WB WT UC- UC, WC WP UC UC. */
	wrmsr(MSR_PAT, 0x050100070406ULL);
	if (cpu_features.rdtscp) {
		wrmsr_safe(MSR_TSC_AUX, 0);
	}
}
