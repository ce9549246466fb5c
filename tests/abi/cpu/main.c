/*
 * The processor as a guest kernel finds it.  CPUID by the forced prefix gives what the hypervisor offers, and the ABI's
 * own leaves; RDMSR and WRMSR serve the few registers that are a guest's and are #GP for the rest; CR0, CR2, CR3 and CR4 can
 * be read, and written as far as they are the guest's; user mode has none of it; RDTSC and RDTSCP are everybody's
 * (public/arch-x86/cpuid.h; public/arch-x86/xen.h; Intel SDM vol. 2).
 */
#include "frontends/rt/test.h"

#define MSR_TSC	      0x10
#define MSR_APIC_BASE 0x1b
#define MSR_PAT	      0x277
#define MSR_EFER      0xc0000080
#define MSR_STAR      0xc0000081
#define MSR_LSTAR     0xc0000082
#define MSR_FS_BASE   0xc0000100
#define MSR_GS_BASE   0xc0000101
#define MSR_SHADOW_GS 0xc0000102
#define MSR_TSC_AUX   0xc0000103
#define NOT_CANONICAL 0x8000000000000000UL
#define GP	      13
#define UD	      6

struct leaf {
	uint32_t a, b, c, d;
};

static struct leaf cpuid(uint32_t leaf, uint32_t sub)
{
	struct leaf l = { .a = leaf, .c = sub };

	__asm__ volatile("ud2\n\t.ascii \"xen\"\n\tcpuid"
			 : "+a"(l.a), "=b"(l.b), "+c"(l.c), "=d"(l.d));
	return l;
}

static struct leaf native_cpuid(uint32_t leaf, uint32_t sub)
{
	struct leaf l = { .a = leaf, .c = sub };

	__asm__ volatile("cpuid" : "+a"(l.a), "=b"(l.b), "+c"(l.c), "=d"(l.d));
	return l;
}

static void leaves(void)
{
	struct leaf l = cpuid(0, 0), n = native_cpuid(0, 0);
	uint32_t most = l.a;

	CHECK(most >= 7 && most <= 0x20, "basic leaves up to %#x", most);
	CHECK(l.b == n.b && l.c == n.c && l.d == n.d, "the vendor is the machine's");
	l = cpuid(1, 0);
	CHECK(l.c & 1u << 31, "leaf 1: under a hypervisor");
	/* Each a promise that the rest of the ABI keeps. */
	CHECK((l.d & 0x07008171) == 0x07008171, "FPU TSC MSR PAE CX8 CMOV FXSR SSE SSE2 (%#x)",
	      l.d);
	CHECK(!(l.d & (1u << 1 | 1u << 3 | 1u << 17)), "neither VME, PSE nor PSE-36");
	CHECK(!(l.c & (1u << 3 | 1u << 5 | 1u << 17 | 1u << 21)), "MONITOR, VMX, PCID, x2APIC: no");
	l = cpuid(7, 0);
	CHECK(!(l.b & (1u << 7 | 1u << 10 | 1u << 20)), "SMEP, INVPCID, SMAP: no");
	l = cpuid(0x80000001, 0);
	CHECK(l.d & 1u << 29, "long mode");
	CHECK(l.d & 1u << 20, "NX");
	CHECK(l.d & 1u << 11, "SYSCALL");
	CHECK(!(l.d & 1u << 26), "no pages of 1 GiB");
	CHECK(!(l.c & 1u << 2), "no SVM");
	l = cpuid(0x80000008, 0);
	CHECK((l.a & 0xff) >= 36 && (l.a & 0xff) <= 52, "%u bits of address", l.a & 0xff);
}

static void hypervisor_leaves(void)
{
	struct leaf l = cpuid(0x40000000, 0);
	uint32_t most = l.a, version = (uint32_t)version_op(0, NULL);
	unsigned int wrong = 0;

	CHECK(l.b == 0x566e6558 && l.c == 0x65584d4d && l.d == 0x4d4d566e, "XenVMMXenVMM");
	CHECK(most >= 0x40000002 && most < 0x40000100, "leaves up to %#x", most);
	l = cpuid(0x40000001, 0);
	CHECK_EQ(l.a, version, "leaf 1: the version that xen_version says");
	l = cpuid(0x40000002, 0);
	CHECK(l.a >= 1 && (l.b & 0xffff0000) == 0x40000000, "leaf 2: hypercall pages, by MSR %#x",
	      l.b);
	CHECK(l.c & 1, "MMU_PT_UPDATE_PRESERVE_AD");
	for (uint32_t base = 0x40000200; base < 0x40010000; base += 0x100) {
		l = cpuid(base, 0);
		wrong += l.b == 0x566e6558;
	}
	CHECK_EQ(wrong, 0, "and nowhere else up there");
}

/* ---- MSRs ---- */

struct msr {
	uint32_t nr;
	uint64_t value;
};

static void rdmsr(void *arg)
{
	struct msr *m = arg;
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(m->nr));
	m->value = (uint64_t)hi << 32 | lo;
}

static void wrmsr(void *arg)
{
	const struct msr *m = arg;

	__asm__ volatile("wrmsr" ::"c"(m->nr), "a"((uint32_t)m->value),
			 "d"((uint32_t)(m->value >> 32)));
}

static bool reads(uint32_t nr, uint64_t *value)
{
	struct msr m = { nr, 0 };
	struct trap_seen s = trap_try(rdmsr, &m);

	*value = m.value;
	return !s.happened;
}

static bool writes(uint32_t nr, uint64_t value)
{
	struct msr m = { nr, value };
	struct trap_seen s = trap_try(wrmsr, &m);

	if (s.happened && (s.vector != GP || s.error)) {
		CHECK(false, "WRMSR %#x: vector %lu", nr, s.vector);
	}
	return !s.happened;
}

static void bases(void)
{
	static const struct {
		uint32_t nr;
		const char *name;
	} base[] = { { MSR_FS_BASE, "FS" }, { MSR_GS_BASE, "GS" }, { MSR_SHADOW_GS, "user GS" } };
	static uint64_t there[2] = { 0x1111, 0x2222 };
	uint64_t v, through;

	for (unsigned int i = 0; i < ARRAY_SIZE(base); i++) {
		CHECK(writes(base[i].nr, (uint64_t)there), "base of %s", base[i].name);
		CHECK(reads(base[i].nr, &v) && v == (uint64_t)there, "reads back");
		CHECK(!writes(base[i].nr, NOT_CANONICAL), "no canonical one");
		CHECK(!writes(base[i].nr, 0x800000000000), "the first past the lower half");
		CHECK(reads(base[i].nr, &v) && v == (uint64_t)there, "changes nothing");
	}
	__asm__ volatile("mov %%fs:8, %0" : "=r"(through));
	CHECK_EQ(through, 0x2222, "FS is used");
	__asm__ volatile("mov %%gs:0, %0" : "=r"(through));
	CHECK_EQ(through, 0x1111, "GS too");
	for (unsigned int i = 0; i < ARRAY_SIZE(base); i++) {
		writes(base[i].nr, 0);
	}
}

static void msrs(void)
{
	uint64_t v, before;
	uint32_t low, aux;

	CHECK(reads(MSR_EFER, &v) && (v & 0xd01) == 0xd01, "EFER: long mode, NX, SYSCALL (%#lx)",
	      v);
	CHECK(reads(MSR_PAT, &v) && v == 0x050100070406UL, "PAT is the ABI's (%#lx)", v);
	CHECK(reads(MSR_APIC_BASE, &v), "APIC base %#lx", v);
	CHECK(reads(MSR_TSC, &before) && reads(MSR_TSC, &v) && v > before, "TSC goes on");
	before = rdtsc();
	CHECK(v < before, "as RDTSC has it");
	/* What cannot be the guest's stays as it is, whether a write is dropped or refused. */
	reads(MSR_EFER, &before);
	writes(MSR_EFER, 0);
	CHECK(reads(MSR_EFER, &v) && v == before, "EFER cannot be changed");
	reads(MSR_PAT, &before);
	writes(MSR_PAT, 0);
	CHECK(reads(MSR_PAT, &v) && v == before, "nor PAT");
	writes(MSR_LSTAR, 0);
	writes(MSR_STAR, 0);
	CHECK_EQ(version_op(0, NULL) >> 16, 4, "nor where SYSCALL leads");
	CHECK(!reads(0x12345, &v), "no such register, read");
	CHECK(!writes(0x12345, 0), "no such register, write");
	CHECK(!reads(0xc0010055, &v), "one that the ABI has not");
	if (reads(MSR_TSC_AUX, &v)) {
		CHECK(writes(MSR_TSC_AUX, 0x77), "TSC_AUX");
		__asm__ volatile("rdtscp" : "=a"(low), "=c"(aux)::"rdx");
		CHECK_EQ(aux, 0x77, "RDTSCP shows it");
		CHECK(!writes(MSR_TSC_AUX, 1UL << 32), "which has 32 bits");
		CHECK(reads(MSR_TSC_AUX, &v) && v == 0x77, "and stays");
	}
}

/* ---- control registers ---- */

static uint64_t cr0, cr2, cr3, cr4;

static void read_crs(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %%cr0, %0\n\tmov %%cr2, %1\n\tmov %%cr3, %2\n\tmov %%cr4, %3"
			 : "=r"(cr0), "=r"(cr2), "=r"(cr3), "=r"(cr4));
}

#define WRITE_CR(n)                                             \
	static void write_cr##n(void *arg)                      \
	{                                                       \
		__asm__ volatile("mov %0, %%cr" #n ::"r"(arg)); \
	}
WRITE_CR(0)
WRITE_CR(2)
WRITE_CR(3)
WRITE_CR(4)

static void cr8(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %%cr8, %%rax" ::: "rax");
}

static void fnop(void *arg)
{
	(void)arg;
	__asm__ volatile("fnop");
}

static void clts(void *arg)
{
	(void)arg;
	__asm__ volatile("clts");
}

static unsigned int write_fails(void (*f)(void *), uint64_t v)
{
	struct trap_seen s = trap_try(f, (void *)v);

	return s.happened ? (unsigned int)s.vector : 0;
}

static void control_registers(void)
{
	uint64_t tables = virt_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT, before;
	void *page = page_alloc();

	CHECK(!trap_try(read_crs, NULL).happened, "CR0, CR2, CR3 and CR4 are read");
	CHECK_EQ(cr0, 0x80050033, "CR0: PG AM WP NE ET MP PE");
	CHECK_EQ(cr3, tables, "CR3: our tables");
	CHECK((cr4 & 0x620) == 0x620, "CR4: PAE OSFXSR OSXMMEXCPT (%#lx)", cr4);
	before = cr4;
	CHECK_EQ(write_fails(write_cr0, 0x8005003b), 0, "CR0.TS set");
	CHECK_EQ(write_fails(fnop, 0), 7, "floating point is not available");
	CHECK_EQ(write_fails(fnop, 0), 0, "and is, after the exception");
	CHECK_EQ(write_fails(write_cr0, 0x8005003b), 0, "CR0.TS set");
	CHECK_EQ(write_fails(clts, 0), 0, "and cleared by CLTS");
	CHECK_EQ(write_fails(fnop, 0), 0, "available");
	CHECK_EQ(write_fails(write_cr0, 0x00050033), GP, "paging off");
	CHECK_EQ(write_fails(write_cr0, 0x80040033), GP, "write protection off");
	CHECK_EQ(write_fails(write_cr2, 0x123456), 0, "CR2");
	CHECK_EQ(write_fails(write_cr3, tables), 0, "CR3: the same tables");
	CHECK_EQ(write_fails(write_cr3, virt_to_mfn(page) << PAGE_SHIFT), GP, "CR3: no tables");
	CHECK_EQ(write_fails(write_cr3, 0xffffffffff000), GP, "CR3: no memory");
	CHECK_EQ(write_fails(write_cr4, before), 0, "CR4: as it is");
	write_fails(write_cr4, before & ~0x20UL);
	write_fails(write_cr4, before | 1UL << 13 | 1UL << 20);
	trap_try(read_crs, NULL);
	CHECK_EQ(cr0, 0x80050033, "CR0 is as before");
	CHECK_EQ(cr2, 0x123456, "CR2 is what was written");
	CHECK_EQ(cr3, tables, "CR3 is as before");
	CHECK_EQ(cr4, before, "CR4 is as before: neither PAE off nor VMX on");
	CHECK_EQ(write_fails(cr8, 0), GP, "no CR8");
}

/* ---- in user mode ---- */

#define PROGRAM(name, code) \
	extern char name[]; \
	__asm__(".pushsection .text\n" #name ": " code "\n ud2\n.popsection")
PROGRAM(u_rdmsr, "mov $0x10, %ecx; rdmsr");
PROGRAM(u_wrmsr, "mov $0xc0000100, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr");
PROGRAM(u_cr0, "mov %cr0, %rax");
PROGRAM(u_clts, "clts");
PROGRAM(u_dr7, "mov %dr7, %rax");
PROGRAM(u_hlt, "hlt");
PROGRAM(u_wbinvd, "wbinvd");
PROGRAM(u_xsetbv, "xor %ecx, %ecx; xgetbv; xsetbv");
PROGRAM(u_cpuid, "xor %eax, %eax; cpuid");
PROGRAM(u_rdtsc, "rdtsc");
PROGRAM(u_rdtscp, "rdtscp");
PROGRAM(u_rdfsbase, "rdfsbase %rax");

static void user_mode(void)
{
	static const struct {
		const char *program, *what;
		unsigned int vector;
	} t[] = { { u_rdmsr, "RDMSR", GP },	 { u_wrmsr, "WRMSR", GP },
		  { u_cr0, "MOV from CR0", GP }, { u_clts, "CLTS", GP },
		  { u_dr7, "MOV from DR7", GP }, { u_hlt, "HLT", GP },
		  { u_wbinvd, "WBINVD", GP },	 { u_cpuid, "CPUID", UD },
		  { u_rdtsc, "RDTSC", UD },	 { u_rdtscp, "RDTSCP", UD } };

	struct trap_frame f;

	CHECK_EQ(user_init(), 0, "user mode");
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		f = user_try(t[i].program, 0);

		CHECK_EQ(f.vector, t[i].vector, "%s in user mode %s", t[i].what,
			 t[i].vector == UD ? "goes on" : "is refused");
		CHECK((f.rip == (uint64_t)t[i].program) || t[i].vector == UD || f.error == 0,
		      "by itself");
	}
	/* Not there at all (#UD) without XSAVE, or before the kernel has said that it knows of it. */
	f = user_try(u_xsetbv, 0);
	CHECK(f.vector == GP || f.rip < (uint64_t)u_xsetbv + 8, "XSETBV in user mode is refused");
}

/* Its instructions are there if CPUID says so and CR4 was told; else they are no instructions. */
static void fsgsbase(void)
{
	bool offered = cpuid(7, 0).b & 1;
	struct trap_frame f;

	if (offered) {
		CHECK_EQ(write_fails(write_cr4, cr4 | 1UL << 16), 0, "CR4.FSGSBASE");
	}
	f = user_try(u_rdfsbase, 0);
	CHECK_EQ(f.vector, UD, "RDFSBASE");
	CHECK_EQ(f.rip != (uint64_t)u_rdfsbase, offered, "is %san instruction, as CPUID says",
		 offered ? "" : "not ");
}

enum verdict guest_main(void)
{
	leaves();
	hypervisor_leaves();
	bases();
	msrs();
	control_registers();
	user_mode();
	fsgsbase();
	return SUCCESS;
}
