/*
 * What holds frames apart from page tables: each domain's lent pages, its vCPUs' registered areas, the pages in which
 * it is shown its events, the grants in use.  The guest personality names its own (guest_audit()), mm/audit.c counts the
 * rest and compares.
 *
 * Handles and entries are two books of the same thing: an entry in use has as many readers and writers as there are
 * live handles on it, in all domains.
 */
#include "core/audit.h"

#include "arch/cpu.h"
#include "arch/guest.h"
#include "core/domain.h"
#include "core/evtchn_fifo.h"
#include "core/vcpu.h"
#include "mm/audit.h"

/* ---- grants ---- */

static bool is_live(const struct grant_mapping *m)
{
	return m->granter && !(m->flags & GRANT_MAPPING_BUSY);
}

static const struct grant_mapping *handle_of(const struct domain *d, uint32_t i)
{
	return &d->grants.maptrack[i / GRANT_MAPPINGS_PER_PAGE][i % GRANT_MAPPINGS_PER_PAGE];
}

static uint32_t handles_of(const struct domain *d)
{
	return d->grants.maptrack_frames * (uint32_t)GRANT_MAPPINGS_PER_PAGE;
}

/* Calls fn for each live handle of d. */
static void each_handle(const struct domain *d,
			void (*fn)(const struct grant_mapping *m, void *arg), void *arg)
{
	for (uint32_t i = 0; i < handles_of(d); i++) {
		if (is_live(handle_of(d, i))) {
			fn(handle_of(d, i), arg);
		}
	}
}

struct users { /* of one entry */
	const struct domain *granter;
	uint32_t ref, readers, writers;
};

static void count_user(const struct grant_mapping *m, void *arg)
{
	struct users *u = arg;

	if (m->granter == u->granter && m->ref == u->ref) {
		++*(m->flags & GNTMAP_readonly ? &u->readers : &u->writers);
	}
}

static void each_domain(void (*fn)(struct domain *d, void *arg), void *arg)
{
	struct domain *d;

	for (unsigned int id = 0; id < DOMID_FIRST_RESERVED; id = d->id + 1u) {
		d = domain_get_from((domid_t)id);
		if (!d) {
			return;
		}
		fn(d, arg);
		domain_put(d); /* nothing ends here: whoever drops the last one is at rest */
	}
}

static void count_users_in(struct domain *d, void *arg)
{
	each_handle(d, count_user, arg);
}

static void audit_entry(struct audit *a, const struct domain *d, uint32_t ref,
			const struct grant_active *e)
{
	struct users u = { .granter = d, .ref = ref };

	if (!e->readers && !e->writers) {
		return;
	}
	each_domain(count_users_in, &u);
	if (u.readers != e->readers || u.writers != e->writers) {
		audit_wrong(a, "domain %u grant %u: %u readers %u writers, handles %u and %u",
			    d->id, ref, e->readers, e->writers, u.readers, u.writers);
	}
	audit_hold(a, mfn(e->frame), e->readers, FRAME_NONE);
	audit_hold(a, mfn(e->frame), e->writers, FRAME_WRITABLE);
}

struct held { /* by one domain's handles */
	struct audit *a;
	uint32_t maps;
};

static void audit_mapping(const struct grant_mapping *m, void *arg)
{
	const struct domain *g = m->granter;
	struct held *h = arg;
	const struct grant_active *e;

	h->maps++;
	if (m->ref >= g->grants.refs || !atomic_load(&g->refs)) {
		audit_wrong(h->a, "handle on grant %u of domain %u, which has none such", m->ref,
			    g->id);
		return;
	}
	e = &g->grants.active[m->ref / GRANTS_PER_PAGE][m->ref % GRANTS_PER_PAGE];
	if (!(m->flags & GNTMAP_readonly ? e->readers : e->writers)) {
		audit_wrong(h->a, "handle on grant %u of domain %u, which is not in use", m->ref,
			    g->id);
	}
	if (m->flags & GNTMAP_host_map) {
		audit_handle(h->a, mfn(e->frame), m->flags & GNTMAP_readonly);
	}
}

static void audit_grants(struct audit *a, const struct domain *d)
{
	const struct grant_table *t = &d->grants;
	struct held h = { .a = a };

	for (unsigned int i = 0; i < t->frames; i++) {
		audit_lent(a, t->shared[i], d);
	}
	for (unsigned int i = 0; i < t->status_frames; i++) {
		audit_lent(a, t->status[i], d);
	}
	if (t->status_frames != (t->version == 2 ? grant_status_frames(t->frames) : 0)) {
		audit_wrong(a, "domain %u: grant table of version %u, %u frames, %u status frames",
			    d->id, t->version, t->frames, t->status_frames);
	}
	for (uint32_t ref = 0; ref < t->frames * GRANTS_PER_PAGE; ref++) {
		audit_entry(a, d, ref, &t->active[ref / GRANTS_PER_PAGE][ref % GRANTS_PER_PAGE]);
	}
	each_handle(d, audit_mapping, &h);
	if (h.maps != t->maps) {
		audit_wrong(a, "domain %u: %u grant mappings, counted %u", d->id, t->maps, h.maps);
	}
}

/* ---- events ---- */

static void audit_events(struct audit *a, const struct domain *d)
{
	const struct evtchn_fifo *f = d->evtchn.fifo;

	for (unsigned int i = 0; f && i < f->pages; i++) {
		audit_hold(a, virt_to_frame(f->page[i]), 1, FRAME_WRITABLE);
	}
	for (unsigned int i = 0; f && i < f->vcpus; i++) {
		if (!mfn_eq(f->queues[i].frame, MFN_NONE)) {
			audit_hold(a, f->queues[i].frame, 1, FRAME_WRITABLE);
		}
	}
}

/* ---- vCPUs ---- */

static void audit_area(struct audit *a, const struct guest_area *area)
{
	for (unsigned int i = 0; area->address && i < ARRAY_SIZE(area->frame); i++) {
		if (!mfn_eq(area->frame[i], MFN_NONE)) {
			audit_hold(a, area->frame[i], 1, FRAME_WRITABLE);
		}
	}
}

static void audit_vcpu(struct audit *a, const struct vcpu *v)
{
	audit_area(a, &v->runstate_area);
	audit_area(a, &v->time_area);
	if (!mfn_eq(v->info_frame, MFN_NONE)) {
		audit_hold(a, v->info_frame, 1, FRAME_WRITABLE);
	}
	a->limbo += v->limbo;
}

/* ---- domains ---- */

static void count_references(const struct grant_mapping *m, void *arg)
{
	struct users *u = arg;

	u->readers += m->granter == u->granter;
}

static void count_references_in(struct domain *d, void *arg)
{
	each_handle(d, count_references, arg);
}

static void audit_domain(struct domain *d, void *arg)
{
	struct users u = { .granter = d };
	struct audit *a = arg;

	audit_lent(a, d->shared, d);
	audit_grants(a, d);
	audit_events(a, d);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		audit_vcpu(a, d->vcpu[i]);
	}
	guest_audit(d, a);
	/* Its own life, ours for this walk, and the handles'; what else there is does not last. */
	each_domain(count_references_in, &u);
	if (atomic_load(&d->refs) < u.readers + 2u - atomic_load(&d->released)) {
		audit_wrong(a, "domain %u: %u references, handles hold %u", d->id,
			    atomic_load(&d->refs), u.readers);
	}
}

void audit_machine(struct audit *a)
{
	each_domain(audit_domain, a);
	audit_frames(a);
}
