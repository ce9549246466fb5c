/*
 * The guests pavd looks after, from creation to the moment nothing of them is
 * left: domain, store nodes, one helper process per device, disk claims.
 *
 * A guest is "alive" (its domain exists; it may have shut down and be kept for
 * inspection) or "ending" (its domain was destroyed; helpers are going; the
 * hypervisor may still hold frames they had mapped).  When the last of it has
 * gone the waiters are told, and it is created anew if its spec says so.
 *
 * Each guest's description is kept in a file, so that a pavd that was killed
 * finds its guests and their helpers again.
 */
#ifndef PAVANE_PAVD_GUEST_H
#define PAVANE_PAVD_GUEST_H

#include <json-c/json.h>
#include <stdbool.h>

#include "dom0-tools/libpav/hcall.h"
#include "dom0-tools/model/domspec.h"
#include "xenstore-like/client/client.h"

struct guest;

/* Told once: err is NULL if all went well, else a sentence. */
typedef void guest_done_fn(void *arg, const char *err);

/* Keeps both handles; finds the guests of an earlier pavd again. */
void guests_init(struct hcall *h, struct store *s);

/* By name, or by domain id in decimal. */
struct guest *guest_find(const char *name);

/*
 * Builds and starts a domain; takes spec over.  On failure nothing is left
 * behind, and done is called only once that is so.
 */
void guest_create(struct domspec *spec, guest_done_fn *done, void *arg);

/* Ends it at once; done is called when nothing of it is left. */
void guest_destroy(struct guest *g, guest_done_fn *done, void *arg);

/* Asks the guest's kernel ("poweroff", "reboot"); 0, or -1 and a sentence. */
int guest_request(struct guest *g, const char *what, char **err);
/* done is called when the guest has ended (gone, or kept after a crash). */
void guest_wait_end(struct guest *g, guest_done_fn *done, void *arg);
/* Forgets the waits made with this arg. */
void guest_cancel_waits(void *arg);

int guest_pause(struct guest *g, char **err);
int guest_resume(struct guest *g, char **err);

/* Adds a disk to a guest that runs; 0, or -1 and a sentence with nothing changed. */
int guest_attach_disk(struct guest *g, const char *vdev, const char *path, bool readonly,
		      char **err);
/*
 * Takes a disk away: done is told when the guest has let go of it, or that it doesn't.
 * A stock kernel lets go at once, mounted or not; so the disk that the guest most likely
 * runs from is only taken with `force`.
 */
void guest_detach_disk(struct guest *g, const char *vdev, bool force, guest_done_fn *done,
		       void *arg);

/* Looks at every guest's domain; called when the store says that some domain changed. */
void guests_check(void);

/* Writes every guest's file anew: some helper has another pid. */
void guests_save(void);

/* Ends every helper by SIGKILL; each is started again. */
void guests_kill_helpers(void);

/* One object per guest; full adds the spec and the devices. */
struct json_object *guest_to_json(struct guest *g, bool full);
struct json_object *guests_to_json(void);
/* pids of all helpers. */
struct json_object *guests_pids(void);

#endif
