/*
 * A network interface's guest, step by step: an input is a program of requests put well or badly, bytes written into
 * the rings at any place and any moment, packets from the bridge, events, and connections made and ended.  What the
 * backend does is judged by tests/fake/netback_fake.c, and here while the guest keeps to the protocol: each request
 * is answered once, in order.
 */
#include <stdint.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/io/netif.h>

#include "tests/fake/netback_fake.h"
#include "tests/fuzz/host/target.h"

#define TX_SLOTS  256u
#define TX_SLOT	  sizeof(union netif_tx_sring_entry)
#define MAX_STEPS 400
#define IDLE_END  3 /* turns after the last step: what was put just before it is served as well */

static struct {
	const uint8_t *data;
	size_t size;
	unsigned int steps, idle;
	bool honest;	  /* only requests were written into the ring, never over one another */
	uint32_t answers; /* seen of the transmit ring */
	uint16_t ids[TX_SLOTS];
	uint8_t scribble[8]; /* during the next copy: where, and what */
	bool scribbles;
} in;

static void take(void *to, size_t n)
{
	size_t have = n < in.size ? n : in.size;

	memset(to, 0, n);
	memcpy(to, in.data, have);
	in.data += have;
	in.size -= have;
}

static uint8_t take8(void)
{
	uint8_t v;

	take(&v, 1);
	return v;
}

static uint16_t take16(void)
{
	uint16_t v;

	take(&v, 2);
	return v;
}

/* ---- the guest's steps; each uses up a few bytes ---- */

static void put_slot(const void *slot, size_t len, uint16_t id)
{
	uint32_t at = fake_tx()->req_prod;

	if (at - fake_tx()->rsp_prod >= TX_SLOTS) {
		in.honest = false;
	}
	in.ids[at % TX_SLOTS] = id;
	fake_put_tx(slot, len);
}

static void put_any(void)
{
	netif_tx_request_t tx;

	take(&tx, sizeof(tx));
	put_slot(&tx, sizeof(tx), tx.id);
}

static void put_piece(uint16_t offset, uint16_t size, uint16_t flags)
{
	netif_tx_request_t tx = { .gref = take8() % (FAKE_PAGES + 1),
				  .offset = offset,
				  .flags = flags,
				  .id = (uint16_t)in.steps,
				  .size = size };

	put_slot(&tx, sizeof(tx), tx.id);
}

/* The whole slot: a request of the guest's may make the backend take it for one. */
static void put_extra(uint8_t type, bool more)
{
	union {
		netif_extra_info_t extra;
		netif_tx_request_t request;
	} slot = { .request = { 0 } };

	slot.extra.type = type;
	slot.extra.flags = more ? XEN_NETIF_EXTRA_FLAG_MORE : 0;
	take(&slot.extra.u, 3);
	put_slot(&slot, sizeof(slot), slot.request.id);
}

/* A packet that adds up: pieces of the given sizes, its extras, its flags; its bytes are what the pages hold. */
static void put_packet(void)
{
	uint8_t count = take8() % 20, extras = take8() % 4;
	uint16_t flags = take8() & (NETTXF_csum_blank | NETTXF_data_validated),
		 first = take16() % 4097, whole = first;
	uint16_t sizes[20];

	for (unsigned int i = 0; i < count; i++) {
		sizes[i] = (uint16_t)(take16() % 4097);
		whole = (uint16_t)(whole + sizes[i]);
	}
	put_piece(take8(), whole,
		  flags | (count ? NETTXF_more_data : 0) | (extras ? NETTXF_extra_info : 0));
	for (unsigned int i = 0; i < extras; i++) {
		put_extra(i ? take8() % 8 : XEN_NETIF_EXTRA_TYPE_GSO, i + 1 < extras);
	}
	for (unsigned int i = 0; i < count; i++) {
		put_piece(take8() % 2, sizes[i], i + 1 < count ? NETTXF_more_data : 0);
	}
}

static void post_buffers(void)
{
	uint8_t count = take8(), ref = take8();

	for (unsigned int i = 0; i < count; i++) {
		fake_put_rx((uint16_t)i, (ref + i) % (FAKE_PAGES + 1));
	}
}

static void poke(uint8_t *page)
{
	uint16_t at = take16() % 4096;
	uint8_t len = take8() % 64;

	take(page + at, at + len <= 4096 ? len : 4096u - at);
}

/* Headers matter, what follows them hardly: the start of a page, or of what is granted at an offset. */
static void fill_page(void)
{
	uint8_t page = take8() % FAKE_PAGES, at = take8();

	take(fake_net.pages[page] + at, take8());
}

static void poke_index(void)
{
	struct ring_shared *r = take8() % 2 ? fake_tx() : fake_rx();
	uint32_t *indices[] = { &r->req_prod, &r->rsp_prod, &r->req_event, &r->rsp_event };
	uint8_t which = take8() % 4;

	if (which < 2) {
		in.honest = false;
	}
	*indices[which] += (uint32_t)(int8_t)take8();
}

static void from_bridge(void)
{
	static uint8_t packet[FAKE_MAX_PACKET];
	struct virtio_net_hdr h;
	size_t size;

	take(&h, sizeof(h));
	size = 1u + take16() % FAKE_MAX_PACKET;
	take(packet, take8());
	fake_from_bridge(&h, packet, size);
}

/* Bytes over the transmit or receive ring while a batch is on its way. */
static void scribble_in_copy(void)
{
	take(in.scribble, sizeof(in.scribble));
	in.scribbles = true;
	in.honest = false;
}

static void another_vcpu(void)
{
	uint8_t *page = in.scribble[0] & 1 ? fake_net.tx_page : fake_net.rx_page;
	uint16_t at = (uint16_t)(in.scribble[0] >> 1 | in.scribble[1] << 7) % (4096 - 6);

	if (in.scribbles) {
		memcpy(page + at, in.scribble + 2, 6);
		in.scribbles = false;
	}
}

static void change_nodes(void)
{
	uint8_t bits = take8();

	fake_net.sg = bits & 1;
	fake_net.no_csum = bits & 2;
	fake_net.csum6 = bits & 4;
	fake_net.tso4 = bits & 8;
	fake_net.tso6 = bits & 16;
	fake_net.rx_port = bits & 32 ? 8 : fake_net.tx_port;
	fake_net.refuse_copies = bits & 64;
	if (bits & 128) {
		/* Perhaps one page for both rings, or a page of packets. */
		in.honest = false;
		fake_net.tx_ref = take8() % (FAKE_RX_REF + 2);
		fake_net.rx_ref = take8() % (FAKE_RX_REF + 2);
	}
}

/* The connection ends and begins anew, perhaps after a process that was killed. */
static void reconnect(void)
{
	uint8_t bits = take8();

	if (fake_net.connected) {
		fake_detach();
	}
	in.honest = false;
	if (bits & 2) {
		take(fake_net.journal + 3, 2); /* how far it meant to write */
		fake_net.journal[0] = 0x314e5650;
		fake_net.journal[1] = fake_net.tx_ref;
		fake_net.journal[2] = fake_net.rx_ref;
		fake_net.journal[4] = fake_rx()->rsp_prod + take8();
	}
	fake_connect(bits & 1);
}

/* ---- what a guest that keeps to the protocol may expect ---- */

static void check_answers(void)
{
	struct ring_shared *r = fake_tx();

	must(r->req_prod - r->rsp_prod <= TX_SLOTS);
	for (; in.answers != r->rsp_prod; in.answers++) {
		netif_tx_response_t rsp;

		memcpy(&rsp, r->slots + in.answers % TX_SLOTS * TX_SLOT, sizeof(rsp));
		must(rsp.status == NETIF_RSP_NULL || rsp.id == in.ids[in.answers % TX_SLOTS]);
	}
}

/* Steps up to the one that lets the backend go on; false when the input has ended. */
static bool step(void)
{
	static void (*const steps[])(
		void) = { put_any,    put_packet,  put_packet,	     post_buffers, fill_page,
			  poke_index, from_bridge, scribble_in_copy, change_nodes, reconnect };
	const unsigned int step_count = sizeof(steps) / sizeof(steps[0]);

	if (in.honest) {
		check_answers();
	}
	while (in.size && in.steps++ < MAX_STEPS) {
		uint8_t op = take8() % 16;

		if (op < step_count) {
			steps[op]();
		} else if (op == step_count) {
			in.honest = false;
			poke(fake_net.tx_page);
		} else if (op == step_count + 1) {
			poke(fake_net.rx_page);
		} else {
			fake_kick(op % 2 ? fake_net.tx_port : fake_net.rx_port);
			return true;
		}
	}
	fake_kick(fake_net.tx_port);
	return in.idle++ < IDLE_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fake_net_reset();
	memset(&in, 0, sizeof(in));
	in.data = data;
	in.size = size;
	in.honest = true;
	fake_net.arena_granted = take8() % 2;
	fake_net.step = step;
	fake_net.during_copy = another_vcpu;
	fake_net_run();
	return 0;
}
