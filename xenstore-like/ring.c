/* Moving bytes between a page shared with a domain and our buffers. */
#include "xenstore-like/ring.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <xen/io/xs_wire.h>

static uint32_t smaller(uint32_t a, size_t b)
{
	return a < b ? a : (uint32_t)b;
}

int ring_read(struct xenstore_domain_interface *page, char *to, size_t room)
{
	/* Acquire pairs with the producer's release: its bytes are there when its index is. */
	uint32_t prod = __atomic_load_n(&page->req_prod, __ATOMIC_ACQUIRE);
	uint32_t cons = __atomic_load_n(&page->req_cons, __ATOMIC_RELAXED);
	uint32_t n = prod - cons;

	if (n > XENSTORE_RING_SIZE) {
		return -EIO;
	}
	n = smaller(n, room);
	for (uint32_t done = 0; done < n;) {
		uint32_t at = MASK_XENSTORE_IDX(cons + done);
		uint32_t part = smaller(n - done, XENSTORE_RING_SIZE - at);

		memcpy(to + done, page->req + at, part);
		done += part;
	}
	/* Release: the bytes are copied out before the space is given back. */
	if (n) {
		__atomic_store_n(&page->req_cons, cons + n, __ATOMIC_RELEASE);
	}
	return (int)n;
}

int ring_write(struct xenstore_domain_interface *page, const char *from, size_t len)
{
	uint32_t cons = __atomic_load_n(&page->rsp_cons, __ATOMIC_ACQUIRE);
	uint32_t prod = __atomic_load_n(&page->rsp_prod, __ATOMIC_RELAXED);
	uint32_t used = prod - cons;
	uint32_t n;

	if (used > XENSTORE_RING_SIZE) {
		return -EIO;
	}
	n = smaller(XENSTORE_RING_SIZE - used, len);
	for (uint32_t done = 0; done < n;) {
		uint32_t at = MASK_XENSTORE_IDX(prod + done);
		uint32_t part = smaller(n - done, XENSTORE_RING_SIZE - at);

		memcpy(page->rsp + at, from + done, part);
		done += part;
	}
	if (n) {
		__atomic_store_n(&page->rsp_prod, prod + n, __ATOMIC_RELEASE);
	}
	return (int)n;
}

void ring_greet(struct xenstore_domain_interface *page)
{
	page->server_features = XENSTORE_SERVER_FEATURE_ERROR;
	page->error = XENSTORE_ERROR_NONE;
}

void ring_report(struct xenstore_domain_interface *page, unsigned int error)
{
	page->error = error;
}
