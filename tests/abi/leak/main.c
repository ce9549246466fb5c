/*
 * What a domain leaves in a processor's registers no other sees: a new domain finds floating-point, vector and debug
 * registers, MXCSR, TSC_AUX and segment bases as after reset, whoever ran before it, and what it puts there comes
 * back to nobody else (Intel SDM vol. 1, 13.6; public/arch-x86/xen.h, struct vcpu_guest_context).
 */
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/sched.h>

#include "hypervisor/lib/string.h"

#define PARENTS 0x5ec2e75ec2e75ec2UL
#define CHILDS	0xc41dc41dc41dc41dUL
#define ROUNDS	4

/* x87 and SSE as FXSAVE has them, then the upper halves of the vector registers. */
struct state {
	uint8_t legacy[512];
	uint64_t upper[16][2];
} __attribute__((aligned(16)));

static struct child child;
static void *window;
static bool avx;

/* XCR0 with AVX, where CPUID has it: the guest asks by CR4 and XSETBV. */
static void set_xcr0(void *arg)
{
	uint64_t cr4;

	(void)arg;
	__asm__ volatile("mov %%cr4, %0\n\tmov %1, %%cr4" : "=&r"(cr4) : "r"(0x40620UL));
	__asm__ volatile("xsetbv" ::"c"(0), "a"(7), "d"(0));
}

static void avx_on(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("ud2\n\t.ascii \"xen\"\n\tcpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	avx = (c & 1u << 28) && !trap_try(set_xcr0, NULL).happened;
}

#define EACH(op)                                                                                \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) \
		op(14) op(15)
#define FILL(n)	 "movq %0, %%xmm" #n "\n\tpunpcklqdq %%xmm" #n ", %%xmm" #n "\n\t"
#define UPPER(n) "vinsertf128 $1, %%xmm" #n ", %%ymm" #n ", %%ymm" #n "\n\t"
#define SHOW(n)	 "vextractf128 $1, %%ymm" #n ", " #n "*16(%0)\n\t"

static void fill(uint64_t pattern)
{
	static uint32_t mxcsr;

	mxcsr = 0x1f80 | (pattern == PARENTS ? 0x6000 : 0x2000); /* rounding */
	__asm__ volatile(EACH(FILL) "ldmxcsr %1" ::"r"(pattern), "m"(mxcsr));
	if (avx) {
		__asm__ volatile(EACH(UPPER)::);
	}
	__asm__ volatile("fninit\n\tfildll %0\n\tfildll %0\n\tfildll %0" ::"m"(pattern));
}

static void look(struct state *s)
{
	memset(s, 0, sizeof(*s));
	__asm__ volatile("fxsave64 %0" : "=m"(s->legacy));
	if (avx) {
		__asm__ volatile(EACH(SHOW)::"r"(s->upper) : "memory");
	}
}

/* Of the 16 vector registers, halves that are not the pattern. */
static unsigned int others(const struct state *s, uint64_t pattern)
{
	const uint64_t *xmm = (const uint64_t *)(s->legacy + 160);
	unsigned int n = 0;

	for (unsigned int i = 0; i < 32; i++) {
		n += xmm[i] != pattern;
		n += avx && s->upper[i / 2][i % 2] != pattern;
	}
	return n;
}

static unsigned int x87_words(const struct state *s)
{
	unsigned int n = 0;

	for (unsigned int i = 32; i < 160; i++) {
		n += s->legacy[i] != 0;
	}
	return n;
}

static uint64_t debug_registers(void)
{
	uint64_t any = 0;

	for (unsigned int i = 0; i < 4; i++) {
		any |= (uint64_t)hcall1(__HYPERVISOR_get_debugreg, i);
	}
	return any;
}

static uint64_t rdmsr(uint32_t nr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(nr));
	return (uint64_t)hi << 32 | lo;
}

enum { SSE = 1, X87, MXCSR, FCW, DEBUG, BASES, LOST, AVX };

static void looks_round(void)
{
	static struct state s;

	avx = false;
	look(&s);
	child_mail.word[SSE] = others(&s, 0);
	child_mail.word[X87] = x87_words(&s);
	child_mail.word[MXCSR] = *(uint32_t *)(s.legacy + 24);
	child_mail.word[FCW] = *(uint16_t *)s.legacy;
	child_mail.word[DEBUG] = debug_registers();
	child_mail.word[BASES] = rdmsr(0xc0000100) | rdmsr(0xc0000101) | rdmsr(0xc0000102);
	avx_on();
	look(&s);
	child_mail.word[AVX] = others(&s, 0);
	fill(CHILDS);
	hcall2(__HYPERVISOR_set_debugreg, 0, CHILDS >> 20);
	for (unsigned int i = 0; i < 50; i++) {
		sched_op(SCHEDOP_yield, NULL);
		look(&s);
		child_mail.word[LOST] += others(&s, CHILDS);
	}
	child_mail.word[0] = 1;
}

static void one_round(unsigned int round)
{
	struct state mine;

	fill(PARENTS);
	hcall2(__HYPERVISOR_set_debugreg, 0, 0x123450);
	CHECK_EQ(child_run(&child, window, looks_round), SHUTDOWN_poweroff, "round %u: a child",
		 round);
	look(&mine);
	CHECK_EQ(others(&mine, PARENTS), 0, "our vector registers are ours");
	CHECK_EQ(*(uint32_t *)(mine.legacy + 24), 0x7f80, "MXCSR too");
	CHECK_EQ(hcall1(__HYPERVISOR_get_debugreg, 0), 0x123450, "and DR0");
	if (!child.mail) {
		return;
	}
	CHECK_EQ(child.mail[0], 1, "it came to its end (trap %ld at %#lx)",
		 child.mail[CHILD_TRAP] - 1, (unsigned long)child.mail[CHILD_TRAP_RIP]);
	CHECK_EQ(child.mail[SSE], 0, "its vector registers were zeros");
	CHECK_EQ(child.mail[AVX], 0, "their upper halves too");
	CHECK_EQ(child.mail[X87], 0, "and its x87 registers");
	CHECK_EQ(child.mail[MXCSR], 0x1f80, "MXCSR as after reset");
	CHECK_EQ(child.mail[FCW], 0x37f, "the control word too");
	CHECK_EQ(child.mail[DEBUG], 0, "no debug registers");
	CHECK_EQ(child.mail[BASES], 0, "no segment bases");
	CHECK_EQ(child.mail[LOST], 0, "and what it put there stayed");
	CHECK(child_end(&child), "it is gone");
}

enum verdict guest_main(void)
{
	if (!is_control_domain()) {
		return SKIP;
	}
	window = page_alloc();
	avx_on();
	print("  vector registers of %u bits\n", avx ? 256 : 128);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		one_round(round);
	}
	hcall2(__HYPERVISOR_set_debugreg, 0, 0);
	return SUCCESS;
}
