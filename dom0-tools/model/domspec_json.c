/*
 * Domain specs as JSON: what `pav` sends to pavd, what pavd keeps for its own
 * restart, and a way in for other programs.  Unknown keys are refused, so that a
 * misspelt word is never a silent default.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "dom0-tools/libpav/die.h"
#include "dom0-tools/model/domspec.h"

static const char *const action_names[] = { "destroy", "restart", "preserve" };

static void add_string(struct json_object *o, const char *key, const char *value)
{
	if (value) {
		json_object_object_add(o, key, json_object_new_string(value));
	}
}

static struct json_object *disk_to_json(const struct domspec_disk *d)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "vdev", d->vdev);
	add_string(o, "path", d->path);
	json_object_object_add(o, "readonly", json_object_new_boolean(d->readonly));
	return o;
}

static struct json_object *nic_to_json(const struct domspec_nic *n)
{
	struct json_object *o = json_object_new_object();
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1], n->mac[2],
		 n->mac[3], n->mac[4], n->mac[5]);
	add_string(o, "name", n->name);
	add_string(o, "bridge", n->bridge);
	add_string(o, "ip", n->ip);
	if (strcmp(mac, "00:00:00:00:00:00")) {
		add_string(o, "mac", mac);
	}
	return o;
}

static void add_devices(struct json_object *o, const struct domspec *s)
{
	struct json_object *disks = json_object_new_array(), *nics = json_object_new_array();

	for (const struct domspec_disk *d = s->disks; d; d = d->next) {
		json_object_array_add(disks, disk_to_json(d));
	}
	for (const struct domspec_nic *n = s->nics; n; n = n->next) {
		json_object_array_add(nics, nic_to_json(n));
	}
	json_object_object_add(o, "disks", disks);
	json_object_object_add(o, "nics", nics);
}

char *domspec_to_json(const struct domspec *s)
{
	struct json_object *o = json_object_new_object();
	char uuid[37], *text;

	add_string(o, "name", s->name);
	if (!uuid_is_null(s->uuid)) {
		uuid_unparse_lower(s->uuid, uuid);
		add_string(o, "uuid", uuid);
	}
	json_object_object_add(o, "memory", json_object_new_int64((int64_t)s->memory));
	json_object_object_add(o, "memory_max", json_object_new_int64((int64_t)s->memory_max));
	json_object_object_add(o, "vcpus", json_object_new_int64(s->vcpus));
	json_object_object_add(o, "vcpus_max", json_object_new_int64(s->vcpus_max));
	add_string(o, "kernel", s->kernel);
	add_string(o, "ramdisk", s->ramdisk);
	add_string(o, "cmdline", s->cmdline);
	add_string(o, "console_log", s->console_log);
	add_string(o, "on_poweroff", action_names[s->on_poweroff]);
	add_string(o, "on_reboot", action_names[s->on_reboot]);
	add_string(o, "on_crash", action_names[s->on_crash]);
	add_devices(o, s);
	add_string(o, "source", s->source);
	text = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
								 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return text;
}

static int get_string(struct json_object *v, const char *key, char **out, char **err)
{
	if (!json_object_is_type(v, json_type_string)) {
		return fail(err, "\"%s\" is not a string", key);
	}
	if (strlen(json_object_get_string(v)) != (size_t)json_object_get_string_len(v)) {
		return fail(err, "\"%s\" has a zero byte in it", key);
	}
	free(*out);
	*out = xstrdup(json_object_get_string(v));
	return 0;
}

static int get_number(struct json_object *v, const char *key, uint64_t max, uint64_t *out,
		      char **err)
{
	int64_t n = json_object_get_int64(v);

	if (!json_object_is_type(v, json_type_int)) {
		return fail(err, "\"%s\" is not a whole number", key);
	}
	if (n < 0 || (uint64_t)n > max) {
		return fail(err, "\"%s\" is out of range", key);
	}
	*out = (uint64_t)n;
	return 0;
}

static int get_action(struct json_object *v, const char *key, enum domspec_action *out, char **err)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";

	for (int i = 0; i < 3; i++) {
		if (!strcmp(s, action_names[i])) {
			*out = (enum domspec_action)i;
			return 0;
		}
	}
	return fail(err, "\"%s\" is not destroy, restart or preserve", key);
}

static int get_mac(struct json_object *v, uint8_t *mac, char **err)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
	int used = 0;

	if (sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5], &used) != 6 ||
	    used != 17 || s[used]) {
		return fail(err, "\"%s\" is not a MAC address such as 00:16:3e:12:34:56", s);
	}
	return 0;
}

static int read_disk(struct json_object *o, struct domspec_disk *d, char **err)
{
	json_object_object_foreach(o, key, v)
	{
		int rc;

		if (!strcmp(key, "vdev")) {
			rc = get_string(v, key, &d->vdev, err);
		} else if (!strcmp(key, "path")) {
			rc = get_string(v, key, &d->path, err);
		} else if (!strcmp(key, "readonly") && json_object_is_type(v, json_type_boolean)) {
			d->readonly = json_object_get_boolean(v);
			rc = 0;
		} else {
			rc = fail(err, "a disk has no \"%s\" like this", key);
		}
		if (rc < 0) {
			return -1;
		}
	}
	return 0;
}

static int read_nic(struct json_object *o, struct domspec_nic *n, char **err)
{
	json_object_object_foreach(o, key, v)
	{
		int rc;

		if (!strcmp(key, "name")) {
			rc = get_string(v, key, &n->name, err);
		} else if (!strcmp(key, "bridge")) {
			rc = get_string(v, key, &n->bridge, err);
		} else if (!strcmp(key, "ip")) {
			rc = get_string(v, key, &n->ip, err);
		} else if (!strcmp(key, "mac")) {
			rc = get_mac(v, n->mac, err);
		} else {
			rc = fail(err, "a nic has no \"%s\" like this", key);
		}
		if (rc < 0) {
			return -1;
		}
	}
	return 0;
}

/* The elements of the array under key, or -1 if it isn't an array of objects. */
static int check_array(struct json_object *v, const char *key, char **err)
{
	size_t n;

	if (!json_object_is_type(v, json_type_array)) {
		return fail(err, "\"%s\" is not a list", key);
	}
	n = json_object_array_length(v);
	if (n > 256) {
		return fail(err, "\"%s\" has more than 256 elements", key);
	}
	for (size_t i = 0; i < n; i++) {
		if (!json_object_is_type(json_object_array_get_idx(v, i), json_type_object)) {
			return fail(err, "\"%s\" has an element that is not an object", key);
		}
	}
	return (int)n;
}

static int read_disks(struct json_object *v, struct domspec *s, char **err)
{
	struct domspec_disk **tail = &s->disks;
	int n = check_array(v, "disks", err);

	for (int i = 0; i < n; i++) {
		*tail = xcalloc(1, sizeof(**tail));
		if (read_disk(json_object_array_get_idx(v, (size_t)i), *tail, err) < 0) {
			return -1;
		}
		tail = &(*tail)->next;
	}
	return n < 0 ? -1 : 0;
}

static int read_nics(struct json_object *v, struct domspec *s, char **err)
{
	struct domspec_nic **tail = &s->nics;
	int n = check_array(v, "nics", err);

	for (int i = 0; i < n; i++) {
		*tail = xcalloc(1, sizeof(**tail));
		if (read_nic(json_object_array_get_idx(v, (size_t)i), *tail, err) < 0) {
			return -1;
		}
		tail = &(*tail)->next;
	}
	return n < 0 ? -1 : 0;
}

static int read_uuid(struct json_object *v, struct domspec *s, char **err)
{
	if (!json_object_is_type(v, json_type_string) ||
	    uuid_parse(json_object_get_string(v), s->uuid) < 0) {
		return fail(err, "\"uuid\" is not a UUID");
	}
	return 0;
}

/* What was set, so that a maximum that was not follows the value it bounds. */
struct seen {
	bool memory_max, vcpus_max;
};

static int read_key(const char *key, struct json_object *v, struct domspec *s, struct seen *seen,
		    char **err)
{
	const struct {
		const char *key;
		char **out;
	} strings[] = {
		{ "name", &s->name },
		{ "kernel", &s->kernel },
		{ "ramdisk", &s->ramdisk },
		{ "cmdline", &s->cmdline },
		{ "console_log", &s->console_log },
		{ "source", &s->source },
	};
	const struct {
		const char *key;
		enum domspec_action *out;
	} actions[] = {
		{ "on_poweroff", &s->on_poweroff },
		{ "on_reboot", &s->on_reboot },
		{ "on_crash", &s->on_crash },
	};
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		if (!strcmp(key, strings[i].key)) {
			return get_string(v, key, strings[i].out, err);
		}
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (!strcmp(key, actions[i].key)) {
			return get_action(v, key, actions[i].out, err);
		}
	}
	if (!strcmp(key, "memory")) {
		return get_number(v, key, INT64_MAX, &s->memory, err);
	}
	if (!strcmp(key, "memory_max")) {
		seen->memory_max = true;
		return get_number(v, key, INT64_MAX, &s->memory_max, err);
	}
	if (!strcmp(key, "vcpus") || !strcmp(key, "vcpus_max")) {
		if (get_number(v, key, 1u << 20, &n, err) < 0) {
			return -1;
		}
		*(strcmp(key, "vcpus") ? &s->vcpus_max : &s->vcpus) = (unsigned int)n;
		seen->vcpus_max |= strcmp(key, "vcpus") != 0;
		return 0;
	}
	if (!strcmp(key, "uuid")) {
		return read_uuid(v, s, err);
	}
	if (!strcmp(key, "disks")) {
		return read_disks(v, s, err);
	}
	if (!strcmp(key, "nics")) {
		return read_nics(v, s, err);
	}
	return fail(err, "a domain has no \"%s\"", key);
}

static struct domspec *read_domain(struct json_object *o, char **err)
{
	struct domspec *s = domspec_new("");
	struct seen seen = { 0 };

	json_object_object_foreach(o, key, v)
	{
		if (read_key(key, v, s, &seen, err) < 0) {
			domspec_free(s);
			return NULL;
		}
	}
	if (!seen.memory_max) {
		s->memory_max = s->memory;
	}
	if (!seen.vcpus_max) {
		s->vcpus_max = s->vcpus;
	}
	return s;
}

struct domspec *domspec_from_json(const char *text, char **err)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o = json_tokener_parse_ex(tok, text, (int)strlen(text));
	enum json_tokener_error why = json_tokener_get_error(tok);
	size_t end = json_tokener_get_parse_end(tok);
	struct domspec *s = NULL;

	if (why == json_tokener_success && text[end + strspn(text + end, " \t\r\n")]) {
		fail(err, "not one JSON object: there is more text at byte %zu", end);
	} else if (why != json_tokener_success) {
		fail(err, "not JSON: %s at byte %zu",
		     why == json_tokener_continue ? "it ends too early"
						  : json_tokener_error_desc(why),
		     end);
	} else if (!json_object_is_type(o, json_type_object)) {
		fail(err, "not a JSON object");
	} else {
		s = read_domain(o, err);
	}
	json_object_put(o);
	json_tokener_free(tok);
	return s;
}
