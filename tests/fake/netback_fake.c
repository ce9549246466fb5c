/* The network backend's surroundings; netback_fake.h says what they promise. */
#include "tests/fake/netback_fake.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/netif.h>

#include "backends/common/device.h"
#include "backends/common/run.h"
#include "backends/net/arena.h"
#include "backends/net/netback.h"
#include "backends/net/tap.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

#define PAGE_BYTES   4096u
#define ARENA_REF    5000u /* the first page's; a second arena follows the first */
#define SOCKET_BYTES (4 << 20)

struct fake_net fake_net;

static struct device *device;
static int always, events[2], bridge[2]; /* [0] is the backend's */
/* One object each, so that the sanitizer sees a step beyond. */
static _Alignas(4096) uint8_t tx_arena[ARENA_MAX_PAGES * PAGE_BYTES];
static _Alignas(4096) uint8_t rx_arena[ARENA_MAX_PAGES * PAGE_BYTES];
static uint8_t *const arenas[2] = { tx_arena, rx_arena };
static uint32_t arena_pages[2], arena_count;

void fake_net_reset(void)
{
	memset(&fake_net, 0, sizeof(fake_net));
	fake_net.tx_ref = FAKE_TX_REF;
	fake_net.rx_ref = FAKE_RX_REF;
	fake_net.tx_port = fake_net.rx_port = 7;
	fake_net.sg = fake_net.csum6 = fake_net.tso4 = fake_net.tso6 = true;
	fake_net.arena_granted = true;
}

/* Opened once: a fuzzer comes here thousands of times a second. */
static void open_ends(void)
{
	const int bytes = SOCKET_BYTES;

	if (always) {
		return;
	}
	always = eventfd(1, 0);
	if (always <= 0 || pipe2(events, O_NONBLOCK) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, bridge)) {
		abort();
	}
	for (int i = 0; i < 2; i++) {
		/* As much as the kernel lets us have; with less, packets are dropped, as on a TAP. */
		if (setsockopt(bridge[i], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes))) {
			setsockopt(bridge[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
		}
	}
}

/* What the last run left on its way. */
static void empty_ends(void)
{
	uint8_t rest[4096];

	for (int i = 0; i < 2; i++) {
		while (read(bridge[i], rest, sizeof(rest)) > 0) {
		}
	}
	while (read(events[0], rest, sizeof(rest)) > 0) {
	}
}

void fake_net_run(void)
{
	struct netback_config config = { .domid = FAKE_DOMID, .id = "0", .journal_fd = -1 };
	int status;

	open_ends();
	empty_ends();
	arena_count = 0;
	config.tap_fd = bridge[0];
	status = netback_run(&config);
	assert(status == 0);
	device = NULL;
}

/* ---- the guest ---- */

static void put(struct ring_shared *ring, size_t slot_size, const void *slot, size_t len)
{
	uint32_t size = ring_slots(PAGE_BYTES, slot_size);

	memcpy(ring->slots + ring->req_prod % size * slot_size, slot, len);
	ring->req_prod++;
}

void fake_put_tx(const void *slot, size_t len)
{
	put(fake_tx(), sizeof(union netif_tx_sring_entry), slot, len);
}

void fake_put_rx(uint16_t id, uint32_t ref)
{
	netif_rx_request_t req = { .id = id, .gref = ref };

	put(fake_rx(), sizeof(union netif_rx_sring_entry), &req, sizeof(req));
}

void fake_kick(uint32_t port)
{
	/* A full pipe holds more events than anybody reads. */
	if (write(events[1], &port, sizeof(port)) < 0) {
		assert(errno == EAGAIN);
	}
}

void fake_connect(bool resumed)
{
	if (!fake_net.connected) {
		fake_net.connected = !device->ops->connect(device->driver, resumed);
	}
}

void fake_detach(void)
{
	device->ops->detach(device->driver);
	fake_net.connected = false;
}

/* ---- the bridge ---- */

bool fake_from_bridge(const struct virtio_net_hdr *h, const void *packet, size_t size)
{
	struct iovec iov[] = { { (void *)h, sizeof(*h) }, { (void *)packet, size } };

	return writev(bridge[1], iov, 2) >= 0;
}

static void check_header(const struct virtio_net_hdr *h, size_t size)
{
	assert(size >= 14 && size <= 65535);
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
		assert(h->gso_type == VIRTIO_NET_HDR_GSO_NONE);
		return;
	}
	assert(h->csum_start >= 14 && (size_t)h->csum_start + h->csum_offset + 2 <= size);
	if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		assert(h->gso_type == VIRTIO_NET_HDR_GSO_TCPV4 ||
		       h->gso_type == VIRTIO_NET_HDR_GSO_TCPV6);
		assert(h->gso_size && h->hdr_len > h->csum_start && h->hdr_len <= size);
	}
}

static void drain_bridge(void)
{
	static uint8_t packet[FAKE_MAX_PACKET + 1];
	struct virtio_net_hdr h;
	struct iovec iov[] = { { &h, sizeof(h) }, { packet, sizeof(packet) } };
	ssize_t got;

	while ((got = readv(bridge[1], iov, 2)) > 0) {
		assert(got > (ssize_t)sizeof(h));
		check_header(&h, (size_t)got - sizeof(h));
		if (fake_net.arrived) {
			fake_net.arrived(&h, packet, (size_t)got - sizeof(h));
		}
	}
}

void tap_set_offloads(int fd, bool csum, bool tso4, bool tso6)
{
	assert(fd == bridge[0] && (csum || !(tso4 || tso6) || fake_net.no_csum));
}

void tap_set_carrier(int fd, bool on)
{
	(void)on;
	assert(fd == bridge[0]);
}

/* ---- grants ---- */

void arena_open(struct arena *a, uint32_t pages)
{
	assert(arena_count < 2 && pages <= ARENA_MAX_PAGES);
	a->bytes = pages * PAGE_BYTES;
	a->base = arenas[arena_count];
	a->granted = fake_net.arena_granted;
	for (uint32_t i = 0; i < pages; i++) {
		a->refs[i] = ARENA_REF + arena_count * ARENA_MAX_PAGES + i;
	}
	arena_pages[arena_count++] = pages;
}

static bool in_arena(const uint8_t *p, size_t len)
{
	for (uint32_t i = 0; i < arena_count; i++) {
		if (p >= arenas[i] && p + len <= arenas[i] + arena_pages[i] * PAGE_BYTES) {
			return true;
		}
	}
	return false;
}

/* Where one end of a copy lies; NULL if it is a grant of the guest's that gives nothing. */
static uint8_t *end_of(const union xengnttab_copy_ptr *end, bool by_grant, uint16_t len)
{
	uint32_t ref = end->foreign.ref;

	if (!by_grant) {
		assert(in_arena(end->virt, len));
		return end->virt;
	}
	assert(end->foreign.offset + len <= (int)PAGE_BYTES);
	if (end->foreign.domid == FAKE_DOMID) {
		return ref < FAKE_PAGES ? fake_net.pages[ref] + end->foreign.offset : NULL;
	}
	assert(end->foreign.domid == 0 && ref >= ARENA_REF);
	ref -= ARENA_REF;
	assert(ref / ARENA_MAX_PAGES < arena_count);
	assert(ref % ARENA_MAX_PAGES < arena_pages[ref / ARENA_MAX_PAGES]);
	return arenas[ref / ARENA_MAX_PAGES] + ref % ARENA_MAX_PAGES * PAGE_BYTES +
	       end->foreign.offset;
}

static void copy_one(xengnttab_grant_copy_segment_t *s)
{
	bool from_ref = s->flags & GNTCOPY_source_gref, to_ref = s->flags & GNTCOPY_dest_gref;
	uint8_t *from = end_of(&s->source, from_ref, s->len),
		*to = end_of(&s->dest, to_ref, s->len);

	assert(s->len && s->len <= PAGE_BYTES);
	assert((from_ref && s->source.foreign.domid == FAKE_DOMID) !=
	       (to_ref && s->dest.foreign.domid == FAKE_DOMID));
	if (!from || !to) {
		s->status = GNTST_bad_gntref;
		fake_net.refused++;
		return;
	}
	memmove(to, from, s->len);
	s->status = GNTST_okay;
	fake_net.copied++;
}

int xengnttab_grant_copy(xengnttab_handle *xgt, uint32_t count,
			 xengnttab_grant_copy_segment_t *segs)
{
	(void)xgt;
	if (fake_net.refuse_copies) {
		errno = EFAULT;
		return -1;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (i == count / 2 && fake_net.during_copy) {
			fake_net.during_copy();
		}
		copy_one(&segs[i]);
	}
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
	(void)xgt;
	(void)prot;
	assert(domid == FAKE_DOMID);
	if (ref == FAKE_TX_REF) {
		return fake_net.tx_page;
	}
	if (ref == FAKE_RX_REF) {
		return fake_net.rx_page;
	}
	errno = EINVAL;
	return ref < FAKE_PAGES ? fake_net.pages[ref] : NULL;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start, uint32_t count)
{
	(void)xgt;
	assert(start && count == 1);
	return 0;
}

/* ---- events ---- */

int xenevtchn_fd(xenevtchn_handle *xce)
{
	(void)xce;
	return events[0];
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
						     evtchn_port_t remote)
{
	(void)xce;
	assert(domid == FAKE_DOMID);
	errno = EINVAL;
	return remote && remote < 4096 ? (xenevtchn_port_or_error_t)remote : -1;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
	(void)xce;
	assert(port);
	return 0;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
	(void)xce;
	assert(port);
	return 0;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
	(void)xce;
	assert(port);
	fake_net.events++;
	return 0;
}

/* ---- the store, and the process ---- */

int device_open(struct device *d, const char *class, unsigned int domid, const char *id,
		const struct device_ops *ops, void *driver)
{
	assert(!strcmp(class, "vif") && domid == FAKE_DOMID && id);
	*d = (struct device){ .ops = ops, .driver = driver };
	device = d;
	return 0;
}

void device_feature(struct device *d, const char *name, uint64_t value)
{
	(void)name;
	(void)value;
	assert(d == device);
}

int device_front_number(const struct device *d, const char *name, uint64_t max, uint64_t *value)
{
	const struct {
		const char *name;
		uint64_t value;
	} nodes[] = {
		{ "tx-ring-ref", fake_net.tx_ref },
		{ "rx-ring-ref", fake_net.rx_ref },
		{ "event-channel", fake_net.tx_port },
		{ "event-channel-tx", fake_net.tx_port },
		{ "event-channel-rx", fake_net.rx_port },
		{ "request-rx-copy", 1 },
		{ "feature-sg", fake_net.sg },
		{ "feature-no-csum-offload", fake_net.no_csum },
		{ "feature-ipv6-csum-offload", fake_net.csum6 },
		{ "feature-gso-tcpv4", fake_net.tso4 },
		{ "feature-gso-tcpv6", fake_net.tso6 },
	};

	(void)d;
	for (unsigned int i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		if (!strcmp(nodes[i].name, name)) {
			*value = nodes[i].value;
			return nodes[i].value <= max ? 0 : -ERANGE;
		}
	}
	return -ENOENT;
}

int store_exists(struct store *s, store_tx_t tx, const char *path_fmt, ...)
{
	(void)s;
	(void)tx;
	(void)path_fmt; /* only event-channel-tx is asked for */
	return fake_net.tx_port != fake_net.rx_port;
}

void device_start(struct device *d)
{
	assert(d == device);
	fake_connect(false);
}

int device_fd(const struct device *d)
{
	(void)d;
	return always;
}

/* Once in each turn, as device_fd() is always readable. */
void device_on_store(struct device *d)
{
	drain_bridge();
	if (fake_net.step()) {
		return;
	}
	if (fake_net.connected) {
		fake_detach();
	}
	d->over = true;
}

void device_broken(struct device *d)
{
	assert(d == device && fake_net.connected);
	fake_net.broken++;
	fake_detach();
}

void device_stop(struct device *d)
{
	(void)d;
	assert(!"nobody asked");
}

int run_open_signals(void)
{
	return -1;
}

void run_open_handles(xenevtchn_handle **xce, xengnttab_handle **gnt)
{
	*xce = NULL;
	*gnt = NULL;
}

void run_confine(uid_t uid, struct device *dev, const int *extra, unsigned int extra_count)
{
	(void)uid;
	(void)extra;
	assert(dev == device && !extra_count);
}

int run_end(const struct device *dev)
{
	assert(dev->over);
	return 0;
}

/* The journal is all that the backend allocates; what it holds is a process's before us. */
void *xcalloc(size_t n, size_t size)
{
	assert(n * size == sizeof(fake_net.journal));
	return fake_net.journal;
}

void die(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

void log_line(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}
