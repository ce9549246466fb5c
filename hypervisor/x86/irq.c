/*
 * Who gets which interrupt.  entry.S and trap.c bring every vector from 0x20 on here; devices' vectors are
 * looked up in one table.  The lock is held only to look, never while a handler runs; "running"
 * lets whoever withdraws a handler wait until its last call has ended.
 */
#include "x86/irq.h"

#include <stdatomic.h>

#include <xen/errno.h>

#include "arch/cpu.h"
#include "arch/upcall.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/refuse.h"
#include "x86/apic.h"
#include "x86/machine.h"
#include "x86/trap.h"

#define GUEST_INT80 0x80 /* open to ring 3: it could not be told from a guest's INT */
#define MAX_GSIS    1024
#define NO_GSI	    0xffff

static struct spinlock irq_lock = SPINLOCK_INIT(LOCK_IRQ);

static struct slot {
	/* under irq_lock: */
	bool used;
	bool level;
	uint16_t gsi; /* NO_GSI: a message */
	irq_handler fn;
	void *arg;
	_Atomic uint32_t running;
	_Atomic uint64_t count;
} slots[256];

static struct line {
	/* under irq_lock: */
	uint8_t vector; /* 0: not set up */
	bool level;
	bool claimed;
	bool in_service; /* level: masked until its user is done */
} lines[MAX_GSIS];

static unsigned int next_vector = VECTOR_DEVICE_FIRST;
static _Atomic unsigned int next_cpu;

static bool run_free(unsigned int first, unsigned int count)
{
	for (unsigned int v = first; v < first + count; v++) {
		if (v > VECTOR_DEVICE_LAST || v == GUEST_INT80 || slots[v].used) {
			return false;
		}
	}
	return true;
}

static int alloc_locked(unsigned int count)
{
	unsigned int span = VECTOR_DEVICE_LAST + 1 - VECTOR_DEVICE_FIRST;

	if (!count || (count & (count - 1)) || count > 32) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_MESSAGE, count);
	}
	for (unsigned int i = 0; i < span; i++) {
		unsigned int v = VECTOR_DEVICE_FIRST +
				 (next_vector - VECTOR_DEVICE_FIRST + i) % span;

		if (v % count || !run_free(v, count)) {
			continue;
		}
		for (unsigned int k = v; k < v + count; k++) {
			slots[k].used = true;
			slots[k].level = false;
			slots[k].gsi = NO_GSI;
			slots[k].fn = NULL;
			atomic_store(&slots[k].count, 0);
		}
		next_vector = v + count > VECTOR_DEVICE_LAST ? VECTOR_DEVICE_FIRST : v + count;
		return (int)v;
	}
	return refuse(-XEN_ENOSPC, REASON_NO_FREE_INTERRUPT);
}

int irq_vector_alloc(unsigned int count)
{
	int v;

	spin_lock(&irq_lock);
	v = alloc_locked(count);
	spin_unlock(&irq_lock);
	return v;
}

static void wait_for_handler(struct slot *s)
{
	while (atomic_load(&s->running)) {
		cpu_relax();
	}
}

void irq_vector_set(uint8_t vector, irq_handler fn, void *arg)
{
	struct slot *s = &slots[vector];

	spin_lock(&irq_lock);
	s->fn = fn;
	s->arg = arg;
	spin_unlock(&irq_lock);
	if (!fn) {
		wait_for_handler(s);
	}
}

void irq_vector_free(uint8_t first, unsigned int count)
{
	for (unsigned int v = first; v < first + count && v < 256; v++) {
		irq_vector_set((uint8_t)v, NULL, NULL);
		spin_lock(&irq_lock);
		slots[v].used = false;
		spin_unlock(&irq_lock);
	}
}

/* Each new source goes to the next CPU; those with wide APIC ids can't be reached without remapping. */
unsigned int irq_pick_cpu(void)
{
	unsigned int count = cpu_count(), cpu = 0;

	for (unsigned int i = 0; i < count; i++) {
		cpu = next_cpu++ % count;
		if (apic_id_of(cpu) < 255) {
			break;
		}
	}
	return apic_id_of(cpu) < 255 ? cpu : 0;
}

uint64_t irq_count(uint8_t vector)
{
	return atomic_load_explicit(&slots[vector].count, memory_order_relaxed);
}

/* --- lines --- */

static int gsi_setup_locked(unsigned int gsi, bool level, bool active_low)
{
	int v;

	if (gsi >= MAX_GSIS || !ioapic_has_gsi(gsi)) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_LINE, gsi);
	}
	if (lines[gsi].vector) {
		return -XEN_EEXIST;
	}
	v = alloc_locked(1);
	if (v < 0) {
		return v;
	}
	slots[v].gsi = (uint16_t)gsi;
	slots[v].level = level;
	lines[gsi] = (struct line){ .vector = (uint8_t)v, .level = level };
	ioapic_write_entry(gsi, (uint8_t)v, apic_id_of(irq_pick_cpu()), level, active_low);
	return 0;
}

int irq_gsi_setup(unsigned int gsi, bool level, bool active_low)
{
	int rc;

	spin_lock(&irq_lock);
	rc = gsi_setup_locked(gsi, level, active_low);
	spin_unlock(&irq_lock);
	return rc;
}

int irq_gsi_setup_default(unsigned int gsi)
{
	bool level, active_low;

	ioapic_default(gsi, &level, &active_low);
	return irq_gsi_setup(gsi, level, active_low);
}

int irq_gsi_claim(unsigned int gsi, irq_handler fn, void *arg)
{
	struct slot *s;
	int rc = 0;

	if (gsi >= MAX_GSIS) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_LINE, gsi);
	}
	spin_lock(&irq_lock);
	s = &slots[lines[gsi].vector];
	if (!lines[gsi].vector) {
		rc = refuse_at(-XEN_EINVAL, REASON_NO_SUCH_LINE, gsi);
	} else if (lines[gsi].claimed) {
		rc = refuse_at(-XEN_EBUSY, REASON_PIRQ_TAKEN, gsi);
	} else {
		lines[gsi].claimed = true;
		lines[gsi].in_service = false;
		s->fn = fn;
		s->arg = arg;
		ioapic_unmask(gsi);
	}
	spin_unlock(&irq_lock);
	return rc;
}

void irq_gsi_release(unsigned int gsi)
{
	struct slot *s;

	if (gsi >= MAX_GSIS) {
		return;
	}
	spin_lock(&irq_lock);
	s = &slots[lines[gsi].vector];
	if (!lines[gsi].vector || !lines[gsi].claimed) {
		spin_unlock(&irq_lock);
		return;
	}
	ioapic_mask(gsi);
	lines[gsi].claimed = false;
	lines[gsi].in_service = false;
	s->fn = NULL;
	spin_unlock(&irq_lock);
	wait_for_handler(s);
}

void irq_gsi_done(unsigned int gsi)
{
	if (gsi >= MAX_GSIS) {
		return;
	}
	spin_lock(&irq_lock);
	if (lines[gsi].in_service) {
		lines[gsi].in_service = false;
		ioapic_unmask(gsi);
	}
	spin_unlock(&irq_lock);
}

bool irq_gsi_level(unsigned int gsi)
{
	return gsi < MAX_GSIS && lines[gsi].vector && lines[gsi].level;
}

int irq_gsi_vector(unsigned int gsi)
{
	return gsi < MAX_GSIS ? lines[gsi].vector : 0;
}

int irq_claim_isa(unsigned int isa_irq, irq_handler fn, void *arg)
{
	unsigned int gsi;
	bool level, active_low;
	int rc;

	ioapic_isa(isa_irq, &gsi, &level, &active_low);
	rc = irq_gsi_setup(gsi, level, active_low);
	return rc && rc != -XEN_EEXIST ? rc : irq_gsi_claim(gsi, fn, arg);
}

/* --- arrival --- */

static void device_interrupt(uint8_t vector)
{
	struct slot *s = &slots[vector];
	unsigned int gsi = NO_GSI;
	irq_handler fn;
	void *arg;

	spin_lock(&irq_lock);
	fn = s->used ? s->fn : NULL;
	arg = s->arg;
	if (s->used && s->level) {
		gsi = s->gsi;
		ioapic_mask(gsi);
		lines[gsi].in_service = lines[gsi].claimed;
	}
	apic_eoi();
	if (fn) {
		atomic_fetch_add(&s->running, 1);
	}
	spin_unlock(&irq_lock);
	atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
	if (fn) {
		fn(arg);
		atomic_fetch_sub(&s->running, 1);
	}
}

void irq_dispatch(struct regs *regs, uint8_t vector)
{
	static _Atomic unsigned int strays;

	(void)regs;
	trap_tell_nmis();
	switch (vector) {
	case VECTOR_TIMER:
		apic_eoi();
		apic_timer_interrupt();
		break;
	case VECTOR_KICK:
		apic_eoi();
		break;
	case VECTOR_TLB:
		apic_eoi();
		tlb_answer();
		break;
	case VECTOR_ERROR:
		apic_eoi();
		apic_error_interrupt();
		break;
	case VECTOR_SPURIOUS:
	case 0x20 ... 0x2f: /* spurious ones are not acknowledged */
		break;
	case VECTOR_DEVICE_FIRST ... VECTOR_DEVICE_LAST:
		device_interrupt(vector);
		break;
	default:
		apic_eoi();
		if (atomic_fetch_add(&strays, 1) < 8) {
			log_warn("CPU %u: interrupt %#x has no owner", cpu_id(), vector);
		}
		break;
	}
}

void irq_init(void)
{
	/* Tables are ready as they stand; the firmware's settings are gone since ioapic_init(). */
}
