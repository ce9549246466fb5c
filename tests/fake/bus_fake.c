/* A device's nodes without a store, for the tests of the mini-guest's frontends; see rt_fake.h. */
#include <string.h>

#include <xen/errno.h>

#include "frontends/drv/bus.h"
#include "tests/fake/rt_fake.h"

#define MAX_NODES 16

static struct node {
	const char *name;
	uint64_t value;
} ours[MAX_NODES], theirs[MAX_NODES];

static struct node *find(struct node *nodes, const char *name)
{
	unsigned int i = 0;

	while (i < MAX_NODES - 1 && nodes[i].name && strcmp(nodes[i].name, name) != 0) {
		i++;
	}
	nodes[i].name = name;
	return &nodes[i];
}

uint64_t fake_published(const char *name)
{
	return find(ours, name)->value;
}

void fake_backend_node(const char *name, uint64_t value)
{
	find(theirs, name)->value = value;
}

int bus_open(struct bus_device *d, const char *class, unsigned int index)
{
	*d = (struct bus_device){ .front = "device/x/0", .back = "/back" };
	(void)class;
	return index ? -XEN_ENODEV : 0;
}

uint64_t bus_backend_number(const struct bus_device *d, const char *name, uint64_t max,
			    uint64_t otherwise)
{
	uint64_t value = find(theirs, name)->value;

	(void)d;
	return value && value <= max ? value : otherwise;
}

int bus_front_number(const struct bus_device *d, const char *name, uint64_t max, uint64_t *value)
{
	(void)d;
	(void)name;
	(void)max;
	*value = 51712;
	return 0;
}

int bus_write(const struct bus_device *d, const char *name, uint64_t value)
{
	(void)d;
	find(ours, name)->value = value;
	return 0;
}

int bus_bind(struct bus_device *d)
{
	d->port = 7;
	return 0;
}

void bus_notify(const struct bus_device *d)
{
	(void)d;
	fake_sent++;
}

int bus_connect(struct bus_device *d)
{
	(void)d;
	return 0;
}

bool bus_close(struct bus_device *d)
{
	(void)d;
	return true;
}

/* The card's MAC address is the only node that is text. */
int store_read(uint32_t tx, const char *path, char *value, size_t size)
{
	(void)tx;
	(void)path;
	strncpy(value, "00:16:3e:0A:bc:ff", size);
	return 17;
}
