# The hypervisor: freestanding, position-independent code linked at IMAGE_BASE, in two flavours:
#   build/pavane         what people run
#   build/pavane-debug   the same with assertions, lock order checks and UBSan traps: what the tests run
# and, when asked for, build/pavane-measure: the first with a count of how long interrupts are off (base/stretch.h).

HV := hypervisor
HV_SRCS := $(sort $(wildcard $(foreach d,lib base x86 x86/boot mm core core/sched pv ctl,$(HV)/$(d)/*.c)) $(HV)/main.c)
HV_ASM  := $(sort $(filter-out %/pavane.lds.S,$(wildcard $(HV)/x86/*.S $(HV)/x86/boot/*.S $(HV)/pv/*.S)))

HV_CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -nostdinc -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) \
	-isystem $(B)/hv-include -I$(HV) -fPIE -fvisibility=hidden -mno-red-zone -mcmodel=small \
	-mgeneral-regs-only -fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables \
	-fno-omit-frame-pointer -fstack-protector-strong -mstack-protector-guard=global \
	-mindirect-branch=thunk-extern -mindirect-branch-register -fcf-protection=none -fno-delete-null-pointer-checks \
	-D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=0x00040f00
# The seams between the folders are plain calls; the release flavour is compiled as one, so they cost nothing.
HV_RELEASE_CFLAGS := -DNDEBUG -flto=auto
# What the table of functions may grow to: enough, and no more, so that nothing moves when it is filled in.
HV_SYMBOLS_SIZE := 20480
HV_DEBUG_CFLAGS := -fsanitize=bounds,shift,integer-divide-by-zero,unreachable,return -fsanitize-undefined-trap-on-error

.PHONY: hypervisor
hypervisor: $(B)/pavane $(B)/pavane-debug

# The public ABI headers come from libxen-dev; only they are taken from the system's include folder.
$(B)/hv-include/.done:
	@mkdir -p $(B)/hv-include
	@ln -sfn /usr/include/xen $(B)/hv-include/xen
	@touch $@

# hypervisor_flavour: IMAGE, FOLDER, FLAGS[, ROOM]: ROOM instead of HV_SYMBOLS_SIZE.  The ABI's headers expect the fixed-width types to be
# there already, hence -include stdint.h.
define hypervisor_flavour
HV_OBJS_$(2) := $$(patsubst %.c,$(2)/%.o,$(HV_SRCS)) $$(patsubst %.S,$(2)/%.o,$(HV_ASM))

$(2)/%.o: %.c $(HV)/hypervisor.mk $(B)/hv-include/.done
	@mkdir -p $$(@D)
	@echo "  HV CC   $$<"
	@$$(CC) $$(HV_CFLAGS) $(3) $$(HV_FILE_CFLAGS) -include stdint.h -MMD -MP -c -o $$@ $$<

# What the compiler calls by itself has to be there before it looks at the whole.
$(2)/$(HV)/lib/string.o $(2)/$(HV)/base/bug.o: HV_FILE_CFLAGS := -fno-lto

$(2)/%.o: %.S $(2)/asm_offsets.h $(HV)/hypervisor.mk
	@mkdir -p $$(@D)
	@echo "  HV AS   $$<"
	@$$(CC) $$(HV_CFLAGS) $(3) -D__ASSEMBLY__ -DSYMBOLS_SIZE=$(or $(4),$(HV_SYMBOLS_SIZE)) -I$(2) -MMD -MP -c -o $$@ $$<

# Offsets of C structures for the assembly files.
$(2)/asm_offsets.h: $(HV)/x86/asm_offsets.def.c $(B)/hv-include/.done
	@mkdir -p $$(@D)
	@$$(CC) $$(HV_CFLAGS) -include stdint.h -MMD -MP -MT $$@ -MF $(2)/asm_offsets.d -S -o $(2)/asm_offsets.s $$<
	@sed -n 's/^\s*\.ascii "OFFSET \([A-Za-z0-9_]*\) \$$$$\?\([0-9-]*\)".*/#define \1 \2/p' $(2)/asm_offsets.s > $$@

$(2)/pavane.lds: $(HV)/x86/pavane.lds.S
	@mkdir -p $$(@D)
	@$$(CC) -E -P -x assembler-with-cpp -I$(HV) -o $$@ $$<

$(2)/linked.elf: $$(HV_OBJS_$(2)) $(2)/pavane.lds
	@echo "  LD      $$@"
	@$$(CC) $$(HV_CFLAGS) $(3) -nostdlib -static -no-pie -Wl,-T,$(2)/pavane.lds -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
		-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -o $$@ $$(HV_OBJS_$(2))

# The names of the functions go into the room that x86/symbols.S keeps for them.
$(2)/pavane.elf: $(2)/linked.elf $(HV)/symbols.awk
	@nm -n $$< | awk -v size=$(or $(4),$(HV_SYMBOLS_SIZE)) -f $(HV)/symbols.awk >$(2)/symbols.s
	@as -o $(2)/symbols.o $(2)/symbols.s || { echo "the table of functions has outgrown HV_SYMBOLS_SIZE"; exit 1; }
	@objcopy -O binary -j .text $(2)/symbols.o $(2)/symbols.bin
	@objcopy --update-section .symbols=$(2)/symbols.bin $$< $$@

$(1): $(2)/pavane.elf
	@objcopy -O binary $$< $$@
	@size $$< | tail -1 | awk '{print "  $$(@F): text " $$$$1 " data " $$$$2 " bss " $$$$3}'

-include $$(HV_OBJS_$(2):.o=.d) $(2)/asm_offsets.d
endef

$(eval $(call hypervisor_flavour,$(B)/pavane,$(B)/hv,$(HV_RELEASE_CFLAGS)))
$(eval $(call hypervisor_flavour,$(B)/pavane-debug,$(B)/hv-debug,$(HV_DEBUG_CFLAGS)))
$(eval $(call hypervisor_flavour,$(B)/pavane-measure,$(B)/hv-measure,$(HV_RELEASE_CFLAGS) -DSTRETCHES=1))
