# The toolstack: libpav, the domain builder, pavd, pav-console and pav.

LIBPAV_BASE := $(addprefix dom0-tools/libpav/,die.c log.c ration.c buf.c strlist.c)
LIBPAV_LOOP := $(addprefix dom0-tools/libpav/,loop.c unixsock.c storeguard.c)
HCALL_LIBS  := -lxencall -lxenforeignmemory

MODEL_SRCS := $(addprefix dom0-tools/model/,domspec.c domspec_check.c domspec_json.c)
MODEL_LIBS := -ljson-c -luuid

BZIMAGE_SRCS := dom0-tools/build/bzimage.c
BZIMAGE_LIBS := -lz -llzma -lzstd -llz4

BUILD_PURE := $(addprefix dom0-tools/build/,elfnotes.c layout.c pagetables.c startinfo.c)
BUILD_SRCS := $(BZIMAGE_SRCS) $(BUILD_PURE) $(addprefix dom0-tools/build/,kernel.c p2m.c pvboot.c)

STORE_CLIENT_SRC  ?= xenstore-like/client/client.c
STORE_CLIENT_LIBS ?= -lxenstore

PAVD_SRCS := $(addprefix dom0-tools/pavd/,main.c request.c guest.c guest_create.c guest_devices.c guest_end.c guest_save.c device.c proc.c claims.c policy.c logs.c) \
	     dom0-tools/devs/nodes.c dom0-tools/devs/attach.c $(LIBPAV_BASE) $(LIBPAV_LOOP) \
	     dom0-tools/libpav/hcall.c $(MODEL_SRCS) $(BUILD_SRCS) $(STORE_CLIENT_SRC)
$(eval $(call program,pavd,$(PAVD_SRCS),$(HCALL_LIBS) $(MODEL_LIBS) $(BZIMAGE_LIBS) $(STORE_CLIENT_LIBS)))

CONSOLE_SRCS := dom0-tools/console/consoled.c dom0-tools/console/ring.c $(LIBPAV_BASE) $(LIBPAV_LOOP) \
		$(STORE_CLIENT_SRC)
$(eval $(call program,pav-console,$(CONSOLE_SRCS),-lxenevtchn -lxengnttab $(STORE_CLIENT_LIBS)))

# config/lang.mk sets LANG_SRCS and LANG_LIBS: the language is part of pav.
PAV_SRCS := $(addprefix dom0-tools/pav/,main.c ask.c specs.c cmd_create.c cmd_console.c cmd_list.c \
		cmd_lifecycle.c cmd_host.c cmd_why.c cmd_kernel.c host.c) \
	    dom0-tools/libpav/reason.c \
	    $(LANG_SRCS) \
	    dom0-tools/pavd/policy.c $(BZIMAGE_SRCS) dom0-tools/build/elfnotes.c $(MODEL_SRCS) $(LIBPAV_BASE) $(LIBPAV_LOOP) \
	    dom0-tools/libpav/hcall.c $(STORE_CLIENT_SRC)
$(eval $(call program,pav,$(sort $(PAV_SRCS)),$(HCALL_LIBS) $(MODEL_LIBS) $(BZIMAGE_LIBS) $(STORE_CLIENT_LIBS) $(LANG_LIBS)))

# The manual's page of reasons, from the same table as the codes.
.PHONY: man
man: $(B)/man/pav-reasons.7
$(B)/man/pav-reasons.7: hypervisor/abi/reasons.h dom0-tools/pav/reasons.sh
	@mkdir -p $(@D)
	@echo "  MAN     $@"
	@dom0-tools/pav/reasons.sh $< > $@

$(eval $(call unit_test,dom0-tools/libpav/reason_test,dom0-tools/libpav/reason.c,))
$(eval $(call unit_test,dom0-tools/build/bzimage_test,$(BZIMAGE_SRCS) $(LIBPAV_BASE),$(BZIMAGE_LIBS)))
$(eval $(call unit_test,dom0-tools/build/elfnotes_test,dom0-tools/build/elfnotes.c $(LIBPAV_BASE),))
$(eval $(call unit_test,dom0-tools/build/layout_test,$(filter-out %/elfnotes.c,$(BUILD_PURE)) $(LIBPAV_BASE),))
$(eval $(call unit_test,dom0-tools/console/ring_test,dom0-tools/console/ring.c,))
$(eval $(call unit_test,dom0-tools/model/domspec_test,$(MODEL_SRCS) $(LIBPAV_BASE),$(MODEL_LIBS)))
$(eval $(call unit_test,dom0-tools/devs/nodes_test,dom0-tools/devs/nodes.c $(MODEL_SRCS) $(LIBPAV_BASE),$(MODEL_LIBS)))
$(eval $(call unit_test,dom0-tools/pavd/policy_test,dom0-tools/pavd/policy.c,))
$(eval $(call unit_test,dom0-tools/pavd/claims_test,dom0-tools/pavd/claims.c $(LIBPAV_BASE),))
$(eval $(call unit_test,dom0-tools/pavd/logs_test,dom0-tools/pavd/logs.c $(LIBPAV_BASE) dom0-tools/libpav/loop.c,))
$(eval $(call unit_test,dom0-tools/libpav/ration_test,dom0-tools/libpav/ration.c,))
$(eval $(call unit_test,dom0-tools/libpav/log_test,$(LIBPAV_BASE),))
$(eval $(call unit_test,dom0-tools/libpav/buf_test,$(LIBPAV_BASE),))
$(eval $(call unit_test,dom0-tools/build/pvboot_test,tests/fake/hcall_fake.c $(BUILD_SRCS) $(LIBPAV_BASE),$(BZIMAGE_LIBS) -Xlinker --wrap=pread))
