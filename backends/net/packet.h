/*
 * Packets as the guest sends them: slots of the transmit ring, parsed and checked.
 *
 * A packet is a first request (whose size is the whole packet's), optional extra
 * slots that are not requests at all, and further requests for its other pieces.
 * Pure: reads slots out of a ring by copy, each once.
 */
#ifndef PAVANE_BACKENDS_NET_PACKET_H
#define PAVANE_BACKENDS_NET_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/netif.h>

#include "backends/common/ring.h"

#define NET_MAX_PIECES 18u /* as many as a stock frontend may use */
#define NET_RING_SLOTS 256u

/* Part of a packet, within one page of the guest. */
struct net_piece {
	grant_ref_t ref;
	uint16_t offset, size;
};

/* What to answer for a slot. */
struct net_slot {
	uint16_t id;
	bool extra;
};

struct net_packet {
	uint32_t slot_count;
	struct net_slot slots[NET_RING_SLOTS];
	bool bad; /* only slots[] means anything: answer them with an error */
	bool csum_blank, data_validated;
	uint8_t gso_type; /* XEN_NETIF_GSO_TYPE_* */
	uint16_t gso_size;
	uint32_t size; /* bytes; the sum of the pieces */
	uint32_t piece_count;
	struct net_piece pieces[NET_MAX_PIECES];
};

/*
 * Parse the packet that starts at the ring's consumer, of which `available`
 * requests may be read.  True: the packet is in *p, good or bad, and the
 * consumer has moved past it.  False: its last slot is not there yet.
 */
bool net_packet_take(struct ring *r, uint32_t available, struct net_packet *p);

#endif
