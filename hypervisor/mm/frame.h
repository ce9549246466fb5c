/*
 * One struct per machine frame: who owns it, how many references there are to
 * it, and as what it is being used.
 *
 * Invariants
 *  - ref counts every use: one for being allocated to its owner (FRAME_ALLOCATED), one per
 *    present page-table entry that points here (a writable one carries its type reference with
 *    it: one of each), one per grant or foreign mapping, one per pin and per vCPU that has it as
 *    base.  At zero it goes back to the heap.  A type reference is always borne by a reference.
 *  - type changes only while its count is zero; "validated" says that a table's entries
 *    have been checked and hold their own references.
 *  - A frame has writable references or is a page or descriptor table, never both.
 *  - Page-table types are taken and dropped under the owner's pt_lock.  Writable and shared
 *    type references are lock-free, so other domains may map a frame.
 *  - The heap's and the hypervisor's own frames have no references at all: ref 0, so no guest
 *    can take one.  Frames that are not RAM have owner FRAME_OWNER_IO, ref 0, and never change;
 *    x86/paging.c says which they are.
 *
 * Next: pagetype.c for tables, dompages.c for who may have how many.
 */
#ifndef PAVANE_MM_FRAME_H
#define PAVANE_MM_FRAME_H

#include <stdatomic.h>

#include "lib/types.h"

struct domain;

enum frame_type {
	FRAME_NONE,
	FRAME_WRITABLE,
	FRAME_L1,
	FRAME_L2,
	FRAME_L3,
	FRAME_L4,
	FRAME_SEGDESC, /* holds a guest's GDT or LDT */
	FRAME_SHARED /* hypervisor memory that a guest may map (shared_info, grant table frames) */
};

/* type word: [31:29] type, [28] validated, [27] pinned, [26:0] count */
#define FT_TYPE_SHIFT	 29
#define FT_VALIDATED	 (1u << 28)
#define FT_PINNED	 (1u << 27)
#define FT_COUNT	 ((1u << 27) - 1)
/* ... and with a table type, in use but not validated: [26] on its way back, [25:0] entries with their references, + 1 */
#define FT_LEAVING	 (1u << 26)
#define FT_PROGRESS	 (FT_LEAVING - 1)
/* ref word: [31] allocated to its owner, [30:0] count */
#define FR_ALLOCATED	 (1u << 31)
#define FR_COUNT	 ((1u << 31) - 1)

#define FRAME_OWNER_NONE 0x7ff5u /* not a domain's: heap, hypervisor, or not RAM */
#define FRAME_OWNER_IO	 0x7ff1u /* DOMID_IO: device memory below the top of RAM */
#define FRAME_OWNER_XEN	 0x7ff2u /* DOMID_XEN: the hypervisor's own */

struct frame {
	_Atomic uint32_t ref;
	_Atomic uint32_t type;
	union {
		struct {
			uint16_t owner; /* domid or FRAME_OWNER_* */
			uint16_t flags;
			uint32_t stamp; /* tlb_stamp() when the type count last became zero */
		};
		struct {
			uint32_t next, prev; /* while first of a free block: see alloc.c */
		};
	};
};

/*
 * flags of a domain's frame.  Abroad: another domain has mapped it since it was allocated, so that any CPU may
 * have cached it; otherwise only those that run its owner.
 */
#define FRAME_ABROAD 1u

extern struct frame *frame_table; /* indexed by frame number */
extern uint64_t frame_max;	  /* one past the last frame the table describes */
/* One past the last frame this CPU can address: set at boot from its physical address width (default: 40 bits). */
extern uint64_t frame_limit;

static inline bool is_table(enum frame_type t)
{
	return t >= FRAME_L1 && t <= FRAME_L4;
}
/* Of a type word: on its way to being a table, or back. */
static inline bool is_half_table(uint32_t x)
{
	return is_table(x >> FT_TYPE_SHIFT) && (x & FT_COUNT) && !(x & FT_VALIDATED);
}

static inline bool frame_valid(mfn_t m)
{
	return m.n < frame_max;
}
static inline struct frame *frame_of(mfn_t m)
{
	return &frame_table[m.n];
}
static inline enum frame_type frame_type_of(const struct frame *f)
{
	return atomic_load_explicit(&f->type, memory_order_relaxed) >> FT_TYPE_SHIFT;
}
static inline uint32_t frame_type_count(const struct frame *f)
{
	return atomic_load_explicit(&f->type, memory_order_relaxed) & FT_COUNT;
}

/* No wrap even if every CPU tries at once. */
#define FRAME_TYPE_LIMIT (FT_COUNT - 4096)

/* CPUs that may have cached a mapping of the frame, or it as a table. */
cpumask_t frame_cpus(const struct frame *f);

/* Takes a reference if the frame is RAM, allocated and owned by d.  False otherwise (or on overflow). */
bool frame_get(mfn_t m, const struct domain *d);
/* The same also for a frame that d has given up but that is still in use: to find its last uses, not for new ones. */
bool frame_get_given_up(mfn_t m, const struct domain *d);
/* Takes one more on a frame to which the caller already holds one. */
bool frame_get_again(mfn_t m);
/*
 * Drops one; at zero the frame is freed (the heap scrubs it) and its owner's total falls.
 * Takes LOCK_PAGES and LOCK_HEAP: any lock above them may be held.
 */
void frame_put(mfn_t m);

/*
 * Takes a type reference AND a general reference: FRAME_WRITABLE, FRAME_SHARED or FRAME_SEGDESC (checked: all
 * descriptors harmless), for a frame owned by d.  0, -EINVAL (not d's), -EBUSY (has another type).
 */
int frame_get_type(mfn_t m, enum frame_type t, const struct domain *d);
void frame_put_type(mfn_t m); /* drops both; also for FRAME_L1..L4 under the owner's pt_lock */

/*
 * Lends a page of the hypervisor's own (alloc_page) to d: owner d, type FRAME_SHARED, one type reference that
 * stays with the hypervisor.  d, and whom it grants to, may map it, writable too; it is not counted in d's totals.
 */
void frame_share(mfn_t m, const struct domain *d);
/*
 * Takes it back: owner none, the hypervisor's reference dropped.  The page goes to the heap at once, or when
 * the last mapping of it goes; the caller must not use it any more.
 */
void frame_unshare(mfn_t m);
/* Does anyone have a lent page mapped just now? */
bool frame_lent_in_use(mfn_t m);

/* The parts of the two below that are not for every page-table write. */
int frame_take_type_slow(mfn_t m, enum frame_type t);
void frame_drop_type_slow(mfn_t m);

/*
 * For mm/pagetype.c: one type reference, WRITABLE, SHARED or SEGDESC, on a frame to which the caller
 * holds a general one. 0, -EBUSY, -EINVAL.
 */
static inline int frame_take_type(mfn_t m, enum frame_type t)
{
	struct frame *f = frame_of(m);
	uint32_t x = atomic_load_explicit(&f->type, memory_order_relaxed);

	/* Most often: a frame that is mapped writable already. */
	if (t == FRAME_WRITABLE && x >> FT_TYPE_SHIFT == FRAME_WRITABLE &&
	    (x & FT_COUNT) - 1 < FRAME_TYPE_LIMIT - 1 &&
	    atomic_compare_exchange_strong_explicit(&f->type, &x, x + 1, memory_order_acq_rel,
						    memory_order_relaxed)) {
		return 0;
	}
	return frame_take_type_slow(m, t);
}

static inline void frame_drop_type(mfn_t m)
{
	struct frame *f = frame_of(m);
	uint32_t x = atomic_load_explicit(&f->type, memory_order_relaxed);

	/* ... and stays so. */
	if (x >> FT_TYPE_SHIFT != FRAME_WRITABLE || (x & FT_COUNT) <= 1 ||
	    !atomic_compare_exchange_strong_explicit(&f->type, &x, x - 1, memory_order_acq_rel,
						     memory_order_relaxed)) {
		frame_drop_type_slow(m);
	}
}

/* Waits while another CPU is recording the stamp of a type that it just let go; returns the type word. */
uint32_t frame_type_settled(struct frame *f);

#endif
