# The mini-guest: a freestanding PV kernel runtime, drivers, small guests on both, and the ABI tests, each such a guest.

RT_DIR := frontends/rt
RT_SRCS := $(wildcard $(RT_DIR)/*.c) hypervisor/lib/fmt.c hypervisor/lib/string.c
RT_ASM := $(RT_DIR)/start.S $(RT_DIR)/entry.S
RTB := $(B)/rt
RT_OBJS := $(patsubst %.c,$(RTB)/%.o,$(RT_SRCS)) $(patsubst %.S,$(RTB)/%.o,$(RT_ASM))
# The drivers are a library: a guest has in it what it uses.
DRV_OBJS := $(patsubst %.c,$(RTB)/%.o,$(wildcard frontends/drv/*.c) hypervisor/lib/args.c)

# The stack is shared with whatever the hypervisor pushes for events: no red zone.
RT_CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -nostdinc -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) \
	-isystem $(B)/hv-include -I. -Ihypervisor -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables -fno-stack-protector -fcf-protection=none \
	-fno-delete-null-pointer-checks -D__XEN_INTERFACE_VERSION__=0x00040e00

GUESTS := $(patsubst frontends/guests/%.c,$(B)/guests/%,$(wildcard frontends/guests/*.c))
ABI_TESTS := $(patsubst tests/abi/%/main.c,$(B)/abi/%,$(wildcard tests/abi/*/main.c)) $(B)/abi/hcallfuzz
HCALLFUZZ := $(patsubst %.c,$(RTB)/%.o,$(wildcard tests/fuzz/hcall/*.c))

.PHONY: guests
guests: $(GUESTS)

$(RTB)/%.o: %.c $(B)/hv-include/.done
	@mkdir -p $(@D)
	@echo "  RT CC   $<"
	@$(CC) $(RT_CFLAGS) -MMD -MP -c -o $@ $<

$(RTB)/%.o: %.S $(B)/hv-include/.done
	@mkdir -p $(@D)
	@echo "  RT AS   $<"
	@$(CC) $(RT_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

# A hypercall of a test is not refused without a reason on record.  (Not in the fuzzer: there one vCPU floods the record.)
$(patsubst %.c,$(RTB)/%.o,$(wildcard tests/abi/*/main.c)): RT_CFLAGS += -DHCALL_WATCHED

# Debian's lwIP, as downloaded; its warnings are its authors' affair.
LWIP := $(B)/image/lwip
LWIP_SRCS := $(addprefix core/,init.c def.c inet_chksum.c ip.c mem.c memp.c netif.c pbuf.c tcp.c tcp_in.c tcp_out.c \
	     timeouts.c udp.c) $(addprefix core/ipv4/,dhcp.c etharp.c icmp.c ip4.c ip4_addr.c ip4_frag.c) \
	     netif/ethernet.c apps/http/fs.c apps/http/httpd.c
LWIP_OBJS := $(patsubst %.c,$(RTB)/lwip/%.o,$(LWIP_SRCS))
LWIP_CFLAGS := -Ifrontends/drv/lwip -isystem $(LWIP)/src/include

$(LWIP)/.done: config/image/lwip.sh
	@config/image/lwip.sh
	@touch $@

$(LWIP_OBJS): $(RTB)/lwip/%.o: $(LWIP)/.done $(wildcard frontends/drv/lwip/*.h frontends/drv/lwip/*/*.h)
	@mkdir -p $(@D)
	@echo "  RT CC   lwIP $*.c"
	@$(CC) $(RT_CFLAGS) $(LWIP_CFLAGS) -w -c -o $@ $(LWIP)/src/$*.c

$(RTB)/lwip.a: $(LWIP_OBJS)
	@rm -f $@
	@$(AR) rcs $@ $^

# Who includes lwIP's headers needs them there.
LWIP_USERS := $(RTB)/frontends/drv/ip.o $(patsubst $(B)/guests/%,$(RTB)/frontends/guests/%.o,$(GUESTS))
$(LWIP_USERS): RT_CFLAGS += $(LWIP_CFLAGS)
$(LWIP_USERS): | $(LWIP)/.done

$(RTB)/drv.a: $(DRV_OBJS)
	@rm -f $@
	@$(AR) rcs $@ $^

RT_LINK = $(CC) -nostdlib -static -no-pie -Wl,-T,$(RT_DIR)/rt.lds -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

$(B)/guests/%: $(RTB)/frontends/guests/%.o $(RT_OBJS) $(RTB)/drv.a $(RTB)/lwip.a $(RT_DIR)/rt.lds
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(RT_LINK)

$(B)/abi/%: $(RTB)/tests/abi/%/main.o $(RT_OBJS) $(RT_DIR)/rt.lds
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(RT_LINK)

# A test in several files.
$(B)/abi/hcallfuzz: $(HCALLFUZZ) $(RT_OBJS) $(RT_DIR)/rt.lds
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(RT_LINK)

-include $(RT_OBJS:.o=.d) $(HCALLFUZZ:.o=.d) $(DRV_OBJS:.o=.d) $(patsubst $(B)/abi/%,$(RTB)/tests/abi/%/main.d,$(ABI_TESTS)) \
	$(patsubst $(B)/guests/%,$(RTB)/frontends/guests/%.d,$(GUESTS))
.SECONDARY: $(RT_OBJS) $(DRV_OBJS) $(patsubst $(B)/abi/%,$(RTB)/tests/abi/%/main.o,$(ABI_TESTS)) \
	$(patsubst $(B)/guests/%,$(RTB)/frontends/guests/%.o,$(GUESTS))

# The drivers on the host, against another side that the test plays: the runtime below them is a fake.
DRV_TESTED := $(addprefix frontends/drv/,store.c gnttab.c blkfront.c netfront.c)
$(foreach f,$(DRV_TESTED) tests/fake/rt_fake.c tests/fake/bus_fake.c $(wildcard tests/unit/frontends/drv/*.c),\
	$(eval CFLAGS_$(subst /,_,$f) := -iquote tests/fake/rt -Ihypervisor -fno-strict-aliasing \
	-D__XEN_INTERFACE_VERSION__=0x00040e00))
$(eval $(call unit_test,frontends/drv/store_test,frontends/drv/store.c tests/fake/rt_fake.c,))
$(foreach t,blkfront netfront,$(eval $(call unit_test,frontends/drv/$(t)_test,\
	$(addprefix frontends/drv/,$(t).c gnttab.c) tests/fake/rt_fake.c tests/fake/bus_fake.c,)))
