/*
 * Which vector state is on is each vCPU's own: XSETBV by a guest kernel sets XCR0 for it alone, also where two share a CPU, and
 * what a vCPU has not turned on faults there, while what the other has in it stays.  Values that the processor does not take
 * are #GP and change nothing (Intel SDM vol. 2, XSETBV; vol. 1, 13.3).
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#define X87   1u
#define SSE   2u
#define AVX   4u
#define GP    13
#define UD    6
#define TURNS 200

static uint64_t xgetbv(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

/* As a kernel does before it uses XSETBV. */
static void osxsave_on(void)
{
	__asm__ volatile("mov %%cr4, %%rax\n\tor $0x40000, %%eax\n\tmov %%rax, %%cr4" ::: "rax");
}

/* After reset it is x87; that SSE is on as well no kernel minds. */
static bool as_at_first(void)
{
	return (xgetbv() & ~(uint64_t)SSE) == X87;
}

struct value {
	uint32_t index;
	uint64_t value;
};

static void xsetbv(void *arg)
{
	const struct value *v = arg;

	__asm__ volatile("xsetbv" ::"c"(v->index), "a"((uint32_t)v->value),
			 "d"((uint32_t)(v->value >> 32)));
}

static bool taken(uint32_t index, uint64_t value)
{
	struct value v = { index, value };

	return !trap_try(xsetbv, &v).happened;
}

static void refusals(void)
{
	static const struct {
		struct value v;
		const char *what;
	} bad[] = { { { 0, 0 }, "nothing" },
		    { { 0, SSE }, "no x87" },
		    { { 0, X87 | AVX }, "AVX without SSE" },
		    { { 0, X87 | SSE | AVX | 1UL << 5 }, "a part of AVX-512" },
		    { { 0, X87 | SSE | 1UL << 62 }, "what there is not" },
		    { { 0, X87 | 1UL << 63 }, "a reserved bit" },
		    { { 1, X87 }, "another register" } };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct trap_seen s = trap_try(xsetbv, (void *)(uintptr_t)&bad[i].v);

		CHECK(s.happened && s.vector == GP && s.error == 0, "XSETBV of %s: #GP",
		      bad[i].what);
	}
	CHECK_EQ(xgetbv(), X87 | SSE | AVX, "it is as it was");
}

/* ---- two vCPUs ---- */

static volatile unsigned int other_turns, other_wrong, other_faults;
static volatile bool enough;

static void on_ud(struct trap_frame *f)
{
	other_faults++;
	f->rip += 4; /* VXORPS of three registers */
}

/* Has SSE only; each of its tries at AVX faults. */
static void without(void)
{
	other_wrong += !as_at_first();
	osxsave_on();
	xsetbv(&(struct value){ 0, X87 | SSE });
	while (!enough) {
		unsigned int before = other_faults;

		other_wrong += xgetbv() != (X87 | SSE);
		__asm__ volatile(".byte 0xc5, 0xfc, 0x57, 0xc0"); /* vxorps %ymm0, %ymm0, %ymm0 */
		other_wrong += other_faults != before + 1;
		other_turns++;
		sched_op(SCHEDOP_yield, NULL);
	}
}

static void two(void)
{
	uint64_t in[4] = { 1, 2, 3, 4 }, out[4];
	unsigned int wrong = 0;

	trap_hook[UD] = on_ud;
	worker_begin(without);
	for (uint64_t end = system_time() + 20000000000UL;
	     other_turns < TURNS && system_time() < end;) {
		__asm__ volatile("vmovdqu %0, %%ymm0" ::"m"(in));
		sched_op(SCHEDOP_yield, NULL);
		__asm__ volatile("vmovdqu %%ymm0, %0" : "=m"(out));
		for (unsigned int i = 0; i < 4; i++) {
			wrong += out[i] != in[i];
			in[i] += 0x1000000010000001;
		}
		wrong += xgetbv() != (X87 | SSE | AVX);
	}
	enough = true;
	CHECK(worker_ready(), "the other vCPU ends");
	trap_hook[UD] = NULL;
	CHECK(other_turns >= TURNS, "it had %u turns", other_turns);
	CHECK_EQ(other_wrong, 0, "in each it had SSE, and AVX faulted");
	CHECK_EQ(wrong, 0, "ours stayed on, and what was in it");
}

enum verdict guest_main(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("ud2\n\t.ascii \"xen\"\n\tcpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (!(c & 1u << 28)) {
		return skip("no AVX");
	}
	CHECK(as_at_first(), "no AVX at first");
	osxsave_on();
	CHECK(taken(0, X87 | SSE), "SSE on");
	CHECK_EQ(xgetbv(), X87 | SSE, "is on");
	CHECK(taken(0, X87 | SSE | AVX), "and AVX");
	CHECK_EQ(xgetbv(), X87 | SSE | AVX, "is on");
	refusals();
	if (vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		return SUCCESS;
	}
	CHECK_EQ(worker_start(1), 0, "another vCPU");
	two();
	CHECK(taken(0, X87), "off again");
	CHECK_EQ(xgetbv(), X87, "both");
	return SUCCESS;
}
