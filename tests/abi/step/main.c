/*
 * Single step and debug registers.  With RFLAGS.TF each instruction ends in a debug exception behind it, DR6.BS says why,
 * also where the hypervisor does the instruction for the guest (forced CPUID, RDMSR, MOV from CR, IN), and
 * the handler itself is not stepped.  DR0-3 watch the guest's own addresses, are set by the hypercall and by
 * MOV, and read back alike; what would watch the hypervisor is refused and changes nothing (public/xen.h, set_debugreg,
 * get_debugreg; Intel SDM vol. 3B, 17).
 */
#include "frontends/rt/test.h"

#include <xen/physdev.h>

#define HV_ADDRESS    0xffff830000000000UL
#define NOT_CANONICAL 0x8000000000000000UL
#define DR6_ZERO      0xffff0ff0UL
#define DR6_BS	      0x4000UL
#define DR7_ZERO      0x400UL

#define MOST	      32
static uint64_t rips[MOST], dr6s[MOST];
static unsigned int steps;
static bool stepped_handler;

static long set_dr(unsigned int n, uint64_t v)
{
	return hcall2(__HYPERVISOR_set_debugreg, n, v);
}

static uint64_t get_dr(unsigned int n)
{
	return (uint64_t)hcall1(__HYPERVISOR_get_debugreg, n);
}

static void on_debug(struct trap_frame *f)
{
	uint64_t flags;

	__asm__ volatile("pushf\n\tpop %0" : "=r"(flags));
	stepped_handler |= (flags & 0x100) != 0;
	if (steps < MOST) {
		rips[steps] = f->rip;
		dr6s[steps] = get_dr(6);
	}
	steps++;
	set_dr(6, DR6_ZERO);
}

/* Programs set TF, do something, and clear it; at_* are where the debug exceptions should say they are. */
extern char stepped[], step_1[], step_2[], step_3[], step_4[], step_5[], step_6[], step_7[],
	step_end[];
__asm__(".pushsection .text\n"
	"stepped: push %rbx\n"
	"pushf; orq $0x100, (%rsp); popf\n"
	"nop\n" /* the first one that is stepped */
	"step_1: xor %eax, %eax\n"
	"step_2: ud2; .ascii \"xen\"; cpuid\n"
	"step_3: mov $0xc0000100, %ecx\n"
	"step_4: rdmsr\n"
	"step_5: mov %cr0, %rax\n"
	"step_6: in $0x80, %al\n"
	"step_7: pushf; andq $~0x100, (%rsp); popf\n"
	"step_end: pop %rbx; ret\n"
	".popsection");

static void kernel_steps(void)
{
	const char *const at[] = { step_1, step_2, step_3, step_4, step_5, step_6, step_7 };
	unsigned int wrong = 0;

	trap_hook[1] = on_debug;
	steps = 0;
	((void (*)(void))stepped)();
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		CHECK_EQ(rips[i], (uint64_t)at[i], "step %u", i + 1);
		wrong += dr6s[i] != (DR6_ZERO | DR6_BS);
	}
	CHECK_EQ(wrong, 0, "DR6 says each was one");
	CHECK_EQ(steps, ARRAY_SIZE(at) + 3, "and three to switch it off");
	CHECK(!stepped_handler, "the handler is not stepped");
	trap_hook[1] = NULL;
}

extern char user_steps[], user_step_1[], user_syscall[], user_after[];
__asm__(".pushsection .text\n"
	"user_steps: nop\n"
	"user_step_1: xor %eax, %eax\n"
	"user_syscall: syscall\n"
	"user_after: nop\n ud2\n"
	".popsection");

static void on_user_syscall(struct trap_frame *f)
{
	/* Back as it came, by the frame alone: TF is in it. */
	f->rax = f->rflags & 0x100;
}

static void user_mode(void)
{
	struct iret_frame to = user_frame(user_steps);
	struct trap_frame f;

	to.rflags |= 0x100;
	f = iret_try(&to, 0);
	CHECK_EQ(f.vector, 1, "user mode: a debug exception");
	CHECK_EQ(f.rip, (uint64_t)user_step_1, "after the first instruction");
	CHECK(f.rflags & 0x100, "with TF in its frame");
	CHECK_EQ(get_dr(6), DR6_ZERO | DR6_BS, "DR6 says a step");
	set_dr(6, DR6_ZERO);
	to.rip = (uint64_t)user_syscall;
	syscall_hook = on_user_syscall;
	f = iret_try(&to, 0);
	syscall_hook = NULL;
	/* The return to it is not a step of its own. */
	CHECK(f.vector == 1 && f.rip == (uint64_t)user_after + 1,
	      "stepping over a system call (%lu at +%ld)", f.vector,
	      (long)(f.rip - (uint64_t)user_after));
	CHECK_EQ(f.rax, 0x100, "which saw TF");
	set_dr(6, DR6_ZERO);
}

static volatile uint64_t watched[2];
extern char write_watched[], written[], run_here[];
__asm__(".pushsection .text\n"
	"write_watched: movq $1, (%rdi)\n"
	"written: nop\n ret\n"
	"run_here: nop\n ret\n"
	".popsection");

static void on_breakpoint(struct trap_frame *f)
{
	rips[0] = f->rip;
	dr6s[0] = get_dr(6);
	set_dr(6, DR6_ZERO);
	steps++;
	f->rflags |= 0x10000; /* RF: over the instruction this time */
}

static void watches(void)
{
	trap_hook[1] = on_breakpoint;
	steps = 0;
	CHECK_EQ(set_dr(0, (uint64_t)&watched[0]), 0, "an address to watch");
	CHECK_EQ(set_dr(1, (uint64_t)run_here), 0, "an instruction to stop at");
	/* 0: write, 8 bytes; 1: execute. */
	CHECK_EQ(set_dr(7, DR7_ZERO | 1 | 4 | 0x9UL << 16), 0, "both on");
	((void (*)(void *))write_watched)((void *)&watched[1]);
	CHECK_EQ(steps, 0, "beside it: nothing");
	((void (*)(void *))write_watched)((void *)&watched[0]);
	CHECK_EQ(steps, 1, "a write there: a debug exception");
	CHECK_EQ(rips[0], (uint64_t)written, "behind the instruction");
	CHECK_EQ(dr6s[0] & 0xf, 1, "DR6 says the first");
	((void (*)(void))run_here)();
	CHECK_EQ(steps, 2, "the instruction: a debug exception");
	CHECK_EQ(rips[0], (uint64_t)run_here, "before it");
	CHECK_EQ(dr6s[0] & 0xf, 2, "DR6 says the second");
	/* The hypervisor reads and writes watched memory too: it is not stopped there. */
	version_op(6 /* XENVER_get_features */, (void *)watched);
	CHECK_EQ(set_dr(7, DR7_ZERO), 0, "off");
	((void (*)(void *))write_watched)((void *)&watched[0]);
	CHECK_EQ(steps, 2, "and quiet");
	trap_hook[1] = NULL;
}

static void refused(unsigned int n, uint64_t v, long error, const char *what)
{
	uint64_t before = get_dr(n < 8 ? n : 0);

	CHECK_EQ(set_dr(n, v), error, "%s", what);
	CHECK_EQ(get_dr(n < 8 ? n : 0), before, "and nothing changes");
}

static void set_dr0(void *arg)
{
	__asm__ volatile("mov %0, %%dr0" ::"r"(arg));
}

static void get_dr7(void *arg)
{
	__asm__ volatile("mov %%dr7, %0" : "=r"(*(uint64_t *)arg));
}

/* mov %dr8, %rax, into a word that had something. */
static void get_dr8(void *arg)
{
	__asm__ volatile(".byte 0x44, 0x0f, 0x21, 0xc0" : "+a"(*(uint64_t *)arg)::"memory");
}

static volatile uint64_t rax_then;

static void note_rax(struct trap_frame *f)
{
	rax_then = f->rax;
	f->rip += 4;
}

static void no_dr8(void)
{
	uint64_t v = 0x1234;

	trap_hook[6] = trap_hook[13] = note_rax;
	get_dr8(&v);
	trap_hook[6] = trap_hook[13] = NULL;
	CHECK_EQ(rax_then, 0x1234, "no DR8 to be read by an instruction, which changes nothing");
}

static void registers(void)
{
	uint64_t v = 0;

	for (unsigned int n = 0; n < 4; n++) {
		CHECK_EQ(set_dr(n, 0x1000 * n + 0x123), 0, "DR%u", n);
		CHECK_EQ(get_dr(n), 0x1000 * n + 0x123, "reads back");
		refused(n, HV_ADDRESS, -XEN_EPERM, "in the hypervisor");
		refused(n, 0xffff800000000000UL, -XEN_EPERM, "its first address");
		refused(n, NOT_CANONICAL, -XEN_EPERM, "no canonical address");
		CHECK_EQ(set_dr(n, 0), 0, "none");
	}
	CHECK_EQ(set_dr(6, 0), 0, "DR6 of zeros");
	CHECK_EQ(get_dr(6), DR6_ZERO, "reads its fixed ones");
	CHECK_EQ(set_dr(7, 0), 0, "DR7 of zeros");
	CHECK_EQ(get_dr(7), DR7_ZERO, "reads its fixed one");
	refused(7, DR7_ZERO | 1 | 2UL << 16, -XEN_EPERM, "DR7: an I/O breakpoint without CR4.DE");
	refused(8, 0, -XEN_ENODEV, "DR8");
	refused(1000, 0, -XEN_ENODEV, "DR1000");
	CHECK_EQ(get_dr(8), (uint64_t)-XEN_ENODEV, "no DR8 to be read");
	no_dr8();
	CHECK_EQ(hcall1(__HYPERVISOR_get_debugreg, 0x100000000UL), get_dr(0),
		 "the number has 32 bits");
	CHECK(!trap_try(set_dr0, (void *)0x4321).happened, "MOV to DR0");
	CHECK_EQ(get_dr(0), 0x4321, "reads back");
	CHECK(!trap_try(get_dr7, &v).happened, "MOV from DR7");
	CHECK_EQ(v, DR7_ZERO, "says the same");
	CHECK_EQ(trap_try(set_dr0, (void *)HV_ADDRESS).vector, 13, "MOV of a bad address");
	CHECK_EQ(get_dr(0), 0x4321, "changes nothing");
	set_dr(0, 0);
}

enum verdict guest_main(void)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };

	hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, ptr_arg(&iopl));
	CHECK_EQ(user_init(), 0, "user mode");
	kernel_steps();
	user_mode();
	watches();
	registers();
	return SUCCESS;
}
