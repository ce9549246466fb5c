/*
 * A vCPU begins with the context that VCPUOP_initialise gives it: registers, flags as far as they are a guest's, bases,
 * debug registers, traps and callbacks.  A context with an address that is not canonical, with descriptor tables or page
 * tables that are none, is refused, and holds on to no frame (public/vcpu.h; arch-x86/xen.h, struct vcpu_guest_context).
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "hypervisor/lib/string.h"

#define NOT_CANONICAL 0x8000000000000000UL
#define LOW_END	      0x0000800000000000UL

extern char event_entry[], failsafe_entry[], syscall_entry[], begin[];
static struct vcpu_guest_context good, c;

/* Where the second vCPU begins: all its registers into memory, then C. */
extern volatile uint64_t regs[18];
volatile uint64_t regs[18];
static volatile bool begun;
static uint64_t words[2] = { 0x77, 0x88 }, through_fs, through_gs;
static long dr0, dr7;
static volatile unsigned int traps;
void begun_here(void);
__asm__(".pushsection .text\n"
	"begin: mov %rax, regs; mov %rbx, regs + 8; mov %rcx, regs + 16; mov %rdx, regs + 24\n"
	"mov %rsi, regs + 32; mov %rdi, regs + 40; mov %rbp, regs + 48; mov %rsp, regs + 56\n"
	"mov %r8, regs + 64; mov %r9, regs + 72; mov %r10, regs + 80; mov %r11, regs + 88\n"
	"mov %r12, regs + 96; mov %r13, regs + 104; mov %r14, regs + 112; mov %r15, regs + 120\n"
	"pushf; pop regs + 128\n call begun_here\n.popsection");

static void on_ud(struct trap_frame *f)
{
	traps++;
	f->rip += 2;
}

void begun_here(void)
{
	__asm__ volatile("mov %%fs:0, %0\n\tmov %%gs:0, %1" : "=r"(through_fs), "=r"(through_gs));
	dr0 = hcall1(__HYPERVISOR_get_debugreg, 0);
	dr7 = hcall1(__HYPERVISOR_get_debugreg, 7);
	__asm__ volatile("ud2");
	begun = true;
	for (;;) {
		vcpu_op(VCPUOP_down, 1, NULL);
	}
}

static bool has_begun(void)
{
	return begun;
}

static void make_good(void)
{
	uint64_t *r = &good.user_regs.r15;
	char *stack = page_alloc();

	/* r15 to rdi: 15 registers in a row, each with a number of its own. */
	for (unsigned int i = 0; i < 15; i++) {
		r[i] = 0x1000 + i;
	}
	good.flags = VGCF_in_kernel;
	good.user_regs.rip = (uint64_t)begin;
	good.user_regs.rsp = (uint64_t)stack + PAGE_SIZE;
	good.user_regs.cs = FLAT_KERNEL_CS;
	good.user_regs.ss = FLAT_KERNEL_SS;
	good.user_regs.rflags = 0x23ad5; /* VM, IOPL 3, arithmetic; no IF */
	good.kernel_ss = FLAT_KERNEL_SS;
	good.kernel_sp = (uint64_t)stack + PAGE_SIZE;
	good.fs_base = (uint64_t)&words[0];
	good.gs_base_kernel = (uint64_t)&words[1];
	good.event_callback_eip = (uint64_t)event_entry;
	good.failsafe_callback_eip = (uint64_t)failsafe_entry;
	good.syscall_callback_eip = (uint64_t)syscall_entry;
	good.trap_ctxt[6] = (struct trap_info){ 6, 0, FLAT_KERNEL_CS, trap_stubs[6] };
	good.debugreg[0] = 0x4321;
	good.debugreg[7] = 0x400;
	good.ctrlreg[3] = virt_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT;
}

static void refused(const char *what)
{
	long rc = vcpu_op(VCPUOP_initialise, 1, &c);

	CHECK_EQ(rc, -XEN_EINVAL, "%s", what);
	c = good;
}

static void bad_addresses(void)
{
	static const struct {
		uint64_t *field;
		const char *what;
	} f[] = {
		{ &c.user_regs.rip, "RIP" },
		{ &c.user_regs.rsp, "RSP" },
		{ &c.kernel_sp, "the kernel's stack" },
		{ &c.fs_base, "base of FS" },
		{ &c.gs_base_kernel, "base of the kernel's GS" },
		{ &c.gs_base_user, "base of user mode's GS" },
		{ &c.event_callback_eip, "event callback" },
		{ &c.failsafe_callback_eip, "failsafe callback" },
		{ &c.syscall_callback_eip, "system call callback" },
		{ &c.trap_ctxt[0].address, "first trap" },
		{ &c.trap_ctxt[255].address, "last trap" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(f); i++) {
		*f[i].field = NOT_CANONICAL;
		refused(f[i].what);
		*f[i].field = LOW_END;
		refused("the first past the lower half");
	}
}

static long protect(const void *page, bool writable)
{
	return update_va_mapping((uint64_t)page,
				 virt_to_mfn(page) << PAGE_SHIFT |
					 (writable ? PTE_USUAL : PTE_USUAL & ~PTE_RW),
				 UVMF_INVLPG);
}

static void bad_tables(void)
{
	uint64_t *l4 = page_alloc(), *gdt = page_alloc(), *plain = page_alloc();

	c.ctrlreg[3] = 0xffffffffff000;
	refused("no page tables");
	c.ctrlreg[3] = virt_to_mfn(plain) << PAGE_SHIFT;
	refused("page tables that are mapped writable");
	c.gdt_ents = 14 * 512 + 1;
	refused("too many descriptors");
	c.ldt_base = (uint64_t)gdt + 8;
	c.ldt_ents = 8;
	refused("an LDT not on a page's boundary");
	c.ldt_ents = 8193;
	refused("too long an LDT");
	/* Good tables with a bad GDT: nothing of them may be held. */
	protect(l4, false);
	protect(gdt, false);
	c.ctrlreg[3] = virt_to_mfn(l4) << PAGE_SHIFT;
	c.gdt_frames[0] = virt_to_mfn(gdt);
	c.gdt_frames[1] = virt_to_mfn(plain);
	c.gdt_ents = 1024;
	refused("good page tables, and a descriptor table that is mapped writable");
	CHECK_EQ(protect(l4, true), 0, "the page tables are a plain page again");
	CHECK_EQ(protect(gdt, true), 0, "and the good part of the descriptors");
	memset(l4, 0, PAGE_SIZE);
}

static void begins(void)
{
	static const uint64_t want[16] = { 0x100a, 0x1005, 0x100b, 0x100c, 0x100d, 0x100e,
					   0x1004, 0,	   0x1009, 0x1008, 0x1007, 0x1006,
					   0x1003, 0x1002, 0x1001, 0x1000 };
	unsigned int wrong = 0;

	trap_hook[6] = on_ud;
	CHECK_EQ(vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL, "it has no context yet");
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, &good), 0, "a good one");
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, &good), -XEN_EEXIST, "and only one");
	CHECK_EQ(vcpu_op(VCPUOP_up, 1, NULL), 0, "up");
	CHECK(wait_for(has_begun, 2000000000UL), "it runs");
	for (unsigned int i = 0; i < 16; i++) {
		wrong += i != 7 && regs[i] != want[i];
	}
	CHECK_EQ(wrong, 0, "with all its registers");
	CHECK_EQ(regs[7], good.user_regs.rsp, "its stack");
	CHECK_EQ(regs[16], 0xad7, "flags without VM and IOPL, and with IF");
	CHECK(through_fs == 0x77 && through_gs == 0x88, "its FS and GS");
	CHECK_EQ(dr0, 0x4321, "DR0");
	CHECK_EQ(dr7, 0x400, "DR7");
	CHECK_EQ(traps, 1, "and its traps");
}

enum verdict guest_main(void)
{
	if (vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		return skip("one virtual CPU");
	}
	make_good();
	c = good;
	bad_addresses();
	bad_tables();
	begins();
	return SUCCESS;
}
