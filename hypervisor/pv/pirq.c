/*
 * From a device's interrupt to an event channel.  A line that is level-triggered stays masked from its
 * interrupt until the domain says PHYSDEVOP_eoi; messages and edges need nothing of the kind.
 */
#include "pv/pirq.h"

#include <xen/errno.h>
#include <xen/physdev.h>

#include "arch/cpu.h"
#include "arch/guest.h"
#include "base/log.h"
#include "base/refuse.h"
#include "core/domain.h"
#include "core/evtchn.h"
#include "mm/frame.h"
#include "mm/pool.h"
#include "pv/guest.h"
#include "x86/irq.h"

static struct pirq_table *table_of(struct domain *d)
{
	return d->pv ? d->pv->pirqs : NULL;
}

int pirq_table_create(struct domain *d)
{
	struct pirq_table *t;

	d->pv->pirqs = NULL;
	if (!d->hardware) {
		return 0;
	}
	t = pool_alloc(sizeof(*t));
	if (!t) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	spin_init(&t->lock, LOCK_PIRQ);
	t->eoi_frame = MFN_NONE;
	for (unsigned int i = 0; i < PIRQS; i++) {
		t->pirq[i].domain = d;
		t->pirq[i].number = (uint16_t)i;
	}
	d->pv->pirqs = t;
	return 0;
}

static struct pirq *get_pirq(struct pirq_table *t, unsigned int pirq)
{
	return t && pirq < PIRQS && t->pirq[pirq].kind != PIRQ_FREE ? &t->pirq[pirq] : NULL;
}

/* --- delivery --- */

static void deliver(void *arg)
{
	struct pirq *p = arg;

	evtchn_send_pirq(p->domain, p->number);
}

static bool wants_eoi(const struct pirq *p)
{
	return p->kind == PIRQ_GSI && irq_gsi_level(p->gsi);
}

/* The domain may write the page too; it is told, we never ask it. */
static void publish_eoi(struct pirq_table *t, const struct pirq *p)
{
	uint64_t bit = 1ULL << (p->number % 64), *word;

	if (!t->eoi_map) {
		return;
	}
	word = &t->eoi_map[p->number / 64];
	if (p->bound && wants_eoi(p)) {
		__atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_and(word, ~bit, __ATOMIC_RELAXED);
	}
}

/* --- binding --- */

static int bind_gsi(struct pirq *p)
{
	int rc = irq_gsi_setup_default(p->gsi);

	return rc && rc != -XEN_EEXIST ? rc : irq_gsi_claim(p->gsi, deliver, p);
}

static void bind_msi(struct pirq *p)
{
	irq_vector_set((uint8_t)(p->msi->vector + p->index), deliver, p);
	msi_mask(p->msi, p->index, false);
}

int guest_pirq_bind(struct domain *d, unsigned int pirq, bool share)
{
	struct pirq_table *t = table_of(d);
	struct pirq *p;
	int rc = 0;

	(void)share; /* with one hardware domain there is nobody to share with */
	if (!t) {
		return refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	}
	spin_lock(&t->lock);
	p = get_pirq(t, pirq);
	if (!p) {
		rc = refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PIRQ, pirq);
	} else if (p->bound) {
		rc = refuse_at(-XEN_EBUSY, REASON_PIRQ_TAKEN, pirq);
	} else if (p->kind == PIRQ_GSI) {
		rc = bind_gsi(p);
	} else {
		bind_msi(p);
	}
	if (!rc) {
		p->bound = true;
		publish_eoi(t, p);
	}
	spin_unlock(&t->lock);
	return rc;
}

/* The handler has ended when this returns; it takes no lock that we hold. */
static void unbind(struct pirq_table *t, struct pirq *p)
{
	if (!p->bound) {
		return;
	}
	if (p->kind == PIRQ_GSI) {
		irq_gsi_release(p->gsi);
	} else {
		msi_mask(p->msi, p->index, true);
		irq_vector_set((uint8_t)(p->msi->vector + p->index), NULL, NULL);
	}
	p->bound = false;
	publish_eoi(t, p);
}

void guest_pirq_unbind(struct domain *d, unsigned int pirq)
{
	struct pirq_table *t = table_of(d);
	struct pirq *p;

	if (!t) {
		return;
	}
	spin_lock(&t->lock);
	p = get_pirq(t, pirq);
	if (p) {
		unbind(t, p);
	}
	spin_unlock(&t->lock);
}

/*
 * Unmasking the event channel says nothing about the device: a line stays masked until the explicit
 * EOI, which every kernel sends that was told so by irq_status_query or the EOI page.
 */
void guest_pirq_unmasked(struct domain *d, unsigned int pirq)
{
	(void)d;
	(void)pirq;
}

int pirq_eoi(struct domain *d, unsigned int pirq)
{
	struct pirq_table *t = table_of(d);
	struct pirq *p;
	int rc = 0;

	if (!t) {
		return refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	}
	spin_lock(&t->lock);
	p = get_pirq(t, pirq);
	if (p) {
		if (p->kind == PIRQ_GSI && p->bound) {
			irq_gsi_done(p->gsi);
		}
	} else {
		rc = refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PIRQ, pirq);
	}
	spin_unlock(&t->lock);
	return rc;
}

int pirq_status(struct domain *d, unsigned int pirq, uint32_t *flags)
{
	struct pirq_table *t = table_of(d);
	struct pirq *p;
	int rc = 0;

	if (!t) {
		return refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	}
	spin_lock(&t->lock);
	p = get_pirq(t, pirq);
	if (p) {
		*flags = wants_eoi(p) ? XENIRQSTAT_needs_eoi : 0;
	} else {
		rc = refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PIRQ, pirq);
	}
	spin_unlock(&t->lock);
	return rc;
}

int pirq_set_eoi_frame(struct domain *d, mfn_t m)
{
	struct pirq_table *t = table_of(d);
	int rc;

	if (!t) {
		return refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	}
	rc = frame_get_type(m, FRAME_WRITABLE, d);
	if (rc) {
		return rc;
	}
	spin_lock(&t->lock);
	if (t->eoi_map) {
		rc = refuse_at(-XEN_EBUSY, REASON_FRAME_IN_USE, t->eoi_frame.n);
	} else {
		t->eoi_frame = m;
		t->eoi_map = frame_to_virt(m);
		for (unsigned int i = 0; i < PIRQS; i++) {
			publish_eoi(t, &t->pirq[i]);
		}
	}
	spin_unlock(&t->lock);
	if (rc) {
		frame_put_type(m);
	}
	return rc;
}

void pirq_table_relinquish(struct domain *d)
{
	struct pirq_table *t = table_of(d);
	mfn_t m;

	if (!t) {
		return;
	}
	spin_lock(&t->lock);
	m = t->eoi_frame;
	t->eoi_map = NULL;
	t->eoi_frame = MFN_NONE;
	spin_unlock(&t->lock);
	if (!mfn_eq(m, MFN_NONE)) {
		frame_put_type(m);
	}
}

/* --- mapping --- */

/* The highest run of free pirqs for messages, so that lines keep their own numbers at the bottom. */
static int find_run(struct pirq_table *t, unsigned int count)
{
	unsigned int run = 0;

	for (unsigned int i = PIRQS; i-- > 16;) {
		run = t->pirq[i].kind == PIRQ_FREE ? run + 1 : 0;
		if (run == count) {
			return (int)i;
		}
	}
	return refuse(-XEN_ENOSPC, REASON_NO_FREE_INTERRUPT);
}

static int find_for_gsi(struct pirq_table *t, unsigned int gsi)
{
	if (gsi < PIRQS && t->pirq[gsi].kind == PIRQ_FREE) {
		return (int)gsi;
	}
	for (unsigned int i = 16; i < PIRQS; i++) {
		if (t->pirq[i].kind == PIRQ_FREE) {
			return (int)i;
		}
	}
	return refuse(-XEN_ENOSPC, REASON_NO_FREE_INTERRUPT);
}

int pirq_find_free(struct domain *d, bool msi)
{
	struct pirq_table *t = table_of(d);
	int rc;

	if (!t) {
		return refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	}
	spin_lock(&t->lock);
	rc = msi ? find_run(t, 1) : find_for_gsi(t, PIRQS);
	spin_unlock(&t->lock);
	return rc;
}

static int map_gsi_locked(struct pirq_table *t, unsigned int gsi, int wanted)
{
	for (unsigned int i = 0; i < PIRQS; i++) {
		if (t->pirq[i].kind == PIRQ_GSI && t->pirq[i].gsi == gsi) {
			/* Asking twice is harmless; under two numbers it is not. */
			return wanted < 0 || wanted == (int)i
				       ? (int)i
				       : refuse_at(-XEN_EEXIST, REASON_PIRQ_TAKEN, i);
		}
	}
	if (wanted < 0) {
		wanted = find_for_gsi(t, gsi);
	} else if (wanted >= (int)PIRQS) {
		wanted = refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PIRQ, wanted);
	} else if (t->pirq[wanted].kind != PIRQ_FREE) {
		wanted = refuse_at(-XEN_EBUSY, REASON_PIRQ_TAKEN, wanted);
	}
	if (wanted >= 0) {
		t->pirq[wanted].kind = PIRQ_GSI;
		t->pirq[wanted].gsi = (uint16_t)gsi;
	}
	return wanted;
}

int pirq_map_gsi(struct domain *d, unsigned int gsi, int wanted)
{
	struct pirq_table *t = table_of(d);
	int rc;

	if (!t) {
		return refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	}
	if (!ioapic_has_gsi(gsi)) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_LINE, gsi);
	}
	spin_lock(&t->lock);
	rc = map_gsi_locked(t, gsi, wanted);
	spin_unlock(&t->lock);
	return rc;
}

static bool same_source(const struct msi *a, const struct msi *b)
{
	return a->seg == b->seg && a->bus == b->bus && a->devfn == b->devfn && a->x == b->x &&
	       a->entry == b->entry;
}

static int choose_run(struct pirq_table *t, const struct msi *m, int wanted)
{
	for (unsigned int i = 0; i < PIRQS; i++) {
		if (t->pirq[i].kind == PIRQ_MSI && same_source(t->pirq[i].msi, m)) {
			return refuse_at(-XEN_EEXIST, REASON_PIRQ_TAKEN, i);
		}
	}
	if (wanted < 0) {
		return find_run(t, m->count);
	}
	if ((unsigned int)wanted >= PIRQS || m->count > PIRQS - (unsigned int)wanted) {
		return refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PIRQ, wanted);
	}
	for (unsigned int i = 0; i < m->count; i++) {
		if (t->pirq[(unsigned int)wanted + i].kind != PIRQ_FREE) {
			return refuse_at(-XEN_EBUSY, REASON_PIRQ_TAKEN, wanted);
		}
	}
	return wanted;
}

int pirq_map_msi(struct domain *d, const struct msi *m, int wanted)
{
	struct pirq_table *t = table_of(d);
	struct msi *own;
	int first, rc;

	if (!t) {
		return refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	}
	if (!m->count || m->count > 32) {
		return refuse_at(-XEN_EINVAL, REASON_BAD_MESSAGE, m->count);
	}
	own = pool_alloc(sizeof(*own));
	if (!own) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	*own = *m;
	spin_lock(&t->lock);
	first = choose_run(t, m, wanted);
	rc = first < 0 ? first : msi_setup(own);
	for (unsigned int i = 0; rc == 0 && i < own->count; i++) {
		struct pirq *p = &t->pirq[(unsigned int)first + i];

		p->kind = PIRQ_MSI;
		p->msi = own;
		p->index = (uint16_t)i;
	}
	spin_unlock(&t->lock);
	if (rc) {
		pool_free(own);
		return rc;
	}
	return first;
}

/* All pirqs of a message source. */
static void drop_msi(struct pirq_table *t, struct msi *m)
{
	for (unsigned int i = 0; i < PIRQS; i++) {
		struct pirq *p = &t->pirq[i];

		if (p->kind == PIRQ_MSI && p->msi == m) {
			unbind(t, p);
			p->kind = PIRQ_FREE;
			p->msi = NULL;
		}
	}
	msi_teardown(m);
	pool_free(m);
}

static void drop(struct pirq_table *t, struct pirq *p)
{
	if (p->kind == PIRQ_MSI) {
		drop_msi(t, p->msi);
	} else {
		unbind(t, p);
		p->kind = PIRQ_FREE;
	}
}

int pirq_unmap(struct domain *d, unsigned int pirq)
{
	struct pirq_table *t = table_of(d);
	struct pirq *p;

	if (!t) {
		return refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	}
	spin_lock(&t->lock);
	p = get_pirq(t, pirq);
	if (p) {
		drop(t, p);
	}
	spin_unlock(&t->lock);
	return p ? 0 : refuse_at(-XEN_EINVAL, REASON_NO_SUCH_PIRQ, pirq);
}

static bool of_device(const struct pirq *p, uint16_t seg, uint8_t bus, uint8_t devfn)
{
	return p->kind == PIRQ_MSI && p->msi->seg == seg && p->msi->bus == bus &&
	       p->msi->devfn == devfn;
}

void pirq_drop_device(struct domain *d, uint16_t seg, uint8_t bus, uint8_t devfn)
{
	struct pirq_table *t = table_of(d);

	if (!t) {
		return;
	}
	spin_lock(&t->lock);
	for (unsigned int i = 0; i < PIRQS; i++) {
		if (of_device(&t->pirq[i], seg, bus, devfn)) {
			drop(t, &t->pirq[i]);
		}
	}
	spin_unlock(&t->lock);
}

/* Which of a source's vectors nobody is bound to. */
static uint32_t masked_vectors(struct pirq_table *t, const struct msi *m)
{
	uint32_t masked = 0;

	for (unsigned int i = 0; i < PIRQS; i++) {
		if (t->pirq[i].kind == PIRQ_MSI && t->pirq[i].msi == m && !t->pirq[i].bound) {
			masked |= 1u << t->pirq[i].index;
		}
	}
	return masked;
}

int pirq_restore_msi(struct domain *d, uint16_t seg, uint8_t bus, uint8_t devfn)
{
	struct pirq_table *t = table_of(d);
	int rc = -XEN_ESRCH;

	if (!t) {
		return refuse(-XEN_EPERM, REASON_NO_HARDWARE);
	}
	spin_lock(&t->lock);
	for (unsigned int i = 0; i < PIRQS; i++) {
		struct pirq *p = &t->pirq[i];

		if (of_device(p, seg, bus, devfn) && p->index == 0) {
			msi_restore(p->msi, masked_vectors(t, p->msi));
			rc = 0;
		}
	}
	spin_unlock(&t->lock);
	return rc ? refuse_at(rc, REASON_NO_SUCH_DEVICE, (unsigned int)bus << 8 | devfn) : 0;
}

void pirq_table_destroy(struct domain *d)
{
	struct pirq_table *t = table_of(d);

	if (!t) {
		return;
	}
	pirq_table_relinquish(d);
	spin_lock(&t->lock);
	for (unsigned int i = 0; i < PIRQS; i++) {
		if (t->pirq[i].kind != PIRQ_FREE) {
			drop(t, &t->pirq[i]);
		}
	}
	spin_unlock(&t->lock);
	d->pv->pirqs = NULL;
	pool_free(t);
}

void pirq_dump(struct domain *d)
{
	struct pirq_table *t = table_of(d);

	for (unsigned int i = 0; t && i < PIRQS; i++) {
		const struct pirq *p = &t->pirq[i];
		unsigned int vector;

		if (p->kind == PIRQ_GSI && p->bound) {
			vector = (unsigned int)irq_gsi_vector(p->gsi);
			log_info("pirq %u: line %u %s, vector %#x, taken %lu", i, p->gsi,
				 wants_eoi(p) ? "level" : "edge", vector,
				 (unsigned long)irq_count((uint8_t)vector));
		} else if (p->kind == PIRQ_MSI) {
			vector = (unsigned int)p->msi->vector + p->index;
			log_info("pirq %u: %s of %04x:%02x:%02x.%u entry %u, vector %#x on CPU %u%s, taken %lu",
				 i, p->msi->x ? "MSI-X" : "MSI", p->msi->seg, p->msi->bus,
				 p->msi->devfn >> 3, p->msi->devfn & 7u,
				 p->msi->x ? p->msi->entry : p->index, vector, p->msi->cpu,
				 p->bound ? "" : ", unbound",
				 (unsigned long)irq_count((uint8_t)vector));
		}
	}
}
