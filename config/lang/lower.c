/* A domain's settings become its domspec; what one attribute alone cannot tell is checked here. */
#include <arpa/inet.h>
#include <ctype.h>
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
		diag_error(ev->diag, s->pos, "disk %s needs a file: disk %s { file \"...\" }",
			   s->key, s->key);
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
	(*at)->path = copy(file->value.text);
	(*at)->readonly = inner(s, "readonly") != NULL;
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	static const char hex[] = "0123456789abcdef";

	if (strlen(text) != 17) {
		return false;
	}
	for (int i = 0; i < 17; i++) {
		const char *digit = strchr(hex, tolower((unsigned char)text[i]));

		if (i % 3 == 2 ? text[i] != ':' : !digit) {
			return false;
		}
		if (i % 3 != 2) {
			mac[i / 3] = (uint8_t)(mac[i / 3] << 4 | (digit - hex));
		}
	}
	return !(mac[0] & 1);
}

/* "10.20.0.5/24" */
static bool good_address(const char *text)
{
	char address[INET_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	struct in_addr in;

	if (!slash || (size_t)(slash - text) >= sizeof(address) ||
	    strspn(slash + 1, "0123456789") != strlen(slash + 1) || !slash[1] ||
	    strlen(slash) > 3 || atoi(slash + 1) > 32) {
		return false;
	}
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = 0;
	return inet_pton(AF_INET, address, &in) == 1;
}

static void lower_nic(struct eval *ev, struct domspec *d, const struct setting *s)
{
	const struct setting *bridge = inner(s, "bridge"), *mac = inner(s, "mac"),
			     *ip = inner(s, "ip");
	struct domspec_nic **at = &d->nics;

	if (!bridge) {
		diag_error(ev->diag, s->pos, "nic %s needs a bridge: nic %s { bridge \"br0\" }",
			   s->key, s->key);
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
	if (ip && !good_address(ip->value.text)) {
		diag_error(ev->diag, ip->pos,
			   "'%s' is not an address with its prefix, such as 10.20.0.5/24",
			   ip->value.text);
	}
	(*at)->ip = ip ? copy(ip->value.text) : NULL;
	if (mac && strcmp(mac->value.text, "auto") != 0 &&
	    !parse_mac(mac->value.text, (*at)->mac)) {
		diag_error(ev->diag, mac->pos,
			   "'%s' is not a unicast MAC address such as 00:16:3e:12:34:56",
			   mac->value.text);
	}
}

static void lower_on(struct eval *ev, struct domspec *d, const struct setting *s)
{
	enum domspec_action *at = strcmp(s->key, "crash") == 0	  ? &d->on_crash
				  : strcmp(s->key, "reboot") == 0 ? &d->on_reboot
								  : &d->on_poweroff;
	const struct setting *a = s->inside;

	if (!a || a->next) {
		diag_error(ev->diag, s->pos,
			   "'on %s' takes one of destroy, restart, preserve in its block", s->key);
		return;
	}
	*at = is(a, "destroy")	 ? DOMSPEC_DESTROY
	      : is(a, "restart") ? DOMSPEC_RESTART
				 : DOMSPEC_PRESERVE;
}

static void lower_one(struct eval *ev, struct domspec *d, const struct setting *s)
{
	bool pair = s->extra.kind == VALUE_NUMBER;

	if (s->value.kind == VALUE_ERROR &&
	    (s->noun->takes == TAKES_SIZE || s->noun->takes == TAKES_COUNT ||
	     s->noun->takes == TAKES_STRING)) {
		return; /* already reported */
	}
	if (is(s, "memory")) {
		d->memory = s->value.number;
		d->memory_max = pair ? s->extra.number : d->memory;
	} else if (is(s, "vcpus")) {
		d->vcpus = s->value.number > 1024 ? 1024 : (unsigned int)s->value.number;
		d->vcpus_max = pair ? (s->extra.number > 1024 ? 1024
							      : (unsigned int)s->extra.number)
				    : d->vcpus;
	} else if (is(s, "kernel")) {
		replace(&d->kernel, s->value.text);
	} else if (is(s, "ramdisk")) {
		replace(&d->ramdisk, s->value.text);
	} else if (is(s, "cmdline")) {
		replace(&d->cmdline, s->value.text);
	} else if (is(s, "uuid")) {
		if (uuid_parse(s->value.text, d->uuid)) {
			diag_error(ev->diag, s->pos, "'%s' is not a UUID", s->value.text);
		}
	} else if (is(s, "console")) {
		const struct setting *log = inner(s, "log");

		if (log) {
			replace(&d->console_log, log->value.text);
		}
	} else if (is(s, "disk")) {
		lower_disk(ev, d, s);
	} else if (is(s, "nic")) {
		lower_nic(ev, d, s);
	} else if (is(s, "on")) {
		lower_on(ev, d, s);
	}
}

/* Where the domain says WORD (KEY, if that is not NULL); the domain itself if it does not. */
static struct pos place_of(const struct checked_domain *c, const char *word, const char *key)
{
	for (const struct setting *s = c->settings; s; s = s->next) {
		if (is(s, word) && (!key || (s->key && strcmp(s->key, key) == 0))) {
			return s->pos;
		}
	}
	return c->pos;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n && !p[n - 1]) {
		n--;
	}
	return n == 0;
}

/* The interface of A whose address one of B's has, too. */
static const struct domspec_nic *shared_mac(const struct domspec *a, const struct domspec *b)
{
	for (const struct domspec_nic *x = a->nics; x; x = x->next) {
		for (const struct domspec_nic *y = b->nics; y; y = y->next) {
			if (!is_zero(x->mac, 6) && memcmp(x->mac, y->mac, 6) == 0) {
				return x;
			}
		}
	}
	return NULL;
}

/* What must be one domain's own is not another's: copies of a block are easily made. */
static void check_identity(struct eval *ev, const struct domspec *list, const struct domspec *d,
			   const struct checked_domain *c)
{
	for (; list != d; list = list->next) {
		const struct domspec_nic *nic = shared_mac(d, list);

		if (!is_zero(d->uuid, 16) && memcmp(d->uuid, list->uuid, 16) == 0) {
			diag_error(ev->diag, place_of(c, "uuid", NULL),
				   "domains %s and %s have the same uuid", list->name, d->name);
		}
		if (nic) {
			diag_error(ev->diag, place_of(c, "nic", nic->name),
				   "domains %s and %s have the same mac", list->name, d->name);
		}
	}
}

void lower_domains(struct lang_file *f, struct eval *ev)
{
	struct domspec **at = &f->specs;

	for (const struct checked_domain *c = f->domains; c; c = c->next) {
		struct domspec *d = domspec_new(c->name);
		unsigned int before = ev->diag->errors;
		struct domspec_culprit culprit;
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
		check_identity(ev, f->specs, d, c);
		why = ev->diag->errors == before ? domspec_check_at(d, &culprit) : NULL;
		if (why) {
			diag_error(ev->diag, place_of(c, culprit.word, culprit.key), "%s", why);
			free(why);
		}
	}
}
