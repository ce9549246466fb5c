/*
 * Which store nodes a domain and its devices need, as a list: pure, so that it
 * can be read and tested without a store.  attach.h writes such a list.
 *
 * The paths, values and permissions are what stock frontends look for; see
 * <xen/io/blkif.h>, <xen/io/netif.h> and the xenstore-paths document of the ABI.
 */
#ifndef PAVANE_DEVS_NODES_H
#define PAVANE_DEVS_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "dom0-tools/model/domspec.h"

struct node {
	char *path;
	char *value;
	bool sets_perms;
	unsigned int owner; /* with sets_perms: has all rights, ... */
	int reader;	    /* ... and this domain may read; -1: nobody else */
};

struct node_list {
	struct node *items;
	size_t count;
};

void node_list_free(struct node_list *l);

/* A domain that was built, as the store must know it. */
struct nodes_domain {
	unsigned int domid;
	uint64_t store_mfn, console_mfn;
	uint32_t store_port, console_port;
	const char *console_log;
};

/* XenbusState, as in <xen/io/xenbus.h>. */
enum { NODES_INITIALISING = 1, NODES_CONNECTED = 4, NODES_CLOSING = 5, NODES_CLOSED = 6 };

/* Everything under /local/domain/N and /vm/UUID but devices; parents come first. */
void nodes_for_domain(struct node_list *l, const struct domspec *spec,
		      const struct nodes_domain *d);
/* Both directories of a disk, in state Initialising. */
void nodes_for_disk(struct node_list *l, unsigned int domid, const struct domspec_disk *disk);
/* Both directories of a network interface; index is its number in the guest. */
void nodes_for_nic(struct node_list *l, unsigned int domid, unsigned int index,
		   const struct domspec_nic *nic);
/* What pavd writes once for the control domain and for the places where devices come and go. */
void nodes_for_host(struct node_list *l);

/* malloc'd paths; kind is "vbd" or "vif". */
char *nodes_frontend_path(unsigned int domid, const char *kind, int id);
char *nodes_backend_path(unsigned int domid, const char *kind, int id);

/* The MAC address of a nic whose own is all zero: from the domain's UUID, in the Xen range, the same each time. */
void nodes_choose_mac(const uint8_t uuid[16], unsigned int index, uint8_t mac[6]);

#endif
