/*
 * The grant table: its pages, from the first to the last.
 *
 * It grows, never shrinks, and goes with its domain.  What entries say and who uses them is in grant_entry.c,
 * the other side's handles in grant_handle.c; the operations are in grant_map.c, grant_copy.c and grant_op.c.
 */
#include "core/grant_table.h"

#include <xen/errno.h>

#include "base/bug.h"
#include "base/refuse.h"
#include "core/domain.h"
#include "core/grant_handle.h"
#include "core/hypercall.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/pool.h"

#define CONTROL_MAPTRACK_PAGES 16 /* 4096 handles */
#define GROW_AT_ONCE	       8u /* frames, two pages each to be cleared */
#define SHRINK_AT_ONCE	       16u

/* Under the lock. */
static unsigned int refs_of(const struct grant_table *t, unsigned int frames)
{
	return frames * (unsigned int)(t->version == 1 ? GRANTS_PER_PAGE : GRANTS_V2_PER_PAGE);
}

int grant_table_ready_status(struct grant_table *t, unsigned int frames)
{
	unsigned int n = t->status_frames + t->status_ready;
	grant_status_t *s;

	if (n >= grant_status_frames(frames)) {
		return 0;
	}
	s = alloc_page();
	if (!s) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	t->status[n] = s;
	t->status_ready++;
	return n + 1 < grant_status_frames(frames) ? -XEN_ERESTART : 0;
}

int grant_table_grow_status(struct grant_table *t, unsigned int frames)
{
	int rc;

	do {
		rc = grant_table_ready_status(t, frames);
	} while (rc == -XEN_ERESTART);
	while (!rc && t->status_frames < grant_status_frames(frames)) {
		frame_share(virt_to_frame(t->status[t->status_frames++]), t->owner);
		t->status_ready--;
	}
	return rc;
}

/* Adds one frame.  Under the lock.  0 or -ENOMEM. */
static int grow_one(struct grant_table *t)
{
	grant_entry_v1_t *s = alloc_page();
	struct grant_active *a = alloc_page();

	if (!s || !a || (t->version == 2 && grant_table_grow_status(t, t->frames + 1))) {
		if (s) {
			free_page(s);
		}
		if (a) {
			free_page(a);
		}
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	frame_share(virt_to_frame(s), t->owner);
	t->shared[t->frames] = s;
	t->active[t->frames] = a;
	/* Unless pages before it have yet to be cleared. */
	if (t->refs == refs_of(t, t->frames)) {
		t->refs = refs_of(t, t->frames + 1);
	}
	t->frames++;
	return 0;
}

int grant_table_grow(struct grant_table *t, unsigned int frames)
{
	int rc = 0;

	if (frames > t->max_frames) {
		return refuse_at(-XEN_EINVAL, REASON_GRANT_TABLE_FULL, frames);
	}
	while (!rc && t->frames < frames) {
		unsigned int end;

		spin_lock(&t->lock);
		end = MIN(t->frames + GROW_AT_ONCE, frames);
		while (!rc && t->frames < end) {
			rc = grow_one(t);
		}
		spin_unlock(&t->lock);
		if (!rc && t->frames < frames && hypercall_preempt()) {
			return -XEN_ERESTART;
		}
	}
	return rc;
}

int grant_table_frame(struct domain *d, unsigned int idx, mfn_t *m)
{
	int rc = idx >= d->grants.max_frames ? refuse_at(-XEN_EINVAL, REASON_GRANT_TABLE_FULL, idx)
					     : grant_table_grow(&d->grants, idx + 1);

	if (!rc) {
		*m = virt_to_frame(d->grants.shared[idx]);
	}
	return rc;
}

int grant_table_status_frame(struct domain *d, unsigned int idx, mfn_t *m)
{
	struct grant_table *t = &d->grants;
	int rc = 0;

	if (idx >= grant_status_frames(t->max_frames)) {
		return refuse_at(-XEN_EINVAL, REASON_GRANT_TABLE_FULL, idx);
	}
	if (t->version == 2) {
		/* To the first frame whose entries have their status there. */
		rc = grant_table_grow(t,
				      idx * (unsigned int)(STATUS_PER_PAGE / GRANTS_V2_PER_PAGE) +
					      1);
	}
	if (rc) {
		return rc;
	}
	spin_lock(&t->lock);
	if (idx < t->status_frames) {
		*m = virt_to_frame(t->status[idx]);
	} else {
		rc = refuse_at(-XEN_EINVAL, REASON_GRANT_VERSION,
			       t->version); /* version 1, perhaps since just now */
	}
	spin_unlock(&t->lock);
	return rc;
}

int grant_table_init(struct grant_table *t, struct domain *owner, unsigned int max_version,
		     unsigned int max_frames, unsigned int max_maptrack_frames)
{
	spin_init(&t->lock, LOCK_GRANT);
	t->owner = owner;
	t->version = 1;
	t->max_version = max_version;
	t->max_frames = MAX(max_frames, 1u);
	t->max_maptrack_frames = max_maptrack_frames;
	t->maptrack_free = GRANT_NO_HANDLE;
	t->shared = pool_alloc(t->max_frames * sizeof(*t->shared));
	t->active = pool_alloc(t->max_frames * sizeof(*t->active));
	t->status = pool_alloc(grant_status_frames(t->max_frames) * sizeof(*t->status));
	if (!t->shared || !t->active || !t->status) {
		return refuse(-XEN_ENOMEM,
			      REASON_NO_HEAP); /* grant_table_free takes what there is */
	}
	/* The control domain will map: it gets its first handles now, so that later counts of free memory compare. */
	if (owner->privileged && !grant_handle_prepare(t, CONTROL_MAPTRACK_PAGES)) {
		return refuse(-XEN_ENOMEM, REASON_NO_HEAP);
	}
	return grant_table_grow(t, 1);
}

bool grant_table_shrink(struct grant_table *t)
{
	ASSERT(t->maps == 0);
	ASSERT(t->uses == 0);
	t->refs = 0;
	for (unsigned int i = 0; i < SHRINK_AT_ONCE; i++) {
		if (t->status_ready) {
			free_page(t->status[t->status_frames + --t->status_ready]);
		} else if (t->status_frames) {
			frame_unshare(virt_to_frame(t->status[--t->status_frames]));
		} else if (t->frames) {
			t->frames--;
			frame_unshare(virt_to_frame(t->shared[t->frames]));
			free_page(t->active[t->frames]);
		} else if (t->maptrack_frames) {
			free_page(t->maptrack[--t->maptrack_frames]);
		} else {
			return true;
		}
	}
	return false;
}

void grant_table_free(struct grant_table *t)
{
	while (!grant_table_shrink(t)) {
	}
	pool_free(t->shared);
	pool_free(t->active);
	pool_free(t->status);
	pool_free(t->maptrack);
	t->shared = NULL;
	t->active = NULL;
	t->status = NULL;
	t->maptrack = NULL;
}
