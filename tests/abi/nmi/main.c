/*
 * NMI: VCPUOP_send_nmi calls the NMI handler of a vCPU of one's own domain even while its events are masked, once for any
 * number of sends, and not again before the handler has returned by iret; it wakes a vCPU that is blocked.  The
 * handler is entry 2 of the trap table, whether set there, by callback_op or by nmi_op, and gets events
 * masked; without one an NMI is lost (public/vcpu.h, VCPUOP_send_nmi; public/nmi.h; public/callback.h).
 */
#include "frontends/rt/test.h"

#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

static volatile unsigned int nmis, deepest, inside;
static volatile uint8_t mask_seen;
static bool send_more;

static long send_nmi(unsigned int vcpu)
{
	return vcpu_op(VCPUOP_send_nmi, vcpu, NULL);
}

static void on_nmi(struct trap_frame *f)
{
	(void)f;
	nmis++;
	mask_seen = vcpu_info()->evtchn_upcall_mask;
	inside++;
	deepest = inside > deepest ? inside : deepest;
	if (send_more) {
		send_more = false;
		send_nmi(0);
		send_nmi(0);
	}
	inside--;
}

static long unregister(uint16_t type)
{
	struct callback_unregister u = { .type = type };

	return hcall2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, ptr_arg(&u));
}

static void to_ourselves(void)
{
	CHECK_EQ(unregister(CALLBACKTYPE_nmi), 0, "no handler");
	CHECK_EQ(send_nmi(0), 0, "one without a handler");
	CHECK_EQ(nmis, 0, "is lost");
	CHECK_EQ(callback_register(CALLBACKTYPE_nmi, 0, (void *)trap_stubs[2]), 0, "a handler");
	version_op(0, NULL);
	CHECK_EQ(nmis, 0, "for what comes");
	CHECK_EQ(send_nmi(0), 0, "one to ourselves");
	CHECK_EQ(nmis, 1, "has come");
	CHECK_EQ(mask_seen, 1, "with events masked");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 0, "until its end");
	upcalls_off();
	send_nmi(0);
	CHECK_EQ(nmis, 2, "also while events are masked");
	CHECK_EQ(vcpu_info()->evtchn_upcall_mask, 1, "which they are still");
	upcalls_on();
	send_more = true;
	send_nmi(0);
	version_op(0, NULL);
	CHECK_EQ(nmis, 4, "two sent from the handler are one more");
	CHECK_EQ(deepest, 1, "after its end");
}

static void registration(void)
{
	struct xennmi_callback cb = { .handler_address = trap_stubs[2] };
	struct trap_info t[2] = { { 2, 0, FLAT_KERNEL_CS, trap_stubs[2] }, { 0 } };
	unsigned int before = nmis;

	CHECK_EQ(unregister(CALLBACKTYPE_nmi), 0, "unregister");
	send_nmi(0);
	CHECK_EQ(nmis, before, "and they are lost");
	CHECK_EQ(hcall2(__HYPERVISOR_nmi_op, XENNMI_register_callback, ptr_arg(&cb)), 0, "nmi_op");
	send_nmi(0);
	CHECK_EQ(nmis, before + 1, "registers too");
	CHECK_EQ(hcall2(__HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0), 0, "and unregisters");
	send_nmi(0);
	CHECK_EQ(nmis, before + 1, "all of them lost");
	CHECK_EQ(hcall1(__HYPERVISOR_set_trap_table, ptr_arg(t)), 0, "so does the trap table");
	send_nmi(0);
	CHECK_EQ(nmis, before + 2, "which has entry 2");
	CHECK_EQ(mask_seen, 0, "a trap gate there: events are open");
}

static void refusals(void)
{
	struct xennmi_callback cb = { .handler_address = 0x8000000000000000UL };
	unsigned int before = nmis;

	CHECK_EQ(vcpu_op(VCPUOP_send_nmi, 0, &cb), -XEN_EINVAL, "an argument");
	CHECK_EQ(send_nmi(999), -XEN_ENOENT, "no such vCPU");
	CHECK_EQ(hcall2(__HYPERVISOR_nmi_op, 99, ptr_arg(&cb)), -XEN_ENOSYS, "no such nmi_op");
	CHECK_EQ(hcall2(__HYPERVISOR_nmi_op, XENNMI_register_callback, 8), -XEN_EFAULT,
		 "nmi_op at a bad address");
	CHECK_EQ(hcall2(__HYPERVISOR_nmi_op, XENNMI_register_callback, ptr_arg(&cb)), -XEN_EINVAL,
		 "a handler at no canonical address, nmi_op");
	CHECK_EQ(callback_register(CALLBACKTYPE_nmi, 0, (void *)cb.handler_address), -XEN_EINVAL,
		 "the same, callback_op");
	CHECK_EQ(nmis, before, "and none has come");
	send_nmi(0);
	CHECK_EQ(nmis, before + 1, "the handler is the old one");
}

static volatile bool second_ready, second_back;

static void second(unsigned int vcpu)
{
	struct sched_poll poll = { .nr_ports = 0 };

	(void)vcpu;
	second_ready = true;
	/* Neither port nor time-out: only something like an NMI ends it. */
	sched_op(SCHEDOP_poll, &poll);
	second_back = true;
}

static bool is_ready(void)
{
	return second_ready;
}

static bool is_back(void)
{
	return second_back;
}

static bool second_blocks(void)
{
	struct vcpu_runstate_info r;

	return vcpu_op(VCPUOP_get_runstate_info, 1, &r) == 0 && r.state == RUNSTATE_blocked;
}

static void to_another(void)
{
	unsigned int before = nmis;

	if (vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		print("  only one vCPU here\n");
		return;
	}
	CHECK_EQ(second_start(1, second), 0, "another vCPU");
	wait_for(is_ready, 2000000000UL);
	wait_for(second_blocks, 2000000000UL);
	CHECK_EQ(send_nmi(1), 0, "one to it");
	CHECK(wait_for(is_back, 2000000000UL), "wakes it");
	CHECK_EQ(nmis, before, "without a handler of its own no more happens");
}

extern char user_spin[];
__asm__(".pushsection .text\nuser_spin: 1: pause\n jmp 1b\n.popsection");

static void on_event(struct trap_frame *f)
{
	(void)f;
	send_nmi(0);
}

static void in_user_mode(void)
{
	struct trap_frame f;

	CHECK_EQ(user_init(), 0, "user mode");
	event_hook = on_event;
	upcalls_off();
	timer_arm(system_time() + 2000000);
	f = user_try(user_spin, 0);
	event_hook = NULL;
	CHECK_EQ(f.vector, 2, "an NMI after an event in user mode");
}

enum verdict guest_main(void)
{
	trap_hook[2] = on_nmi;
	to_ourselves();
	registration();
	refusals();
	to_another();
	in_user_mode();
	return SUCCESS;
}
