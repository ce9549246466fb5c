/*
 * Ticket spin locks.  Debug builds record holder and check the order of
 * base/lockorder.h; a lock knows its place from its initialiser.
 */
#ifndef PAVANE_BASE_LOCK_H
#define PAVANE_BASE_LOCK_H

#include <stdatomic.h>

#include "base/lockorder.h"
#include "lib/types.h"

struct spinlock {
	_Atomic uint16_t next, owner;
	uint8_t order;	/* enum lock_order */
	uint8_t holder; /* CPU, valid while held */
};

#define SPINLOCK_INIT(ord)                     \
	{                                      \
		.order = (ord), .holder = 0xff \
	}
void spin_init(struct spinlock *l, enum lock_order order);
void spin_lock(struct spinlock *l);
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
bool spin_held(const struct spinlock *l); /* by this CPU */
unsigned int spin_held_count(void);	  /* locks this CPU holds; always 0 in release builds */
void spin_checks_off(void);		  /* for panic(): the order no longer matters */

#endif
