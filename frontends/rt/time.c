/* System time from the time page, the wall clock, and one timer. */
#include "frontends/rt/rt.h"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

volatile unsigned int timer_count;

uint64_t system_time_on(unsigned int vcpu)
{
	const volatile struct vcpu_time_info *t = &shared_info->vcpu_info[vcpu].time;
	uint32_t version;
	uint64_t delta, ns;

	do {
		version = t->version;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		delta = rdtsc() - t->tsc_timestamp;
		delta = t->tsc_shift >= 0 ? delta << t->tsc_shift : delta >> -t->tsc_shift;
		ns = t->system_time +
		     (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while ((version & 1) || version != t->version);
	return ns;
}

uint64_t system_time(void)
{
	return system_time_on(0);
}

uint64_t wall_clock(void)
{
	const volatile struct shared_info *s = shared_info;
	uint64_t sec, nsec;
	uint32_t version;

	do {
		version = s->wc_version;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		sec = (uint64_t)s->wc_sec_hi << 32 | s->wc_sec;
		nsec = s->wc_nsec;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while ((version & 1) || version != s->wc_version);
	return sec + (nsec + system_time()) / 1000000000;
}

static void on_timer(evtchn_port_t port)
{
	(void)port;
	timer_count++;
}

void timer_init(void)
{
	struct evtchn_bind_virq bind = { .virq = VIRQ_TIMER };
	long rc = event_op(EVTCHNOP_bind_virq, &bind);

	if (rc) {
		print("VERDICT FAILURE cannot bind the timer: %ld\n", rc);
		guest_shutdown(SHUTDOWN_crash);
	}
	event_set_handler(bind.port, on_timer);
	vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
}

void timer_arm(uint64_t at)
{
	struct vcpu_set_singleshot_timer s = { .timeout_abs_ns = at };

	if (at) {
		vcpu_op(VCPUOP_set_singleshot_timer, 0, &s);
	} else {
		vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
	}
}
