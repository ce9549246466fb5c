/*
 * Timers.  Each CPU has a leftist heap: a binary tree in which every node
 * expires no later than its children and the right spine is never longer than
 * the logarithm of its size.  Everything is a merge along right spines, so the
 * worst case is logarithmic and no storage is needed beyond the timers themselves.
 *
 * The hardware holds one deadline per CPU.  It is moved only to become earlier;
 * stopping or delaying the first timer leaves it, and the one superfluous
 * interrupt that may follow programs the right one.
 */
#include "core/timer.h"

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/lock.h"
#include "core/softirq.h"

static struct timer_heap {
	struct spinlock lock;
	/* under lock: */
	struct timer *root;
	struct timer *running; /* its handler runs now */
	ns_t programmed;       /* what the hardware was given, 0: nothing */
} __attribute__((aligned(64))) heaps[MAX_CPUS];

static unsigned int rank_of(const struct timer *t)
{
	return t ? t->rank : 0;
}

/* Keeps the shorter spine on the right.  True if the rank changed. */
static bool settle(struct timer *t)
{
	unsigned int rank;

	if (rank_of(t->left) < rank_of(t->right)) {
		struct timer *left = t->left;

		t->left = t->right;
		t->right = left;
	}
	rank = rank_of(t->right) + 1;
	if (rank == t->rank) {
		return false;
	}
	t->rank = (uint8_t)rank;
	return true;
}

/* One heap of two; the depth of the recursion is the sum of two right spines. */
static struct timer *merge(struct timer *a, struct timer *b)
{
	struct timer *first = a, *other = b;

	if (!a || !b) {
		return a ? a : b;
	}
	if (b->expires < a->expires) {
		first = b;
		other = a;
	}
	first->right = merge(first->right, other);
	first->right->parent = first;
	settle(first);
	return first;
}

static void heap_insert(struct timer_heap *h, struct timer *t)
{
	t->left = t->right = t->parent = NULL;
	t->rank = 1;
	t->armed = true;
	h->root = merge(h->root, t);
	h->root->parent = NULL;
}

static void heap_remove(struct timer_heap *h, struct timer *t)
{
	struct timer *parent = t->parent, *rest = merge(t->left, t->right);

	if (rest) {
		rest->parent = parent;
	}
	if (!parent) {
		h->root = rest;
	} else if (parent->left == t) {
		parent->left = rest;
	} else {
		parent->right = rest;
	}
	while (parent && settle(parent)) {
		parent = parent->parent;
	}
	t->armed = false;
}

/* The heap that t belongs to, locked. */
static struct timer_heap *lock_heap(struct timer *t)
{
	for (;;) {
		unsigned int cpu = __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);
		struct timer_heap *h = &heaps[cpu];

		spin_lock(&h->lock);
		if (t->cpu == cpu) {
			return h;
		}
		spin_unlock(&h->lock);
	}
}

/* The first timer changed: makes sure the hardware will fire in time.  True if its CPU must be told. */
static bool program(struct timer_heap *h)
{
	ns_t first;

	if (!h->root) {
		return false;
	}
	first = h->root->expires;
	if (h->programmed != 0 && h->programmed <= first) {
		return false;
	}
	if (h != &heaps[cpu_id()]) {
		return true;
	}
	h->programmed = first;
	cpu_timer_set(first);
	return false;
}

void timer_init(struct timer *t, void (*handler)(void *), void *arg, unsigned int cpu)
{
	*t = (struct timer){ .handler = handler, .arg = arg, .cpu = cpu };
}

static void unlock_and_tell(struct timer_heap *h)
{
	bool tell = program(h);

	spin_unlock(&h->lock);
	if (tell) {
		softirq_raise_on((unsigned int)(h - heaps), SOFTIRQ_TIMER);
	}
}

void timer_set(struct timer *t, ns_t expires)
{
	struct timer_heap *h = lock_heap(t);

	t->changes++;
	if (t->armed) {
		heap_remove(h, t);
	}
	if (!t->killed) {
		t->expires = MAX(expires, 1);
		heap_insert(h, t);
	}
	unlock_and_tell(h);
}

void timer_stop(struct timer *t)
{
	struct timer_heap *h = lock_heap(t);

	t->changes++;
	if (t->armed) {
		heap_remove(h, t);
	}
	spin_unlock(&h->lock);
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
	struct timer_heap *h = lock_heap(t);
	uint32_t changes;
	bool armed = t->armed;

	if (t->cpu == cpu) {
		spin_unlock(&h->lock);
		return;
	}
	if (armed) {
		heap_remove(h, t);
	}
	changes = t->changes;
	__atomic_store_n(&t->cpu, cpu, __ATOMIC_RELAXED);
	spin_unlock(&h->lock);

	/* In between anyone may have armed or stopped it: theirs is the later word. */
	h = lock_heap(t);
	if (armed && t->changes == changes && !t->armed && !t->killed) {
		heap_insert(h, t);
	}
	unlock_and_tell(h);
}

void timer_kill(struct timer *t)
{
	struct timer_heap *h;

	if (!t->handler) {
		return; /* never initialised: half-made owners are taken apart too */
	}
	h = lock_heap(t);
	t->changes++;
	t->killed = true;
	if (t->armed) {
		heap_remove(h, t);
	}
	spin_unlock(&h->lock);

	/* A migrated timer's handler may still run where the timer used to be. */
	for (unsigned int cpu = 0; cpu < cpu_count(); cpu++) {
		while (cpu != cpu_id() &&
		       __atomic_load_n(&heaps[cpu].running, __ATOMIC_ACQUIRE) == t) {
			cpu_relax();
		}
	}
}

static void run_expired(void)
{
	struct timer_heap *h = &heaps[cpu_id()];

	spin_lock(&h->lock);
	h->programmed = 0;
	while (h->root && h->root->expires <= cpu_time_now()) {
		struct timer *t = h->root;
		void (*handler)(void *) = t->handler;
		void *arg = t->arg;

		heap_remove(h, t);
		__atomic_store_n(&h->running, t, __ATOMIC_RELEASE);
		spin_unlock(&h->lock);
		handler(arg);
		spin_lock(&h->lock);
		__atomic_store_n(&h->running, NULL, __ATOMIC_RELEASE);
	}
	if (h->root) {
		h->programmed = h->root->expires;
	}
	cpu_timer_set(h->programmed);
	spin_unlock(&h->lock);
}

void timers_init(void)
{
	for (unsigned int i = 0; i < MAX_CPUS; i++) {
		spin_init(&heaps[i].lock, LOCK_TIMER);
	}
	softirq_register(SOFTIRQ_TIMER, run_expired);
}
