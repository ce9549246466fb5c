# Unit tests of what runs when: timers, softirqs, scheduler, domains, hypercall dispatch, over a fake machine.

HV_SCHED_DIR := tests/unit/hypervisor/sched
HV_SCHED_SRCS := $(addprefix hypervisor/core/,softirq.c timer.c hypercall.c refusals.c domain.c vcpu.c watchdog.c time.c sched_op.c vcpu_op.c \
	sched/sched.c sched/credit.c sched/rr.c) $(addprefix hypervisor/base/,lock.c stretch.c) hypervisor/lib/fmt.c $(HV_SCHED_DIR)/machine.c

$(foreach f,$(HV_SCHED_SRCS) $(wildcard $(HV_SCHED_DIR)/*_test.c),$(eval CFLAGS_$(subst /,_,$f) := \
	-Ihypervisor -D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=0x00040f00 -fno-strict-aliasing))

$(eval $(call unit_test,hypervisor/sched/timer_test,$(HV_SCHED_SRCS),))
$(eval $(call unit_test,hypervisor/sched/sched_test,$(HV_SCHED_SRCS),))
$(eval $(call unit_test,hypervisor/sched/domain_test,$(HV_SCHED_SRCS),))
$(eval $(call unit_test,hypervisor/sched/refusals_test,$(HV_SCHED_SRCS),))
