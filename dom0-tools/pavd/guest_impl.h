/*
 * What the files that make up guest.h share: what a guest is, the list of them, and
 * what one part of a guest's life asks of another.
 *
 *   guest.c          the list; finding, waiting, asking, describing
 *   guest_create.c   from a spec to a domain that runs
 *   guest_devices.c  its disks and interfaces, and disks that come and go
 *   guest_end.c      noticing an end, taking a guest apart, its next life
 *   guest_save.c     the file by which the next pavd finds it again
 */
#ifndef PAVANE_PAVD_GUEST_IMPL_H
#define PAVANE_PAVD_GUEST_IMPL_H

#include <stdbool.h>
#include <time.h>

#include "dom0-tools/pavd/device.h"
#include "dom0-tools/pavd/guest.h"

struct loop_timer;

struct waiter {
	guest_done_fn *done;
	void *arg;
	struct waiter *next;
};

struct guest {
	struct domspec *spec;
	domid_t domid;
	time_t started; /* monotonic seconds */
	bool ending;
	bool ended_itself; /* shut down or crashed; seen and acted upon */
	bool restart;	   /* create it anew when it has gone */
	bool generated_uuid;
	unsigned int quick_deaths;
	char *create_error; /* it is being taken apart because creation failed */
	struct device *devices;
	struct waiter *waiters;
	struct loop_timer *end_timer;
	unsigned int end_poll_ms;
	unsigned int end_waited_ms;
	struct guest *next;
};

extern struct hcall *guests_hcall;
extern struct store *guests_store;
extern struct guest *guests_all;

time_t guest_seconds_now(void);

/* Joins the list; takes spec over. */
struct guest *guest_new(struct domspec *spec);

/* Where the console daemon writes what it says; malloc'd. */
char *guest_console_log(const struct domspec *spec);

struct json_object *guest_devices_json(const struct guest *g);
struct json_object *guest_spec_json(const struct domspec *spec);

/* Told once, when the guest has ended or could not be created. */
void guest_add_waiter(struct guest *g, guest_done_fn *done, void *arg);
void guest_tell_waiters(struct guest *g, const char *err);
/* For whoever need not be told. */
void guest_ignore_done(void *arg, const char *err);

/* Begins to take it apart; fine if that has begun. */
void guest_begin_end(struct guest *g);

/* Claims every image and checks every bridge, before anything is built.  0, or -1 and a sentence. */
int guest_prepare_devices(struct guest *g, bool helpers_run, char **err);
/* Starts the helper of each. */
int guest_start_devices(struct guest *g, char **err);
struct device *guest_find_device(struct guest *g, const char *kind, int id);
/* The guest has gone: that is the end of every detach of its disks. */
void guest_end_detaches(struct guest *g);
/* Forgets the waits for detaches made with this arg. */
void guest_cancel_detaches(void *arg);

/* Writes, and removes, its file. */
void guest_save(const struct guest *g);
void guest_unsave(const struct guest *g);

#endif
