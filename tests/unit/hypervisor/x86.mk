# Unit tests of the pure parts of hypervisor/x86 and of pv/pirq.c, on the host.

HV_X86_CFLAGS := -Ihypervisor -D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=0x00040f00 -fno-strict-aliasing
$(foreach f,$(addprefix hypervisor/x86/,acpi.c rtc.c msi.c irq.c serial.c thunk.c fpu.c) hypervisor/pv/pirq.c hypervisor/base/lock.c \
	$(wildcard tests/unit/hypervisor/x86/*.c) tests/unit/hypervisor/pv/pirq_test.c,$(eval CFLAGS_$(subst /,_,$f) := $(HV_X86_CFLAGS)))

$(eval $(call unit_test,hypervisor/x86/acpi_test,hypervisor/x86/acpi.c,))
$(eval $(call unit_test,hypervisor/x86/clock_test,hypervisor/x86/rtc.c,))
$(eval $(call unit_test,hypervisor/x86/msi_test,hypervisor/x86/msi.c tests/fake/refuse_fake.c,))
$(eval $(call unit_test,hypervisor/x86/irq_test,hypervisor/x86/irq.c hypervisor/base/lock.c tests/fake/refuse_fake.c,))
$(eval $(call unit_test,hypervisor/x86/thunk_test,hypervisor/x86/thunk.c,))
$(eval $(call unit_test,hypervisor/x86/fpu_test,hypervisor/x86/fpu.c,))
$(eval $(call unit_test,hypervisor/x86/serial_test,hypervisor/x86/serial.c,))
$(eval $(call unit_test,hypervisor/pv/pirq_test,hypervisor/pv/pirq.c hypervisor/base/lock.c tests/fake/refuse_fake.c,))
