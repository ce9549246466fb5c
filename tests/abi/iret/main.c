/*
 * The iret hypercall.  A frame says where to and how: RPL 3 in CS means user mode; of RFLAGS, IF is the event mask, VM
 * and IOPL are never the guest's, TF, NT, DF, AC, ID and the arithmetic flags are; RCX and R11 come from the frame unless
 * VGCF_in_syscall.  What the processor then refuses is an exception of its own kind, as if at the place asked for; the
 * failsafe callback is for data selectors that can be loaded no more when the vCPU comes back to a CPU
 * (public/arch-x86/xen-x86_64.h, struct iret_context; public/callback.h, CALLBACKTYPE_failsafe).
 */
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/callback.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define NOT_CANONICAL 0x8000000000000000UL
#define HV_ADDRESS    0xffff830000000000UL
#define SEL_ABSENT    0x8
#define SEL_DATA      0x10
#define SEL_PAST      0x2008
#define ARITHMETIC    0x8d5UL
#define IF	      0x200UL

extern char failsafe_entry[];

/* The flags go to RBX, then a trap. */
extern char show_flags[], show_regs[], compat_code[];
__asm__(".pushsection .text\n"
	"show_flags: pushf; pop %rbx; ud2\n"
	"show_regs: ud2\n"
	/* In 32-bit code: a register of 32 bits, the selectors, and out by int 0x80. */
	".code32\n"
	"compat_code: mov $0x12345678, %eax\n"
	"dec %eax\n" /* a REX prefix in 64-bit code */
	"mov %cs, %ebx\n mov %ss, %ecx\n push %eax\n pop %edx\n int $0x80\n"
	".code64\n"
	".popsection");

static struct iret_frame kernel_frame(const void *rip)
{
	static char stack[4096] __attribute__((aligned(16)));
	struct iret_frame f = user_frame(rip);

	f.cs = FLAT_KERNEL_CS & ~3;
	f.ss = FLAT_KERNEL_SS & ~3;
	f.rsp = (uint64_t)stack + sizeof(stack);
	return f;
}

static void flags(bool user)
{
	/* NT is left out: the emulator's IRET would take it for a task return. */
	static const uint64_t kept = ARITHMETIC | 0x400 | 0x40000 | 0x200000;
	struct iret_frame to = user ? user_frame(show_flags) : kernel_frame(show_flags);
	struct trap_frame f;

	to.rflags = IF;
	f = iret_try(&to, 0);
	CHECK_EQ(f.vector, 6, "to %s mode", user ? "user" : "kernel");
	CHECK_EQ(f.rbx, 0x202, "no flags but IF");
	to.rflags = IF | kept;
	f = iret_try(&to, 0);
	CHECK_EQ(f.rbx, 0x202 | kept, "all that are the guest's");
	to.rflags = IF | 0x3000 | 0x20000 | 0x180000;
	f = iret_try(&to, 0);
	CHECK(f.vector == 6 && !(f.rbx & 0x23000), "neither IOPL nor VM (%#lx, flags %#lx)",
	      (unsigned long)f.vector, (unsigned long)f.rbx);
	to.rflags = IF | 0x4000;
	f = iret_try(&to, 0);
	CHECK_EQ(f.vector, 6, "NT does no harm");
	to.rflags = 0;
	f = iret_try(&to, 0);
	CHECK_EQ(f.rbx, 0x202, "IF is open there whatever the frame says");
	CHECK(!(f.rflags & IF), "but events were masked");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 0, "until we were back");
}

static void registers(bool user)
{
	struct iret_frame to = user ? user_frame(show_regs) : kernel_frame(show_regs);
	struct trap_frame f;

	to.rax = 0x1111;
	to.rcx = 0x2222;
	to.r11 = 0x3333;
	f = iret_try(&to, 0x4444);
	CHECK(f.rax == 0x1111 && f.rcx == 0x2222 && f.r11 == 0x3333 && f.rdi == 0x4444,
	      "RAX, RCX and R11 from the frame");
	CHECK_EQ(f.rsp, to.rsp, "RSP");
	CHECK_EQ(f.rip, to.rip, "RIP");
	CHECK_EQ(f.cs, user ? FLAT_USER_CS : FLAT_KERNEL_CS & ~3, "CS");
	to.flags = VGCF_in_syscall;
	f = iret_try(&to, 0);
	CHECK(f.vector == 6 && f.rax == 0x1111 && f.rip == to.rip && f.rsp == to.rsp,
	      "the same as from a system call");
	CHECK_EQ(f.rcx, to.rip, "which RCX and R11 pay for");
}

static void refused(const struct iret_frame *to, uint64_t vector, uint64_t error, const char *what)
{
	struct trap_frame f = iret_try(to, 0);

	CHECK(f.vector == vector && f.error == error, "%s: exception %lu (%#lx error %#lx at %#lx)",
	      what, (unsigned long)vector, (unsigned long)f.vector, (unsigned long)f.error,
	      (unsigned long)f.rip);
	CHECK(f.rip == to->rip && f.rsp == to->rsp, "with where it was to go");
	CHECK_EQ(f.cs | 3, to->cs | 3, "CS");
	CHECK_EQ(f.ss | 3, to->ss | 3, "SS");
	CHECK_EQ(f.rflags | 2, to->rflags | 2, "RFLAGS");
}

static void bad_rip(const struct iret_frame *like, uint64_t rip, const char *what)
{
	struct iret_frame to = *like;
	struct trap_frame f;

	to.rip = rip;
	for (unsigned int i = 0; i < 2; i++) {
		to.flags = i ? VGCF_in_syscall : 0;
		f = iret_try(&to, 0);
		CHECK((f.vector == 13 || f.vector == 14) && f.rip == rip,
		      "to %s%s: refused there (%#lx at %#lx)", what,
		      i ? ", as from a system call" : "", (unsigned long)f.vector,
		      (unsigned long)f.rip);
	}
}

static uint64_t *gdt;

static void make_gdt(void)
{
	uint64_t frame;

	gdt = page_alloc();
	frame = virt_to_mfn(gdt);
	gdt[SEL_ABSENT / 8] = 0x00af7b000000ffff;
	gdt[SEL_DATA / 8] = 0x00cff3000000ffff;
	update_va_mapping((uint64_t)gdt, frame << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW), UVMF_INVLPG);
	CHECK_EQ(hcall2(__HYPERVISOR_set_gdt, ptr_arg(&frame), 512), 0, "descriptors");
}

static void bad_selectors(bool user)
{
	static const struct {
		uint64_t cs, ss, vector;
		const char *what;
	} bad[] = {
		{ 3, 0, 13, "CS null" },
		{ SEL_ABSENT | 3, 0, 11, "CS not present" },
		{ SEL_DATA | 3, 0, 13, "CS data" },
		{ 0x1b, 0, 13, "CS empty" },
		{ SEL_PAST | 3, 0, 13, "CS past the table" },
		{ 7, 0, 13, "CS in no LDT" },
		{ 0xe00b, 0, 13, "CS the hypervisor's" },
		{ 0xe043, 0, 13, "CS a task state" },
		{ 0xffff, 0, 13, "CS of all ones" },
		{ 0, SEL_ABSENT | 3, 13, "SS code" },
		{ 0, 0x1b, 13, "SS empty" },
		{ 0, SEL_PAST | 3, 13, "SS past the table" },
		{ 0, 0xe013, 13, "SS the hypervisor's" },
		{ 0, 0xffff, 13, "SS of all ones" },
	};
	struct iret_frame ok = user ? user_frame(show_regs) : kernel_frame(show_regs), to;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		to = ok;
		to.cs = bad[i].cs ? (user ? bad[i].cs | 3 : bad[i].cs & ~3UL) : to.cs;
		to.ss = bad[i].ss ? bad[i].ss : to.ss;
		refused(&to, bad[i].vector, (bad[i].cs | bad[i].ss) & ~3UL, bad[i].what);
	}
	CHECK_EQ(iret_try(&ok, 0).vector, 6, "and a good one goes on");
}

static void nowhere(const struct iret_frame *like)
{
	struct iret_frame to = *like;
	struct trap_frame f;

	bad_rip(like, NOT_CANONICAL, "no canonical address");
	bad_rip(like, 0x0000800000000000UL, "the first one past the lower half");
	bad_rip(like, 0xffff7fffffffffffUL, "the last one before the upper half");
	bad_rip(like, HV_ADDRESS, "the hypervisor");
	bad_rip(like, 0x6000, "an unmapped page");
	if ((like->cs & 3) != 3) {
		return; /* a guest kernel has no stack then: tests/abi/crash */
	}
	to.rsp = NOT_CANONICAL;
	f = iret_try(&to, 0);
	CHECK(f.vector == 6 && f.rsp == NOT_CANONICAL, "no canonical stack in user mode: nothing");
	to.rsp = HV_ADDRESS;
	f = iret_try(&to, 0);
	CHECK(f.vector == 6 && f.rsp == HV_ADDRESS, "nor one in the hypervisor");
}

static void compat(void)
{
	/* 32-bit code, at an address of 32 bits. */
	char *low = (char *)0x10000, *page = page_alloc();
	struct iret_frame to = user_frame(low);
	struct trap_frame f;

	for (unsigned int i = 0; i < 64; i++) {
		page[i] = compat_code[i];
	}
	CHECK_EQ(map_at((uint64_t)low, page), 0, "a page at an address of 32 bits");
	to.cs = FLAT_USER_CS32;
	to.rsp = (uint64_t)low + PAGE_SIZE;
	f = iret_try(&to, 0);
	CHECK_EQ(f.vector, 0x80, "32-bit code ends in int 0x80");
	CHECK_EQ(f.rax, 0x12345677, "having been 32-bit code");
	CHECK_EQ(f.rbx, FLAT_USER_CS32, "its CS");
	CHECK_EQ(f.rdx, 0x12345677, "its stack");
	CHECK_EQ(f.cs, FLAT_USER_CS32, "the frame says so");
}

static volatile unsigned int failsafes;
static uint64_t selectors_seen[4];
static uint8_t mask_seen;
static bool were_open;
static uint16_t ds_seen;

static bool on_failsafe(struct trap_frame *f)
{
	if (f->vector != TRAP_FAILSAFE) {
		return false;
	}
	failsafes++;
	for (unsigned int i = 0; i < 4; i++) {
		selectors_seen[i] = failsafe_selectors[i];
	}
	mask_seen = vcpu_info()->evtchn_upcall_mask;
	were_open = f->rflags & IF;
	__asm__ volatile("mov %%ds, %0" : "=rm"(ds_seen));
	return true;
}

static bool has_failed(void)
{
	return failsafes != 0;
}

static void spin(unsigned int vcpu)
{
	(void)vcpu;
	for (;;) {
		sched_op(SCHEDOP_yield, NULL);
	}
}

/*
 * DS names a descriptor that goes away while the vCPU is off its CPU: because it blocks, or another one runs.  A hypervisor
 * that keeps the state loaded while it idles may need the latter, and that both share one CPU.
 */
static void selector_lost(uint16_t flags)
{
	uint64_t at = virt_to_mfn(gdt) << PAGE_SHIFT | SEL_DATA,
		 end = system_time() + 20000000000UL;

	CHECK_EQ(callback_register(CALLBACKTYPE_failsafe, flags, failsafe_entry), 0, "a callback");
	CHECK_EQ(hcall2(__HYPERVISOR_update_descriptor, at, 0x00cff3000000ffff), 0, "a segment");
	failsafes = 0;
	first_hook = on_failsafe;
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%fs" ::"r"(SEL_DATA | 3));
	CHECK_EQ(hcall2(__HYPERVISOR_update_descriptor, at, 0), 0, "in use, and gone");
	while (!has_failed() && system_time() < end) {
		wait_for(has_failed, 2000000);
		sched_op(SCHEDOP_yield, NULL);
	}
	first_hook = NULL;
	CHECK_EQ(failsafes, 1, "the failsafe callback");
	CHECK_EQ(selectors_seen[0], SEL_DATA | 3, "says what DS was");
	CHECK_EQ(selectors_seen[2], SEL_DATA | 3, "and FS");
	CHECK_EQ(ds_seen, 0, "and it is null now");
	CHECK_EQ(mask_seen, (flags & CALLBACKF_mask_events) || !were_open,
		 "events masked as registered, or as they were");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 0, "and open again");
}

enum verdict guest_main(void)
{
	struct iret_frame k = kernel_frame(show_regs), u = user_frame(show_regs);

	CHECK_EQ(user_init(), 0, "user mode");
	make_gdt();
	flags(false);
	flags(true);
	registers(false);
	registers(true);
	nowhere(&k);
	nowhere(&u);
	compat();
	bad_selectors(true);
	bad_selectors(false);
	if (vcpu_op(VCPUOP_is_up, 1, NULL) == 0) {
		second_start(1, spin);
		if (is_control_domain()) {
			CHECK_EQ(vcpu_pin(0, 0, 0) | vcpu_pin(0, 1, 0), 0, "both on one CPU");
		}
	}
	selector_lost(0);
	selector_lost(CALLBACKF_mask_events);
	return SUCCESS;
}
