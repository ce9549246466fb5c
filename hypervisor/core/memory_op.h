/*
 * Between the files of the memory hypercall: its operations over many frames, and what they have in common.
 */
#ifndef PAVANE_CORE_MEMORY_OP_H
#define PAVANE_CORE_MEMORY_OP_H

#include <stdint.h>

#include <xen/xen.h>

#include "arch/cpu.h"
#include "lib/types.h"

struct domain;
struct vcpu;

#define MEMORY_EXTENT_SHIFT 6 /* the command proper is under this bit */
#define MEMORY_COMMAND_MASK ((1u << MEMORY_EXTENT_SHIFT) - 1)
#define MEMORY_MOST_ORDER \
	9u /* 2 MiB: what anyone may ask for in one piece; more would take too long */
#define MEMORY_STRETCH 32u /* frames between two looks at pending work */

/* The domain named, referenced, if the caller may change its memory.  0, -ESRCH, -EPERM. */
int memory_named_domain(domid_t id, struct domain **out);

/* After item i of many that can't wait for another call: interrupts are let in now and then. */
static inline void memory_breathe(unsigned int i)
{
	if (i % MEMORY_STRETCH == MEMORY_STRETCH - 1) {
		cpu_preempt_point();
	}
}

/* XENMEM_increase_reservation, decrease_reservation, populate_physmap: memory_reserve.c. */
long memory_reservation(uint64_t cmd, gva_t arg);
/* XENMEM_exchange: memory_exchange.c. */
long memory_exchange(gva_t arg);
/* The vCPU is being taken apart: nothing of a half-done exchange stays.  0, or -ERESTART: to be called again. */
int memory_exchange_abandon(struct vcpu *v);

#endif
