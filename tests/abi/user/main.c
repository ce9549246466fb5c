/*
 * User mode.  iret with a ring-3 code selector enters it with the user page tables; SYSCALL, exceptions and
 * software interrupts come back to the kernel on the kernel stack it named, and say that they
 * come from user mode; events interrupt it; user programs make no hypercalls.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>

extern char user_syscall[], user_int80[], user_fault[], user_ud[], user_hlt[], user_spin[],
	user_loop[];

/* Small user programs; they end in a loop that no one should reach. */
__asm__(".pushsection .text\n"
	"user_syscall: mov $0x1234, %eax\n mov $5, %edi\n syscall\n 1: jmp 1b\n"
	"user_int80: mov $0x80, %eax\n int $0x80\n 1: jmp 1b\n"
	"user_fault: mov 0x123456, %rax\n 1: jmp 1b\n"
	"user_ud: ud2\n 1: jmp 1b\n"
	"user_hlt: hlt\n 1: jmp 1b\n"
	"user_spin: 1: pause\n jmp 1b\n"
	/* A thousand system calls, then one with another number. */
	"user_loop: mov $1000, %ebx\n 1: mov $1, %eax\n syscall\n dec %ebx\n jnz 1b\n mov $2, %eax\n syscall\n 1: jmp 1b\n"
	".popsection");

static struct trap_frame seen;
static unsigned int calls;

static void on_syscall(struct trap_frame *f)
{
	calls++;
	if (f->rax != 1) {
		user_leave(f);
	}
}

static void run_user(void *rip)
{
	calls = 0;
	seen = user_try(rip, 0);
}

static bool on_kernel_stack(void)
{
	return user_entered_on > (uint64_t)kernel_entry_stack &&
	       user_entered_on < (uint64_t)kernel_entry_stack + PAGE_SIZE;
}

static void check(void *program, uint64_t vector, const char *what)
{
	run_user(program);
	CHECK_EQ(seen.vector, vector, "%s in user mode", what);
	CHECK_EQ(seen.cs & 3, 3, "comes from ring 3");
	CHECK(on_kernel_stack(), "on the kernel's stack");
	CHECK_EQ(seen.rsp, (uint64_t)user_stack + PAGE_SIZE, "with the user's stack pointer kept");
}

enum verdict guest_main(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_NEW_USER_BASEPTR };

	CHECK_EQ(user_init(), 0, "page tables and a kernel stack for user mode");

	syscall_hook = on_syscall;
	run_user(user_syscall);
	CHECK_EQ(calls, 1, "a system call");
	CHECK_EQ(seen.rax, 0x1234, "its number");
	CHECK_EQ(seen.rdi, 5, "its argument");
	CHECK_EQ(seen.rip, (uint64_t)user_syscall + 12, "where it returns to");
	CHECK_EQ(seen.cs & 3, 3, "comes from ring 3");
	CHECK(on_kernel_stack(), "on the kernel's stack");
	CHECK_EQ(seen.rsp, (uint64_t)user_stack + PAGE_SIZE, "with the user's stack pointer kept");
	CHECK(seen.rflags & 0x200, "interrupts were open there");
	run_user(user_loop);
	CHECK_EQ(calls, 1001, "a thousand calls and back");
	CHECK_EQ(seen.rax, 2, "the last one");

	check(user_int80, 0x80, "int 0x80");
	check(user_fault, 14, "page fault");
	CHECK_EQ(seen.error & 7, 4, "error code: user, read, not present");
	CHECK_EQ(vcpu_info()->arch.cr2, 0x123456, "its address");
	check(user_ud, 6, "invalid opcode");
	check(user_hlt, 13, "hlt");

	{
		unsigned int before = timer_count;

		/* Masked until user mode is entered, however long that takes. */
		upcalls_off();
		timer_arm(system_time() + 3000000);
		event_hook = user_leave;
		run_user(user_spin);
		event_hook = NULL;
		CHECK_EQ(timer_count, before + 1, "an event interrupts user mode");
		CHECK_EQ(seen.cs & 3, 3, "comes from ring 3");
		CHECK(seen.rip >= (uint64_t)user_spin && seen.rip < (uint64_t)user_spin + 8,
		      "in the program");
	}
	CHECK_EQ(mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "no user page tables again");
	return SUCCESS;
}
