/*
 * The hypercall fuzzer, a mini-guest: what its parts share.
 *
 * Each vCPU is a worker that makes calls without end.  A call is first built as a good one, as far as what is known makes that
 * possible, then perhaps spoilt in a place or two: so most get past the first checks.  All choices come from the worker's own
 * random numbers: with one vCPU and no child the same seed makes the same calls.
 *
 * Memory: a playground of frames that the guest maps nowhere and that may become anything: tables, descriptors, granted
 * pages, gone.  A window of addresses, whose tables are live, where anything may be mapped.  The guest never touches
 * either itself, so nothing that happens there can stop it.
 */
#ifndef PAVANE_TESTS_FUZZ_HCALL_FUZZ_H
#define PAVANE_TESTS_FUZZ_HCALL_FUZZ_H

#include "frontends/rt/rt.h"

#define PLAYED	  96   /* frames of the playground */
#define GHOSTS	  16   /* frames that were given up lately */
#define WINDOW	  1024 /* pages of the window */
#define HANDLES	  64
#define REFS	  64 /* grant references in play */
#define PORTS	  48
#define ARG_BYTES 8192

struct worker {
	unsigned int id;
	uint64_t random;
	uint64_t calls;
	char *arg;   /* ARG_BYTES, where structures are built */
	size_t used; /* of them by this call */
};

struct playground {
	uint64_t mfn[PLAYED], pfn[PLAYED]; /* mfn 0: given up, to be had anew */
	uint64_t ghost[GHOSTS];
	uint64_t last_mfn;		  /* of the machine-to-physical table */
	uint64_t window_l1[2], window_l2; /* live tables */
	uint32_t handle[HANDLES];
	uint64_t handle_at[HANDLES]; /* host address it was mapped at */
	uint16_t self, other;	     /* our number, and the other domain's or DOMID_INVALID */
};
extern struct playground play;
extern bool play_hard; /* we may be broken by what we do: not the control domain */

/* One kind of call; weight: how often, control: only the control domain. */
struct op {
	const char *name;
	void (*fn)(struct worker *w);
	unsigned int weight;
	bool control;
};
extern const struct op memory_ops[], grant_ops[], misc_ops[],
	control_ops[]; /* each ends with fn NULL */

/* random.c */
uint64_t rnd64(struct worker *w);
uint32_t rnd(struct worker *w, uint32_t below);
bool chance(struct worker *w, unsigned int percent);
uint64_t odd_number(struct worker *w);	       /* the kind that programmers forget */
uint64_t some_mfn(struct worker *w);	       /* mostly of the playground */
uint64_t some_window(struct worker *w);	       /* an address in the window */
uint64_t some_entry(struct worker *w);	       /* of a page table */
uint64_t some_entry_address(struct worker *w); /* machine address of a table's entry */
uint16_t some_domid(struct worker *w);
void *arg_room(struct worker *w, size_t n);    /* for this call; filled with zeros */
uint64_t arg(struct worker *w, const void *p); /* p as an argument, or now and then a bad address */
long call(struct worker *w, unsigned int nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
	  uint64_t a5);

/* memory.c */
void play_init(void);
void write_frame(struct worker *w, uint64_t mfn, unsigned int index, uint64_t value);
/* grants.c */
void grants_init(void);

/* child.c: a copy of ourselves as a plain guest. */
bool child_start(uint64_t seed, unsigned int vcpus);
void child_watch(void); /* a new one if it has ended */
void child_stop(void);
uint64_t child_calls(void);		  /* of all children so far */
extern volatile uint64_t worker_calls[2]; /* told to whoever watches */

#endif
