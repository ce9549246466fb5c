/*
 * What a guest kernel is told of the processor: the machine's own leaves, less what a
 * paravirtual guest cannot use, plus the ABI's leaves at 0x40000000.
 */
#include "arch/cpu.h"
#include "pv/guest.h"
#include "x86/cpu.h"
#include "x86/fpu.h"
#include "x86/io.h"
#include "x86/machine.h"

#define BIT(n) (1u << (n))

/* Leaf 1 ECX: MONITOR, DS-CPL, VMX, SMX, EST, TM2, PDCM, PCID, DCA, x2APIC, TSC deadline */
#define L1_ECX_HIDDEN                                                                       \
	(BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(15) | BIT(17) | \
	 BIT(18) | BIT(21) | BIT(24))
/* Leaf 1 EDX: VME, PSE, PGE, PSE-36, DS, ACPI, TM, PBE */
#define L1_EDX_HIDDEN (BIT(1) | BIT(3) | BIT(13) | BIT(17) | BIT(21) | BIT(22) | BIT(29) | BIT(31))
/* Leaf 7 EBX: SGX, SMEP, INVPCID, RDT-M, MPX, RDT-A, SMAP, PT */
/*
 * FSGSBASE (bit 0) among them: Linux would read the inactive GS base at each of its context switches, which
 * traps; without it, it tells us of the few it sets.
 */
#define L7_EBX_HIDDEN \
	(BIT(0) | BIT(2) | BIT(7) | BIT(10) | BIT(12) | BIT(14) | BIT(15) | BIT(20) | BIT(25))
/* Leaf 7 ECX: UMIP, PKU, OSPKE, WAITPKG, SHSTK, LA57, bus lock, PKS */
#define L7_ECX_HIDDEN \
	(BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(7) | BIT(16) | BIT(24) | BIT(30) | BIT(31))
/* Leaf 7 EDX: IBT, and the controls of speculation, which stay the hypervisor's */
#define L7_EDX_HIDDEN (BIT(20) | BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(30) | BIT(31) | BIT(5))
/* 0x80000001 ECX: SVM, extended APIC, CR8 in 32-bit mode, IBS, SKINIT, WDT, LWP, NodeID, topology, perf counters, MWAITX */
#define E1_ECX_HIDDEN                                                                           \
	(BIT(2) | BIT(3) | BIT(4) | BIT(10) | BIT(12) | BIT(13) | BIT(15) | BIT(19) | BIT(22) | \
	 BIT(23) | BIT(24) | BIT(28) | BIT(29))
/* 0x80000001 EDX: PSE, PGE, PSE-36, 1 GiB pages, and leaf 1's others */
#define E1_EDX_HIDDEN (BIT(1) | BIT(3) | BIT(13) | BIT(17) | BIT(26))

#define BASIC_MOST    0x0000000du
#define EXTENDED_MOST 0x80000008u

/* Time: no offset and no emulation, so that of the sub-leaves only what the machine's counter does says anything. */
static void leaf_time(uint32_t sub, uint32_t *a, uint32_t *c)
{
	uint32_t a1, b1, c1, d1;

	if (sub == 0) {
		cpuid(0x80000001, 0, &a1, &b1, &c1, &d1);
		*a = (clock_tsc_stable() ? BIT(1) : 0) | (d1 & BIT(27) ? BIT(2) : 0);
		*c = (uint32_t)clock_tsc_khz();
	} else if (sub == 2) {
		*a = (uint32_t)clock_tsc_khz();
	}
}

static void leaf_abi(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c,
		     uint32_t *d)
{
	switch (leaf & 0xffff) {
	case 0:
		*a = 0x40000005;
		*b = 0x566e6558; /* "XenVMMXenVMM" */
		*c = 0x65584d4d;
		*d = 0x4d4d566e;
		break;
	case 1:
		*a = 4 << 16 | 17;
		break;
	case 2:
		*a = 1; /* one hypercall page, filled through MSR 0x40000000 */
		*b = 0x40000000;
		*c = 1; /* mmu_update's PRESERVE_AD */
		break;
	case 3:
		leaf_time(sub, a, c);
		break;
	case 5:
		*b = sub == 0 ? cpu_features.phys_bits : 0;
		break;
	default:
		break;
	}
}

static void leaf_basic(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b,
		       uint32_t *c, uint32_t *d)
{
	switch (leaf) {
	case 0:
		*a = MIN(*a, BASIC_MOST);
		break;
	case 1:
		*c = (*c & ~L1_ECX_HIDDEN & ~BIT(27)) | BIT(31);
		if (cpu_features.xsave) {
			*c |= BIT(27); /* OSXSAVE: the hypervisor has it on */
		}
		*d &= ~L1_EDX_HIDDEN;
		*b = (*b & 0x0000ffff) | 1u << 16 | v->id << 25; /* one thread a package; APIC id */
		*d &= ~BIT(28);
		break;
	case 3:
	case 5:
	case 6:
	case 9:
	case 0xa:
		*a = *b = *c = *d = 0;
		break;
	case 7:
		if (sub == 0) {
			*a = 0;
			*b &= ~L7_EBX_HIDDEN;
			*c &= ~L7_ECX_HIDDEN;
			*d &= ~L7_EDX_HIDDEN;
		} else {
			*a = *b = *c = *d = 0;
		}
		break;
	case 0xb:
		*a = *b = *c = 0;
		*d = v->id * 2;
		break;
	case 0xd:
		if (sub == 0) {
			*a &= (uint32_t)fpu_host_xcr0();
			*c = (uint32_t)fpu_area_size();
			*d = 0;
		} else if (sub == 1) {
			*a &= BIT(0) | BIT(1) | BIT(2); /* XSAVEOPT, XSAVEC, XGETBV1; no XSAVES */
			*b = *c = *d = 0;
		} else if (sub >= 64 || !(fpu_host_xcr0() >> sub & 1)) {
			*a = *b = *c = *d = 0;
		}
		break;
	default:
		break;
	}
}

static void leaf_extended(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	switch (leaf) {
	case 0x80000000:
		*a = MIN(*a, EXTENDED_MOST);
		break;
	case 0x80000001:
		*c &= ~E1_ECX_HIDDEN;
		*d &= ~E1_EDX_HIDDEN;
		break;
	case 0x80000007:
		*a = *b = *c = 0;
		*d &= BIT(8);
		break;
	case 0x80000008:
		*a = (*a & 0xff) | 48 << 8; /* of an address, as there are four levels of tables */
		*b = 0;
		*c = 0;
		break;
	default:
		break;
	}
}

/* Beyond the last leaf a processor answers with another's data, or its maker's own: neither is for a guest. */
void guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c,
		 uint32_t *d)
{
	if (leaf <= BASIC_MOST) {
		cpuid(leaf, sub, a, b, c, d);
		leaf_basic(v, leaf, sub, a, b, c, d);
		return;
	}
	if (leaf >= 0x80000000 && leaf <= EXTENDED_MOST) {
		cpuid(leaf, sub, a, b, c, d);
		leaf_extended(leaf, a, b, c, d);
		return;
	}
	*a = *b = *c = *d = 0;
	if ((leaf & 0xffff0000) == 0x40000000) {
		leaf_abi(leaf, sub, a, b, c, d);
	}
}
