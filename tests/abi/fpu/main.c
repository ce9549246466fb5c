/*
 * Floating-point and vector state belongs to a vCPU: what one loads, no other sees or
 * destroys, also when both run on one CPU; fpu_taskswitch makes the next use fault.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#define SECOND 1000000000UL

static volatile unsigned int turns;
static volatile uint64_t wrong;

static void load(uint64_t pattern)
{
	__asm__ volatile("movq %0, %%xmm0\n\tmovq %0, %%xmm7\n\tmovq %0, %%xmm15" ::"r"(pattern));
}

static bool holds(uint64_t pattern)
{
	uint64_t a, b, c;

	__asm__ volatile("movq %%xmm0, %0\n\tmovq %%xmm7, %1\n\tmovq %%xmm15, %2"
			 : "=r"(a), "=r"(b), "=r"(c));
	return a == pattern && b == pattern && c == pattern;
}

static void second(unsigned int vcpu)
{
	uint64_t pattern = 0x5ec05ec05ec05ec0;

	(void)vcpu;
	load(pattern);
	for (;;) {
		if (!holds(pattern)) {
			wrong = wrong + 1;
		}
		pattern = pattern * 3 + 1;
		load(pattern);
		turns = turns + 1;
		sched_op(SCHEDOP_yield, NULL);
	}
}

static void use(void *arg)
{
	(void)arg;
	load(1);
}

static void clts(void *arg)
{
	(void)arg;
	__asm__ volatile("clts");
}

static unsigned int faults;

static void on_unavailable(struct trap_frame *f)
{
	(void)f;
	faults++;
	/* The hypervisor has made it available before it told us. */
}

enum verdict guest_main(void)
{
	uint64_t pattern = 0x1111222233334444, bad = 0;
	uint32_t mxcsr = 0, cw = 0;

	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(cw));
	CHECK_EQ(mxcsr, 0x1f80, "MXCSR as after reset");
	CHECK_EQ(cw & 0xffff, 0x37f, "control word as after FNINIT");
	load(pattern);
	for (unsigned int i = 0; i < 100; i++) {
		sched_op(SCHEDOP_yield, NULL);
		bad += !holds(pattern);
	}
	CHECK_EQ(bad, 0, "kept over yields");
	if (vcpu_op(VCPUOP_is_up, 1, NULL) == 0 && second_start(1, second) == 0) {
		uint64_t start = system_time();

		/* Fewer where the machine is so busy that they take long. */
		while (system_time() < start + (turns < 200 ? 60 : 5) * SECOND && turns < 2000) {
			load(pattern);
			sched_op(SCHEDOP_yield, NULL);
			bad += !holds(pattern);
			pattern += 0x0101010101010101;
		}
		CHECK(turns >= 200, "the other vCPU took %u turns", turns);
		CHECK_EQ(bad, 0, "ours was kept");
		CHECK_EQ(wrong, 0, "so was its");
		vcpu_op(VCPUOP_down, 1, NULL);
	}
	trap_hook[7] = on_unavailable;
	CHECK_EQ(hcall1(__HYPERVISOR_fpu_taskswitch, 1), 0, "task switched");
	use(NULL);
	CHECK_EQ(faults, 1, "the next use faults once");
	use(NULL);
	CHECK_EQ(faults, 1, "not again");
	CHECK_EQ(hcall1(__HYPERVISOR_fpu_taskswitch, 1), 0, "task switched");
	CHECK_EQ(hcall1(__HYPERVISOR_fpu_taskswitch, 0), 0, "and cleared");
	use(NULL);
	CHECK_EQ(faults, 1, "no fault");
	CHECK(!trap_try(clts, NULL).happened, "clts is emulated");
	return SUCCESS;
}
