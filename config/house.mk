# The images of make run and of the tests, each made once by its script.

IMAGE := $(B)/image

.PHONY: images
images: build-lists $(SYSTEM_TOOLS) guests $(IMAGE)/guest.img $(IMAGE)/vmlinux $(IMAGE)/dom0-initrd

$(IMAGE)/kernel/version: config/image/kernel.sh
	@[ -s $@ ] || config/image/kernel.sh
	@touch $@

$(IMAGE)/vmlinux: $(IMAGE)/kernel/version | $(B)/pav
	@$(B)/pav unpack-kernel $(IMAGE)/kernel/vmlinuz $@

$(IMAGE)/guest.img: config/image/guest.sh config/image/guest-customize.sh config/image/guest-inittab \
		config/image/guest-rc
	@config/image/guest.sh

$(IMAGE)/guest-initrd: $(IMAGE)/kernel/version config/image/guest-initrd.sh config/image/guest-init \
		config/image/lib.sh
	@config/image/guest-initrd.sh

$(IMAGE)/dom0-base: $(IMAGE)/kernel/version config/image/dom0.sh config/image/lib.sh
	@config/image/dom0.sh base

DOM0_TOP := $(wildcard config/image/dom0-* config/examples/*.pav config/lib/*.pav)
$(IMAGE)/dom0-initrd: $(IMAGE)/dom0-base $(IMAGE)/guest-initrd $(PROGRAMS) $(GUESTS) $(DOM0_TOP)
	@config/image/dom0.sh top $(PROGRAMS)
