/* Devices: claims, command lines of their helpers, and the uids they drop to. */
#include "dom0-tools/pavd/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dom0-tools/libpav/die.h"

#define UID_FIRST 60001u
#define UID_COUNT 4000u
#define LOG_DIR	  "/var/log/pavane"

static unsigned char uid_used[UID_COUNT];

static unsigned int take_uid(void)
{
	for (unsigned int i = 0; i < UID_COUNT; i++) {
		if (!uid_used[i]) {
			uid_used[i] = 1;
			return UID_FIRST + i;
		}
	}
	return 0;
}

static struct device *new_device(const char *guest, const char *kind, int id, const char *label,
				 char **err)
{
	struct device *d = xcalloc(1, sizeof(*d));

	d->kind = kind;
	d->id = id;
	d->label = xstrdup(label);
	d->guest = xstrdup(guest);
	d->uid = take_uid();
	if (!d->uid) {
		fail(err, "more than %u devices", UID_COUNT);
		device_free(d);
		return NULL;
	}
	return d;
}

/* The journal outlives its helper on purpose, and is the helper's to write but not to remove. */
static void remove_journal(const struct device *d)
{
	char *path = xasprintf("/run/pavane/%s-%u-%d.journal",
			       strcmp(d->kind, "vbd") ? "net" : "blk", d->domid, d->id);

	unlink(path);
	free(path);
}

void device_free(struct device *d)
{
	if (d->domid) {
		remove_journal(d);
	}
	if (d->uid) {
		uid_used[d->uid - UID_FIRST] = 0;
	}
	claim_drop(d->claim);
	free(d->label);
	free(d->guest);
	free(d);
}

struct device *device_new_disk(const char *guest, const struct domspec_disk *disk, bool helper_runs,
			       char **err)
{
	struct device *d = new_device(guest, "vbd", domspec_vdev_id(disk->vdev), disk->vdev, err);

	if (!d) {
		return NULL;
	}
	d->claim = claim_take(disk->path, disk->readonly, guest, helper_runs, err);
	if (!d->claim) {
		device_free(d);
		return NULL;
	}
	return d;
}

struct device *device_new_nic(const char *guest, unsigned int index, const struct domspec_nic *nic,
			      char **err)
{
	char *path = xasprintf("/sys/class/net/%s", nic->bridge);
	char *bridge = xasprintf("%s/bridge", path);
	struct stat st;
	int rc = 0;

	if (stat(path, &st) < 0) {
		rc = fail(err, "nic %s: there is no bridge %s", nic->name, nic->bridge);
	} else if (stat(bridge, &st) < 0) {
		rc = fail(err, "nic %s: %s is a network interface, but not a bridge", nic->name,
			  nic->bridge);
	}
	free(path);
	free(bridge);
	return rc < 0 ? NULL : new_device(guest, "vif", (int)index, nic->name, err);
}

static void on_end(void *arg)
{
	struct device *d = arg;

	d->proc = NULL;
	d->on_gone(d);
}

static int start_helper(struct device *d, struct strlist *argv, pid_t pid,
			unsigned long long start_time, char **err)
{
	char *log_path = xasprintf("%s/%s-%s.log", LOG_DIR, d->guest, d->label);

	strlist_add(argv, "--uid");
	strlist_addf(argv, "%u", d->uid);
	d->proc = pid ? proc_adopt(argv, log_path, pid, start_time, on_end, d, err)
		      : proc_start(argv, log_path, on_end, d, err);
	free(log_path);
	return d->proc ? 0 : -1;
}

static void begin_argv(struct strlist *argv, const char *helper, unsigned int domid, int id)
{
	char *path = proc_find_helper(helper);

	strlist_add(argv, path);
	strlist_add(argv, "--domid");
	strlist_addf(argv, "%u", domid);
	strlist_add(argv, "--dev");
	strlist_addf(argv, "%d", id);
	free(path);
}

int device_start_disk(struct device *d, unsigned int domid, const struct domspec_disk *disk,
		      pid_t pid, unsigned long long start_time, char **err)
{
	struct strlist argv = { 0 };

	d->domid = domid;
	begin_argv(&argv, "pav-blk", domid, d->id);
	strlist_add(&argv, "--path");
	strlist_add(&argv, disk->path);
	if (disk->readonly) {
		strlist_add(&argv, "--readonly");
	}
	return start_helper(d, &argv, pid, start_time, err);
}

int device_start_nic(struct device *d, unsigned int domid, const struct domspec_nic *nic, pid_t pid,
		     unsigned long long start_time, char **err)
{
	struct strlist argv = { 0 };

	d->domid = domid;
	begin_argv(&argv, "pav-net", domid, d->id);
	strlist_add(&argv, "--bridge");
	strlist_add(&argv, nic->bridge);
	strlist_add(&argv, "--mac");
	strlist_addf(&argv, "%02x:%02x:%02x:%02x:%02x:%02x", nic->mac[0], nic->mac[1], nic->mac[2],
		     nic->mac[3], nic->mac[4], nic->mac[5]);
	strlist_add(&argv, "--ifname");
	strlist_addf(&argv, "pav%u.%d", domid, d->id);
	return start_helper(d, &argv, pid, start_time, err);
}
