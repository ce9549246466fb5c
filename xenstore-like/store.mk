# The store: pavstored, its client library for our programs, and pav-store.

# Programs that talk to the store add these sources and libraries to their own.
STORE_CLIENT_SRC := xenstore-like/client/client.c
STORE_CLIENT_LIBS := -lxenstore
