/*
 * Serving a block device; blkback.h says with what.
 *
 * Life of a request: taken from the ring into the journal and a struct blk_io,
 * checked (request.c), its pages mapped (gmap.c), I/O straight into or out of
 * them through io_uring, pages let go, response written, published with others
 * at the end of the turn, record freed.
 *
 * Order: a write is answered when it is complete; a flush starts when every
 * write taken before it is complete, and is answered when fdatasync() is.  The
 * requests between two flushes form an epoch with a count of writes under way.
 */
#include "backends/blk/blkback.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <liburing.h>
#include <seccomp.h>
#include <xengnttab.h>

#include "backends/blk/request.h"
#include "backends/common/device.h"
#include "backends/common/gmap.h"
#include "backends/common/journal.h"
#include "backends/common/port.h"
#include "backends/common/ring.h"
#include "backends/common/run.h"
#include "dom0-tools/libpav/die.h"
#include "dom0-tools/libpav/log.h"

#define PAGE_BYTES	 4096u
#define MAX_RING_ORDER	 3u
#define MAX_SLOTS	 256u  /* of a ring of 2^MAX_RING_ORDER pages */
#define PERSISTENT_PAGES 1056u /* a one-page ring of a stock frontend, all in use */
#define URING_ENTRIES	 512u

/* user_data of what is no blk_io. */
enum { TAG_EVENT = 1, TAG_STORE, TAG_SIGNAL, TAG_COUNT };

enum io_step { IO_DATA, IO_SYNC, IO_DISCARD };

struct blk_io {
	struct blk_request rq;
	struct blk_io *next; /* free, waiting to flush, or answered */
	enum io_step step;
	bool direct; /* its I/O goes around the page cache */
	uint32_t epoch;
	uint32_t iov_at, iov_count;
	uint64_t done;	     /* bytes */
	uint32_t page_count; /* held */
	struct gmap_page pages[BLK_MAX_SEGMENTS];
	struct iovec iov[BLK_MAX_SEGMENTS];
};

struct blkback {
	const struct blkback_config *config;
	struct disk disk;
	struct blk_limits limits;
	struct device dev;
	struct io_uring uring;
	xenevtchn_handle *xce;
	xengnttab_handle *gnt;
	struct journal *journal;
	int signal_fd;

	/* One connection: */
	bool connected, draining, broken;
	bool look; /* requests may be waiting though no event said so */
	void *ring_pages;
	uint32_t ring_page_count;
	struct ring ring;
	evtchn_port_t port;
	bool port_masked; /* an event was taken and not unmasked yet */
	struct gmap *gmap;
	struct blk_io *ios; /* one for each slot of the ring */
	struct blk_io *free, *answered;
	struct blk_io *flush_head, **flush_tail;
	unsigned int in_flight;
	uint32_t epoch;
	uint32_t epoch_writes[MAX_SLOTS + 1]; /* by epoch modulo its length: no more can be open */
};

static uint32_t *writes_of(struct blkback *b, uint32_t epoch)
{
	return &b->epoch_writes[epoch % (MAX_SLOTS + 1)];
}

static unsigned int slot_of(const struct blkback *b, const struct blk_io *io)
{
	return (unsigned int)(io - b->ios);
}

/* ---- io_uring ---- */

static struct io_uring_sqe *get_sqe(struct blkback *b)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&b->uring))) {
		io_uring_submit(&b->uring);
	}
	return sqe;
}

static void poll_for(struct blkback *b, int fd, uint64_t tag)
{
	struct io_uring_sqe *sqe = get_sqe(b);

	io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	io_uring_sqe_set_data64(sqe, tag);
}

/* ---- answering ---- */

static void start_flushes(struct blkback *b);

static void let_pages_go(struct blkback *b, struct blk_io *io)
{
	gmap_put(b->gmap, io->pages, io->page_count);
	io->page_count = 0;
}

static void answer(struct blkback *b, struct blk_io *io, int16_t status)
{
	blkif_response_t rsp = { .id = io->rq.id, .operation = io->rq.wire_op, .status = status };

	if (b->journal) {
		journal_answer(b->journal, slot_of(b, io), b->ring.rsp_prod);
	}
	ring_put(&b->ring, &rsp, sizeof(rsp));
	io->next = b->answered;
	b->answered = io;
	b->in_flight--;
}

/* The request is over: its pages go, its epoch may be complete, the guest hears of it. */
static void finish(struct blkback *b, struct blk_io *io, int16_t status)
{
	bool counted = io->rq.op == BLK_WRITE || io->rq.op == BLK_DISCARD;

	let_pages_go(b, io);
	answer(b, io, status);
	if (counted && --*writes_of(b, io->epoch) == 0) {
		start_flushes(b);
	}
}

/* Publish what was answered in this turn; only then may slots be used again. */
static void publish(struct blkback *b)
{
	if (!b->answered) {
		return;
	}
	if (ring_push(&b->ring)) {
		xenevtchn_notify(b->xce, b->port);
	}
	while (b->answered) {
		struct blk_io *io = b->answered;

		b->answered = io->next;
		if (b->journal) {
			journal_free(b->journal, slot_of(b, io));
		}
		io->next = b->free;
		b->free = io;
	}
}

/* ---- I/O ---- */

static void on_data(struct blkback *b, struct blk_io *io, int res);
static void on_done(struct blkback *b, struct blk_io *io, int res);

static int result_of(ssize_t rc)
{
	return rc < 0 ? -errno : (int)rc;
}

/* Data of a file in memory: a copy; handing it to a kernel thread would cost more than doing it. */
static int copy_data(int fd, bool read, const struct iovec *iov, unsigned int count, off_t offset)
{
	if (count == 1) {
		return result_of(read ? pread(fd, iov->iov_base, iov->iov_len, offset)
				      : pwrite(fd, iov->iov_base, iov->iov_len, offset));
	}
	return result_of(read ? preadv(fd, iov, (int)count, offset)
			      : pwritev(fd, iov, (int)count, offset));
}

/* Read or write what is left of the data. */
static void submit_data(struct blkback *b, struct blk_io *io)
{
	const struct iovec *iov = io->iov + io->iov_at;
	unsigned int count = io->iov_count - io->iov_at;
	uint64_t offset = io->rq.sector * BLK_SECTOR + io->done;
	int fd = io->direct && b->disk.direct_fd >= 0 ? b->disk.direct_fd : b->disk.fd;
	struct io_uring_sqe *sqe;

	io->step = IO_DATA;
	if (b->disk.in_memory) {
		on_data(b, io, copy_data(fd, io->rq.op == BLK_READ, iov, count, (off_t)offset));
		return;
	}
	sqe = get_sqe(b);
	if (io->rq.op == BLK_READ) {
		io_uring_prep_readv(sqe, fd, iov, count, offset);
	} else {
		io_uring_prep_writev(sqe, fd, iov, count, offset);
	}
	io_uring_sqe_set_data(sqe, io);
}

static void submit_sync(struct blkback *b, struct blk_io *io)
{
	struct io_uring_sqe *sqe;

	io->step = IO_SYNC;
	if (b->disk.in_memory) {
		on_done(b, io, 0); /* there is nothing more durable behind it */
		return;
	}
	sqe = get_sqe(b);
	io_uring_prep_fsync(sqe, b->disk.fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, io);
}

static void submit_discard(struct blkback *b, struct blk_io *io)
{
	struct io_uring_sqe *sqe = get_sqe(b);

	io->step = IO_DISCARD;
	io_uring_prep_fallocate(sqe, b->disk.fd, b->disk.discard_mode,
				(off_t)(io->rq.sector * BLK_SECTOR),
				(off_t)(io->rq.sector_count * BLK_SECTOR));
	io_uring_sqe_set_data(sqe, io);
}

/* Step over `bytes` of the request's memory. */
static void advance(struct blk_io *io, size_t bytes)
{
	io->done += bytes;
	while (bytes) {
		struct iovec *v = &io->iov[io->iov_at];
		size_t step = bytes < v->iov_len ? bytes : v->iov_len;

		v->iov_base = (uint8_t *)v->iov_base + step;
		v->iov_len -= step;
		bytes -= step;
		if (!v->iov_len) {
			io->iov_at++;
		}
	}
}

/* Direct I/O that the kernel can't do on these pages or this file is done through the cache. */
static bool retry_buffered(struct blkback *b, struct blk_io *io, int res)
{
	if (!io->direct || (res != -EFAULT && res != -EINVAL && res != -EOPNOTSUPP)) {
		return false;
	}
	if (b->disk.direct_fd >= 0) {
		log_warn("direct I/O refused (%s): using the page cache", strerror(-res));
		b->disk.direct_fd = -1; /* left open for others in flight; exit closes it */
	}
	io->direct = false;
	return true;
}

static void on_data(struct blkback *b, struct blk_io *io, int res)
{
	uint64_t total = io->rq.sector_count * BLK_SECTOR;

	if (res == -EAGAIN || res == -EINTR || (res < 0 && retry_buffered(b, io, res))) {
		io->direct = io->direct && b->disk.direct_fd >= 0;
		submit_data(b, io);
	} else if (res <= 0 || (uint64_t)res > total - io->done) {
		log_warn("%s of %llu sectors at %llu: %s", io->rq.op == BLK_READ ? "read" : "write",
			 (unsigned long long)io->rq.sector_count, (unsigned long long)io->rq.sector,
			 res < 0 ? strerror(-res) : "the medium ends early");
		finish(b, io, BLKIF_RSP_ERROR);
	} else if ((uint64_t)res < total - io->done) {
		advance(io, (size_t)res);
		submit_data(b, io);
	} else if (io->rq.op == BLK_FLUSH) {
		submit_sync(b, io);
	} else {
		finish(b, io, BLKIF_RSP_OKAY);
	}
}

static void on_done(struct blkback *b, struct blk_io *io, int res)
{
	int16_t status = BLKIF_RSP_OKAY;

	if (res < 0) {
		log_warn("%s: %s", io->step == IO_SYNC ? "flush" : "discard", strerror(-res));
		status = res == -EOPNOTSUPP && io->step == IO_DISCARD ? BLKIF_RSP_EOPNOTSUPP
								      : BLKIF_RSP_ERROR;
	}
	finish(b, io, status);
}

/* Flushes begin in the order they came, each when the writes before it are complete. */
static void start_flushes(struct blkback *b)
{
	while (b->flush_head && *writes_of(b, b->flush_head->epoch) == 0) {
		struct blk_io *io = b->flush_head;

		b->flush_head = io->next;
		if (!b->flush_head) {
			b->flush_tail = &b->flush_head;
		}
		if (io->rq.segment_count) {
			submit_data(b, io);
		} else {
			submit_sync(b, io);
		}
	}
}

/* ---- taking requests ---- */

/* The segments of an indirect request: map their pages, copy, let go. */
static int fetch_segments(struct blkback *b, struct blk_io *io)
{
	struct gmap_page pages[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
	size_t left = io->rq.segment_count * sizeof(io->rq.segments[0]), at = 0;
	unsigned int count = io->rq.indirect_pages;

	if (gmap_get(b->gmap, io->rq.indirect_refs, count, false, pages)) {
		return BLKIF_RSP_ERROR;
	}
	for (unsigned int i = 0; i < count; i++) {
		size_t step = left - at < PAGE_BYTES ? left - at : PAGE_BYTES;

		memcpy((uint8_t *)io->rq.segments + at, pages[i].addr, step);
		at += step;
	}
	__asm__ __volatile__("" : : : "memory"); /* one look only */
	gmap_put(b->gmap, pages, count);
	return blk_parse_segments(&b->limits, &io->rq);
}

/* Map the data's pages; neighbours in memory become one piece of the vector. */
static int map_data(struct blkback *b, struct blk_io *io)
{
	uint32_t refs[BLK_MAX_SEGMENTS];
	unsigned int count = io->rq.segment_count;
	struct iovec *last = NULL;
	int rc;

	refs[0] = io->rq.segments[0].gref;
	for (unsigned int i = 1; i < count; i++) {
		refs[i] = io->rq.segments[i].gref;
	}
	rc = gmap_get(b->gmap, refs, count, io->rq.op == BLK_READ, io->pages);
	if (rc) {
		log_warn("can't map %u pages of the guest: %s", count, strerror(-rc));
		return BLKIF_RSP_ERROR;
	}
	io->page_count = count;
	io->direct = io->direct && gmap_are_kept(io->pages, count);
	io->iov_at = io->iov_count = 0;
	io->done = 0;
	for (unsigned int i = 0; i < count; i++) {
		const struct blkif_request_segment *s = &io->rq.segments[i];
		uint8_t *start = io->pages[i].addr + s->first_sect * BLK_SECTOR;

		if (last && (uint8_t *)last->iov_base + last->iov_len == start) {
			last->iov_len += blk_segment_bytes(s);
		} else {
			last = &io->iov[io->iov_count++];
			*last = (struct iovec){ start, blk_segment_bytes(s) };
		}
	}
	return BLKIF_RSP_OKAY;
}

static int prepare(struct blkback *b, struct blk_io *io, const blkif_request_t *raw)
{
	int status = blk_parse(raw, &b->limits, &io->rq);

	if (!status && io->rq.indirect_pages) {
		status = fetch_segments(b, io);
	}
	if (!status && io->rq.segment_count) {
		status = map_data(b, io);
	}
	return status;
}

static void start(struct blkback *b, struct blk_io *io, const blkif_request_t *raw)
{
	int status;

	b->in_flight++;
	io->page_count = 0;
	io->direct = b->disk.direct_fd >= 0;
	status = prepare(b, io, raw);
	if (status) {
		answer(b, io, (int16_t)status);
		return;
	}
	io->epoch = b->epoch;
	switch (io->rq.op) {
	case BLK_WRITE:
		++*writes_of(b, io->epoch);
		__attribute__((fallthrough));
	case BLK_READ:
		submit_data(b, io);
		break;
	case BLK_DISCARD:
		++*writes_of(b, io->epoch);
		submit_discard(b, io);
		break;
	case BLK_FLUSH:
		b->epoch++;
		io->next = NULL;
		*b->flush_tail = io;
		b->flush_tail = &io->next;
		start_flushes(b);
		break;
	}
}

/* The frontend wrote nonsense: say so once, finish what is in flight, close. */
static void ring_is_broken(struct blkback *b)
{
	if (!b->broken) {
		log_error("ring: producer index %u with consumer %u, %u slots: closing the device",
			  b->ring.shared->req_prod, b->ring.req_cons, b->ring.size);
		b->broken = true;
	}
}

static void take_one(struct blkback *b)
{
	struct blk_io *io = b->free;
	uint32_t index = b->ring.req_cons;
	blkif_request_t raw;

	b->free = io->next;
	ring_take(&b->ring, &raw, sizeof(raw));
	if (b->journal) {
		journal_take(b->journal, slot_of(b, io), index, &raw);
	}
	start(b, io, &raw);
}

/* Take what waits in the ring, at most a ring's worth so that the store is heard too. */
static void serve_ring(struct blkback *b)
{
	uint32_t count, taken = 0;

	b->look = false;
	do {
		if (ring_pending(&b->ring, &count)) {
			ring_is_broken(b);
			return;
		}
		for (; count && b->free && taken < b->ring.size; count--, taken++) {
			take_one(b);
		}
		if (count) {
			/* Enough for this turn; or slots that come back when we publish. */
			b->look = true;
			return;
		}
	} while (ring_arm(&b->ring));
}

/* ---- connecting ---- */

static int read_ring_refs(struct blkback *b, uint32_t *refs, uint32_t *count)
{
	uint64_t order = 0, ref;
	char name[16];
	int rc = device_front_number(&b->dev, "ring-page-order", MAX_RING_ORDER, &order);

	if (rc && rc != -ENOENT) {
		log_error("frontend's ring-page-order: %s", strerror(-rc));
		return rc;
	}
	*count = 1u << order;
	for (uint32_t i = 0; i < *count; i++) {
		snprintf(name, sizeof(name), *count == 1 ? "ring-ref" : "ring-ref%u", i);
		rc = device_front_number(&b->dev, name, UINT32_MAX, &ref);
		if (rc) {
			log_error("frontend's %s: %s", name, strerror(-rc));
			return rc;
		}
		refs[i] = (uint32_t)ref;
	}
	return 0;
}

static bool protocol_is_ours(struct blkback *b)
{
	char *protocol = store_read(b->dev.store, STORE_NO_TX, "%s/protocol", b->dev.front);
	bool ours = !protocol || !strcmp(protocol, "x86_64-abi");

	if (!ours) {
		log_error("frontend's protocol '%.32s' is not served, only x86_64-abi", protocol);
	}
	free(protocol);
	return ours;
}

static void make_free_list(struct blkback *b, const bool *used)
{
	b->free = NULL;
	for (unsigned int i = b->ring.size; i-- > 0;) {
		if (!used[i]) {
			b->ios[i].next = b->free;
			b->free = &b->ios[i];
		}
	}
}

/* Take over from a process that was killed: its consumer index, its unanswered requests. */
static int resume(struct blkback *b)
{
	unsigned int slots[MAX_SLOTS];
	bool used[MAX_SLOTS] = { false };
	int count = journal_recover(b->journal, b->ring.rsp_prod, slots, &b->ring.req_cons);

	if (count < 0) {
		log_error("the journal does not fit the ring: closing the device");
		return count;
	}
	log_info("resumed: %d requests are done again", count);
	for (int i = 0; i < count; i++) {
		used[slots[i]] = true;
	}
	make_free_list(b, used);
	for (int i = 0; i < count; i++) {
		blkif_request_t raw;

		memcpy(&raw, journal_record(b->journal, slots[i]), sizeof(raw));
		start(b, &b->ios[slots[i]], &raw);
	}
	return 0;
}

static int begin(struct blkback *b, const struct journal_id *id, bool resumed)
{
	static const bool none[MAX_SLOTS];

	if (b->journal && resumed && journal_matches(b->journal, id)) {
		return resume(b);
	}
	if (resumed) {
		log_warn(
			"connected already, and no journal of it: going on as if nothing was in flight");
	}
	make_free_list(b, none);
	if (b->journal) {
		journal_begin(b->journal, id, b->ring.req_cons);
	}
	return 0;
}

static void unmap_ring(struct blkback *b)
{
	if (b->ring_pages) {
		xengnttab_unmap(b->gnt, b->ring_pages, b->ring_page_count);
		b->ring_pages = NULL;
	}
}

static void blkback_detach(void *driver)
{
	struct blkback *b = driver;

	if (!b->connected) {
		return;
	}
	b->connected = false;
	publish(b);
	xenevtchn_unbind(b->xce, b->port);
	gmap_free(b->gmap);
	b->gmap = NULL;
	unmap_ring(b);
	free(b->ios);
	b->ios = NULL;
	/* After a store failure the connection stays; its journal is for our successor. */
	if (b->journal) {
		journal_end(b->journal);
	}
}

static int connect_ring(struct blkback *b, uint32_t *refs, uint32_t count)
{
	b->ring_pages = xengnttab_map_domain_grant_refs(b->gnt, count, b->config->domid, refs,
							PROT_READ | PROT_WRITE);
	if (!b->ring_pages) {
		int err = errno ? errno : EIO;

		log_error("can't map the ring (%u pages, first grant %u): %s", count, refs[0],
			  strerror(err));
		return -err;
	}
	b->ring_page_count = count;
	ring_attach(&b->ring, b->ring_pages, (size_t)count * PAGE_BYTES, sizeof(blkif_request_t));
	return 0;
}

static int bind_port(struct blkback *b, uint32_t remote)
{
	xenevtchn_port_or_error_t port = xenevtchn_bind_interdomain(b->xce, b->config->domid,
								    remote);

	if (port < 0) {
		int err = errno ? errno : EIO;

		log_error("can't bind event channel %u of the guest: %s", remote, strerror(err));
		return -err;
	}
	b->port = (evtchn_port_t)port;
	b->port_masked = false;
	return 0;
}

static int blkback_connect(void *driver, bool resumed)
{
	struct blkback *b = driver;
	uint32_t refs[1u << MAX_RING_ORDER], count;
	uint64_t remote, persistent = 0;
	struct journal_id id;
	int rc;

	rc = read_ring_refs(b, refs, &count);
	if (rc) {
		return rc;
	}
	rc = device_front_number(&b->dev, "event-channel", UINT32_MAX, &remote);
	if (rc) {
		log_error("frontend's event-channel: %s", strerror(-rc));
		return rc;
	}
	if (!protocol_is_ours(b)) {
		return -EPROTONOSUPPORT;
	}
	device_front_number(&b->dev, "feature-persistent", 1, &persistent);
	rc = connect_ring(b, refs, count);
	if (rc) {
		return rc;
	}
	rc = bind_port(b, (uint32_t)remote);
	if (rc) {
		goto out_unmap;
	}
	rc = -ENOMEM;
	b->ios = calloc(b->ring.size, sizeof(*b->ios));
	b->gmap = gmap_new(b->gnt, b->config->domid, persistent ? PERSISTENT_PAGES : 0);
	if (!b->ios || !b->gmap) {
		goto out_free;
	}
	b->answered = b->flush_head = NULL;
	b->flush_tail = &b->flush_head;
	b->in_flight = 0;
	b->draining = b->broken = false;
	b->connected = b->look = true;
	id = (struct journal_id){ refs[0], (uint32_t)remote, b->ring.size,
				  sizeof(blkif_request_t) };
	rc = begin(b, &id, resumed);
	if (rc) {
		goto out_free;
	}
	/* A process before us may have published without telling. */
	xenevtchn_notify(b->xce, b->port);
	log_info("connected: %u slots, %s grants", b->ring.size,
		 persistent ? "persistent" : "single");
	return 0;

out_free:
	b->connected = false;
	gmap_free(b->gmap);
	b->gmap = NULL;
	free(b->ios);
	b->ios = NULL;
	xenevtchn_unbind(b->xce, b->port);
out_unmap:
	unmap_ring(b);
	return rc;
}

static bool blkback_drain(void *driver)
{
	struct blkback *b = driver;

	b->draining = true;
	return !b->in_flight;
}

static const struct device_ops ops = { blkback_connect, blkback_drain, blkback_detach };

/* ---- starting and serving ---- */

static void publish_features(struct blkback *b)
{
	const struct disk *disk = &b->disk;
	const struct {
		const char *name;
		uint64_t value;
	} nodes[] = {
		{ "feature-flush-cache", 1 },
		{ "feature-barrier", 0 },
		{ "feature-persistent", 1 },
		{ "feature-max-indirect-segments", BLK_MAX_SEGMENTS },
		{ "max-ring-page-order", MAX_RING_ORDER },
		{ "feature-discard", b->limits.discard },
		{ "discard-granularity", disk->discard_granularity },
		{ "discard-alignment", 0 },
		{ "discard-secure", 0 },
		{ "sectors", disk->sectors },
		{ "sector-size", disk->logical },
		{ "physical-sector-size", disk->physical },
		{ "info", disk->readonly ? VDISK_READONLY : 0 },
	};

	for (unsigned int i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		device_feature(&b->dev, nodes[i].name, nodes[i].value);
	}
}

static void open_uring(struct blkback *b)
{
	int rc = io_uring_queue_init(URING_ENTRIES, &b->uring,
				     IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER);

	if (rc == -EINVAL) {
		rc = io_uring_queue_init(URING_ENTRIES, &b->uring, 0);
	}
	if (rc) {
		die("io_uring: %s", strerror(-rc));
	}
	io_uring_register_ring_fd(&b->uring); /* spares looking it up; all goes well without */
}

static void open_all(struct blkback *b)
{
	int rc;

	run_open_handles(&b->xce, &b->gnt);
	rc = device_open(&b->dev, "vbd", b->config->domid, b->config->id, &ops, b);
	if (rc) {
		die("can't reach the store: %s", strerror(-rc));
	}
	if (b->config->journal_fd >= 0) {
		b->journal = journal_open(b->config->journal_fd, MAX_SLOTS,
					  sizeof(blkif_request_t));
		if (!b->journal) {
			log_warn("no journal: %s", strerror(errno));
		}
	}
	b->signal_fd = run_open_signals();
	open_uring(b);
}

/* From here on the guest may talk to us. */
static void confine(struct blkback *b)
{
	static const int extra[] = {
		SCMP_SYS(io_uring_enter), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
		SCMP_SYS(preadv),	  SCMP_SYS(pwritev),
	};

	run_confine(b->config->uid, &b->dev, extra, sizeof(extra) / sizeof(extra[0]));
}

static void on_event(struct blkback *b)
{
	evtchn_port_t ports[8];
	unsigned int count = port_take(b->xce, ports, 8);

	for (unsigned int i = 0; i < count; i++) {
		if (b->connected && ports[i] == b->port) {
			b->port_masked = b->look = true;
		}
	}
}

static void on_tag(struct blkback *b, uint64_t tag)
{
	switch (tag) {
	case TAG_EVENT:
		on_event(b);
		break;
	case TAG_STORE:
		device_on_store(&b->dev);
		break;
	case TAG_SIGNAL:
		log_info("asked to stop");
		device_stop(&b->dev);
		break;
	}
}

static void on_completion(struct blkback *b, struct io_uring_cqe *cqe)
{
	uint64_t tag = cqe->user_data;

	if (tag < TAG_COUNT) {
		const int fds[] = { [TAG_EVENT] = xenevtchn_fd(b->xce),
				    [TAG_STORE] = device_fd(&b->dev),
				    [TAG_SIGNAL] = b->signal_fd };

		if (!(cqe->flags & IORING_CQE_F_MORE)) {
			poll_for(b, fds[tag], tag);
		}
		on_tag(b, tag);
	} else {
		struct blk_io *io = io_uring_cqe_get_data(cqe);

		(io->step == IO_DATA ? on_data : on_done)(b, io, cqe->res);
	}
}

static void reap(struct blkback *b)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&b->uring, &cqe)) {
		struct io_uring_cqe copy = *cqe;

		io_uring_cqe_seen(&b->uring, cqe);
		on_completion(b, &copy);
	}
}

static void turn(struct blkback *b)
{
	bool can_take = b->connected && !b->draining && b->look && b->free;
	int rc = io_uring_submit_and_wait(&b->uring, can_take ? 0 : 1);

	if (rc < 0 && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY) {
		die("io_uring: %s", strerror(-rc));
	}
	reap(b);
	if (b->connected && !b->draining && !b->broken && b->look) {
		serve_ring(b);
	}
	if (b->connected) {
		publish(b);
		if (b->port_masked) {
			b->port_masked = false;
			xenevtchn_unmask(b->xce, b->port);
		}
		if (b->broken && !b->draining) {
			device_broken(&b->dev);
		} else if (b->draining && !b->in_flight) {
			device_drained(&b->dev);
		}
	}
}

int blkback_run(const struct blkback_config *config)
{
	struct blkback b = { .config = config, .disk = config->disk };

	b.limits = (struct blk_limits){ .sectors = b.disk.sectors,
					.align = b.disk.logical / BLK_SECTOR,
					.readonly = b.disk.readonly,
					.discard = b.disk.discard_granularity != 0 };
	open_all(&b);
	log_info("domain %u disk %s: %llu sectors%s%s", config->domid, config->id,
		 (unsigned long long)b.disk.sectors, b.disk.readonly ? ", read-only" : "",
		 b.disk.in_memory	 ? ", in memory"
		 : b.disk.direct_fd >= 0 ? ", direct"
					 : "");
	publish_features(&b);
	confine(&b);
	poll_for(&b, xenevtchn_fd(b.xce), TAG_EVENT);
	poll_for(&b, device_fd(&b.dev), TAG_STORE);
	poll_for(&b, b.signal_fd, TAG_SIGNAL);
	device_start(&b.dev);
	while (!b.dev.over && !b.dev.lost) {
		turn(&b);
	}
	journal_close(b.journal, b.dev.over);
	return run_end(&b.dev);
}
