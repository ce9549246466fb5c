/*
 * Event channels in a line each, for the tests that need several.  What answers a port answers 0 when it could not
 * be had.
 */
#ifndef PAVANE_ABI_EVENT_H
#define PAVANE_ABI_EVENT_H

#include "frontends/rt/rt.h"

#include <xen/event_channel.h>

#define PORTS 4096u /* of the two-level ABI; port 0 is never given out */

static inline long event_send(evtchn_port_t port)
{
	struct evtchn_send s = { .port = port };

	return event_op(EVTCHNOP_send, &s);
}

static inline long event_close(evtchn_port_t port)
{
	struct evtchn_close c = { .port = port };

	return event_op(EVTCHNOP_close, &c);
}

static inline long event_unmask(evtchn_port_t port)
{
	struct evtchn_unmask u = { .port = port };

	return event_op(EVTCHNOP_unmask, &u);
}

static inline long event_steer(evtchn_port_t port, unsigned int vcpu)
{
	struct evtchn_bind_vcpu b = { .port = port, .vcpu = vcpu };

	return event_op(EVTCHNOP_bind_vcpu, &b);
}

/* Of one of our own ports. */
static inline long event_status(evtchn_port_t port, struct evtchn_status *st)
{
	*st = (struct evtchn_status){ .dom = DOMID_SELF, .port = port };
	return event_op(EVTCHNOP_status, st);
}

/* EVTCHNSTAT_*, or -errno. */
static inline long event_state(evtchn_port_t port)
{
	struct evtchn_status st;
	long rc = event_status(port, &st);

	return rc ? rc : (long)st.status;
}

static inline evtchn_port_t event_unbound(domid_t remote)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = remote };

	return event_op(EVTCHNOP_alloc_unbound, &a) == 0 ? a.port : 0;
}

static inline evtchn_port_t event_bind(domid_t remote, evtchn_port_t port)
{
	struct evtchn_bind_interdomain b = { .remote_dom = remote, .remote_port = port };

	return event_op(EVTCHNOP_bind_interdomain, &b) == 0 ? b.local_port : 0;
}

static inline evtchn_port_t event_ipi(unsigned int vcpu)
{
	struct evtchn_bind_ipi b = { .vcpu = vcpu };

	return event_op(EVTCHNOP_bind_ipi, &b) == 0 ? b.port : 0;
}

/* The port, or -errno. */
static inline long event_virq(unsigned int virq, unsigned int vcpu)
{
	struct evtchn_bind_virq b = { .virq = virq, .vcpu = vcpu };
	long rc = event_op(EVTCHNOP_bind_virq, &b);

	return rc ? rc : (long)b.port;
}

/* The lowest port that is free: what the next one to be had would be. */
static inline evtchn_port_t event_next_free(void)
{
	evtchn_port_t port = event_unbound(DOMID_SELF);

	event_close(port);
	return port;
}

static inline bool event_is_masked(evtchn_port_t port)
{
	return shared_info->evtchn_mask[port / 64] >> (port % 64) & 1;
}

#endif
