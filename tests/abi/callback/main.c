/*
 * Where a guest wants to be called.  callback_op registers each type at any canonical address, by flags with events masked
 * or not, and lets go of those that a guest can live without; set_callbacks sets three at once or none; stack_switch
 * says on which stack; vm_assist turns on what the hypervisor has; all of them also in a multicall, and a refusal leaves
 * everything as it was (public/callback.h; public/xen.h, set_callbacks, stack_switch, vm_assist).
 */
#include "frontends/rt/test.h"

#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/sched.h>

#define NOT_CANONICAL 0x8000000000000000UL
#define LOW_END	      0x0000800000000000UL
#define HIGH_START    0xffff7fffffffffffUL /* one less */

extern char event_entry[], failsafe_entry[], syscall_entry[];
extern char user_syscall[], user_syscall_end[], user_syscall32[], user_sysenter[];
__asm__(".pushsection .text\n"
	"user_syscall: syscall\nuser_syscall_end: ud2\n"
	".code32\nuser_syscall32: syscall\n ud2\n"
	"user_sysenter: sysenter\n ud2\n.code64\n.popsection");

static evtchn_port_t port;
static unsigned int events;

static void on_event(evtchn_port_t p)
{
	(void)p;
	events++;
}

static bool event_comes(void)
{
	struct evtchn_send s = { .port = port };
	unsigned int before = events;

	event_op(EVTCHNOP_send, &s);
	return events == before + 1;
}

static bool syscall_comes(void)
{
	struct trap_frame f = user_try(user_syscall, 0);

	return f.vector == TRAP_SYSCALL && f.rip == (uint64_t)user_syscall_end;
}

static long unregister(uint16_t type)
{
	struct callback_unregister u = { .type = type };

	return hcall2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, ptr_arg(&u));
}

static void types(void)
{
	static const uint16_t type[] = { CALLBACKTYPE_event,	 CALLBACKTYPE_failsafe,
					 CALLBACKTYPE_syscall,	 CALLBACKTYPE_sysenter,
					 CALLBACKTYPE_syscall32, CALLBACKTYPE_nmi };
	static const uint64_t bad[] = { NOT_CANONICAL, LOW_END, HIGH_START };

	for (unsigned int i = 0; i < ARRAY_SIZE(type); i++) {
		for (unsigned int k = 0; k < ARRAY_SIZE(bad); k++) {
			CHECK_EQ(callback_register(type[i], 0, (void *)bad[k]), -XEN_EINVAL,
				 "type %u at %#lx", type[i], bad[k]);
		}
	}
	CHECK(event_comes() && syscall_comes(), "and those that were there still are");
	CHECK_EQ(callback_register(99, 0, event_entry), -XEN_ENOSYS, "no such type");
	CHECK_EQ(hcall2(__HYPERVISOR_callback_op, CALLBACKOP_register, 8), -XEN_EFAULT,
		 "a bad address");
	CHECK_EQ(hcall2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, 8), -XEN_EFAULT,
		 "the same, to unregister");
	CHECK_EQ(hcall2(__HYPERVISOR_callback_op, 99, 0), -XEN_ENOSYS, "no such operation");
	CHECK_EQ(unregister(CALLBACKTYPE_event), -XEN_EINVAL, "events must go somewhere");
	CHECK_EQ(unregister(CALLBACKTYPE_failsafe), -XEN_EINVAL, "failures too");
	CHECK_EQ(unregister(CALLBACKTYPE_syscall), -XEN_EINVAL, "and system calls");
	CHECK_EQ(unregister(CALLBACKTYPE_nmi), 0, "NMIs need not");
	CHECK_EQ(unregister(99), -XEN_ENOSYS, "no such type");
	CHECK(event_comes() && syscall_comes(), "nothing has changed");
}

static uint8_t mask_seen;

static void on_syscall(struct trap_frame *f)
{
	mask_seen = vcpu_info()->evtchn_upcall_mask;
	user_leave(f);
}

static void flags(void)
{
	syscall_hook = on_syscall;
	CHECK_EQ(callback_register(CALLBACKTYPE_syscall, CALLBACKF_mask_events, syscall_entry), 0,
		 "system calls with events masked");
	CHECK(syscall_comes() && mask_seen == 1, "are so");
	CHECK_EQ(callback_register(CALLBACKTYPE_syscall, 0, syscall_entry), 0, "and open");
	CHECK(syscall_comes() && mask_seen == 0, "are so");
	syscall_hook = NULL;
}

/* The established hypervisor takes the good ones of the three and says nothing of the rest. */
static void at_once(void)
{
	uint64_t e = (uint64_t)event_entry, f = (uint64_t)failsafe_entry,
		 s = (uint64_t)syscall_entry;

	CHECK_EQ(hcall3(__HYPERVISOR_set_callbacks, NOT_CANONICAL, f, 0x5000), -XEN_EINVAL,
		 "set_callbacks: the first bad");
	CHECK_EQ(hcall3(__HYPERVISOR_set_callbacks, 0x5000, LOW_END, 0x5000), -XEN_EINVAL,
		 "the second");
	CHECK_EQ(hcall3(__HYPERVISOR_set_callbacks, 0x5000, f, HIGH_START), -XEN_EINVAL,
		 "the third");
	CHECK(event_comes() && syscall_comes(), "nothing has changed");
	CHECK_EQ(hcall3(__HYPERVISOR_set_callbacks, e, f, s), 0, "all good");
	CHECK(event_comes() && syscall_comes(), "they are called");
}

/* 32-bit programs: at an address that they can name, and by the two ways that they have. */
static void compat(void)
{
	char *low = (char *)0x10000, *page = page_alloc();
	struct iret_frame to = user_frame(low);
	struct trap_frame f;

	for (unsigned int i = 0; i < 16; i++) {
		page[i] = user_syscall32[i];
	}
	CHECK_EQ(map_at((uint64_t)low, page), 0, "a page at an address of 32 bits");
	to.cs = FLAT_USER_CS32;
	to.rsp = (uint64_t)low + PAGE_SIZE;
	f = iret_try(&to, 0);
	/* Before there is a callback; Intel's have no SYSCALL there at all. */
	CHECK(f.vector == 13 || f.vector == 6, "32-bit SYSCALL without a callback (%lu)", f.vector);
	CHECK_EQ(f.rip, (uint64_t)low, "at the instruction");
	CHECK_EQ(callback_register(CALLBACKTYPE_syscall32, 0, syscall_entry), 0, "a callback");
	f = iret_try(&to, 0);
	CHECK(f.vector == 6 || (f.vector == TRAP_SYSCALL && f.rip == (uint64_t)low + 2 &&
				f.cs == FLAT_USER_CS32),
	      "is called from 32-bit code (%#lx at +%ld)", f.vector, (long)(f.rip - to.rip));
	to.rip += (uint64_t)(user_sysenter - user_syscall32);
	f = iret_try(&to, 0);
	CHECK(f.vector == 13 || f.vector == 6, "SYSENTER without a callback (%lu)", f.vector);
}

static void stacks(void)
{
	uint64_t here = (uint64_t)kernel_entry_stack + 2048;

	CHECK_EQ(hcall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, here), 0, "another stack");
	CHECK(syscall_comes(), "a system call");
	CHECK(user_entered_on < here && user_entered_on >= here - 512, "is on it");
	CHECK_EQ(hcall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS & ~3, here + 8), 0, "odd by 8");
	CHECK(syscall_comes(), "a system call");
	CHECK((user_entered_on & 15) == 8 || (user_entered_on & 15) == 0, "is on words of it");
	CHECK_EQ(user_init(), 0, "back");
}

static void assists(void)
{
	static const struct {
		unsigned int type;
		const char *what;
	} has[] = {
		{ VMASST_TYPE_4gb_segments, "4gb_segments" },
		{ VMASST_TYPE_4gb_segments_notify, "4gb_segments_notify" },
		{ VMASST_TYPE_writable_pagetables, "writable_pagetables" },
		{ VMASST_TYPE_pae_extended_cr3, "pae_extended_cr3" },
		{ VMASST_TYPE_runstate_update_flag, "runstate_update_flag" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(has); i++) {
		CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, has[i].type), 0, "%s on",
			 has[i].what);
		CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, has[i].type), 0, "off");
		CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, 99, has[i].type), -XEN_ENOSYS, "neither");
	}
	CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 31), -XEN_EINVAL, "no such one");
	CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 64), -XEN_EINVAL, "past a word");
	CHECK_EQ(hcall2(__HYPERVISOR_vm_assist, 99, 31), -XEN_EINVAL,
		 "no such one, no such command");
}

static void in_a_list(void)
{
	struct trap_info t[2] = { { 0x21, 3, FLAT_KERNEL_CS, NOT_CANONICAL }, { 0 } };
	struct callback_register c = { .type = CALLBACKTYPE_event, .address = NOT_CANONICAL };
	struct multicall_entry e[] = {
		{ .op = __HYPERVISOR_stack_switch,
		  .args = { FLAT_KERNEL_SS, (uint64_t)kernel_entry_stack + 4096 } },
		{ .op = __HYPERVISOR_fpu_taskswitch, .args = { 1 } },
		{ .op = __HYPERVISOR_set_segment_base, .args = { SEGBASE_FS, NOT_CANONICAL } },
		{ .op = __HYPERVISOR_set_trap_table, .args = { ptr_arg(t) } },
		{ .op = __HYPERVISOR_callback_op, .args = { CALLBACKOP_register, ptr_arg(&c) } },
		{ .op = __HYPERVISOR_set_debugreg, .args = { 0, 0xffff830000000000UL } },
		{ .op = __HYPERVISOR_set_gdt, .args = { 8, 1 } },
		{ .op = __HYPERVISOR_update_descriptor, .args = { 4, 0 } },
		{ .op = __HYPERVISOR_vm_assist, .args = { 99, 0 } },
		{ .op = __HYPERVISOR_fpu_taskswitch, .args = { 0 } },
	};
	static const long want[] = { 0,		 0,	      -XEN_EINVAL, -XEN_EINVAL, -XEN_EINVAL,
				     -XEN_EPERM, -XEN_EFAULT, -XEN_EINVAL, -XEN_ENOSYS, 0 };

	CHECK_EQ(hcall2(__HYPERVISOR_multicall, ptr_arg(e), ARRAY_SIZE(e)), 0, "a list of these");
	for (unsigned int i = 0; i < ARRAY_SIZE(e); i++) {
		CHECK_EQ(e[i].result, want[i], "entry %u", i);
	}
	__asm__ volatile("fnop");
	CHECK(event_comes() && syscall_comes(), "and all is as it was");
}

/* An iret would end the list before its answers are written.  Last: where it is not refused, all ends here. */
static void iret_in_a_list(void)
{
	struct multicall_entry e = { .op = __HYPERVISOR_iret };

	CHECK_EQ(hcall2(__HYPERVISOR_multicall, ptr_arg(&e), 1), 0, "a list with an iret");
	CHECK((long)e.result < 0, "is one with a refusal");
	CHECK(event_comes() && syscall_comes(), "and all is as it was");
}

static void a_port(void)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };

	CHECK_EQ(event_op(EVTCHNOP_bind_ipi, &ipi), 0, "a port");
	port = ipi.port;
	event_set_handler(port, on_event);
}

/* The ABI has operations' numbers as ints: what stands above the lower 32 bits of a register is not theirs. */
static void numbers(void)
{
	const uint64_t above = 0x5a5a5a5a00000000UL;
	struct callback_unregister none = { .type = CALLBACKTYPE_nmi };
	struct physdev_set_iopl iopl = { .iopl = 1 };

	CHECK_EQ(hcall2(__HYPERVISOR_callback_op, above | CALLBACKOP_unregister, ptr_arg(&none)), 0,
		 "callback_op");
	CHECK_EQ(hcall2(__HYPERVISOR_nmi_op, above | XENNMI_unregister_callback, 0), 0, "nmi_op");
	CHECK_EQ(hcall2(__HYPERVISOR_physdev_op, above | PHYSDEVOP_set_iopl, ptr_arg(&iopl)), 0,
		 "physdev_op");
	CHECK_EQ(hcall2(__HYPERVISOR_set_segment_base, above | SEGBASE_FS, 0), 0,
		 "set_segment_base");
}

enum verdict guest_main(void)
{
	CHECK_EQ(user_init(), 0, "user mode");
	a_port();
	CHECK(event_comes() && syscall_comes(), "events and system calls come");
	types();
	flags();
	compat();
	stacks();
	assists();
	in_a_list();
	at_once();
	numbers();
	iret_in_a_list();
	return SUCCESS;
}
