/*
 * A backend device in the store; device.h says what it is for.
 *
 * Watch events only say "look again": after any, all four things the state
 * machine cares about are read afresh, so lost or merged events do not matter.
 */
#include "backends/common/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/libpav/log.h"

static const char *state_name(enum xenbus_state s)
{
	static const char *const names[] = { "Unknown",	  "Initialising", "InitWait", "Initialised",
					     "Connected", "Closing",	  "Closed" };

	return (unsigned int)s < sizeof(names) / sizeof(names[0]) ? names[s] : "strange";
}

int device_open(struct device *d, const char *class, unsigned int domid, const char *id,
		const struct device_ops *ops, void *driver)
{
	*d = (struct device){ .ops = ops, .driver = driver };
	d->store = store_open();
	if (!d->store) {
		return errno ? -errno : -EIO;
	}
	snprintf(d->front, sizeof(d->front), "/local/domain/%u/device/%s/%s", domid, class, id);
	snprintf(d->back, sizeof(d->back), "/local/domain/0/backend/%s/%u/%s", class, domid, id);
	return 0;
}

/* Anything but "it isn't there" from the store means that it is not answering. */
static void note_error(struct device *d, int err, const char *what)
{
	if (err && !d->lost) {
		log_error("store: %s: %s", what, strerror(-err));
		d->lost = true;
	}
}

static bool dir_is_there(struct device *d)
{
	int rc = store_exists(d->store, STORE_NO_TX, "%s", d->back);

	note_error(d, rc < 0 ? rc : 0, d->back);
	return rc > 0;
}

/*
 * Write a node of ours only while our directory is there: the toolstack may be
 * deleting it at this moment, and a plain write would bring it back for ever.
 */
static int write_guarded(struct device *d, const char *name, uint64_t value)
{
	char path[96];
	store_tx_t tx;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", d->back, name);
	do {
		rc = store_tx_begin(d->store, &tx);
		if (rc) {
			return rc;
		}
		rc = store_exists(d->store, tx, "%s", d->back);
		if (rc > 0) {
			rc = store_write(d->store, tx, path, "%llu", (unsigned long long)value);
		} else if (!rc) {
			rc = -ENOENT;
		}
		if (rc) {
			store_tx_abort(d->store, tx);
			return rc;
		}
		rc = store_tx_commit(d->store, tx);
	} while (rc == -EAGAIN);
	return rc;
}

void device_feature(struct device *d, const char *name, uint64_t value)
{
	int rc = write_guarded(d, name, value);

	if (rc != -ENOENT) {
		note_error(d, rc, name);
	}
}

static enum xenbus_state read_state(struct device *d, const char *dir)
{
	uint64_t value;
	int rc = store_read_uint64(d->store, STORE_NO_TX, &value, "%s/state", dir);

	if (rc == -ENOENT || rc == -EINVAL) {
		return XenbusStateUnknown;
	}
	note_error(d, rc, dir);
	return !rc && value <= XenbusStateReconfigured ? (enum xenbus_state)value
						       : XenbusStateUnknown;
}

static bool read_online(struct device *d)
{
	uint64_t value = 0;
	int rc = store_read_uint64(d->store, STORE_NO_TX, &value, "%s/online", d->back);

	if (rc != -ENOENT && rc != -EINVAL) {
		note_error(d, rc, "online");
	}
	return !rc && value;
}

int device_front_number(const struct device *d, const char *name, uint64_t max, uint64_t *value)
{
	uint64_t v;
	int rc = store_read_uint64(d->store, STORE_NO_TX, &v, "%s/%s", d->front, name);

	if (rc) {
		return rc;
	}
	if (v > max) {
		return -ERANGE;
	}
	*value = v;
	return 0;
}

/* Somebody else's store may not know how; ours does, and then a refusal is an error. */
static int give_up_rights(struct device *d)
{
	int rc = store_restrict(d->store, d->back, d->front);

	if (rc == -EINVAL || rc == -ENOSYS) {
		log_warn("this store lets us keep all rights of the control domain");
		rc = 0;
	}
	return rc;
}

int device_watch(struct device *d)
{
	char path[80];
	int rc;

	/* The library makes its pipe on the first question, which must be before confinement. */
	if (device_fd(d) < 0) {
		return -EMFILE;
	}
	snprintf(path, sizeof(path), "%s/state", d->front);
	rc = store_watch(d->store, path, "front");
	if (rc) {
		return rc;
	}
	rc = store_watch(d->store, d->back, "back");
	return rc ? rc : give_up_rights(d);
}

static void publish(struct device *d)
{
	enum xenbus_state state = bus_published(&d->bus);
	int rc;

	if (read_state(d, d->back) == state) {
		return;
	}
	rc = write_guarded(d, "state", state);
	if (rc != -ENOENT) {
		note_error(d, rc, "state");
	}
	log_info("state %s (frontend %s)", state_name(state), state_name(d->bus.front));
}

static void feed(struct device *d, enum bus_event event, enum xenbus_state front)
{
	unsigned int todo = bus_step(&d->bus, event, front);

	if (todo & BUS_DO_DETACH) {
		d->ops->detach(d->driver);
	}
	if (todo & BUS_DO_PUBLISH) {
		publish(d);
	}
	if (todo & BUS_DO_CONNECT) {
		bool resumed = d->resumed;

		d->resumed = false;
		feed(d, d->ops->connect(d->driver, resumed) ? BUS_REFUSED : BUS_CONNECTED, front);
	}
	if (todo & BUS_DO_DRAIN && d->ops->drain(d->driver)) {
		feed(d, BUS_DRAINED, front);
	}
	if (todo & BUS_DO_EXIT) {
		d->over = true;
	}
}

void device_start(struct device *d)
{
	d->resumed = read_state(d, d->back) == XenbusStateConnected;
	d->bus = bus_init(read_state(d, d->front), read_online(d));
	if (!dir_is_there(d)) {
		log_info("%s is gone", d->back);
		d->bus.vanished = true;
	}
	feed(d, BUS_START, d->bus.front);
}

int device_fd(const struct device *d)
{
	return store_fd(d->store);
}

/* Did somebody else (the toolstack, detaching) write Closing over our state? */
static bool asked_to_close(struct device *d)
{
	enum xenbus_state ours = bus_published(&d->bus), now = read_state(d, d->back);

	return now == XenbusStateClosing && ours != XenbusStateClosing && ours != XenbusStateClosed;
}

static void look_again(struct device *d)
{
	if (!dir_is_there(d)) {
		if (!d->lost) {
			feed(d, BUS_VANISHED, d->bus.front);
		}
		return;
	}
	if (d->bus.online && (!read_online(d) || asked_to_close(d)) && !d->lost) {
		feed(d, BUS_OFFLINE, d->bus.front);
	}
	if (!d->lost && !d->over) {
		enum xenbus_state front = read_state(d, d->front);

		if (!d->lost) {
			feed(d, BUS_FRONT, front);
		}
	}
}

void device_on_store(struct device *d)
{
	char *path, *token;
	bool any = false;
	int rc;

	while (!(rc = store_next_event(d->store, &path, &token))) {
		free(path);
		free(token);
		any = true;
	}
	if (rc != -EAGAIN) {
		note_error(d, rc, "watch");
	}
	if (any && !d->lost) {
		look_again(d);
	}
}

void device_broken(struct device *d)
{
	feed(d, BUS_BROKE, d->bus.front);
}

void device_drained(struct device *d)
{
	feed(d, BUS_DRAINED, d->bus.front);
}

void device_stop(struct device *d)
{
	feed(d, BUS_OFFLINE, d->bus.front);
}
