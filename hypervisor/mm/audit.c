/*
 * The audit: walks every validated table and adds up what it should hold, then
 * compares with what the frames say.  Slow and plain on purpose: it shares no
 * reasoning with the code that it checks but the meaning of an entry's bits.
 */
#include "mm/audit.h"

#include <xen/errno.h>

#include "arch/cpu.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/dompages.h"
#include "mm/frame.h"
#include "x86/pte.h"

struct tally {
	uint32_t refs, types;
};

struct audit {
	uint64_t low, high;
	struct tally *tally; /* of frames low..high-1 */
	uint16_t owner;
	bool everyone;
	long wrong;
	uint64_t extra, owned;
	char *msg;
	size_t size;
};

static uint32_t type_word(uint64_t n)
{
	return atomic_load(&frame_table[n].type);
}

/* A frame in use by a domain that is being audited. */
static bool concerns(const struct audit *a, uint64_t n)
{
	const struct frame *f = &frame_table[n];

	return f->ref && f->owner < FRAME_OWNER_IO - 1 && (a->everyone || f->owner == a->owner);
}

static void complain(struct audit *a, uint64_t n, const char *what, uint64_t have, uint64_t want)
{
	if (!a->wrong++ && a->size) {
		snprintf(a->msg, a->size,
			 "frame %#llx owner %u type word %#x: %s %llu, counted %llu",
			 (unsigned long long)n, frame_table[n].owner, type_word(n), what,
			 (unsigned long long)have, (unsigned long long)want);
	}
}

static void add(struct audit *a, uint64_t n, uint32_t refs, uint32_t types)
{
	if (n >= a->low && n < a->high && concerns(a, n)) {
		a->tally[n - a->low].refs += refs;
		a->tally[n - a->low].types += types;
	}
}

static void count_l1e(struct audit *a, uint64_t e)
{
	uint64_t n = PTE_MFN(e).n;

	if (!(e & PTE_P) || (e & PTE_GNTTAB) || n >= frame_max ||
	    frame_table[n].owner == FRAME_OWNER_IO) {
		return;
	}
	if (!(e & PTE_US) || (e & PTE_G)) {
		complain(a, n, "entry with wrong U/S or G", e, e);
	}
	add(a, n, 1, (e & PTE_RW) && type_word(n) >> FT_TYPE_SHIFT != FRAME_SHARED);
	if ((e & PTE_RW) && type_word(n) >> FT_TYPE_SHIFT != FRAME_WRITABLE &&
	    type_word(n) >> FT_TYPE_SHIFT != FRAME_SHARED) {
		complain(a, n, "writable in an L1, entry", e, FRAME_WRITABLE);
	}
}

static void count_table(struct audit *a, uint64_t n)
{
	enum frame_type level = type_word(n) >> FT_TYPE_SHIFT;
	const uint64_t *t = frame_to_virt(mfn(n));

	for (unsigned int i = 0; i < 512; i++) {
		uint64_t child = PTE_MFN(t[i]).n;

		if (level == FRAME_L4 && i >= HV_FIRST_SLOT && i <= HV_LAST_SLOT) {
			continue;
		}
		if (level == FRAME_L1) {
			count_l1e(a, t[i]);
		} else if (t[i] & PTE_P) {
			if (child >= frame_max || type_word(child) >> FT_TYPE_SHIFT != level - 1 ||
			    !(type_word(child) & FT_VALIDATED)) {
				complain(a, n, "points to what is not a table, entry", t[i], i);
			}
			add(a, child, 1, 1);
		}
	}
}

static void count_frame(struct audit *a, uint64_t n)
{
	uint32_t x = type_word(n);
	enum frame_type type = x >> FT_TYPE_SHIFT;
	bool table = type >= FRAME_L1 && type <= FRAME_L4;

	if (type != FRAME_SHARED) {
		a->owned++;
		add(a, n, atomic_load(&frame_table[n].ref) & FR_ALLOCATED ? 1 : 0, 0);
	} else {
		add(a, n, 1, 1);
	}
	if (x & FT_PINNED) {
		add(a, n, 1, 1);
		if (!table) {
			complain(a, n, "pinned, type", type, FRAME_L1);
		}
	}
	if (table && (x & FT_COUNT)) {
		if (!(x & FT_VALIDATED)) {
			complain(a, n, "in use but not validated, count", x & FT_COUNT, 0);
		}
		count_table(a, n);
	} else if (table && (x & (FT_VALIDATED | FT_PINNED))) {
		complain(a, n, "out of use but flagged", x, 0);
	}
}

static void compare_frame(struct audit *a, uint64_t n)
{
	const struct tally *t = &a->tally[n - a->low];
	uint32_t refs = atomic_load(&frame_table[n].ref) & FR_COUNT;
	uint32_t types = type_word(n) & FT_COUNT;

	if (refs < t->refs) {
		complain(a, n, "references", refs, t->refs);
	} else {
		a->extra += refs - t->refs;
	}
	if (types < t->types) {
		complain(a, n, "type references", types, t->types);
	} else if (types - t->types > refs - t->refs) {
		complain(a, n, "type references without a reference", types, t->types);
	}
}

static void audit_range(struct audit *a)
{
	for (uint64_t n = 0; n < frame_max; n++) {
		if (concerns(a, n)) {
			count_frame(a, n);
		}
	}
	for (uint64_t n = a->low; n < a->high; n++) {
		if (concerns(a, n)) {
			compare_frame(a, n);
		}
	}
}

long frame_audit(const struct domain *d, uint64_t *extra, char *msg, size_t size)
{
	struct audit a = { .high = frame_max, .everyone = !d, .msg = msg, .size = size };
	unsigned int order = 0;

	if (size) {
		msg[0] = '\0';
	}
	if (d) {
		a.owner = dom_pages_of(d)->owner;
	}
	while ((PAGE_SIZE << order) < (a.high - a.low) * sizeof(*a.tally)) {
		order++;
	}
	a.tally = order <= ALLOC_MAX_ORDER ? alloc_pages(order) : NULL;
	if (!a.tally) {
		return -XEN_ENOMEM;
	}
	audit_range(&a);
	if (d && a.owned != dom_pages_of(d)->total && !a.wrong++ && size) {
		snprintf(msg, size, "domain %u: total %llu, counted %llu", a.owner,
			 (unsigned long long)dom_pages_of(d)->total, (unsigned long long)a.owned);
	}
	free_pages(a.tally, order);
	if (extra) {
		*extra = a.extra;
	}
	return a.wrong;
}
