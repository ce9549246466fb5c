/* Disks and interfaces of guests, and disks that are attached and detached while one runs. */
#include "dom0-tools/pavd/guest_impl.h"

#include <stdlib.h>
#include <string.h>

#include "dom0-tools/devs/attach.h"
#include "dom0-tools/devs/nodes.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/loop.h"
#include "dom0-tools/pavd/policy.h"

#define DETACH_PATIENCE_MS 10000

/* One disk being detached. */
struct detach {
	struct guest *guest;
	struct device *device;
	guest_done_fn *done;
	void *arg;
	struct loop_timer *timer;
	struct detach *next;
};

static struct detach *detaches;

static void end_detach(struct detach *t, const char *err);

static void on_device_gone(struct device *d)
{
	struct guest *g = d->owner;

	for (struct detach *t = detaches; t && !g->ending; t = t->next) {
		if (t->device == d) {
			end_detach(t, NULL);
			return;
		}
	}
}

static void add_device(struct guest *g, struct device *d)
{
	struct device **at = &g->devices;

	while (*at) {
		at = &(*at)->next;
	}
	*at = d;
	d->owner = g;
	d->on_gone = on_device_gone;
}

static void drop_device(struct guest *g, struct device *d)
{
	struct device **at = &g->devices;

	while (*at != d) {
		at = &(*at)->next;
	}
	*at = d->next;
	device_free(d);
}

struct device *guest_find_device(struct guest *g, const char *kind, int id)
{
	struct device *d = g->devices;

	while (d && (strcmp(d->kind, kind) || d->id != id)) {
		d = d->next;
	}
	return d;
}

/* Claims every image and checks every bridge, before anything is built. */
int guest_prepare_devices(struct guest *g, bool helpers_run, char **err)
{
	unsigned int index = 0;

	for (struct domspec_disk *k = g->spec->disks; k; k = k->next) {
		struct device *d = device_new_disk(g->spec->name, k, helpers_run, err);

		if (!d) {
			return -1;
		}
		add_device(g, d);
	}
	for (struct domspec_nic *n = g->spec->nics; n; n = n->next, index++) {
		static const uint8_t none[6];
		struct device *d = device_new_nic(g->spec->name, index, n, err);

		if (!d) {
			return -1;
		}
		add_device(g, d);
		if (!memcmp(n->mac, none, 6)) {
			nodes_choose_mac(g->spec->uuid, index, n->mac);
		}
	}
	return 0;
}

int guest_start_devices(struct guest *g, char **err)
{
	unsigned int index = 0;

	for (struct domspec_disk *k = g->spec->disks; k; k = k->next) {
		struct device *d = guest_find_device(g, "vbd", domspec_vdev_id(k->vdev));

		if (device_start_disk(d, g->domid, k, 0, 0, err) < 0) {
			return -1;
		}
	}
	for (struct domspec_nic *n = g->spec->nics; n; n = n->next, index++) {
		struct device *d = guest_find_device(g, "vif", (int)index);

		if (device_start_nic(d, g->domid, n, 0, 0, err) < 0) {
			return -1;
		}
	}
	return 0;
}

int guest_attach_disk(struct guest *g, const char *vdev, const char *path, bool readonly,
		      char **err)
{
	struct domspec_disk *disk = xcalloc(1, sizeof(*disk)), **tail = &g->spec->disks;
	struct node_list nodes = { 0 };
	struct device *d = NULL;
	char *why;

	disk->vdev = xstrdup(vdev);
	disk->path = xstrdup(path);
	disk->readonly = readonly;
	while (*tail) {
		tail = &(*tail)->next;
	}
	*tail = disk;
	why = domspec_check(g->spec);
	if (why) {
		fail(err, "%s", why);
		free(why);
		goto out_disk;
	}
	if (g->ending || g->ended_itself) {
		fail(err, "domain %s is not running", g->spec->name);
		goto out_disk;
	}
	d = device_new_disk(g->spec->name, disk, false, err);
	if (!d) {
		goto out_disk;
	}
	nodes_for_disk(&nodes, g->domid, disk);
	if (attach_write(guests_store, &nodes, err) < 0) {
		goto out_device;
	}
	add_device(g, d);
	if (device_start_disk(d, g->domid, disk, 0, 0, err) < 0) {
		attach_remove_device(guests_store, g->domid, d->kind, d->id);
		drop_device(g, d);
		d = NULL;
		goto out_device;
	}
	node_list_free(&nodes);
	guest_save(g);
	return 0;
out_device:
	node_list_free(&nodes);
	if (d) {
		device_free(d);
	}
out_disk:
	*tail = NULL;
	free(disk->vdev);
	free(disk->path);
	free(disk);
	return -1;
}

/* Drops the disk from the spec, so that a restart does not bring it back. */
static void forget_disk(struct guest *g, int id)
{
	struct domspec_disk **at = &g->spec->disks;

	while (*at && domspec_vdev_id((*at)->vdev) != id) {
		at = &(*at)->next;
	}
	if (*at) {
		struct domspec_disk *disk = *at;

		*at = disk->next;
		free(disk->vdev);
		free(disk->path);
		free(disk);
	}
}

/* The detach is over.  Without an error its helper has ended and the device goes. */
static void end_detach(struct detach *t, const char *err)
{
	struct detach **at = &detaches;

	while (*at != t) {
		at = &(*at)->next;
	}
	*at = t->next;
	loop_cancel(t->timer);
	if (!err && !t->guest->ending) {
		int id = t->device->id;

		attach_remove_device(guests_store, t->guest->domid, t->device->kind, id);
		drop_device(t->guest, t->device);
		forget_disk(t->guest, id);
		guest_save(t->guest);
	}
	t->done(t->arg, err);
	free(t);
}

static void detach_too_slow(void *arg)
{
	struct detach *t = arg;
	char *why =
		xasprintf("domain %s does not let go of %s (is it mounted?); it goes when the guest has",
			  t->guest->spec->name, t->device->label);
	struct detach *late = xcalloc(1, sizeof(*late));

	/* Answer the caller, and go on waiting on nobody's behalf. */
	t->timer = NULL;
	*late = (struct detach){ .guest = t->guest,
				 .device = t->device,
				 .done = guest_ignore_done };
	end_detach(t, why);
	late->next = detaches;
	detaches = late;
	free(why);
}

void guest_detach_disk(struct guest *g, const char *vdev, bool force, guest_done_fn *done,
		       void *arg)
{
	struct device *d = guest_find_device(g, "vbd", domspec_vdev_id(vdev));
	struct detach *t;
	char *why = NULL;

	if (!d || g->ending) {
		why = xasprintf("domain %s has no disk %s", g->spec->name, vdev);
	} else if (d->leaving) {
		why = xasprintf("disk %s of domain %s is leaving already", vdev, g->spec->name);
	} else if (!force && !g->ended_itself && policy_is_root_disk(g->spec, vdev)) {
		why = xasprintf(
			"domain %s most likely runs from %s and would lose its file system; -f takes it away all the same",
			g->spec->name, vdev);
	} else if (attach_request_close(guests_store, g->domid, "vbd", d->id) < 0) {
		why = xasprintf("can't write to the store");
	}
	if (why) {
		done(arg, why);
		free(why);
		return;
	}
	d->leaving = true;
	t = xcalloc(1, sizeof(*t));
	*t = (struct detach){ .guest = g, .device = d, .done = done, .arg = arg, .next = detaches };
	detaches = t;
	t->timer = loop_after(DETACH_PATIENCE_MS, detach_too_slow, t);
	proc_expect_end(d->proc);
}

/* The guest has gone, and its disks with it: that is the end of every detach of one. */
void guest_end_detaches(struct guest *g)
{
	while (detaches) {
		struct detach *t = detaches;

		while (t && t->guest != g) {
			t = t->next;
		}
		if (!t) {
			break;
		}
		end_detach(t, NULL); /* the domain went, and the disk with it */
	}
}

void guest_cancel_detaches(void *arg)
{
	for (struct detach *t = detaches; t; t = t->next) {
		if (t->arg == arg) {
			t->done = guest_ignore_done;
		}
	}
}
