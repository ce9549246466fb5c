/* The file that lets the next pavd find a guest, and finding it. */
#include "dom0-tools/pavd/guest_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom0-tools/devs/attach.h"
#include "dom0-tools/libpav/buf.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

#define STATE_DIR "/run/pavane/domains"

static char *state_path(const struct guest *g)
{
	return xasprintf("%s/%s.json", STATE_DIR, g->spec->name);
}

void guest_save(const struct guest *g)
{
	struct json_object *o = json_object_new_object();
	char *path = state_path(g), *err = NULL;
	const char *text;

	json_object_object_add(o, "domid", json_object_new_int(g->domid));
	json_object_object_add(o, "ending", json_object_new_boolean(g->ending));
	json_object_object_add(o, "restart", json_object_new_boolean(g->restart));
	json_object_object_add(o, "generated_uuid", json_object_new_boolean(g->generated_uuid));
	json_object_object_add(o, "spec", guest_spec_json(g->spec));
	json_object_object_add(o, "devices", guest_devices_json(g));
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
	for (struct guest *g = guests_all; g; g = g->next) {
		guest_save(g);
	}
}

void guest_unsave(const struct guest *g)
{
	char *path = state_path(g);

	unlink(path);
	free(path);
}

/* ---- the next pavd ---- */

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
		struct device *d = guest_find_device(g, "vbd", domspec_vdev_id(k->vdev));

		find_saved_helper(devices, "vbd", d->id, &pid, &start);
		if (device_start_disk(d, g->domid, k, pid, start, err) < 0) {
			return -1;
		}
	}
	for (struct domspec_nic *n = g->spec->nics; n; n = n->next, index++) {
		struct device *d = guest_find_device(g, "vif", (int)index);

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

	return g->domid && hcall_domain_info(guests_hcall, g->domid, &info) == 0 &&
	       !memcmp(info.handle, g->spec->uuid, sizeof(g->spec->uuid));
}

static void adopt_guest(struct json_object *o, struct domspec *spec)
{
	struct guest *g = guest_new(spec);
	char *err = NULL;

	g->domid = (domid_t)json_object_get_int(get(o, "domid"));
	g->restart = json_object_get_boolean(get(o, "restart"));
	g->generated_uuid = json_object_get_boolean(get(o, "generated_uuid"));
	if (!is_same_domain(g)) {
		/* It went while nobody looked.  Its domid may be someone else's by now: only clear our traces. */
		log_warn("%s: domain %u has gone meanwhile", spec->name, g->domid);
		for (struct domspec_disk *k = spec->disks; k; k = k->next) {
			attach_remove_device(guests_store, g->domid, "vbd",
					     domspec_vdev_id(k->vdev));
		}
		attach_remove_domain(guests_store, g->domid, spec->uuid);
		g->domid = 0;
		guest_begin_end(g);
		return;
	}
	if (guest_prepare_devices(g, true, &err) < 0 ||
	    adopt_devices(g, get(o, "devices"), &err) < 0) {
		log_error("%s: %s", spec->name, err);
		free(err);
	}
	log_info("%s: found again as domain %u", spec->name, g->domid);
	if (json_object_get_boolean(get(o, "ending"))) {
		guest_begin_end(g);
	} else {
		guest_save(g);
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

	guests_hcall = h;
	guests_store = s;
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
