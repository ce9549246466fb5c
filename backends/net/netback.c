/*
 * Serving a network interface; netback.h says with what.
 *
 * Guest to bridge: packets are parsed out of the ring (packet.c) until the arena
 * or the ring is used up, one grant copy brings all their pieces, each goes to
 * the TAP behind a header that says where its checksum is (offload.c), and all
 * slots are answered in ring order.
 *
 * Bridge to guest: packets are read from the TAP as long as the guest has posted
 * buffers; one grant copy, then the responses.  A packet for which there are no
 * buffers waits, and behind it the TAP's own queue fills and drops, as on a
 * cable to a machine that does not listen.
 *
 * Killed in the middle: responses are always written in ring order, and the
 * journal says up to where we meant to write.  Our successor answers the slots
 * between the published index and that one as dropped; nothing else is in flight.
 */
#include "backends/net/netback.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/virtio_net.h>
#include <seccomp.h>
#include <xen/grant_table.h>
#include <xengnttab.h>

#include "backends/common/device.h"
#include "backends/common/port.h"
#include "backends/common/ring.h"
#include "backends/common/run.h"
#include "backends/net/arena.h"
#include "backends/net/offload.h"
#include "backends/net/packet.h"
#include "backends/net/tap.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

#define PAGE_BYTES     4096u
#define MAX_PACKET     (65535u + 14u + 8u) /* with Ethernet header and VLAN tags */
#define MAX_PAGES      ((MAX_PACKET + PAGE_BYTES - 1) / PAGE_BYTES)
#define MAX_HEADERS    512u /* more than any protocol that offloads know has */
#define BATCH_PACKETS  64u
/* Room for most of a ring of the largest packets: the longer a batch, the fewer events. */
#define TX_PAGES       128u
#define RX_PAGES       192u
#define BATCH_SEGMENTS 256u
#define JOURNAL_MAGIC  0x314e5650u /* "PVN1" */

/*
 * One packet of a transmit batch.  Its pieces lie each within a page of the arena, so that each
 * takes one copy; segment i of the batch lies at place[i].
 */
struct tx_item {
	uint32_t size, first_segment, segment_count, first_slot, slot_count;
	uint16_t gso_size;
	uint8_t gso_type;
	bool bad, csum_blank, data_validated;
};

/* One slot of a receive batch: what its response will say. */
struct rx_slot {
	bool extra;
	int32_t segment; /* index into the copy, -1 for an extra slot */
	netif_rx_response_t rsp;
	netif_extra_info_t info;
};

/* A packet in rx_arena, at the start of a page. */
struct rx_frame {
	struct virtio_net_hdr header;
	uint32_t at, size;
};

struct net_journal {
	uint32_t magic, tx_ref, rx_ref, tx_intent, rx_intent;
};

struct netback {
	const struct netback_config *config;
	struct device dev;
	xenevtchn_handle *xce;
	xengnttab_handle *gnt;
	struct net_journal *journal;
	int signal_fd;

	/* One connection: */
	bool connected, broken;
	bool look_tx, look_rx; /* work may be waiting though no event said so */
	bool starved;	       /* a packet waits for the guest's buffers */
	bool guest_sg, guest_csum, guest_csum6;
	void *tx_page, *rx_page;
	struct ring tx, rx;
	evtchn_port_t tx_port, rx_port; /* may be the same */
	bool tx_masked, rx_masked;
	uint64_t dropped;

	/* Scratch of one batch: */
	xengnttab_grant_copy_segment_t segments[BATCH_SEGMENTS];
	uint32_t segment_count;
	struct tx_item items[BATCH_PACKETS];
	struct net_slot tx_slots[NET_RING_SLOTS];
	struct rx_slot rx_slots[NET_RING_SLOTS];
	struct net_packet packet;
	struct arena tx_arena, rx_arena;
	uint32_t place[BATCH_SEGMENTS]; /* in tx_arena */

	struct rx_frame waiting; /* for the guest's buffers; size 0: none */
};

/* Copy all segments of the batch; those that fail say so in their status. */
static void copy_batch(struct netback *n)
{
	if (n->segment_count && xengnttab_grant_copy(n->gnt, n->segment_count, n->segments)) {
		int err = errno;

		log_warn("grant copy: %s", strerror(err));
		for (uint32_t i = 0; i < n->segment_count; i++) {
			n->segments[i].status = GNTST_general_error;
		}
	}
}

static void ring_is_broken(struct netback *n, const char *which, const struct ring *r)
{
	if (!n->broken) {
		log_error("%s ring: producer index %u with consumer %u: closing the device", which,
			  r->shared->req_prod, r->req_cons);
		n->broken = true;
	}
}

/* Announce that responses up to `end` are about to be written. */
static void note_intent(uint32_t *intent, uint32_t end)
{
	__atomic_store_n(intent, end, __ATOMIC_RELEASE);
}

/* ---- guest to bridge ---- */

static void add_from_guest(struct netback *n, const struct net_piece *piece, uint32_t to)
{
	xengnttab_grant_copy_segment_t *s = &n->segments[n->segment_count];

	*s = (xengnttab_grant_copy_segment_t){ .len = piece->size, .flags = GNTCOPY_source_gref };
	s->source.foreign.ref = piece->ref;
	s->source.foreign.offset = piece->offset;
	s->source.foreign.domid = (uint16_t)n->config->domid;
	arena_end(&n->tx_arena, to, GNTCOPY_dest_gref, &s->dest, &s->flags);
	n->place[n->segment_count++] = to;
}

/*
 * Turn the packet just parsed into an item: its slots noted, its pieces set up for the copy, to
 * the arena from `at` on.  Returns where the next may go.
 */
static uint32_t add_item(struct netback *n, struct tx_item *item, uint32_t first_slot, uint32_t at)
{
	const struct net_packet *p = &n->packet;

	*item = (struct tx_item){ .first_slot = first_slot,
				  .slot_count = p->slot_count,
				  .first_segment = n->segment_count,
				  .bad = p->bad };
	memcpy(&n->tx_slots[first_slot], p->slots, p->slot_count * sizeof(p->slots[0]));
	if (p->bad) {
		return at;
	}
	item->size = p->size;
	item->gso_type = p->gso_type;
	item->gso_size = p->gso_size;
	item->csum_blank = p->csum_blank;
	item->data_validated = p->data_validated;
	for (uint32_t i = 0; i < p->piece_count; i++) {
		at = arena_place(at, p->pieces[i].size);
		add_from_guest(n, &p->pieces[i], at);
		at += p->pieces[i].size;
	}
	item->segment_count = p->piece_count;
	return (at + 15) & ~15u;
}

/* Parse packets until ring, arena or batch is used up.  Items, their slots in *slot_count. */
static uint32_t gather_tx(struct netback *n, uint32_t *slot_count)
{
	uint32_t available, items = 0, at = 0;

	*slot_count = n->segment_count = 0;
	if (ring_pending(&n->tx, &available)) {
		ring_is_broken(n, "transmit", &n->tx);
		return 0;
	}
	while (available && items < BATCH_PACKETS &&
	       arena_next_page(at) + NET_MAX_PIECES * PAGE_BYTES <= n->tx_arena.bytes &&
	       n->segment_count + NET_MAX_PIECES <= BATCH_SEGMENTS) {
		if (!net_packet_take(&n->tx, available, &n->packet)) {
			break;
		}
		at = add_item(n, &n->items[items], *slot_count, at);
		*slot_count += n->packet.slot_count;
		available -= n->packet.slot_count;
		items++;
	}
	return items;
}

/* The packet's pieces as the TAP takes them, neighbours joined.  Returns their number. */
static int list_pieces(const struct netback *n, const struct tx_item *item, struct iovec *iov)
{
	int count = 0;

	for (uint32_t i = item->first_segment; i < item->first_segment + item->segment_count; i++) {
		uint8_t *data = n->tx_arena.base + n->place[i];
		size_t len = n->segments[i].len;

		if (count && (uint8_t *)iov[count - 1].iov_base + iov[count - 1].iov_len == data) {
			iov[count - 1].iov_len += len;
		} else {
			iov[count++] = (struct iovec){ data, len };
		}
	}
	return count;
}

/* The packet's beginning in one piece: where it lies, if it does, else gathered in `buf`. */
static const uint8_t *packet_head(const struct iovec *iov, int count, uint8_t *buf, size_t *len)
{
	if (count == 1 || iov[0].iov_len >= MAX_HEADERS) {
		*len = iov[0].iov_len;
		return iov[0].iov_base;
	}
	*len = 0;
	for (int i = 0; i < count && *len < MAX_HEADERS; i++) {
		size_t room = MAX_HEADERS - *len;
		size_t part = iov[i].iov_len < room ? iov[i].iov_len : room;

		memcpy(buf + *len, iov[i].iov_base, part);
		*len += part;
	}
	return buf;
}

/* The header for the TAP; false if the packet is not what its flags claim. */
static bool fill_header(const struct tx_item *item, const struct iovec *iov, int count,
			struct virtio_net_hdr *h)
{
	struct offload_place place;
	uint8_t buf[MAX_HEADERS];
	const uint8_t *head;
	size_t len;

	*h = (struct virtio_net_hdr){ .flags = item->data_validated && !item->csum_blank
						       ? VIRTIO_NET_HDR_F_DATA_VALID
						       : 0 };
	if (!item->csum_blank) {
		return item->gso_type == XEN_NETIF_GSO_TYPE_NONE;
	}
	head = packet_head(iov, count, buf, &len);
	if (!offload_locate(head, len, &place)) {
		return false;
	}
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->csum_start = place.csum_start;
	h->csum_offset = place.csum_offset;
	if (item->gso_type == XEN_NETIF_GSO_TYPE_NONE) {
		return true;
	}
	if (!place.tcp || place.ipv6 != (item->gso_type == XEN_NETIF_GSO_TYPE_TCPV6)) {
		return false;
	}
	h->gso_type = place.ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
	h->gso_size = item->gso_size;
	h->hdr_len = place.header_len;
	return true;
}

static bool came_whole(const struct netback *n, const struct tx_item *item)
{
	for (uint32_t i = 0; i < item->segment_count; i++) {
		if (n->segments[item->first_segment + i].status != GNTST_okay) {
			return false;
		}
	}
	return !item->bad;
}

static bool send_item(struct netback *n, const struct tx_item *item)
{
	struct virtio_net_hdr header;
	struct iovec iov[1 + NET_MAX_PIECES] = { { &header, sizeof(header) } };
	int count;

	if (!came_whole(n, item)) {
		return false;
	}
	count = list_pieces(n, item, iov + 1);
	return fill_header(item, iov + 1, count, &header) &&
	       writev(n->config->tap_fd, iov, count + 1) >= 0;
}

static void answer_item(struct netback *n, const struct tx_item *item, bool sent)
{
	for (uint32_t i = 0; i < item->slot_count; i++) {
		const struct net_slot *slot = &n->tx_slots[item->first_slot + i];
		netif_tx_response_t rsp = { .id = slot->id };

		rsp.status = slot->extra ? NETIF_RSP_NULL : sent ? NETIF_RSP_OKAY : NETIF_RSP_ERROR;
		ring_put(&n->tx, &rsp, sizeof(rsp));
	}
	n->dropped += !sent;
}

/* One batch from the guest to the bridge; look_tx says if there is more. */
static void serve_tx(struct netback *n)
{
	uint32_t slots, available, items = gather_tx(n, &slots);

	n->look_tx = false;
	if (n->broken) {
		return;
	}
	copy_batch(n);
	note_intent(&n->journal->tx_intent, n->tx.rsp_prod + slots);
	for (uint32_t i = 0; i < items; i++) {
		answer_item(n, &n->items[i], send_item(n, &n->items[i]));
	}
	if (ring_push(&n->tx)) {
		xenevtchn_notify(n->xce, n->tx_port);
	}
	if (items) {
		n->look_tx = true;
		return;
	}
	/* Nothing, or the beginning of a packet, which a whole ring can't be. */
	if (ring_pending(&n->tx, &available) || available == n->tx.size) {
		ring_is_broken(n, "transmit", &n->tx);
		return;
	}
	n->look_tx = ring_arm_for(&n->tx, available + 1);
}

/* ---- bridge to guest ---- */

/* Slots a packet takes: its pages, and one for segmentation. */
static uint32_t slots_for(const struct virtio_net_hdr *h, uint32_t size)
{
	return (size + PAGE_BYTES - 1) / PAGE_BYTES + (h->gso_type != VIRTIO_NET_HDR_GSO_NONE);
}

/*
 * What the guest is told of the checksum.  One it can't find by itself is filled
 * in here.  False: the packet can't be given to it.
 */
static bool rx_flags(const struct netback *n, const struct virtio_net_hdr *h, uint8_t *data,
		     uint32_t size, uint16_t *flags)
{
	struct offload_place place;

	*flags = 0;
	if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		*flags = NETRXF_data_validated;
	}
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
		return h->gso_type == VIRTIO_NET_HDR_GSO_NONE;
	}
	if (offload_locate(data, size, &place) && place.csum_start == h->csum_start &&
	    place.csum_offset == h->csum_offset && (place.ipv6 ? n->guest_csum6 : n->guest_csum)) {
		*flags = NETRXF_csum_blank | NETRXF_data_validated;
		return true;
	}
	*flags = NETRXF_data_validated;
	return h->gso_type == VIRTIO_NET_HDR_GSO_NONE &&
	       offload_fill(data, size, h->csum_start, h->csum_offset);
}

static void add_to_guest(struct netback *n, grant_ref_t ref, uint32_t from, uint32_t size)
{
	xengnttab_grant_copy_segment_t *s = &n->segments[n->segment_count++];

	*s = (xengnttab_grant_copy_segment_t){ .len = (uint16_t)size, .flags = GNTCOPY_dest_gref };
	arena_end(&n->rx_arena, from, GNTCOPY_source_gref, &s->source, &s->flags);
	s->dest.foreign.ref = ref;
	s->dest.foreign.domid = (uint16_t)n->config->domid;
}

static void add_extra(struct netback *n, struct rx_slot *slot, const struct virtio_net_hdr *h)
{
	netif_rx_request_t unused;

	ring_take(&n->rx, &unused, sizeof(unused));
	*slot = (struct rx_slot){ .extra = true,
				  .segment = -1,
				  .info = { .type = XEN_NETIF_EXTRA_TYPE_GSO } };
	slot->info.u.gso.size = h->gso_size;
	slot->info.u.gso.type = (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV6
					? XEN_NETIF_GSO_TYPE_TCPV6
					: XEN_NETIF_GSO_TYPE_TCPV4;
}

/* Lay a packet over the guest's next buffers, which are enough.  Returns slots used. */
static uint32_t place_packet(struct netback *n, struct rx_slot *slots, const struct rx_frame *frame,
			     uint16_t flags)
{
	const struct virtio_net_hdr *h = &frame->header;
	uint32_t size = frame->size;
	bool gso = h->gso_type != VIRTIO_NET_HDR_GSO_NONE;
	uint32_t used = 0, at = 0;

	while (at < size) {
		uint32_t step = size - at < PAGE_BYTES ? size - at : PAGE_BYTES;
		netif_rx_request_t req;

		ring_take(&n->rx, &req, sizeof(req));
		slots[used] = (struct rx_slot){ .segment = (int32_t)n->segment_count };
		slots[used].rsp.id = req.id;
		slots[used].rsp.status = (int16_t)step;
		slots[used].rsp.flags = at ? 0 : flags;
		add_to_guest(n, req.gref, frame->at + at, step);
		at += step;
		if (at < size) {
			slots[used].rsp.flags |= NETRXF_more_data;
		}
		used++;
		if (gso && used == 1) {
			slots[0].rsp.flags |= NETRXF_extra_info;
			add_extra(n, &slots[used++], h);
		}
	}
	return used;
}

/* The next frame for the guest: the one that waited, or one from the TAP, put at `at`. */
static bool next_frame(struct netback *n, uint32_t at, struct rx_frame *frame)
{
	struct iovec iov[] = { { &frame->header, sizeof(frame->header) },
			       { n->rx_arena.base + at, MAX_PACKET } };
	ssize_t got;

	if (n->waiting.size) {
		*frame = n->waiting;
		n->waiting.size = 0;
		return true;
	}
	got = readv(n->config->tap_fd, iov, 2);
	if (got <= (ssize_t)sizeof(frame->header)) {
		return false;
	}
	frame->at = at;
	frame->size = (uint32_t)got - (uint32_t)sizeof(frame->header);
	return true;
}

/*
 * Room for one more packet of a batch that began at `first`, in *at: the arena is gone
 * round once per batch at most, as the packet that waits has to stay where it is.
 */
static bool find_room(const struct netback *n, uint32_t first, uint32_t *at)
{
	if (*at >= first && *at + MAX_PAGES * PAGE_BYTES > n->rx_arena.bytes) {
		*at = 0;
		return first && MAX_PAGES * PAGE_BYTES <= first;
	}
	return *at >= first || *at + MAX_PAGES * PAGE_BYTES <= first;
}

static bool fits_guest(const struct netback *n, const struct virtio_net_hdr *h, uint32_t size)
{
	return n->guest_sg || (h->gso_type == VIRTIO_NET_HDR_GSO_NONE && size <= PAGE_BYTES);
}

/* Read packets while there are buffers for them; the slots they take. */
static uint32_t gather_rx(struct netback *n)
{
	uint32_t available, slots = 0, packets = 0, first, at;

	n->segment_count = 0;
	n->look_rx = n->starved = false;
	if (ring_pending(&n->rx, &available)) {
		ring_is_broken(n, "receive", &n->rx);
		return 0;
	}
	first = at = n->waiting.size ? n->waiting.at : 0;
	while (packets < BATCH_PACKETS && n->segment_count + NET_MAX_PIECES <= BATCH_SEGMENTS &&
	       find_room(n, first, &at)) {
		struct rx_frame frame;
		uint32_t need;
		uint16_t flags;

		if (!next_frame(n, at, &frame)) {
			return slots;
		}
		need = slots_for(&frame.header, frame.size);
		if (need > available) {
			n->waiting = frame;
			n->starved = !ring_arm_for(&n->rx, need);
			n->look_rx = !n->starved;
			return slots;
		}
		packets++;
		if (!fits_guest(n, &frame.header, frame.size) ||
		    !rx_flags(n, &frame.header, n->rx_arena.base + frame.at, frame.size, &flags)) {
			n->dropped++;
			continue;
		}
		slots += place_packet(n, &n->rx_slots[slots], &frame, flags);
		available -= need;
		at = arena_next_page(frame.at + frame.size);
	}
	n->look_rx = true;
	return slots;
}

/* One batch from the bridge to the guest. */
static void serve_rx(struct netback *n)
{
	uint32_t slots = gather_rx(n);

	if (n->broken || !slots) {
		return;
	}
	copy_batch(n);
	note_intent(&n->journal->rx_intent, n->rx.rsp_prod + slots);
	for (uint32_t i = 0; i < slots; i++) {
		struct rx_slot *slot = &n->rx_slots[i];

		if (slot->extra) {
			ring_put(&n->rx, &slot->info, sizeof(slot->info));
			continue;
		}
		if (n->segments[slot->segment].status != GNTST_okay) {
			slot->rsp.status = NETIF_RSP_ERROR;
		}
		ring_put(&n->rx, &slot->rsp, sizeof(slot->rsp));
	}
	if (ring_push(&n->rx)) {
		xenevtchn_notify(n->xce, n->rx_port);
	}
}

/* ---- connecting ---- */

static int front_number(struct netback *n, const char *name, uint32_t *value)
{
	uint64_t v;
	int rc = device_front_number(&n->dev, name, UINT32_MAX, &v);

	if (rc) {
		log_error("frontend's %s: %s", name, strerror(-rc));
		return rc;
	}
	*value = (uint32_t)v;
	return 0;
}

static bool front_flag(struct netback *n, const char *name)
{
	uint64_t v = 0;

	return !device_front_number(&n->dev, name, UINT32_MAX, &v) && v;
}

static void *map_ring(struct netback *n, uint32_t ref, struct ring *r, size_t slot_size)
{
	void *page = xengnttab_map_grant_ref(n->gnt, n->config->domid, ref, PROT_READ | PROT_WRITE);

	if (!page) {
		log_error("can't map a ring (grant %u): %m", ref);
		return NULL;
	}
	ring_attach(r, page, PAGE_BYTES, slot_size);
	return page;
}

static int bind_port(struct netback *n, uint32_t remote, evtchn_port_t *port)
{
	xenevtchn_port_or_error_t p = xenevtchn_bind_interdomain(n->xce, n->config->domid, remote);

	if (p < 0) {
		int err = errno ? errno : EIO;

		log_error("can't bind event channel %u of the guest: %s", remote, strerror(err));
		return -err;
	}
	*port = (evtchn_port_t)p;
	return 0;
}

static int bind_ports(struct netback *n)
{
	uint32_t tx, rx;
	int rc;

	if (store_exists(n->dev.store, STORE_NO_TX, "%s/event-channel-tx", n->dev.front) > 0) {
		if (front_number(n, "event-channel-tx", &tx) ||
		    front_number(n, "event-channel-rx", &rx)) {
			return -EINVAL;
		}
	} else if (front_number(n, "event-channel", &tx)) {
		return -EINVAL;
	} else {
		rx = tx;
	}
	rc = bind_port(n, tx, &n->tx_port);
	if (rc || rx == tx) {
		n->rx_port = n->tx_port;
		return rc;
	}
	rc = bind_port(n, rx, &n->rx_port);
	if (rc) {
		xenevtchn_unbind(n->xce, n->tx_port);
	}
	return rc;
}

static void unmap_rings(struct netback *n)
{
	if (n->tx_page) {
		xengnttab_unmap(n->gnt, n->tx_page, 1);
	}
	if (n->rx_page) {
		xengnttab_unmap(n->gnt, n->rx_page, 1);
	}
	n->tx_page = n->rx_page = NULL;
}

/*
 * Slots a killed process may have overwritten without publishing: a response
 * leaves the request's id where it was (transmit: behind it; receive: in its
 * place), so they can be answered as failed.  An extra slot of a transmitted
 * packet is known by the flags of the request before it.
 */
static void answer_lost_tx(struct netback *n, uint32_t intent)
{
	bool extra_next = false;

	while (n->tx.rsp_prod != intent) {
		netif_tx_request_t req;
		netif_tx_response_t rsp = { .status = extra_next ? NETIF_RSP_NULL
								 : NETIF_RSP_ERROR };

		ring_copy(&n->tx, n->tx.rsp_prod, &req, sizeof(req));
		rsp.id = req.id;
		extra_next = !extra_next && req.flags & NETTXF_extra_info;
		ring_put(&n->tx, &rsp, sizeof(rsp));
	}
	n->tx.req_cons = n->tx.rsp_prod;
}

static void answer_lost_rx(struct netback *n, uint32_t intent)
{
	while (n->rx.rsp_prod != intent) {
		netif_rx_request_t req;
		netif_rx_response_t rsp = { .status = NETIF_RSP_ERROR };

		ring_copy(&n->rx, n->rx.rsp_prod, &req, sizeof(req));
		rsp.id = req.id;
		ring_put(&n->rx, &rsp, sizeof(rsp));
	}
	n->rx.req_cons = n->rx.rsp_prod;
}

static void begin(struct netback *n, uint32_t tx_ref, uint32_t rx_ref, bool resumed)
{
	struct net_journal *j = n->journal;
	bool ours = resumed && j->magic == JOURNAL_MAGIC && j->tx_ref == tx_ref &&
		    j->rx_ref == rx_ref;

	if (ours && j->tx_intent - n->tx.rsp_prod <= n->tx.size &&
	    j->rx_intent - n->rx.rsp_prod <= n->rx.size) {
		log_info("resumed: %u and %u slots of unknown fate are dropped",
			 j->tx_intent - n->tx.rsp_prod, j->rx_intent - n->rx.rsp_prod);
		answer_lost_tx(n, j->tx_intent);
		answer_lost_rx(n, j->rx_intent);
		ring_push(&n->tx);
		ring_push(&n->rx);
	}
	*j = (struct net_journal){ 0, tx_ref, rx_ref, n->tx.rsp_prod, n->rx.rsp_prod };
	__atomic_store_n(&j->magic, JOURNAL_MAGIC, __ATOMIC_RELEASE);
}

static void read_guest_features(struct netback *n)
{
	n->guest_sg = front_flag(n, "feature-sg");
	n->guest_csum = !front_flag(n, "feature-no-csum-offload");
	n->guest_csum6 = front_flag(n, "feature-ipv6-csum-offload");
	tap_set_offloads(n->config->tap_fd, n->guest_csum,
			 n->guest_sg && front_flag(n, "feature-gso-tcpv4"),
			 n->guest_sg && n->guest_csum6 && front_flag(n, "feature-gso-tcpv6"));
}

static int netback_connect(void *driver, bool resumed)
{
	struct netback *n = driver;
	uint32_t tx_ref, rx_ref;
	int rc;

	if (front_number(n, "tx-ring-ref", &tx_ref) || front_number(n, "rx-ring-ref", &rx_ref)) {
		return -EINVAL;
	}
	if (!front_flag(n, "request-rx-copy")) {
		log_error("the frontend can't receive by copy");
		return -EOPNOTSUPP;
	}
	n->tx_page = map_ring(n, tx_ref, &n->tx, sizeof(union netif_tx_sring_entry));
	n->rx_page = map_ring(n, rx_ref, &n->rx, sizeof(union netif_rx_sring_entry));
	rc = n->tx_page && n->rx_page ? bind_ports(n) : -EFAULT;
	if (rc) {
		unmap_rings(n);
		return rc;
	}
	read_guest_features(n);
	begin(n, tx_ref, rx_ref, resumed);
	n->connected = n->look_tx = n->look_rx = true;
	n->broken = n->starved = n->tx_masked = n->rx_masked = false;
	n->waiting.size = 0;
	tap_set_carrier(n->config->tap_fd, true);
	xenevtchn_notify(n->xce, n->tx_port);
	if (n->rx_port != n->tx_port) {
		xenevtchn_notify(n->xce, n->rx_port);
	}
	log_info("connected: sg %d, checksum %d, IPv6 checksum %d, %s", n->guest_sg, n->guest_csum,
		 n->guest_csum6,
		 n->rx_port == n->tx_port ? "one event channel" : "two event channels");
	return 0;
}

/* Every packet is finished within its batch: nothing is ever in flight here. */
static bool netback_drain(void *driver)
{
	(void)driver;
	return true;
}

static void netback_detach(void *driver)
{
	struct netback *n = driver;

	if (!n->connected) {
		return;
	}
	n->connected = false;
	tap_set_carrier(n->config->tap_fd, false);
	xenevtchn_unbind(n->xce, n->tx_port);
	if (n->rx_port != n->tx_port) {
		xenevtchn_unbind(n->xce, n->rx_port);
	}
	unmap_rings(n);
	n->journal->magic = 0;
	log_info("disconnected; %llu packets dropped", (unsigned long long)n->dropped);
}

static const struct device_ops ops = { netback_connect, netback_drain, netback_detach };

/* ---- starting and serving ---- */

static void publish_features(struct netback *n)
{
	static const struct {
		const char *name;
		uint64_t value;
	} nodes[] = {
		{ "feature-sg", 1 },
		{ "feature-gso-tcpv4", 1 },
		{ "feature-gso-tcpv6", 1 },
		{ "feature-ipv6-csum-offload", 1 },
		{ "feature-rx-copy", 1 },
		{ "feature-rx-flip", 0 },
		{ "feature-split-event-channels", 1 },
		{ "feature-ctrl-ring", 0 },
	};

	for (unsigned int i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		device_feature(&n->dev, nodes[i].name, nodes[i].value);
	}
}

/* Without a file the journal is a page of our own: same code, no successor. */
static void open_journal(struct netback *n)
{
	int fd = n->config->journal_fd;
	void *p = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, PAGE_BYTES)) {
		p = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	if (p == MAP_FAILED) {
		p = xcalloc(1, PAGE_BYTES);
	}
	n->journal = p;
}

static void open_all(struct netback *n)
{
	int rc;

	run_open_handles(&n->xce, &n->gnt);
	rc = device_open(&n->dev, "vif", n->config->domid, n->config->id, &ops, n);
	if (rc) {
		die("can't reach the store: %s", strerror(-rc));
	}
	arena_open(&n->tx_arena, TX_PAGES);
	arena_open(&n->rx_arena, RX_PAGES);
	open_journal(n);
	n->signal_fd = run_open_signals();
}

static void on_event(struct netback *n)
{
	evtchn_port_t ports[8];
	unsigned int count = port_take(n->xce, ports, 8);

	for (unsigned int i = 0; i < count && n->connected; i++) {
		if (ports[i] == n->tx_port) {
			n->tx_masked = n->look_tx = true;
		}
		if (ports[i] == n->rx_port) {
			n->rx_masked = true;
			n->look_rx |= n->starved;
		}
	}
}

/* After the rings were served: one event for all that came meanwhile. */
static void unmask_ports(struct netback *n)
{
	if (n->tx_masked) {
		xenevtchn_unmask(n->xce, n->tx_port);
	}
	if (n->rx_masked && n->rx_port != n->tx_port) {
		xenevtchn_unmask(n->xce, n->rx_port);
	}
	n->tx_masked = n->rx_masked = false;
}

static void turn(struct netback *n)
{
	bool busy = n->connected && (n->look_tx || n->look_rx);
	struct pollfd fds[] = {
		{ xenevtchn_fd(n->xce), POLLIN, 0 },
		{ device_fd(&n->dev), POLLIN, 0 },
		{ n->signal_fd, POLLIN, 0 },
		{ n->connected && !n->starved ? n->config->tap_fd : -1, POLLIN, 0 },
	};

	if (poll(fds, 4, busy ? 0 : -1) < 0 && errno != EINTR) {
		die("poll: %s", strerror(errno));
	}
	if (fds[0].revents) {
		on_event(n);
	}
	if (fds[2].revents) {
		struct signalfd_siginfo info;

		if (read(n->signal_fd, &info, sizeof(info)) > 0) {
			log_info("asked to stop");
			device_stop(&n->dev);
		}
	}
	if (fds[1].revents) {
		device_on_store(&n->dev);
	}
	if (fds[3].revents & (POLLERR | POLLHUP | POLLNVAL)) {
		/* Somebody deleted it; our successor makes a new one. */
		log_error("the TAP interface is gone");
		n->dev.lost = true;
		return;
	}
	if (!n->connected) {
		return;
	}
	if (fds[3].revents || n->look_rx) {
		serve_rx(n);
	}
	if (n->look_tx && !n->broken) {
		serve_tx(n);
	}
	unmask_ports(n);
	if (n->broken) {
		device_broken(&n->dev);
	}
}

int netback_run(const struct netback_config *config)
{
	static struct netback only; /* large: the arena is in it */
	struct netback *n = &only;

	n->config = config;
	open_all(n);
	publish_features(n);
	run_confine(config->uid, &n->dev, NULL, 0);
	device_start(&n->dev);
	while (!n->dev.over && !n->dev.lost) {
		turn(n);
	}
	if (!n->dev.lost && config->journal_fd >= 0 && ftruncate(config->journal_fd, 0)) {
		/* A page of tmpfs, and a stale one is never believed. */
	}
	return run_end(&n->dev);
}
