/*
 * How a pending port is shown to the guest, the FIFO way: one word of the guest's event array for each port, and for
 * each vCPU 16 queues, by priority, of the words that are pending and not masked.  A queue is a list through the
 * LINK fields of its words; the vCPU's control block says where each begins (HEAD) and which have something (READY).
 * We add at the end, the guest takes from the front.
 *
 * Array pages and control blocks are the guest's own pages, held writable until reset or death, and it may write
 * anything there at any time.  So nothing is followed that stands there: where each queue ends we keep ourselves.  Of a word only
 * bits are read, and each step on one is tried a few times at most.  A guest that scribbles loses its own events.
 *
 * The protocol is proved in tests/models/fifo.pml.
 */
#ifndef PAVANE_CORE_EVTCHN_FIFO_H
#define PAVANE_CORE_EVTCHN_FIFO_H

#include "core/domain.h"
#include "core/evtchn.h"

#define FIFO_PENDING	    (1u << EVTCHN_FIFO_PENDING)
#define FIFO_MASKED	    (1u << EVTCHN_FIFO_MASKED)
#define FIFO_LINKED	    (1u << EVTCHN_FIFO_LINKED)
#define FIFO_BUSY	    (1u << EVTCHN_FIFO_BUSY)

#define FIFO_WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define FIFO_PAGES	    (EVTCHN_PORTS / FIFO_WORDS_PER_PAGE)

/* Of one vCPU.  Until it names a control block of its own, ours remembers what to tell it. */
struct evtchn_queues {
	struct evtchn_fifo_control_block *block;
	mfn_t frame; /* where the guest's block is, MFN_NONE while it is ours */
	evtchn_port_t tail[EVTCHN_FIFO_MAX_QUEUES]; /* the last port that was added, 0: none */
	struct evtchn_fifo_control_block own;
};

struct evtchn_fifo {
	struct spinlock lock;		/* of all queues: a port may leave one for another */
	event_word_t *page[FIFO_PAGES]; /* of the array; set under lock, read without */
	unsigned int pages;
	unsigned int vcpus;
	struct evtchn_queues queues[];
};

/* A port's word, NULL if the array does not reach so far. */
static inline event_word_t *evtchn_fifo_word(const struct evtchn_fifo *f, evtchn_port_t port)
{
	event_word_t *page = __atomic_load_n(&f->page[port / FIFO_WORDS_PER_PAGE],
					     __ATOMIC_ACQUIRE);

	return page ? &page[port % FIFO_WORDS_PER_PAGE] : NULL;
}

/* Makes a port pending.  False: it was so already.  Some lock that keeps the port bound is held, as for the next three. */
bool evtchn_fifo_raise(struct domain *d, struct evtchn_fifo *f, struct evtchn *c);
void evtchn_fifo_unmask(struct domain *d, struct evtchn_fifo *f, struct evtchn *c);
void evtchn_fifo_clear_pending(struct evtchn_fifo *f, struct evtchn *c);
bool evtchn_fifo_is_pending(const struct evtchn_fifo *f, const struct evtchn *c);
bool evtchn_fifo_is_masked(const struct evtchn_fifo *f, const struct evtchn *c);
/* A closed port that is still in a queue has to be taken from there before it is somebody else's. */
bool evtchn_fifo_is_linked(const struct evtchn_fifo *f, const struct evtchn *c);

/* The operations, for the current domain; they take the table's lock. */
int evtchn_fifo_init_control(struct domain *d, const struct evtchn_init_control *req);
int evtchn_fifo_expand_array(struct domain *d, uint64_t gfn);
int evtchn_fifo_set_priority(struct domain *d, const struct evtchn_set_priority *req);
/* Under the table's lock, all ports closed: lets go of the guest's pages; the 2-level ABI again. */
void evtchn_fifo_release(struct evtchn_table *t);

#endif
