/*
 * SCHEDOP_* (<xen/sched.h>), but for poll, which has its own test: yield and block return; reasons beyond SHUTDOWN_MAX
 * and arguments that can't be read are refused, and shut nothing down; what is not served says so.  High bits
 * of the operation's number do not count: the ABI's is an int.
 */
#include "frontends/rt/test.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "tests/abi/lib/event.h"
#include "tests/abi/lib/pages.h"

#define MS 1000000UL

static volatile unsigned int calls;

static void on_event(evtchn_port_t port)
{
	(void)port;
	calls++;
}

static void blocking(void)
{
	evtchn_port_t port = event_ipi(0);
	uint64_t start = system_time();

	event_set_handler(port, on_event);
	for (unsigned int i = 0; i < 1000; i++) {
		if (sched_op(SCHEDOP_yield, NULL)) {
			CHECK(false, "yield");
		}
	}
	CHECK(system_time() > start, "a thousand yields");
	CHECK_EQ(sched_op(SCHEDOP_yield, NOWHERE), 0, "which look at no argument");
	upcalls_off();
	event_send(port);
	CHECK_EQ(sched_op(SCHEDOP_block, NULL), 0, "block with an event waiting");
	CHECK(calls == 1 && !vcpu_info()->evtchn_upcall_mask, "returns at once, open");
	start = system_time();
	upcalls_off();
	timer_arm(start + 20 * MS);
	CHECK_EQ(sched_op(SCHEDOP_block, NULL), 0, "block with a timer set");
	CHECK(timer_count > 0 && system_time() >= start + 20 * MS, "returns when it fires");
	CHECK_EQ(hcall2(__HYPERVISOR_sched_op, 1UL << 32 | SCHEDOP_yield, 0), 0,
		 "high bits of the number do not count");
	CHECK_EQ(hcall2(__HYPERVISOR_sched_op_compat, SCHEDOP_yield, 0), 0, "the old call yields");
	upcalls_off();
	event_send(port);
	CHECK_EQ(hcall2(__HYPERVISOR_sched_op_compat, SCHEDOP_block, 0), 0, "and blocks");
	CHECK_EQ(calls, 2, "with the event delivered");
	event_close(port);
}

static void shutdowns(void)
{
	struct sched_remote_shutdown r = { .domain_id = 1234, .reason = SHUTDOWN_crash };

	CHECK_EQ(sched_op(SCHEDOP_shutdown, NOWHERE), -XEN_EFAULT, "shutdown: bad address");
	CHECK_EQ(sched_op(SCHEDOP_shutdown_code, NOWHERE), -XEN_EFAULT, "shutdown_code: address");
	CHECK_EQ(sched_op(SCHEDOP_remote_shutdown, NOWHERE), -XEN_EFAULT, "remote: bad address");
	CHECK_EQ(sched_op(SCHEDOP_remote_shutdown, &r),
		 is_control_domain() ? -XEN_ESRCH : -XEN_EPERM, "remote: no such domain");
	r.domain_id = DOMID_XEN;
	CHECK_EQ(sched_op(SCHEDOP_remote_shutdown, &r),
		 is_control_domain() ? -XEN_ESRCH : -XEN_EPERM, "remote: nor the hypervisor");
	CHECK_EQ(vcpu_op(VCPUOP_is_up, 0, NULL), 1, "we still run");
}

/* Last: where the reason is not looked at, this is the end. */
static void no_reasons(void)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_MAX + 1 };

	CHECK_EQ(sched_op(SCHEDOP_shutdown_code, &s), -XEN_EINVAL, "shutdown_code: no such reason");
	CHECK_EQ(sched_op(SCHEDOP_shutdown, &s), -XEN_EINVAL, "shutdown: the same");
	s.reason = ~0u;
	CHECK_EQ(sched_op(SCHEDOP_shutdown, &s), -XEN_EINVAL, "shutdown: nor the last number");
	CHECK_EQ(hcall2(__HYPERVISOR_sched_op_compat, SCHEDOP_shutdown, SHUTDOWN_MAX + 1),
		 -XEN_EINVAL, "the old call: no such reason");
	CHECK_EQ(vcpu_op(VCPUOP_is_up, 0, NULL), 1, "we still run");
}

static void not_served(void)
{
	struct sched_pin_override pin = { .pcpu = 0 };

	CHECK_EQ(sched_op(SCHEDOP_pin_override, &pin),
		 is_control_domain() ? -XEN_ENOSYS : -XEN_EPERM, "pin_override");
	CHECK_EQ(sched_op(8, NULL), -XEN_ENOSYS, "one past the last");
	CHECK_EQ(sched_op(-1, NULL), -XEN_ENOSYS, "nor the last number");
	CHECK_EQ(hcall2(__HYPERVISOR_sched_op_compat, SCHEDOP_poll, 0), -XEN_ENOSYS,
		 "the old call polls not");
}

enum verdict guest_main(void)
{
	blocking();
	shutdowns();
	not_served();
	no_reasons();
	return SUCCESS;
}
