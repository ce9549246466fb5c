# Unit tests of the pure parts of hypervisor/pv, on the host.

$(foreach f,hypervisor/pv/decode.c tests/unit/hypervisor/pv/decode_test.c,$(eval CFLAGS_$(subst /,_,$f) := -Ihypervisor))

$(eval $(call unit_test,hypervisor/pv/decode_test,hypervisor/pv/decode.c,))
