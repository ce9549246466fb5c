/*
 * The borrower's side: its map track, one entry for each handle it was given.
 *
 * Free entries are a list through 'ref'.  A handle that is being made or unmade is marked busy, so two vCPUs
 * can't do it twice.
 */
#include "core/grant_handle.h"

#include "mm/alloc.h"
#include "mm/pool.h"

struct grant_mapping *grant_handle_find(const struct grant_table *t, uint32_t handle)
{
	if (handle >= t->maptrack_frames * GRANT_MAPPINGS_PER_PAGE) {
		return NULL;
	}
	return &t->maptrack[handle / GRANT_MAPPINGS_PER_PAGE][handle % GRANT_MAPPINGS_PER_PAGE];
}

/* One more page of free handles, in order.  Under the lock. */
static bool grow_maptrack(struct grant_table *t)
{
	uint32_t first = t->maptrack_frames * GRANT_MAPPINGS_PER_PAGE, i;
	struct grant_mapping *page;

	if (t->maptrack_frames >= t->max_maptrack_frames) {
		return false;
	}
	if (!t->maptrack) {
		t->maptrack = pool_alloc(t->max_maptrack_frames * sizeof(*t->maptrack));
	}
	page = t->maptrack ? alloc_page() : NULL;
	if (!page) {
		return false;
	}
	for (i = 0; i < GRANT_MAPPINGS_PER_PAGE; i++) {
		page[i].ref = first + i + 1;
	}
	page[i - 1].ref = t->maptrack_free;
	t->maptrack[t->maptrack_frames++] = page;
	t->maptrack_free = first;
	return true;
}

bool grant_handle_prepare(struct grant_table *t, unsigned int pages)
{
	bool ok = true;

	spin_lock(&t->lock);
	while (ok && t->maptrack_frames < MIN(pages, t->max_maptrack_frames)) {
		ok = grow_maptrack(t);
	}
	spin_unlock(&t->lock);
	return ok;
}

uint32_t grant_handle_take(struct grant_table *t, struct grant_mapping **out)
{
	struct grant_mapping *m = NULL;
	uint32_t handle;

	spin_lock(&t->lock);
	if (t->maptrack_free == GRANT_NO_HANDLE && !grow_maptrack(t)) {
		spin_unlock(&t->lock);
		return GRANT_NO_HANDLE;
	}
	handle = t->maptrack_free;
	m = grant_handle_find(t, handle);
	t->maptrack_free = m->ref;
	m->flags = GRANT_MAPPING_BUSY;
	t->maps++;
	spin_unlock(&t->lock);
	*out = m;
	return handle;
}

void grant_handle_drop(struct grant_table *t, uint32_t handle, struct grant_mapping *m)
{
	spin_lock(&t->lock);
	m->granter = NULL;
	m->flags = 0;
	m->ref = t->maptrack_free;
	t->maptrack_free = handle;
	t->maps--;
	spin_unlock(&t->lock);
}

struct grant_mapping *grant_handle_claim(struct grant_table *t, uint32_t handle)
{
	struct grant_mapping *m;

	spin_lock(&t->lock);
	m = grant_handle_find(t, handle);
	if (!m || !m->granter || (m->flags & GRANT_MAPPING_BUSY)) {
		m = NULL;
	} else {
		m->flags |= GRANT_MAPPING_BUSY;
	}
	spin_unlock(&t->lock);
	return m;
}
