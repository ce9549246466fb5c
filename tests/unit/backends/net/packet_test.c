/* Transmit slots: well-formed packets, every refusal, and random slots. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "backends/net/packet.h"

#define SLOT sizeof(union netif_tx_sring_entry)

static _Alignas(64) uint8_t page[4096];
static struct ring ring;
static struct net_packet p;

static void reset(void)
{
	memset(page, 0, sizeof(page));
	ring_attach(&ring, page, sizeof(page), SLOT);
}

static void put_slot(const void *slot, size_t len)
{
	memcpy(ring.shared->slots + (ring.shared->req_prod++ % ring.size) * SLOT, slot, len);
}

static void put(uint16_t id, uint16_t offset, uint16_t size, uint16_t flags)
{
	netif_tx_request_t tx = {
		.gref = 1000u + id, .offset = offset, .flags = flags, .id = id, .size = size
	};

	put_slot(&tx, sizeof(tx));
}

static void put_gso(uint8_t type, uint16_t size, uint8_t flags)
{
	netif_extra_info_t extra = { .type = XEN_NETIF_EXTRA_TYPE_GSO, .flags = flags };

	extra.u.gso.type = type;
	extra.u.gso.size = size;
	put_slot(&extra, sizeof(extra));
}

static bool take(void)
{
	uint32_t count = 0;

	cr_assert_eq(ring_pending(&ring, &count), 0);
	memset(&p, 0xee, sizeof(p));
	return net_packet_take(&ring, count, &p);
}

Test(packet, single_piece, .init = reset)
{
	put(3, 100, 60, NETTXF_csum_blank | NETTXF_data_validated);
	cr_assert(take());
	cr_assert(!p.bad);
	cr_assert_eq(p.size, 60);
	cr_assert_eq(p.piece_count, 1);
	cr_assert_eq(p.pieces[0].ref, 1003);
	cr_assert_eq(p.pieces[0].offset, 100);
	cr_assert_eq(p.pieces[0].size, 60);
	cr_assert(p.csum_blank);
	cr_assert(p.data_validated);
	cr_assert_eq(p.slot_count, 1);
	cr_assert_eq(ring.req_cons, 1);
}

Test(packet, first_size_is_the_whole, .init = reset)
{
	put(1, 4000, 1096, NETTXF_more_data);
	put(2, 0, 700, NETTXF_more_data);
	put(3, 96, 300, 0);
	cr_assert(take());
	cr_assert(!p.bad);
	cr_assert_eq(p.size, 1096);
	cr_assert_eq(p.piece_count, 3);
	cr_assert_eq(p.pieces[0].size, 96);
	cr_assert_eq(p.pieces[1].size, 700);
	cr_assert_eq(p.pieces[2].size, 300);
}

Test(packet, segmentation_extra, .init = reset)
{
	put(1, 0, 5096, NETTXF_extra_info | NETTXF_more_data | NETTXF_csum_blank);
	put_gso(XEN_NETIF_GSO_TYPE_TCPV4, 1448, 0);
	put(2, 0, 4096, 0);
	cr_assert(take());
	cr_assert(!p.bad);
	cr_assert_eq(p.gso_type, XEN_NETIF_GSO_TYPE_TCPV4);
	cr_assert_eq(p.gso_size, 1448);
	cr_assert_eq(p.slot_count, 3);
	cr_assert(!p.slots[0].extra && p.slots[1].extra && !p.slots[2].extra);
	cr_assert_eq(p.slots[2].id, 2);
}

Test(packet, incomplete_packets_wait, .init = reset)
{
	put(1, 0, 5096, NETTXF_extra_info | NETTXF_more_data);
	cr_assert(!take());
	cr_assert_eq(ring.req_cons, 0);
	put_gso(XEN_NETIF_GSO_TYPE_TCPV6, 1428, 0);
	cr_assert(!take());
	put(2, 0, 4096, 0);
	cr_assert(take());
	cr_assert(!p.bad);
	cr_assert_eq(ring.req_cons, 3);
}

/* A bad packet is consumed whole, so that its slots can be answered and the next one read. */
static void expect_bad(uint32_t slots)
{
	put(99, 0, 60, 0);
	cr_assert(take());
	cr_assert(p.bad);
	cr_assert_eq(p.slot_count, slots);
	cr_assert(take());
	cr_assert(!p.bad);
	cr_assert_eq(p.slots[0].id, 99);
}

Test(packet, shorter_than_a_header, .init = reset)
{
	put(1, 0, 13, 0);
	expect_bad(1);
}

Test(packet, crossing_a_page, .init = reset)
{
	put(1, 4090, 60, 0);
	expect_bad(1);
}

Test(packet, offset_outside_the_page, .init = reset)
{
	put(1, 65535, 60, 0);
	expect_bad(1);
}

Test(packet, larger_than_a_page_in_one_piece, .init = reset)
{
	put(1, 0, 4097, 0);
	expect_bad(1);
}

Test(packet, pieces_that_exceed_the_whole, .init = reset)
{
	put(1, 0, 100, NETTXF_more_data);
	put(2, 0, 100, 0);
	expect_bad(2);
}

Test(packet, later_piece_crossing_a_page, .init = reset)
{
	put(1, 0, 5000, NETTXF_more_data);
	put(2, 1000, 4000, 0);
	expect_bad(2);
}

Test(packet, empty_later_piece, .init = reset)
{
	put(1, 0, 100, NETTXF_more_data);
	put(2, 0, 0, 0);
	expect_bad(2);
}

Test(packet, too_many_pieces, .init = reset)
{
	put(1, 0, 1000, NETTXF_more_data);
	for (uint16_t i = 2; i <= NET_MAX_PIECES; i++) {
		put(i, 0, 10, NETTXF_more_data);
	}
	put(50, 0, 10, 0);
	expect_bad(NET_MAX_PIECES + 1);
}

Test(packet, as_many_pieces_as_allowed, .init = reset)
{
	put(1, 0, 1000, NETTXF_more_data);
	for (uint16_t i = 2; i < NET_MAX_PIECES; i++) {
		put(i, 0, 10, NETTXF_more_data);
	}
	put(50, 0, 10, 0);
	cr_assert(take());
	cr_assert(!p.bad);
	cr_assert_eq(p.piece_count, NET_MAX_PIECES);
}

Test(packet, unknown_segmentation, .init = reset)
{
	put(1, 0, 100, NETTXF_extra_info);
	put_gso(3, 1448, 0);
	expect_bad(2);
}

Test(packet, segmentation_of_size_zero, .init = reset)
{
	put(1, 0, 100, NETTXF_extra_info);
	put_gso(XEN_NETIF_GSO_TYPE_TCPV4, 0, 0);
	expect_bad(2);
}

Test(packet, segmentation_twice, .init = reset)
{
	put(1, 0, 100, NETTXF_extra_info);
	put_gso(XEN_NETIF_GSO_TYPE_TCPV4, 1448, XEN_NETIF_EXTRA_FLAG_MORE);
	put_gso(XEN_NETIF_GSO_TYPE_TCPV4, 1448, 0);
	expect_bad(3);
}

Test(packet, extra_of_a_kind_not_offered, .init = reset)
{
	netif_extra_info_t extra = { .type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD };

	put(1, 0, 100, NETTXF_extra_info);
	put_slot(&extra, sizeof(extra));
	expect_bad(2);
}

Test(packet, random_slots, .init = reset)
{
	unsigned int seed = 5, good = 0, bad = 0;

	for (int run = 0; run < 200000; run++) {
		uint32_t count = 0, sum = 0;
		uint32_t before = ring.req_cons;

		put((uint16_t)run, (uint16_t)(rand_r(&seed) % 4200),
		    (uint16_t)(rand_r(&seed) % 4200),
		    (uint16_t)(rand_r(&seed) % 4 ? 0 : rand_r(&seed)));
		cr_assert_eq(ring_pending(&ring, &count), 0);
		if (!net_packet_take(&ring, count, &p)) {
			cr_assert_eq(ring.req_cons, before);
			if (count == ring.size) {
				reset(); /* what serving does: refuse a packet of a whole ring */
			}
			continue;
		}
		cr_assert_eq(ring.req_cons - before, p.slot_count);
		for (uint32_t i = 0; i < p.slot_count; i++) {
			ring_put(&ring, &p, 4);
		}
		ring_push(&ring);
		bad += p.bad;
		if (p.bad) {
			continue;
		}
		good++;
		for (uint32_t i = 0; i < p.piece_count; i++) {
			sum += p.pieces[i].size;
			cr_assert_leq(p.pieces[i].offset + p.pieces[i].size, 4096);
		}
		cr_assert_eq(sum, p.size);
		cr_assert_leq(p.piece_count, NET_MAX_PIECES);
	}
	cr_assert_gt(good, 1000);
	cr_assert_gt(bad, 1000);
}
