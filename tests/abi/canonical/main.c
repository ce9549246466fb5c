/*
 * Where addresses end.  Between the two halves of the address space there is nothing, and a return to it must not be
 * tried by SYSRET, which would fault in the hypervisor on the guest's stack.  So: code in the very last bytes of the lower
 * half, that leaves by SYSCALL, by a trap, and by an instruction that the hypervisor does for it; and system calls whose
 * kernel answers with such an address (Intel SDM vol. 2, SYSRET; vol. 1, 3.3.7.1).
 */
#include "frontends/rt/test.h"

#include <xen/physdev.h>

#include "hypervisor/lib/string.h"

#define LOW_END	  0x0000800000000000UL
#define LAST_PAGE (LOW_END - PAGE_SIZE)
#define BEYOND	  LOW_END

static char *page;

/* Ends the lower half with these bytes. */
static uint64_t put_last(const char *code, unsigned int n)
{
	memcpy(page + PAGE_SIZE - n, code, n);
	return LOW_END - n;
}

static struct trap_frame run(uint64_t rip, bool user)
{
	struct iret_frame f = user_frame((const void *)rip);

	if (!user) {
		f.cs = FLAT_KERNEL_CS & ~3;
		f.rax = 17; /* xen_version */
	}
	return iret_try(&f, 0);
}

static bool fell_off(const struct trap_frame *f)
{
	return f->vector == 13 && f->rip == BEYOND;
}

static void ends(const char *code, unsigned int n, bool user, const char *what)
{
	struct trap_frame f = run(put_last(code, n), user);

	CHECK(fell_off(&f), "%s, %s mode: #GP beyond the end (%#lx at %#lx)", what,
	      user ? "user" : "kernel", (unsigned long)f.vector, (unsigned long)f.rip);
}

static void instructions(void)
{
	struct physdev_set_iopl level = { .iopl = 1 };

	hcall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, ptr_arg(&level));
	ends("\x90", 1, true, "NOP");
	ends("\x90", 1, false, "NOP");
	ends("\x0f\x05", 2, false, "a hypercall");
	ends("\x0f\x20\xc0", 3, false, "MOV from CR0");
	ends("\x0f\x0bxen\x0f\xa2", 7, false, "forced CPUID");
	ends("\xe4\x80", 2, false, "IN");
	ends("\x0f\x31", 2, true, "RDTSC");
}

static void traps(void)
{
	struct trap_frame f;

	trap_set(0x21, 3, trap_stub_80);
	f = run(put_last("\xcd\x80", 2), true);
	CHECK(f.vector == 0x80 && f.rip == BEYOND, "INT 0x80 from there: RIP is beyond");
	f = run(put_last("\xcd\x21", 2), true);
	CHECK(f.vector == 0x80 && f.rip == BEYOND, "INT n from there (%#lx at %#lx)", f.vector,
	      f.rip);
	f = run(put_last("\xcc", 1), true);
	CHECK(f.vector == 3 && f.rip == BEYOND, "a breakpoint");
	f = run(put_last("\x0f\x0b", 2), true);
	CHECK(f.vector == 6 && f.rip == LOW_END - 2, "UD2 is where it is (%#lx at %#lx)", f.vector,
	      f.rip);
	f = run(LOW_END - 1, true);
	CHECK(f.vector == 14 || f.vector == 13 || f.vector == 6, "half an instruction");
}

static unsigned int calls;
static uint64_t answer_rip, answer_rsp;

/* Lets the first call return, to an address of its choice. */
static void on_syscall(struct trap_frame *f)
{
	if (calls++ == 0) {
		f->rip = answer_rip ? answer_rip : f->rip;
		f->rsp = answer_rsp ? answer_rsp : f->rsp;
	} else {
		user_leave(f);
	}
}

static struct trap_frame call_and_return(uint64_t rip, uint64_t to_rip, uint64_t to_rsp)
{
	calls = 0;
	answer_rip = to_rip;
	answer_rsp = to_rsp;
	return run(rip, true);
}

extern char user_calls[];
__asm__(".pushsection .text\nuser_calls: syscall; syscall; ud2\n.popsection");

static void system_calls(void)
{
	static const uint64_t nowhere[] = { BEYOND, 0x8000000000000000UL, 0xffff7fffffffffffUL };
	struct trap_frame f;

	syscall_hook = on_syscall;
	f = call_and_return((uint64_t)user_calls, 0, 0);
	CHECK(f.vector == TRAP_SYSCALL && f.rip == (uint64_t)user_calls + 4, "two system calls");
	f = call_and_return(put_last("\x0f\x05", 2), 0, 0);
	CHECK(calls == 1 && fell_off(&f), "one in the last bytes, answered (%#lx at %#lx)",
	      (unsigned long)f.vector, (unsigned long)f.rip);
	CHECK_EQ(f.cs, FLAT_USER_CS, "in user mode");
	for (unsigned int i = 0; i < ARRAY_SIZE(nowhere); i++) {
		f = call_and_return((uint64_t)user_calls, nowhere[i], 0);
		CHECK(f.vector == 13 && f.rip == nowhere[i], "answered to %#lx: #GP there",
		      nowhere[i]);
		f = call_and_return((uint64_t)user_calls, 0, nowhere[i]);
		CHECK(f.vector == TRAP_SYSCALL && f.rsp == nowhere[i],
		      "with such a stack: user mode's own affair");
	}
	f = call_and_return((uint64_t)user_calls, 0xffff830000000000UL, 0);
	CHECK(f.vector == 14 && f.rip == 0xffff830000000000UL, "to the hypervisor: page fault");
	syscall_hook = NULL;
}

/* A kernel's stack may end where the lower half does, and begin where the upper one does. */
static void stacks(void)
{
	struct iret_frame to = user_frame((const void *)user_calls);
	struct trap_frame f;

	CHECK_EQ(hcall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, LOW_END), 0,
		 "a kernel stack at the end of the lower half");
	f = iret_try(&to, 0);
	CHECK(f.vector == TRAP_SYSCALL, "is entered");
	CHECK(user_entered_on > LAST_PAGE && user_entered_on < LOW_END, "there");
	CHECK_EQ(user_init(), 0, "the usual one");
}

enum verdict guest_main(void)
{
	page = page_alloc();
	CHECK_EQ(user_init(), 0, "user mode");
	CHECK_EQ(map_at(LAST_PAGE, page), 0, "the last page of the lower half");
	instructions();
	traps();
	system_calls();
	stacks();
	return SUCCESS;
}
