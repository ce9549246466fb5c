/*
 * One struct that describes a domain: the meeting point of the language, the
 * command line and the domain builder.  The language lowers a file to a list
 * of these; the toolstack takes nothing else.  All strings are owned by the
 * spec and freed with it.
 */
#ifndef PAVANE_MODEL_DOMSPEC_H
#define PAVANE_MODEL_DOMSPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What `pav list` calls the domain everything here runs in; no guest can be called so. */
#define CONTROL_DOMAIN_NAME "Domain-0"

/* What to do when a domain ends in a given way. */
enum domspec_action {
	DOMSPEC_DESTROY,
	DOMSPEC_RESTART,
	DOMSPEC_PRESERVE, /* keep the dead domain for inspection */
};

struct domspec_disk {
	char *vdev; /* "xvda" */
	char *path; /* raw file or block device, absolute */
	bool readonly;
	struct domspec_disk *next;
};

struct domspec_nic {
	char *name;	/* "eth0" */
	char *bridge;	/* "br0" */
	char *ip;	/* "10.20.0.5/24" or NULL: address by DHCP */
	uint8_t mac[6]; /* all zero: chosen by the toolstack from the uuid */
	struct domspec_nic *next;
};

struct domspec {
	char *name;
	uint8_t uuid[16];    /* all zero: chosen at creation */
	uint64_t memory;     /* bytes */
	uint64_t memory_max; /* bytes, >= memory */
	unsigned int vcpus;
	unsigned int vcpus_max;
	char *kernel;	   /* ELF or bzImage, absolute */
	char *ramdisk;	   /* or NULL */
	char *cmdline;	   /* "" when none */
	char *console_log; /* or NULL: the default place */
	enum domspec_action on_poweroff, on_reboot, on_crash;
	struct domspec_disk *disks;
	struct domspec_nic *nics;
	char *source; /* "guest.pav:12", for messages */
	struct domspec *next;
};

/* A spec with the defaults: 256 MiB, 1 vCPU, destroy, restart on reboot, preserve on crash. */
struct domspec *domspec_new(const char *name);
/* Frees a whole list. */
void domspec_free(struct domspec *list);
/* Finds a domain by name in a list, or NULL. */
struct domspec *domspec_find(struct domspec *list, const char *name);

/*
 * Checks one spec for sense (name characters and length, memory at least 32 MiB
 * and whole pages, vCPUs 1..32, known vdev names, no duplicate device, kernel given).
 * Returns NULL, or a malloc'd sentence that says what is wrong.
 */
char *domspec_check(const struct domspec *spec);

/*
 * The same, and what is to blame: the language's word for it ("memory", "disk"), and the name of
 * the disk or nic, borrowed from the spec, or NULL.
 */
struct domspec_culprit {
	const char *word, *key;
};
char *domspec_check_at(const struct domspec *spec, struct domspec_culprit *culprit);

/* vdev name -> xenbus id ("xvda" -> 51712), or -1. */
int domspec_vdev_id(const char *vdev);

/* As JSON text (malloc'd), and back; NULL and *err (malloc'd sentence) if malformed. */
char *domspec_to_json(const struct domspec *spec);
struct domspec *domspec_from_json(const char *text, char **err);

#endif
