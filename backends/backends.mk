# The block and network backends, one confined process per device.

BACKEND_COMMON := $(addprefix backends/common/,bus.c device.c gmap.c journal.c liblog.c run.c) \
		  $(addprefix dom0-tools/libpav/,die.c log.c ration.c) $(STORE_CLIENT_SRC)
BACKEND_LIBS := -lxenevtchn -lxengnttab $(STORE_CLIENT_LIBS) -lseccomp -lcap-ng

$(eval $(call program,pav-blk,$(addprefix backends/blk/,main.c blkback.c disk.c request.c) \
	$(BACKEND_COMMON),$(BACKEND_LIBS) -luring))
$(eval $(call program,pav-net,$(addprefix backends/net/,main.c arena.c netback.c offload.c packet.c tap.c) \
	$(BACKEND_COMMON),$(BACKEND_LIBS)))

$(eval $(call unit_test,backends/common/bus_test,backends/common/bus.c,))
$(eval $(call unit_test,backends/common/ring_test,,))
$(eval $(call unit_test,backends/common/run_test,$(BACKEND_COMMON),$(BACKEND_LIBS)))
$(eval $(call unit_test,backends/common/gmap_test,backends/common/gmap.c $(addprefix dom0-tools/libpav/,log.c ration.c),))
$(eval $(call unit_test,backends/common/journal_test,backends/common/journal.c,))
$(eval $(call unit_test,backends/blk/request_test,backends/blk/request.c,))
$(eval $(call unit_test,backends/net/packet_test,backends/net/packet.c,))
$(eval $(call unit_test,backends/net/offload_test,backends/net/offload.c,))
$(eval $(call unit_test,backends/net/arena_test,,))
$(eval $(call unit_test,backends/net/netback_test,tests/fuzz/host/net.c tests/fake/netback_fake.c \
	$(addprefix backends/net/,netback.c offload.c packet.c),))
