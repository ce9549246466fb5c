/*
 * The audit: walks every validated table and adds up what it should hold, adds what others said that they hold,
 * then compares with what the frames say.  Slow and plain on purpose: it shares no reasoning with the code that it
 * checks but the meaning of an entry's bits.
 *
 * What is compared, for every frame of the machine: references and type references; that nothing is writable
 * while it is a table or holds descriptors; that descriptors are harmless; that a grant entry has a handle; that the free
 * lists hold each free frame once and nothing else; that the machine-to-physical table names no place for a frame that is
 * not a guest's (where a guest's own is, only the guest knows); and each domain's total.
 */
#include "mm/audit.h"

#include <stdarg.h>

#include "arch/cpu.h"
#include "base/log.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/dompages.h"
#include "mm/heap.h"
#include "mm/m2p.h"
#include "mm/segdesc.h"
#include "x86/pte.h"

#define ENTRIES	    512u
#define SHOWN	    8 /* findings that are logged */
#define LAST_DOMID  0x7fefu
#define PTE_AD	    (PTE_A | PTE_D)
#define L1_NEVER    0x3800000000000000ULL /* 59..61; 62 is PTE_GNTTAB */
#define TABLE_NEVER (0x7ff0000000000000ULL | PTE_PS)

struct audit_tally {
	uint32_t refs, types;
	int32_t readable, writable; /* grant handles less grant entries */
	bool free;
};

static uint32_t type_word(uint64_t n)
{
	return atomic_load(&frame_table[n].type);
}

static enum frame_type type_of(uint64_t n)
{
	return type_word(n) >> FT_TYPE_SHIFT;
}

static uint32_t refs_of(uint64_t n)
{
	return atomic_load(&frame_table[n].ref) & FR_COUNT;
}

static bool is_domains(uint64_t n)
{
	return refs_of(n) && frame_table[n].owner <= LAST_DOMID;
}

bool audit_begin(struct audit *a)
{
	*a = (struct audit){ 0 };
	while ((PAGE_SIZE << a->order) < frame_max * sizeof(*a->tally)) {
		a->order++;
	}
	a->slots = alloc_page();
	a->tally = a->order <= ALLOC_MAX_ORDER ? alloc_pages(a->order) : NULL;
	if (!a->slots || !a->tally) {
		audit_end(a);
		return false;
	}
	return true;
}

void audit_end(struct audit *a)
{
	free_page(a->slots);
	free_pages(a->tally, a->order);
}

void audit_wrong(struct audit *a, const char *fmt, ...)
{
	char text[sizeof(a->first)];
	va_list args;

	va_start(args, fmt);
	fmt_vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!a->wrong) {
		str_copy(a->first, text, sizeof(a->first));
	}
	if (a->wrong++ < SHOWN) {
		log_err("audit: %s", text);
	}
}

static void wrong_frame(struct audit *a, uint64_t n, const char *what, uint64_t have, uint64_t want)
{
	audit_wrong(a, "frame %#lx owner %u refs %#x type %#x: %s %#lx, counted %#lx",
		    (unsigned long)n, frame_table[n].owner, atomic_load(&frame_table[n].ref),
		    type_word(n), what, (unsigned long)have, (unsigned long)want);
}

/* ---- what others hold ---- */

static bool known(struct audit *a, mfn_t m)
{
	if (!frame_valid(m)) {
		audit_wrong(a, "frame %#lx is held and is none", (unsigned long)m.n);
		return false;
	}
	return true;
}

void audit_hold(struct audit *a, mfn_t m, uint32_t n, enum frame_type t)
{
	if (!n || !known(a, m)) {
		return;
	}
	a->tally[m.n].refs += n;
	if (t != FRAME_NONE) {
		a->tally[m.n].types += n;
		if (type_of(m.n) != t) {
			wrong_frame(a, m.n, "held as type", type_of(m.n), t);
		}
	}
}

void audit_lent(struct audit *a, const void *p, const struct domain *d)
{
	mfn_t m = virt_to_frame(p);

	audit_hold(a, m, 1, FRAME_SHARED);
	if (frame_table[m.n].owner != dom_pages_of(d)->owner) {
		wrong_frame(a, m.n, "lent, owner", frame_table[m.n].owner, dom_pages_of(d)->owner);
	}
	a->lent++;
}

void audit_handle(struct audit *a, mfn_t m, bool readonly)
{
	if (known(a, m)) {
		++*(readonly ? &a->tally[m.n].readable : &a->tally[m.n].writable);
	}
}

bool audit_free_frame(struct audit *a, uint64_t n, bool head)
{
	if (a->tally[n].free) {
		wrong_frame(a, n, "in two free blocks", 0, 0);
		return false;
	}
	a->tally[n].free = true;
	a->free++;
	if (refs_of(n) || (!head && frame_table[n].owner != FRAME_OWNER_NONE)) {
		wrong_frame(a, n, "free, references", refs_of(n), 0);
	}
	return true;
}

/* ---- what tables hold ---- */

static void count_writable(struct audit *a, uint64_t n, uint64_t e)
{
	if (type_of(n) == FRAME_WRITABLE) {
		a->tally[n].types += !(e & PTE_GNTTAB);
	} else if (type_of(n) != FRAME_SHARED || (e & PTE_GNTTAB)) {
		wrong_frame(a, n, "writable, entry", e, 0);
	}
}

static void count_l1e(struct audit *a, uint64_t table, uint64_t e)
{
	uint64_t n = PTE_MFN(e).n;

	if (!(e & PTE_P)) {
		return;
	}
	if (!(e & PTE_US) || (e & (PTE_G | L1_NEVER))) {
		wrong_frame(a, table, "entry with bits that are not allowed", e, 0);
	}
	if (n >= frame_max || frame_table[n].owner == FRAME_OWNER_IO) {
		return;
	}
	if (e & PTE_GNTTAB) {
		--*(e & PTE_RW ? &a->tally[n].writable : &a->tally[n].readable);
	} else {
		a->tally[n].refs++;
	}
	if (e & PTE_RW) {
		count_writable(a, n, e);
	}
}

static void count_table_entry(struct audit *a, uint64_t table, enum frame_type level, uint64_t e)
{
	uint64_t n = PTE_MFN(e).n;

	if (!(e & PTE_P)) {
		return;
	}
	if (!(e & PTE_US) || (e & (PTE_G | TABLE_NEVER)) || n >= frame_max ||
	    type_of(n) != level - 1 || !(type_word(n) & FT_VALIDATED) ||
	    frame_table[n].owner != frame_table[table].owner) {
		wrong_frame(a, table, "points to what is no table of the next level, entry", e, 0);
	}
	if (n < frame_max) {
		a->tally[n].refs++;
		a->tally[n].types++;
	}
}

static bool is_hypervisor_slot(enum frame_type level, unsigned int i)
{
	return level == FRAME_L4 && i >= HV_FIRST_SLOT && i <= HV_LAST_SLOT;
}

static void check_slots(struct audit *a, uint64_t n, const uint64_t *t)
{
	cpu_fill_l4(a->slots, (struct domain *)dompages_find(frame_table[n].owner));
	for (unsigned int i = HV_FIRST_SLOT; i <= HV_LAST_SLOT; i++) {
		if ((t[i] ^ a->slots[i]) & ~PTE_AD) {
			wrong_frame(a, n, "hypervisor's slot", t[i], a->slots[i]);
		}
	}
}

/* Entries [0, end) hold references; less than all of them in a table that is half made, whose entries are as the guest wrote them. */
static void count_table(struct audit *a, uint64_t n, enum frame_type level, unsigned int end)
{
	const uint64_t *t = frame_to_virt(mfn(n));
	bool half = is_half_table(type_word(n));

	for (unsigned int i = 0; i < end; i++) {
		uint64_t e = half ? (t[i] | PTE_US) & ~PTE_G : t[i];

		if (level == FRAME_L1) {
			count_l1e(a, n, e);
		} else if (!is_hypervisor_slot(level, i)) {
			count_table_entry(a, n, level, e);
		}
	}
	if (level == FRAME_L4 && !half) {
		check_slots(a, n, t);
	}
}

static void check_descriptors(struct audit *a, uint64_t n)
{
	const uint64_t *desc = frame_to_virt(mfn(n));

	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*desc); i++) {
		uint64_t fit = desc[i];

		if (!segdesc_fix(&fit) || fit != desc[i]) {
			wrong_frame(a, n, "descriptor", desc[i], fit);
		}
	}
}

/* What the frame's own words say of it: its allocation, its pin, and the table that it is. */
static void count_frame(struct audit *a, uint64_t n)
{
	uint32_t x = type_word(n);
	enum frame_type type = x >> FT_TYPE_SHIFT;
	bool used = x & FT_COUNT, checked = is_table(type) || type == FRAME_SEGDESC;

	if (atomic_load(&frame_table[n].ref) & FR_ALLOCATED) {
		a->tally[n].refs++;
	}
	if (x & FT_PINNED) {
		a->tally[n].refs++;
		a->tally[n].types++;
	}
	if ((x & FT_PINNED) && (!is_table(type) || !used)) {
		wrong_frame(a, n, "pinned, and no table in use: type", type, FRAME_L1);
	}
	if (is_half_table(x)) {
		a->tally[n].refs++;
		count_table(a, n, type, (x & FT_PROGRESS) - 1);
	} else if (!(x & FT_VALIDATED) != !(used && checked)) {
		wrong_frame(a, n, "in use or not, and flagged otherwise", x, 0);
	} else if (used && is_table(type) && is_domains(n)) {
		count_table(a, n, type, ENTRIES);
	} else if (used && type == FRAME_SEGDESC) {
		check_descriptors(a, n);
	}
}

/* ---- comparison ---- */

/* A shared page that was taken back while it was mapped has no owner; its type stays until the last mapping goes. */
static bool is_orphan(uint64_t n)
{
	return frame_table[n].owner == FRAME_OWNER_NONE && type_of(n) == FRAME_SHARED;
}

/* Type references as the word has them; of half a table there are none. */
static uint32_t types_of(uint64_t n)
{
	return is_half_table(type_word(n)) ? 0 : type_word(n) & FT_COUNT;
}

static void compare_used(struct audit *a, uint64_t n)
{
	const struct audit_tally *t = &a->tally[n];
	uint32_t types = t->types + is_orphan(n);

	if (!is_domains(n) && !is_orphan(n)) {
		wrong_frame(a, n, "in use, owner", frame_table[n].owner, LAST_DOMID);
	}
	if (refs_of(n) != t->refs) {
		wrong_frame(a, n, "references", refs_of(n), t->refs);
	}
	if (types_of(n) != types) {
		wrong_frame(a, n, "type references", types_of(n), types);
	}
	if (t->types > t->refs) {
		wrong_frame(a, n, "types without a reference", t->types, t->refs);
	}
	if (t->readable < 0 || t->writable < 0) {
		wrong_frame(a, n, "grant entries without a handle, readable and writable",
			    (uint64_t)-t->readable, (uint64_t)-t->writable);
	}
	a->refs += refs_of(n);
	a->types += types_of(n);
}

static void compare_unused(struct audit *a, uint64_t n)
{
	const struct audit_tally *t = &a->tally[n];
	uint16_t owner = frame_table[n].owner;

	if (t->refs || t->types || t->readable < 0 || t->writable < 0) {
		wrong_frame(a, n, "unused, references", 0, t->refs);
	}
	if (!t->free && owner != FRAME_OWNER_XEN && owner != FRAME_OWNER_IO) {
		wrong_frame(a, n, "unused and in no free block, owner", owner, FRAME_OWNER_XEN);
	}
}

static void compare_frame(struct audit *a, uint64_t n)
{
	/* What is lent to a guest may have a place in it too, if the guest says so. */
	bool guests = (atomic_load(&frame_table[n].ref) & FR_ALLOCATED) ||
		      (is_domains(n) && type_of(n) == FRAME_SHARED);

	if (refs_of(n)) {
		compare_used(a, n);
	} else {
		compare_unused(a, n);
	}
	if (a->tally[n].free && refs_of(n)) {
		wrong_frame(a, n, "free and in use", refs_of(n), 0);
	}
	if (!guests && m2p_get(mfn(n)) != M2P_INVALID) {
		wrong_frame(a, n, "no guest's, and has a place in one:", m2p_get(mfn(n)),
			    M2P_INVALID);
	}
}

static uint64_t count_owned(struct audit *a, const struct dom_pages *p)
{
	uint64_t owned = 0;

	for (uint64_t n = 0; n < frame_max; n++) {
		if (!is_domains(n) || frame_table[n].owner != p->owner ||
		    type_of(n) == FRAME_SHARED) {
			continue;
		}
		owned++;
		if (n < p->low || n >= p->high) {
			wrong_frame(a, n, "outside of what teardown looks at, from", p->low,
				    p->high);
		}
	}
	return owned;
}

static void compare_totals(struct audit *a)
{
	uint64_t claims = 0, limbo = 0;

	for (unsigned int id = 0; id <= LAST_DOMID; id++) {
		const struct dom_pages *p = dompages_find((uint16_t)id);
		uint64_t owned;

		if (!p) {
			continue;
		}
		owned = count_owned(a, p);
		a->owned += owned;
		claims += p->outstanding;
		/* The total may lie above the limit: that can be lowered at any time. */
		limbo += p->limbo;
		if (owned + p->limbo != p->total) {
			audit_wrong(a, "domain %u: total %lu, counted %lu", id,
				    (unsigned long)p->total, (unsigned long)(owned + p->limbo));
		}
	}
	if (limbo != a->limbo) {
		audit_wrong(a, "frames on the way: %lu in all, counted %lu", (unsigned long)limbo,
			    (unsigned long)a->limbo);
	}
	if (claims != dompages_claimed()) {
		audit_wrong(a, "claims: %lu in all, counted %lu", (unsigned long)dompages_claimed(),
			    (unsigned long)claims);
	}
}

void audit_frames(struct audit *a)
{
	heap_audit(a);
	for (uint64_t n = 0; n < frame_max; n++) {
		if (refs_of(n)) {
			count_frame(a, n);
		}
	}
	for (uint64_t n = 0; n < frame_max; n++) {
		compare_frame(a, n);
		if (is_domains(n) && !dompages_find(frame_table[n].owner)) {
			wrong_frame(a, n, "owner unknown", frame_table[n].owner, 0);
		}
	}
	compare_totals(a);
}
