/*
 * XSAVE where there is one, FXSAVE elsewhere.  Everything is saved with all the
 * processor's components enabled, so nothing of one guest stays for the next.
 */
#include "x86/fpu.h"

#include "lib/string.h"
#include "mm/pool.h"
#include "x86/cpu.h"
#include "x86/io.h"

int xrstor_safe(void *area, uint64_t mask);
int fxrstor_safe(void *area);

static uint64_t host_xcr0;
static size_t area_size = 512;

/* x87, SSE, AVX, AVX-512 (three); nothing that needs XSS or PKRU. */
#define XCR0_WANTED 0xe7ULL

/* The area (Intel SDM vol. 1, 10.5.1, 13.3 and 13.4). */
#define FCW_INITIAL 0x37f
#define MXCSR_AT    24
#define ST_AT	    32
#define XMM_AT	    160
#define XMM_END	    416
#define LEGACY_SIZE 512
#define XCR0_X87    1u
#define XCR0_SSE    2u

void fpu_setup(void)
{
	uint32_t a, b, c, d;

	if (!cpu_features.xsave) {
		return;
	}
	cpuid(13, 0, &a, &b, &c, &d);
	host_xcr0 = (a | (uint64_t)d << 32) & XCR0_WANTED;
	xsetbv_safe(host_xcr0);
	cpuid(13, 0, &a, &b, &c, &d); /* EBX: size for what is enabled now */
	area_size = b;
}

uint64_t fpu_host_xcr0(void)
{
	return host_xcr0;
}

size_t fpu_area_size(void)
{
	return area_size;
}

/* XSAVE wants 64-byte alignment; the pool gives 16. The pointer returned is the aligned one, the offset before it. */
void *fpu_alloc(void)
{
	char *raw = pool_alloc(area_size + 128), *p;

	if (!raw) {
		return NULL;
	}
	p = (char *)ROUND_UP((uintptr_t)raw + 16, 64);
	((void **)p)[-1] = raw;
	fpu_reset(p);
	return p;
}

void fpu_reset(void *area)
{
	memset(area, 0, area_size);
	*(uint16_t *)area = FCW_INITIAL;
	*(uint32_t *)((char *)area + MXCSR_AT) = 0x1f80;
}

void fpu_free(void *area)
{
	if (area) {
		pool_free(((void **)area)[-1]);
	}
}

/* Most guests have all that there is: then XCR0 stays. */
static void set_xcr0(uint64_t from, uint64_t to)
{
	if (from != to) {
		xsetbv_safe(to);
	}
}

void fpu_save(void *area, uint64_t xcr0)
{
	if (!host_xcr0) {
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
		return;
	}
	set_xcr0(xcr0, host_xcr0);
	if (cpu_features.xsaveopt) {
		__asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
	} else {
		__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
	}
}

/*
 * Some processors load the pointers of the x87's last instruction and operand only if an exception is pending (AMD APM
 * vol. 5, FXRSTOR): what another guest left there gives way to an instruction of our own.
 */
static void forget_x87_pointers(void)
{
	static const int32_t zero;

	__asm__ volatile("fnclex\n\temms\n\tfildl %0" ::"m"(zero));
}

/* A state that the processor refuses (a guest gave it) becomes the initial one. */
void fpu_load(void *area, uint64_t xcr0)
{
	if (cpu_features.x87_pointers_stay) {
		forget_x87_pointers();
	}
	if (!host_xcr0) {
		if (fxrstor_safe(area)) {
			fpu_reset(area);
			fxrstor_safe(area);
		}
		return;
	}
	if (xrstor_safe(area, ~0ULL)) {
		fpu_reset(area);
		xrstor_safe(area, ~0ULL);
	}
	set_xcr0(host_xcr0, xcr0);
}

void fpu_set_legacy(void *area, const void *fxsave)
{
	memcpy(area, fxsave, 512);
	if (host_xcr0) {
		memset((char *)area + 512, 0, area_size - 512);
		*(uint64_t *)((char *)area + 512) = 3; /* XSTATE_BV: x87 and SSE are there */
	}
	*(uint32_t *)((char *)area + MXCSR_AT) &= 0xffff;
}

/* XSAVEOPT does not write a component that is initial: what stands in its place is from an earlier time. */
void fpu_get_legacy(const void *area, void *fxsave)
{
	const uint64_t *components = (const uint64_t *)((const char *)area + LEGACY_SIZE);
	char *to = fxsave;

	memcpy(to, area, LEGACY_SIZE);
	if (host_xcr0 && !(*components & XCR0_X87)) {
		memset(to, 0, MXCSR_AT);
		*(uint16_t *)to = FCW_INITIAL;
		memset(to + ST_AT, 0, XMM_AT - ST_AT);
	}
	if (host_xcr0 && !(*components & XCR0_SSE)) {
		memset(to + XMM_AT, 0, XMM_END - XMM_AT);
	}
}
