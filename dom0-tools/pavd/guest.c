/* Guests: creation, watching, and taking them apart until nothing is left. */
#include "dom0-tools/pavd/guest.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "dom0-tools/build/pvboot.h"
#include "dom0-tools/devs/attach.h"
#include "dom0-tools/devs/nodes.h"
#include "dom0-tools/libpav/buf.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"
#include "dom0-tools/libpav/loop.h"
#include "dom0-tools/pavd/device.h"
#include "dom0-tools/pavd/policy.h"

#define STATE_DIR	   "/run/pavane/domains"
#define CONSOLE_LOG_DIR	   "/var/log/pavane/console"
#define END_POLL_MS	   10 /* how often to ask whether a destroyed domain has gone */
#define END_POLL_MAX_MS	   200
#define HELPER_PATIENCE_MS 5000 /* then a helper of a dead domain is killed */
#define DETACH_PATIENCE_MS 10000

struct waiter {
	guest_done_fn *done;
	void *arg;
	struct waiter *next;
};

struct guest {
	struct domspec *spec;
	domid_t domid;
	time_t started; /* monotonic seconds */
	bool ending;
	bool ended_itself; /* shut down or crashed; seen and acted upon */
	bool restart;	   /* create it anew when it has gone */
	bool generated_uuid;
	unsigned int quick_deaths;
	char *create_error; /* it is being taken apart because creation failed */
	struct device *devices;
	struct waiter *waiters;
	struct loop_timer *end_timer;
	unsigned int end_poll_ms;
	unsigned int end_waited_ms;
	struct guest *next;
};

/* One disk being detached. */
struct detach {
	struct guest *guest;
	struct device *device;
	guest_done_fn *done;
	void *arg;
	struct loop_timer *timer;
	struct detach *next;
};

static struct hcall *hcall;
static struct store *store;
static struct guest *guests;
static struct detach *detaches;

static time_t seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* ---- finding ---- */

struct guest *guest_find(const char *name)
{
	char *end;
	unsigned long id = strtoul(name, &end, 10);
	bool is_id = *name >= '0' && *name <= '9' && !*end;

	for (struct guest *g = guests; g; g = g->next) {
		if (!strcmp(g->spec->name, name)) {
			return g;
		}
	}
	for (struct guest *g = guests; is_id && g; g = g->next) {
		if (g->domid == id && g->domid) {
			return g;
		}
	}
	return NULL;
}

static char *console_log_path(const struct domspec *spec)
{
	return spec->console_log ? xstrdup(spec->console_log)
				 : xasprintf("%s/%s.log", CONSOLE_LOG_DIR, spec->name);
}

/* ---- the file that lets the next pavd find this guest ---- */

static char *state_path(const struct guest *g)
{
	return xasprintf("%s/%s.json", STATE_DIR, g->spec->name);
}

static struct json_object *device_to_json(const struct device *d)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "kind", json_object_new_string(d->kind));
	json_object_object_add(o, "id", json_object_new_int(d->id));
	json_object_object_add(o, "label", json_object_new_string(d->label));
	json_object_object_add(o, "pid", json_object_new_int(d->proc ? proc_pid(d->proc) : 0));
	json_object_object_add(o, "start_time",
			       json_object_new_int64(d->proc ? (int64_t)proc_start_time(d->proc)
							     : 0));
	json_object_object_add(o, "restarts",
			       json_object_new_int64(d->proc ? proc_restarts(d->proc) : 0));
	return o;
}

static struct json_object *devices_to_json(const struct guest *g)
{
	struct json_object *a = json_object_new_array();

	for (const struct device *d = g->devices; d; d = d->next) {
		json_object_array_add(a, device_to_json(d));
	}
	return a;
}

static struct json_object *spec_to_object(const struct domspec *spec)
{
	char *text = domspec_to_json(spec);
	struct json_object *o = json_tokener_parse(text);

	free(text);
	return o;
}

static void save_guest(const struct guest *g)
{
	struct json_object *o = json_object_new_object();
	char *path = state_path(g), *err = NULL;
	const char *text;

	json_object_object_add(o, "domid", json_object_new_int(g->domid));
	json_object_object_add(o, "ending", json_object_new_boolean(g->ending));
	json_object_object_add(o, "restart", json_object_new_boolean(g->restart));
	json_object_object_add(o, "generated_uuid", json_object_new_boolean(g->generated_uuid));
	json_object_object_add(o, "spec", spec_to_object(g->spec));
	json_object_object_add(o, "devices", devices_to_json(g));
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
							 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (file_write(path, text, strlen(text), 0600, &err) < 0) {
		log_error("%s", err);
		free(err);
	}
	json_object_put(o);
	free(path);
}

void guests_save(void)
{
	for (struct guest *g = guests; g; g = g->next) {
		save_guest(g);
	}
}

static void unsave_guest(const struct guest *g)
{
	char *path = state_path(g);

	unlink(path);
	free(path);
}

/* ---- waiting ---- */

static void add_waiter(struct guest *g, guest_done_fn *done, void *arg)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	*w = (struct waiter){ .done = done, .arg = arg, .next = g->waiters };
	g->waiters = w;
}

static void tell_waiters(struct guest *g, const char *err)
{
	while (g->waiters) {
		struct waiter *w = g->waiters;

		g->waiters = w->next;
		w->done(w->arg, err);
		free(w);
	}
}

void guest_wait_end(struct guest *g, guest_done_fn *done, void *arg)
{
	add_waiter(g, done, arg);
}

static void ignore_done(void *arg, const char *err)
{
	(void)arg;
	(void)err;
}

void guest_cancel_waits(void *arg)
{
	for (struct guest *g = guests; g; g = g->next) {
		for (struct waiter *w = g->waiters; w; w = w->next) {
			if (w->arg == arg) {
				w->done = ignore_done;
			}
		}
	}
	for (struct detach *t = detaches; t; t = t->next) {
		if (t->arg == arg) {
			t->done = ignore_done;
		}
	}
}

/* ---- ending ---- */

static void finish_end(struct guest *g);
static void end_detach(struct detach *t, const char *err);

static void remove_guest(struct guest *g)
{
	struct guest **at = &guests;

	while (*at != g) {
		at = &(*at)->next;
	}
	*at = g->next;
}

static void free_guest(struct guest *g)
{
	while (g->devices) {
		struct device *d = g->devices;

		g->devices = d->next;
		device_free(d);
	}
	loop_cancel(g->end_timer);
	domspec_free(g->spec);
	free(g->create_error);
	free(g);
}

static bool helpers_left(const struct guest *g)
{
	for (const struct device *d = g->devices; d; d = d->next) {
		if (d->proc) {
			return true;
		}
	}
	return false;
}

static void poll_end(void *arg)
{
	struct guest *g = arg;
	struct xen_domctl_getdomaininfo info;
	bool domain_left = g->domid && hcall_domain_info(hcall, g->domid, &info) != -ESRCH;
	unsigned int before = g->end_waited_ms;

	g->end_timer = NULL;
	if (!domain_left && !helpers_left(g)) {
		finish_end(g);
		return;
	}
	g->end_waited_ms += g->end_poll_ms;
	if (before < HELPER_PATIENCE_MS && g->end_waited_ms >= HELPER_PATIENCE_MS) {
		for (struct device *d = g->devices; d; d = d->next) {
			if (d->proc) {
				log_warn("%s: the helper of %s does not end; killing it",
					 g->spec->name, d->label);
				proc_kill(d->proc, SIGKILL);
			}
		}
		if (!helpers_left(g)) {
			log_warn("%s: the hypervisor still holds domain %u", g->spec->name,
				 g->domid);
		}
	}
	g->end_poll_ms = g->end_poll_ms * 2 < END_POLL_MAX_MS ? g->end_poll_ms * 2
							      : END_POLL_MAX_MS;
	g->end_timer = loop_after(g->end_poll_ms, poll_end, g);
}

/*
 * Takes a guest apart.  The domain stops first; then its nodes go, which is
 * how the console daemon and the helpers learn of it; then the domain itself.
 * Its frames return to the hypervisor when the last helper has unmapped them.
 */
static void begin_end(struct guest *g)
{
	if (g->ending) {
		return;
	}
	g->ending = true;
	if (g->domid) {
		hcall_domain_pause(hcall, g->domid);
	}
	for (struct device *d = g->devices; d; d = d->next) {
		if (d->proc) {
			proc_expect_end(d->proc);
		}
		if (g->domid) {
			attach_remove_device(store, g->domid, d->kind, d->id);
		}
	}
	if (g->domid) {
		int rc;

		attach_remove_domain(store, g->domid, g->spec->uuid);
		rc = hcall_domain_destroy(hcall, g->domid);
		if (rc < 0 && rc != -ESRCH) {
			log_error("%s: destroying domain %u: %s", g->spec->name, g->domid,
				  strerror(-rc));
		}
		store_release(store, g->domid);
	}
	save_guest(g);
	g->end_poll_ms = END_POLL_MS;
	g->end_timer = loop_after(0, poll_end, g);
}

/* The same spec in a new domain; the old guest's claims must have been dropped by then. */
static void begin_next_life(struct guest *g)
{
	unsigned int quick = g->quick_deaths;
	struct domspec *spec = g->spec;
	char *name = xstrdup(spec->name);
	struct guest *next;

	if (g->generated_uuid) {
		memset(spec->uuid, 0, sizeof(spec->uuid));
	}
	g->spec = domspec_new("");
	free_guest(g);
	guest_create(spec, ignore_done, NULL);
	next = guest_find(name);
	if (next) {
		next->quick_deaths = quick;
	}
	free(name);
}

/* Its last trace has gone: tell whoever waits, and begin its next life if it has one. */
static void finish_end(struct guest *g)
{
	char *err = g->create_error;

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
	remove_guest(g);
	unsave_guest(g);
	if (err) {
		log_info("%s: not created: %s", g->spec->name, err);
	} else {
		log_info("%s: domain %u has gone", g->spec->name, g->domid);
	}
	tell_waiters(g, err);
	if (g->restart && !err) {
		begin_next_life(g);
	} else {
		free_guest(g);
	}
}

void guest_destroy(struct guest *g, guest_done_fn *done, void *arg)
{
	g->restart = false;
	add_waiter(g, done, arg);
	begin_end(g);
}

/* The guest has ended by itself: do what its spec says. */
static void act_on_shutdown(struct guest *g, unsigned int code)
{
	enum domspec_action action = policy_on_shutdown(g->spec, code);

	g->ended_itself = true;
	log_info("%s: domain %u ended: %s", g->spec->name, g->domid, policy_shutdown_name(code));
	if (action == DOMSPEC_PRESERVE) {
		tell_waiters(g, NULL);
		return;
	}
	g->restart = action == DOMSPEC_RESTART;
	if (g->restart &&
	    !policy_may_restart((unsigned int)(seconds_now() - g->started), &g->quick_deaths)) {
		log_error("%s: ended %d times in a row within %d s of its start; not started again",
			  g->spec->name, POLICY_MAX_QUICK, POLICY_QUICK_SECONDS);
		g->restart = false;
	}
	begin_end(g);
}

void guests_check(void)
{
	struct guest *next;

	for (struct guest *g = guests; g; g = next) {
		struct xen_domctl_getdomaininfo info;
		unsigned int code;
		int rc;

		next = g->next;
		if (g->ending) {
			continue;
		}
		rc = hcall_domain_info(hcall, g->domid, &info);
		if (rc == -ESRCH || (rc == 0 && info.flags & XEN_DOMINF_dying)) {
			log_warn("%s: domain %u was destroyed by someone else", g->spec->name,
				 g->domid);
			begin_end(g);
		} else if (rc == 0 && policy_has_shut_down(info.flags, &code) && !g->ended_itself) {
			act_on_shutdown(g, code);
		}
	}
}

/* ---- devices ---- */

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

static struct device *find_device(struct guest *g, const char *kind, int id)
{
	struct device *d = g->devices;

	while (d && (strcmp(d->kind, kind) || d->id != id)) {
		d = d->next;
	}
	return d;
}

/* Claims every image and checks every bridge, before anything is built. */
static int prepare_devices(struct guest *g, bool helpers_run, char **err)
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

static int start_devices(struct guest *g, char **err)
{
	unsigned int index = 0;

	for (struct domspec_disk *k = g->spec->disks; k; k = k->next) {
		struct device *d = find_device(g, "vbd", domspec_vdev_id(k->vdev));

		if (device_start_disk(d, g->domid, k, 0, 0, err) < 0) {
			return -1;
		}
	}
	for (struct domspec_nic *n = g->spec->nics; n; n = n->next, index++) {
		struct device *d = find_device(g, "vif", (int)index);

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
	if (attach_write(store, &nodes, err) < 0) {
		goto out_device;
	}
	add_device(g, d);
	if (device_start_disk(d, g->domid, disk, 0, 0, err) < 0) {
		attach_remove_device(store, g->domid, d->kind, d->id);
		drop_device(g, d);
		d = NULL;
		goto out_device;
	}
	node_list_free(&nodes);
	save_guest(g);
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

		attach_remove_device(store, t->guest->domid, t->device->kind, id);
		drop_device(t->guest, t->device);
		forget_disk(t->guest, id);
		save_guest(t->guest);
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
	*late = (struct detach){ .guest = t->guest, .device = t->device, .done = ignore_done };
	end_detach(t, why);
	late->next = detaches;
	detaches = late;
	free(why);
}

void guest_detach_disk(struct guest *g, const char *vdev, bool force, guest_done_fn *done,
		       void *arg)
{
	struct device *d = find_device(g, "vbd", domspec_vdev_id(vdev));
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
	} else if (attach_request_close(store, g->domid, "vbd", d->id) < 0) {
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

/* ---- creation ---- */

static int write_nodes(struct guest *g, const struct pvboot_domain *dom, char **err)
{
	char *log_path = console_log_path(g->spec);
	struct nodes_domain d = {
		.domid = dom->domid,
		.store_mfn = dom->store_mfn,
		.console_mfn = dom->console_mfn,
		.store_port = dom->store_port,
		.console_port = dom->console_port,
		.console_log = log_path,
	};
	struct node_list nodes = { 0 };
	unsigned int index = 0;
	int rc;

	nodes_for_domain(&nodes, g->spec, &d);
	for (struct domspec_disk *k = g->spec->disks; k; k = k->next) {
		nodes_for_disk(&nodes, g->domid, k);
	}
	for (struct domspec_nic *n = g->spec->nics; n; n = n->next) {
		nodes_for_nic(&nodes, g->domid, index++, n);
	}
	rc = attach_write(store, &nodes, err);
	node_list_free(&nodes);
	free(log_path);
	return rc;
}

static int build_domain(struct guest *g, struct pvboot_domain *dom, char **err)
{
	struct pvboot_request req = {
		.memory = g->spec->memory,
		.memory_max = g->spec->memory_max,
		.vcpus_max = g->spec->vcpus_max,
		.kernel = g->spec->kernel,
		.ramdisk = g->spec->ramdisk,
		.cmdline = g->spec->cmdline ? g->spec->cmdline : "",
	};

	memcpy(req.uuid, g->spec->uuid, sizeof(req.uuid));
	return pvboot_build(hcall, &req, dom, err);
}

static int build_and_start(struct guest *g, char **err)
{
	struct pvboot_domain dom;
	int rc;

	if (prepare_devices(g, false, err) < 0 || build_domain(g, &dom, err) < 0) {
		return -1;
	}
	g->domid = dom.domid;
	save_guest(g);
	if (write_nodes(g, &dom, err) < 0) {
		return -1;
	}
	rc = store_introduce(store, dom.domid, (unsigned long)dom.store_mfn, dom.store_port);
	if (rc < 0) {
		return fail(err, "the store refused the new domain: %s", strerror(-rc));
	}
	if (start_devices(g, err) < 0) {
		return -1;
	}
	rc = hcall_domain_unpause(hcall, dom.domid);
	if (rc < 0) {
		return fail(err, "the hypervisor refused to start the domain: %s", strerror(-rc));
	}
	g->started = seconds_now();
	save_guest(g);
	return 0;
}

static struct guest *new_guest(struct domspec *spec)
{
	struct guest *g = xcalloc(1, sizeof(*g));

	g->spec = spec;
	g->started = seconds_now();
	g->next = guests;
	guests = g;
	return g;
}

void guest_create(struct domspec *spec, guest_done_fn *done, void *arg)
{
	char *err = domspec_check(spec);
	struct guest *g = err ? NULL : guest_find(spec->name);

	if (g) {
		err = xasprintf("there is a domain called %s already (domain %u%s)", g->spec->name,
				g->domid, g->ending ? ", ending" : "");
	}
	if (err) {
		done(arg, err);
		domspec_free(spec);
		free(err);
		return;
	}
	g = new_guest(spec);
	if (uuid_is_null(spec->uuid)) {
		uuid_generate(spec->uuid);
		g->generated_uuid = true;
	}
	if (build_and_start(g, &err) < 0) {
		g->create_error = err;
		add_waiter(g, done, arg);
		begin_end(g);
		return;
	}
	log_info("%s: domain %u created", spec->name, g->domid);
	done(arg, NULL);
}

/* ---- requests to a guest that runs ---- */

int guest_request(struct guest *g, const char *what, char **err)
{
	char *path;
	int rc;

	if (g->ending || g->ended_itself) {
		return fail(err, "domain %s is not running", g->spec->name);
	}
	path = xasprintf("/local/domain/%u/control/shutdown", g->domid);
	rc = store_write(store, STORE_NO_TX, path, "%s", what);
	free(path);
	return rc < 0 ? fail(err, "can't write to the store: %s", strerror(-rc)) : 0;
}

int guest_pause(struct guest *g, char **err)
{
	int rc = g->ending ? -ESRCH : hcall_domain_pause(hcall, g->domid);

	return rc < 0 ? fail(err, "domain %s: can't pause it: %s", g->spec->name, strerror(-rc))
		      : 0;
}

int guest_resume(struct guest *g, char **err)
{
	struct xen_domctl_getdomaininfo info;
	int rc = g->ending ? -ESRCH : hcall_domain_info(hcall, g->domid, &info);

	if (rc == 0 && !(info.flags & XEN_DOMINF_paused)) {
		return fail(err, "domain %s is not paused", g->spec->name);
	}
	rc = rc < 0 ? rc : hcall_domain_unpause(hcall, g->domid);
	return rc < 0 ? fail(err, "domain %s: can't resume it: %s", g->spec->name, strerror(-rc))
		      : 0;
}

/* ---- describing ---- */

struct json_object *guest_to_json(struct guest *g, bool full)
{
	struct json_object *o = json_object_new_object();
	struct xen_domctl_getdomaininfo info = { 0 };
	bool there = g->domid && hcall_domain_info(hcall, g->domid, &info) == 0;
	char uuid[37], *log_path = console_log_path(g->spec);
	unsigned int code;

	uuid_unparse_lower(g->spec->uuid, uuid);
	json_object_object_add(o, "name", json_object_new_string(g->spec->name));
	json_object_object_add(o, "domid", json_object_new_int(g->domid));
	json_object_object_add(o, "uuid", json_object_new_string(uuid));
	json_object_object_add(o, "state",
			       json_object_new_string(
				       g->ending || !there ? "dying" : policy_state(info.flags)));
	json_object_object_add(o, "memory", json_object_new_int64((int64_t)(info.tot_pages << 12)));
	json_object_object_add(o, "vcpus", json_object_new_int64(info.nr_online_vcpus));
	json_object_object_add(o, "cpu_seconds",
			       json_object_new_double((double)info.cpu_time / 1e9));
	if (there && policy_has_shut_down(info.flags, &code)) {
		json_object_object_add(o, "reason",
				       json_object_new_string(policy_shutdown_name(code)));
	}
	json_object_object_add(o, "console_log", json_object_new_string(log_path));
	if (full) {
		json_object_object_add(o, "max_memory",
				       json_object_new_int64((int64_t)(info.max_pages << 12)));
		json_object_object_add(o, "devices", devices_to_json(g));
		json_object_object_add(o, "spec", spec_to_object(g->spec));
	}
	free(log_path);
	return o;
}

struct json_object *guests_to_json(void)
{
	struct json_object *a = json_object_new_array();

	for (struct guest *g = guests; g; g = g->next) {
		json_object_array_add(a, guest_to_json(g, false));
	}
	return a;
}

struct json_object *guests_pids(void)
{
	struct json_object *a = json_object_new_array();

	for (struct guest *g = guests; g; g = g->next) {
		for (struct device *d = g->devices; d; d = d->next) {
			if (d->proc && proc_pid(d->proc)) {
				json_object_array_add(a, json_object_new_int(proc_pid(d->proc)));
			}
		}
	}
	return a;
}

void guests_kill_helpers(void)
{
	for (struct guest *g = guests; g; g = g->next) {
		for (struct device *d = g->devices; d; d = d->next) {
			if (d->proc) {
				proc_kill(d->proc, SIGKILL);
			}
		}
	}
}

/* ---- finding the guests of an earlier pavd ---- */

static struct json_object *get(struct json_object *o, const char *key)
{
	return json_object_object_get(o, key);
}

/* The saved pid and start time of a helper, or zeros. */
static void find_saved_helper(struct json_object *devices, const char *kind, int id, pid_t *pid,
			      unsigned long long *start)
{
	size_t n = json_object_is_type(devices, json_type_array) ? json_object_array_length(devices)
								 : 0;

	*pid = 1; /* nobody's: proc_adopt() then starts a new one */
	*start = 0;
	for (size_t i = 0; i < n; i++) {
		struct json_object *d = json_object_array_get_idx(devices, i);
		const char *k = json_object_get_string(get(d, "kind"));

		if (k && !strcmp(k, kind) && json_object_get_int(get(d, "id")) == id) {
			*pid = json_object_get_int(get(d, "pid"));
			*start = (unsigned long long)json_object_get_int64(get(d, "start_time"));
		}
	}
}

static int adopt_devices(struct guest *g, struct json_object *devices, char **err)
{
	unsigned int index = 0;
	unsigned long long start;
	pid_t pid;

	for (struct domspec_disk *k = g->spec->disks; k; k = k->next) {
		struct device *d = find_device(g, "vbd", domspec_vdev_id(k->vdev));

		find_saved_helper(devices, "vbd", d->id, &pid, &start);
		if (device_start_disk(d, g->domid, k, pid, start, err) < 0) {
			return -1;
		}
	}
	for (struct domspec_nic *n = g->spec->nics; n; n = n->next, index++) {
		struct device *d = find_device(g, "vif", (int)index);

		find_saved_helper(devices, "vif", d->id, &pid, &start);
		if (device_start_nic(d, g->domid, n, pid, start, err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* Whether the domain with that id is still the one we built. */
static bool is_same_domain(const struct guest *g)
{
	struct xen_domctl_getdomaininfo info;

	return g->domid && hcall_domain_info(hcall, g->domid, &info) == 0 &&
	       !memcmp(info.handle, g->spec->uuid, sizeof(g->spec->uuid));
}

static void adopt_guest(struct json_object *o, struct domspec *spec)
{
	struct guest *g = new_guest(spec);
	char *err = NULL;

	g->domid = (domid_t)json_object_get_int(get(o, "domid"));
	g->restart = json_object_get_boolean(get(o, "restart"));
	g->generated_uuid = json_object_get_boolean(get(o, "generated_uuid"));
	if (!is_same_domain(g)) {
		/* It went while nobody looked.  Its domid may be someone else's by now: only clear our traces. */
		log_warn("%s: domain %u has gone meanwhile", spec->name, g->domid);
		for (struct domspec_disk *k = spec->disks; k; k = k->next) {
			attach_remove_device(store, g->domid, "vbd", domspec_vdev_id(k->vdev));
		}
		attach_remove_domain(store, g->domid, spec->uuid);
		g->domid = 0;
		begin_end(g);
		return;
	}
	if (prepare_devices(g, true, &err) < 0 || adopt_devices(g, get(o, "devices"), &err) < 0) {
		log_error("%s: %s", spec->name, err);
		free(err);
	}
	log_info("%s: found again as domain %u", spec->name, g->domid);
	if (json_object_get_boolean(get(o, "ending"))) {
		begin_end(g);
	} else {
		save_guest(g);
	}
}

static void adopt_file(const char *path)
{
	struct buf text = { 0 };
	struct json_object *o = NULL;
	struct domspec *spec = NULL;
	char *err = NULL;

	if (file_read(path, 1 << 20, &text, &err) == 0) {
		o = json_tokener_parse(text.data);
	}
	if (json_object_is_type(o, json_type_object) && get(o, "spec")) {
		spec = domspec_from_json(json_object_to_json_string(get(o, "spec")), &err);
	}
	if (spec) {
		adopt_guest(o, spec);
	} else {
		log_error("%s: not understood (%s); left alone", path, err ? err : "not JSON");
	}
	json_object_put(o);
	buf_free(&text);
	free(err);
}

void guests_init(struct hcall *h, struct store *s)
{
	struct dirent *e;
	DIR *dir;

	hcall = h;
	store = s;
	if (file_mkdirs(STATE_DIR, 0700) < 0) {
		die("can't create %s: %s", STATE_DIR, strerror(errno));
	}
	dir = opendir(STATE_DIR);
	while (dir && (e = readdir(dir))) {
		size_t n = strlen(e->d_name);

		if (n > 5 && !strcmp(e->d_name + n - 5, ".json")) {
			char *path = xasprintf("%s/%s", STATE_DIR, e->d_name);

			adopt_file(path);
			free(path);
		}
	}
	if (dir) {
		closedir(dir);
	}
	guests_check();
}
