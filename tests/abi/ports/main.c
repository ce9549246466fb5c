/*
 * I/O ports.  IN, OUT, INS and OUTS of every size work for a guest kernel whose I/O privilege (PHYSDEVOP_set_iopl) is 1
 * or more, and for user mode with 3; without it, only for ports that the bitmap of set_iobitmap has open; otherwise
 * they are #GP.  INS and OUTS whose buffer faults are page faults at the byte that is missing, with RDI, RSI and RCX
 * saying how far they came (public/physdev.h; Intel SDM vol. 1, 18.5).
 */
#include "frontends/rt/test.h"

#include <xen/physdev.h>

#include "hypervisor/lib/string.h"

#define DELAY 0x80  /* a byte that nobody listens to, wherever we are */
#define PCI   0xcf8 /* a latch of 32 bits, in the hypervisor for each domain */
#define PF    14
#define GP    13

static long physdev(int cmd, void *arg)
{
	return hcall2(__HYPERVISOR_physdev_op, (uint64_t)cmd, ptr_arg(arg));
}

static long set_iopl(uint32_t level)
{
	struct physdev_set_iopl op = { .iopl = level };

	return physdev(PHYSDEVOP_set_iopl, &op);
}

static long set_bitmap(uint8_t *bits, uint32_t ports)
{
	struct physdev_set_iobitmap op = { .nr_ports = ports };

	set_xen_guest_handle(op.bitmap, bits);
	return physdev(PHYSDEVOP_set_iobitmap, &op);
}

/* For both modes: RDI is the port; a trap at the end. */
#define PROGRAM(name, code) \
	extern char name[]; \
	__asm__(".pushsection .text\n" #name ": mov %edi, %edx\n" code "\n ud2\n.popsection")

PROGRAM(in8, "mov $-1, %rax; in %dx, %al");
PROGRAM(in16, "mov $-1, %rax; in %dx, %ax");
PROGRAM(in32, "mov $-1, %rax; in %dx, %eax");
PROGRAM(out8, "xor %eax, %eax; out %al, %dx");
PROGRAM(out16, "xor %eax, %eax; out %ax, %dx");
PROGRAM(out32, "mov $0x80001234, %eax; out %eax, %dx");
PROGRAM(in8_imm, "mov $-1, %rax; in $0x80, %al");
PROGRAM(out8_imm, "out %al, $0x80");
PROGRAM(cli_sti, "cli; sti");

static struct trap_frame run(const char *program, bool user, uint64_t port)
{
	struct iret_frame f = user_frame(program);

	if (!user) {
		f.cs = FLAT_KERNEL_CS & ~3;
	}
	return iret_try(&f, port);
}

static bool works(const char *program, bool user, uint64_t port)
{
	return run(program, user, port).vector == 6;
}

static bool refused(const char *program, bool user, uint64_t port)
{
	struct trap_frame f = run(program, user, port);

	return f.vector == GP && f.error == 0;
}

static const struct {
	const char *program, *what;
	uint16_t port;
} simple[] = {
	{ in8, "IN of 8 bits", DELAY },	    { in16, "IN of 16 bits", PCI + 4 },
	{ in32, "IN of 32 bits", PCI },	    { out8, "OUT of 8 bits", DELAY },
	{ out16, "OUT of 16 bits", DELAY }, { out32, "OUT of 32 bits", PCI },
	{ in8_imm, "IN by number", DELAY }, { out8_imm, "OUT by number", DELAY },
};

static void levels(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(simple); i++) {
		set_iopl(0);
		CHECK(refused(simple[i].program, false, simple[i].port), "%s: not with level 0",
		      simple[i].what);
		set_iopl(1);
		CHECK(works(simple[i].program, false, simple[i].port), "by the kernel with 1");
		set_iopl(2);
		CHECK(refused(simple[i].program, true, simple[i].port), "by user mode not with 2");
		set_iopl(3);
		CHECK(works(simple[i].program, true, simple[i].port), "by user mode with 3");
	}
	set_iopl(0);
	CHECK(refused(cli_sti, false, 0), "CLI and STI in the kernel: not with 0");
	set_iopl(1);
	CHECK(works(cli_sti, false, 0), "but with 1");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 0, "and mask nothing");
	CHECK(refused(cli_sti, true, 0), "not in user mode");
	set_iopl(3);
	CHECK(works(cli_sti, true, 0), "unless its level is 3");
	CHECK_EQ(set_iopl(4), -XEN_EINVAL, "level 4");
	CHECK_EQ(physdev(PHYSDEVOP_set_iopl, (void *)8), -XEN_EFAULT, "a level at a bad address");
	CHECK(works(in8, true, DELAY), "and it is still 3");
}

static void registers(void)
{
	struct trap_frame f;

	set_iopl(1);
	CHECK_EQ(run(out32, false, PCI).vector, 6, "a word for the latch");
	f = run(in32, false, PCI);
	CHECK_EQ(f.rax, 0x80001234, "IN of 32 bits clears the upper half");
	f = run(in16, false, 0xfff8);
	CHECK_EQ(f.rax >> 16, 0xffffffffffff, "IN of 16 bits keeps the rest");
	f = run(in8, false, DELAY);
	CHECK_EQ(f.rax >> 8, 0xffffffffffffff, "IN of 8 bits keeps the rest");
	f = run(in32, false, 0xfffe);
	CHECK_EQ(f.vector == 6 || f.vector == GP, 1, "IN past the last port: %s",
		 f.vector == 6 ? "ones" : "refused");
}

static void bitmap(void)
{
	static uint8_t bits[8192 + 1];
	struct trap_frame f;

	memset(bits, 0xff, sizeof(bits));
	set_iopl(0);
	CHECK_EQ(set_bitmap(bits, 65536), 0, "a bitmap that opens nothing");
	CHECK(refused(in8, true, DELAY), "opens nothing");
	bits[DELAY / 8] = 0xfe;
	CHECK(works(in8, true, DELAY), "a bit is cleared: user mode has the port");
	CHECK(works(out8, true, DELAY), "both ways");
	CHECK(works(in8, false, DELAY), "so has the kernel");
	CHECK(refused(in8, true, DELAY + 1), "not the next one");
	CHECK(refused(in16, true, DELAY), "nor both together");
	bits[DELAY / 8] = 0xfc;
	CHECK(works(in16, true, DELAY), "unless both are open");
	bits[0xcff / 8] = 0x7f;
	bits[0xd00 / 8] = 0xf8;
	CHECK(works(in32, true, 0xcff), "four across two bytes of it");
	bits[0xd00 / 8] = 0xfc;
	CHECK(refused(in32, true, 0xcff), "and not when the last is closed");
	f = run(cli_sti, true, 0);
	CHECK_EQ(f.vector, GP, "CLI has nothing to do with it");
	CHECK_EQ(set_bitmap(bits, 65537), -XEN_EINVAL, "more ports than there are");
	CHECK(works(in8, true, DELAY), "the bitmap is still there");
	CHECK_EQ(physdev(PHYSDEVOP_set_iobitmap, (void *)8), -XEN_EFAULT, "a bad address");
	CHECK(works(in8, true, DELAY), "still there");
	CHECK_EQ(set_bitmap(bits, DELAY), 0, "one that ends before the port");
	CHECK(refused(in8, true, DELAY), "does not open it");
	CHECK_EQ(set_bitmap((uint8_t *)0x5000, 65536), 0, "one that is not there");
	CHECK(refused(in8, true, DELAY), "opens nothing");
	CHECK_EQ(set_bitmap((uint8_t *)0xffff830000000000UL, 65536), -XEN_EINVAL,
		 "one in the hypervisor");
	CHECK(refused(in8, true, DELAY), "opens nothing");
	CHECK_EQ(set_bitmap(NULL, 0), 0, "none");
	CHECK(refused(in8, true, DELAY), "opens nothing");
}

/* ---- strings ---- */

/* From a set of registers, one instruction, to what they are at the trap. */
extern char insb[], insw[], insl[], outsb[], outsw[], outsl[], rep_insb[], rep_insl[], rep_outsb[],
	rep_outsl[], back_insl[], fs_outsl[];
__asm__(".pushsection .text\n"
	"insb: insb; ud2\n insw: insw; ud2\n insl: insl; ud2\n"
	"outsb: outsb; ud2\n outsw: outsw; ud2\n outsl: outsl; ud2\n"
	"rep_insb: rep insb; ud2\n rep_insl: rep insl; ud2\n"
	"rep_outsb: rep outsb; ud2\n rep_outsl: rep outsl; ud2\n"
	"back_insl: std; rep insl; cld; ud2\n"
	"fs_outsl: fs outsl; ud2\n"
	".popsection");
/* Registers from memory, then a jump to the instruction; RAX is where. */
extern char with_registers[];
__asm__(".pushsection .text\n"
	"with_registers: mov 0(%rdi), %rsi; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rax\n"
	"mov 32(%rdi), %rdi; jmp *%rax\n.popsection");

static struct trap_frame string(const char *program, uint16_t port, const void *at, uint64_t count)
{
	static struct {
		uint64_t rsi, rcx, rdx, rip, rdi;
	} regs;

	regs.rsi = regs.rdi = (uint64_t)at;
	regs.rcx = count;
	regs.rdx = port;
	regs.rip = (uint64_t)program;
	return run(with_registers, false, (uint64_t)&regs);
}

static void strings(void)
{
	uint32_t buffer[8] = { 0 }, value = 0x80005678;
	struct trap_frame f;

	set_iopl(1);
	f = string(outsl, PCI, &value, 9);
	CHECK_EQ(f.vector, 6, "OUTS");
	CHECK_EQ(f.rsi, (uint64_t)(&value + 1), "RSI is behind it");
	CHECK_EQ(f.rcx, 9, "RCX is not its business");
	f = string(insl, PCI, buffer + 1, 9);
	CHECK(buffer[0] == 0 && buffer[1] == 0x80005678 && buffer[2] == 0, "INS of 32 bits");
	CHECK_EQ(f.rdi, (uint64_t)(buffer + 2), "RDI is behind it");
	memset(buffer, 0, sizeof(buffer));
	f = string(rep_insl, PCI, buffer, 4);
	CHECK(f.rcx == 0 && f.rdi == (uint64_t)(buffer + 4), "REP INS of four");
	CHECK(buffer[3] == 0x80005678 && buffer[4] == 0, "all of them");
	memset(buffer, 0, sizeof(buffer));
	f = string(back_insl, PCI, buffer + 4, 3);
	CHECK(f.rcx == 0 && f.rdi == (uint64_t)(buffer + 1), "REP INS downwards");
	CHECK(buffer[1] == 0 && buffer[2] == 0x80005678 && buffer[4] == 0x80005678, "all of them");
	f = string(rep_insl, PCI, (void *)0x5000, 0);
	CHECK(f.vector == 6 && f.rdi == 0x5000, "REP of none does nothing");
	f = string(rep_outsl, PCI, buffer + 2, 3);
	CHECK(f.vector == 6 && f.rcx == 0 && f.rsi == (uint64_t)(buffer + 5), "REP OUTS of three");
	memset(buffer, 0, sizeof(buffer));
	f = string(insb, DELAY, (char *)buffer + 1, 0);
	CHECK(f.vector == 6 && f.rdi == (uint64_t)buffer + 2, "INS of 8 bits");
	CHECK(!((char *)buffer)[0] && !((char *)buffer)[2], "beside it nothing is written");
	f = string(insw, 0xfff8, (char *)buffer + 1, 0);
	CHECK(f.vector == 6 && f.rdi == (uint64_t)buffer + 3, "INS of 16 bits");
	CHECK(!((char *)buffer)[0] && !((char *)buffer)[3], "beside it nothing is written");
	f = string(outsb, DELAY, buffer, 0);
	CHECK(f.vector == 6 && f.rsi == (uint64_t)buffer + 1, "OUTS of 8 bits");
	f = string(outsw, DELAY, buffer, 0);
	CHECK(f.vector == 6 && f.rsi == (uint64_t)buffer + 2, "OUTS of 16 bits");
	value = 0x80001230;
	CHECK_EQ(hcall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, ptr_arg(&value) - 0x10), 0,
		 "a base for FS");
	f = string(fs_outsl, PCI, (void *)0x10, 0);
	CHECK(f.vector == 6 && f.rsi == 0x14, "OUTS by FS");
	f = string(insl, PCI, buffer, 0);
	CHECK_EQ(buffer[0], value, "from where that is");
	set_iopl(0);
	CHECK_EQ(string(insb, DELAY, buffer, 0).vector, GP, "INS without the level");
	CHECK_EQ(string(rep_outsb, DELAY, buffer, 2).vector, GP, "OUTS without the level");
	set_iopl(1);
}

static void fault(const char *program, char *at, uint64_t count, uint64_t left, char *where,
		  uint64_t error, const char *what)
{
	struct trap_frame f = string(program, PCI, at, count);
	bool in = program == insl || program == rep_insl || program == rep_insb;

	CHECK_EQ(f.vector, PF, "%s: page fault", what);
	CHECK_EQ(vcpu_info()->arch.cr2, (uint64_t)where, "at the first byte missing");
	CHECK_EQ(f.error, error, "error code");
	CHECK_EQ(f.rip, (uint64_t)program, "at the instruction");
	CHECK_EQ(f.rcx, left, "RCX: what is left");
	CHECK_EQ((in ? f.rdi : f.rsi), (uint64_t)at + (count - left) * 4, "the pointer at it");
}

static void page_ends(void)
{
	char *next;

	page_alloc();
	next = page_alloc();

	update_va_mapping((uint64_t)next, 0, UVMF_INVLPG);
	fault(insl, next, 0, 0, next, 2, "INS to no page");
	fault(insl, next - 2, 0, 0, next, 2, "INS half to no page");
	fault(rep_insl, next - 8, 5, 3, next, 2, "the third item of REP INS");
	fault(rep_insl, next - 10, 5, 3, next, 2, "half of the third");
	fault(outsl, next, 0, 0, next, 0, "OUTS from no page");
	fault(rep_outsl, next - 10, 5, 3, next, 0, "OUTS, half of the third");
	update_va_mapping((uint64_t)next, virt_to_mfn(next) << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW),
			  UVMF_INVLPG);
	fault(rep_insl, next - 8, 5, 3, next, 3, "INS to a read-only page");
	CHECK_EQ(string(rep_outsl, PCI, next - 8, 5).vector, 6, "OUTS from one");
	CHECK_EQ(string(insl, PCI, (void *)0x8000000000000000UL, 0).vector, GP,
		 "INS to no canonical address");
	CHECK_EQ(string(insl, PCI, (void *)0xffff830000000000UL, 0).vector, GP,
		 "INS to the hypervisor");
	CHECK_EQ(string(outsl, PCI, (void *)0xffff830000000000UL, 0).vector, GP,
		 "OUTS from the hypervisor");
}

enum verdict guest_main(void)
{
	CHECK_EQ(user_init(), 0, "user mode");
	levels();
	registers();
	bitmap();
	strings();
	page_ends();
	return SUCCESS;
}
