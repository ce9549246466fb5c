/*
 * Exceptions.  Each is bounced to the guest's handler with the processor's vector, error
 * code and address; the frame can be changed and iret returns to it with flags and the event mask; privileged
 * instructions fault or are emulated as the ABI says; what a kernel may not do is refused.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

static void divide(void *arg)
{
	(void)arg;
	__asm__ volatile("xor %%edx, %%edx\n\txor %%ecx, %%ecx\n\tdiv %%ecx" ::
				 : "rax", "rcx", "rdx");
}

static void invalid(void *arg)
{
	(void)arg;
	__asm__ volatile("ud2");
}

static void breakpoint(void *arg)
{
	(void)arg;
	__asm__ volatile("int3");
}

static void int80(void *arg)
{
	(void)arg;
	__asm__ volatile("int $0x80");
}

static void int20(void *arg)
{
	(void)arg;
	__asm__ volatile("int $0x20");
}

static void read_from(void *arg)
{
	(void)*(volatile uint64_t *)arg;
}

static void write_to(void *arg)
{
	*(volatile uint64_t *)arg = 1;
}

static void jump_to(void *arg)
{
	((void (*)(void))arg)();
}

static void halt(void *arg)
{
	(void)arg;
	__asm__ volatile("hlt");
}

static void read_cr3(void *arg)
{
	__asm__ volatile("mov %%cr3, %0" : "=r"(*(uint64_t *)arg));
}

static void load_bad_segment(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %0, %%ds" ::"r"(0x1230));
}

static void write_msr(void *arg)
{
	uint32_t nr = (uint32_t)(uint64_t)arg;

	__asm__ volatile("wrmsr" ::"c"(nr), "a"(0), "d"(0));
}

static struct trap_seen expect(void (*f)(void *), void *arg, uint64_t vector, const char *what)
{
	struct trap_seen s = trap_try(f, arg);

	CHECK(s.happened && s.vector == vector, "%s: vector %lu (got %d, %lu)", what, vector,
	      s.happened, s.vector);
	return s;
}

static void faults(void)
{
	uint64_t *constant = page_alloc();
	struct trap_seen s;

	*constant = 5;
	CHECK_EQ(update_va_mapping((uint64_t)constant,
				   virt_to_mfn(constant) << PAGE_SHIFT | (PTE_USUAL & ~PTE_RW),
				   UVMF_INVLPG),
		 0, "a page made read-only");

	expect(divide, NULL, 0, "division by zero");
	expect(breakpoint, NULL, 3, "breakpoint");
	expect(invalid, NULL, 6, "invalid opcode");
	expect(int80, NULL, 0x80, "system call gate");
	s = expect(int20, NULL, 13, "a gate that is not there");
	CHECK((s.error & 7) == 2, "error code names an IDT entry (%#lx)", s.error);
	s = expect(load_bad_segment, NULL, 13, "bad selector");
	CHECK_EQ(s.error & ~3UL, 0x1230, "error code names it");

	s = expect(read_from, (void *)0x123456, 14, "page not present, read");
	CHECK_EQ(s.cr2, 0x123456, "address");
	CHECK_EQ(s.error & 3, 0, "error code: not present, read");
	s = expect(write_to, (void *)0x123456, 14, "page not present, write");
	CHECK_EQ(s.error & 3, 2, "error code: not present, write");
	s = expect(write_to, constant, 14, "read-only page, write");
	CHECK_EQ(*constant, 5, "not written");
	CHECK_EQ(s.error & 3, 3, "error code: present, write");
	s = expect(read_from, (void *)0xffff830000000000UL, 14, "the hypervisor's memory");
	s = expect(write_to, (void *)0xffff800000000000UL, 14,
		   "the machine-to-physical table, write");
	s = expect(read_from, (void *)0x8000000000000000UL, 13, "no canonical address");
	s = expect(jump_to, (void *)0x5000, 14, "jump to nowhere");
	CHECK_EQ(s.rip, 0x5000, "stops there");
}

static void edit(struct trap_frame *f)
{
	f->rip += 2; /* ud2 */
	f->rax = 0x1111;
	f->rcx = 0x2222;
	f->r11 = 0x3333;
	f->r15 = 0x4444;
	f->rflags |= 1;
}

static void returns(void)
{
	uint64_t rax, rcx, r11, r15, flags;
	uint8_t mask;

	trap_hook[6] = edit;
	__asm__ volatile("ud2\n\tpushf\n\tpop %%rbx"
			 : "=a"(rax), "=c"(rcx), "=b"(flags)
			 :
			 : "r11", "r15", "memory");
	CHECK(rax == 0x1111 && rcx == 0x2222 && (flags & 1),
	      "registers and flags come back from iret");
	__asm__ volatile("ud2\n\tmov %%r11, %0\n\tmov %%r15, %1"
			 : "=&b"(r11), "=&d"(r15)::"rax", "rcx", "r11", "r15");
	CHECK(r11 == 0x3333 && r15 == 0x4444, "also those that syscall uses");
	upcalls_off();
	__asm__ volatile("ud2" ::: "rax", "rcx", "r11", "r15");
	mask = vcpu_info()->evtchn_upcall_mask;
	CHECK_EQ(mask, 1, "masked before, masked after");
	upcalls_on();
	__asm__ volatile("ud2" ::: "rax", "rcx", "r11", "r15");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 0, "open before, open after");
	trap_hook[6] = NULL;
}

static void privileged(void)
{
	struct vcpu_set_periodic_timer tick = { .period_ns = 5000000 };
	uint64_t cr3 = 0;
	uint32_t a = 0x40000000, b = 0, c = 0, d = 0;
	struct trap_seen s;

	s = trap_try(read_cr3, &cr3);
	CHECK(!s.happened, "reading CR3 is emulated");
	CHECK_EQ(cr3 & PTE_FRAME, virt_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT,
		 "and gives our top table");
	/* Again and again: on a busy machine the first tick may come before the instruction. */
	vcpu_op(VCPUOP_set_periodic_timer, 0, &tick);
	s = trap_try(halt, NULL);
	vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	CHECK(!s.happened || s.vector == 13, "hlt %s",
	      s.happened ? "faults" : "waits for an event");
	s = trap_try(write_msr, (void *)0xc0000080UL);
	CHECK(1, "writing EFER %s", s.happened ? "faults" : "is ignored");
	__asm__ volatile("ud2\n\t.ascii \"xen\"\n\tcpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	CHECK(a >= 0x40000001, "forced-emulation CPUID: leaves up to %#x", a);
	CHECK(b == 0x566e6558 && c == 0x65584d4d && d == 0x4d4d566e, "signature XenVMMXenVMM");
	a = 1;
	c = 0;
	__asm__ volatile("ud2\n\t.ascii \"xen\"\n\tcpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	CHECK(d & 1u << 5 && d & 1u << 6, "CPUID has MSR and PAE");
}

static void refusals(void)
{
	struct trap_info bad[2] = { { 3, 0, FLAT_KERNEL_CS, 0xffff830000000000UL }, { 0 } };

	CHECK_EQ(hcall1(__HYPERVISOR_set_trap_table, 8), -XEN_EFAULT,
		 "trap table at a bad address");
	CHECK(hcall1(__HYPERVISOR_set_trap_table, ptr_arg(bad)) <= 0,
	      "handler in the hypervisor's range");
	CHECK_EQ(hcall3(__HYPERVISOR_set_segment_base, 99, 0, 0), -XEN_EINVAL,
		 "no such segment base");
	CHECK_EQ(hcall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0x8000000000000000UL),
		 -XEN_EINVAL, "no canonical base");
	CHECK_EQ(hcall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, ptr_arg(bad)), 0, "FS base");
	{
		uint64_t through_fs;

		bad[0].address = 0x77;
		__asm__ volatile("mov %%fs:8, %0" : "=r"(through_fs));
		CHECK_EQ(through_fs, 0x77, "is used");
	}
	CHECK_EQ(hcall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0), 0, "and back to 0");
	CHECK_EQ(hcall2(__HYPERVISOR_set_gdt, 8, 16), -XEN_EFAULT, "GDT list at a bad address");
	CHECK_EQ(hcall2(__HYPERVISOR_set_gdt, 8, 10000), -XEN_EINVAL, "too long a GDT");
	CHECK_EQ(hcall2(__HYPERVISOR_set_debugreg, 0, 0xffff830000000000UL), -XEN_EPERM,
		 "breakpoint in the hypervisor");
	CHECK_EQ(hcall2(__HYPERVISOR_set_debugreg, 0, 0x1000), 0, "one of our own");
	CHECK_EQ(hcall1(__HYPERVISOR_get_debugreg, 0), 0x1000, "reads back");
	CHECK_EQ(hcall2(__HYPERVISOR_set_debugreg, 0, 0), 0, "and is cleared");
	CHECK_EQ(hcall2(__HYPERVISOR_set_debugreg, 9, 0), -XEN_ENODEV, "no such register");
}

enum verdict guest_main(void)
{
	faults();
	returns();
	privileged();
	refusals();
	return SUCCESS;
}
