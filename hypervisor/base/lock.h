/*
 * Ticket spin locks.  Debug builds record holder and check the order of
 * base/lockorder.h; a lock knows its place from its initialiser.
 */
#ifndef PAVANE_BASE_LOCK_H
#define PAVANE_BASE_LOCK_H

#include <stdatomic.h>

#include "arch/cpu.h"
#include "base/lockorder.h"
#include "lib/types.h"

struct spinlock {
	_Atomic uint16_t next, owner;
	uint8_t order;	/* enum lock_order */
	uint8_t holder; /* CPU, valid while held, in debug builds */
};

#define SPINLOCK_INIT(ord)                     \
	{                                      \
		.order = (ord), .holder = 0xff \
	}
void spin_init(struct spinlock *l, enum lock_order order);
bool spin_trylock(struct spinlock *l);
bool spin_held(const struct spinlock *l); /* by this CPU; debug builds only */
unsigned int spin_held_count(void);	  /* locks this CPU holds; debug builds only */
void spin_checks_off(void);		  /* for panic(): the order no longer matters */

/* What debug builds do before a lock is waited for, once it is held, and before it is let go. */
#ifdef NDEBUG
#define LOCK_CHECKS 0
#else
#define LOCK_CHECKS 1
#endif
void lock_check_order(const struct spinlock *l);
void lock_note_held(struct spinlock *l);
void lock_note_released(struct spinlock *l);

/* Inline, like unlocking: a hypercall takes several, and nobody else wants them most of the time. */
static inline void spin_lock(struct spinlock *l)
{
	uint16_t ticket;

	if (LOCK_CHECKS) {
		lock_check_order(l);
	}
	ticket = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
	/* Pairs with the release in spin_unlock(). */
	while (atomic_load_explicit(&l->owner, memory_order_acquire) != ticket) {
		cpu_relax();
	}
	if (LOCK_CHECKS) {
		lock_note_held(l);
	}
}

static inline void spin_unlock(struct spinlock *l)
{
	uint16_t ticket = atomic_load_explicit(&l->owner, memory_order_relaxed);

	if (LOCK_CHECKS) {
		lock_note_released(l);
	}
	atomic_store_explicit(&l->owner, (uint16_t)(ticket + 1), memory_order_release);
}

#endif
