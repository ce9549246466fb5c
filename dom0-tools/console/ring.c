/* Console ring: copy between barriers, trust nothing. */
#include "dom0-tools/console/ring.h"

size_t conring_read(struct xencons_interface *r, char *buf, size_t max)
{
	XENCONS_RING_IDX prod = __atomic_load_n(&r->out_prod, __ATOMIC_ACQUIRE);
	XENCONS_RING_IDX cons = __atomic_load_n(&r->out_cons, __ATOMIC_RELAXED);
	size_t n = 0;

	if (prod - cons > sizeof(r->out)) {
		__atomic_store_n(&r->out_cons, prod, __ATOMIC_RELEASE);
		return 0;
	}
	while (cons != prod && n < max) {
		buf[n++] = ((volatile char *)r->out)[MASK_XENCONS_IDX(cons, r->out)];
		cons++;
	}
	/* The guest may reuse the bytes only once we have them: pairs with its read of out_cons. */
	__atomic_store_n(&r->out_cons, cons, __ATOMIC_RELEASE);
	return n;
}

size_t conring_write(struct xencons_interface *r, const char *data, size_t len)
{
	XENCONS_RING_IDX cons = __atomic_load_n(&r->in_cons, __ATOMIC_ACQUIRE);
	XENCONS_RING_IDX prod = __atomic_load_n(&r->in_prod, __ATOMIC_RELAXED);
	size_t n = 0;

	while (n < len && prod - cons < sizeof(r->in)) {
		((volatile char *)r->in)[MASK_XENCONS_IDX(prod, r->in)] = data[n++];
		prod++;
	}
	__atomic_store_n(&r->in_prod, prod, __ATOMIC_RELEASE);
	return n;
}
