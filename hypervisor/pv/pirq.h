/*
 * Physical interrupts as a domain numbers them.  A pirq is an interrupt line (GSI, same number if that is
 * free) or one message vector (numbers from the top down); bound to an event channel it delivers there.
 *
 * Only the hardware domain has any.  Lock: LOCK_PIRQ, which stands above that of event channels; the
 * interrupt handler takes only the latter.
 */
#ifndef PAVANE_PV_PIRQ_H
#define PAVANE_PV_PIRQ_H

#include "base/lock.h"
#include "lib/types.h"
#include "x86/msi.h"

struct domain;

#define PIRQS 256u

enum pirq_kind { PIRQ_FREE, PIRQ_GSI, PIRQ_MSI };

struct pirq {
	struct domain *domain;
	uint16_t number;
	uint8_t kind;
	bool bound;
	uint16_t gsi;	 /* PIRQ_GSI */
	uint16_t index;	 /* PIRQ_MSI: which vector of it */
	struct msi *msi; /* shared by the pirqs of one device's several vectors */
};

struct pirq_table {
	struct spinlock lock;
	/* under lock; a pirq's domain, number, kind and gsi do not change while it is bound: */
	struct pirq pirq[PIRQS];
	uint64_t *eoi_map; /* the domain's page that says which pirqs want an EOI; NULL: none */
	mfn_t eoi_frame;
};

/* d->pv->pirqs: a table for the hardware domain, NULL for others. 0 or -ENOMEM. */
int pirq_table_create(struct domain *d);
void pirq_table_destroy(struct domain *d); /* all unbound and unmapped; NULL is fine */
/* Drops the references to the domain's memory; called when it is dying (guest_relinquish). */
void pirq_table_relinquish(struct domain *d);

/* Each returns a pirq or -errno; 'wanted' is a number or -1. */
int pirq_map_gsi(struct domain *d, unsigned int gsi, int wanted);
/* m says which; several vectors take consecutive pirqs, and the lowest is returned. */
int pirq_map_msi(struct domain *d, const struct msi *m, int wanted);
int pirq_unmap(struct domain *d, unsigned int pirq); /* a device's several vectors go together */
int pirq_find_free(struct domain *d, bool msi);	     /* what the next mapping would get */
int pirq_eoi(struct domain *d, unsigned int pirq);
int pirq_status(struct domain *d, unsigned int pirq, uint32_t *flags); /* XENIRQSTAT_* */
int pirq_set_eoi_frame(struct domain *d, mfn_t m);
/* The device lost its configuration: write its messages anew. -ESRCH if it has none. */
int pirq_restore_msi(struct domain *d, uint16_t seg, uint8_t bus, uint8_t devfn);
/* The device is going away. */
void pirq_drop_device(struct domain *d, uint16_t seg, uint8_t bus, uint8_t devfn);
void pirq_dump(struct domain *d); /* to the log: debug key */

#endif
