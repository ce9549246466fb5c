/*
 * Checksum and segmentation offload: between the guest's flags and the TAP's header.
 *
 * The guest says only "checksum is blank"; the TAP wants to know where it starts
 * and where it goes, so the packet's headers are read.  All reads are bounded by
 * the bytes at hand.  Pure.
 */
#ifndef PAVANE_BACKENDS_NET_OFFLOAD_H
#define PAVANE_BACKENDS_NET_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where things are in a TCP or UDP packet over IPv4 or IPv6; offsets from the Ethernet header. */
struct offload_place {
	uint16_t csum_start;  /* the TCP or UDP header */
	uint16_t csum_offset; /* of the checksum, from csum_start */
	uint16_t header_len;  /* all headers, for TCP; csum_start + 8 for UDP */
	bool ipv6, tcp;
};

/*
 * Find the transport header: at most two VLAN tags, eight IPv6 extension headers;
 * fragments do not count, their checksum is not theirs.  True if found, and its
 * fixed part lies within len.
 */
bool offload_locate(const uint8_t *packet, size_t len, struct offload_place *place);

/*
 * Fill a blank checksum in: the one's complement sum from csum_start to the end,
 * stored at csum_start + csum_offset, which holds the pseudo header's sum.  False
 * if that is outside the packet.
 */
bool offload_fill(uint8_t *packet, size_t len, uint16_t csum_start, uint16_t csum_offset);

#endif
