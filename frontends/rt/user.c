/* Going where the iret hypercall leads, and coming back by whatever happens there: see rt.h. */
#include "frontends/rt/rt.h"

char user_stack[4096] __attribute__((aligned(4096)));
char kernel_entry_stack[4096] __attribute__((aligned(4096)));

uint64_t user_entered_on;
static struct jump back;
static struct trap_frame seen;

void user_leave(struct trap_frame *f)
{
	seen = *f;
	user_entered_on = (uint64_t)f;
	first_hook = NULL;
	f->cs = FLAT_KERNEL_CS & ~3;
	f->ss = FLAT_KERNEL_SS;
	f->rflags = 0x200;
	f->rip = (uint64_t)rt_longjmp;
	f->rdi = (uint64_t)&back;
	f->rsi = 1;
	f->rsp = back.rsp;
}

/* Events are handled on the way, and the program goes on; so do system calls if there is a hook for them. */
static bool caught(struct trap_frame *f)
{
	if (f->vector == TRAP_EVENT || (f->vector == TRAP_SYSCALL && syscall_hook)) {
		return false;
	}
	user_leave(f);
	return true;
}

struct trap_frame iret_try(const struct iret_frame *to, uint64_t rdi)
{
	/* The hypercall is made on a stack that begins with the frame; room below, for events. */
	static struct {
		char room[2048];
		struct iret_frame frame;
	} stack __attribute__((aligned(16)));

	seen = (struct trap_frame){ 0 };
	stack.frame = *to;
	if (rt_setjmp(&back) == 0) {
		first_hook = caught;
		__asm__ volatile("mov %0, %%rsp\n\tsyscall" ::"r"(&stack.frame),
				 "a"(__HYPERVISOR_iret), "D"(rdi)
				 : "rcx", "r11", "memory");
	}
	return seen;
}

long user_init(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_NEW_USER_BASEPTR,
				.arg1.mfn = virt_to_mfn((void *)start_info->pt_base) };
	long rc = mmuext_op(&op, 1, NULL, DOMID_SELF);

	return rc ? rc
		  : hcall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS,
			   (uint64_t)kernel_entry_stack + sizeof(kernel_entry_stack));
}

struct iret_frame user_frame(const void *program)
{
	return (struct iret_frame){ .rip = (uint64_t)program,
				    .cs = FLAT_USER_CS,
				    .rflags = 0x200,
				    .rsp = (uint64_t)user_stack + sizeof(user_stack),
				    .ss = FLAT_USER_SS };
}

struct trap_frame user_try(const void *program, uint64_t rdi)
{
	struct iret_frame to = user_frame(program);

	return iret_try(&to, rdi);
}
