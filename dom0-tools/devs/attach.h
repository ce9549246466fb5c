/* Putting lists of nodes into the store, and taking devices and domains out of it. */
#ifndef PAVANE_DEVS_ATTACH_H
#define PAVANE_DEVS_ATTACH_H

#include "dom0-tools/devs/nodes.h"
#include "xenstore-like/client/client.h"

/* Writes the whole list in one transaction; 0, or -1 and a sentence with nothing written. */
int attach_write(struct store *s, const struct node_list *l, char **err);

/* Asks a device to go: its backend sees online=0 and state Closing. */
int attach_request_close(struct store *s, unsigned int domid, const char *kind, int id);

/* Removes both directories of a device, and the backend's directory for the domain when it was the last. */
void attach_remove_device(struct store *s, unsigned int domid, const char *kind, int id);

/* Removes what nodes_for_domain() wrote and whatever the guest added there. */
void attach_remove_domain(struct store *s, unsigned int domid, const uint8_t uuid[16]);

/* State (XenbusState) of one end; 0 if it can't be read. */
int attach_state(struct store *s, const char *path);

#endif
