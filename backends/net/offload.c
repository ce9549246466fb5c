/* Reading headers for offloads; offload.h says what for. */
#include "backends/net/offload.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#define MAX_EXTENSIONS 8

static uint16_t read16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* The network header's offset and protocol, behind up to two VLAN tags; 0 if cut short. */
static size_t skip_ethernet(const uint8_t *packet, size_t len, uint16_t *proto)
{
	size_t at = ETH_HLEN;

	if (len < ETH_HLEN) {
		return 0;
	}
	*proto = read16(packet + 12);
	for (int tags = 0; tags < 2 && (*proto == ETH_P_8021Q || *proto == ETH_P_8021AD); tags++) {
		if (len < at + 4) {
			return 0;
		}
		*proto = read16(packet + at + 2);
		at += 4;
	}
	return at;
}

static size_t skip_ipv4(const uint8_t *packet, size_t len, size_t at, uint8_t *next)
{
	size_t header;

	if (len < at + 20 || packet[at] >> 4 != 4) {
		return 0;
	}
	header = (packet[at] & 15u) * 4u;
	if (header < 20 || len < at + header || read16(packet + at + 6) & 0x3fff) {
		return 0;
	}
	*next = packet[at + 9];
	return at + header;
}

static size_t skip_ipv6(const uint8_t *packet, size_t len, size_t at, uint8_t *next)
{
	if (len < at + 40 || packet[at] >> 4 != 6) {
		return 0;
	}
	*next = packet[at + 6];
	at += 40;
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		uint8_t kind = *next;

		if (kind == IPPROTO_TCP || kind == IPPROTO_UDP) {
			return at;
		}
		if ((kind != IPPROTO_HOPOPTS && kind != IPPROTO_ROUTING &&
		     kind != IPPROTO_DSTOPTS && kind != IPPROTO_AH) ||
		    len < at + 8) {
			return 0;
		}
		*next = packet[at];
		at += kind == IPPROTO_AH ? (packet[at + 1] + 2u) * 4u : (packet[at + 1] + 1u) * 8u;
	}
	return 0;
}

static bool find_transport(const uint8_t *packet, size_t len, size_t at, uint8_t proto,
			   struct offload_place *place)
{
	size_t header = 8;

	place->tcp = proto == IPPROTO_TCP;
	if (place->tcp) {
		if (len < at + 20) {
			return false;
		}
		header = (packet[at + 12] >> 4) * 4u;
		if (header < 20) {
			return false;
		}
	} else if (proto != IPPROTO_UDP) {
		return false;
	}
	if (len < at + header) {
		return false;
	}
	place->csum_start = (uint16_t)at;
	place->csum_offset = place->tcp ? 16 : 6;
	place->header_len = (uint16_t)(at + header);
	return true;
}

bool offload_locate(const uint8_t *packet, size_t len, struct offload_place *place)
{
	uint16_t ethertype = 0;
	uint8_t proto = 0;
	size_t at = skip_ethernet(packet, len, &ethertype);

	if (!at || (ethertype != ETH_P_IP && ethertype != ETH_P_IPV6)) {
		return false;
	}
	place->ipv6 = ethertype == ETH_P_IPV6;
	at = place->ipv6 ? skip_ipv6(packet, len, at, &proto) : skip_ipv4(packet, len, at, &proto);
	return at && find_transport(packet, len, at, proto, place);
}

bool offload_fill(uint8_t *packet, size_t len, uint16_t csum_start, uint16_t csum_offset)
{
	size_t at = (size_t)csum_start + csum_offset;
	uint64_t sum = 0;

	if (at + 2 > len) {
		return false;
	}
	for (size_t i = csum_start; i + 1 < len; i += 2) {
		sum += read16(packet + i);
	}
	if ((len - csum_start) % 2) {
		sum += (uint64_t)packet[len - 1] << 8;
	}
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	sum = ~sum & 0xffff;
	if (!sum) {
		sum = 0xffff; /* UDP: zero would mean "none"; for TCP the two are equal */
	}
	packet[at] = (uint8_t)(sum >> 8);
	packet[at + 1] = (uint8_t)sum;
	return true;
}
