/* Parsing transmit slots; packet.h says what a packet is. */
#include "backends/net/packet.h"

#define PAGE_BYTES 4096u
#define MIN_PACKET 14u /* an Ethernet header */

/* Where we are in the ring while a packet is being read. */
struct reader {
	const struct ring *ring;
	uint32_t at, left;
};

static bool next_slot(struct reader *rd, void *slot, size_t len)
{
	if (!rd->left) {
		return false;
	}
	ring_copy(rd->ring, rd->at++, slot, len);
	rd->left--;
	return true;
}

static void note_slot(struct net_packet *p, uint16_t id, bool extra)
{
	p->slots[p->slot_count++] = (struct net_slot){ id, extra };
}

static void use_gso(struct net_packet *p, const netif_extra_info_t *extra)
{
	bool known = extra->u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4 ||
		     extra->u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6;

	if (!known || !extra->u.gso.size || p->gso_type) {
		p->bad = true;
		return;
	}
	p->gso_type = extra->u.gso.type;
	p->gso_size = extra->u.gso.size;
}

/* The extra slots; false if they are not all there. */
static bool take_extras(struct reader *rd, struct net_packet *p)
{
	netif_extra_info_t extra;

	do {
		if (!next_slot(rd, &extra, sizeof(extra))) {
			return false;
		}
		note_slot(p, 0, true);
		if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO) {
			use_gso(p, &extra);
		} else {
			p->bad = true; /* nothing else was offered */
		}
	} while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	return true;
}

static void add_piece(struct net_packet *p, const netif_tx_request_t *tx, uint32_t size)
{
	if (p->piece_count == NET_MAX_PIECES || size > PAGE_BYTES ||
	    tx->offset > PAGE_BYTES - size) {
		p->bad = true;
		return;
	}
	p->pieces[p->piece_count++] = (struct net_piece){ tx->gref, tx->offset, (uint16_t)size };
}

/* The other pieces; their sum in *rest.  False if they are not all there. */
static bool take_pieces(struct reader *rd, struct net_packet *p, uint32_t *rest)
{
	netif_tx_request_t tx;

	*rest = 0;
	do {
		if (!next_slot(rd, &tx, sizeof(tx))) {
			return false;
		}
		note_slot(p, tx.id, false);
		add_piece(p, &tx, tx.size);
		if (!tx.size || tx.flags & NETTXF_extra_info) {
			p->bad = true;
		}
		*rest += tx.size; /* at most 256 times 65535 */
	} while (tx.flags & NETTXF_more_data);
	return true;
}

bool net_packet_take(struct ring *r, uint32_t available, struct net_packet *p)
{
	struct reader rd = { r, r->req_cons, available };
	netif_tx_request_t first;
	uint32_t rest = 0;

	p->slot_count = p->piece_count = 0;
	p->bad = false;
	p->gso_type = XEN_NETIF_GSO_TYPE_NONE;
	p->gso_size = 0;
	if (!next_slot(&rd, &first, sizeof(first))) {
		return false;
	}
	note_slot(p, first.id, false);
	p->csum_blank = first.flags & NETTXF_csum_blank;
	p->data_validated = first.flags & NETTXF_data_validated;
	p->size = first.size;
	p->piece_count = 1; /* the first piece's size is known only after the others' */
	if (first.flags & NETTXF_extra_info && !take_extras(&rd, p)) {
		return false;
	}
	if (first.flags & NETTXF_more_data && !take_pieces(&rd, p, &rest)) {
		return false;
	}
	r->req_cons = rd.at;
	if (first.size < MIN_PACKET || rest >= first.size) {
		p->bad = true;
	}
	if (!p->bad) {
		uint32_t count = p->piece_count;

		p->piece_count = 0;
		add_piece(p, &first, first.size - rest);
		p->piece_count = count;
	}
	return true;
}
