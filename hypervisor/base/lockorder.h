/* The whole lock order: a CPU that holds a lock may take only those below it in this list. */
#ifndef PAVANE_BASE_LOCKORDER_H
#define PAVANE_BASE_LOCKORDER_H

enum lock_order {
	LOCK_DOMLIST,	/* the list of domains */
	LOCK_DOMAIN,	/* a domain's life cycle */
	LOCK_GRANT,	/* a grant table; two of them by ascending domid */
	LOCK_PAGETABLE, /* a domain's page tables and their types (dom_pages.pt_lock) */
	LOCK_PIRQ,	/* physical interrupts of a domain */
	LOCK_EVTCHN,	/* an event-channel table; two of them by ascending domid */
	LOCK_EVTQUEUE,	/* the queues of a domain with the FIFO ABI */
	LOCK_PAGES,	/* a domain's page totals */
	LOCK_HEAP,	/* the frame allocator */
	LOCK_POOL,	/* the small-object pool */
	LOCK_RUNQUEUE,	/* a CPU's run queue; two of them by ascending CPU */
	LOCK_TIMER,	/* a CPU's timer heap */
	LOCK_IRQ,	/* interrupt descriptors, IO-APIC, PCI configuration ports */
	LOCK_TIME,	/* the wall clock */
	LOCK_TLB,	/* one TLB shootdown at a time */
	LOCK_LOG,	/* console and its ring */
	LOCK_REFUSALS,	/* what a domain was refused */
	LOCK_ORDERS
};

#endif
