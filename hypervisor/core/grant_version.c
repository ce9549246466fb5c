/*
 * From one version of a grant table to the other and back.
 *
 * Both share the pages, so all entries are lost but the reserved ones, the first eight: the toolstack wrote them before
 * the guest began, and backends may have them in use throughout.  None of the others may be.  The first page is rewritten
 * under the lock, at once with the version, so whoever maps a reserved entry meets it as the one or as the other.  The
 * rest of the table may be large: it is emptied a page at a time, and until then those entries are past the end.
 * Likewise the frames for the status of version 2 are made one by one, before it begins.
 */
#include "core/grant_version.h"

#include <xen/errno.h>

#include "base/refuse.h"
#include "core/grant_v2.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/frame.h"

#define RESERVED ((unsigned int)GNTTAB_NR_RESERVED_ENTRIES)
#define IN_USE	 (GTF_reading | GTF_writing)

/* The owner may write them while we read: what counts is our copy, taken once. */
static void keep_reserved(void *kept, const void *page, size_t size)
{
	memcpy(kept, page, size);
	__asm__ volatile("" ::: "memory");
}

static bool others_in_use(const struct grant_table *t)
{
	uint32_t reserved = 0;

	for (uint32_t ref = 0; ref < RESERVED; ref++) {
		const struct grant_active *a = grant_active_entry(t, ref);

		reserved += (uint32_t)a->readers + a->writers;
	}
	return t->uses != reserved;
}

/* Should another vCPU map one just now, that page goes when the mapping does. */
static void drop_status(struct grant_table *t)
{
	while (t->status_frames) {
		frame_unshare(virt_to_frame(t->status[--t->status_frames]));
	}
}

static int to_second(struct grant_table *t)
{
	grant_entry_v1_t kept[RESERVED];
	int rc = grant_table_grow_status(t, t->frames);

	if (rc) {
		return rc;
	}
	keep_reserved(kept, t->shared[0], sizeof(kept));
	memset(t->shared[0], 0, PAGE_SIZE);
	for (uint32_t ref = 0; ref < RESERVED; ref++) {
		grant_entry_v2_t *e = &t->shared_v2[0][ref];

		t->status[0][ref] = grant_marks(grant_active_entry(t, ref));
		e->full_page.frame = kept[ref].frame;
		e->hdr.domid = kept[ref].domid;
		e->hdr.flags = kept[ref].flags & ~IN_USE;
	}
	t->version = 2;
	return 0;
}

static bool fits_first(const grant_entry_v2_t *e)
{
	switch (e->hdr.flags & GTF_type_mask) {
	case GTF_permit_access:
		return e->full_page.frame <= UINT32_MAX;
	case GTF_transitive:
		return false;
	default:
		return true; /* nothing that would be kept */
	}
}

static bool status_mapped(const struct grant_table *t)
{
	for (unsigned int i = 0; i < t->status_frames; i++) {
		if (frame_lent_in_use(virt_to_frame(t->status[i]))) {
			return true;
		}
	}
	return false;
}

static int to_first(struct grant_table *t)
{
	grant_entry_v2_t kept[RESERVED];

	keep_reserved(kept, t->shared_v2[0], sizeof(kept));
	for (uint32_t ref = 0; ref < RESERVED; ref++) {
		if (!fits_first(&kept[ref])) {
			return refuse_at(-XEN_ERANGE, REASON_GRANT_VERSION, 1);
		}
	}
	if (status_mapped(t)) {
		return refuse(-XEN_EBUSY, REASON_GRANT_IN_USE);
	}
	drop_status(t);
	memset(t->shared[0], 0, PAGE_SIZE);
	for (uint32_t ref = 0; ref < RESERVED; ref++) {
		const grant_entry_header_t *h = &kept[ref].hdr;
		grant_entry_v1_t *e = &t->shared[0][ref];

		if ((h->flags & GTF_type_mask) == GTF_permit_access) {
			e->frame = (uint32_t)kept[ref].full_page.frame;
			e->domid = h->domid;
			e->flags = (h->flags & ~IN_USE) | grant_marks(grant_active_entry(t, ref));
		}
	}
	t->version = 1;
	return 0;
}

static unsigned int refs_per_page(const struct grant_table *t)
{
	return (unsigned int)(t->version == 1 ? GRANTS_PER_PAGE : GRANTS_V2_PER_PAGE);
}

/* Empties one more page of those that the last change left.  False: there is none. */
static bool clear_next(struct grant_table *t)
{
	unsigned int page;
	bool more;

	spin_lock(&t->lock);
	page = t->refs / refs_per_page(t);
	more = page < t->frames;
	if (more) {
		memset(t->shared[page], 0, PAGE_SIZE);
		t->refs += refs_per_page(t);
	}
	spin_unlock(&t->lock);
	return more;
}

static int clear_rest(struct grant_table *t)
{
	for (unsigned int i = 1; clear_next(t); i++) {
		if (i % GRANT_BATCH == 0 && hypercall_preempt()) {
			return -XEN_ERESTART;
		}
	}
	return 0;
}

/* What version 2 needs is made before it begins: 0, -EBUSY, -ENOMEM, -ERESTART. */
static int ready_status(struct grant_table *t)
{
	int rc = -XEN_ERESTART;

	for (unsigned int i = 1; rc == -XEN_ERESTART; i++) {
		spin_lock(&t->lock);
		rc = t->version != 1	? 0
		     : others_in_use(t) ? refuse(-XEN_EBUSY, REASON_GRANT_IN_USE)
					: grant_table_ready_status(t, t->frames);
		spin_unlock(&t->lock);
		if (i % GRANT_BATCH == 0 && hypercall_preempt()) {
			break;
		}
	}
	return rc;
}

/* It did not begin. */
static void drop_ready(struct grant_table *t)
{
	spin_lock(&t->lock);
	while (t->status_ready) {
		free_page(t->status[t->status_frames + --t->status_ready]);
	}
	spin_unlock(&t->lock);
}

/* Under the lock, after what goes in steps. */
static int change(struct grant_table *t, unsigned int version)
{
	int rc = 0;

	if (t->version != version) {
		rc = others_in_use(t) ? refuse(-XEN_EBUSY, REASON_GRANT_IN_USE)
		     : version == 2   ? to_second(t)
				      : to_first(t);
		if (!rc) {
			t->refs = refs_per_page(t);
		}
	}
	return rc;
}

int grant_version_change(struct grant_table *t, unsigned int version)
{
	int rc = clear_rest(t);

	if (!rc && version == 2) {
		rc = ready_status(t);
	}
	if (!rc) {
		spin_lock(&t->lock);
		rc = change(t, version);
		spin_unlock(&t->lock);
	}
	if (rc && rc != -XEN_ERESTART) {
		drop_ready(t);
	}
	return rc ? rc : clear_rest(t);
}
