/*
 * Whether indirect branches need retpolines (retpoline.S), decided once at boot.
 *
 * The danger: a guest, or a program in it, trains the predictor so that an indirect branch of ours is guessed to
 * go where it leaks something.  Guests run in ring 3 and we in ring 0, so a processor that keeps the
 * predictions of the two apart, once told to, needs nothing more: Intel's with enhanced IBRS (ARCH_CAPABILITIES
 * bit 1), AMD's with automatic IBRS.  Anyone else's get retpolines; older AMD ones too, since LFENCE before the jump
 * has been found not to be enough.  An emulator without speculation (QEMU's TCG) needs nothing.
 * Not covered: what guests' branches in ring 3 do to one another, and history injection (BHI).
 */
#include "x86/thunk.h"

#include "arch/cpu.h"
#include "base/log.h"
#include "lib/string.h"
#include "x86/cpu.h"
#include "x86/io.h"

#define THUNK_SIZE 32
#define RSP	   4

extern char thunks[];

static void encode(unsigned int reg, uint8_t *at)
{
	if (reg >= 8) {
		*at++ = 0x41; /* REX.B */
	}
	*at++ = 0xff; /* jmp *reg */
	*at = (uint8_t)(0xe0 | (reg & 7));
}

static void make_plain(void)
{
	uint8_t *alias = (uint8_t *)frame_to_virt(virt_to_frame(thunks)) +
			 ((uint64_t)thunks & ~PAGE_MASK);
	uint32_t a, b, c, d;

	for (unsigned int reg = 0; reg < 16; reg++) {
		if (reg != RSP) {
			encode(reg, alias + reg * THUNK_SIZE);
		}
	}
	cpuid(0, 0, &a, &b, &c, &d); /* serialises: no CPU but this one runs yet */
}

static bool needs_retpolines(const char *option)
{
	const struct cpu_features *f = &cpu_features;

	if (strcmp(option, "bti-thunk=retpoline") == 0) {
		return true;
	}
	if (strcmp(option, "bti-thunk=jmp") == 0) {
		return false;
	}
	if (*option) {
		log_warn("spec-ctrl=%s: only bti-thunk=retpoline and bti-thunk=jmp are known",
			 option);
	}
	return !f->ibrs_all && !f->auto_ibrs && !f->emulated;
}

void thunk_init(const char *option)
{
	bool retpolines = needs_retpolines(option);

	if (!retpolines) {
		make_plain();
	}
	log_info("indirect branches: %s%s", retpolines ? "retpolines" : "plain jumps",
		 cpu_features.ibrs_all	  ? ", enhanced IBRS"
		 : cpu_features.auto_ibrs ? ", automatic IBRS"
		 : cpu_features.emulated  ? ", an emulated CPU"
					  : "");
}
