# The images of make run and of the tests, each made once by its script.

IMAGE := $(B)/image

.PHONY: images
images: build-lists $(SYSTEM_TOOLS) guests $(IMAGE)/guest.img $(IMAGE)/vmlinux $(IMAGE)/dom0-initrd

$(IMAGE)/kernel/version: config/image/kernel.sh
	@[ -s $@ ] && [ -s $(@D)/package ] || config/image/kernel.sh stock
	@touch $@

$(IMAGE)/vmlinux: $(IMAGE)/kernel/version | $(B)/pav
	@$(B)/pav unpack-kernel $(IMAGE)/kernel/vmlinuz $@

$(IMAGE)/guest.img: config/image/guest.sh config/image/guest-customize.sh config/image/guest-inittab \
		config/image/guest-rc
	@config/image/guest.sh

$(IMAGE)/guest-initrd: $(IMAGE)/kernel/version config/image/guest-initrd.sh config/image/guest-init \
		config/image/lib.sh
	@config/image/guest-initrd.sh stock $@

$(IMAGE)/dom0-base: $(IMAGE)/kernel/version config/image/dom0.sh config/image/lib.sh
	@config/image/dom0.sh base

DOM0_TOP := $(wildcard config/image/dom0-* config/examples/*.pav config/lib/*.pav)
$(IMAGE)/dom0-initrd: $(IMAGE)/dom0-base $(IMAGE)/guest-initrd $(PROGRAMS) $(GUESTS) $(DOM0_TOP)
	@config/image/dom0.sh top $(PROGRAMS)

# The kernels of config/kernels.list, for the system test that boots them: those of every check, and all of them.
# One that the archive does not have leaves no more than a file that says so, and is looked for again the next time.
kernels_for = $(shell sed 's/\#.*//' config/kernels.list | \
	awk '$$1 != "stock" && $$4 ~ /$(1)/ && $$5 ~ /^($(2))$$/ { print "$(IMAGE)/kernels/" $$1 "/$(3)" }')
kernel_parts = $(call kernels_for,guest,$(1),guest-initrd) \
	$(foreach part,vmlinux control-modules,$(call kernels_for,control,$(1),$(part)))
KERNEL_PARTS := $(call kernel_parts,check|ask)

.PHONY: kernels-checked kernels-all
kernels-checked: $(call kernel_parts,check)
kernels-all: $(KERNEL_PARTS)

KERNEL_PLACES := $(sort $(dir $(KERNEL_PARTS)))
$(KERNEL_PLACES:%=%version): $(IMAGE)/kernels/%/version:
	@config/image/kernel.sh $*

$(KERNEL_PLACES:%=%vmlinux): $(IMAGE)/kernels/%/vmlinux: $(IMAGE)/kernels/%/version | $(B)/pav
	@[ -e $(@D)/absent ] || $(B)/pav unpack-kernel $(@D)/vmlinuz $@

$(KERNEL_PLACES:%=%guest-initrd): $(IMAGE)/kernels/%/guest-initrd: $(IMAGE)/kernels/%/version \
		config/image/guest-initrd.sh config/image/guest-init config/image/lib.sh
	@[ -e $(@D)/absent ] || config/image/guest-initrd.sh $* $@

$(KERNEL_PLACES:%=%control-modules): $(IMAGE)/kernels/%/control-modules: $(IMAGE)/kernels/%/version \
		config/image/dom0.sh config/image/lib.sh
	@[ -e $(@D)/absent ] || config/image/dom0.sh modules $* $@
