/* One virtual device of a guest: its store nodes, its claim on an image, its helper process. */
#ifndef PAVANE_PAVD_DEVICE_H
#define PAVANE_PAVD_DEVICE_H

#include <json-c/json.h>
#include <stdbool.h>

#include "dom0-tools/model/domspec.h"
#include "dom0-tools/pavd/claims.h"
#include "dom0-tools/pavd/proc.h"
#include "xenstore-like/client/client.h"

struct device {
	const char *kind; /* "vbd" or "vif" */
	int id;		  /* virtual device number; index of the interface */
	char *label;	  /* "xvda", "eth0" */
	char *guest;	  /* name */
	unsigned int domid;
	unsigned int uid;    /* its helper's, nobody else's */
	struct claim *claim; /* disks */
	struct proc *proc;   /* NULL once it has ended for good */
	bool leaving;
	void (*on_gone)(struct device *d); /* called when the helper has ended for good */
	void *owner;
	struct device *next;
};

/*
 * What can be checked before there is a domain: the image is there and free, the bridge exists.
 * helper_runs: the disk is being found again after a restart of pavd.
 */
struct device *device_new_disk(const char *guest, const struct domspec_disk *disk, bool helper_runs,
			       char **err);
struct device *device_new_nic(const char *guest, unsigned int index, const struct domspec_nic *nic,
			      char **err);

/* Starts the helper for a disk or nic of domain domid (its nodes must be there), or adopts a running one. */
int device_start_disk(struct device *d, unsigned int domid, const struct domspec_disk *disk,
		      pid_t pid, unsigned long long start_time, char **err);
int device_start_nic(struct device *d, unsigned int domid, const struct domspec_nic *nic, pid_t pid,
		     unsigned long long start_time, char **err);

/* Frees it; the helper must have ended (or never been started). */
void device_free(struct device *d);

#endif
