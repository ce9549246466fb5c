/* Two rings, each with as many pages as it has slots; a page's number is its request's id. */
#include "frontends/drv/netfront.h"

#include "frontends/drv/barriers.h"

#include <xen/io/netif.h>

#include "frontends/drv/bus.h"
#include "frontends/drv/gnttab.h"
#include "frontends/rt/rt.h"

#include "hypervisor/lib/fmt.h"
#include "hypervisor/lib/string.h"

#define TX_PAGES  128u
#define RX_PAGES  __CONST_RING_SIZE(netif_rx, PAGE_SIZE)
#define NO_BUFFER 0xffffu

struct buffer {
	bool lent; /* a request with it is in the ring */
	uint16_t next_free;
	grant_ref_t ref;
};

static struct bus_device bus;
static bool open, broken;
static netif_tx_front_ring_t tx;
static netif_rx_front_ring_t rx;
static grant_ref_t tx_ref, rx_ref;
static struct buffer tx_buffers[TX_PAGES], rx_buffers[RX_PAGES];
static uint16_t first_free;
static unsigned int tx_lent, rx_lent;
static bool dropping; /* the rest of a frame of several pieces, which we did not ask for */

static char tx_ring[PAGE_SIZE] __attribute__((aligned(4096)));
static char rx_ring[PAGE_SIZE] __attribute__((aligned(4096)));
static char tx_pages[TX_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static char rx_pages[RX_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));

static void break_off(const char *why)
{
	print("network card: %s: no more of it\n", why);
	broken = true;
}

/* ---- receiving ---- */

static void post(unsigned int number)
{
	rx_buffers[number].lent = true;
	rx_lent++;
	*RING_GET_REQUEST(&rx, rx.req_prod_pvt) =
		(netif_rx_request_t){ .id = (uint16_t)number, .gref = rx_buffers[number].ref };
	rx.req_prod_pvt++;
}

static void push_posted(void)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&rx, notify);
	if (notify) {
		bus_notify(&bus);
	}
}

/* The next answer, copied out and possible; false if there is none. */
static bool take_received(netif_rx_response_t *rsp)
{
	uint32_t ready = __atomic_load_n(&rx.sring->rsp_prod, __ATOMIC_ACQUIRE) - rx.rsp_cons;

	if (!ready) {
		return false;
	}
	memcpy(rsp, RING_GET_RESPONSE(&rx, rx.rsp_cons), sizeof(*rsp));
	barrier(); /* one look only */
	if (ready > rx_lent || rsp->id >= RX_PAGES || !rx_buffers[rsp->id].lent ||
	    rsp->flags & NETRXF_extra_info ||
	    (rsp->status > 0 &&
	     (unsigned int)rsp->offset + (unsigned int)rsp->status > PAGE_SIZE)) {
		break_off("an answer to what was not asked");
		return false;
	}
	rx.rsp_cons++;
	rx_buffers[rsp->id].lent = false;
	rx_lent--;
	return true;
}

static unsigned int receive_some(void (*receive)(const void *frame, size_t length))
{
	static char frame[PAGE_SIZE];
	static uint16_t back[RX_PAGES]; /* out again at the end: till then none may come twice */
	netif_rx_response_t rsp;
	unsigned int count = 0;

	while (count < RX_PAGES && take_received(&rsp)) {
		bool whole = !dropping && !(rsp.flags & NETRXF_more_data);

		dropping = rsp.flags & NETRXF_more_data;
		if (rsp.status > 0 && whole) {
			memcpy(frame, rx_pages[rsp.id] + rsp.offset, (size_t)rsp.status);
			receive(frame, (size_t)rsp.status);
		}
		back[count++] = rsp.id;
	}
	for (unsigned int i = 0; i < count; i++) {
		post(back[i]);
	}
	if (count) {
		push_posted();
	}
	return count;
}

unsigned int net_poll(void (*receive)(const void *frame, size_t length))
{
	unsigned int count = 0;
	int more = open;

	while (more && !broken) {
		count += receive_some(receive);
		RING_FINAL_CHECK_FOR_RESPONSES(&rx, more);
	}
	return count;
}

/* ---- sending ---- */

static void free_frame(unsigned int number)
{
	tx_buffers[number].next_free = first_free;
	first_free = (uint16_t)number;
}

/* Frames that are sent can be used again. */
static void collect_sent(void)
{
	uint32_t ready = __atomic_load_n(&tx.sring->rsp_prod, __ATOMIC_ACQUIRE) - tx.rsp_cons;

	if (ready > tx_lent) {
		break_off("more frames sent than were given");
		return;
	}
	for (; ready && !broken; ready--) {
		netif_tx_response_t rsp;

		memcpy(&rsp, RING_GET_RESPONSE(&tx, tx.rsp_cons), sizeof(rsp));
		barrier(); /* one look only */
		if (rsp.id >= TX_PAGES || !tx_buffers[rsp.id].lent) {
			break_off("a frame sent that was not given");
			return;
		}
		tx.rsp_cons++;
		tx_buffers[rsp.id].lent = false;
		tx_lent--;
		free_frame(rsp.id);
	}
}

void *net_frame(void)
{
	unsigned int number = first_free;
	int more = open;

	while (number == NO_BUFFER && more && !broken) {
		collect_sent();
		number = first_free;
		RING_FINAL_CHECK_FOR_RESPONSES(&tx, more);
	}
	if (number == NO_BUFFER || !open || broken) {
		return NULL;
	}
	first_free = tx_buffers[number].next_free;
	return tx_pages[number];
}

void net_send(void *frame, size_t length)
{
	uint16_t number = (uint16_t)(((char *)frame - tx_pages[0]) / PAGE_SIZE);
	netif_tx_request_t rq = { .gref = tx_buffers[number].ref,
				  .id = number,
				  .size = (uint16_t)length };
	int notify;

	tx_buffers[number].lent = true;
	tx_lent++;
	*RING_GET_REQUEST(&tx, tx.req_prod_pvt) = rq;
	tx.req_prod_pvt++;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&tx, notify);
	if (notify) {
		bus_notify(&bus);
	}
}

/* ---- coming and going ---- */

static bool is_hex(char c, unsigned int *digit)
{
	*digit = c >= '0' && c <= '9' ? (unsigned int)(c - '0') : (unsigned int)(c | 32) - 'a' + 10;
	return *digit < 16;
}

/* "00:16:3e:..." */
static int parse_mac(const char *s, uint8_t mac[6])
{
	for (unsigned int i = 0; i < 6; i++, s += 3) {
		unsigned int high, low;

		if (!is_hex(s[0], &high) || !is_hex(s[1], &low) || s[2] != (i < 5 ? ':' : '\0')) {
			return -XEN_EINVAL;
		}
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int read_mac(uint8_t mac[6])
{
	char path[STORE_PATH_MAX], text[18];
	int rc;

	snprintf(path, sizeof(path), "%s/mac", bus.front);
	rc = store_read(STORE_NO_TX, path, text, sizeof(text));
	return rc < 0 ? rc : rc == 17 ? parse_mac(text, mac) : -XEN_EINVAL;
}

/* All pages are lent once and stay so. */
static int lend_pages(void)
{
	bool all = (tx_ref = gnttab_grant(bus.backend, tx_ring, false)) != 0;

	all = all && (rx_ref = gnttab_grant(bus.backend, rx_ring, false));
	first_free = NO_BUFFER;
	for (unsigned int i = 0; i < TX_PAGES && all; i++) {
		all = (tx_buffers[i].ref = gnttab_grant(bus.backend, tx_pages[i], true));
		free_frame(i);
	}
	for (unsigned int i = 0; i < RX_PAGES && all; i++) {
		all = (rx_buffers[i].ref = gnttab_grant(bus.backend, rx_pages[i], false));
	}
	return all ? 0 : -XEN_ENOSPC;
}

static int publish(void)
{
	const struct {
		const char *name;
		uint64_t value;
	} nodes[] = {
		{ "tx-ring-ref", tx_ref }, { "rx-ring-ref", rx_ref },
		{ "request-rx-copy", 1 },  { "feature-rx-notify", 1 },
		{ "feature-sg", 0 },	   { "feature-no-csum-offload", 1 },
	};
	int rc = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(nodes) && !rc; i++) {
		rc = bus_write(&bus, nodes[i].name, nodes[i].value);
	}
	return rc;
}

static void start_rings(void)
{
	netif_tx_sring_t *tx_shared = (netif_tx_sring_t *)tx_ring;
	netif_rx_sring_t *rx_shared = (netif_rx_sring_t *)rx_ring;

	SHARED_RING_INIT(tx_shared);
	FRONT_RING_INIT(&tx, tx_shared, PAGE_SIZE);
	SHARED_RING_INIT(rx_shared);
	FRONT_RING_INIT(&rx, rx_shared, PAGE_SIZE);
	for (unsigned int i = 0; i < RX_PAGES; i++) {
		post(i);
	}
	RING_PUSH_REQUESTS(&rx);
}

int net_open(uint8_t mac[6])
{
	int rc = open ? -XEN_EBUSY : gnttab_init();

	if (!rc) {
		rc = bus_open(&bus, "vif", 0);
	}
	if (!rc) {
		rc = read_mac(mac);
	}
	if (!rc) {
		rc = lend_pages();
	}
	if (rc) {
		return rc;
	}
	start_rings();
	rc = publish();
	if (!rc) {
		rc = bus_bind(&bus);
	}
	if (!rc) {
		rc = bus_connect(&bus);
	}
	open = !rc;
	return rc;
}

bool net_is_broken(void)
{
	return broken;
}

bool net_close(void)
{
	bool all = bus_close(&bus);

	all = gnttab_end(tx_ref) && gnttab_end(rx_ref) && all;
	for (unsigned int i = 0; i < TX_PAGES; i++) {
		all = gnttab_end(tx_buffers[i].ref) && all;
	}
	for (unsigned int i = 0; i < RX_PAGES; i++) {
		all = gnttab_end(rx_buffers[i].ref) && all;
	}
	open = false;
	return all;
}
