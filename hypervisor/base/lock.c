/*
 * Ticket locks: first come, first served, so no CPU starves under contention.
 * The order check keeps, for each CPU, the orders of the locks it holds; taking
 * one that stands above the lowest held is our mistake, and panics in debug
 * builds the first time it happens rather than on the day two CPUs meet.
 */
#include "base/lock.h"

#include "arch/cpu.h"
#include "base/bug.h"

#define NO_HOLDER 0xff
#define MAX_HELD  12

struct held_locks {
	unsigned int count;
	uint8_t order[MAX_HELD];
};

static struct held_locks held[MAX_CPUS];
static bool checks_off; /* panicking: what is held no longer matters */

/* Release builds compile all of this and call none of it. */

/* Of these a CPU may hold two, in the order lockorder.h names. */
static bool may_nest(unsigned int order)
{
	return order == LOCK_GRANT || order == LOCK_EVTCHN || order == LOCK_RUNQUEUE;
}

void lock_check_order(const struct spinlock *l)
{
	const struct held_locks *h = &held[cpu_id()];

	for (unsigned int i = 0; !checks_off && i < h->count; i++) {
		if (h->order[i] > l->order || (h->order[i] == l->order && !may_nest(l->order))) {
			panic("lock order: %u taken while holding %u", l->order, h->order[i]);
		}
	}
}

void lock_note_held(struct spinlock *l)
{
	struct held_locks *h = &held[cpu_id()];

	l->holder = (uint8_t)cpu_id();
	if (checks_off) {
		return;
	}
	BUG_ON(h->count == MAX_HELD);
	h->order[h->count++] = l->order;
}

void lock_note_released(struct spinlock *l)
{
	struct held_locks *h = &held[cpu_id()];

	ASSERT(spin_held(l));
	l->holder = NO_HOLDER;
	for (unsigned int i = h->count; i-- > 0;) {
		if (h->order[i] == l->order) {
			for (h->count--; i < h->count; i++) {
				h->order[i] = h->order[i + 1];
			}
			return;
		}
	}
	if (!checks_off) {
		panic("lock %u released but not held", l->order);
	}
}

unsigned int spin_held_count(void)
{
	return held[cpu_id()].count;
}

void spin_checks_off(void)
{
	checks_off = true;
}

void spin_init(struct spinlock *l, enum lock_order order)
{
	atomic_init(&l->next, 0);
	atomic_init(&l->owner, 0);
	l->order = (uint8_t)order;
	l->holder = NO_HOLDER;
}

bool spin_trylock(struct spinlock *l)
{
	uint16_t ticket = atomic_load_explicit(&l->owner, memory_order_relaxed);
	uint16_t expected = ticket;

	/* Free is next == owner: taking the ticket that is being served takes the lock. */
	if (!atomic_compare_exchange_strong_explicit(&l->next, &expected, (uint16_t)(ticket + 1),
						     memory_order_acquire, memory_order_relaxed)) {
		return false;
	}
	/* The ticket is ours; the last holder's writes are behind its release of 'owner'. */
	while (atomic_load_explicit(&l->owner, memory_order_acquire) != ticket) {
		cpu_relax();
	}
	if (LOCK_CHECKS) {
		lock_note_held(l);
	}
	return true;
}

bool spin_held(const struct spinlock *l)
{
	return atomic_load_explicit(&l->next, memory_order_relaxed) !=
		       atomic_load_explicit(&l->owner, memory_order_relaxed) &&
	       l->holder == cpu_id();
}
