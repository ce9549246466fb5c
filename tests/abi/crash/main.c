/*
 * Beyond answering.  An exception or callback that has no handler, or no stack that can be written, and an
 * iret whose frame cannot be read, end the domain as crashed (SHUTDOWN_crash), and nobody else: each happens
 * in a child here, and the control domain lives to tell (public/xen.h, set_trap_table; sched.h, SHUTDOWN_crash).
 */
#include "frontends/rt/child.h"
#include "frontends/rt/test.h"

#include <xen/callback.h>
#include <xen/sched.h>

#define HV_ADDRESS    0xffff830000000000UL
#define NOT_CANONICAL 0x8000000000000000UL

#define REACHED	      0x600d

static void about_to(void)
{
	child_mail.word[0] = REACHED;
}

static void no_handlers(void)
{
	hcall1(__HYPERVISOR_set_trap_table, 0);
	about_to();
}

static void divide(uint64_t arg)
{
	(void)arg;
	no_handlers();
	__asm__ volatile("xor %%edx, %%edx\n\txor %%ecx, %%ecx\n\tdiv %%ecx" ::
				 : "rax", "rcx", "rdx");
}

static void icebp(uint64_t arg)
{
	(void)arg;
	no_handlers();
	__asm__ volatile(".byte 0xf1");
}

static void int3(uint64_t arg)
{
	(void)arg;
	no_handlers();
	__asm__ volatile("int3");
}

static void int4(uint64_t arg)
{
	(void)arg;
	no_handlers();
	__asm__ volatile("int $4");
}

static void ud2(uint64_t arg)
{
	(void)arg;
	no_handlers();
	__asm__ volatile("ud2");
}

static void no_fpu(uint64_t arg)
{
	(void)arg;
	no_handlers();
	hcall1(__HYPERVISOR_fpu_taskswitch, 1);
	__asm__ volatile("fnop");
}

static void stack_fault(uint64_t arg)
{
	(void)arg;
	no_handlers();
	__asm__ volatile("mov %0, %%rbp\n\tmov (%%rbp), %%rax" ::"r"(NOT_CANONICAL) : "rax");
}

static void protection(uint64_t arg)
{
	(void)arg;
	no_handlers();
	__asm__ volatile("mov %0, %%ds" ::"r"(0x1230));
}

static void page_fault(uint64_t arg)
{
	no_handlers();
	*(volatile char *)arg = 1;
}

static void x87(uint64_t arg)
{
	uint16_t cw = 0x340; /* nothing masked */

	(void)arg;
	no_handlers();
	__asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" ::"m"(cw));
}

/* A handler there is, but the frame has no place. */
static void bad_stack(uint64_t rsp)
{
	about_to();
	__asm__ volatile("mov %0, %%rsp\n\tud2" ::"r"(rsp));
}

static void read_only_stack(uint64_t arg)
{
	char *page = page_alloc();

	(void)arg;
	update_va_mapping((uint64_t)page, virt_to_mfn(page) << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW),
			  UVMF_INVLPG);
	bad_stack((uint64_t)page + PAGE_SIZE);
}

static void half_a_stack(uint64_t arg)
{
	char *page = page_alloc();

	(void)arg;
	page_alloc();
	update_va_mapping((uint64_t)page, 0, UVMF_INVLPG);
	bad_stack((uint64_t)page + PAGE_SIZE + 24);
}

static void on_page_fault(struct trap_frame *f)
{
	/* From bad to worse: until there is no stack. */
	(void)f;
	*(volatile char *)0x5000 = 1;
}

static void without_end(uint64_t arg)
{
	char *page = page_alloc();

	(void)arg;
	update_va_mapping((uint64_t)page, 0, UVMF_INVLPG);
	page = page_alloc();
	trap_hook[14] = on_page_fault;
	about_to();
	__asm__ volatile("mov %0, %%rsp\n\tmovb $1, 0x5000" ::"r"(page + PAGE_SIZE));
}

static void event_on_bad_stack(uint64_t rsp)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	struct evtchn_send send;

	event_op(EVTCHNOP_bind_ipi, &ipi);
	event_set_handler(ipi.port, NULL);
	send.port = ipi.port;
	about_to();
	__asm__ volatile("mov %0, %%rsp\n\tsyscall" ::"r"(rsp), "a"(__HYPERVISOR_event_channel_op),
			 "D"(EVTCHNOP_send), "S"(&send)
			 : "rcx", "r11", "memory");
}

static void iret_from(uint64_t rsp)
{
	about_to();
	__asm__ volatile("mov %0, %%rsp\n\tsyscall" ::"r"(rsp), "a"(__HYPERVISOR_iret)
			 : "rcx", "r11", "memory");
}

static void iret_to_user(uint64_t tables)
{
	struct mmuext_op op = { .cmd = MMUEXT_NEW_USER_BASEPTR,
				.arg1.mfn = virt_to_mfn((void *)start_info->pt_base) };
	static uint64_t frame[9];

	if (tables) {
		mmuext_op(&op, 1, NULL, DOMID_SELF);
		/* No place for what happens there. */
		hcall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, tables);
	}
	frame[4] = 0x6000; /* nothing there */
	frame[5] = FLAT_USER_CS;
	frame[6] = 0x200;
	frame[8] = FLAT_USER_SS;
	iret_from((uint64_t)frame);
}

static const struct {
	void (*f)(uint64_t arg);
	uint64_t arg;
	const char *what;
} cases[] = {
	{ divide, 0, "division by zero, no handlers" },
	{ icebp, 0, "debug exception, no handlers" },
	{ int3, 0, "breakpoint, no handlers" },
	{ int4, 0, "overflow, no handlers" },
	{ ud2, 0, "invalid opcode, no handlers" },
	{ no_fpu, 0, "no floating point, no handlers" },
	{ stack_fault, 0, "stack fault, no handlers" },
	{ protection, 0, "general protection, no handlers" },
	{ page_fault, 0x5000, "page fault, no handlers" },
	{ page_fault, HV_ADDRESS, "the hypervisor's memory, no handlers" },
	{ x87, 0, "x87 error, no handlers" },
	{ bad_stack, 0x7000, "no stack" },
	{ bad_stack, 8, "a stack that wraps" },
	{ bad_stack, HV_ADDRESS + 0x1000, "a stack in the hypervisor" },
	{ bad_stack, 0xffff880000000010, "a stack that reaches into the hypervisor" },
	{ bad_stack, NOT_CANONICAL, "no canonical stack" },
	{ bad_stack, 0x800000000010, "a stack that begins where addresses end" },
	{ read_only_stack, 0, "a stack that is read-only" },
	{ half_a_stack, 0, "half a stack" },
	{ without_end, 0, "page faults without end" },
	{ event_on_bad_stack, 0x7000, "an event without a stack" },
	{ event_on_bad_stack, NOT_CANONICAL, "an event without a canonical stack" },
	{ iret_from, 0x7000, "iret from an unmapped frame" },
	{ iret_from, NOT_CANONICAL, "iret from no canonical frame" },
	{ iret_from, HV_ADDRESS, "iret from the hypervisor's memory" },
	{ iret_to_user, 0, "iret to user mode without tables" },
	{ iret_to_user, 0x7000, "a fault in user mode without a kernel stack" },
	{ iret_to_user, NOT_CANONICAL, "the same, not canonical" },
};

static unsigned int chosen; /* a case, for the child about to be made */

static void the_case(void)
{
	cases[chosen].f(cases[chosen].arg);
}

static void survives(void)
{
	about_to();
	child_mail.word[1] = (long)chosen;
}

enum verdict guest_main(void)
{
	static struct child child;
	void *window;

	if (!is_control_domain()) {
		return SKIP;
	}
	window = page_alloc();
	chosen = 77;
	CHECK_EQ(child_run(&child, window, survives), SHUTDOWN_poweroff, "a child lives and ends");
	CHECK(child.mail && child.mail[0] == REACHED && child.mail[1] == 77, "with its last words");
	CHECK(child_end(&child), "and is gone");
	for (chosen = 0; chosen < ARRAY_SIZE(cases); chosen++) {
		CHECK_EQ(child_run(&child, window, the_case), SHUTDOWN_crash, "%s: crashed",
			 cases[chosen].what);
		if (!child.mail) {
			continue;
		}
		CHECK(child.mail[0] == REACHED && !child.mail[CHILD_TRAP],
		      "when it came to that (%#lx, trap %ld at %#lx)", (unsigned long)child.mail[0],
		      child.mail[CHILD_TRAP] - 1, (unsigned long)child.mail[CHILD_TRAP_RIP]);
		CHECK(child_end(&child), "and gone");
	}
	return SUCCESS;
}
