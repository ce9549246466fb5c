# Unit tests of hypervisor/core and hypervisor/ctl, on the host.

HV_CORE_UNDER_TEST := $(wildcard hypervisor/core/*.c hypervisor/ctl/*.c)
HV_CORE_TESTS := $(wildcard tests/unit/hypervisor/core/*_test.c tests/unit/hypervisor/ctl/*_test.c) tests/fake/guest_fake.c tests/fake/refuse_fake.c \
	tests/unit/hypervisor/core/memory_world.c tests/unit/hypervisor/core/grant_world.c tests/unit/hypervisor/ctl/ctl_fake.c
HV_MM_FILES := $(addprefix hypervisor/mm/,alloc.c frame.c dompages.c m2p.c pool.c pagetype.c pagetree.c segdesc.c audit.c)

# The hypervisor's own include root, and the ABI as it sees it.
HV_HOST_CFLAGS := -Ihypervisor -D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=0x00040f00 -fno-strict-aliasing
$(foreach f,$(HV_CORE_UNDER_TEST) $(HV_CORE_TESTS) hypervisor/base/lock.c hypervisor/lib/rangeset.c \
	hypervisor/lib/string.c $(HV_MM_FILES),$(eval CFLAGS_$(subst /,_,$f) := $(HV_HOST_CFLAGS)))

HV_EVENTS := $(addprefix hypervisor/core/,evtchn.c evtchn_fifo.c evtchn_op.c)
$(eval $(call unit_test,hypervisor/core/evtchn_test,$(HV_EVENTS) hypervisor/core/rights.c \
	hypervisor/base/lock.c hypervisor/lib/rangeset.c tests/fake/guest_fake.c tests/fake/refuse_fake.c,))

HV_GRANTS := $(wildcard hypervisor/core/grant_*.c) hypervisor/core/audit.c
HV_MEMORY_WORLD := tests/unit/hypervisor/core/memory_world.c tests/fake/guest_fake.c tests/fake/refuse_fake.c $(HV_EVENTS) \
	hypervisor/core/rights.c hypervisor/base/lock.c hypervisor/lib/rangeset.c hypervisor/lib/fmt.c $(HV_MM_FILES)

HV_GRANT_WORLD := tests/unit/hypervisor/core/grant_world.c $(HV_GRANTS) $(HV_MEMORY_WORLD)
$(foreach t,table map copy v2,$(eval $(call unit_test,hypervisor/core/grant_$(t)_test,$(HV_GRANT_WORLD),)))
$(eval $(call unit_test,hypervisor/core/evtchn_fifo_test,$(HV_GRANTS) $(HV_MEMORY_WORLD),))
$(eval $(call unit_test,hypervisor/core/audit_test,$(HV_GRANT_WORLD),))
$(eval $(call unit_test,hypervisor/core/memory_op_test,$(wildcard hypervisor/core/memory_*.c) $(HV_GRANTS) $(HV_MEMORY_WORLD),))
HV_CTL := $(addprefix hypervisor/ctl/,domctl.c domctl_pv.c) tests/unit/hypervisor/ctl/ctl_fake.c
$(eval $(call unit_test,hypervisor/ctl/domctl_test,$(HV_CTL) $(HV_GRANTS) $(HV_MEMORY_WORLD),))
$(eval $(call unit_test,hypervisor/ctl/sysctl_test,hypervisor/ctl/sysctl.c $(HV_CTL) $(HV_GRANTS) $(HV_MEMORY_WORLD),))

HV_SMALL_WORLD := tests/fake/guest_fake.c tests/fake/refuse_fake.c $(HV_EVENTS) hypervisor/core/rights.c hypervisor/base/lock.c \
	hypervisor/lib/rangeset.c
$(eval $(call unit_test,hypervisor/core/version_test,hypervisor/core/version.c $(HV_SMALL_WORLD),))
$(eval $(call unit_test,hypervisor/core/console_io_test,hypervisor/core/console_io.c $(HV_SMALL_WORLD),))
$(eval $(call unit_test,hypervisor/core/debugkeys_test,hypervisor/core/debugkeys.c hypervisor/lib/fmt.c $(HV_SMALL_WORLD),))
$(eval $(call unit_test,hypervisor/core/auditkey_test,hypervisor/core/auditkey.c,))
