/* The handshake.  A watch on the backend's state wakes us; what counts is what the node says then. */
#include "frontends/drv/bus.h"

#include "frontends/rt/rt.h"

#include "hypervisor/lib/fmt.h"
#include "hypervisor/lib/string.h"

#define PATIENCE 120000000000UL /* ns for a state to come */
#define AGAIN	 1000000000UL	/* ns after which we look though nothing woke us */

static int node(const char *dir, const char *name, char *path)
{
	int n = snprintf(path, STORE_PATH_MAX, "%s/%s", dir, name);

	return n < STORE_PATH_MAX ? 0 : -XEN_EMSGSIZE;
}

static enum xenbus_state backend_state(const struct bus_device *d)
{
	return (enum xenbus_state)bus_backend_number(d, "state", XenbusStateReconfigured,
						     XenbusStateUnknown);
}

static int set_state(const struct bus_device *d, enum xenbus_state state)
{
	return bus_write(d, "state", state);
}

/* Until the backend is in one of the states (a set of bits). */
static int wait_state(const struct bus_device *d, unsigned int states)
{
	uint64_t end = system_time() + PATIENCE;
	struct store_event event;

	while (!(states >> backend_state(d) & 1)) {
		int rc = store_next_event(&event, AGAIN);

		if (rc == -XEN_EIO || system_time() > end) {
			return rc == -XEN_EIO ? rc : -XEN_ETIMEDOUT;
		}
	}
	return 0;
}

/* The name at a place of a list from store_list(); NULL if it is shorter. */
static const char *name_at(const char *names, int len, unsigned int index)
{
	for (const char *at = names; at < names + len; at += strlen(at) + 1) {
		if (!index--) {
			return at;
		}
	}
	return NULL;
}

static int find_paths(struct bus_device *d, const char *class, unsigned int index)
{
	char path[STORE_PATH_MAX], names[512];
	uint64_t backend;
	const char *name;
	int rc;

	snprintf(path, sizeof(path), "device/%s", class);
	rc = store_list(STORE_NO_TX, path, names, sizeof(names));
	if (rc < 0) {
		return rc == -XEN_ENOENT ? -XEN_ENODEV : rc;
	}
	name = name_at(names, rc, index);
	if (!name || strlen(name) > 16) {
		return -XEN_ENODEV;
	}
	snprintf(d->front, sizeof(d->front), "%s/%s", path, name);
	node(d->front, "backend", path);
	rc = store_read(STORE_NO_TX, path, d->back, sizeof(d->back));
	if (rc < 0) {
		return rc;
	}
	rc = bus_front_number(d, "backend-id", DOMID_FIRST_RESERVED - 1, &backend);
	d->backend = (domid_t)backend;
	return rc;
}

int bus_open(struct bus_device *d, const char *class, unsigned int index)
{
	char path[STORE_PATH_MAX];
	int rc = store_init();

	if (!rc) {
		rc = find_paths(d, class, index);
	}
	if (!rc) {
		rc = node(d->back, "state", path);
	}
	if (!rc) {
		rc = store_watch(path, d->front);
	}
	/* Initialising as long as the backend is being set up; InitWait when its features are there. */
	if (!rc || rc == -XEN_EEXIST) {
		rc = set_state(d, XenbusStateInitialising);
	}
	return rc ? rc : wait_state(d, 1u << XenbusStateInitWait);
}

uint64_t bus_backend_number(const struct bus_device *d, const char *name, uint64_t max,
			    uint64_t otherwise)
{
	char path[STORE_PATH_MAX];
	uint64_t value;

	if (node(d->back, name, path) || store_read_number(path, max, &value)) {
		return otherwise;
	}
	return value;
}

int bus_front_number(const struct bus_device *d, const char *name, uint64_t max, uint64_t *value)
{
	char path[STORE_PATH_MAX];
	int rc = node(d->front, name, path);

	return rc ? rc : store_read_number(path, max, value);
}

int bus_write(const struct bus_device *d, const char *name, uint64_t value)
{
	char path[STORE_PATH_MAX];
	int rc = node(d->front, name, path);

	return rc ? rc : store_write_number(STORE_NO_TX, path, value);
}

static void on_event(evtchn_port_t port)
{
	(void)port; /* it woke us */
}

int bus_bind(struct bus_device *d)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = d->backend };
	long rc = event_op(EVTCHNOP_alloc_unbound, &alloc);

	if (rc) {
		return (int)rc;
	}
	d->port = alloc.port;
	event_set_handler(d->port, on_event);
	return bus_write(d, "event-channel", d->port);
}

void bus_notify(const struct bus_device *d)
{
	struct evtchn_send send = { .port = d->port };

	event_op(EVTCHNOP_send, &send);
}

int bus_connect(struct bus_device *d)
{
	int rc = set_state(d, XenbusStateInitialised);

	if (!rc) {
		rc = wait_state(d, 1u << XenbusStateConnected | 1u << XenbusStateClosing |
					   1u << XenbusStateClosed);
	}
	if (!rc && backend_state(d) != XenbusStateConnected) {
		rc = -XEN_EIO;
	}
	return rc ? rc : set_state(d, XenbusStateConnected);
}

bool bus_close(struct bus_device *d)
{
	struct evtchn_close close = { .port = d->port };
	char path[STORE_PATH_MAX];
	bool closed;

	set_state(d, XenbusStateClosing);
	closed = !wait_state(d, 1u << XenbusStateClosing | 1u << XenbusStateClosed |
					1u << XenbusStateUnknown);
	set_state(d, XenbusStateClosed);
	closed = closed && !wait_state(d, 1u << XenbusStateClosed | 1u << XenbusStateInitWait |
						  1u << XenbusStateUnknown);
	if (!node(d->back, "state", path)) {
		store_unwatch(path, d->front);
	}
	event_mask(d->port);
	event_op(EVTCHNOP_close, &close);
	return closed;
}
