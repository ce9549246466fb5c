/* Event channels, the FIFO ABI: see evtchn_fifo.h. */
#include "core/evtchn_fifo.h"

#include <xen/errno.h>

#include "base/refuse.h"
#include "core/evtchn_port.h"
#include "core/vcpu.h"
#include "mm/frame.h"
#include "mm/pool.h"

/* A guest that keeps to the protocol changes a word at most a few times while we look at it. */
#define LINK_TRIES 8

static event_word_t word_read(const event_word_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* Each is one instruction, so the guest cannot keep us at it. */
static bool word_test_and_set(event_word_t *word, unsigned int bit)
{
	event_word_t m = (event_word_t)1 << bit;

	return (__atomic_fetch_or(word, m, __ATOMIC_SEQ_CST) & m) != 0;
}

static void word_set(event_word_t *word, event_word_t bits)
{
	__atomic_or_fetch(word, bits, __ATOMIC_SEQ_CST);
}

static void word_clear(event_word_t *word, event_word_t bits)
{
	__atomic_and_fetch(word, ~bits, __ATOMIC_SEQ_CST);
}

/* --- queues --- */

/* Changes the LINK of a word that is in a queue.  False: it is in none, or the guest does not let us. */
static bool try_link(event_word_t *word, evtchn_port_t port)
{
	event_word_t old = word_read(word);

	for (unsigned int i = 0; i < LINK_TRIES && (old & FIFO_LINKED); i++) {
		event_word_t new = (old & ~(FIFO_BUSY | EVTCHN_FIFO_LINK_MASK)) | port;

		if (__atomic_compare_exchange_n(word, &old, new, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST)) {
			return true;
		}
		/* BUSY asks the guest to leave the word's mask alone for a moment. */
		word_set(word, FIFO_BUSY);
		old = word_read(word);
	}
	if (old & FIFO_BUSY) {
		word_clear(word, FIFO_BUSY);
	}
	return false;
}

/*
 * Puts port behind the last of a queue.  False: there is nothing to put it behind.  A last port whose word is not
 * LINKED has been taken, and one that is the port itself was taken before it came again.
 */
static bool append(struct evtchn_fifo *f, evtchn_port_t tail, evtchn_port_t port)
{
	return tail != 0 && tail != port && try_link(evtchn_fifo_word(f, tail), port);
}

/* A port that was the last of another queue, long taken, must not be taken for its end once it is linked here. */
static void leave_other_queue(struct evtchn_fifo *f, struct evtchn *c, uint16_t vcpu,
			      uint8_t priority)
{
	if (c->queued && (c->queue_vcpu != vcpu || c->queue_priority != priority)) {
		evtchn_port_t *tail = &f->queues[c->queue_vcpu].tail[c->queue_priority];

		if (*tail == c->port) {
			*tail = 0;
		}
	}
	c->queued = true;
	c->queue_vcpu = vcpu;
	c->queue_priority = priority;
}

/*
 * READY is set for a new head only: a guest that finds it without one may follow a HEAD that it has had before.  True: the
 * vCPU has to be told.
 */
static bool enqueue(struct evtchn_fifo *f, struct evtchn *c, uint16_t vcpu, uint8_t priority)
{
	struct evtchn_queues *q = &f->queues[vcpu];
	bool tell = false;

	leave_other_queue(f, c, vcpu, priority);
	if (!append(f, q->tail[priority], c->port)) {
		__atomic_store_n(&q->block->head[priority], c->port, __ATOMIC_RELEASE);
		tell = !word_test_and_set(&q->block->ready, priority);
	}
	q->tail[priority] = c->port;
	return tell;
}

static void link(struct domain *d, struct evtchn_fifo *f, struct evtchn *c, event_word_t *word)
{
	uint16_t vcpu = __atomic_load_n(&c->vcpu, __ATOMIC_RELAXED);
	uint8_t priority = __atomic_load_n(&c->priority, __ATOMIC_RELAXED);
	bool tell;

	spin_lock(&f->lock);
	tell = !word_test_and_set(word, EVTCHN_FIFO_LINKED) && enqueue(f, c, vcpu, priority);
	spin_unlock(&f->lock);
	if (tell) {
		vcpu_mark_event(d->vcpu[vcpu]);
	}
}

/* --- ports --- */

/* The array may have grown meanwhile; then the word is the answer. */
static event_word_t *remember_missed(struct evtchn_fifo *f, struct evtchn *c, bool *fresh)
{
	event_word_t *word;

	spin_lock(&f->lock);
	word = evtchn_fifo_word(f, c->port);
	if (!word) {
		/* Ordered as the other way is: who raises looks for pollers next. */
		*fresh = !__atomic_exchange_n(&c->missed, true, __ATOMIC_SEQ_CST);
	}
	spin_unlock(&f->lock);
	return word;
}

bool evtchn_fifo_raise(struct domain *d, struct evtchn_fifo *f, struct evtchn *c)
{
	event_word_t *word = evtchn_fifo_word(f, c->port);
	bool fresh;

	if (unlikely(!word)) {
		word = remember_missed(f, c, &fresh);
		if (!word) {
			return fresh;
		}
	}
	fresh = !word_test_and_set(word, EVTCHN_FIFO_PENDING);
	/* Pairs with the guest's: it clears LINKED, or MASKED, and then looks at PENDING. */
	if (!(word_read(word) & (FIFO_MASKED | FIFO_LINKED))) {
		link(d, f, c, word);
	}
	return fresh;
}

void evtchn_fifo_unmask(struct domain *d, struct evtchn_fifo *f, struct evtchn *c)
{
	event_word_t *word = evtchn_fifo_word(f, c->port);

	if (word) {
		word_clear(word, FIFO_MASKED);
		if ((word_read(word) & (FIFO_PENDING | FIFO_LINKED)) == FIFO_PENDING) {
			link(d, f, c, word);
		}
	}
}

void evtchn_fifo_clear_pending(struct evtchn_fifo *f, struct evtchn *c)
{
	event_word_t *word;

	spin_lock(&f->lock);
	c->missed = false;
	word = evtchn_fifo_word(f, c->port);
	spin_unlock(&f->lock);
	if (word) {
		word_clear(word, FIFO_PENDING);
	}
}

bool evtchn_fifo_is_pending(const struct evtchn_fifo *f, const struct evtchn *c)
{
	const event_word_t *word = evtchn_fifo_word(f, c->port);

	return word ? word_read(word) & FIFO_PENDING
		    : __atomic_load_n(&c->missed, __ATOMIC_SEQ_CST);
}

bool evtchn_fifo_is_masked(const struct evtchn_fifo *f, const struct evtchn *c)
{
	const event_word_t *word = evtchn_fifo_word(f, c->port);

	return word && (word_read(word) & FIFO_MASKED);
}

bool evtchn_fifo_is_linked(const struct evtchn_fifo *f, const struct evtchn *c)
{
	const event_word_t *word = evtchn_fifo_word(f, c->port);

	return c->queued && word && (word_read(word) & FIFO_LINKED);
}

/* --- operations --- */

static struct evtchn_fifo *make_fifo(unsigned int vcpus)
{
	struct evtchn_fifo *f = pool_alloc(sizeof(*f) + vcpus * sizeof(f->queues[0]));

	if (f) {
		spin_init(&f->lock, LOCK_EVTQUEUE);
		f->vcpus = vcpus;
		for (unsigned int i = 0; i < vcpus; i++) {
			f->queues[i].block = &f->queues[i].own;
			f->queues[i].frame = MFN_NONE;
		}
	}
	return f;
}

/* What is pending in the old way is remembered, and shown once the array is there. */
static void take_over(struct domain *d, struct evtchn_fifo *f)
{
	xen_ulong_t *pending = d->shared->evtchn_pending;

	for (unsigned int i = 0; i < EVTCHN_2LEVEL_PORTS / BITS_PER_WORD; i++) {
		xen_ulong_t bits = __atomic_exchange_n(&pending[i], 0, __ATOMIC_SEQ_CST);

		while (bits) {
			struct evtchn *c =
				evtchn_channel(&d->evtchn,
					       i * BITS_PER_WORD +
						       (unsigned int)__builtin_ctzl(bits));

			bits &= bits - 1;
			if (c && c->state != EVTCHNSTAT_closed) {
				evtchn_fifo_raise(d, f, c);
			}
		}
	}
}

static void switch_to(struct domain *d, struct evtchn_fifo *f)
{
	struct evtchn_table *t = &d->evtchn;

	t->max_port = MIN(t->limit, EVTCHN_PORTS - 1);
	/* Pairs with evtchn_deliver(), which looks again after it has set a bit. */
	__atomic_store_n(&t->fifo, f, __ATOMIC_SEQ_CST);
	take_over(d, f);
}

/* From now on the guest's block counts; what ours has remembered goes there. */
static bool use_block(struct evtchn_queues *q, mfn_t frame, uint32_t offset)
{
	struct evtchn_fifo_control_block *block =
		(struct evtchn_fifo_control_block *)((char *)frame_to_virt(frame) + offset);
	const struct evtchn_fifo_control_block *old = &q->own;

	for (unsigned int i = 0; i < EVTCHN_FIFO_MAX_QUEUES; i++) {
		if (old->ready >> i & 1) {
			__atomic_store_n(&block->head[i], old->head[i], __ATOMIC_RELEASE);
		}
	}
	if (old->ready) {
		word_set(&block->ready, old->ready);
	}
	q->block = block;
	q->frame = frame;
	return old->ready != 0;
}

/* Under the table's lock, with the frame held. */
static int give_block(struct vcpu *v, mfn_t frame, uint32_t offset)
{
	struct evtchn_table *t = &v->domain->evtchn;
	struct evtchn_fifo *f = t->fifo ? t->fifo : make_fifo(v->domain->max_vcpus);
	bool tell;

	if (!f) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	if (!mfn_eq(f->queues[v->id].frame, MFN_NONE)) {
		return refuse_at(-XEN_EINVAL, REASON_EVENT_ARRAY, frame.n);
	}
	spin_lock(&f->lock);
	tell = use_block(&f->queues[v->id], frame, offset);
	spin_unlock(&f->lock);
	if (!t->fifo) {
		switch_to(v->domain, f);
	}
	if (tell) {
		vcpu_mark_event(v);
	}
	return 0;
}

static int hold_frame(struct domain *d, mfn_t frame)
{
	if (!frame_valid(frame)) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_FRAME, frame.n);
	}
	return frame_get_type(frame, FRAME_WRITABLE, d) ? refuse_as(-XEN_EINVAL) : 0;
}

int evtchn_fifo_init_control(struct domain *d, const struct evtchn_init_control *req)
{
	struct vcpu *v = evtchn_vcpu(d, req->vcpu);
	mfn_t frame = mfn(req->control_gfn);
	int rc;

	if (!v) {
		return refuse_at(-XEN_ENOENT, REASON_NO_SUCH_VCPU, req->vcpu);
	}
	if (req->offset % 8 || req->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block)) {
		return refuse_at(-XEN_EINVAL, REASON_EVENT_ARRAY, req->control_gfn);
	}
	rc = hold_frame(d, frame);
	if (rc) {
		return rc;
	}
	spin_lock(&d->evtchn.lock);
	rc = evtchn_may_open(&d->evtchn);
	if (!rc) {
		rc = give_block(v, frame, req->offset);
	}
	spin_unlock(&d->evtchn.lock);
	if (rc) {
		frame_put_type(frame);
	}
	return rc;
}

/* What was missed for want of a word. */
static void raise_missed(struct domain *d, struct evtchn_fifo *f, unsigned int page)
{
	evtchn_port_t port = page * (unsigned int)FIFO_WORDS_PER_PAGE;

	for (unsigned int i = 0; i < FIFO_WORDS_PER_PAGE; i++) {
		struct evtchn *c = evtchn_channel(&d->evtchn, port + i);

		if (!c) {
			return; /* the table grows from below */
		}
		if (c->missed) {
			c->missed = false;
			evtchn_fifo_raise(d, f, c);
		}
	}
}

static void add_page(struct domain *d, struct evtchn_fifo *f, mfn_t frame)
{
	unsigned int page = f->pages;

	spin_lock(&f->lock);
	__atomic_store_n(&f->page[page], (event_word_t *)frame_to_virt(frame), __ATOMIC_RELEASE);
	f->pages++;
	spin_unlock(&f->lock);
	raise_missed(d, f, page);
}

int evtchn_fifo_expand_array(struct domain *d, uint64_t gfn)
{
	struct evtchn_table *t = &d->evtchn;
	int rc = 0;

	spin_lock(&t->lock);
	if (!t->fifo) {
		rc = refuse_at(-XEN_EOPNOTSUPP, REASON_EVENT_ARRAY, gfn);
	} else if (t->fifo->pages == FIFO_PAGES) {
		rc = refuse_at(-XEN_ENOSPC, REASON_EVENT_ARRAY, gfn);
	} else {
		rc = evtchn_may_open(t);
		rc = rc ? rc : hold_frame(d, mfn(gfn));
	}
	if (!rc) {
		add_page(d, t->fifo, mfn(gfn));
	}
	spin_unlock(&t->lock);
	return rc;
}

/* From the next time that it is linked. */
int evtchn_fifo_set_priority(struct domain *d, const struct evtchn_set_priority *req)
{
	struct evtchn *c;
	int rc = 0;

	spin_lock(&d->evtchn.lock);
	c = evtchn_channel(&d->evtchn, req->port);
	if (!c) {
		rc = refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PORT, req->port);
	} else if (!d->evtchn.fifo) {
		rc = refuse_at(-XEN_ENOSYS, REASON_EVENT_ARRAY, req->port);
	} else if (c->state == EVTCHNSTAT_closed) {
		rc = refuse_at(-XEN_EACCES, REASON_PORT_STATE, req->port);
	} else if (req->priority > EVTCHN_FIFO_PRIORITY_MIN) {
		rc = refuse_at(-XEN_EINVAL, REASON_BAD_ARGUMENT, req->priority);
	} else {
		__atomic_store_n(&c->priority, (uint8_t)req->priority, __ATOMIC_RELAXED);
	}
	spin_unlock(&d->evtchn.lock);
	return rc;
}

void evtchn_fifo_release(struct evtchn_table *t)
{
	struct evtchn_fifo *f = t->fifo;

	if (!f) {
		return;
	}
	t->fifo = NULL;
	t->max_port = MIN(t->limit, EVTCHN_2LEVEL_PORTS - 1);
	for (unsigned int i = 0; i < f->pages; i++) {
		frame_put_type(virt_to_frame(f->page[i]));
	}
	for (unsigned int i = 0; i < f->vcpus; i++) {
		if (!mfn_eq(f->queues[i].frame, MFN_NONE)) {
			frame_put_type(f->queues[i].frame);
		}
	}
	pool_free(f);
}
