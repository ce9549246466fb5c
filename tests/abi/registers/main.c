/*
 * What the hypervisor does in an instruction's stead it does with the registers that the instruction names, each of the
 * sixteen: moves from and to CR2 and DR0, and writes to a page table where a register is the value, the base or the
 * index, beside RIP, a displacement, or the base of FS or GS.  The stack pointer is no exception (Intel SDM vol. 2,
 * 2.1.5 and 2.2.1).
 */
#include "frontends/rt/test.h"

#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define RSP	    4 /* no index: its place in the instruction says that there is none */
#define SOMETHING   0x123450000UL

/* Entries that are not present may say anything: ours to read, and the hypervisor's to write. */
uint64_t table[512] __attribute__((aligned(4096)));
/* What the register has before the instruction, and after; the stack pointer meanwhile. */
uint64_t value, stack;

/* A function that has 'value' in a register around one instruction; nobody needs the stack while events are masked. */
#define WITH(name, r, insn)                                                            \
	extern void name##_##r(void);                                                  \
	__asm__(".pushsection .text\n" #name "_" #r ":\n"                              \
		"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"   \
		"mov %rsp, stack(%rip)\n mov value(%rip), %" #r "\n" insn "\nmov %" #r \
		", value(%rip)\n mov stack(%rip), %rsp\n"                              \
		"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n.popsection")

#define WITH_EACH(name, before, after, rsp_before, rsp_after)                           \
	WITH(name, rax, before "%rax" after);                                           \
	WITH(name, rcx, before "%rcx" after);                                           \
	WITH(name, rdx, before "%rdx" after);                                           \
	WITH(name, rbx, before "%rbx" after);                                           \
	WITH(name, rsp, rsp_before "%rsp" rsp_after);                                   \
	WITH(name, rbp, before "%rbp" after);                                           \
	WITH(name, rsi, before "%rsi" after);                                           \
	WITH(name, rdi, before "%rdi" after);                                           \
	WITH(name, r8, before "%r8" after);                                             \
	WITH(name, r9, before "%r9" after);                                             \
	WITH(name, r10, before "%r10" after);                                           \
	WITH(name, r11, before "%r11" after);                                           \
	WITH(name, r12, before "%r12" after);                                           \
	WITH(name, r13, before "%r13" after);                                           \
	WITH(name, r14, before "%r14" after);                                           \
	WITH(name, r15, before "%r15" after);                                           \
	static void (*const name[])(void) = {                                           \
		name##_rax, name##_rcx, name##_rdx, name##_rbx, name##_rsp, name##_rbp, \
		name##_rsi, name##_rdi, name##_r8,  name##_r9,	name##_r10, name##_r11, \
		name##_r12, name##_r13, name##_r14, name##_r15,                         \
	}
#define EACH(name, before, after) WITH_EACH(name, before, after, before, after)

EACH(from_cr2, "mov %cr2, ", "");
EACH(to_cr2, "mov ", ", %cr2");
EACH(from_dr0, "mov %dr0, ", "");
EACH(to_dr0, "mov ", ", %dr0");
EACH(store, "mov ", ", table+40(%rip)");
EACH(base, "movq $0x5550, 40(", ")");
WITH_EACH(index, "movq $0x6660, table-8(,", ", 8)", "movq $0x6660, -8(", ")");
EACH(by_fs, "movq $0x7770, %fs:8(", ")");
EACH(by_gs, "movq $0x8880, %gs:16(", ")");

static const char *const names[] = { "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
				     "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15" };

static uint64_t with(void (*f)(void), uint64_t before)
{
	value = before;
	f();
	return value;
}

static void moves(unsigned int n)
{
	uint64_t mine = SOMETHING + (n << 8);

	CHECK_EQ(with(to_cr2[n], mine), mine, "%s to CR2", names[n]);
	CHECK_EQ(with(from_cr2[(n + 1) % 16], 0), mine, "which another has read");
	CHECK_EQ(with(to_cr2[(n + 3) % 16], ~mine), ~mine, "and changed");
	CHECK_EQ(with(from_cr2[n], 0), ~mine, "%s from CR2", names[n]);
	CHECK_EQ(with(to_dr0[n], mine), mine, "%s to DR0", names[n]);
	CHECK_EQ(hcall1(__HYPERVISOR_get_debugreg, 0), mine, "is there");
	CHECK_EQ(hcall2(__HYPERVISOR_set_debugreg, 0, mine + 1), 0, "changed");
	CHECK_EQ(with(from_dr0[n], 0), mine + 1, "%s from DR0", names[n]);
}

/* The entry that was written, and how many more were. */
static void wrote(unsigned int at, uint64_t what, const char *how, const char *name)
{
	unsigned int others = 0;

	CHECK_EQ(table[at], what, "%s %s", name, how);
	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++) {
		others += i != at && table[i];
	}
	CHECK_EQ(others, 0, "and that entry only");
	table[at] = 0; /* by the same way, with registers of the compiler's choice */
}

static bool segments;

/* Whether their bases count is up to the hypervisor: the write may as well be the guest's fault. */
static void try_segment(void *arg)
{
	(void)arg;
	__asm__ volatile("movq $0x7770, %%fs:8(%0)" ::"r"(24UL) : "memory");
	segments = table[4] == 0x7770;
	table[4] = 0;
}

static void writes(unsigned int n)
{
	uint64_t mine = SOMETHING + (n << 8), at = (uint64_t)table;

	CHECK_EQ(with(store[n], mine), mine, "%s is kept", names[n]);
	wrote(5, mine, "is the value", names[n]);
	CHECK_EQ(with(base[n], at), at, "%s is kept", names[n]);
	wrote(5, 0x5550, "is the base", names[n]);
	value = n == RSP ? at + 16 * 8 : 16;
	with(index[n], value);
	wrote(15, 0x6660, "is the index", names[n]);
	if (segments) {
		with(by_fs[n], 24);
		wrote(4, 0x7770, "beside FS", names[n]);
		with(by_gs[n], 24);
		wrote(5, 0x8880, "beside GS", names[n]);
	}
}

static void wrmsr(uint32_t nr, const void *v)
{
	__asm__ volatile("wrmsr" ::"c"(nr), "a"((uint32_t)(uint64_t)v),
			 "d"((uint32_t)((uint64_t)v >> 32)));
}

enum verdict guest_main(void)
{
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE };

	pin.arg1.mfn = virt_to_mfn(table);
	CHECK_EQ(update_va_mapping((uint64_t)table,
				   pin.arg1.mfn << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW), UVMF_INVLPG),
		 0, "a page that we only read");
	CHECK_EQ(mmuext_op(&pin, 1, NULL, DOMID_SELF), 0, "is a page table");
	hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	upcalls_off();
	wrmsr(MSR_FS_BASE, table);
	wrmsr(MSR_GS_BASE, table);
	trap_try(try_segment, NULL);
	for (unsigned int n = 0; n < ARRAY_SIZE(names); n++) {
		moves(n);
		writes(n);
	}
	wrmsr(MSR_FS_BASE, NULL);
	wrmsr(MSR_GS_BASE, NULL);
	hcall2(__HYPERVISOR_set_debugreg, 0, 0);
	pin.cmd = MMUEXT_UNPIN_TABLE;
	CHECK_EQ(mmuext_op(&pin, 1, NULL, DOMID_SELF), 0, "and a plain page again");
	return SUCCESS;
}
