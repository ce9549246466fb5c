/*
 * Every exception that a guest kernel can cause comes to its handler with the processor's vector, error code and RIP:
 * faults point at the instruction, traps behind it; the event mask is set if the entry of the table says so
 * (TI_SET_IF) and comes back with iret; they nest; a table is replaced entry by entry, and a bad one not at all
 * (public/xen.h, set_trap_table; public/arch-x86/xen.h, struct trap_info).
 */
#include "frontends/rt/test.h"

#define NOT_CANONICAL 0x8000000000000000UL
#define SEL_ABSENT    0x8 /* in our own table: made below */
#define SEL_CODE      0x10
#define SEL_EMPTY     0x18
#define SEL_PAST      0x2008 /* a page of the table that there is not */

extern char at_fault[], at_trap[];

/* Each leaves its address in at_*: where the exception should say it was. */
#define CAUSE(name, code)                        \
	void name(void *arg);                    \
	extern char name##_at[], name##_after[]; \
	__asm__(".pushsection .text\n" #name ":\n" code "\n" #name "_after: ret\n.popsection")

CAUSE(divide, "xor %edx, %edx; xor %ecx, %ecx\ndivide_at: div %ecx");
CAUSE(overflow_divide, "mov $-1, %edx; mov $1, %ecx\noverflow_divide_at: div %ecx");
CAUSE(int3, "int3_at: int3");
CAUSE(int3_long, "int3_long_at: .byte 0xcd, 3");
CAUSE(overflow, "overflow_at: int $4");
CAUSE(invalid, "invalid_at: ud2");
CAUSE(into, "into_at: .byte 0xce");
CAUSE(bad_lock, "bad_lock_at: .byte 0xf0; nop");
CAUSE(stack_read, "mov %rdi, %rax; push %rbp; mov %rax, %rbp\nstack_read_at: mov (%rbp), %rax");
CAUSE(read_at, "read_at_at: mov (%rdi), %rax");
CAUSE(write_at, "write_at_at: mov %rax, (%rdi)");
CAUSE(jump_at, "jump_at_at: jmp *%rdi");
CAUSE(load_ds, "load_ds_at: mov %edi, %ds");
CAUSE(load_ss, "load_ss_at: mov %edi, %ss");
CAUSE(load_fs, "load_fs_at: mov %edi, %fs");
CAUSE(far_jump, "push %rdi; lea 1f(%rip), %rax; push %rax\nfar_jump_at: lretq\n1:");
CAUSE(bad_iret,
      "mov %rsp, %rax; push $0xe02b; push %rax; push $0x4202; push %rdi; lea 1f(%rip), %rax; push %rax\n"
      "bad_iret_at: iretq\n1:");
CAUSE(fwait, "fwait_at: fwait");
CAUSE(fnop, "fnop_at: fnop");
CAUSE(lgdt, "lgdt_at: lgdt (%rsp)");
CAUSE(lldt, "lldt_at: lldt %di");
CAUSE(ltr, "ltr_at: ltr %di");
CAUSE(lmsw, "lmsw_at: lmsw %di");
CAUSE(invlpg, "invlpg_at: invlpg (%rdi)");
CAUSE(swapgs, "swapgs_at: swapgs");
CAUSE(sysret, "sysret_at: sysretq");
CAUSE(vmcall, "vmcall_at: vmcall");

static unsigned int nm_taken;

static void on_nm(struct trap_frame *f)
{
	(void)f;
	nm_taken++;
}

/* Where the emulator has not the processor's answer: it says 13 for 12, and looks at a page that there is not. */
static void expect_either(void (*f)(void *), uint64_t arg, unsigned int one, unsigned int other,
			  const char *what)
{
	struct trap_seen s = trap_try(f, (void *)arg);

	CHECK(s.happened && (s.vector == one || s.vector == other), "%s: vector %u or %u (%ld)",
	      what, one, other, (long)s.vector);
}

static void expect(void (*f)(void *), uint64_t arg, const void *rip, unsigned int vector,
		   uint64_t error, const char *what)
{
	struct trap_seen s = trap_try(f, (void *)arg);

	CHECK(s.happened && s.vector == vector, "%s: vector %u (got %d, %ld)", what, vector,
	      s.happened, (long)s.vector);
	CHECK_EQ(s.error, error, "%s: error code", what);
	CHECK_EQ(s.rip, (uint64_t)rip, "%s: where", what);
}
#define FAULT(f, arg, vector, error, what) expect(f, arg, f##_at, vector, error, what)
#define TRAP(f, vector, what)		   expect(f, 0, f##_after, vector, 0, what)

/* A descriptor table of our own, with one code segment, one data segment that is absent, and one that is nothing. */
static void make_gdt(void)
{
	uint64_t *gdt = page_alloc(), frame = virt_to_mfn(gdt);

	gdt[SEL_ABSENT / 8] = 0x00cf73000000ffff;
	gdt[SEL_CODE / 8] = 0x00affb000000ffff;
	CHECK_EQ(update_va_mapping((uint64_t)gdt, frame << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW),
				   UVMF_INVLPG),
		 0, "a page made read-only");
	CHECK_EQ(hcall2(__HYPERVISOR_set_gdt, ptr_arg(&frame), 512), 0, "as descriptor table");
}

static void simple_ones(void)
{
	FAULT(divide, 0, 0, 0, "division by zero");
	FAULT(overflow_divide, 0, 0, 0, "quotient too large");
	TRAP(int3, 3, "breakpoint");
	TRAP(int3_long, 3, "breakpoint in two bytes");
	TRAP(overflow, 4, "overflow by INT 4");
	FAULT(invalid, 0, 6, 0, "invalid opcode");
	FAULT(into, 0, 6, 0, "INTO, which 64-bit mode has not");
	FAULT(bad_lock, 0, 6, 0, "LOCK where it may not be");
	FAULT(vmcall, 0, 6, 0, "VMCALL");
	expect_either(stack_read, NOT_CANONICAL, 12, 13, "no canonical address, by the stack");
	FAULT(read_at, NOT_CANONICAL, 13, 0, "no canonical address, read");
	FAULT(write_at, NOT_CANONICAL, 13, 0, "no canonical address, write");
	expect_either(read_at, 0x00007ffffffffffcUL, 13, 14, "a read past the last address");
}

static void selectors(void)
{
	FAULT(load_ds, SEL_ABSENT, 11, SEL_ABSENT, "DS: a segment not present");
	FAULT(load_fs, SEL_ABSENT | 3, 11, SEL_ABSENT, "FS: a segment not present");
	FAULT(load_ss, SEL_ABSENT | 3, 12, SEL_ABSENT, "SS: a segment not present");
	FAULT(load_ss, 0, 13, 0, "SS: null");
	FAULT(load_ss, SEL_CODE | 3, 13, SEL_CODE, "SS: code");
	FAULT(load_ds, SEL_EMPTY, 13, SEL_EMPTY, "DS: no descriptor");
	FAULT(load_ds, SEL_PAST, 13, SEL_PAST, "DS: past the table");
	FAULT(load_ds, 0x4, 13, 0x4, "DS: no LDT");
	FAULT(load_ds, 0xe010, 13, 0xe010, "DS: the hypervisor's");
	FAULT(load_ds, 0xe040, 13, 0xe040, "DS: its task state");
	FAULT(far_jump, SEL_EMPTY | 3, 13, SEL_EMPTY, "CS: no descriptor");
	FAULT(far_jump, FLAT_KERNEL_SS, 13, FLAT_KERNEL_SS & ~3, "CS: data");
	FAULT(far_jump, 0xe008, 13, 0xe008, "CS: the hypervisor's");
	FAULT(bad_iret, SEL_EMPTY | 3, 13, SEL_EMPTY, "IRET to no code segment");
	CHECK(!trap_try(far_jump, (void *)(uint64_t)(SEL_CODE | 3)).happened, "CS: our own");
	trap_try(far_jump, (void *)(uint64_t)FLAT_KERNEL_CS);
}

static void privileged(void)
{
	FAULT(lgdt, 0, 13, 0, "LGDT");
	FAULT(lldt, 0, 13, 0, "LLDT");
	FAULT(ltr, 0xe040, 13, 0, "LTR");
	FAULT(lmsw, 1, 13, 0, "LMSW");
	FAULT(invlpg, 0x1000, 13, 0, "INVLPG");
	FAULT(swapgs, 0, 13, 0, "SWAPGS");
	FAULT(sysret, 0, 13, 0, "SYSRET");
}

static void floating_point(void)
{
	uint16_t cw = 0x340;

	__asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp" ::"m"(cw));
	FAULT(fwait, 0, 16, 0, "x87 division by zero, noticed later");
	__asm__ volatile("fninit");
	hcall1(__HYPERVISOR_fpu_taskswitch, 1);
	FAULT(fnop, 0, 7, 0, "no floating point");
	trap_hook[7] = on_nm;
	hcall1(__HYPERVISOR_fpu_taskswitch, 1);
	__asm__ volatile("fnop\n\tfnop");
	trap_hook[7] = NULL;
	CHECK_EQ(nm_taken, 1, "once: the hypervisor has cleared CR0.TS");
}

static void misaligned(void)
{
	static uint64_t word[2];
	struct trap_frame *f = NULL;
	struct trap_seen s;

	(void)f;
	/* Alignment checks are for ring 3, and a guest kernel is there. */
	__asm__ volatile("pushf\n\torq $0x40000, (%%rsp)\n\tpopf" ::: "memory");
	s = trap_try(read_at, (char *)word + 1);
	__asm__ volatile("pushf\n\tandq $~0x40000, (%%rsp)\n\tpopf" ::: "memory");
	CHECK(!s.happened || (s.vector == 17 && s.error == 0), "misaligned read: %s",
	      s.happened ? "alignment check" : "not checked");
}

static unsigned int depth;
static uint64_t lowest;

static void on_ud(struct trap_frame *f)
{
	lowest = (uint64_t)f;
	f->rip += 2;
	if (depth++ < 50) {
		/* Each on top of the one before: a fault, a trap, a system call between. */
		__asm__ volatile("ud2\n\tint3");
		sched_op(0, NULL);
	}
}

static unsigned int traps3;

static void on_bp(struct trap_frame *f)
{
	(void)f;
	traps3++;
}

static void nested(void)
{
	uint64_t rsp;

	__asm__ volatile("mov %%rsp, %0" : "=r"(rsp));
	trap_hook[6] = on_ud;
	trap_hook[3] = on_bp;
	__asm__ volatile("ud2");
	trap_hook[6] = trap_hook[3] = NULL;
	CHECK_EQ(depth, 51, "fifty exceptions within one another");
	CHECK_EQ(traps3, 50, "and as many beside them");
	CHECK(lowest < rsp && lowest > rsp - 51 * 512, "on one stack");
}

static uint8_t mask_seen;
static uint64_t flags_seen;

static void look(struct trap_frame *f)
{
	mask_seen = vcpu_info()->evtchn_upcall_mask;
	flags_seen = f->rflags;
	f->rip += 2;
}

static void masks(void)
{
	trap_hook[6] = look;
	__asm__ volatile("ud2");
	CHECK_EQ(mask_seen, 0, "a trap gate leaves events open");
	CHECK(flags_seen & 0x200, "IF says that they were");
	CHECK_EQ(trap_set(6, 4, trap_stubs[6]), 0, "an interrupt gate");
	__asm__ volatile("ud2");
	CHECK_EQ(mask_seen, 1, "masks events");
	CHECK(flags_seen & 0x200, "IF says that they were open");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 0, "which they are again");
	upcalls_off();
	__asm__ volatile("ud2");
	CHECK(!(flags_seen & 0x200), "IF says that they were closed");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 1, "which they are again");
	upcalls_on();
	CHECK_EQ(trap_set(6, 0, trap_stubs[6]), 0, "a trap gate again");
	trap_hook[6] = NULL;
}

static void refusals(void)
{
	struct trap_info t[3] = { { 6, 0, FLAT_KERNEL_CS, trap_stubs[3] },
				  { 3, 3, FLAT_KERNEL_CS, NOT_CANONICAL },
				  { 0 } };
	static struct trap_info full[257];

	CHECK_EQ(hcall1(__HYPERVISOR_set_trap_table, ptr_arg(t)), -XEN_EINVAL,
		 "a handler at no canonical address");
	TRAP(int3, 3, "which is not the breakpoint's now");
	trap_set(6, 0, trap_stubs[6]);
	t[1].address = 0x800000000000;
	CHECK_EQ(hcall1(__HYPERVISOR_set_trap_table, ptr_arg(&t[1])), -XEN_EINVAL,
		 "the first address past the lower half");
	CHECK_EQ(hcall1(__HYPERVISOR_set_trap_table, 8), -XEN_EFAULT, "a table at a bad address");
	CHECK_EQ(hcall1(__HYPERVISOR_set_trap_table, 0xffff830000000000UL), -XEN_EFAULT,
		 "a table in the hypervisor's memory");
	CHECK_EQ(hcall1(__HYPERVISOR_set_trap_table, NOT_CANONICAL), -XEN_EFAULT,
		 "a table at no canonical address");
	for (unsigned int i = 0; i < 256; i++) {
		full[i] = (struct trap_info){ (uint8_t)i, i == 3 || i == 4 ? 3 : 0, FLAT_KERNEL_CS,
					      trap_stubs[i < 20 ? i : 13] };
	}
	CHECK_EQ(hcall1(__HYPERVISOR_set_trap_table, ptr_arg(full)), 0, "a table of all 256");
	TRAP(int3, 3, "breakpoint");
	FAULT(invalid, 0, 6, 0, "invalid opcode");
}

enum verdict guest_main(void)
{
	make_gdt();
	simple_ones();
	selectors();
	privileged();
	floating_point();
	misaligned();
	nested();
	masks();
	refusals();
	return SUCCESS;
}
