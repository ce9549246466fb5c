/*
 * INT n goes through the entry n of the guest's trap table as a trap, and RIP is behind it, if the entry's DPL lets the
 * caller: user mode has level 3, a guest kernel level 1.  Otherwise, and where there is no entry, it is #GP at the
 * instruction, with an error code that names n, as on the bare machine (public/arch-x86/xen.h, struct trap_info).
 */
#include "frontends/rt/test.h"

#define HANDLER trap_stub_80 /* says 0x80, whichever entry it stands in */

/* 256 pieces of code of 8 bytes each: int n; ud2. */
extern char ints[];
__asm__(".pushsection .text\n.balign 8\nints:\nn = 0\n.rept 256\n.balign 8\n.byte 0xcd, n\nud2\nn = n + 1\n.endr\n.popsection");

enum { KERNEL, USER };
/* n whose gate is open to ring 3 whatever the table says: the processor's own are not reached otherwise. */
static bool special(unsigned int n)
{
	return n == 3 || n == 4 || n == 0x80;
}

static struct trap_frame try_int(unsigned int n, int mode)
{
	struct iret_frame f = user_frame(ints + 8 * n);

	if (mode == KERNEL) {
		f.cs = FLAT_KERNEL_CS & ~3;
	}
	return iret_try(&f, 0);
}

static void through(unsigned int n, int mode)
{
	struct trap_frame f = try_int(n, mode);

	CHECK(f.vector == 0x80 && f.rip == (uint64_t)ints + 8 * n + 2,
	      "int %#x is called (%#lx at +%ld)", n, (unsigned long)f.vector,
	      (long)(f.rip - (uint64_t)ints - 8 * n));
	CHECK_EQ(f.cs & 3, mode == USER ? 3 : 0, "from %s mode", mode == USER ? "user" : "kernel");
}

static void refused(unsigned int n, int mode)
{
	struct trap_frame f = try_int(n, mode);

	CHECK(f.vector == 13 && f.error == (n << 3 | 2) && f.rip == (uint64_t)ints + 8 * n,
	      "int %#x is not (%#lx error %#lx at +%ld)", n, (unsigned long)f.vector,
	      (unsigned long)f.error, (long)(f.rip - (uint64_t)ints - 8 * n));
}

static void every_number(void)
{
	unsigned int wrong[4] = { 0 };

	for (unsigned int n = 0; n < 256; n++) {
		struct trap_frame f;
		uint64_t here = (uint64_t)ints + 8 * n;

		if (special(n) || n == 13 || n == 6) {
			continue;
		}
		trap_set((uint8_t)n, 3, HANDLER);
		f = try_int(n, USER);
		wrong[0] += f.vector != 0x80 || f.rip != here + 2;
		trap_set((uint8_t)n, 1, HANDLER);
		f = try_int(n, USER);
		wrong[1] += f.vector != 13 || f.error != (n << 3 | 2) || f.rip != here;
		f = try_int(n, KERNEL);
		wrong[2] += f.vector != 0x80 || f.rip != here + 2;
		trap_set((uint8_t)n, 0, HANDLER);
		f = try_int(n, KERNEL);
		wrong[3] += f.vector != 13 || f.error != (n << 3 | 2) || f.rip != here;
	}
	CHECK_EQ(wrong[0], 0, "user mode, through every entry of DPL 3");
	CHECK_EQ(wrong[1], 0, "user mode, through none of DPL 1");
	CHECK_EQ(wrong[2], 0, "the kernel, through every one of DPL 1");
	CHECK_EQ(wrong[3], 0, "the kernel, through none of DPL 0");
}

static void special_ones(void)
{
	struct trap_frame f;

	through(0x80, USER);
	through(0x80, KERNEL);
	f = try_int(3, USER);
	CHECK(f.vector == 3 && f.rip == (uint64_t)ints + 26, "int 3 in two bytes");
	f = try_int(4, USER);
	CHECK(f.vector == 4 && f.rip == (uint64_t)ints + 34, "int 4");
	trap_set(0x80, 7, HANDLER);
	f = try_int(0x80, USER);
	CHECK_EQ(f.vector, 0x80, "int 0x80 through an interrupt gate");
	CHECK(f.rflags & 0x200, "events were open");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 0, "and are again");
}

/* The gate for 0x80 is the machine's; without an entry it must look as if there were none. */
static void no_entries(void)
{
	struct trap_info saved[] = { { 6, 0, FLAT_KERNEL_CS, trap_stubs[6] },
				     { 13, 0, FLAT_KERNEL_CS, trap_stubs[13] },
				     { 14, 0, FLAT_KERNEL_CS, trap_stubs[14] },
				     { 0 } };

	CHECK_EQ(hcall1(__HYPERVISOR_set_trap_table, 0), 0, "an empty table");
	CHECK_EQ(hcall1(__HYPERVISOR_set_trap_table, ptr_arg(saved)), 0, "and three entries");
	refused(0x80, USER);
	refused(0x80, KERNEL);
	refused(0x21, USER);
	refused(0x21, KERNEL);
	refused(2, USER);
	refused(14, USER);
	refused(0xff, USER);
}

enum verdict guest_main(void)
{
	CHECK_EQ(user_init(), 0, "user mode");
	every_number();
	trap_set(0x21, 3, HANDLER);
	through(0x21, USER);
	through(0x21, KERNEL);
	trap_set(0x21, 0, HANDLER);
	refused(0x21, USER);
	refused(0x21, KERNEL);
	special_ones();
	no_entries();
	return SUCCESS;
}
