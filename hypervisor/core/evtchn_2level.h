/*
 * How a pending port is shown to the guest, the 2-level way: a bit in the guest's shared page, and if the guest has
 * not masked it, also the bit's summary in the target vCPU's vcpu_info, upon which the vCPU is woken.  The guest
 * owns those pages and may write anything there at any time: nothing here trusts what it reads from
 * them, and the worst a guest gets from scribbling is to miss its own events.
 */
#ifndef PAVANE_CORE_EVTCHN_2LEVEL_H
#define PAVANE_CORE_EVTCHN_2LEVEL_H

#include "core/domain.h"
#include "core/vcpu.h"

#define BITS_PER_WORD 64u

static inline bool bit_test_and_set(xen_ulong_t *words, unsigned int bit)
{
	xen_ulong_t m = (xen_ulong_t)1 << (bit % BITS_PER_WORD);

	return (__atomic_fetch_or(&words[bit / BITS_PER_WORD], m, __ATOMIC_SEQ_CST) & m) != 0;
}

static inline bool bit_test_and_clear(xen_ulong_t *words, unsigned int bit)
{
	xen_ulong_t m = (xen_ulong_t)1 << (bit % BITS_PER_WORD);

	return (__atomic_fetch_and(&words[bit / BITS_PER_WORD], ~m, __ATOMIC_SEQ_CST) & m) != 0;
}

static inline bool bit_test(const xen_ulong_t *words, unsigned int bit)
{
	return __atomic_load_n(&words[bit / BITS_PER_WORD], __ATOMIC_RELAXED) >>
		       (bit % BITS_PER_WORD) &
	       1;
}

/* Tells the vCPU that its word of pending bits has something. */
static inline void evtchn_2level_mark_word(struct vcpu *v, evtchn_port_t port)
{
	if (!bit_test_and_set(&v->info->evtchn_pending_sel, port / BITS_PER_WORD)) {
		vcpu_mark_event(v);
	}
}

/* Makes a port pending.  False: it was so already. */
static inline bool evtchn_2level_raise(struct domain *d, evtchn_port_t port, unsigned int vcpu)
{
	struct shared_info *s = d->shared;

	if (bit_test_and_set(s->evtchn_pending, port)) {
		return false;
	}
	if (!bit_test(s->evtchn_mask, port)) {
		evtchn_2level_mark_word(d->vcpu[vcpu], port);
	}
	return true;
}

static inline void evtchn_2level_unmask(struct domain *d, evtchn_port_t port, unsigned int vcpu)
{
	struct shared_info *s = d->shared;

	if (bit_test_and_clear(s->evtchn_mask, port) && bit_test(s->evtchn_pending, port)) {
		evtchn_2level_mark_word(d->vcpu[vcpu], port);
	}
}

#endif
