/*
 * Doubly linked lists whose links live in the elements.  The head is a link
 * too, so insertion and removal have no special cases.
 */
#ifndef PAVANE_LIB_LIST_H
#define PAVANE_LIB_LIST_H

#include "lib/types.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)          \
	{                        \
		&(name), &(name) \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts e right after 'at': at the front when 'at' is the head. */
static inline void list_add(struct list *at, struct list *e)
{
	e->prev = at;
	e->next = at->next;
	at->next->prev = e;
	at->next = e;
}

/* Puts e right before 'at': at the end when 'at' is the head. */
static inline void list_add_tail(struct list *at, struct list *e)
{
	list_add(at->prev, e);
}

/* Takes e out; it may be taken out again, or tested with list_empty(). */
static inline void list_del(struct list *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	list_init(e);
}

#define list_entry(link, type, field) container_of(link, type, field)
#define list_for_each(e, head)	      for ((e) = (head)->next; (e) != (head); (e) = (e)->next)
/* The element may be taken out inside the loop. */
#define list_for_each_safe(e, after, head)                           \
	for ((e) = (head)->next, (after) = (e)->next; (e) != (head); \
	     (e) = (after), (after) = (e)->next)

#endif
