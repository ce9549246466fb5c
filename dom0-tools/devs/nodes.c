/* The lists of store nodes.  A child inherits its parent's permissions, so only directories set them. */
#include "dom0-tools/devs/nodes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "dom0-tools/libpav/die.h"

void node_list_free(struct node_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].path);
		free(l->items[i].value);
	}
	free(l->items);
	*l = (struct node_list){ 0 };
}

static struct node *add_node(struct node_list *l, char *path, char *value)
{
	l->items = xrealloc(l->items, (l->count + 1) * sizeof(*l->items));
	l->items[l->count] = (struct node){ .path = path, .value = value, .reader = -1 };
	return &l->items[l->count++];
}

/* A directory (or value) with its own permissions. */
static void add_dir(struct node_list *l, const char *path, const char *value, unsigned int owner,
		    int reader)
{
	struct node *n = add_node(l, xstrdup(path), xstrdup(value));

	n->sets_perms = true;
	n->owner = owner;
	n->reader = reader;
}

/* dir/name = value by printf. */
__attribute__((format(printf, 4, 5))) static void add(struct node_list *l, const char *dir,
						      const char *name, const char *fmt, ...)
{
	va_list ap;
	char *value;

	va_start(ap, fmt);
	if (vasprintf(&value, fmt, ap) < 0) {
		die("out of memory");
	}
	va_end(ap);
	add_node(l, xasprintf("%s/%s", dir, name), value);
}

static void add_subdir(struct node_list *l, const char *dir, const char *name, unsigned int owner,
		       int reader)
{
	char *path = xasprintf("%s/%s", dir, name);

	add_dir(l, path, "", owner, reader);
	free(path);
}

char *nodes_frontend_path(unsigned int domid, const char *kind, int id)
{
	return xasprintf("/local/domain/%u/device/%s/%d", domid, kind, id);
}

char *nodes_backend_path(unsigned int domid, const char *kind, int id)
{
	return xasprintf("/local/domain/0/backend/%s/%u/%d", kind, domid, id);
}

static void add_cpus(struct node_list *l, const char *dom, const struct domspec *spec)
{
	for (unsigned int i = 0; i < spec->vcpus_max; i++) {
		char *name = xasprintf("cpu/%u/availability", i);

		add(l, dom, name, "%s", i < spec->vcpus ? "online" : "offline");
		free(name);
	}
}

/* Requests to the guest's kernel, which owns them and empties each when it has seen it. */
static void add_control(struct node_list *l, const char *dom, unsigned int domid)
{
	static const char *const owned[] = {
		"control/shutdown",	  "control/feature-poweroff",
		"control/feature-reboot", "control/feature-suspend",
		"control/sysrq",
	};

	add_subdir(l, dom, "control", 0, (int)domid);
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
		add_subdir(l, dom, owned[i], domid, -1);
	}
	add(l, dom, "control/platform-feature-multiprocessor-suspend", "1");
	add(l, dom, "control/platform-feature-xs_reset_watches", "1");
}

static void add_console(struct node_list *l, const char *dom, const struct nodes_domain *d)
{
	add_subdir(l, dom, "console", 0, (int)d->domid);
	add(l, dom, "console/ring-ref", "%llu", (unsigned long long)d->console_mfn);
	add(l, dom, "console/port", "%u", d->console_port);
	add(l, dom, "console/type", "xenconsoled");
	add(l, dom, "console/output", "pty");
	add(l, dom, "console/limit", "1048576");
	add(l, dom, "console/tty", "%s", "");
	add(l, dom, "console/log", "%s", d->console_log);
}

void nodes_for_domain(struct node_list *l, const struct domspec *spec, const struct nodes_domain *d)
{
	static const char *const guests_own[] = { "data", "drivers", "feature", "attr", "error" };
	char *dom = xasprintf("/local/domain/%u", d->domid);
	char uuid[37], *vm;

	uuid_unparse_lower(spec->uuid, uuid);
	vm = xasprintf("/vm/%s", uuid);
	add_dir(l, vm, "", 0, (int)d->domid);
	add(l, vm, "uuid", "%s", uuid);
	add(l, vm, "name", "%s", spec->name);
	add_dir(l, dom, "", 0, (int)d->domid);
	add(l, dom, "vm", "%s", vm);
	add(l, dom, "name", "%s", spec->name);
	add(l, dom, "domid", "%u", d->domid);
	add(l, dom, "memory/static-max", "%llu", (unsigned long long)(spec->memory_max >> 10));
	add(l, dom, "memory/target", "%llu", (unsigned long long)(spec->memory >> 10));
	add_cpus(l, dom, spec);
	add_subdir(l, dom, "device", 0, (int)d->domid);
	add_control(l, dom, d->domid);
	for (size_t i = 0; i < sizeof(guests_own) / sizeof(guests_own[0]); i++) {
		add_subdir(l, dom, guests_own[i], d->domid, -1);
	}
	add(l, dom, "store/ring-ref", "%llu", (unsigned long long)d->store_mfn);
	add(l, dom, "store/port", "%u", d->store_port);
	add_console(l, dom, d);
	free(vm);
	free(dom);
}

/* The nodes every device has: each side names the other, and begins in state Initialising. */
static void add_device_pair(struct node_list *l, unsigned int domid, const char *front,
			    const char *back)
{
	add_dir(l, front, "", domid, 0);
	add(l, front, "backend", "%s", back);
	add(l, front, "backend-id", "0");
	add(l, front, "state", "%d", NODES_INITIALISING);
	add_dir(l, back, "", 0, (int)domid);
	add(l, back, "frontend", "%s", front);
	add(l, back, "frontend-id", "%u", domid);
	add(l, back, "online", "1");
	add(l, back, "state", "%d", NODES_INITIALISING);
}

void nodes_for_disk(struct node_list *l, unsigned int domid, const struct domspec_disk *disk)
{
	int id = domspec_vdev_id(disk->vdev);
	char *front = nodes_frontend_path(domid, "vbd", id);
	char *back = nodes_backend_path(domid, "vbd", id);

	add_device_pair(l, domid, front, back);
	add(l, front, "virtual-device", "%d", id);
	add(l, front, "device-type", "disk");
	add(l, back, "dev", "%s", disk->vdev);
	add(l, back, "mode", "%s", disk->readonly ? "r" : "w");
	add(l, back, "device-type", "disk");
	add(l, back, "removable", "0");
	add(l, back, "bootable", "1");
	add(l, back, "params", "%s", disk->path);
	free(front);
	free(back);
}

void nodes_for_nic(struct node_list *l, unsigned int domid, unsigned int index,
		   const struct domspec_nic *nic)
{
	char *front = nodes_frontend_path(domid, "vif", (int)index);
	char *back = nodes_backend_path(domid, "vif", (int)index);
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", nic->mac[0], nic->mac[1],
		 nic->mac[2], nic->mac[3], nic->mac[4], nic->mac[5]);
	add_device_pair(l, domid, front, back);
	add(l, front, "handle", "%u", index);
	add(l, front, "mac", "%s", mac);
	add(l, back, "handle", "%u", index);
	add(l, back, "mac", "%s", mac);
	add(l, back, "bridge", "%s", nic->bridge);
	if (nic->ip) {
		add(l, back, "ip", "%s", nic->ip);
	}
	free(front);
	free(back);
}

void nodes_for_host(struct node_list *l)
{
	add(l, "/local/domain/0", "name", "Domain-0");
	add(l, "/local/domain/0", "domid", "0");
	add(l, "/local/domain/0", "backend/vbd", "%s", "");
	add(l, "/local/domain/0", "backend/vif", "%s", "");
	add(l, "/vm", "0", "%s", "");
}

void nodes_choose_mac(const uint8_t uuid[16], unsigned int index, uint8_t mac[6])
{
	/* 00:16:3e is the ABI's own range; the UUID's last bytes are random in every version. */
	const uint8_t chosen[6] = { 0x00,     0x16,
				    0x3e,     uuid[13] & 0x7f,
				    uuid[14], (uint8_t)(uuid[15] + index) };

	memcpy(mac, chosen, 6);
}
