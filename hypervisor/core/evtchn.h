/*
 * Event channels, 2-level ABI: 4096 ports per domain.
 * Errors follow public/event_channel.h.
 */
#ifndef PAVANE_CORE_EVTCHN_H
#define PAVANE_CORE_EVTCHN_H

#include <stdint.h>

#include <xen/xen.h>
#include <xen/event_channel.h>

#include "base/lock.h"
#include "lib/types.h"

struct domain;
struct vcpu;

#define EVTCHN_PORTS  4096u
#define EVTCHN_BUCKET 128u
#define EVTCHN_PIRQS  1024u /* highest pirq number a domain can have, plus one */

struct evtchn {
	uint8_t state; /* EVTCHNSTAT_* */
	uint8_t virq;
	uint16_t vcpu; /* notify this vCPU */
	uint32_t port;
	union {
		struct {
			domid_t domid;
		} unbound;
		struct {
			struct domain *dom;
			evtchn_port_t port;
		} remote; /* holds a reference to dom */
		uint32_t pirq;
	};
};

struct evtchn_table {
	struct spinlock lock;
	/* under lock: */
	struct evtchn *bucket[EVTCHN_PORTS / EVTCHN_BUCKET];
	uint32_t active;     /* ports in use */
	uint32_t first_free; /* no port below this one is free; port 0 is never given out */
	uint16_t *pirq_port; /* EVTCHN_PIRQS entries once a pirq was bound: its port, 0 none */
	bool closed;	     /* the domain is dying: no new ports */
	/* written once: */
	uint32_t max_port; /* limit set at creation, inclusive */
	struct domain *owner;
};

/* A zeroed table of a zeroed domain: cannot fail today, 0. */
int evtchn_init(struct evtchn_table *t, struct domain *owner, uint32_t max_port);
void evtchn_close_all(struct evtchn_table *t); /* domain is dying */
void evtchn_free(struct evtchn_table *t);

/* Hypercall EVTCHNOP_*. */
long evtchn_op(unsigned int cmd, gva_t arg);

/* To a vCPU's VIRQ, or to whoever bound a global one (for hardware VIRQs: the control domain). */
void evtchn_send_virq(struct vcpu *v, unsigned int virq);
void evtchn_send_global_virq(unsigned int virq);
/* A physical interrupt: sets the port bound to pirq. False if none is bound. */
bool evtchn_send_pirq(struct domain *d, unsigned int pirq);
/* Is the port pending? For SCHEDOP_poll. -EINVAL, 0 or 1. */
int evtchn_port_pending(struct domain *d, evtchn_port_t port);
/* For domctl/VCPU reset. */
int evtchn_reset(struct domain *d);

#endif
