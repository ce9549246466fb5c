/*
 * Event channels: how domains, devices and the hypervisor tap a guest on the shoulder.  A domain begins with
 * the 2-level ABI and its 4096 ports; EVTCHNOP_init_control makes it the FIFO ABI's, with 131072.
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
struct evtchn_fifo; /* core/evtchn_fifo.h */

#define EVTCHN_PORTS	    ((unsigned int)EVTCHN_FIFO_NR_CHANNELS)
#define EVTCHN_2LEVEL_PORTS 4096u
#define EVTCHN_BUCKET	    128u /* channels that are allocated together: a page */
#define EVTCHN_GROUP	    64u	 /* buckets that are found together */
#define EVTCHN_BUCKETS	    (EVTCHN_PORTS / EVTCHN_BUCKET)
#define EVTCHN_PIRQS	    1024u /* highest pirq number a domain can have, plus one */

struct evtchn {
	uint8_t state; /* EVTCHNSTAT_* */
	uint8_t virq;
	uint16_t vcpu; /* notify this vCPU */
	uint32_t port;
	/* of the FIFO ABI: */
	uint8_t priority;
	/* under the queues' lock: */
	bool missed; /* pending, but the guest's array has no word for it yet */
	bool queued; /* was in a queue at some time, last in this one: */
	uint8_t queue_priority;
	uint16_t queue_vcpu;
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

/* A table grows by buckets, the lowest first, so a domain pays for the ports it uses. */
struct evtchn_group {
	struct evtchn *bucket[EVTCHN_GROUP];
	uint8_t open[EVTCHN_GROUP]; /* ports of the bucket that are not to be had */
};

struct evtchn_table {
	struct spinlock lock;
	/* under lock: */
	struct evtchn_group *group[EVTCHN_BUCKETS / EVTCHN_GROUP];
	struct evtchn_fifo *fifo; /* NULL: the 2-level ABI.  Senders read it without the lock */
	uint32_t max_port;	  /* of the ABI in use, within the limit; inclusive */
	uint32_t active;	  /* ports in use */
	uint32_t first_free;	  /* no port below this one is closed; port 0 is never given out */
	uint32_t closing;	  /* while all are being closed: none below is open */
	uint32_t *pirq_port;	  /* EVTCHN_PIRQS entries once a pirq was bound: its port, 0 none */
	bool resetting;		  /* until it is done: no new ports */
	bool closed;		  /* the domain is dying: no new ports, ever */
	/* written once: */
	uint32_t limit; /* set at creation, inclusive */
	struct domain *owner;
};

/* A zeroed table of a zeroed domain: cannot fail today, 0. */
int evtchn_init(struct evtchn_table *t, struct domain *owner, uint32_t limit);
/* The domain is dying: closes every port, in steps.  0, or -ERESTART to be called again; no lock may be held. */
int evtchn_close_all(struct evtchn_table *t);
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
/* Closes every port and goes back to the 2-level ABI, in steps: as evtchn_close_all(). */
int evtchn_reset(struct domain *d);

#endif
