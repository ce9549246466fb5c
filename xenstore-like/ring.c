/* Moving bytes between a page shared with a domain and our buffers. */
#include "xenstore-like/ring.h"

#include <errno.h>
#include <string.h>

#include <xen/io/xs_wire.h>

static uint32_t smaller(uint32_t a, size_t b)
{
	return a < b ? a : (uint32_t)b;
}

void ring_attach(struct ring *r, struct xenstore_domain_interface *page)
{
	r->page = page;
	r->req_cons = __atomic_load_n(&page->req_cons, __ATOMIC_RELAXED);
	r->rsp_prod = __atomic_load_n(&page->rsp_prod, __ATOMIC_RELAXED);
}

int ring_read(struct ring *r, char *to, size_t room)
{
	/* Acquire pairs with the producer's release: its bytes are there when its index is. */
	uint32_t n = __atomic_load_n(&r->page->req_prod, __ATOMIC_ACQUIRE) - r->req_cons;

	if (n > XENSTORE_RING_SIZE) {
		return -EIO;
	}
	n = smaller(n, room);
	for (uint32_t done = 0; done < n;) {
		uint32_t at = MASK_XENSTORE_IDX(r->req_cons + done);
		uint32_t part = smaller(n - done, XENSTORE_RING_SIZE - at);

		memcpy(to + done, r->page->req + at, part);
		done += part;
	}
	r->req_cons += n;
	return (int)n;
}

bool ring_release(struct ring *r)
{
	if (__atomic_load_n(&r->page->req_cons, __ATOMIC_RELAXED) == r->req_cons) {
		return false;
	}
	/* Release: the bytes are copied out before the space is given back. */
	__atomic_store_n(&r->page->req_cons, r->req_cons, __ATOMIC_RELEASE);
	return true;
}

int ring_write(struct ring *r, const char *from, size_t len)
{
	uint32_t used = r->rsp_prod - __atomic_load_n(&r->page->rsp_cons, __ATOMIC_ACQUIRE);
	uint32_t n;

	if (used > XENSTORE_RING_SIZE) {
		return -EIO;
	}
	n = smaller(XENSTORE_RING_SIZE - used, len);
	for (uint32_t done = 0; done < n;) {
		uint32_t at = MASK_XENSTORE_IDX(r->rsp_prod + done);
		uint32_t part = smaller(n - done, XENSTORE_RING_SIZE - at);

		memcpy(r->page->rsp + at, from + done, part);
		done += part;
	}
	if (n) {
		r->rsp_prod += n;
		__atomic_store_n(&r->page->rsp_prod, r->rsp_prod, __ATOMIC_RELEASE);
	}
	return (int)n;
}

void ring_greet(struct ring *r)
{
	r->page->server_features = XENSTORE_SERVER_FEATURE_ERROR;
	r->page->error = XENSTORE_ERROR_NONE;
}

void ring_report(struct ring *r, unsigned int error)
{
	r->page->error = error;
}
