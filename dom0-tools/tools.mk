# The toolstack: libpav, the domain builder, pavd, pav-console and pav.

LIBPAV_BASE := $(addprefix dom0-tools/libpav/,die.c log.c buf.c)

PAV_SRCS := $(LIBPAV_BASE) dom0-tools/build/bzimage.c \
	    $(addprefix dom0-tools/pav/,main.c cmd_kernel.c)
UNPACK_LIBS := -lz -llzma -lzstd -llz4

$(eval $(call program,pav,$(PAV_SRCS),$(UNPACK_LIBS)))

$(eval $(call unit_test,dom0-tools/build/bzimage_test,dom0-tools/build/bzimage.c $(LIBPAV_BASE),$(UNPACK_LIBS)))
