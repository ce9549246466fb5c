/* Messages: framing, strings, error names. */
#include "xenstore-like/proto.h"

#include <errno.h>

#include <xen/io/xs_wire.h>

_Static_assert(sizeof(struct xsd_sockmsg) == PROTO_HEADER, "header of the wire ABI");
_Static_assert(XENSTORE_PAYLOAD_MAX == PROTO_PAYLOAD_MAX, "payload limit of the wire ABI");

enum proto_state proto_parse(const char *bytes, size_t len, struct request *req)
{
	struct xsd_sockmsg head;

	if (len < sizeof(head)) {
		return PROTO_MORE;
	}
	memcpy(&head, bytes, sizeof(head));
	if (head.len > PROTO_PAYLOAD_MAX) {
		return PROTO_BROKEN;
	}
	if (len - sizeof(head) < head.len) {
		return PROTO_MORE;
	}
	*req = (struct request){
		.type = head.type,
		.req_id = head.req_id,
		.tx_id = head.tx_id,
		.len = head.len,
		.payload = bytes + sizeof(head),
	};
	return PROTO_READY;
}

int proto_strings(const char *payload, size_t len, const char **arg, unsigned int max)
{
	size_t at = 0;
	int count = 0;

	if (len && payload[len - 1]) {
		return -EINVAL;
	}
	while (at < len) {
		if ((unsigned int)count < max) {
			arg[count] = payload + at;
		}
		count++;
		at += strlen(payload + at) + 1;
	}
	return count;
}

void proto_put(struct buf *out, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *payload,
	       size_t len)
{
	struct xsd_sockmsg head = {
		.type = type, .req_id = req_id, .tx_id = tx_id, .len = (uint32_t)len
	};

	buf_append(out, &head, sizeof(head));
	buf_append(out, payload, len);
}

const char *proto_error_name(int err)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
		if (xsd_errors[i].errnum == err) {
			return xsd_errors[i].errstring;
		}
	}
	return "EINVAL";
}

bool proto_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*text) {
		return false;
	}
	for (; *text; text++) {
		unsigned int digit = (unsigned int)(*text - '0');

		if (digit > 9 || digit > max || v > (max - digit) / 10) {
			return false;
		}
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}
