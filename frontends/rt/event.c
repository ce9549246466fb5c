/* Event channels: two levels of bits in the shared page, one callback, a handler per port. */
#include "frontends/rt/rt.h"

#include <xen/event_channel.h>
#include <xen/sched.h>

struct shared_info *shared_info;
static char shared_page[4096] __attribute__((aligned(4096)));
static event_fn handlers[4096];
volatile unsigned int event_count;

struct vcpu_info *vcpu_info(void)
{
	return &shared_info->vcpu_info[0];
}

void events_init(void)
{
	long rc;

	/* The page has a machine address of its own: put it in place of one of ours. */
	rc = update_va_mapping((uint64_t)shared_page, start_info->shared_info | PTE_USUAL,
			       UVMF_INVLPG);
	if (rc) {
		print("VERDICT FAILURE cannot map shared_info: %ld\n", rc);
		guest_shutdown(SHUTDOWN_crash);
	}
	shared_info = (struct shared_info *)shared_page;
	for (unsigned int i = 0; i < ARRAY_SIZE(shared_info->evtchn_mask); i++) {
		shared_info->evtchn_mask[i] = ~0UL;
	}
	upcalls_on();
}

void upcalls_off(void)
{
	vcpu_info()->evtchn_upcall_mask = 1;
	barrier();
}

void upcalls_on(void)
{
	barrier();
	vcpu_info()->evtchn_upcall_mask = 0;
	barrier();
	if (vcpu_info()->evtchn_upcall_pending) {
		/* Any hypercall delivers what became pending while masked. */
		version_op(0 /* XENVER_version */, NULL);
	}
}

static void handle_word(unsigned int word)
{
	uint64_t bits;

	while ((bits = shared_info->evtchn_pending[word] & ~shared_info->evtchn_mask[word])) {
		unsigned int bit = (unsigned int)__builtin_ctzl(bits), port = word * 64 + bit;

		__atomic_fetch_and(&shared_info->evtchn_pending[word], ~(1UL << bit),
				   __ATOMIC_SEQ_CST);
		event_count++;
		if (handlers[port]) {
			handlers[port](port);
		}
	}
}

void event_handle(void)
{
	struct vcpu_info *v = vcpu_info();

	while (__atomic_exchange_n(&v->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST)) {
		uint64_t sel = __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

		while (sel) {
			unsigned int word = (unsigned int)__builtin_ctzl(sel);

			sel &= sel - 1;
			handle_word(word);
		}
	}
}

void event_set_handler(evtchn_port_t port, event_fn f)
{
	struct evtchn_unmask unmask = { .port = port };

	handlers[port] = f;
	event_op(EVTCHNOP_unmask, &unmask);
}

void event_mask(evtchn_port_t port)
{
	__atomic_fetch_or(&shared_info->evtchn_mask[port / 64], 1UL << (port % 64),
			  __ATOMIC_SEQ_CST);
}

bool event_is_pending(evtchn_port_t port)
{
	return shared_info->evtchn_pending[port / 64] >> (port % 64) & 1;
}

void event_clear(evtchn_port_t port)
{
	__atomic_fetch_and(&shared_info->evtchn_pending[port / 64], ~(1UL << (port % 64)),
			   __ATOMIC_SEQ_CST);
}

bool wait_for(bool (*cond)(void), uint64_t ns)
{
	uint64_t end = system_time() + ns;
	bool met;

	while (!(met = cond()) && system_time() < end) {
		/* Armed only now: a timer that fired before the mask would wake nobody. */
		upcalls_off();
		timer_arm(end);
		if (cond()) {
			upcalls_on();
			return true;
		}
		sched_op(SCHEDOP_block, NULL);
	}
	return met;
}

void wait_event(unsigned int seen, uint64_t until)
{
	timer_arm(until);
	upcalls_off();
	if (event_count == seen) {
		sched_op(SCHEDOP_block, NULL); /* with upcalls on again */
	} else {
		upcalls_on();
	}
}
