/* Another vCPU: starts in second_entry on its own stack, with the same page tables and no events. */
#include "frontends/rt/rt.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

extern char second_entry[], failsafe_entry[], event_entry[], syscall_entry[];
void second_main(unsigned int vcpu);
static void (*run)(unsigned int vcpu);

void second_main(unsigned int vcpu)
{
	run(vcpu);
	for (;;) {
		vcpu_op(VCPUOP_down, vcpu, NULL);
	}
}

long second_start(unsigned int vcpu, void (*f)(unsigned int vcpu))
{
	return second_start_on(vcpu, f, page_alloc());
}

long second_start_on(unsigned int vcpu, void (*f)(unsigned int vcpu), char *stack)
{
	static struct vcpu_guest_context c;
	long rc;

	run = f;
	c = (struct vcpu_guest_context){ 0 };
	c.flags = VGCF_in_kernel;
	c.user_regs.rip = (uint64_t)second_entry;
	c.user_regs.rsp = (uint64_t)stack + PAGE_SIZE;
	c.user_regs.rdi = vcpu;
	c.user_regs.cs = FLAT_KERNEL_CS;
	c.user_regs.ss = FLAT_KERNEL_SS;
	c.user_regs.rflags = 0x200;
	c.kernel_ss = FLAT_KERNEL_SS;
	c.kernel_sp = (uint64_t)stack + PAGE_SIZE;
	c.event_callback_eip = (uint64_t)event_entry;
	c.failsafe_callback_eip = (uint64_t)failsafe_entry;
	c.syscall_callback_eip = (uint64_t)syscall_entry;
	c.ctrlreg[3] = virt_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT;
	rc = vcpu_op(VCPUOP_initialise, vcpu, &c);
	return rc ? rc : vcpu_op(VCPUOP_up, vcpu, NULL);
}

/* ---- a second vCPU that does one job after the other ---- */

static void (*volatile job)(void);

/* Spins, so that what it has in its TLB stays there; but not for ever where the two share a CPU. */
static void wait_a_little(void)
{
	for (unsigned int i = 0; i < 1000; i++) {
		__asm__ volatile("pause");
	}
	sched_op(SCHEDOP_yield, NULL);
}

static void work(unsigned int vcpu)
{
	(void)vcpu;
	traps_init();
	for (;;) {
		void (*f)(void) = __atomic_load_n(&job, __ATOMIC_ACQUIRE);

		if (f) {
			f();
			__atomic_store_n(&job, NULL, __ATOMIC_RELEASE);
		} else {
			wait_a_little();
		}
	}
}

long worker_start(unsigned int vcpu)
{
	return second_start(vcpu, work);
}

void worker_begin(void (*f)(void))
{
	__atomic_store_n(&job, f, __ATOMIC_RELEASE);
}

bool worker_ready(void)
{
	uint64_t end = system_time() + 20000000000UL;

	while (__atomic_load_n(&job, __ATOMIC_ACQUIRE)) {
		if (system_time() > end) {
			return false;
		}
		wait_a_little();
	}
	return true;
}

bool worker_do(void (*f)(void))
{
	worker_begin(f);
	return worker_ready();
}
