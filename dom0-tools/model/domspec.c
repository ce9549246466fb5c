/* Making, finding and freeing domain specs, and the names of virtual disks. */
#include "dom0-tools/model/domspec.h"

#include <stdlib.h>
#include <string.h>

#include "dom0-tools/libpav/die.h"

struct domspec *domspec_new(const char *name)
{
	struct domspec *s = xcalloc(1, sizeof(*s));

	s->name = xstrdup(name);
	s->memory = s->memory_max = 256ull << 20;
	s->vcpus = s->vcpus_max = 1;
	s->cmdline = xstrdup("");
	s->on_poweroff = DOMSPEC_DESTROY;
	s->on_reboot = DOMSPEC_RESTART;
	s->on_crash = DOMSPEC_PRESERVE;
	return s;
}

static void free_disks(struct domspec_disk *d)
{
	while (d) {
		struct domspec_disk *next = d->next;

		free(d->vdev);
		free(d->path);
		free(d);
		d = next;
	}
}

static void free_nics(struct domspec_nic *n)
{
	while (n) {
		struct domspec_nic *next = n->next;

		free(n->name);
		free(n->bridge);
		free(n->ip);
		free(n);
		n = next;
	}
}

void domspec_free(struct domspec *list)
{
	while (list) {
		struct domspec *next = list->next;

		free_disks(list->disks);
		free_nics(list->nics);
		free(list->name);
		free(list->kernel);
		free(list->ramdisk);
		free(list->cmdline);
		free(list->console_log);
		free(list->source);
		free(list);
		list = next;
	}
}

struct domspec *domspec_find(struct domspec *list, const char *name)
{
	while (list && strcmp(list->name, name)) {
		list = list->next;
	}
	return list;
}

/* "a" .. "zz" as 0 .. 701; moves *s past the letters; -1 if there are none or too many. */
static int parse_letters(const char **s)
{
	int n = 0, count = 0;

	while (**s >= 'a' && **s <= 'z' && count < 3) {
		n = n * 26 + (**s - 'a') + 1;
		(*s)++;
		count++;
	}
	return count && count < 3 ? n - 1 : -1;
}

int domspec_vdev_id(const char *vdev)
{
	int disk, part = 0;

	if (!vdev || strncmp(vdev, "xvd", 3)) {
		return -1;
	}
	vdev += 3;
	disk = parse_letters(&vdev);
	if (disk < 0) {
		return -1;
	}
	if (*vdev) {
		if (*vdev < '1' || *vdev > '9') {
			return -1;
		}
		while (*vdev >= '0' && *vdev <= '9' && part < 1000) {
			part = part * 10 + (*vdev++ - '0');
		}
		if (*vdev || part > 255) {
			return -1;
		}
	}
	/* xen-vbd-interface: the old numbering as far as it goes, then the extended one. */
	if (disk < 16 && part < 16) {
		return 202 << 8 | disk << 4 | part;
	}
	return 1 << 28 | disk << 8 | part;
}
