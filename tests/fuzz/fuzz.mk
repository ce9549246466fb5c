# Fuzzing: `make fuzz` runs each target of libFuzzer for FUZZ_SECONDS, then the hypercall fuzzer on FUZZ_SEEDS seeds.
#   fuzz_target: NAME, SOURCES, LIBS -> build/fuzz/NAME, from tests/fuzz/host/NAME.c, with clang and its sanitizers.
# What it finds is left in build/fuzz/NAME-crash-*; build/fuzz/NAME FILE tries one again.

FUZZ_SECONDS ?= 20
FUZZ_SEEDS   ?= 1 2 3
FUZZ_TARGETS :=
FUZZ_CFLAGS  := -std=gnu11 -O1 -g -D_GNU_SOURCE -I. -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

define fuzz_target
FUZZ_TARGETS += $(1)
$(B)/fuzz/$(1): $(addprefix $(B)/fuzzobj/,$(patsubst %.c,%.o,tests/fuzz/host/$(1).c $(2)))
	@mkdir -p $$(@D)
	@echo "  LD      $$@"
	@clang -fsanitize=fuzzer,address,undefined -o $$@ $$^ $(3)
endef

$(B)/fuzzobj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC/fuzz $<"
	@clang $(FUZZ_CFLAGS) $(CFLAGS_$(subst /,_,$<)) -MMD -MP -c -o $@ $<

CFLAGS_tests_fuzz_host_kernel.c := -Ihypervisor
$(eval $(call fuzz_target,kernel,$(BZIMAGE_SRCS) dom0-tools/build/elfnotes.c hypervisor/lib/elf.c $(LIBPAV_BASE),$(BZIMAGE_LIBS)))
$(eval $(call fuzz_target,store,$(STORE_PURE_SRC),))
$(eval $(call fuzz_target,lang,$(LANG_TEST_SRCS),$(LANG_LIBS) -ljson-c))
$(eval $(call fuzz_target,requests,backends/blk/request.c,))
$(eval $(call fuzz_target,net,tests/fake/netback_fake.c $(addprefix backends/net/,netback.c offload.c packet.c),))
$(patsubst %.c,$(B)/fuzzobj/%.o,$(LANG_SRCS)): | $(LANGB)/parse.tab.h $(LANGB)/lex.c
-include $(shell find $(B)/fuzzobj -name '*.d' 2>/dev/null)

.PHONY: build-fuzz run-fuzz
build-fuzz: $(addprefix $(B)/fuzz/,$(FUZZ_TARGETS))
run-fuzz:
	@tests/fuzz/run "$(FUZZ_SECONDS)" "$(FUZZ_SEEDS)" $(FUZZ_TARGETS)
