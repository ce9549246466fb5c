/* Sorted ranges: each change finds the ranges it touches and replaces them by none, one or two. */
#include "lib/rangeset.h"

#include "lib/string.h"

void rangeset_init(struct rangeset *s, struct range *room, unsigned int capacity)
{
	s->range = room;
	s->count = 0;
	s->capacity = capacity;
}

/* Index of the first range that ends at or after n. */
static unsigned int find_from(const struct rangeset *s, uint64_t n)
{
	unsigned int low = 0, high = s->count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (s->range[middle].last < n) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/* Ranges [from, to) become the 'count' ranges of 'with'. */
static bool replace(struct rangeset *s, unsigned int from, unsigned int to,
		    const struct range *with, unsigned int count)
{
	unsigned int total = s->count - (to - from) + count;

	if (total > s->capacity) {
		return false;
	}
	memmove(s->range + from + count, s->range + to, (s->count - to) * sizeof(*with));
	for (unsigned int i = 0; i < count; i++) {
		s->range[from + i] = with[i];
	}
	s->count = total;
	return true;
}

bool rangeset_add(struct rangeset *s, uint64_t first, uint64_t last)
{
	struct range merged = { first, last };
	unsigned int from, to;

	if (first > last) {
		return false;
	}
	from = find_from(s, first ? first - 1 : 0); /* a neighbour on the left joins in */
	for (to = from; to < s->count; to++) {
		if (last != UINT64_MAX && s->range[to].first > last + 1) {
			break;
		}
		if (s->range[to].first < merged.first) {
			merged.first = s->range[to].first;
		}
		if (s->range[to].last > merged.last) {
			merged.last = s->range[to].last;
		}
	}
	return replace(s, from, to, &merged, 1);
}

bool rangeset_remove(struct rangeset *s, uint64_t first, uint64_t last)
{
	struct range left[2];
	unsigned int from, to, n = 0;

	if (first > last) {
		return false;
	}
	from = find_from(s, first);
	for (to = from; to < s->count && s->range[to].first <= last; to++) {
		if (s->range[to].first < first) {
			left[n++] = (struct range){ s->range[to].first, first - 1 };
		}
		if (s->range[to].last > last) {
			left[n++] = (struct range){ last + 1, s->range[to].last };
		}
	}
	return replace(s, from, to, left, n);
}

bool rangeset_contains(const struct rangeset *s, uint64_t first, uint64_t last)
{
	unsigned int i = find_from(s, first);

	return first <= last && i < s->count && s->range[i].first <= first &&
	       s->range[i].last >= last;
}

bool rangeset_overlaps(const struct rangeset *s, uint64_t first, uint64_t last)
{
	unsigned int i = find_from(s, first);

	return first <= last && i < s->count && s->range[i].first <= last;
}
