/* Permission lists: parsing, printing, and the one question asked of them. */
#include "xenstore-like/perms.h"

#include "xenstore-like/mem.h"

static const char perm_letter[] = { 'n', 'r', 'w', 'b' };

static struct perms *perms_alloc(unsigned int count)
{
	struct perms *p = mem_alloc(sizeof(*p) + count * sizeof(p->entry[0]));

	p->refs = 1;
	p->count = count;
	return p;
}

struct perms *perms_new(unsigned int owner, unsigned int others)
{
	struct perms *p = perms_alloc(1);

	p->entry[0] = (struct perm){ .domid = (uint16_t)owner, .bits = (uint8_t)others };
	return p;
}

struct perms *perms_get(struct perms *p)
{
	p->refs++;
	return p;
}

void perms_put(struct perms *p)
{
	if (p && --p->refs == 0) {
		free(p);
	}
}

struct perms *perms_with_owner(const struct perms *p, unsigned int owner)
{
	struct perms *out = perms_alloc(p->count);

	memcpy(out->entry, p->entry, p->count * sizeof(p->entry[0]));
	out->entry[0].domid = (uint16_t)owner;
	return out;
}

struct perms *perms_without(const struct perms *p, unsigned int domid)
{
	struct perms *out;
	unsigned int kept = 0;
	bool named = false;

	for (unsigned int i = 0; i < p->count; i++) {
		named = named || p->entry[i].domid == domid;
	}
	if (!named) {
		return NULL;
	}
	out = perms_alloc(p->count);
	for (unsigned int i = 0; i < p->count; i++) {
		if (i == 0 || p->entry[i].domid != domid) {
			out->entry[kept++] = p->entry[i];
		}
	}
	if (out->entry[0].domid == domid) {
		out->entry[0].domid = 0;
	}
	out->count = kept;
	return out;
}

/* One entry at text; false if it is not a letter and a domain number. */
static bool parse_entry(const char *text, struct perm *out)
{
	unsigned long domid = 0;
	const char *p = text + 1;
	unsigned int bits;

	for (bits = 0; bits < sizeof(perm_letter) && perm_letter[bits] != text[0]; bits++) {
	}
	if (bits == sizeof(perm_letter) || !*p) {
		return false;
	}
	for (; *p; p++) {
		if (*p < '0' || *p > '9') {
			return false;
		}
		domid = domid * 10 + (unsigned long)(*p - '0');
		if (domid >= STORE_DOMID_LIMIT) {
			return false;
		}
	}
	*out = (struct perm){ .domid = (uint16_t)domid, .bits = (uint8_t)bits };
	return true;
}

struct perms *perms_parse(const char *text, size_t len)
{
	struct perms *p;
	unsigned int count = 0;

	if (!len || text[len - 1]) {
		return NULL;
	}
	for (size_t i = 0; i < len; i++) {
		count += text[i] == '\0';
	}
	p = perms_alloc(count);
	for (unsigned int i = 0; i < count; i++) {
		if (!parse_entry(text, &p->entry[i])) {
			perms_put(p);
			return NULL;
		}
		text += strlen(text) + 1;
	}
	return p;
}

size_t perms_format(const struct perms *p, char *buf, size_t room)
{
	size_t used = 0;
	char text[16];

	for (unsigned int i = 0; i < p->count; i++) {
		size_t n = (size_t)snprintf(text, sizeof(text), "%c%u",
					    perm_letter[p->entry[i].bits & 3], p->entry[i].domid) +
			   1;

		if (used + n <= room) {
			memcpy(buf + used, text, n);
		}
		used += n;
	}
	return used;
}

bool perms_owned_by(const struct perms *p, const struct actor *who)
{
	return who->privileged || p->entry[0].domid == who->domid ||
	       p->entry[0].domid == who->target;
}

bool perms_allow(const struct perms *p, const struct actor *who, unsigned int want)
{
	if (perms_owned_by(p, who)) {
		return true;
	}
	for (unsigned int i = 1; i < p->count; i++) {
		if (p->entry[i].domid == who->domid || p->entry[i].domid == who->target) {
			return (p->entry[i].bits & want) == want;
		}
	}
	return (p->entry[0].bits & want) == want;
}
