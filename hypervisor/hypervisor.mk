# The hypervisor: freestanding, position-independent code linked at IMAGE_BASE.
# DEBUG=0 builds the release flavour (no assertions, no UBSan traps).

DEBUG ?= 1
HV := hypervisor
HV_SRCS := $(sort $(wildcard $(foreach d,lib base x86 x86/boot mm core core/sched pv ctl,$(HV)/$(d)/*.c)) $(HV)/main.c)
HV_ASM  := $(sort $(filter-out %/pavane.lds.S,$(wildcard $(HV)/x86/*.S $(HV)/x86/boot/*.S $(HV)/pv/*.S)))
HVB := $(B)/hv$(if $(filter 0,$(DEBUG)),-release)
HV_OBJS := $(patsubst %.c,$(HVB)/%.o,$(HV_SRCS)) $(patsubst %.S,$(HVB)/%.o,$(HV_ASM))

HV_CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -nostdinc -isystem $(shell $(CC) -print-file-name=include) \
	-isystem $(B)/hv-include -I$(HV) -fPIE -fvisibility=hidden -mno-red-zone -mcmodel=small \
	-mgeneral-regs-only -fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables \
	-fno-omit-frame-pointer -fstack-protector-strong -mstack-protector-guard=global \
	-mindirect-branch-register -fcf-protection=none -fno-delete-null-pointer-checks \
	-D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=0x00040f00 \
	$(if $(filter 0,$(DEBUG)),-DNDEBUG,-fsanitize=bounds,shift,integer-divide-by-zero,unreachable,return -fsanitize-undefined-trap-on-error)

.PHONY: hypervisor
hypervisor: $(B)/pavane	## the hypervisor's Multiboot image, build/pavane

# The public ABI headers come from libxen-dev; only they are taken from the system's include folder.
$(B)/hv-include/.done:
	@mkdir -p $(B)/hv-include
	@ln -sfn /usr/include/xen $(B)/hv-include/xen
	@touch $@

$(HVB)/%.o: %.c $(B)/hv-include/.done
	@mkdir -p $(@D)
	@echo "  HV CC   $<"
	@$(CC) $(HV_CFLAGS) -include stdint.h -MMD -MP -c -o $@ $<

$(HVB)/%.o: %.S $(HVB)/asm_offsets.h
	@mkdir -p $(@D)
	@echo "  HV AS   $<"
	@$(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -I$(HVB) -MMD -MP -c -o $@ $<

# The ABI's headers expect the fixed-width types to be there already, hence -include stdint.h.
# Offsets of C structures for the assembly files.
$(HVB)/asm_offsets.h: $(HV)/x86/asm_offsets.def.c $(B)/hv-include/.done
	@mkdir -p $(@D)
	@$(CC) $(HV_CFLAGS) -fno-sanitize=all -include stdint.h -MMD -MP -MT $@ -MF $(HVB)/asm_offsets.d -S -o $(HVB)/asm_offsets.s $<
	@sed -n 's/^\s*\.ascii "OFFSET \([A-Za-z0-9_]*\) \$$\?\([0-9-]*\)".*/#define \1 \2/p' $(HVB)/asm_offsets.s > $@

$(HVB)/pavane.lds: $(HV)/x86/pavane.lds.S
	@mkdir -p $(@D)
	@$(CC) -E -P -x assembler-with-cpp -I$(HV) -o $@ $<

$(HVB)/pavane.elf: $(HV_OBJS) $(HVB)/pavane.lds
	@echo "  LD      $@"
	@$(CC) -nostdlib -static -no-pie -Wl,-T,$(HVB)/pavane.lds -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
		-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -o $@ $(HV_OBJS)

$(B)/pavane: $(HVB)/pavane.elf
	@objcopy -O binary $< $@
	@size $< | tail -1 | awk '{print "  pavane: text " $$1 " data " $$2 " bss " $$3}'

-include $(HV_OBJS:.o=.d) $(HVB)/asm_offsets.d
