/* A domain's settings become its domspec; what one attribute alone cannot tell is checked here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "config/lang/check.h"

static char *copy(const char *s)
{
	char *p = strdup(s);

	if (!p) {
		abort();
	}
	return p;
}

static void replace(char **field, const char *s)
{
	free(*field);
	*field = copy(s);
}

/* Relative paths are relative to the file that says them. */
static void replace_path(char **field, const struct setting *s)
{
	char *full = NULL;

	if (s->value.text[0] == '/') {
		replace(field, s->value.text);
		return;
	}
	if (asprintf(&full, "%s/%s", s->pos.src->dir, s->value.text) < 0) {
		abort();
	}
	free(*field);
	*field = full;
}

static bool is(const struct setting *s, const char *word)
{
	return strcmp(s->noun->word, word) == 0;
}

static const struct setting *inner(const struct setting *s, const char *word)
{
	for (const struct setting *i = s->inside; i; i = i->next) {
		if (is(i, word)) {
			return i;
		}
	}
	return NULL;
}

static void lower_disk(struct eval *ev, struct domspec *d, const struct setting *s)
{
	const struct setting *file = inner(s, "file");
	struct domspec_disk **at = &d->disks;

	if (!file) {
		diag_error(ev->diag, s->pos, "disk %s needs a file: disk %s { file \"...\" }", s->key, s->key);
		return;
	}
	while (*at) {
		at = &(*at)->next;
	}
	*at = calloc(1, sizeof(**at));
	if (!*at) {
		abort();
	}
	(*at)->vdev = copy(s->key);
	replace_path(&(*at)->path, file);
	(*at)->readonly = inner(s, "readonly") != NULL;
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	char end;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		      &mac[5], &end) == 6 && strlen(text) == 17 && !(mac[0] & 1);
}

static void lower_nic(struct eval *ev, struct domspec *d, const struct setting *s)
{
	const struct setting *bridge = inner(s, "bridge"), *mac = inner(s, "mac"), *ip = inner(s, "ip");
	struct domspec_nic **at = &d->nics;

	if (!bridge) {
		diag_error(ev->diag, s->pos, "nic %s needs a bridge: nic %s { bridge \"br0\" }", s->key, s->key);
		return;
	}
	while (*at) {
		at = &(*at)->next;
	}
	*at = calloc(1, sizeof(**at));
	if (!*at) {
		abort();
	}
	(*at)->name = copy(s->key);
	(*at)->bridge = copy(bridge->value.text);
	(*at)->ip = ip ? copy(ip->value.text) : NULL;
	if (mac && strcmp(mac->value.text, "auto") != 0 && !parse_mac(mac->value.text, (*at)->mac)) {
		diag_error(ev->diag, mac->pos, "'%s' is not a unicast MAC address such as 00:16:3e:12:34:56",
			   mac->value.text);
	}
}

static void lower_on(struct eval *ev, struct domspec *d, const struct setting *s)
{
	enum domspec_action *at = strcmp(s->key, "crash") == 0 ? &d->on_crash :
				  strcmp(s->key, "reboot") == 0 ? &d->on_reboot : &d->on_poweroff;
	const struct setting *a = s->inside;

	if (!a || a->next) {
		diag_error(ev->diag, s->pos, "'on %s' takes one of destroy, restart, preserve in its block", s->key);
		return;
	}
	*at = is(a, "destroy") ? DOMSPEC_DESTROY : is(a, "restart") ? DOMSPEC_RESTART : DOMSPEC_PRESERVE;
}

static void lower_one(struct eval *ev, struct domspec *d, const struct setting *s)
{
	bool pair = s->extra.kind == VALUE_NUMBER;

	if (s->value.kind == VALUE_ERROR && (s->noun->takes == TAKES_SIZE || s->noun->takes == TAKES_COUNT ||
					     s->noun->takes == TAKES_STRING)) {
		return;		/* already reported */
	}
	if (is(s, "memory")) {
		d->memory = s->value.number;
		d->memory_max = pair ? s->extra.number : d->memory;
	} else if (is(s, "vcpus")) {
		d->vcpus = s->value.number > 1024 ? 1024 : (unsigned int)s->value.number;
		d->vcpus_max = pair ? (s->extra.number > 1024 ? 1024 : (unsigned int)s->extra.number) : d->vcpus;
	} else if (is(s, "kernel")) {
		replace_path(&d->kernel, s);
	} else if (is(s, "ramdisk")) {
		replace_path(&d->ramdisk, s);
	} else if (is(s, "cmdline")) {
		replace(&d->cmdline, s->value.text);
	} else if (is(s, "uuid")) {
		if (uuid_parse(s->value.text, d->uuid)) {
			diag_error(ev->diag, s->pos, "'%s' is not a UUID", s->value.text);
		}
	} else if (is(s, "console")) {
		const struct setting *log = inner(s, "log");

		if (log) {
			replace_path(&d->console_log, log);
		}
	} else if (is(s, "disk")) {
		lower_disk(ev, d, s);
	} else if (is(s, "nic")) {
		lower_nic(ev, d, s);
	} else if (is(s, "on")) {
		lower_on(ev, d, s);
	}
}

void lower_domains(struct lang_file *f, struct eval *ev)
{
	struct domspec **at = &f->specs;

	for (const struct checked_domain *c = f->domains; c; c = c->next) {
		struct domspec *d = domspec_new(c->name);
		unsigned int before = ev->diag->errors;
		char *why;

		if (!d) {
			abort();
		}
		free(d->source);
		if (asprintf(&d->source, "%s:%d", c->pos.src->name, c->pos.line) < 0) {
			abort();
		}
		for (const struct setting *s = c->settings; s; s = s->next) {
			lower_one(ev, d, s);
		}
		*at = d;
		at = &d->next;
		why = ev->diag->errors == before ? domspec_check(d) : NULL;
		if (why) {
			diag_error(ev->diag, c->pos, "%s", why);
			free(why);
		}
	}
}
