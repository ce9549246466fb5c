/*
 * Who may do what with a node.
 *
 * A permission list is immutable and reference counted: nodes share it with the
 * parent they inherited it from.  Entry 0 names the owner, who may do everything,
 * and says what everybody not listed later may do; each later entry says what one
 * domain may do.  On the wire an entry is a letter and a domain: n5 r0 w7 b3.
 */
#ifndef XENSTORE_LIKE_PERMS_H
#define XENSTORE_LIKE_PERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Domain numbers on the wire are below this (higher ones have special meanings in the ABI). */
#define STORE_DOMID_LIMIT 0x7FF0u

enum perm_bits { PERM_NONE = 0, PERM_READ = 1, PERM_WRITE = 2 };

struct perm {
	uint16_t domid;
	uint8_t bits;
};

struct perms {
	unsigned int refs;
	unsigned int count; /* at least 1 */
	struct perm entry[];
};

/*
 * What a connection of the control domain has confined itself to: values of nodes that are there,
 * at or below `own`, may be changed, and what is at or below `own` and `peer` read.  Nothing is
 * made, removed or given away, nothing asked that is not about those two, and the limits of guests
 * apply.  For programs that talk to a guest and could be turned by it.
 */
struct fence {
	char *own, *peer; /* canonical paths */
};

/* On whose behalf something is done. */
struct actor {
	uint16_t domid;
	uint16_t target; /* also has this domain's rights; equal to domid when there is none */
	bool privileged; /* the control domain: no permission list applies */
	const struct fence *fence; /* NULL: none */
};

/* No check and no limit applies. */
static inline bool actor_is_trusted(const struct actor *who)
{
	return who->privileged && !who->fence;
}

/* A list of one entry.  The caller owns the reference. */
struct perms *perms_new(unsigned int owner, unsigned int others);
struct perms *perms_get(struct perms *p);
void perms_put(struct perms *p);

/* A copy with another owner; entries equal to the new owner stay, being harmless. */
struct perms *perms_with_owner(const struct perms *p, unsigned int owner);

/* A copy without domain `domid`: its entries go, and what it owned belongs to domain 0.  NULL if nothing
 * in the list mentions it. */
struct perms *perms_without(const struct perms *p, unsigned int domid);

/* From `len` bytes of nul-terminated entries; NULL if malformed or empty. */
struct perms *perms_parse(const char *text, size_t len);

/* Text form into buf; returns the bytes needed, terminators included (nothing is cut mid-entry). */
size_t perms_format(const struct perms *p, char *buf, size_t room);

bool perms_allow(const struct perms *p, const struct actor *who, unsigned int want);
bool perms_owned_by(const struct perms *p, const struct actor *who);

static inline unsigned int perms_owner(const struct perms *p)
{
	return p->entry[0].domid;
}

#endif
