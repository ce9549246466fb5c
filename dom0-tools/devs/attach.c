/* Node lists into the store and out of it. */
#include "dom0-tools/devs/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "dom0-tools/libpav/die.h"

static int write_in(struct store *s, store_tx_t tx, const struct node_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct node *n = &l->items[i];
		int rc = store_write(s, tx, n->path, "%s", n->value);

		if (rc == 0 && n->sets_perms) {
			rc = store_set_perms(s, tx, n->path, n->owner, STORE_PERM_NONE,
					     n->reader < 0 ? STORE_NO_READER : n->reader,
					     STORE_PERM_READ);
		}
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

int attach_write(struct store *s, const struct node_list *l, char **err)
{
	int rc;

	do {
		store_tx_t tx;

		rc = store_tx_begin(s, &tx);
		if (rc < 0) {
			break;
		}
		rc = write_in(s, tx, l);
		if (rc < 0) {
			store_tx_abort(s, tx);
			break;
		}
		rc = store_tx_commit(s, tx);
	} while (rc == -EAGAIN);
	return rc < 0 ? fail(err, "can't write to the store: %s", strerror(-rc)) : 0;
}

int attach_request_close(struct store *s, unsigned int domid, const char *kind, int id)
{
	char *back = nodes_backend_path(domid, kind, id);
	char *online = xasprintf("%s/online", back), *state = xasprintf("%s/state", back);
	int rc = store_write(s, STORE_NO_TX, online, "0");

	if (rc == 0) {
		rc = store_write(s, STORE_NO_TX, state, "%d", NODES_CLOSING);
	}
	free(back);
	free(online);
	free(state);
	return rc;
}

static void remove_if_empty(struct store *s, const char *path)
{
	char **names;
	int n = store_ls(s, STORE_NO_TX, &names, "%s", path);

	if (n >= 0) {
		free(names);
	}
	if (n == 0) {
		store_rm(s, STORE_NO_TX, "%s", path);
	}
}

void attach_remove_device(struct store *s, unsigned int domid, const char *kind, int id)
{
	char *front = nodes_frontend_path(domid, kind, id);
	char *back = nodes_backend_path(domid, kind, id);

	store_rm(s, STORE_NO_TX, "%s", front);
	store_rm(s, STORE_NO_TX, "%s", back);
	*strrchr(back, '/') = 0;
	remove_if_empty(s, back);
	free(front);
	free(back);
}

void attach_remove_domain(struct store *s, unsigned int domid, const uint8_t uuid[16])
{
	char text[37];

	uuid_unparse_lower(uuid, text);
	store_rm(s, STORE_NO_TX, "/local/domain/%u", domid);
	store_rm(s, STORE_NO_TX, "/vm/%s", text);
}

int attach_state(struct store *s, const char *path)
{
	int state;

	return store_read_int(s, STORE_NO_TX, &state, "%s/state", path) == 0 ? state : 0;
}
