/* Indirect branches: which processors need retpolines, and what replaces them where none is needed. */
#include "x86/thunk.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/cpu.h"
#include "base/log.h"
#include "x86/cpu.h"

struct cpu_features cpu_features;
char thunks[512] __attribute__((aligned(4096)));
static char said[400];

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	vsnprintf(said + strlen(said), sizeof(said) - strlen(said), fmt, args);
	va_end(args);
}

void *frame_to_virt(mfn_t m)
{
	return (void *)(m.n << PAGE_SHIFT);
}

mfn_t virt_to_frame(const void *p)
{
	return mfn((uint64_t)p >> PAGE_SHIFT);
}

static bool plain(struct cpu_features f, const char *option)
{
	memset(thunks, 0xe8, sizeof(thunks));
	said[0] = '\0';
	cpu_features = f;
	thunk_init(option);
	return (uint8_t)thunks[0] == 0xff;
}

Test(thunk, retpolines_unless_the_processor_keeps_predictions_apart)
{
	cr_assert_not(plain((struct cpu_features){ 0 }, ""));
	cr_assert_not(plain((struct cpu_features){ .amd = true }, ""));
	cr_assert(plain((struct cpu_features){ .ibrs_all = true }, ""));
	cr_assert(plain((struct cpu_features){ .amd = true, .auto_ibrs = true }, ""));
	cr_assert(plain((struct cpu_features){ .emulated = true }, ""));
}

Test(thunk, the_word_decides_and_a_wrong_one_is_told_of)
{
	cr_assert_not(plain((struct cpu_features){ .emulated = true }, "bti-thunk=retpoline"));
	cr_assert(plain((struct cpu_features){ 0 }, "bti-thunk=jmp"));
	cr_assert_not(plain((struct cpu_features){ 0 }, "bti-thunk=lfence"));
	cr_assert(strstr(said, "spec-ctrl=bti-thunk=lfence: only"));
}

Test(thunk, each_register_gets_its_jump)
{
	cr_assert(plain((struct cpu_features){ .emulated = true }, ""));
	cr_assert_eq(memcmp(thunks + 0 * 32, "\xff\xe0", 2), 0, "rax");
	cr_assert_eq(memcmp(thunks + 7 * 32, "\xff\xe7", 2), 0, "rdi");
	cr_assert_eq(memcmp(thunks + 8 * 32, "\x41\xff\xe0", 3), 0, "r8");
	cr_assert_eq(memcmp(thunks + 15 * 32, "\x41\xff\xe7", 3), 0, "r15");
	cr_assert_eq((uint8_t)thunks[4 * 32], 0xe8, "nothing for rsp");
	cr_assert_eq((uint8_t)thunks[2], 0xe8);
}
