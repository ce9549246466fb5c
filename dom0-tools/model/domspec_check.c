/* One checker for every way in: language, JSON, command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/model/domspec.h"

#define MIB	    (1ull << 20)
#define MIN_MEMORY  (32 * MIB)
#define MAX_MEMORY  (1ull << 40)
#define MAX_VCPUS   32
#define MAX_NAME    63
#define MAX_NICS    16
#define MAX_CMDLINE 1023

/* Letters, digits, and . _ - inside: a name is also a file name and a store value. */
static int is_plain_name(const char *s, size_t max)
{
	size_t n = strlen(s);

	return n >= 1 && n <= max && *s != '.' && *s != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static char *check_name(const struct domspec *s, const char **key)
{
	(void)key;
	if (!s->name || !*s->name) {
		return xasprintf("the domain has no name");
	}
	if (!is_plain_name(s->name, MAX_NAME)) {
		return xasprintf(
			"\"%s\" is not a domain name: letters, digits, '.', '_' and '-', at most %d of them, not beginning with '.' or '-'",
			s->name, MAX_NAME);
	}
	if (s->name[strspn(s->name, "0123456789")] == 0) {
		return xasprintf("\"%s\" is a domain's number; a name has something else in it",
				 s->name);
	}
	if (!strcmp(s->name, CONTROL_DOMAIN_NAME)) {
		return xasprintf("%s is the control domain's name", s->name);
	}
	return NULL;
}

static char *check_memory(const struct domspec *s, const char **key)
{
	(void)key;
	if (s->memory % 4096 || s->memory_max % 4096) {
		return xasprintf("memory of %llu bytes is not a whole number of 4 KiB pages",
				 (unsigned long long)(s->memory % 4096 ? s->memory
								       : s->memory_max));
	}
	if (s->memory < MIN_MEMORY) {
		return xasprintf("%llu KiB of memory are too little; the least is %llu MiB",
				 (unsigned long long)(s->memory >> 10), MIN_MEMORY / MIB);
	}
	if (s->memory_max > MAX_MEMORY || s->memory > MAX_MEMORY) {
		return xasprintf("%llu MiB of memory are too much; the most is %llu MiB",
				 (unsigned long long)((s->memory > s->memory_max ? s->memory
										 : s->memory_max) /
						      MIB),
				 MAX_MEMORY / MIB);
	}
	if (s->memory_max < s->memory) {
		return xasprintf("its memory (%llu MiB) is larger than its maximum (%llu MiB)",
				 (unsigned long long)(s->memory / MIB),
				 (unsigned long long)(s->memory_max / MIB));
	}
	return NULL;
}

static char *check_vcpus(const struct domspec *s, const char **key)
{
	(void)key;
	if (s->vcpus < 1 || s->vcpus > MAX_VCPUS || s->vcpus_max > MAX_VCPUS) {
		return xasprintf("%u vCPUs asked for; a domain can have 1 to %d",
				 s->vcpus < 1 || s->vcpus > MAX_VCPUS ? s->vcpus : s->vcpus_max,
				 MAX_VCPUS);
	}
	if (s->vcpus_max < s->vcpus) {
		return xasprintf("its %u vCPUs are more than its maximum of %u", s->vcpus,
				 s->vcpus_max);
	}
	return NULL;
}

static char *check_path(const char *what, const char *path)
{
	if (*path != '/') {
		return xasprintf("%s \"%s\" is not an absolute path", what, path);
	}
	if (strlen(path) >= 2048) {
		return xasprintf("%s has a path of more than 2047 characters", what);
	}
	for (const char *p = path; *p; p++) {
		if ((unsigned char)*p < 32) {
			return xasprintf("%s has a control character in its path", what);
		}
	}
	return NULL;
}

static char *check_kernel(const struct domspec *s, const char **key)
{
	(void)key;
	if (!s->kernel || !*s->kernel) {
		return xasprintf("no kernel is given");
	}
	return check_path("kernel", s->kernel);
}

static char *check_ramdisk(const struct domspec *s, const char **key)
{
	(void)key;
	return s->ramdisk ? check_path("ramdisk", s->ramdisk) : NULL;
}

static char *check_console(const struct domspec *s, const char **key)
{
	(void)key;
	return s->console_log ? check_path("console log", s->console_log) : NULL;
}

static char *check_cmdline(const struct domspec *s, const char **key)
{
	(void)key;
	if (s->cmdline && strlen(s->cmdline) > MAX_CMDLINE) {
		return xasprintf("the kernel command line has %zu characters; %d are allowed",
				 strlen(s->cmdline), MAX_CMDLINE);
	}
	return NULL;
}

static char *check_disks(const struct domspec *s, const char **key)
{
	for (const struct domspec_disk *d = s->disks; d; d = d->next) {
		char *why;

		*key = d->vdev;
		if (domspec_vdev_id(d->vdev) < 0) {
			return xasprintf("\"%s\" is not a disk name such as xvda",
					 d->vdev ? d->vdev : "");
		}
		if (!d->path || !*d->path) {
			return xasprintf("disk %s has no file", d->vdev);
		}
		why = check_path("disk", d->path);
		if (why) {
			return why;
		}
		for (const struct domspec_disk *e = d->next; e; e = e->next) {
			if (domspec_vdev_id(d->vdev) == domspec_vdev_id(e->vdev)) {
				*key = e->vdev;
				return xasprintf("disk %s is there twice", d->vdev);
			}
		}
	}
	return NULL;
}

static char *check_nics(const struct domspec *s, const char **key)
{
	static const uint8_t none[6];
	int count = 0;

	for (const struct domspec_nic *n = s->nics; n; n = n->next) {
		*key = n->name;
		if (++count > MAX_NICS) {
			return xasprintf("more than %d network interfaces", MAX_NICS);
		}
		if (!n->name || !is_plain_name(n->name, 15)) {
			return xasprintf("\"%s\" is not a network interface name such as eth0",
					 n->name ? n->name : "");
		}
		if (!n->bridge || !is_plain_name(n->bridge, 15)) {
			return xasprintf("nic %s: \"%s\" is not a bridge name", n->name,
					 n->bridge ? n->bridge : "");
		}
		if (n->mac[0] & 1) {
			return xasprintf(
				"nic %s: a MAC address whose first byte is odd is for groups, not for one interface",
				n->name);
		}
		for (const struct domspec_nic *m = n->next; m; m = m->next) {
			if (m->name && !strcmp(m->name, n->name)) {
				return xasprintf("nic %s is there twice", n->name);
			}
			if (memcmp(n->mac, none, 6) && !memcmp(n->mac, m->mac, 6)) {
				*key = m->name;
				return xasprintf("nics %s and %s have the same MAC address",
						 n->name, m->name ? m->name : "");
			}
		}
	}
	return NULL;
}

char *domspec_check_at(const struct domspec *spec, struct domspec_culprit *culprit)
{
	static const struct {
		const char *word;
		char *(*check)(const struct domspec *s, const char **key);
	} checks[] = {
		{ "domain", check_name },     { "memory", check_memory },
		{ "vcpus", check_vcpus },     { "kernel", check_kernel },
		{ "ramdisk", check_ramdisk }, { "console", check_console },
		{ "cmdline", check_cmdline }, { "disk", check_disks },
		{ "nic", check_nics },
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		char *why;

		*culprit = (struct domspec_culprit){ .word = checks[i].word };
		why = checks[i].check(spec, &culprit->key);
		if (why) {
			return why;
		}
	}
	return NULL;
}

char *domspec_check(const struct domspec *spec)
{
	struct domspec_culprit culprit;

	return domspec_check_at(spec, &culprit);
}
