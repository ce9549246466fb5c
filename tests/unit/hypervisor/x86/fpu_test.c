/* The floating-point area of a vCPU as vcpu_guest_context has it: what the processor did not write is initial. */
#include "x86/fpu.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "mm/pool.h"
#include "x86/cpu.h"

#define HEADER 512 /* of an XSAVE area: which components are in it */

struct cpu_features cpu_features;

int xrstor_safe(void *area, uint64_t mask);
int fxrstor_safe(void *area);

void *pool_alloc(size_t size)
{
	return calloc(1, size);
}

void pool_free(void *p)
{
	free(p);
}

int xrstor_safe(void *area, uint64_t mask)
{
	(void)area, (void)mask;
	return 0;
}

int fxrstor_safe(void *area)
{
	(void)area;
	return 0;
}

int xsetbv_safe(uint64_t v)
{
	(void)v;
	return 0;
}

static uint8_t *area, got[512];

/* An area that was saved before, full of numbers, and now has these components. */
static void get(uint64_t components)
{
	memset(area, 0x5a, HEADER);
	memcpy(area + HEADER, &components, sizeof(components));
	memset(got, 0xff, sizeof(got));
	fpu_get_legacy(area, got);
}

static bool all(unsigned int from, unsigned int end, uint8_t value)
{
	for (unsigned int i = from; i < end; i++) {
		if (got[i] != value) {
			return false;
		}
	}
	return true;
}

static void setup(void)
{
	cpu_features.xsave = true;
	fpu_setup();
	area = fpu_alloc();
	cr_assert(area);
}

static void teardown(void)
{
	fpu_free(area);
}

TestSuite(fpu, .init = setup, .fini = teardown);

Test(fpu, what_was_saved_is_told)
{
	get(3);
	cr_expect(all(0, 512, 0x5a));
}

/* XSAVEOPT leaves the area as it was for a component that is initial (Intel SDM vol. 1, 13.6 and 13.9). */
Test(fpu, an_initial_x87_is_told_as_such)
{
	get(2);
	cr_expect(got[0] == 0x7f && got[1] == 3 && all(2, 24, 0) && all(32, 160, 0));
	cr_expect(all(24, 32, 0x5a), "MXCSR is always written");
	cr_expect(all(160, 416, 0x5a), "and the others were");
}

Test(fpu, initial_vector_registers_are_told_as_such)
{
	get(1);
	cr_expect(all(0, 160, 0x5a) && all(160, 416, 0));
}

/* Where the x87's last instruction was. */
static uint32_t last_instruction(void)
{
	uint32_t environment[7];

	__asm__ volatile("fnstenv %0" : "=m"(environment));
	return environment[3];
}

/* xrstor_safe() above restores nothing, as AMD's processors do with the pointers when no exception is pending. */
static bool pointers_stay(void)
{
	uint32_t before;

	__asm__ volatile("fninit; fld1");
	before = last_instruction();
	fpu_load(area, fpu_host_xcr0());
	return last_instruction() == before;
}

Test(fpu, where_another_guest_used_the_x87_is_not_told)
{
	cpu_features.x87_pointers_stay = false;
	cr_assert(pointers_stay(), "nothing is done where it need not be");
	cpu_features.x87_pointers_stay = true;
	cr_assert_not(pointers_stay());
	__asm__ volatile("fninit");
}

Test(fpu, a_reset_area_is_initial)
{
	memset(area, 0x5a, HEADER);
	fpu_reset(area);
	memset(got, 0xff, sizeof(got));
	fpu_get_legacy(area, got);
	cr_expect(got[0] == 0x7f && got[1] == 3 && got[24] == 0x80 && got[25] == 0x1f);
	cr_expect(all(2, 24, 0) && all(26, 512, 0));
}
