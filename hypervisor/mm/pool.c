/*
 * Small objects.  A slab is one page: a header, then objects of one class; the
 * free ones are chained through their first bytes.  Classes are what fits a page
 * less its header 1, 2, 3, 4... times.  No object of a slab begins a page, so an address
 * that does is a whole block from the buddy allocator, whose order is in its frame's flags.
 */
#include "mm/pool.h"

#include "arch/cpu.h"
#include "base/bug.h"
#include "base/lock.h"
#include "lib/list.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/frame.h"

#define SLAB_HEADER 64
#define SLAB_MAGIC  0x51ab

struct slab {
	struct list link; /* in partial[class] while it has both used and free objects */
	void *free;	  /* chain */
	uint16_t class, used, capacity, magic;
};

static const uint16_t class_size[] = { 16,  32,	 64,  96,   128,  192,	256,
				       336, 496, 672, 1008, 1344, 2016, 4032 };
#define CLASSES ARRAY_SIZE(class_size)

static struct spinlock pool_lock = SPINLOCK_INIT(LOCK_POOL);
/* under pool_lock: slabs with room.  Heads link to themselves once used. */
static struct list partial[CLASSES];

static struct slab *slab_make(unsigned int class)
{
	struct slab *s = alloc_page();
	char *at;

	if (!s) {
		return NULL;
	}
	s->class = (uint16_t) class;
	s->magic = SLAB_MAGIC;
	s->capacity = (uint16_t)((PAGE_SIZE - SLAB_HEADER) / class_size[class]);
	at = (char *)s + SLAB_HEADER;
	for (unsigned int i = 0; i < s->capacity; i++, at += class_size[class]) {
		*(void **)at = s->free;
		s->free = at;
	}
	return s;
}

static void *slab_take(struct slab *s)
{
	void *p = s->free;

	s->free = *(void **)p;
	s->used++;
	if (!s->free) {
		list_del(&s->link);
	}
	return p;
}

static void *alloc_small(unsigned int class)
{
	struct slab *fresh;
	void *p = NULL;

	spin_lock(&pool_lock);
	if (!partial[class].next) {
		list_init(&partial[class]);
	}
	if (!list_empty(&partial[class])) {
		p = slab_take(list_entry(partial[class].next, struct slab, link));
	}
	spin_unlock(&pool_lock);
	if (p) {
		return p;
	}
	/* The heap's lock stands above ours: not while holding it. */
	fresh = slab_make(class);
	if (!fresh) {
		return NULL;
	}
	spin_lock(&pool_lock);
	list_add(&partial[class], &fresh->link);
	p = slab_take(fresh);
	spin_unlock(&pool_lock);
	return p;
}

static void *alloc_big(size_t size)
{
	unsigned int order = 0;
	void *p;

	while (order <= ALLOC_MAX_ORDER && (PAGE_SIZE << order) < size) {
		order++;
	}
	p = alloc_pages(order);
	if (p) {
		frame_of(virt_to_frame(p))->flags = (uint16_t)order;
	}
	return p;
}

void *pool_alloc(size_t size)
{
	unsigned int class = 0;
	void *p;

	while (class < CLASSES && class_size[class] < size) {
		class ++;
	}
	if (class == CLASSES) {
		return alloc_big(size); /* comes zeroed */
	}
	p = alloc_small(class);
	if (p) {
		memset(p, 0, class_size[class]);
	}
	return p;
}

static void free_small(struct slab *s, void *p)
{
	size_t offset = (size_t)((char *)p - (char *)s) - SLAB_HEADER;
	bool empty;

	BUG_ON(s->magic != SLAB_MAGIC || s->class >= CLASSES || offset % class_size[s->class]);
	spin_lock(&pool_lock);
	BUG_ON(!s->used);
	if (!s->free) {
		list_add(&partial[s->class], &s->link);
	}
	*(void **)p = s->free;
	s->free = p;
	s->used--;
	empty = !s->used;
	if (empty) {
		list_del(&s->link);
	}
	spin_unlock(&pool_lock);
	if (empty) {
		free_page(s);
	}
}

void pool_free(void *p)
{
	struct slab *s = (struct slab *)((uintptr_t)p & PAGE_MASK);

	if (!p) {
		return;
	}
	if ((void *)s == p) {
		free_pages(p, frame_of(virt_to_frame(p))->flags);
	} else {
		free_small(s, p);
	}
}
