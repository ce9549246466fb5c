/* The list of guests: finding one, waiting for it, asking something of it, describing it. */
#include "dom0-tools/pavd/guest_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/pavd/policy.h"

#define CONSOLE_LOG_DIR "/var/log/pavane/console"

struct hcall *guests_hcall;
struct store *guests_store;
struct guest *guests_all;

time_t guest_seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

struct guest *guest_new(struct domspec *spec)
{
	struct guest *g = xcalloc(1, sizeof(*g));

	g->spec = spec;
	g->started = guest_seconds_now();
	g->next = guests_all;
	guests_all = g;
	return g;
}

struct guest *guest_find(const char *name)
{
	char *end;
	unsigned long id = strtoul(name, &end, 10);
	bool is_id = *name >= '0' && *name <= '9' && !*end;

	for (struct guest *g = guests_all; g; g = g->next) {
		if (!strcmp(g->spec->name, name)) {
			return g;
		}
	}
	for (struct guest *g = guests_all; is_id && g; g = g->next) {
		if (g->domid == id && g->domid) {
			return g;
		}
	}
	return NULL;
}

char *guest_console_log(const struct domspec *spec)
{
	return spec->console_log ? xstrdup(spec->console_log)
				 : xasprintf("%s/%s.log", CONSOLE_LOG_DIR, spec->name);
}

/* ---- waiting ---- */

void guest_add_waiter(struct guest *g, guest_done_fn *done, void *arg)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	*w = (struct waiter){ .done = done, .arg = arg, .next = g->waiters };
	g->waiters = w;
}

void guest_tell_waiters(struct guest *g, const char *err)
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
	guest_add_waiter(g, done, arg);
}

void guest_ignore_done(void *arg, const char *err)
{
	(void)arg;
	(void)err;
}

void guest_cancel_waits(void *arg)
{
	for (struct guest *g = guests_all; g; g = g->next) {
		for (struct waiter *w = g->waiters; w; w = w->next) {
			if (w->arg == arg) {
				w->done = guest_ignore_done;
			}
		}
	}
	guest_cancel_detaches(arg);
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
	rc = store_write(guests_store, STORE_NO_TX, path, "%s", what);
	free(path);
	return rc < 0 ? fail(err, "can't write to the store: %s", strerror(-rc)) : 0;
}

int guest_pause(struct guest *g, char **err)
{
	int rc = g->ending ? -ESRCH : hcall_domain_pause(guests_hcall, g->domid);

	return rc < 0 ? fail(err, "domain %s: can't pause it: %s", g->spec->name, strerror(-rc))
		      : 0;
}

int guest_resume(struct guest *g, char **err)
{
	struct xen_domctl_getdomaininfo info;
	int rc = g->ending ? -ESRCH : hcall_domain_info(guests_hcall, g->domid, &info);

	if (rc == 0 && !(info.flags & XEN_DOMINF_paused)) {
		return fail(err, "domain %s is not paused", g->spec->name);
	}
	rc = rc < 0 ? rc : hcall_domain_unpause(guests_hcall, g->domid);
	return rc < 0 ? fail(err, "domain %s: can't resume it: %s", g->spec->name, strerror(-rc))
		      : 0;
}

/* ---- describing ---- */

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

struct json_object *guest_devices_json(const struct guest *g)
{
	struct json_object *a = json_object_new_array();

	for (const struct device *d = g->devices; d; d = d->next) {
		json_object_array_add(a, device_to_json(d));
	}
	return a;
}

struct json_object *guest_spec_json(const struct domspec *spec)
{
	char *text = domspec_to_json(spec);
	struct json_object *o = json_tokener_parse(text);

	free(text);
	return o;
}

struct json_object *guest_to_json(struct guest *g, bool full)
{
	struct json_object *o = json_object_new_object();
	struct xen_domctl_getdomaininfo info = { 0 };
	bool there = g->domid && hcall_domain_info(guests_hcall, g->domid, &info) == 0;
	char uuid[37], *log_path = guest_console_log(g->spec);
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
		json_object_object_add(o, "devices", guest_devices_json(g));
		json_object_object_add(o, "spec", guest_spec_json(g->spec));
	}
	free(log_path);
	return o;
}

struct json_object *guests_to_json(void)
{
	struct json_object *a = json_object_new_array();

	for (struct guest *g = guests_all; g; g = g->next) {
		json_object_array_add(a, guest_to_json(g, false));
	}
	return a;
}

struct json_object *guests_pids(void)
{
	struct json_object *a = json_object_new_array();

	for (struct guest *g = guests_all; g; g = g->next) {
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
	for (struct guest *g = guests_all; g; g = g->next) {
		for (struct device *d = g->devices; d; d = d->next) {
			if (d->proc) {
				proc_kill(d->proc, SIGKILL);
			}
		}
	}
}
