# Unit tests of hypervisor/lib, base and mm, on the host.

HV_MM_HOST_CFLAGS := -Ihypervisor -D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=0x00040f00 -fno-strict-aliasing
HV_MM_BASE := hypervisor/base/lock.c hypervisor/base/bug.c hypervisor/base/log.c hypervisor/lib/fmt.c
HV_MM_UNDER_TEST := $(wildcard hypervisor/mm/*.c) $(HV_MM_BASE) tests/fake/cpu_fake.c tests/fake/refuse_fake.c
HV_MM_WORLD := tests/unit/hypervisor/mm/world.c $(HV_MM_UNDER_TEST)
$(foreach f,$(HV_MM_WORLD) $(wildcard hypervisor/lib/*.c tests/unit/hypervisor/lib/*.c tests/unit/hypervisor/base/*.c \
	tests/unit/hypervisor/mm/*.c),$(eval CFLAGS_$(subst /,_,$f) := $(HV_MM_HOST_CFLAGS)))

$(eval $(call unit_test,hypervisor/lib/string_test,tests/unit/hypervisor/lib/string_ours.c,))
$(eval $(call unit_test,hypervisor/lib/fmt_test,hypervisor/lib/fmt.c,))
$(eval $(call unit_test,hypervisor/lib/args_test,hypervisor/lib/args.c,))
$(eval $(call unit_test,hypervisor/lib/rangeset_test,hypervisor/lib/rangeset.c,))
$(eval $(call unit_test,hypervisor/lib/elf_test,hypervisor/lib/elf.c,))
$(eval $(call unit_test,hypervisor/lib/symbols_test,hypervisor/lib/symbols.c,))
$(eval $(call unit_test,hypervisor/lib/list_test,,))
$(eval $(call unit_test,hypervisor/base/lock_test,$(HV_MM_WORLD),))
$(eval $(call unit_test,hypervisor/base/log_test,$(HV_MM_WORLD),))
$(foreach t,audit alloc pool frame dompages pagetype pagetype_scope pagestep,$(eval $(call unit_test,hypervisor/mm/$(t)_test,$(HV_MM_WORLD),)))
