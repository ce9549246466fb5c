# The store: pavstored, its client library for our programs, and pav-store.

# Programs that talk to the store add these sources and libraries to their own.
STORE_CLIENT_SRC := xenstore-like/client/client.c
STORE_CLIENT_LIBS := -lxenstore

# All of the daemon that opens no file, for it and for its tests.
STORE_PURE_SRC := $(addprefix xenstore-like/,perms.c path.c tree.c quota.c proto.c access.c \
	watch.c txn.c conn.c op.c ring.c dump.c)

$(eval $(call program,pavstored,$(STORE_PURE_SRC) $(addprefix xenstore-like/,domains.c sock.c keep.c main.c),\
	-lxenevtchn -lxengnttab -lxenforeignmemory -lxencall))
$(eval $(call program,pav-store,xenstore-like/cmd/store.c $(STORE_CLIENT_SRC),$(STORE_CLIENT_LIBS)))

$(foreach t,path perms tree quota proto ring op conn watch txn dump,\
	$(eval $(call unit_test,xenstore-like/$(t)_test,$(STORE_PURE_SRC),)))
