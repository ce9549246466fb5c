/*
 * The FIFO ABI of event channels from the guest's side, for the tests of it: array, control blocks, and how events are
 * taken from the queues.  The kit's own event code knows the 2-level ABI only, so after fifo_start() its masks and
 * handlers are of no use.  Each vCPU's queues may be looked at from anywhere, but by one at a time.
 */
#ifndef PAVANE_ABI_FIFO_H
#define PAVANE_ABI_FIFO_H

#include "frontends/rt/test.h"
#include "tests/abi/lib/event.h"

#define FIFO_PENDING (1u << EVTCHN_FIFO_PENDING)
#define FIFO_MASKED  (1u << EVTCHN_FIFO_MASKED)
#define FIFO_LINKED  (1u << EVTCHN_FIFO_LINKED)
#define FIFO_BUSY    (1u << EVTCHN_FIFO_BUSY)
#define FIFO_PAGES   128u
#define WORDS	     (PAGE_SIZE / sizeof(event_word_t))

static struct evtchn_fifo_control_block *fifo_block[2];
static event_word_t *fifo_page[FIFO_PAGES];
static unsigned int fifo_pages;
static evtchn_port_t fifo_head[2][EVTCHN_FIFO_MAX_QUEUES];
static unsigned int fifo_ready[2];

static inline long fifo_control(uint64_t gfn, uint32_t offset, uint32_t vcpu)
{
	struct evtchn_init_control c = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
	long rc = event_op(EVTCHNOP_init_control, &c);

	return rc == 0 && c.link_bits != EVTCHN_FIFO_LINK_BITS ? -1 : rc;
}

static inline long fifo_expand(uint64_t gfn)
{
	struct evtchn_expand_array a = { .array_gfn = gfn };

	return event_op(EVTCHNOP_expand_array, &a);
}

static inline long fifo_priority(evtchn_port_t port, uint32_t priority)
{
	struct evtchn_set_priority p = { .port = port, .priority = priority };

	return event_op(EVTCHNOP_set_priority, &p);
}

/* What a guest's console and store say is nothing to these tests. */
static inline void fifo_quiet(event_word_t *first_page)
{
	if (!is_control_domain()) {
		first_page[start_info->console.domU.evtchn] = FIFO_MASKED;
		first_page[start_info->store_evtchn] = FIFO_MASKED;
	}
}

/* One more page of the array, zeroed: but for those nothing is masked. */
static inline long fifo_more(void)
{
	event_word_t *page = page_alloc();
	long rc;

	if (fifo_pages == 0) {
		fifo_quiet(page);
	}
	rc = fifo_expand(virt_to_mfn(page));

	if (rc == 0) {
		fifo_page[fifo_pages++] = page;
	}
	return rc;
}

static inline event_word_t *fifo_word(evtchn_port_t port)
{
	return &fifo_page[port / WORDS][port % WORDS];
}

static inline event_word_t fifo_read(evtchn_port_t port)
{
	return __atomic_load_n(fifo_word(port), __ATOMIC_SEQ_CST);
}

/* Takes the word from its queue, and tells which port follows. */
static inline evtchn_port_t fifo_unlink(event_word_t *word)
{
	return __atomic_fetch_and(word, ~(FIFO_LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST) &
	       EVTCHN_FIFO_LINK_MASK;
}

/* Takes the first of a vCPU's most urgent queue: its port; 0 if all are empty. */
static inline evtchn_port_t fifo_take(unsigned int vcpu)
{
	struct evtchn_fifo_control_block *b = fifo_block[vcpu];
	unsigned int queue;
	evtchn_port_t port;

	fifo_ready[vcpu] |= __atomic_exchange_n(&b->ready, 0, __ATOMIC_SEQ_CST);
	if (!fifo_ready[vcpu]) {
		return 0;
	}
	queue = (unsigned int)__builtin_ctz(fifo_ready[vcpu]);
	port = fifo_head[vcpu][queue];
	if (!port) {
		port = __atomic_load_n(&b->head[queue], __ATOMIC_SEQ_CST);
	}
	fifo_head[vcpu][queue] = fifo_unlink(fifo_word(port));
	if (!fifo_head[vcpu][queue]) {
		fifo_ready[vcpu] &= ~(1u << queue);
	}
	return port;
}

/* The next event to be handled, no longer pending; 0: none. */
static inline evtchn_port_t fifo_handle(unsigned int vcpu)
{
	evtchn_port_t port;

	while ((port = fifo_take(vcpu)) != 0) {
		if (!(fifo_read(port) & FIFO_MASKED) &&
		    __atomic_fetch_and(fifo_word(port), ~FIFO_PENDING, __ATOMIC_SEQ_CST) &
			    FIFO_PENDING) {
			return port;
		}
	}
	return 0;
}

static inline void fifo_mask(evtchn_port_t port)
{
	__atomic_fetch_or(fifo_word(port), FIFO_MASKED, __ATOMIC_SEQ_CST);
}

/* Both control blocks in one page, and so many pages of the array. */
static inline void fifo_start(unsigned int vcpus, unsigned int pages)
{
	char *page = page_alloc();

	for (unsigned int i = 0; i < vcpus; i++) {
		fifo_block[i] =
			(struct evtchn_fifo_control_block *)(page + i * sizeof(**fifo_block));
		CHECK_EQ(fifo_control(virt_to_mfn(page), (uint32_t)(i * sizeof(**fifo_block)), i),
			 0, "control block of vCPU %u", i);
	}
	for (unsigned int i = 0; i < pages; i++) {
		CHECK_EQ(fifo_more(), 0, "page %u of the event array", i);
	}
}

#endif
