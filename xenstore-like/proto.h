/*
 * The wire format, between bytes and requests.  Pure: nothing here knows of
 * connections or of the tree.
 *
 * A message is a header of four 32-bit words and at most 4096 bytes.  The numbers
 * come from <xen/io/xs_wire.h>; errors travel as their names.
 */
#ifndef XENSTORE_LIKE_PROTO_H
#define XENSTORE_LIKE_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore-like/buf.h"

#define PROTO_HEADER	  16u
#define PROTO_PAYLOAD_MAX 4096u
#define PROTO_ARGS_MAX	  8u

struct request {
	uint32_t type, req_id, tx_id, len;
	const char *payload; /* len bytes, not terminated */
};

enum proto_state { PROTO_MORE, PROTO_READY, PROTO_BROKEN };

/*
 * Is there a whole message at the front of these bytes?  READY: *req is filled and refers to them, it takes
 * PROTO_HEADER + req->len.  MORE: wait.  BROKEN: it announces more than the protocol allows; the stream
 * cannot be followed any further.
 */
enum proto_state proto_parse(const char *bytes, size_t len, struct request *req);

/*
 * Split a payload of nul-terminated strings.  Returns how many there are (up to max are stored), or
 * -EINVAL if the last is not terminated.
 */
int proto_strings(const char *payload, size_t len, const char **arg, unsigned int max);

/* Append one message. len <= PROTO_PAYLOAD_MAX. */
void proto_put(struct buf *out, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *payload,
	       size_t len);

/* The name the ABI gives to a positive errno; those it has no name for become "EINVAL". */
const char *proto_error_name(int err);

/* Decimal number, the whole string, at most max. */
bool proto_number(const char *text, uint64_t max, uint64_t *out);

#endif
