# What the tests need built, and the lists by which tests/run finds it.

build-unit: $(UNIT_TESTS) | $(B)/lists
	@printf '%s\n' $(UNIT_TESTS) >$(B)/lists/unit

# ABI_TESTS: mini-guest images, each a domain's kernel whose verdict is on its console.
build-abi: $(ABI_TESTS) | $(B)/lists
	@printf '%s\n' $(ABI_TESTS) >$(B)/lists/abi

# The flags with which a header must compile alone, for tests/lint/headers.sh.
.PHONY: print-user-flags print-hypervisor-flags
print-user-flags:
	@echo '$(USER_CFLAGS)'
print-hypervisor-flags:
	@echo '$(HV_CFLAGS)'

# What boot.sh looks into for libraries that must not be linked.
build-lists: | $(B)/lists
	@printf '%s\n' $(PROGRAMS) >$(B)/lists/programs
.PHONY: build-lists

$(B)/lists:
	@mkdir -p $@

# Small static tools that system tests carry into guests.
SYSTEM_TOOLS := $(addprefix $(B)/tools/,nettool fpucheck clockcheck calls32 await micro blkbench)
$(B)/tools/%: tests/system/tools/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) -std=gnu11 -O2 $(WARN) -D_GNU_SOURCE -static -o $@ $<

$(B)/tools/micro $(B)/tools/blkbench: $(B)/tools/%: tests/bench/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) -std=gnu11 -O2 $(WARN) -D_GNU_SOURCE -static -o $@ $<

# A 32-bit program without a C library: the plain compiler makes it.
$(B)/tools/calls32: tests/system/tools/calls32.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) -m32 -std=gnu11 -O2 $(WARN) -ffreestanding -fno-pie -no-pie -fno-stack-protector \
		-nostdlib -static -o $@ $<
