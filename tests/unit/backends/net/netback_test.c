/* A whole network backend and its guest: packets both ways, and guests that lie. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/io/netif.h>

#include "tests/fake/netback_fake.h"
#include "tests/fuzz/host/target.h"

#define TX_SLOT sizeof(union netif_tx_sring_entry)
#define RX_SLOT sizeof(union netif_rx_sring_entry)

static unsigned int turn, arrivals;
static struct virtio_net_hdr last_header;
static uint8_t last[FAKE_MAX_PACKET];
static size_t last_size;
/* What the guest does in its first turn; two more follow, so that it is served. */
static void (*guest)(void);

static void note_arrival(const struct virtio_net_hdr *h, const uint8_t *packet, size_t size)
{
	arrivals++;
	last_header = *h;
	last_size = size;
	memcpy(last, packet, size);
}

static bool step(void)
{
	if (turn == 0) {
		guest();
		fake_kick(fake_net.tx_port);
		fake_kick(fake_net.rx_port);
	}
	return ++turn < 5;
}

static void reset(void)
{
	fake_net_reset();
	fake_net.step = step;
	fake_net.arrived = note_arrival;
	turn = arrivals = 0;
	for (unsigned int i = 0; i < FAKE_PAGES; i++) {
		for (unsigned int at = 0; at < 4096; at++) {
			fake_net.pages[i][at] = (uint8_t)(i * 7 + at * 3 + at / 256);
		}
	}
}

static void run(void (*what)(void))
{
	guest = what;
	fake_net_run();
}

static void send(uint32_t ref, uint16_t offset, uint16_t size, uint16_t flags)
{
	netif_tx_request_t tx = { .gref = ref,
				  .offset = offset,
				  .size = size,
				  .flags = flags,
				  .id = (uint16_t)(ref + 50) };

	fake_put_tx(&tx, sizeof(tx));
}

static netif_tx_response_t tx_answer(unsigned int i)
{
	netif_tx_response_t rsp;

	memcpy(&rsp, fake_tx()->slots + i * TX_SLOT, sizeof(rsp));
	return rsp;
}

static netif_rx_response_t rx_answer(unsigned int i)
{
	netif_rx_response_t rsp;

	memcpy(&rsp, fake_rx()->slots + i * RX_SLOT, sizeof(rsp));
	return rsp;
}

/* An Ethernet, IPv4 and TCP header, all that offloads look at. */
static void tcp_header(uint8_t *at)
{
	static const uint8_t header[54] = { [12] = 8, [14] = 0x45, [23] = 6, [46] = 0x50 };

	memcpy(at, header, sizeof(header));
}

static void send_three_pieces(void)
{
	send(3, 100, 996 + 4096 + 500, NETTXF_more_data);
	send(4, 0, 4096, NETTXF_more_data);
	send(5, 3596, 500, 0);
}

Test(netback, pieces_become_one_packet, .init = reset)
{
	run(send_three_pieces);
	cr_assert_eq(arrivals, 1);
	cr_assert_eq(last_size, 996 + 4096 + 500);
	cr_expect_arr_eq(last, fake_net.pages[3] + 100, 996);
	cr_expect_arr_eq(last + 996, fake_net.pages[4], 4096);
	cr_expect_arr_eq(last + 996 + 4096, fake_net.pages[5] + 3596, 500);
	cr_assert_eq(fake_tx()->rsp_prod, 3);
	for (unsigned int i = 0; i < 3; i++) {
		cr_expect_eq(tx_answer(i).id, 53 + i);
		cr_expect_eq(tx_answer(i).status, NETIF_RSP_OKAY);
	}
}

static void send_segmented(void)
{
	netif_extra_info_t gso = { .type = XEN_NETIF_EXTRA_TYPE_GSO };

	tcp_header(fake_net.pages[0]);
	gso.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
	gso.u.gso.size = 1448;
	send(0, 0, 8192, NETTXF_more_data | NETTXF_extra_info | NETTXF_csum_blank);
	fake_put_tx(&gso, sizeof(gso));
	send(1, 0, 4096, 0);
}

Test(netback, segmentation_goes_to_the_bridge_as_it_came, .init = reset)
{
	run(send_segmented);
	cr_assert_eq(arrivals, 1);
	cr_expect_eq(last_header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	cr_expect_eq(last_header.csum_start, 34);
	cr_expect_eq(last_header.csum_offset, 16);
	cr_expect_eq(last_header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	cr_expect_eq(last_header.gso_size, 1448);
	cr_expect_eq(last_header.hdr_len, 54);
	cr_expect_eq(tx_answer(0).status, NETIF_RSP_OKAY);
	cr_expect_eq(tx_answer(1).status, NETIF_RSP_NULL, "an extra slot is no request");
	cr_expect_eq(tx_answer(2).status, NETIF_RSP_OKAY);
}

static void send_bad_and_good(void)
{
	send(FAKE_PAGES, 0, 60, 0);	    /* a grant that gives nothing */
	send(1, 4090, 60, 0);		    /* over the page's end */
	send(2, 0, 60, NETTXF_csum_blank);  /* no header to be found */
	send(3, 0, 5000, NETTXF_more_data); /* one piece of two can't be had */
	send(FAKE_PAGES + 1, 0, 1000, 0);
	send(6, 0, 60, 0);
}

Test(netback, a_bad_packet_is_refused_and_the_next_one_sent, .init = reset)
{
	run(send_bad_and_good);
	cr_assert_eq(arrivals, 1);
	cr_expect_arr_eq(last, fake_net.pages[6], 60);
	cr_assert_eq(fake_tx()->rsp_prod, 6);
	for (unsigned int i = 0; i < 5; i++) {
		cr_expect_eq(tx_answer(i).status, NETIF_RSP_ERROR);
	}
	cr_expect_eq(tx_answer(5).status, NETIF_RSP_OKAY);
	cr_expect_eq(fake_net.broken, 0);
}

static void send_segmented_without_checksum(void)
{
	netif_extra_info_t gso = { .type = XEN_NETIF_EXTRA_TYPE_GSO };

	tcp_header(fake_net.pages[0]);
	gso.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
	gso.u.gso.size = 1448;
	send(0, 0, 4096, NETTXF_extra_info);
	fake_put_tx(&gso, sizeof(gso));
}

Test(netback, segmentation_needs_a_blank_checksum, .init = reset)
{
	run(send_segmented_without_checksum);
	cr_expect_eq(arrivals, 0);
	cr_assert_eq(fake_tx()->rsp_prod, 2);
	cr_expect_eq(tx_answer(0).status, NETIF_RSP_ERROR);
	cr_expect_eq(tx_answer(1).status, NETIF_RSP_NULL);
}

static void impossible_tx(void)
{
	fake_tx()->req_prod = 257;
}

static void impossible_rx(void)
{
	fake_rx()->req_prod = 0x80000000u;
}

static void endless_packet(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		send(1, 0, 10, NETTXF_more_data);
	}
}

Test(netback, an_impossible_producer_ends_the_connection, .init = reset)
{
	run(impossible_tx);
	cr_expect_eq(fake_net.broken, 1);
	reset();
	run(impossible_rx);
	cr_expect_eq(fake_net.broken, 1);
	reset();
	run(endless_packet);
	cr_expect_eq(fake_net.broken, 1);
	cr_expect_eq(fake_tx()->rsp_prod, 0);
}

static void receive_segmented(void)
{
	static uint8_t packet[9000];
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				    .hdr_len = 54,
				    .gso_size = 1448,
				    .csum_start = 34,
				    .csum_offset = 16 };

	for (unsigned int i = 0; i < sizeof(packet); i++) {
		packet[i] = (uint8_t)(i * 5 + i / 256);
	}
	tcp_header(packet);
	for (uint16_t i = 0; i < 8; i++) {
		fake_put_rx(70 + i, i);
	}
	fake_from_bridge(&h, packet, sizeof(packet));
}

Test(netback, a_packet_from_the_bridge_lies_over_buffers, .init = reset)
{
	netif_extra_info_t extra;

	run(receive_segmented);
	cr_assert_eq(fake_rx()->rsp_prod, 4, "three pages, and one slot for segmentation");
	cr_expect_eq(rx_answer(0).id, 70);
	cr_expect_eq(rx_answer(0).status, 4096);
	cr_expect_eq(rx_answer(0).flags, NETRXF_csum_blank | NETRXF_data_validated |
						 NETRXF_more_data | NETRXF_extra_info);
	memcpy(&extra, fake_rx()->slots + RX_SLOT, sizeof(extra));
	cr_expect_eq(extra.type, XEN_NETIF_EXTRA_TYPE_GSO);
	cr_expect_eq(extra.u.gso.type, XEN_NETIF_GSO_TYPE_TCPV4);
	cr_expect_eq(extra.u.gso.size, 1448);
	cr_expect_eq(rx_answer(2).id, 72, "the second slot's buffer is not used");
	cr_expect_eq(rx_answer(2).flags, NETRXF_more_data);
	cr_expect_eq(rx_answer(3).status, 9000 - 8192);
	cr_expect_eq(rx_answer(3).flags, 0);
	cr_expect_eq(fake_net.pages[2][0], (uint8_t)(4096 * 5 + 16));
	cr_expect_eq(fake_net.pages[3][807], (uint8_t)(8999 * 5 + 35));
}

static void receive_into_nothing(void)
{
	static const uint8_t packet[100] = { 1, 2, 3 };
	struct virtio_net_hdr h = { 0 };

	fake_put_rx(1, FAKE_PAGES);
	fake_put_rx(2, 9);
	fake_from_bridge(&h, packet, sizeof(packet));
	fake_from_bridge(&h, packet, sizeof(packet));
}

Test(netback, a_buffer_that_is_not_granted_is_answered_as_failed, .init = reset)
{
	run(receive_into_nothing);
	cr_assert_eq(fake_rx()->rsp_prod, 2);
	cr_expect_eq(rx_answer(0).status, NETIF_RSP_ERROR);
	cr_expect_eq(rx_answer(1).status, 100);
	cr_expect_eq(fake_net.pages[9][2], 3);
}

static unsigned int on_the_way;

/* Fifteen pages each: twelve and a rest fill the arena, seventeen the guest's buffers. */
static void receive_a_backlog(void)
{
	static uint8_t packet[60000];
	struct virtio_net_hdr h = { 0 };

	for (unsigned int i = 0; i < 255; i++) {
		fake_put_rx((uint16_t)i, i % FAKE_PAGES);
	}
	for (on_the_way = 0; on_the_way < 16; on_the_way++) {
		packet[0] = (uint8_t)on_the_way;
		if (!fake_from_bridge(&h, packet, sizeof(packet))) {
			cr_skip("the kernel gives little room to who is not root");
		}
	}
}

Test(netback, a_backlog_larger_than_the_arena, .init = reset)
{
	run(receive_a_backlog);
	cr_assert_eq(on_the_way, 16);
	cr_assert_eq(fake_rx()->rsp_prod, 16 * 15);
	for (unsigned int i = 0; i < 16 * 15; i++) {
		cr_expect_eq(rx_answer(i).status, i % 15 == 14 ? 60000 - 14 * 4096 : 4096);
		cr_expect_eq(rx_answer(i).id, i);
	}
}

/*
 * The fuzzer's guest, on its seeds cut and changed at random: the same programs each
 * time, so that a check of everything goes past the backend as the fuzzer does.
 */
Test(netback, the_fuzzers_guest)
{
	static const char *const seeds[] = { "send", "receive", "lies" };
	unsigned int seed = 11, read_in = 0;
	uint8_t data[600];

	for (unsigned int i = 0; i < 1500; i++) {
		char path[80];
		size_t size;
		FILE *f;

		snprintf(path, sizeof(path), "tests/fuzz/seeds/net/%s", seeds[i % 3]);
		f = fopen(path, "re");
		cr_assert(f, "%s: from the tree's root", path);
		size = fread(data, 1, sizeof(data), f);
		fclose(f);
		read_in += size > 0;
		for (unsigned int changes = i / 3 % 8; changes; changes--) {
			data[(size_t)rand_r(&seed) % size] = (uint8_t)rand_r(&seed);
		}
		for (; i > 30 && size < sizeof(data); size++) {
			data[size] = (uint8_t)(rand_r(&seed) % 3 ? rand_r(&seed) % 16
								 : rand_r(&seed));
		}
		LLVMFuzzerTestOneInput(data, size);
	}
	cr_assert_eq(read_in, 1500);
}
