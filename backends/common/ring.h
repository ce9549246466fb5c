/*
 * A shared ring, seen from the backend.
 *
 * Every ring of the split-driver protocols opens with the same four indices and
 * has its slots 64 bytes in.  The frontend may write anything into the page at
 * any time, so a request is copied out before it is looked at, our own indices
 * live here and never in the page, and a producer index that claims more than
 * the ring holds is reported instead of followed.
 */
#ifndef PAVANE_BACKENDS_RING_H
#define PAVANE_BACKENDS_RING_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The shared part, as <xen/io/ring.h> lays it out for every ring type. */
struct ring_shared {
	uint32_t req_prod, req_event;
	uint32_t rsp_prod, rsp_event;
	uint8_t pad[48];
	uint8_t slots[];
};
_Static_assert(offsetof(struct ring_shared, slots) == 64, "slots start at byte 64 of a ring");

/*
 * Invariant, modulo 2^32: rsp_prod <= req_cons <= rsp_prod + size.  rsp_prod is
 * what we have written, which runs ahead of the page until ring_push().
 */
struct ring {
	struct ring_shared *shared;
	uint32_t size;	    /* slots, a power of two */
	uint32_t slot_size; /* bytes */
	uint32_t req_cons;
	uint32_t rsp_prod;
};

/* Number of slots of a ring of `bytes`: the largest power of two that fits. */
static inline uint32_t ring_slots(size_t bytes, size_t slot_size)
{
	uint32_t n = 1;

	while ((size_t)n * 2 * slot_size <= bytes - sizeof(struct ring_shared)) {
		n *= 2;
	}
	return n;
}

/* Start at the frontend's published response index: nothing of ours is in flight. */
static inline void ring_attach(struct ring *r, void *page, size_t bytes, size_t slot_size)
{
	r->shared = page;
	r->slot_size = (uint32_t)slot_size;
	r->size = ring_slots(bytes, slot_size);
	r->rsp_prod = __atomic_load_n(&r->shared->rsp_prod, __ATOMIC_ACQUIRE);
	r->req_cons = r->rsp_prod;
}

/* Requests waiting in *count; -EPROTO if the producer index is impossible. */
static inline int ring_pending(const struct ring *r, uint32_t *count)
{
	/* Acquire pairs with the frontend's write barrier before it moves req_prod. */
	uint32_t prod = __atomic_load_n(&r->shared->req_prod, __ATOMIC_ACQUIRE);

	/* Also catches a producer behind our consumer, which wraps to a huge distance. */
	if (prod - r->rsp_prod > r->size || prod - r->req_cons > r->size) {
		return -EPROTO;
	}
	*count = prod - r->req_cons;
	return 0;
}

static inline volatile uint8_t *ring_slot(const struct ring *r, uint32_t index)
{
	return r->shared->slots + (size_t)(index & (r->size - 1)) * r->slot_size;
}

/* Copy request `index` out of the page, once; the copy can't change under us. */
static inline void ring_copy(const struct ring *r, uint32_t index, void *dst, size_t len)
{
	memcpy(dst, (const void *)ring_slot(r, index), len);
	/* The compiler may not go back to the page for a second look. */
	__asm__ __volatile__("" : : "r"(dst) : "memory");
}

/* Copy out the next request and consume it; the caller has seen ring_pending() > 0. */
static inline void ring_take(struct ring *r, void *dst, size_t len)
{
	ring_copy(r, r->req_cons, dst, len);
	r->req_cons++;
}

/*
 * Ask for an event when `wanted` requests (>= 1) wait, then look again: true if
 * they do already, or if the index went bad, which the next ring_pending() reports.
 */
static inline bool ring_arm_for(struct ring *r, uint32_t wanted)
{
	uint32_t count;

	__atomic_store_n(&r->shared->req_event, r->req_cons + wanted, __ATOMIC_RELAXED);
	/* The frontend moves req_prod, then reads req_event; we the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ring_pending(r, &count) || count >= wanted;
}

static inline bool ring_arm(struct ring *r)
{
	return ring_arm_for(r, 1);
}

/* Write one response; not yet visible to the frontend. */
static inline void ring_put(struct ring *r, const void *rsp, size_t len)
{
	memcpy((void *)ring_slot(r, r->rsp_prod), rsp, len);
	r->rsp_prod++;
}

/* Publish the responses written so far.  True if the frontend asked for an event. */
static inline bool ring_push(struct ring *r)
{
	uint32_t old = r->shared->rsp_prod;

	if (old == r->rsp_prod) {
		return false;
	}
	__atomic_store_n(&r->shared->rsp_prod, r->rsp_prod, __ATOMIC_RELEASE);
	/* The frontend sets rsp_event, then reads rsp_prod; we the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return r->rsp_prod - __atomic_load_n(&r->shared->rsp_event, __ATOMIC_RELAXED) <
	       r->rsp_prod - old;
}

#endif
