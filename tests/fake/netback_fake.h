/*
 * The network backend on the host: everything around backends/net/netback.c, without a hypervisor, a store or a
 * bridge.  The guest is the test's: it acts once in each turn of the backend, and may write what it likes into its
 * rings, its pages and its nodes, also in the middle of a batch.  The bridge is one end of a socket that keeps the
 * borders of packets, as a TAP does.
 *
 * What must hold whatever the guest does is asserted here: a copy names one page of the guest and one of the arena,
 * and the bridge gets only packets that are what their header says.
 */
#ifndef PAVANE_TESTS_NETBACK_FAKE_H
#define PAVANE_TESTS_NETBACK_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#include "backends/common/ring.h"

#define FAKE_DOMID	5
#define FAKE_PAGES	32  /* grants 0 to 31 give them; no other grant gives anything */
#define FAKE_TX_REF	100 /* the rings' grants */
#define FAKE_RX_REF	101
#define FAKE_MAX_PACKET 65557

struct fake_net {
	/* The guest's memory: */
	_Alignas(4096) uint8_t tx_page[4096];
	uint8_t rx_page[4096];
	uint8_t pages[FAKE_PAGES][4096];
	/* Its nodes in the store: */
	uint32_t tx_ref, rx_ref, tx_port, rx_port;
	bool sg, no_csum, csum6, tso4, tso6;
	/* The control domain: */
	bool arena_granted;
	bool refuse_copies; /* the whole call, not a segment */
	uint32_t journal[1024];
	/* What the backend did: */
	bool connected;
	unsigned int broken, events, copied, refused; /* devices, events sent, segments */
	/* The guest's next step, in each turn; false: it has ended, and so does the backend. */
	bool (*step)(void);
	void (*during_copy)(void); /* another vCPU of the guest, while a batch is copied */
	/* A packet that has come to the bridge. */
	void (*arrived)(const struct virtio_net_hdr *h, const uint8_t *packet, size_t size);
};

extern struct fake_net fake_net;

static inline struct ring_shared *fake_tx(void)
{
	return (struct ring_shared *)fake_net.tx_page;
}

static inline struct ring_shared *fake_rx(void)
{
	return (struct ring_shared *)fake_net.rx_page;
}

/* A good guest with empty rings, and nothing granted. */
void fake_net_reset(void);
/* Serve until the guest's last step. */
void fake_net_run(void);

/* Put a slot into a ring and move its producer. */
void fake_put_tx(const void *slot, size_t len);
void fake_put_rx(uint16_t id, uint32_t ref);
/* The guest sends an event to the backend. */
void fake_kick(uint32_t port);
/* The backend is told to begin or end, as the store would tell it. */
void fake_connect(bool resumed);
void fake_detach(void);
/* A packet comes from the bridge.  False: no more fit on the way, as few as a kernel allows without root. */
bool fake_from_bridge(const struct virtio_net_hdr *h, const void *packet, size_t size);

#endif
