/*
 * Keeps a pattern of its own in the vector registers and looks whether they still
 * hold it: a hypervisor that mixes up the floating-point state of two virtual
 * CPUs shows here first.  Uses AVX where the CPU has it, SSE otherwise.
 *
 *   fpucheck SECONDS     exit status 0: never disturbed
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REGS 8

static uint64_t pattern[REGS][4], found[REGS][4];

#define EACH(op)    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)
#define LOAD_YMM(n) "vmovdqu " #n "*32(%0), %%ymm" #n "\n"
#define SAVE_YMM(n) "vmovdqu %%ymm" #n ", " #n "*32(%1)\n"
#define LOAD_XMM(n) "movdqu " #n "*32(%0), %%xmm" #n "\n"
#define SAVE_XMM(n) "movdqu %%xmm" #n ", " #n "*32(%1)\n"
/* Some milliseconds between load and store, all of it in one statement: nothing else may touch them. */
#define SPIN	    "1: pause\n dec %2\n jnz 1b\n"

__attribute__((target("avx"))) static void hold_avx(uint64_t spins)
{
	void *from = pattern, *to = found;

	__asm__ volatile(EACH(LOAD_YMM) SPIN EACH(SAVE_YMM)
			 : "+r"(from), "+r"(to), "+r"(spins)
			 :
			 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7");
}

static void hold_sse(uint64_t spins)
{
	void *from = pattern, *to = found;

	__asm__ volatile(EACH(LOAD_XMM) SPIN EACH(SAVE_XMM)
			 : "+r"(from), "+r"(to), "+r"(spins)
			 :
			 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7");
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 5;
	int avx = __builtin_cpu_supports("avx");
	size_t size = avx ? 32 : 16;
	time_t end = time(NULL) + seconds;
	unsigned long rounds = 0;

	srandom((unsigned int)getpid());
	while (time(NULL) < end) {
		for (int r = 0; r < REGS; r++) {
			for (int i = 0; i < 4; i++) {
				pattern[r][i] = (uint64_t)random() << 32 | (uint64_t)random();
			}
		}
		if (avx) {
			hold_avx(20000);
		} else {
			hold_sse(20000);
		}
		for (int r = 0; r < REGS; r++) {
			if (memcmp(pattern[r], found[r], size)) {
				printf("round %lu: register %d held %016lx, has %016lx\n", rounds,
				       r, pattern[r][0], found[r][0]);
				return 1;
			}
		}
		rounds++;
	}
	printf("%lu rounds with %s\n", rounds, avx ? "AVX" : "SSE");
	return 0;
}
